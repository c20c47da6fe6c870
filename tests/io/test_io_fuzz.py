"""Whatever the bytes: a graph, or a WisError of one line."""

import gzip
import random
import re

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch
from torch_geometric.data import Data, HeteroData

from wis import UndirectedGraph
from wis.errors import WisError
from wis.io import read_graph, write_graph

NUM_CASES = 250


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


SEEDS = {
    "data.pt": lambda path: write_graph(small_data(), path),
    "hetero.pt": lambda path: write_graph(hetero_data(), path),
    "numpy.pt": lambda path: torch.save(Data(edge_index=torch.eye(2).long(), a=np.eye(3)), path),
    "legacy.pt": legacy,
    "arrays.npz": lambda path: write_graph(small_data(), path),
    "packed.npz": lambda path: np.savez_compressed(path, edge_index=np.eye(2, dtype=int)),
    "sparse.npz": save_sparse,
    "attributes.csv": "source,target,weight,kind\n0,1,0.5,x\n1,2,2,y\n2,0,,z z\n",
    "names.csv": 'ann,bob\nbob,"cem, jr"\n"say ""hi""",ann\n',
    "spaces.txt": "# a comment\n0 1 0.5\n1  2 2\n\n2\t0 1e3\n% end\n",
    "words.tsv": "from\tto\nü\tv\nv\tw\n",
    "packed.csv.gz": gzip.compress(b"source,target\n0,1\n1,2\n", mtime=0),
    "dictionaries.edgelist": "0 1 {'weight': 3.0}\n1 2 {'weight': 1, 'on': True}\n",
    "table.parquet": lambda path: write_graph(small_data(), path, dropped=[]),
    "matrix.mtx": "%%MatrixMarket matrix coordinate real general\n% c\n3 3 2\n1 2 0.5\n3 1 2\n",
    "lists.graph": "4 3 011\n1 2 5 3 6\n2 1 5 3 7\n3 1 6 2 7\n4\n",
    "club.graphml": lambda path: nx.write_graphml(nx.path_graph(4), path),
    "club.gml": lambda path: nx.write_gml(nx.path_graph(4), path),
    "club.gexf": lambda path: nx.write_gexf(nx.path_graph(4), path),
}


def seed_bytes(name, path):
    seed = SEEDS[name]
    if callable(seed):
        if name.endswith(".parquet"):
            pytest.importorskip("pyarrow")
        seed(path)
        return path.read_bytes()
    return seed.encode() if isinstance(seed, str) else seed


def mutated(raw, rng):
    """The bytes with a few of them changed, lost, repeated, or cut off."""
    result = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5])):
        start = rng.randrange(len(result) + 1)
        length = rng.choice([1, 1, 2, 8, 40])
        kind = rng.randrange(6)
        if kind == 0:
            del result[start:]
        elif kind == 1:
            del result[start : start + length]
        elif kind == 2:
            result[start:start] = result[start : start + length]
        elif kind == 3:
            result[start : start + length] = rng.randbytes(length)
        elif kind == 4:
            result[start : start + 1] = rng.choice(
                [b"-", b"9" * 19, b"nan", b'"', b"\n", b",", b""]
            )
        elif result:
            result[start % len(result)] ^= 1 << rng.randrange(8)
    return bytes(result)


def is_graph(path):
    """Whether a file holds a graph, which can be written back then; a WisError says that not."""
    line = None
    try:
        file = read_graph(path)
        UndirectedGraph.from_any(file.data)
        write_graph(file, path.with_name(f"out-{path.name}"), force=True, dropped=[])
    except WisError as error:
        line = str(error)
    assert line is None or ("\n" not in line and str(path) in line)
    return line is None


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_bytes_are_a_graph_or_one_line(name, tmp_path):
    path = tmp_path / name
    raw = seed_bytes(name, path)
    rng = random.Random(name)
    path.write_bytes(raw)
    assert is_graph(path)
    for _ in range(NUM_CASES):
        path.write_bytes(mutated(raw, rng))
        is_graph(path)


@pytest.mark.parametrize("ending", sorted({name.partition(".")[2] for name in SEEDS}))
def test_random_bytes_are_a_graph_or_one_line(ending, tmp_path):
    rng = random.Random(ending)
    path = tmp_path / f"a.{ending}"
    for length in [*range(12), 50, 400]:
        path.write_bytes(rng.randbytes(length))
        is_graph(path)
