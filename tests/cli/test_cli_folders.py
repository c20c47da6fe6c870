"""`wis sparsify FOLDER --engine stream`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from scale_folders import notes_expected, notes_left, power_law_arcs, write_folder

from wis.scale.locks import locked
from wis_cli.edge_folders import _as_url
from wis_cli.framework import run_command
from wis_cli.output import emit_json

ARCS = power_law_arcs(60, 400)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "in", ARCS)


def test_a_folder_is_streamed_and_accounted_for(folder, tmp_path, capsys):
    arguments = ["--engine", "stream", "--remove", "50%", "--epsilon", "0.2", "--seed", "3"]
    assert run_command(["sparsify", str(folder), *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    output = tmp_path / "in-sparse"
    expected = notes_expected(60, ARCS, 3, remove="50%", epsilon=0.2, seed=3)
    assert notes_left(output) == expected
    record = json.loads(captured.out)
    assert record["output"] == str(output)
    assert record["num_removed"] == record["num_edges_before"] - record["num_edges_after"]
    assert record["num_rows_after"] == sum(map(len, expected))
    assert record["options"] == {"walk_length": 1, "engine": "stream", "epsilon": 0.2}
    assert captured.err.count("\n") == 1
    assert f"engine=stream, epsilon=0.2) in {record['num_phases']} phases" in captured.err


def test_the_default_epsilon_is_said(folder, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--engine", "stream", "--keep", "40%", "-o", str(output), "--block-edges", "50"]
    assert run_command(["sparsify", str(folder), *arguments]) == 0
    assert "epsilon=0.1" in capsys.readouterr().err
    assert notes_left(output) == notes_expected(60, ARCS, 3, keep="40%", epsilon=0.1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--engine", "stream", "--method", "random"], "is for the method wis"),
        (["--engine", "stream", "--walk-length", "2"], "is for the method wis"),
        (["--engine", "stream", "--directed"], "--directed does not go with --engine stream"),
        (["--engine", "stream", "--min-degree", "1"], "--min-degree does not go with"),
        (["--engine", "dask", "--plot", "x.png"], "--plot does not go with --engine dask"),
        (["--engine", "stream", "--weight", "w"], "--weight does not go with --engine stream"),
        (["--engine", "stream", "--bipartite"], "--bipartite does not go with --engine stream"),
        (["--engine", "stream", "--format", "gml"], "folders hold edge lists or tables"),
        (["--engine", "stream", "--epsilon", "0"], "epsilon above 0"),
        (["--engine", "stream", "-o", "-"], "--output is a folder with --engine stream"),
        (["--engine", "stream", "--workers", "2"], "--workers is for --engine dask and --"),
        (
            ["--engine", "spark", "--scheduler-address", "x"],
            "--scheduler-address is for --engine dask.",
        ),
        (["--engine", "dask", "--master", "x"], "--master is for --engine spark."),
        (["--engine", "stream", "--scheduler-address", "x:1"], "--scheduler-address is for"),
        (["--workers", "2"], "--workers is for --engine dask and --engine spark."),
        (["--work-dir", "w"], "--work-dir is for --engine stream and --engine dask and"),
        (["--block-edges", "2", "--engine", "bitset"], "--block-edges is for"),
    ],
)
def test_options_that_do_not_go_together_are_bad_usage(folder, capsys, arguments, line):
    assert run_command(["sparsify", str(folder), "--remove", "1", *arguments]) == 2
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.err.count("\n") == 1


def test_what_is_said_about_a_table_holds_for_folders_too(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "edges.dat").write_text("w;a;b\n5;0;1\n6;1;2\n7;2;0\n")
    said = ["--format", "csv", "--delimiter", ";", "--header", "--source", "a", "--target", "3"]
    arguments = ["sparsify", str(tmp_path / "in"), "--engine", "stream", "--remove", "0", *said]
    assert run_command([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert (record["num_nodes"], record["num_edges_before"]) == (3, 3)
    assert captured.err.count("\n") == 1  # nothing was guessed


def test_a_busy_output_is_one_line(folder, tmp_path, capsys):
    with locked(str(tmp_path / "out.wis-work"), "out"):
        arguments = ["--engine", "stream", "--remove", "1", "-o", str(tmp_path / "out")]
        assert run_command(["sparsify", str(folder), *arguments]) == 1
    error = capsys.readouterr().err
    assert f"another run is at work on it (process {os.getpid()} on " in error
    assert error.count("\n") == 1


def test_the_help_lists_the_options_for_folders_under_their_own_heading(capsys):
    assert run_command(["sparsify", "--help"]) == 0
    options, heading, rest = capsys.readouterr().out.partition("Options for folders of edge files")
    assert heading
    for flag in ("--block-edges", "--work-dir", "--scheduler-address", "--workers"):
        assert f"  {flag}" in rest
        assert f"  {flag}" not in options
    assert "--epsilon" in options
    assert "Examples:" in rest


def test_a_folder_without_an_engine_for_folders_says_which_there_are(folder, capsys):
    assert run_command(["sparsify", str(folder), "--remove", "1", "-o", "x.csv"]) == 1
    assert "--engine stream" in capsys.readouterr().err


def test_a_folder_may_be_on_another_file_system_and_so_may_the_output():
    assert _as_url(Path("s3://bucket/edges")) == "s3://bucket/edges"
    assert _as_url(Path("out/s3:/x")) == "out/s3:/x"
    assert _as_url(Path("/tmp/out")) == "/tmp/out"


def test_engines_for_folders_do_not_order_a_graph(capsys):
    assert run_command(["order", "karate", "--engine", "stream", "-o", "x.npz"]) == 2
    assert "wis sparsify FOLDER --engine stream" in capsys.readouterr().err


def test_epsilon_is_an_option_of_its_own_for_graphs_in_memory(tmp_path, capsys):
    order = tmp_path / "karate.order.npz"
    assert run_command(["order", "karate", "--epsilon", "0.5", "-o", str(order)]) == 0
    assert run_command(["verify", "karate", str(order)]) == 0
    assert "all 78 steps are within the rule" in "".join(capsys.readouterr())


def test_lines_that_may_have_been_meant_otherwise_are_noted_for_any_file_of_a_folder(
    tmp_path, capsys
):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("source,target\na,b\nb,c\n")
    (folder / "b.csv").write_text("source,target\nc,d\n#d,e\n")
    (folder / "c.csv").write_text("source,target\nd,e\n e,f\n")
    arguments = ["--engine", "stream", "--remove", "0", "-o", str(tmp_path / "out")]
    assert run_command(["sparsify", str(folder), *arguments]) == 0
    said = capsys.readouterr().err
    assert "such as '#d,e', are comments" in said
    assert "blanks around fields" in said


def test_json_shows_no_secret_of_an_address(capsys):
    place = "sftp://reader:open-sesame@example.org/edges"
    emit_json({"output": place, "files": [place], "options": {"at": place}, "num_nodes": 3})
    out = capsys.readouterr().out
    assert "open-sesame" not in out
    record = json.loads(out)
    shown = "sftp://reader:***@example.org/edges"
    assert record == {"output": shown, "files": [shown], "options": {"at": shown}, "num_nodes": 3}
