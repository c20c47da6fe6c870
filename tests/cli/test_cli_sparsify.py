"""`wis sparsify` and `wis order`: results, contracts about files, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

import wis
from wis.datasets import load
from wis.io import read_graph, write_graph
from wis_cli.graphs import GraphSource
from wis_cli.main import run
from wis_cli.options import parse_value

TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names():
    return sorted(path.name for path in Path().iterdir())


def fails(capsys, args, exit_code):
    """Run, expect that exit code, one line on stderr and nothing on stdout; return the line."""
    before = names()
    assert run(args) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert names() == before, "a failed command leaves no file"
    return err


def test_the_result_is_that_of_the_python_api(capsys):
    assert run(["sparsify", "karate", "--remove", "30%"]) == 0
    data = load("karate")
    expected = wis.sparsify(data, remove="30%")
    found = read_graph("karate-sparse.pt").data
    assert torch.equal(found.edge_index, expected.edge_index)
    assert torch.equal(found.edge_weight, expected.edge_weight)
    assert torch.equal(found.x, data.x)


def test_partitions_may_be_an_attribute_of_the_graph(capsys):
    args = ["--method", "gwis", "--partitions", "attribute:y", "--walk-length", "2"]
    assert run(["sparsify", "karate", "--remove", "30%", *args, "--option", "argmax=min"]) == 0
    options = {"partitions": "attribute:y", "walk_length": 2, "argmax": "min"}
    expected = wis.sparsify(load("karate"), remove="30%", method="gwis", **options)
    assert torch.equal(read_graph("karate-sparse.pt").data.edge_index, expected.edge_index)


def test_partitions_may_be_a_file_that_holds_names_of_the_graph(capsys):
    Path("parts.csv").write_text("partition,vertex,target\na,Valjean,Javert\na,Cosette,\n")
    args = ["order", "les-miserables", "-o", "order.npz", "--method", "gwis", "--json"]
    assert run([*args, "--partitions", "parts.csv", "--count", "5"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert (options["partitions"], options["num_partitions"]) == ("parts.csv", 1)
    names = load("les-miserables").name
    subset = [names.index("Valjean"), names.index("Cosette")]
    expected = wis.removal_order(
        load("les-miserables"), "gwis", partitions=[(subset, names.index("Javert"))], count=5
    )
    assert torch.equal(wis.RemovalOrder.load("order.npz").edges, expected.edges)


def test_json_is_one_object_with_the_promised_keys(capsys):
    args = ["sparsify", "karate", "--remove", "20", "--method", "random", "--seed", "3", "--json"]
    assert run(args) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert {**record, "seconds": 0} == {
        "input": "karate",
        "output": "karate-sparse.pt",
        "num_nodes": 34,
        "num_edges_before": 78,
        "num_edges_after": 58,
        "num_removed": 20,
        "method": "random",
        "options": {},
        "seed": 3,
        "protections": None,
        "directed": False,
        "per_type": False,
        "seconds": 0,
    }
    assert record["seconds"] > 0
    assert err.startswith("karate: removed 20 of 78 edges (25.6%) by random in ")


def test_without_json_nothing_goes_to_standard_output(capsys):
    assert run(["sparsify", "karate", "--remove", "1"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("-> karate-sparse.pt\n")


def test_keep_is_the_complement_of_remove(capsys):
    assert run(["sparsify", "karate", "--keep", "0.7", "-o", "a.pt"]) == 0
    assert run(["sparsify", "karate", "--remove", "30%", "-o", "b.pt"]) == 0
    kept, removed = (read_graph(path).data.edge_index for path in ("a.pt", "b.pt"))
    assert torch.equal(kept, removed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cora.pt", "cora-sparse.pt"),
        ("cora.v2.csv", "cora.v2-sparse.csv"),
        ("cora.csv.gz", "cora-sparse.csv.gz"),
        ("folder/cora.txt.GZ", "folder/cora-sparse.txt.GZ"),
    ],
)
def test_the_default_output_lies_beside_the_file(name, expected):
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert GraphSource(name, False, False, None).default_output() == Path(expected)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("karate", "karate-sparse.pt"),
        ("rmat:scale=4,edges=20", "rmat-scale-4-edges-20-sparse.pt"),
        ("sbm:p_in=0.2", "sbm-p_in-0.2-sparse.pt"),
        ("-", "-"),
    ],
)
def test_the_default_output_of_a_named_graph_lies_in_the_current_folder(spec, expected):
    assert GraphSource(spec, False, False, None).default_output() == Path(expected)


def test_names_and_attributes_of_a_table_survive(capsys):
    shutil.copy(TOY, "friends.csv")
    assert run(["sparsify", "friends.csv", "--remove", "4"]) == 0
    before, after = (
        set(Path(p).read_text().split()) for p in ("friends.csv", "friends-sparse.csv")
    )
    assert after < before, "the lines that stay are as they were"
    assert len(before) - len(after) == 4


def test_standard_input_and_output_carry_edge_lists(monkeypatch, capsys):
    text = "a b\nb c\nc a\nc d\n"
    stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run(["sparsify", "-", "--remove", "1"]) == 0
    out, err = capsys.readouterr()
    kept = {
        frozenset(line.split()) for line in out.splitlines() if set(line.split()) <= set("abcd")
    }
    assert kept < {frozenset(line.split()) for line in text.splitlines()}
    assert len(kept) == 3
    assert err.startswith("-: removed 1 of 4 edges")
    assert names() == []


def test_a_file_goes_before_a_named_graph(capsys):
    write_graph(load("sbm:n=12,blocks=1,p_in=1"), "karate.pt")
    Path("karate.pt").rename("karate")
    line = fails(capsys, ["sparsify", "karate", "--remove", "1", "-o", "out.pt"], 1)
    assert "karate" in line, "a file without an ending has no format"


def test_a_saved_order_is_cut_like_a_computed_one_and_levels_are_nested(capsys):
    assert run(["order", "karate", "-o", "karate.order.npz"]) == 0
    assert run(["sparsify", "karate", "--remove", "30%", "-o", "computed.pt"]) == 0
    kept = []
    for percent in (30, 60):
        args = ["sparsify", "karate", "--order", "karate.order.npz", "--remove", f"{percent}%"]
        assert run([*args, "-o", f"{percent}.pt", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["method"] == "wis"
        kept.append(
            {tuple(arc) for arc in read_graph(f"{percent}.pt").data.edge_index.t().tolist()}
        )
    assert kept[1] < kept[0]
    computed = read_graph("computed.pt").data.edge_index
    assert {tuple(arc) for arc in computed.t().tolist()} == kept[0]


def test_save_order_saves_the_whole_order(capsys):
    args = ["sparsify", "karate", "--remove", "1", "--save-order", "order.npz"]
    assert run(args) == 0
    assert len(wis.RemovalOrder.load("order.npz")) == 78


def test_order_reports_itself_and_stops_after_count(capsys):
    assert run(["order", "karate", "-o", "order.npz", "--count", "5", "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert (record["num_ranked"], record["num_edges"]) == (5, 78)
    assert err.startswith("karate: ranked 5 of 78 edges by wis in ")
    assert len(wis.RemovalOrder.load("order.npz")) == 5


def test_plot_draws_a_picture(capsys):
    assert run(["sparsify", "karate", "--remove", "50%", "--plot", "karate.png"]) == 0
    assert Path("karate.png").read_bytes().startswith(b"\x89PNG")


def test_options_of_the_method_can_be_given_either_way(capsys):
    args = ["order", "karate", "-o", "order.npz", "--force", "--json"]
    for extra in (["--walk-length", "1"], ["--option", "walk-length=1"]):
        assert run([*args, *extra]) == 0
        assert json.loads(capsys.readouterr().out)["options"]["walk_length"] == 1


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("3", 1, 3),
        ("0.5", 1.0, 0.5),
        ("3", "auto", "3"),
        ("true", False, True),
        ("None", None, None),
        ("fast", None, "fast"),
    ],
)
def test_an_option_has_the_type_of_its_default(text, default, value):
    parsed = parse_value(text, default)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "say how much goes, as in --remove 50%"),
        (["--remove", "1", "--keep", "1"], "--remove and --keep contradict each other"),
        (["--remove", "150%"], "150%"),
        (["--remove", "-1"], "cannot be negative"),
        (["--remove", "1.5"], "1.5"),
        (["--remove", "half"], "'half'"),
        (["--remove", "nan"], "'nan'"),
        (["--remove", "79"], "the graph has 78 edges"),
        (["--keep", "79"], "the graph has 78 edges"),
        (["--remove", "1", "--method", "wiz"], "Did you mean 'wis'?"),
        (
            ["--remove", "1", "--method", "random", "--walk-length", "1"],
            "--walk-length does not apply",
        ),
        (["--remove", "1", "--method", "random", "--engine", "auto"], "--engine does not apply"),
        (["--remove", "1", "--option", "colour=red"], "--option colour does not apply"),
        (["--remove", "1", "--option", "colour"], "expected KEY=VALUE"),
        (["--remove", "1", "--engine", "auto", "--option", "engine=auto"], "engine is given twice"),
        (["--remove", "1", "--walk-length", "0"], "walk_length"),
        (["--remove", "1", "--partitions", "balls"], "--partitions does not apply to"),
        (["--remove", "1", "--method", "gwis", "--partitions", "bals"], "Did you mean 'balls'?"),
        (["--remove", "1", "--method", "gwis", "--partitions", "attribute:z"], "attribute 'z'"),
        (["--remove", "1", "--method", "gwis", "--option", "argmax=mean"], "unknown argmax 'mean'"),
        (["--remove", "1", "--walk-length", "x"], "'x' is not a valid integer"),
        (["--remove", "1", "--engine", "steam"], "steam"),
        (["--remove", "1", "--batch-size", "0"], "batch_size"),
        (["--remove", "1", "--seed", "-1"], "seed is -1"),
        (["--remove", "1", "--device", "abacus"], "abacus"),
        (["--remove", "1", "--edge-attr", "colour"], "no edge attribute of that name"),
        (["--remove", "1", "--edge-attr", "x"], "one entry for each of the 156 arcs"),
        (["--remove", "1", "--num-nodes", "50"], "--num-nodes is for files"),
        (["--remove", "1", "-o", "-", "--json"], "cannot both go to standard output"),
        (["--remove", "1", "-o", "out.docx"], ".docx"),
        (["--remove", "1", "--plot", "out.jpg"], ".jpg"),
        (["--remove", "1", "--save-order", "out.pt"], "an order is saved as .npz"),
        (["--remove", "1", "-o", "a.npz", "--save-order", "./a.npz"], "two different outputs"),
        (["--remove", "1", "--order", "o.npz", "--seed", "1"], "--seed does not go with it"),
        (["--remove", "1", "--order", "o.npz", "--method", "wis"], "--method does not go with it"),
        (["--remove", "1", "--order", "o.npz", "--keep-connected"], "--keep-connected does not go"),
        (["--remove", "1", "--order", "o.npz", "--min-degree", "0"], "--min-degree does not go"),
        (["--remove", "1", "--order", "o.npz", "--protect", "p.csv"], "--protect does not go"),
        (["--remove", "1", "--min-degree", "-1"], "x>=0"),
        (["--remove", "1", "--protect", "p.docx"], ".docx"),
        (["--remove", "1", "--order", "o.npz", "--save-order", "p.npz"], "--save-order does not"),
    ],
)
def test_bad_usage_is_one_line_with_exit_code_2(args, words, capsys):
    assert words in fails(capsys, ["sparsify", "karate", *args], 2)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["missing.csv"], "missing.csv: no such file"),
        (["folder/missing"], "folder/missing: no such file"),
        (["karate", "-o", "nowhere/out.pt"], "nowhere"),
        (["karate", "-o", "a-file/out.pt"], "a-file"),
        (["karate", "--save-order", "nowhere/o.npz"], "nowhere"),
        (["karate", "--plot", "a-file/p.png"], "a-file"),
        (["karate", "--order", "missing.npz"], "missing.npz: no such file"),
        (["karate", "--order", "a-file"], "not an order file"),
        (["karate", "--protect", "missing.csv"], "missing.csv: no such file"),
        (["broken.pt"], "broken.pt"),
    ],
)
def test_bad_data_is_one_line_with_exit_code_1(args, words, capsys):
    Path("a-file").write_text("text")
    Path("broken.pt").write_bytes(b"PK\x03\x04 cut off")
    assert words in fails(capsys, ["sparsify", *args, "--remove", "1"], 1)


def test_an_unknown_graph_lists_the_known_ones_and_the_closest(capsys):
    line = fails(capsys, ["sparsify", "karat", "--remove", "1"], 2)
    assert "no such file" in line
    assert "les-miserables" in line
    assert "Did you mean 'karate'?" in line


def test_a_bad_spec_is_refused(capsys):
    assert "scale is '3.5'" in fails(capsys, ["sparsify", "rmat:scale=3.5", "--remove", "1"], 2)


def test_an_order_of_another_graph_is_refused(capsys):
    run(["order", "les-miserables", "-o", "order.npz"])
    capsys.readouterr()
    args = ["sparsify", "karate", "--order", "order.npz", "--remove", "1"]
    assert "compute a new order" in fails(capsys, args, 1)


def test_a_short_order_cannot_be_cut_beyond_its_end(capsys):
    run(["order", "karate", "-o", "order.npz", "--count", "5"])
    capsys.readouterr()
    args = ["sparsify", "karate", "--order", "order.npz", "--remove"]
    assert "stopped after 5 of 78" in fails(capsys, [*args, "6"], 2)
    assert run([*args, "5"]) == 0


@pytest.mark.parametrize("flag", ["-o", "--save-order", "--plot"])
def test_nothing_is_overwritten_and_that_is_found_before_anything_is_read(
    flag, capsys, monkeypatch
):
    path = Path({"-o": "out.pt", "--save-order": "out.npz", "--plot": "out.png"}[flag])
    path.write_text("precious")
    monkeypatch.setattr(GraphSource, "open", lambda self: pytest.fail("read too early"))
    line = fails(capsys, ["sparsify", "karate", "--remove", "1", flag, str(path)], 1)
    assert "--force" in line
    assert path.read_text() == "precious"


def test_force_replaces_files(capsys):
    for name in ("out.pt", "out.npz", "out.png"):
        Path(name).write_text("old")
    targets = ["-o", "out.pt", "--save-order", "out.npz", "--plot", "out.png"]
    assert run(["sparsify", "karate", "--remove", "1", *targets, "--force"]) == 0
    assert all(not path.read_bytes().startswith(b"old") for path in Path().iterdir())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_one_line(capsys):
    fails(capsys, ["sparsify", "karate", "--remove", "1", "-o", "/proc/out.pt"], 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("flag", "name"), [("-o", "out.csv"), ("--save-order", "out.npz"), ("--plot", "out.png")]
)
def test_a_full_disk_is_one_line(flag, name, capsys):
    Path(name).symlink_to("/dev/full")
    args = ["sparsify", "karate", "--remove", "1", "-o", "graph.pt"]
    assert run([*args, flag, name]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Error: {name}: cannot be written: No space left on device\n" in err


def test_what_the_target_format_cannot_hold_is_noted(capsys):
    assert run(["sparsify", "karate", "--remove", "1", "-o", "karate.graph"]) == 0
    note, account = capsys.readouterr().err.splitlines()
    assert note.startswith("Note: karate.graph: left out ")
    assert account.startswith("karate: removed 1 of 78 edges")


def test_what_wis_does_not_carry_over_is_not_blamed_on_the_format(capsys):
    Path("a.edgelist").write_text("0 1 {'tag': 'x'}\n1 2 {}\n")
    assert run(["sparsify", "a.edgelist", "--remove", "0", "-o", "a.json"]) == 0
    assert capsys.readouterr().err.splitlines()[0] == (
        "Note: a.json: left out edge attribute 'tag'; wis does not carry it over from the format "
        "of the input to this one"
    )


def test_an_edge_attribute_can_be_named_where_lengths_cannot_tell(capsys):
    data = load("sbm:n=12,blocks=1,p_in=1.0")
    cycle = torch.arange(6)
    arcs = torch.stack((torch.cat((cycle, (cycle + 1) % 6)), torch.cat(((cycle + 1) % 6, cycle))))
    data.edge_index = arcs
    data.importance = torch.arange(12.0)
    write_graph(data, "ring.pt")
    args = ["sparsify", "ring.pt", "--remove", "2"]
    assert run([*args, "-o", "guessed.pt"]) == 0
    assert run([*args, "-o", "named.pt", "--edge-attr", "importance"]) == 0
    assert read_graph("guessed.pt").data.importance.numel() == 12
    assert read_graph("named.pt").data.importance.numel() == 8


def test_the_dense_engine_says_beforehand_what_it_will_need(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    args = ["sparsify", "karate", "--remove", "9", "--walk-length", "2", "--engine", "dense"]
    assert run([*args, "--option", "memory_gib=0.5"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("engine dense: will use up to 0.00051 GiB")
    assert lines[-1].startswith("karate: removed 9 of 78 edges")
    assert run([*args, "--option", "memory_gib=0.00001", "--force"]) == 2
    assert "memory_gib is 1e-05: raise it" in capsys.readouterr().err
