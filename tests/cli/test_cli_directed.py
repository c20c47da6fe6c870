"""--directed and --per-type on the command line, and what files have to say about directions."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest
import torch
from strategies import as_pairs
from torch_geometric.data import Data

import wis
from wis.io import read_graph, write_graph
from wis.testing import odd_graph
from wis_cli.main import run

ARCS = "source,target,weight\n0,1,1\n1,0,2\n1,2,3\n2,3,4\n3,1,5\n0,1,6\n4,4,7\n4,0,8\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "arcs.csv").write_text(ARCS)
    return tmp_path


def test_arcs_go_without_their_reverses_and_are_called_arcs(folder, capsys):
    assert run(["sparsify", "arcs.csv", "--directed", "--remove", "3", "-o", "-"]) == 0
    printed = capsys.readouterr()
    # by hand: (3, 1) and (4, 0) cost nothing; then (1, 2) and (2, 3), the last arcs into vertices
    # of value 1, cost less than (0, 1) and (1, 0), the last ones into vertices of value 2
    assert printed.out == "source,target,weight\n0,1,1\n1,0,2\n2,3,4\n0,1,6\n4,4,7\n"
    assert "arcs.csv: removed 3 of 6 arcs (50.0%)" in printed.err


def test_json_says_directed_and_counts_arcs(folder, capsys):
    command = ["sparsify", "arcs.csv", "--directed", "--keep", "2", "-o", "out.csv", "--json"]
    assert run(command) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["directed"] is True
    assert record["per_type"] is False
    counts = [record[f"num_{name}"] for name in ("edges_before", "edges_after", "removed")]
    assert counts == [6, 2, 4]


def test_a_saved_order_of_arcs_is_cut_and_verified_without_saying_so_again(folder, capsys):
    assert run(["order", "arcs.csv", "--directed", "--walk-length", "2", "-o", "a.npz"]) == 0
    assert "ranked 6 of 6 arcs" in capsys.readouterr().err
    assert run(["verify", "arcs.csv", "a.npz", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["greedy"], record["directed"], record["num_checked"]) == (True, True, 6)
    assert run(["sparsify", "arcs.csv", "--order", "a.npz", "--remove", "2", "-o", "cut.csv"]) == 0
    expected = wis.sparsify(read_graph("arcs.csv").data, remove=2, directed=True, walk_length=2)
    assert torch.equal(read_graph("cut.csv").data.edge_index, expected.edge_index)


def test_directed_beside_an_order_is_refused(folder, capsys):
    run(["order", "arcs.csv", "-o", "a.npz"])
    command = ["sparsify", "arcs.csv", "--order", "a.npz", "--directed", "--remove", "1"]
    assert run(command) == 2
    assert "--directed does not go with it" in capsys.readouterr().err


def test_wrong_amounts_and_pairs_are_about_arcs(folder, capsys):
    assert run(["sparsify", "arcs.csv", "--directed", "--remove", "7", "-o", "-"]) == 2
    assert "7 arcs, but the graph has 6 arcs" in capsys.readouterr().err
    (folder / "stay.csv").write_text("source,target\n2,1\n")
    command = ["sparsify", "arcs.csv", "--directed", "--remove", "1", "--protect", "stay.csv"]
    assert run(command) == 1
    assert "2 -> 1 is no arc of the graph" in capsys.readouterr().err


def test_protected_arcs_stay(folder, capsys):
    (folder / "stay.csv").write_text("source,target\n3,1\n")
    command = ["sparsify", "arcs.csv", "--directed", "--remove", "2", "--protect", "stay.csv"]
    assert run([*command, "--min-degree", "1", "-o", "out.csv"]) == 0
    assert "min_degree=1, 1 protected arc (" in capsys.readouterr().err
    assert (3, 1) in as_pairs(read_graph("out.csv").data.edge_index)


@pytest.mark.parametrize(
    "ending", [".pt", ".npz", ".csv", ".mtx", ".graphml", ".gexf", ".edgelist"]
)
def test_a_graph_of_arcs_is_written_and_read_again(folder, ending):
    data = odd_graph("one-way-arcs")
    write_graph(data, f"in{ending}")
    assert (
        run(["sparsify", f"in{ending}", "--directed", "--remove", "2", "-o", f"out{ending}"]) == 0
    )
    found, before = (read_graph(f"{name}{ending}") for name in ("out", "in"))
    expected = wis.sparsify(before.data, remove=2, directed=True)
    names = [list(file.vertex_names or map(str, range(5))) for file in (found, before)]
    arcs = [
        sorted((label[u], label[v]) for u, v in as_pairs(graph.edge_index))
        for label, graph in zip(names, (found.data, expected), strict=True)
    ]
    assert arcs[0] == arcs[1]
    assert len(arcs[0]) == 4


def test_a_format_without_directions_says_what_it_leaves_out(folder, capsys):
    assert run(["sparsify", "arcs.csv", "--directed", "--remove", "1", "-o", "out.graph"]) == 0
    assert "directions of one-way arcs" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["flat.gml", "flat.mtx"])
@pytest.mark.parametrize("command", [["sparsify", "--remove", "1"], ["order", "-o", "o.npz"]])
def test_files_of_undirected_edges_have_no_arcs_to_take(folder, capsys, name, command):
    nx.write_gml(nx.path_graph(4), folder / "flat.gml")
    (folder / "flat.mtx").write_text(
        "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n"
    )
    assert run([command[0], name, *command[1:], "--directed"]) == 2
    assert f"--directed: {name} holds undirected edges" in capsys.readouterr().err
    assert run([command[0], name, *command[1:]]) == 0


def test_a_picture_of_arcs_has_an_arrow_for_each(folder, monkeypatch):
    from matplotlib.patches import FancyArrowPatch

    drawn = []
    init = FancyArrowPatch.__init__
    monkeypatch.setattr(
        FancyArrowPatch,
        "__init__",
        lambda self, *args, **kwargs: (drawn.append(kwargs["color"]), init(self, *args, **kwargs))[
            1
        ],
    )
    command = ["sparsify", "arcs.csv", "--directed", "--remove", "2", "-o", "out.csv"]
    assert run([*command, "--plot", "arcs.svg"]) == 0
    assert len(drawn) == 6 + 4  # before and after
    assert (folder / "arcs.svg").stat().st_size > 0


def test_a_picture_of_a_large_graph_is_about_incoming_arcs(folder):
    from wis.show.plot import _counts, plot_sparsification

    data = odd_graph("power-law")
    graph = wis.DirectedGraph.from_any(data)
    counts = _counts(graph)
    assert counts["arcs"] == f"{graph.num_edges:,}"
    assert counts["highest in-degree"] == str(int(graph.in_degree.max()))
    alone = np.setdiff1d(np.arange(graph.num_nodes), graph.edges.numpy()).size
    assert counts["isolated vertices"] == str(alone)
    large = Data(edge_index=data.edge_index, num_nodes=400)
    plot_sparsification(large, large, "large.png", directed=True)


def test_each_type_loses_the_same_fraction(folder, capsys):
    lines = [f"{u},{u + 1},{'0' if u < 8 else '1'}" for u in range(12)]
    (folder / "typed.csv").write_text("\n".join(["source,target,type", *lines]) + "\n")
    command = ["sparsify", "typed.csv", "--per-type", "--remove", "50%", "-o", "out.csv", "--json"]
    assert run(command) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert (record["num_removed"], record["per_type"]) == (6, True)
    assert "removed 6 of 12 edges (50.0%), alike of each type, by wis" in printed.err
    left = (folder / "out.csv").read_text().splitlines()[1:]
    assert sorted(line[-1] for line in left) == ["0"] * 4 + ["1"] * 2


def test_a_saved_order_is_cut_per_type(folder):
    lines = [f"{u},{u + 1},{u % 2}" for u in range(12)]
    (folder / "typed.csv").write_text("\n".join(["source,target,type", *lines]) + "\n")
    assert run(["order", "typed.csv", "-o", "o.npz"]) == 0
    command = ["sparsify", "typed.csv", "--order", "o.npz", "--per-type", "--remove", "4"]
    assert run([*command, "-o", "out.csv"]) == 0
    left = (folder / "out.csv").read_text().splitlines()[1:]
    assert sorted(line[-1] for line in left) == ["0"] * 4 + ["1"] * 4


def test_a_graph_without_types_has_no_types_to_treat_alike(folder, capsys):
    assert run(["sparsify", "arcs.csv", "--per-type", "--remove", "1", "-o", "-"]) == 2
    assert "per_type needs edge types" in capsys.readouterr().err


def test_methods_say_which_take_directed_graphs(capsys):
    assert run(["methods", "--json"]) == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    assert methods["wis"]["supports_directed"] is True
