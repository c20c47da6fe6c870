"""GraphML, GEXF, GML, Pajek and JSON: what they say is read, and what cannot be is refused."""

import json

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import wis
from wis.errors import GraphFormatError
from wis.io import read_graph, write_graph
from wis.io.edge_table import one_arc_of_each_edge

GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
PAIR = '<node id="a"/><node id="b"/>'


@pytest.fixture
def read(tmp_path):
    def from_text(ending, text):
        path = tmp_path / f"in{ending}"
        path.write_text(text, encoding="utf-8")
        return read_graph(path)

    return from_text


def graphml(inner, keys=""):
    return f'{GRAPHML}{keys}<graph edgedefault="undirected">{inner}</graph></graphml>'


def gexf(edges, attributes="", default="undirected"):
    nodes = '<nodes><node id="a"/><node id="b"/><node id="c"/></nodes>'
    return (
        f'<gexf xmlns="http://gexf.net/1.3"><graph defaultedgetype="{default}">{attributes}{nodes}'
        f"<edges>{edges}</edges></graph></gexf>"
    )


REFUSED = {
    # XML that is a danger
    "declares the entity 'a'; entities can fetch files and use up all memory": (
        ".graphml",
        '<!DOCTYPE g [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + graphml('<node id="&#38;b;"/>'),
    ),
    "declares the entity 'x'": (
        ".gexf",
        '<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/hostname">]><gexf><graph/></gexf>',
    ),
    "the entity &foo; is not declared": (
        ".graphml",
        '<!DOCTYPE graphml SYSTEM "http://127.0.0.1:9/g.dtd">' + graphml('<node id="a&foo;"/>'),
    ),
    "line 1: elements nested more than 200 deep": (".graphml", graphml("<desc>" * 300)),
    # structures that are no graph of vertices and edges
    "a <hyperedge>; wis reads only edges between two nodes": (
        ".graphml",
        graphml(f'{PAIR}<hyperedge><endpoint node="a"/></hyperedge>'),
    ),
    "a <port>; wis reads": (".graphml", graphml('<node id="a"><port name="n"/></node>')),
    "an edge between ports": (
        ".graphml",
        graphml(f'{PAIR}<edge source="a" target="b" sourceport="n"/>'),
    ),
    "a graph within a graph (yEd: a group)": (
        ".graphml",
        graphml('<node id="a"><graph edgedefault="directed"/></node>'),
    ),
    "a node within a node": (
        ".gexf",
        '<gexf><graph><nodes><node id="a"><nodes><node id="b"/></nodes></node></nodes></graph>'
        "</gexf>",
    ),
    "GML, line 1: a second graph": (".gml", "graph [ ] graph [ ]"),
    "GraphML, line 1: a second graph": (
        ".graphml",
        graphml("").replace("</graphml>", '<graph edgedefault="directed"/></graphml>'),
    ),
    "a second network; expected one": (".net", "*Vertices 2\n*Vertices 2\n"),
    # ids
    "a second node with the id 'a'": (".graphml", graphml(f'{PAIR}<node id="a"/>')),
    "a second node with the id 1": (".gml", "graph [ node [ id 1 ] node [ id 1 ] ]"),
    "a node without an id": (".gml", 'graph [ node [ label "x" ] ]'),
    "the target of an edge is 'z', but the file has no such node": (
        ".graphml",
        graphml(f'{PAIR}<edge source="a" target="z"/>'),
    ),
    "the source of an edge is 'z'": (".gexf", gexf('<edge id="0" source="z" target="a"/>')),
    "line 2: the target of an edge is '7'": (
        ".gml",
        "graph [ node [ id 1 ]\nedge [ source 1 target 7 ] ]",
    ),
    "line 3: vertex '3'; vertices count from 1 to 2": (".net", "*Vertices 2\n*Arcs\n1 3\n"),
    "link 1 has the target 3, but the file has no such node": (
        ".json",
        '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 3}]}',
    ),
    "some id occurs both as a number and as a text": (
        ".json",
        '{"nodes": [{"id": 1}, {"id": "1"}], "links": []}',
    ),
    # values
    "line 1: 'old' is the value of 'age', whose declared type is int": (
        ".graphml",
        graphml(
            '<node id="a"><data key="k">old</data></node>',
            '<key id="k" for="node" attr.name="age" attr.type="int"/>',
        ),
    ),
    "data for the key 'k', which is not declared": (
        ".graphml",
        graphml('<node id="a"><data key="k">1</data></node>'),
    ),
    "'heavy' is the value of 'weight'": (
        ".gexf",
        gexf('<edge id="0" source="a" target="b" weight="heavy"/>'),
    ),
    "edges of type 'sideways'": (".gexf", gexf("", default="sideways")),
    "directed is '7'; expected 0 or 1": (".gml", "graph [ directed 7 ]"),
    "edgedefault is ''; expected": (
        ".graphml",
        graphml("").replace(' edgedefault="undirected"', ""),
    ),
    "'directed' is maybe; expected true or false": (
        ".json",
        '{"directed": "maybe", "nodes": [], "links": []}',
    ),
    # damage
    "damaged, or not a GraphML file: line 1: ": (".graphml", graphml("<node")),
    "damaged, or not a GraphML file: begins with <html>": (".graphml", "<html></html>"),
    "damaged, or not a GEXF file: begins with <graphml>": (".gexf", graphml("")),
    "damaged, or not a GML file: ends within 'node'": (".gml", "graph [ node [ id 1"),
    "damaged, or not a GML file: ']'; expected a key": (".gml", "graph [ ] ]"),
    "damaged, or not a GML file: holds no graph": (".gml", 'Creator "me"'),
    "a number of 5000 digits": (".gml", f"graph [ x {'9' * 5000} ]"),
    "lists nested more than 100 deep": (".gml", "graph [ " * 200),
    "damaged, or not a Pajek file: 'hello'; expected *Vertices": (".net", "hello\n"),
    "line 2: a section *Partition": (".net", "*Vertices 2\n*Partition p\n"),
    "a matrix of 1 rows; expected 2": (".net", "*Vertices 2\n*Matrix\n0 1\n"),
    "damaged, or not a JSON file: Expecting": (".json", '{"nodes": [,]}'),
    "more text behind the object": (".json", '{"nodes": [], "links": []} {}'),
    "lists nested too deep": (".json", '{"nodes": ' + "[" * 100_000),
    r"holds half of a character, \ud800": (
        ".json",
        r'{"directed": true, "nodes": [{"id": "\ud800"}], "links": []}',
    ),
    # JSON of other kinds names what converts it
    "JSON of Cytoscape, which networkx.cytoscape_graph reads": (".json", '{"elements": {}}'),
    "JSON Graph Format, which": (".json", '{"graph": {"nodes": {}, "edges": []}}'),
    "which networkx.adjacency_graph reads": (".json", '{"nodes": [], "adjacency": []}'),
    "which networkx.tree_graph reads": (".json", '{"id": 1, "children": []}'),
    "its package graphology-gexf": (
        ".json",
        '{"nodes": [{"key": "a", "attributes": {}}], "edges": []}',
    ),
    "an object has the key 'nodes' twice": (
        ".json",
        '{"nodes": [{"id": 1}], "links": [], "nodes": []}',
    ),
    "an object has the key 'weight' twice": (
        ".json",
        '{"nodes": [{"id": 1}], "links": [{"source": 1, "target": 1, "weight": 1, "weight": 2}]}',
    ),
    "has both 'links' and 'edges'": (".json", '{"nodes": [], "links": [], "edges": []}'),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(read, message):
    ending, text = REFUSED[message]
    with pytest.raises(GraphFormatError) as caught:
        read(ending, text)
    assert message.removeprefix("GML, ").removeprefix("GraphML, ") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_default_holds_for_elements_without_data(read, tmp_path):
    keys = (
        '<key id="w" for="edge" attr.name="weight" attr.type="double"><default>1.0</default></key>'
        '<key id="c" for="all" attr.name="colour" attr.type="string"><default>red</default></key>'
    )
    inner = (
        '<node id="a"><data key="c">blue</data></node><node id="b"/><node id="c"/>'
        '<edge source="a" target="b"><data key="w">2.5</data></edge><edge source="b" target="c"/>'
    )
    file = read(".graphml", graphml(inner, keys))
    assert file.data.edge_weight.tolist() == [2.5, 1, 2.5, 1]
    assert file.data.colour == ["blue", "red", "red"]
    assert file.data.edge_colour == ["red"] * 4
    lines = write_graph(file, tmp_path / "a.csv", dropped=[]).read_text().split()
    assert lines == ["source,target,weight,colour", "a,b,2.5,red", "b,c,1,red"]


def test_a_weight_that_gexf_leaves_out_is_one_where_others_have_one(read):
    edges = '<edge id="0" source="a" target="b" weight="{}"/><edge id="1" source="b" target="c"/>'
    file = read(".gexf", gexf(edges.format("0.5")))
    assert file.data.edge_weight.tolist() == [0.5, 1, 0.5, 1]
    assert "missing weights (1 of 2) are 1" in file.notes[0]
    assert read(".gexf", gexf(edges.format("3"))).data.edge_weight.dtype == torch.int64
    without = read(".gexf", gexf(edges.replace(' weight="{}"', "")))
    assert "edge_weight" not in without.data
    assert without.notes == ()


def test_an_edge_may_go_another_way_than_the_rest(read):
    edges = '<edge id="0" source="a" target="b"/><edge id="1" source="b" target="c" type="{}"/>'
    for kind, default, arcs in (
        ("directed", "undirected", [(0, 1), (1, 0), (1, 2)]),
        ("undirected", "directed", [(0, 1), (1, 2), (2, 1)]),
        ("mutual", "directed", [(0, 1), (1, 2), (2, 1)]),
    ):
        file = read(".gexf", gexf(edges.format(kind), default=default))
        assert sorted(map(tuple, file.data.edge_index.T.tolist())) == arcs
        assert not file.undirected
        assert "1 edges are directed and 1 undirected" in file.notes[0]


def test_degrees_that_a_file_states_for_parsers_are_told(read):
    file = read(".graphml", graphml('<node id="a" parse.outdegree="0"/><node id="b"/>'))
    assert "states degrees of nodes for parsers" in file.notes[0]
    assert read(".graphml", graphml(PAIR)).notes == ()


def test_texts_of_yeds_drawings_are_labels(read):
    keys = '<key for="node" id="d6" yfiles.type="nodegraphics"/>'
    label = (
        '<node id="n{}"><data key="d6"><y:S xmlns:y="y"><y:NodeLabel>{}<y:M/></y:NodeLabel>'
        "</y:S></data></node>"
    )
    file = read(".graphml", graphml(label.format(0, "Start") + label.format(1, "End"), keys))
    assert file.data.label == ["Start", "End"]
    assert file.unread == ("yEd's drawing",)


@pytest.mark.parametrize("ending", [".gml", ".graphml", ".gexf", ".json"])
def test_attributes_of_each_element_its_own_cost_no_square(read, ending):
    """Ten thousand names, one value each: they stay in the file, and a note says so."""
    size = 10_000
    ends = [(i % 2, 1 - i % 2) for i in range(size)]
    if ending == ".gml":
        edges = "".join(
            f"edge [ source {u} target {v} k{i} {i} ]\n" for i, (u, v) in enumerate(ends)
        )
        text = f"graph [ directed 1 node [ id 0 ] node [ id 1 ]\n{edges}]"
    elif ending == ".json":
        links = [{"source": u, "target": v, f"k{i}": i} for i, (u, v) in enumerate(ends)]
        text = json.dumps({"directed": True, "nodes": [{"id": 0}, {"id": 1}], "links": links})
    elif ending == ".graphml":
        keys = "".join(f'<key id="k{i}" for="edge" attr.type="int"/>' for i in range(size))
        edges = "".join(
            f'<edge source="{u}" target="{v}"><data key="k{i}">{i}</data></edge>'
            for i, (u, v) in enumerate(ends)
        )
        text = graphml(f'<node id="0"/><node id="1"/>{edges}', keys).replace("undir", "dir")
    else:
        keys = "".join(f'<attribute id="{i}" title="k{i}" type="long"/>' for i in range(size))
        edges = "".join(
            f'<edge id="{i}" source="{"ab"[u]}" target="{"ab"[v]}"><attvalues>'
            f'<attvalue for="{i}" value="{i}"/></attvalues></edge>'
            for i, (u, v) in enumerate(ends)
        )
        text = gexf(edges, f'<attributes class="edge">{keys}</attributes>', "directed")
    file = read(ending, text)
    assert file.data.num_edges == size
    assert len(file.data.keys()) < 200
    assert file.unread[-1].endswith(" more")
    assert len(file.unread) < 30


def test_characters_that_need_care_come_back(tmp_path):
    texts = ['a"b', "R&D", "é\u0080", "tab\there", "two\nlines", "<x>", "&#233;", "  blanks ", "\\"]
    data = Data(
        edge_index=torch.tensor([range(9), [*range(1, 9), 0]]),
        name=texts,
        note=texts[::-1],
        edge_kind=texts,
    )
    for ending in (".graphml", ".gexf", ".gml", ".json", ".net"):
        dropped = []
        file = read_graph(write_graph(data, tmp_path / f"a{ending}", dropped=dropped))
        assert file.vertex_names == texts
        assert dropped == (
            ["vertex attribute 'note'", "edge attribute 'kind'"] * (ending == ".net")
        )
        if ending != ".net":
            assert file.data.note == texts[::-1]
            assert file.data.edge_kind == texts


def test_numbers_come_back_exactly(tmp_path):
    data = Data(
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]),
        edge_weight=torch.tensor([1e-300, 0.1, float("inf")], dtype=torch.float64),
        edge_time=torch.tensor([2**63 - 1, -(2**63), 2**53 + 1]),
        count=torch.tensor([2**62 + 1, 0, -1]),
        part=torch.tensor([0.1, 1e22, float("nan")], dtype=torch.float64),
        num_nodes=3,
    )
    for ending in (".graphml", ".gexf", ".gml", ".json"):
        again = read_graph(write_graph(data, tmp_path / f"a{ending}", dropped=[])).data
        for key in ("edge_weight", "edge_time", "count", "part"):
            assert again[key].dtype == data[key].dtype
            np.testing.assert_array_equal(again[key].numpy(), data[key].numpy())


