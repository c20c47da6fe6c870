"""Whatever the bytes: a graph, or a WisError of one line; never another exception.

Every format of `wis.io.graph_io` is read, and every other file that a command takes: orders,
partitions, edges to protect. A thousand spoilt files for each reader, the same ones in every run;
`WIS_FUZZ=20` in the environment makes twenty thousand of them.

| reader | sound files | how they are spoilt (`mutations`) |
|---|---|---|
| pt | `Data`, `HeteroData`, with numpy, of the old layout | bytes; members of the zip file |
| npz, order | arrays, packed, sparse; an order | bytes; members; arrays; the header of an order |
| Parquet | ids, names | bytes; columns and metadata |
| texts: csv, mtx, METIS, XML, ... | of each dialect | bytes; numbers; words; lines; nests; keys |
| partitions | JSON, csv | the same; values of the JSON |
| protect | csv, npz | as for graphs |
"""

import gzip
import json
import os
import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import mutations
import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Data, HeteroData

import wis
from wis import UndirectedGraph
from wis.base.limits import limited_to
from wis.errors import WisError
from wis.graph.partitions import resolve_partitions
from wis.io import read_graph, read_pairs, write_graph
from wis.io.graph_io import _FORMATS, format_of_path
from wis.order import RemovalOrder

NUM_CASES = 1000 * int(os.environ.get("WIS_FUZZ", "1"))
LONGEST_LINE = 700  # characters of an error apart from the path; tokens are cut at a hundred


def small_data():
    return Data(
        edge_index=torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 0]]),
        edge_weight=torch.tensor([0.5, 0.5, 2.0, 2.0, 3.0]),
        x=torch.arange(12.0).reshape(6, 2),
        num_nodes=6,
    )


def hetero_data():
    data = HeteroData()
    data["a"].x = torch.zeros(3, 1)
    data["b"].num_nodes = 2
    data["a", "to", "b"].edge_index = torch.tensor([[0, 2], [0, 1]])
    return data


def save_sparse(path):
    scipy.sparse.save_npz(path, scipy.sparse.eye_array(4, k=1, format="csr"), compressed=False)


def legacy(path):
    """The keys of tensors are addresses in memory: as many digits, the same in every run."""
    torch.save(small_data(), path, _use_new_zipfile_serialization=False)
    raw = path.read_bytes()
    for index, key in enumerate(dict.fromkeys(re.findall(rb"\d{10,}", raw))):
        raw = raw.replace(key, str(index).encode().rjust(len(key), b"7"))
    path.write_bytes(raw)


def names_parquet(path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"from": ["a", "b"], "to": ["b", "c"], "kind": ["p", "q"]}), path)


def club(write):
    graph = nx.path_graph(4)
    nx.set_edge_attributes(graph, {(0, 1): {"weight": 0.5, "kind": "x"}, (1, 2): {"weight": 2.0}})
    nx.set_node_attributes(graph, {0: {"label": "ann"}, 1: {"label": "bob"}})
    return lambda path: write(graph, path)


def node_link(graph, path):
    path.write_text(json.dumps(nx.node_link_data(graph, edges="links")))


def nets(graph, path):
    nx.write_pajek(nx.path_graph(4), path)


def save_order(path):
    wis.removal_order(small_data()).save(path)


PARTS = [[0, 1], {"subset": [2, 3], "target": 5}, {"subset": [4]}]
BYTES = (mutations.bytes_changed,)
ARCHIVE = (mutations.bytes_changed, mutations.members_changed, mutations.members_changed)
ARRAYS = (*ARCHIVE, mutations.arrays_swapped, mutations.arrays_swapped, mutations.arrays_swapped)
COLUMNS = (mutations.bytes_changed, mutations.columns_changed)


@dataclass(frozen=True)
class Seed:
    """A sound file: what it holds or what writes it, and how it is spoilt."""

    content: str | bytes | Callable[..., object]
    how: tuple[mutations.Mutator, ...] = mutations.TEXT


SEEDS = {
    "data.pt": Seed(lambda path: write_graph(small_data(), path), ARCHIVE),
    "hetero.pt": Seed(lambda path: write_graph(hetero_data(), path), ARCHIVE),
    "numpy.pt": Seed(
        lambda path: torch.save(Data(edge_index=torch.eye(2).long(), a=np.eye(3)), path), ARCHIVE
    ),
    "legacy.pt": Seed(legacy, BYTES),
    "arrays.npz": Seed(lambda path: write_graph(small_data(), path), ARRAYS),
    "packed.npz": Seed(
        lambda path: np.savez_compressed(
            path, edge_index=np.eye(2, dtype=int), name=np.array(["a", "b"])
        ),
        ARRAYS,
    ),
    "sparse.npz": Seed(save_sparse, ARRAYS),
    "attributes.csv": Seed("source,target,weight,kind\n0,1,0.5,x\n1,2,2,y\n2,0,,z z\n"),
    "names.csv": Seed('ann,bob\nbob,"cem, jr"\n"say ""hi""",ann\n'),
    "spaces.txt": Seed("# a comment\n0 1 0.5\n1  2 2\n\n2\t0 7\n% end\n"),
    "words.tsv": Seed("from\tto\nü\tv\nv\tw\n"),
    "packed.csv.gz": Seed(gzip.compress(b"source,target\n0,1\n1,2\n", mtime=0), BYTES),
    "dictionaries.edgelist": Seed("0 1 {'weight': 3.0}\n1 2 {'weight': 1, 'on': True}\n"),
    "table.parquet": Seed(lambda path: write_graph(small_data(), path, dropped=[]), COLUMNS),
    "names.parquet": Seed(names_parquet, COLUMNS),
    "matrix.mtx": Seed(
        "%%MatrixMarket matrix coordinate real general\n% c\n3 3 2\n1 2 0.5\n3 1 2\n"
    ),
    "lists.graph": Seed("4 3 011\n1 2 5 3 6\n2 1 5 3 7\n3 1 6 2 7\n4\n"),
    "club.graphml": Seed(club(nx.write_graphml_xml)),
    "club.gml": Seed(club(nx.write_gml)),
    "club.gexf": Seed(club(nx.write_gexf)),
    "types.graphml": Seed(
        '<graphml><key id="w" for="edge" attr.type="double"><default>1</default></key>'
        '<graph edgedefault="undirected"><node id="a"/><node id="b"/>'
        '<edge id="e" source="a" target="b" directed="true"><data key="w">2</data></edge>'
        "</graph></graphml>"
    ),
    "records.gml": Seed(
        '# c\ngraph [ node [ id 1 label "a &amp; b" g [ x -.5 ] ]\n'
        "node [ id 2 t 1 t 2 ] edge [ source 1 target 2 v +INF ] ]"
    ),
    "lists.net": Seed('*Vertices 3\n1 "a" 0.1 0.2\n*Edges\n1 2 2 l "x"\n*Arcslist\n3 1 2\n'),
    "club.net": Seed(club(nets)),
    "club.json": Seed(club(node_link)),
}
FORMAT_NAMES = [row.name for row in _FORMATS]


