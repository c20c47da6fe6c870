"""Messages say one edge and two edges."""

from __future__ import annotations

import pytest

import wis
from wis.errors import OptionError, OrderMismatchError, ProtectionError, counted
from wis.measure.facts import graph_facts
from wis.show import facts_as_text
from wis.testing import odd_graph
from wis_cli.main import run


def test_numbers_have_their_nouns():
    said = [
        counted(0, "edge"),
        counted(1, "vertex"),
        counted(2, "vertex"),
        counted(1200, "arc", ","),
    ]
    assert said == ["0 edges", "1 vertex", "2 vertices", "1,200 arcs"]


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda g: wis.sparsify(g, remove=2), OptionError, "the graph has 1 edge "),
        (
            lambda g: wis.sparsify(g, remove=1, keep_connected=True),
            ProtectionError,
            "only 0 of 1 edge can go with keep_connected; 1 was asked for",
        ),
        (
            lambda g: wis.removal_order(g, count=0).apply(g, remove=1),
            OptionError,
            "the cut needs 1 edge, but the order",
        ),
        (
            lambda g: wis.removal_order(g).apply(odd_graph("path"), remove=1),
            OrderMismatchError,
            "a graph of 2 vertices and 1 edge;",
        ),
    ],
)
def test_errors_about_one_edge(act, error, words):
    with pytest.raises(error) as found:
        act(odd_graph("one-edge"))
    assert words in str(found.value)


def test_texts_about_one_edge(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("0,1\n")
    assert "of 1 edge," in repr(wis.removal_order(odd_graph("one-edge")))
    text = facts_as_text(graph_facts(odd_graph("one-vertex-with-a-loop")))
    assert "among them 1 self-loop and 0 repeats" in text
    assert "the largest of 1 vertex" in text
    for command, words in [
        (["sparsify", "one.csv", "--remove", "1", "-o", "cut.pt"], "removed 1 of 1 edge (100.0%)"),
        (["order", "one.csv", "-o", "o"], "ranked 1 of 1 edge by wis"),
        (
            ["walk-index", "one.csv", "--subset", "0", "--walk-length", "1"],
            "2 of 2 vertices are on",
        ),
    ]:
        assert run(command) == 0
        assert words in capsys.readouterr().err
