"""`wis theory list` and `wis theory run`."""

from __future__ import annotations

import json

from wis_cli.main import run


def test_theory_list_names_experiments_and_their_settings(capsys):
    assert run(["theory", "list", "--json"]) == 0
    experiments = json.loads(capsys.readouterr().out)["experiments"]
    assert experiments["fig1_1"]["thesis"]["max_steps"] == 5_000_000
    assert experiments["figB_2"]["thesis"]["num_observations"] == 300
    assert run(["theory", "list"]) == 0
    assert all(name in capsys.readouterr().out for name in ("fig3_6",))


def test_theory_run_writes_results_once_and_prints_the_verdict(tmp_path, capsys):
    arguments = [
        "theory",
        "run",
        "tableb_1",
        "--quick",
        "--json",
        "-o",
        str(tmp_path / "new" / "b"),
    ]
    assert run(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["experiment"] == "tableB_1"
    assert {row["variant"] for row in record["rows"]} == {
        "original", "random images", "random labels",
    }  # fmt: skip
    verdict = (tmp_path / "new" / "b" / "verdict.txt").read_text().strip()
    assert record["verdict"] == verdict
    assert run(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert run([*arguments, "--force"]) == 0


def test_theory_run_refuses_unknown_names_and_missing_files_in_one_line(tmp_path, capsys):
    assert run(["theory", "run", "fig9_9"]) == 2
    assert "unknown experiment 'fig9_9'" in capsys.readouterr().err
    folder = ["-o", str(tmp_path / "out"), "--data-root", str(tmp_path)]
    assert run(["theory", "run", "tableB_1", *folder]) == 1
    error = capsys.readouterr().err
    assert "is missing" in error
    assert len(error.strip().splitlines()) == 1