def test_networkx_reads_what_is_written(tmp_path):
    data = Data(
        edge_index=torch.tensor([[0, 1, 0, 1, 1, 2, 2], [1, 0, 1, 0, 2, 1, 2]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0, 3.0, 3.0, 4.0]),
        club=["red", "red", "blue"],
        name=["ann", "bob", "cy"],
    )
    readers = {
        ".graphml": nx.read_graphml, ".gexf": nx.read_gexf, ".gml": nx.read_gml,
        ".net": nx.read_pajek,
        ".json": lambda path: nx.node_link_graph(json.loads(path.read_text()), edges="edges"),
    }  # fmt: skip
    for ending, reader in readers.items():
        graph = reader(write_graph(data, tmp_path / f"a{ending}", dropped=[]))
        assert graph.is_multigraph()
        assert not graph.is_directed()
        assert sorted(graph) == ["ann", "bob", "cy"]
        weights = sorted(float(weight) for *_, weight in graph.edges(data="weight"))
        assert weights == [0.5, 2, 3, 4]
        if ending != ".net":
            assert dict(graph.nodes(data="club")) == dict(zip(data.name, data.club, strict=True))
        ids = [row.get("id") for *_, row in graph.edges(data=True) if row.get("id") is not None]
        assert len(set(ids)) == len(ids)


