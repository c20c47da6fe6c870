"""Small files that unpack to a lot: refused, and the memory of the reader stays small meanwhile.

| kind | what it claims or becomes |
|---|---|
| compressed text: gz, bz2, xz | 400 MB of lines |
| npz | a compressed array, a header alone, empty names without any bytes, a sparse matrix |
| order file, csv, partitions | the same archives and texts where other readers open them |
| Parquet | runs of equal numbers; texts in dictionaries, in lists, and by their common beginnings |
| edge list, GraphML, GML, JSON | a key of its own for each edge |
| Matrix Market, METIS, Pajek | a number of vertices in the header |
"""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import forked
import networkx as nx
import numpy as np
import pytest

LIMIT_MB = 100
ALLOWED_MB = 250  # what reading may take, and what parsers and their libraries need besides
HEAD = "%%MatrixMarket matrix coordinate pattern general\n"
LINES = b"0,1\n" * 250_000  # a megabyte


def npy_header(shape, descr):
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def archive(path, **members):
    """An archive of zeros behind each header: (header, number of bytes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, (header, length) in members.items():
            with file.open(f"{name}.npy", "w") as member:
                member.write(header)
                for _ in range(length // 1_000_000):
                    member.write(bytes(1_000_000))
    return path


def npz_array(path):
    archive(path, edge_index=(npy_header((2, 20_000_000), "<i8"), 320_000_000))


def npz_header(path):
    archive(path, edge_index=(npy_header((2, 10**12), "<i8"), 0))


def npz_names(path):
    archive(
        path,
        edge_index=(npy_header((2, 0), "<i8"), 0),
        name=(npy_header((300_000_000,), "<U0"), 0),
    )


def npz_sparse(path):
    np.savez_compressed(
        path,
        format=b"coo",
        shape=[2, 2],
        row=np.zeros(3_000_000, int),
        col=np.zeros(3_000_000, int),
        data=np.zeros(3_000_000),
    )


def parquet_numbers(path):
    import pyarrow as pa
    from pyarrow import parquet

    zeros = pa.array(np.zeros(1_000_000, int))
    table = pa.table({"source": zeros, "target": zeros})
    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(table)


def parquet_texts(path, *, kind="names"):
    import pyarrow as pa
    from pyarrow import parquet

    options = {"compression": "zstd"}
    if kind == "delta":
        text = [f"{'x' * 100_000}{i}" for i in range(1000)]
        options |= {"use_dictionary": False, "column_encoding": {"b": "DELTA_BYTE_ARRAY"}}
    else:
        text = ["x" * 1_000_000] * 200
    column = pa.array([[item] for item in text] if kind == "lists" else text)
    ids = column if kind == "names" else pa.array(np.zeros(len(text), int))
    if kind == "delta":
        options["column_encoding"] |= {"source": "PLAIN", "target": "PLAIN"}
    parquet.write_table(pa.table({"source": ids, "target": ids, "b": column}), path, **options)


def edge_list_keys(path):
    path.write_text("".join(f"0 1 {{'k{i}': 1}}\n" for i in range(10_000)))


def graphml_keys(path):
    graph = nx.Graph()
    for i in range(2000):
        graph.add_edge(i, i + 1, **{f"k{i}": i})
    nx.write_graphml_xml(graph, path)


def json_keys(path):
    links = [{"source": i, "target": i + 1, f"k{i}": i} for i in range(2000)]
    path.write_text(json.dumps({"nodes": [{"id": i} for i in range(2001)], "links": links}))


def gml_keys(path):
    nodes = "".join(f"node [ id {i} ]\n" for i in range(2001))
    edges = "".join(f"edge [ source {i} target {i + 1} k{i} 1 ]\n" for i in range(2000))
    path.write_text(f"graph [\n{nodes}{edges}]\n")


BOMBS = {
    "a.csv.gz": lambda path: path.write_bytes(gzip.compress(LINES) * 400),
    "bz2.csv": lambda path: path.write_bytes(bz2.compress(LINES) * 400),
    "xz.csv": lambda path: path.write_bytes(lzma.compress(LINES) * 400),
    "gz.csv": lambda path: path.write_bytes(gzip.compress(LINES) * 400),
    "plain.csv": lambda path: path.write_bytes(LINES * 10),
    "a.mtx.gz": lambda path: path.write_bytes(gzip.compress(LINES) * 400),
    "a.graph.gz": lambda path: path.write_bytes(gzip.compress(LINES) * 400),
    "a.gml.gz": lambda path: path.write_bytes(gzip.compress(LINES) * 400),
    "array.npz": npz_array,
    "header.npz": npz_header,
    "names.npz": npz_names,
    "sparse.npz": npz_sparse,
    "a.order.npz": lambda path: archive(
        path,
        header=(npy_header((0,), "|u1"), 0),
        edges=(npy_header((2, 20_000_000), "<i8"), 320_000_000),
    ),
    "numbers.parquet": parquet_numbers,
    "names.parquet": parquet_texts,
    "lists.parquet": lambda path: parquet_texts(path, kind="lists"),
    "delta.parquet": lambda path: parquet_texts(path, kind="delta"),
    "keys.edgelist": edge_list_keys,
    "keys.graphml": graphml_keys,
    "keys.gml": gml_keys,
    "keys.json": json_keys,
    "vertices.net": lambda path: path.write_text("*Vertices 2000000000\n*Edges\n1 2\n"),
    "rows.mtx": lambda path: path.write_text(f"{HEAD}1000000000 1000000000 1\n1 2\n"),
    "entries.mtx": lambda path: path.write_text(f"{HEAD}3 3 100000000000\n1 2\n"),
    "vertices.graph": lambda path: path.write_text("1000000000 1\n2\n1\n"),
    "parts.csv.json": lambda path: path.write_text(f"[{'[0],' * 4_000_000}[0]]"),
}

READER = """
import json, os, resource, sys
from pathlib import Path
import torch_geometric.data, networkx, scipy.sparse
from wis.errors import WisError
from wis.io import read_graph
from wis.base.limits import limited_to
from wis.order import RemovalOrder
from wis.graph.partition_files import VertexIds, read_partitions

