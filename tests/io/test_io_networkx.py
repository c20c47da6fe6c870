"""GraphML, GML and GEXF."""

import gzip

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError, OptionError
from wis.io import read_graph, write_graph

WRITERS = {".graphml": nx.write_graphml, ".gml": nx.write_gml, ".gexf": nx.write_gexf}
READERS = {".graphml": nx.read_graphml, ".gml": nx.read_gml, ".gexf": nx.read_gexf}
ENDINGS = sorted(WRITERS)


def example(kind):
    graph = kind(title="club")
    graph.add_node("ann", age=30, score=1.5, note="x")
    graph.add_node("bob", age=40, score=2.5, note="y")
    graph.add_node("cem", age=50, score=3.5, note="z", extra="only here")
    graph.add_node("dan", age=60, score=4.5, note="alone")
    graph.add_edge("ann", "bob", weight=0.5, since=1999, how="work")
    graph.add_edge("bob", "cem", weight=1.5, since=2001, how="sport", rare=1)
    graph.add_edge("cem", "ann", weight=2.5, since=2002, how="work")
    if graph.is_multigraph():
        graph.add_edge("ann", "bob", weight=9.5, since=2020, how="again")
    return graph


@pytest.mark.parametrize("kind", [nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_cut_is_the_same_graph_minus_edges(tmp_path, kind, ending):
    WRITERS[ending](example(kind), tmp_path / f"a{ending}")
    before = READERS[ending](tmp_path / f"a{ending}")
    file = read_graph(tmp_path / f"a{ending}")
    assert file.vertex_names == ["ann", "bob", "cem", "dan"]
    arcs_of_an_edge = 1 if before.is_directed() else 2
    assert file.data.num_edges == arcs_of_an_edge * before.number_of_edges()
    assert file.data.age.tolist() == [30, 40, 50, 60]
    assert file.data.edge_weight.dtype == torch.float64
    assert file.data.edge_how[0] in ("work", "again")
    # ann and bob have two edges in a multigraph, by which its readers know it
    cut = file.with_data(wis.sparsify(file.data, remove=1, protect=[(0, 1)]))
    after = READERS[ending](write_graph(cut, tmp_path / f"b{ending}"))
    assert type(after) is type(before)
    assert dict(after.nodes(data=True)) == dict(before.nodes(data=True))
    assert all(graph.graph.get("title") == "club" for graph in (before, after)) or ending == ".gexf"
    kept = [sorted(map(repr, graph.edges(data=True))) for graph in (after, before)]
    assert set(kept[0]) < set(kept[1])
    assert arcs_of_an_edge * len(kept[0]) == cut.data.num_edges


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_in_the_file_alone_is_told_when_it_leaves_it(tmp_path, ending):
    WRITERS[ending](example(nx.Graph), tmp_path / f"a{ending}")
    file = read_graph(tmp_path / f"a{ending}")
    assert "vertex attribute 'extra'" in file.unread
    dropped = []
    write_graph(file, tmp_path / "b.csv", dropped=dropped)
    assert "vertex attribute 'extra'" in dropped
    assert "1 vertex without edges" in dropped
    again = read_graph(tmp_path / "b.csv")
    assert "that edges have no direction (each is one line)" in dropped
    assert again.data.num_edges == 3
    assert again.vertex_names == ["ann", "bob", "cem"]
    assert again.data.edge_since.tolist() == [1999, 2002, 2001] or sorted(
        again.data.edge_since.tolist()
    ) == [1999, 2001, 2002]


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbered_vertices_keep_their_numbers(tmp_path, ending):
    graph = nx.Graph()
    graph.add_nodes_from([2, 0, 3, 1])
    graph.add_edges_from([(2, 0), (3, 2)])
    WRITERS[ending](graph, tmp_path / f"a{ending}")
    file = read_graph(tmp_path / f"a{ending}")
    assert file.vertex_names is None
    assert {tuple(sorted(arc)) for arc in file.data.edge_index.T.tolist()} == {(0, 2), (2, 3)}
    with pytest.raises(OptionError, match="num_nodes is 9"):
        read_graph(tmp_path / f"a{ending}", num_nodes=9)


@pytest.mark.parametrize("ending", ENDINGS)
def test_both_arcs_of_every_edge_are_an_undirected_graph(tmp_path, ending):
    both = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]])
    data = Data(
        edge_index=both,
        edge_weight=torch.tensor([0.5, 0.5, 2, 2, 3]),
        edge_on=torch.tensor([True, True, False, False, True]),
        y=torch.arange(5),
        mask=torch.arange(5) > 2,
        num_nodes=5,
    )
    told = []
    graph = READERS[ending](write_graph(data, tmp_path / f"a{ending}", dropped=told))
    no_truth_values = [
        f"the type of {what} attribute '{name}' (true is 1, false is 0)"
        for what, name in (("vertex", "mask"), ("edge", "on"))
    ]
    assert told == (no_truth_values if ending == ".gml" else [])
    assert not graph.is_directed()
    assert graph.number_of_edges() == 3
    assert graph.number_of_nodes() == 5
    again = read_graph(tmp_path / f"a{ending}").data
    assert again.y.tolist() == [0, 1, 2, 3, 4]
    assert again.num_nodes == 5
    data.edge_weight[0] = 7
    dropped = []
    graph = READERS[ending](write_graph(data, tmp_path / f"a{ending}", force=True, dropped=dropped))
    assert graph.is_directed()
    assert graph.number_of_edges() == 5
    assert dropped == told