def test_an_arc_is_chosen_for_each_edge_only_if_its_reverse_is_alike():
    arcs = np.array([[0, 1, 1, 2, 2, 0, 1], [1, 0, 2, 1, 2, 1, 0]])
    weight = np.array([1.0, 1, 2, 2, 3, 5, 5])
    assert one_arc_of_each_edge(arcs, {}).tolist() == [0, 2, 4, 5]
    assert one_arc_of_each_edge(arcs, {"w": weight}).tolist() == [0, 2, 4, 5]
    assert one_arc_of_each_edge(arcs, {"w": weight[::-1].copy()}) is None
    assert one_arc_of_each_edge(arcs, {"w": weight, "t": list("aabbcde")}) is None
    assert one_arc_of_each_edge(arcs, {"w": weight, "t": list("aabbcdd")}).tolist() == [0, 2, 4, 5]
    nan = np.array([np.nan, np.nan, 2, 2, 3, 5, 5])
    assert one_arc_of_each_edge(arcs, {"w": nan}).tolist() == [0, 2, 4, 5]
    assert one_arc_of_each_edge(arcs[:, :3], {}) is None
    assert one_arc_of_each_edge(np.zeros((2, 0), dtype=int), {}).tolist() == []
    turned = np.array([[3, 0, 1], [0, 3, 1]])
    assert one_arc_of_each_edge(turned, {}).tolist() == [0, 2]


