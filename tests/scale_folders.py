"""Folders of edge files for tests, and what is left in them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from oracles import Edge
from strategies import edge_index_of

import wis


def write_folder(
    folder: Path, arcs: list[Edge], *, num_files: int = 3, name: Any = int, kind: str = "parquet"
) -> Path:
    """Arcs in files, in their order, with two columns more; `name` says what a vertex is called."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_files):
        rows = range(number, len(arcs), num_files)
        columns = {
            "src": [name(arcs[row][0]) for row in rows],
            "weight": [row / 2 for row in rows],
            "dst": [name(arcs[row][1]) for row in rows],
            "note": [f"row {row}" for row in rows],
        }
        text = bool(arcs) and isinstance(name(0), str)
        ids = pa.string() if text else pa.int64()
        schema = pa.schema(
            [("src", ids), ("weight", pa.float64()), ("dst", ids), ("note", pa.string())]
        )
        table = pa.table(columns, schema=schema)
        path = folder / f"part-{number}.{kind}"
        if kind == "parquet":
            pq.write_table(table, path, row_group_size=50)
        else:
            pyarrow.csv.write_csv(table, path)
    return folder


def notes_left(folder: Path) -> list[list[str]]:
    """The notes in each file, in order."""
    return [pq.read_table(path)["note"].to_pylist() for path in sorted(folder.glob("*.parquet"))]


def notes_expected(
    num_nodes: int, arcs: list[Edge], num_files: int, **options: Any
) -> list[list[str]]:
    """What `wis.sparsify` leaves of them in memory."""
    edge_index = edge_index_of(arcs)
    left = wis.sparsify(edge_index, num_nodes=num_nodes, progress=False, **options)
    kept = {tuple(sorted(arc)) for arc in left.T.tolist()}
    return [
        [f"row {row}" for row in range(number, len(arcs), num_files) if edge_key(arcs[row]) in kept]
        for number in range(num_files)
    ]


def edge_key(arc: Edge) -> Edge:
    return min(arc), max(arc)


def power_law_arcs(num_nodes: int, num_arcs: int, seed: int = 0) -> list[Edge]:
    """A graph with hubs, as rows in any order, with repeats, reverses and loops."""
    rng = random.Random(seed)
    weights = [1 / (1 + v) ** 0.7 for v in range(num_nodes)]
    heads = rng.choices(range(num_nodes), weights, k=num_arcs)
    tails = rng.choices(range(num_nodes), weights, k=num_arcs)
    return list(zip(heads, tails, strict=True))