def read(path):
    if path.endswith(".order.npz"):
        return RemovalOrder.load(path)
    if path.endswith("parts.csv.json"):
        return read_partitions(Path(path), VertexIds(3, {}))
    return read_graph(path)

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def told(path, limit):
    before = peak_mb()
    try:
        with limited_to(limit):
            read(path)
        line = ""
    except WisError as error:
        line = f"{type(error).__name__} {error}"
    return json.dumps([os.path.basename(path), line, peak_mb() - before])

for path in sys.argv[2:]:
    sys.stdout.flush()
    if os.fork() == 0:  # the peak of a process never falls
        os.write(1, (told(path, sys.argv[1]) + chr(10)).encode())
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """For each bomb the line of its reader, and by how many megabytes the memory rose."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        make(folder / name)
    assert max(path.stat().st_size for path in folder.iterdir()) < 20_000_000
    done = forked.python(READER, f"{LIMIT_MB}MB", *(str(folder / name) for name in BOMBS))
    assert done.returncode == 0, done.stderr
    return {name: (line, mb) for name, line, mb in map(json.loads, done.stdout.splitlines())}


HELD = {"keys.graphml", "keys.gml", "keys.json"}  # read, the few values without a square of gaps


@pytest.mark.parametrize("name", sorted(HELD))
def test_a_key_for_every_edge_takes_little_memory(name, verdicts):
    line, risen_mb = verdicts[name]
    assert not line
    assert risen_mb < ALLOWED_MB


@pytest.mark.parametrize("name", sorted(BOMBS.keys() - HELD))
def test_a_bomb_is_one_line_and_little_memory(name, verdicts):
    line, risen_mb = verdicts[name]
    assert line.startswith("GraphFormatError "), line
    assert risen_mb < ALLOWED_MB


SAYS_OTHERWISE = {"header.npz", "entries.mtx", "vertices.graph", "a.mtx.gz", "a.graph.gz"}


@pytest.mark.parametrize("name", sorted(BOMBS.keys() - HELD - SAYS_OTHERWISE))
def test_the_line_names_the_option(name, verdicts):
    assert "--max-memory" in verdicts[name][0]