def test_a_graph_of_two_way_arcs_is_undirected_in_files_that_can_say_it(tmp_path):
    weight = torch.tensor([0.5, 0.5, 2, 2])
    data = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), edge_weight=weight)
    for ending in (".graphml", ".gexf", ".gml", ".json", ".net", ".graph"):
        assert read_graph(write_graph(data, tmp_path / f"a{ending}", dropped=[])).undirected
    data.edge_weight = weight * torch.tensor([1, 2, 1, 1])
    for ending in (".graphml", ".gexf", ".gml", ".json", ".net"):
        again = read_graph(write_graph(data, tmp_path / f"b{ending}", dropped=[]))
        assert not again.undirected
        assert sorted(again.data.edge_weight.tolist()) == [0.5, 1, 2, 2]


def test_pajek_vertices_without_labels_are_numbers(read):
    file = read(".net", "*Vertices 3\n*Edges\n1 2 2\n2 3\n")
    assert file.vertex_names is None
    assert file.data.edge_weight.tolist() == [2, 1, 2, 1]
    assert "missing values (1 of 2) are 1" in file.notes[0]
    file = read(".net", '*Vertices 3\n1 "a"\n2 "a"\n*Edges\n1 2\n')
    assert file.vertex_names == ["1", "2", "3"]
    assert "labels of the vertices are not distinct" in file.notes[0]
    assert "a two-mode network" in read(".net", "*Vertices 3 1\n*Edges\n1 2\n").notes[0]


def test_a_triangle_count_from_networkx_is_data_to_a_cut(tmp_path):
    """In a `Data` the name may mean a list of triples; a file's attribute is none of those."""
    graph = nx.karate_club_graph()
    nx.set_node_attributes(graph, nx.triangles(graph), "triangles")
    nx.write_graphml(graph, tmp_path / "k.graphml")
    file = read_graph(tmp_path / "k.graphml")
    cut = file.with_data(wis.sparsify(file.data, remove="50%"))
    again = nx.read_graphml(write_graph(cut, tmp_path / "half.graphml"))
    assert again.number_of_edges() == 39
    assert dict(again.nodes(data="triangles")) == {
        str(v): t for v, t in nx.triangles(graph).items()
    }
    inside = read_graph(write_graph(cut, tmp_path / "half.pt", dropped=[])).data
    assert inside.triangles.tolist() == list(nx.triangles(graph).values())