def format_name(name):
    """The format of a sound file, None if this wis does not read it."""
    try:
        return format_of_path(name).name
    except WisError:
        return None


READ = {name: seed for name, seed in SEEDS.items() if format_name(name)}
OTHERS = {
    "a.order.npz": Seed(save_order, (*ARRAYS, mutations.header_changed, mutations.header_changed)),
    "parts.json": Seed(json.dumps(PARTS), (*mutations.TEXT, *[mutations.json_changed] * 4)),
    "parts.csv": Seed("partition,vertex,target\nleft,0,\nleft,1,\nright,2,5\nright,3,\n"),
    "protect.csv": Seed("0,1\n1,2\n"),
    "protect.npz": Seed(lambda path: np.savez(path, edge_index=np.array([[0], [1]])), ARRAYS),
}


def seed_bytes(seed, path):
    if callable(seed.content):
        if path.suffix == ".parquet":
            pytest.importorskip("pyarrow")
        seed.content(path)
        return path.read_bytes()
    return seed.content.encode() if isinstance(seed.content, str) else seed.content


def read_and_write(path):
    file = read_graph(path)
    UndirectedGraph.from_any(file.data)
    write_graph(file, path.with_name(f"out-{path.name}"), force=True, dropped=[])


def read_other(path):
    """Read what is no graph, and use it as a command does."""
    data = small_data()
    if path.name.startswith("a.order"):
        order = RemovalOrder.load(path)
        repr(order)
        order.save(path.with_name("out.npz"))
    elif path.name.startswith("parts"):
        resolve_partitions(path, UndirectedGraph.from_any(data), data=data)
    else:
        read_pairs(path, wis.io.GraphFile(data))


def holds(read, path):
    """Whether a file could be read and used; a WisError says that not, in one line."""
    line = None
    try:
        with limited_to("50MB"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except WisError as error:
        line = str(error)
    if line is not None:
        assert "\n" not in line
        assert line.isprintable()
        assert len(line) < LONGEST_LINE + len(str(path)), line
        line.encode()
    return line is None


def check_many(read, name, seed, num_cases, tmp_path):
    path = tmp_path / name
    raw = seed_bytes(seed, path)
    path.write_bytes(raw)
    assert holds(read, path)
    for case in range(num_cases):
        rng = random.Random(f"{name} {case}")
        how = rng.choice(seed.how)
        with warnings.catch_warnings():  # numpy's, on arrays cast to other types
            warnings.simplefilter("ignore")
            spoilt = how(raw, rng)
        path.write_bytes(spoilt)
        try:
            holds(read, path)
        except BaseException as error:
            error.add_note(f"case {case} of {name}, by {how.__name__}: {spoilt[:300]!r}")
            raise


def test_every_format_has_a_sound_file():
    assert {format_name(name) for name in READ} == set(FORMAT_NAMES)


@pytest.mark.parametrize("name", READ)
def test_a_spoilt_graph_is_a_graph_or_one_line(name, tmp_path):
    same_reader = sum(format_name(other) == format_name(name) for other in READ)
    check_many(read_and_write, name, READ[name], -(-NUM_CASES // same_reader), tmp_path)


@pytest.mark.parametrize("name", OTHERS)
def test_a_spoilt_order_partition_or_protection_is_one_line(name, tmp_path):
    same_reader = sum(other.split(".")[0] == name.split(".")[0] for other in OTHERS)
    check_many(read_other, name, OTHERS[name], -(-NUM_CASES // same_reader), tmp_path)


@pytest.mark.parametrize("ending", sorted({name.partition(".")[2] for name in READ}))
def test_random_bytes_are_a_graph_or_one_line(ending, tmp_path):
    rng = random.Random(ending)
    path = tmp_path / f"a.{ending}"
    for length in [*range(12), 50, 400]:
        path.write_bytes(rng.randbytes(length))
        holds(read_and_write, path)


def test_a_thousand_inputs_of_a_reader_differ():
    raw = SEEDS["attributes.csv"].content.encode()
    for how in mutations.TEXT:
        spoilt = {how(raw, random.Random(case)) for case in range(100)}
        assert len(spoilt) > 10 or how is mutations.keys_apart
    assert mutations.bytes_changed(raw, random.Random(7)) == mutations.bytes_changed(
        raw, random.Random(7)
    )
