"""`wis walk-index`: the number on standard output, ids and names, and what goes wrong."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import forked
import pytest
from torch_geometric.data import HeteroData

import wis
from wis.datasets import load
from wis.io import write_graph
from wis_cli.main import run

TOY = Path(__file__).parents[2] / "datasets" / "toy" / "friends.csv"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("names.csv").write_text("source,target\nann,bob\nbob,eve\neve,joe\n")
    Path("numbers.csv").write_text("10,20\n20,30\n30,0\n")


def number(capsys, *args):
    """What the command prints, its account being one line."""
    assert run(["walk-index", *args]) == 0
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    return int(out)


def error_line(capsys, *args, exit_code):
    assert run(["walk-index", *args]) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    return err


def standard_input(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))


@pytest.mark.parametrize("options", [{}, {"target": 4}, {"directed": True}])
@pytest.mark.parametrize("length", [0, 2, 90])
def test_command_and_function_agree(options, length, capsys):
    args = ["--target", "4"] if "target" in options else []
    args += ["--directed"] if "directed" in options else []
    found = number(capsys, "karate", "--subset", "0,3,5", "--walk-length", str(length), *args)
    assert found == wis.walk_index(load("karate"), [0, 3, 5], length, **options)


def test_account_tells_boundary_length_and_target(capsys):
    # by hand, path of four with the first vertex in the subset: the first two are on the boundary
    args = ["walk-index", "names.csv", "--subset", "ann", "--walk-length", "1"]
    assert run(args) == 0
    out, err = capsys.readouterr()
    assert out == "5\n"
    assert err.startswith(
        "names.csv: 2 of 4 vertices are on the boundary; walks of length 1 from there along edges; "
    )
    assert run([*args, "--target", "eve", "--directed"]) == 0
    out, err = capsys.readouterr()
    assert out == "1\n"  # by hand: bob alone is entered from the other side, and goes on to eve
    assert " of length 1 from there to vertex eve along arcs; " in err


def test_json_says_what_was_counted(capsys):
    args = ["--subset", "ann, bob", "--walk-length", "2", "--target", "bob", "--json"]
    assert run(["walk-index", "names.csv", *args]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record.pop("seconds") >= 0
    assert record == {
        "input": "names.csv",
        "num_nodes": 4,
        "num_edges": 3,
        "num_subset": 2,
        "num_boundary": 2,
        "walk_length": 2,
        "target": 1,
        "directed": False,
        "walk_index": 5,  # by hand: from bob over ann, bob or eve; from eve over bob or eve
    }


def test_number_of_any_length_is_printed_whole(capsys):
    limit = sys.get_int_max_str_digits()
    Path("pair.csv").write_text("0,1\n")
    args = ["walk-index", "pair.csv", "--subset", "0", "--walk-length", "20000"]
    assert run(args) == 0
    out = capsys.readouterr().out
    assert run([*args, "--json"]) == 0
    as_json = capsys.readouterr().out
    assert sys.get_int_max_str_digits() == limit
    sys.set_int_max_str_digits(0)
    try:
        assert int(out) == 2**20001
        assert json.loads(as_json)["walk_index"] == 2**20001
    finally:
        sys.set_int_max_str_digits(limit)


def test_names_and_ids_are_both_taken_where_names_are_no_numbers(capsys):
    by_name = number(capsys, "names.csv", "--subset", "ann,eve", "--walk-length", "3")
    assert by_name == number(capsys, "names.csv", "--subset", "0, eve", "--walk-length", "3")
    options = ["--walk-length", "3", "--target"]
    by_name = number(capsys, "names.csv", "--subset", "joe", *options, "joe")
    assert by_name == number(capsys, "names.csv", "--subset", "3", *options, "3")


def test_numbers_that_are_names_are_never_taken_for_ids(capsys):
    args = ["--relabel", "--walk-length", "1", "--subset"]
    assert number(capsys, "numbers.csv", *args, "10") == 5  # by hand, as for ann above
    assert number(capsys, "numbers.csv", *args, "0") == 5  # the other end, id 3
    assert "no vertex '1'; vertices have names. Did you mean" in error_line(
        capsys, "numbers.csv", *args, "1", exit_code=2
    )


def test_names_that_a_pt_file_brings_along_are_taken(capsys):
    write_graph(load("les-miserables"), Path("lesmis.pt"))
    args = ["--subset", "Valjean,Javert", "--walk-length", "2"]
    assert number(capsys, "lesmis.pt", *args) == number(capsys, "les-miserables", *args)


def test_subset_is_read_from_a_file_with_one_id_a_line(capsys, monkeypatch):
    expected = number(capsys, "karate", "--subset", "0,3,5", "--walk-length", "2")
    Path("ids.txt").write_bytes(b"\xef\xbb\xbf5\r\n\r\n  0 \r\n3")
    args = ["karate", "--walk-length", "2", "--subset"]
    assert number(capsys, *args, "@ids.txt") == expected
    standard_input(monkeypatch, b"3\n0\n5\n")
    assert number(capsys, *args, "@-") == expected


def test_name_with_a_comma_can_be_given_in_a_file_or_as_target(capsys):
    Path("places.csv").write_text('source,target\n"Rome, IT",Oslo\nOslo,Bern\n')
    Path("ids.txt").write_text("Rome, IT\n")
    args = ["places.csv", "--subset", "@ids.txt", "--walk-length", "1", "--target"]
    assert number(capsys, *args, "Rome, IT") == 2


def test_graph_may_come_from_standard_input(capsys, monkeypatch):
    standard_input(monkeypatch, TOY.read_bytes())
    args = ["--subset", "0", "--walk-length", "1"]
    found = number(capsys, "-", *args)
    assert found == number(capsys, str(TOY), *args)


def test_vertices_of_a_hetero_graph_are_numbered_over_all_types(capsys):
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 2, 3
    data["user", "buys", "item"].edge_index = load("karate").edge_index[:, :0]
    write_graph(data, Path("hetero.pt"))
    assert number(capsys, "hetero.pt", "--subset", "4", "--walk-length", "2") == 0
    error_line(capsys, "hetero.pt", "--subset", "5", "--walk-length", "2", exit_code=2)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--walk-length", "1"], "Missing option '--subset'"),
        (["--subset", "0"], "Missing option '--walk-length'"),
        (["--subset", "0", "--walk-length", "-1"], "x>=0"),
        (["--subset", "0", "--walk-length", "1.5"], "'1.5' is not a valid integer"),
        (["--subset", "", "--walk-length", "1"], "--subset is ''; expected ids or names"),
        (["--subset", "1,,2", "--walk-length", "1"], "expected ids or names with commas"),
        (["--subset", "0,34", "--walk-length", "1"], "no vertex '34'; ids run from 0 to 33"),
        (["--subset", "-1", "--walk-length", "1"], "--subset: no vertex '-1'"),
        (["--subset", "1.0", "--walk-length", "1"], "--subset: no vertex '1.0'"),
        (["--subset", "True", "--walk-length", "1"], "--subset: no vertex 'True'"),
        (["--subset", "²", "--walk-length", "1"], "--subset: no vertex '²'"),
        (["--subset", "9" * 5000, "--walk-length", "1"], "--subset: no vertex '999"),
        (["--subset", "3,0,03", "--walk-length", "1"], "vertex '03' is given twice as '3'"),
        (["--subset", "3,0,3", "--walk-length", "1"], "vertex '3' is given twice\n"),
        (["--subset", "0", "--walk-length", "1", "--target", "34"], "--target: no vertex '34'"),
        (["--subset", "0", "--walk-length", "1", "--target", ""], "--target: no vertex ''"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(args, words, capsys):
    assert words in error_line(capsys, "karate", *args, exit_code=2)


def test_graph_and_subset_cannot_both_be_standard_input(capsys):
    args = ["-", "--subset", "@-", "--walk-length", "1"]
    assert "cannot both be standard input" in error_line(capsys, *args, exit_code=2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ids.txt: is empty; expected one vertex a line"),
        (b" \n\n", "ids.txt: is empty"),
        (b"0\n\n34\n", "ids.txt line 3: no vertex '34'; ids run from 0 to 33"),
        (b"0,3\n", "ids.txt line 1: no vertex '0,3'"),
        (b"0\n3\n0\n", "ids.txt line 3: vertex '0' is given twice"),
        (b"\xff\xfe0\x00", "ids.txt: no UTF-8 text"),
    ],
)
def test_bad_file_of_ids_is_bad_data(content, words, capsys):
    Path("ids.txt").write_bytes(content)
    args = ["karate", "--subset", "@ids.txt", "--walk-length", "1"]
    assert words in error_line(capsys, *args, exit_code=1)


@pytest.mark.parametrize("path", ["missing.txt", "", "."])
def test_file_of_ids_that_cannot_be_read_is_bad_data(path, capsys):
    args = ["karate", "--subset", f"@{path}", "--walk-length", "1"]
    assert "ids cannot be read: " in error_line(capsys, *args, exit_code=1)


def test_graph_that_cannot_be_read_is_bad_data(capsys):
    args = ["--subset", "0", "--walk-length", "1"]
    assert "no such file" in error_line(capsys, "missing.csv", *args, exit_code=1)
    Path("bad.csv").write_text("0,1\n-3,2\n")
    assert "bad.csv" in error_line(capsys, "bad.csv", *args, exit_code=1)


def test_misspelt_name_is_answered_with_the_closest(capsys):
    args = ["les-miserables", "--subset", "Valjan", "--walk-length", "1"]
    assert "Did you mean 'Valjean'?" in error_line(capsys, *args, exit_code=2)


def test_a_process_counts_for_ids_of_its_standard_input():
    command = ["walk-index", "karate", "--subset", "@-", "--walk-length", "2"]
    code = "import sys; from wis_cli.main import run; sys.exit(run())"
    with forked.Process(code, *command) as done:
        done.stdin.write("0\n3\n5\n")
        out, err = done.communicate()
    assert done.returncode == 0
    assert out == f"{wis.walk_index(load('karate'), [0, 3, 5], 2)}\n"
    assert err.startswith("karate: 18 of 34 vertices are on the boundary; ")