@pytest.mark.parametrize("ending", ENDINGS)
def test_changed_weights_of_an_undirected_graph_leave_it_undirected(tmp_path, ending):
    WRITERS[ending](example(nx.Graph), tmp_path / f"a{ending}")
    file = read_graph(tmp_path / f"a{ending}")
    changed = file.data.clone()
    changed.edge_weight += 1
    graph = READERS[ending](
        write_graph(file.with_data(changed), tmp_path / f"b{ending}", dropped=[])
    )
    assert not graph.is_directed()
    assert sorted(weight for *_, weight in graph.edges(data="weight")) == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files_are_one_line(tmp_path, ending):
    WRITERS[ending](example(nx.Graph), tmp_path / f"a{ending}")
    raw = (tmp_path / f"a{ending}").read_bytes()
    for bad in (raw[: len(raw) // 2], b"hello", b"\xff\xfe\xfd", b"<a></a>"):
        (tmp_path / f"b{ending}").write_bytes(bad)
        with pytest.raises(GraphFormatError, match=r"damaged, or not|is not UTF-8") as caught:
            read_graph(tmp_path / f"b{ending}")
        assert "\n" not in str(caught.value)
    write_graph(read_graph(tmp_path / f"a{ending}"), tmp_path / f"c{ending}.gz")
    assert gzip.decompress((tmp_path / f"c{ending}.gz").read_bytes())
    assert read_graph(tmp_path / f"c{ending}.gz").data.num_edges == 6


def test_a_gml_without_distinct_labels_is_read_by_its_ids(tmp_path):
    text = 'graph [ node [ id 5 label "a" ] node [ id 7 label "a" ] edge [ source 5 target 7 ] ]'
    (tmp_path / "a.gml").write_text(text)
    file = read_graph(tmp_path / "a.gml")
    assert file.vertex_names == ["5", "7"]
    assert file.data.label == ["a", "a"]
    assert "labels of the nodes are not distinct" in file.notes[0]
    assert file.data.num_edges == 2
    (tmp_path / "b.gml").write_text(text.replace('label "a"', ""))
    without = read_graph(tmp_path / "b.gml")
    assert (without.data.num_edges, without.vertex_names, without.notes) == (2, ["5", "7"], ())


def test_vertex_attributes_that_could_be_taken_for_others_stay_in_the_file(tmp_path):
    graph = nx.path_graph(3, create_using=nx.DiGraph)
    graph.add_edge(2, 0)
    for name in ("knowledge", "size", "num_nodes", "edge_index", "fine", "name", "triangles"):
        nx.set_node_attributes(graph, 1, name)
    nx.write_graphml(graph, tmp_path / "a.graphml")
    file = read_graph(tmp_path / "a.graphml")
    assert file.data.num_nodes == file.data.num_edges == 3
    assert file.data.fine.tolist() == [1, 1, 1]
    assert file.data.knowledge.tolist() == [1, 1, 1]
    assert file.data.triangles.tolist() == [1, 1, 1]  # one number for each vertex, no list
    assert set(file.unread) == {
        f"vertex attribute '{name}'" for name in ("size", "num_nodes", "edge_index", "name")
    }
    cut = wis.sparsify(file.data, remove=1)
    assert cut.fine.tolist() == [1, 1, 1]


def test_networkx_reads_line_breaks_in_texts_as_they_are(tmp_path):
    texts = ["two\nlines", "a\r\nb", "tab\there"]
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), note=texts)
    for ending in ENDINGS:
        graph = READERS[ending](write_graph(data, tmp_path / f"a{ending}"))
        assert list(nx.get_node_attributes(graph, "note").values()) == texts, ending


@pytest.mark.parametrize("weights", [[float("nan"), 2.0], [float("nan"), float("nan")]])
def test_gml_tells_of_the_nan_that_it_leaves_out(weights, tmp_path):
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), edge_weight=torch.tensor(weights))
    dropped = []
    write_graph(data, tmp_path / "a.gml", dropped=dropped)
    assert "the NaN of edge attribute 'weight'" in dropped
