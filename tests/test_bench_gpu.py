"""`benchmarks/bench_gpu.py` on a CPU: it ends, it checks, and one fault does not lose the rest."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import forked
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import bench_gpu


def run(tmp_path, *arguments):
    code = bench_gpu.main(["--device", "cpu", "-o", str(tmp_path / "found.json"), *arguments])
    return code, json.loads((tmp_path / "found.json").read_text())["sections"]


def test_every_engine_is_checked_counted_and_timed(tmp_path, capsys):
    code, sections = run(tmp_path)
    assert code == 0, {name: found["notes"] for name, found in sections.items()}
    assert list(sections) == list(bench_gpu.SECTIONS)
    assert all(found["checks"] for name, found in sections.items() if name != "probe")
    assert {name for name, found in sections.items() if found["counts"]} == {
        "rounds",
        "relaxed",
        "dense",
        "training",
    }
    checked = " ".join(check["name"] for check in sections["training"]["checks"])
    assert all(f"{model} float64" in checked for model in bench_gpu.available_models())
    for name, counted in sections["training"]["counts"].items():
        # a layer of ResGCN looks at its largest exponent, in training and in validation
        assert counted["waits"] == (20 if "resgcn" in name else 0), name
    row = sections["dense"]["times"][0]
    assert row["bytes_floor_s"] > 0 < row["operations_floor_s"]
    assert row["name"] in capsys.readouterr().out


def test_one_fault_does_not_lose_the_other_sections(tmp_path, monkeypatch):
    def broken(bench):
        bench.check("first", True)
        raise ValueError("no such kernel")

    def endless(bench):
        bench.check("second", True)
        time.sleep(60)

    def wrong(bench):
        bench.check("third", False, "off by 1")

    for name, act in (("probe", broken), ("rounds", endless), ("relaxed", wrong)):
        monkeypatch.setitem(bench_gpu.SECTIONS, name, act)
        monkeypatch.setitem(bench_gpu.SHARES, name, 0.2)
    code, sections = run(tmp_path, "--sections", "probe,rounds,relaxed,spectral")
    assert code == 1
    statuses = {name: found["status"] for name, found in sections.items()}
    assert statuses == {
        "probe": "failed",
        "rounds": "out of time",
        "relaxed": "failed",
        "spectral": "passed",
    }
    assert [found["checks"][0]["name"] for found in list(sections.values())[:2]] == [
        "first",
        "second",
    ]
    assert "no such kernel" in sections["probe"]["traceback"]


def test_a_wrong_order_is_found(tmp_path, monkeypatch):
    order = bench_gpu.order
    calls = []

    def second_is_wrong(*args, **given):
        calls.append(1)
        found = order(*args, **given)
        return found.flip(0) if len(calls) == 2 else found

    monkeypatch.setattr(bench_gpu, "order", second_is_wrong)
    code, sections = run(tmp_path, "--sections", "relaxed")
    assert code == 1
    assert [check["passed"] for check in sections["relaxed"]["checks"]].count(False) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(capsys):
    with pytest.raises(SystemExit) as found:
        bench_gpu.main([])
    assert found.value.code == 2
    assert "device 'cuda' cannot be used here" in capsys.readouterr().err


def test_it_runs_without_optional_packages_and_without_an_installed_wis(tmp_path):
    block = (
        "import importlib.metadata as metadata, sys, runpy\n"
        "find = metadata.Distribution.from_name.__func__\n"
        "def none_of_wis(cls, name):\n"
        "    if name.startswith('wis'): raise metadata.PackageNotFoundError(name)\n"
        "    return find(cls, name)\n"
        "metadata.Distribution.from_name = classmethod(none_of_wis)\n"
        "for name in ('click', 'pyarrow', 'pandas', 'rich', 'matplotlib', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['bench_gpu.py', '--device', 'cpu', '--sections', 'spectral', '-o', "
        f"{str(tmp_path / 'found.json')!r}]\n"
        f"runpy.run_path({bench_gpu.__file__!r}, run_name='__main__')\n"
    )
    done = forked.python(block)
    assert done.returncode == 0, done.stderr
