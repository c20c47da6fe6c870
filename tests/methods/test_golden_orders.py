"""Orders by walks stay the same, bit for bit, for every engine, length, batch and partition.

The digests were computed before the code for directed and for undirected graphs became one, on
graphs drawn by Python's generator, whose numbers are the same in all versions.
"""

from __future__ import annotations

import hashlib
import random
from itertools import product

import pytest
from strategies import edge_index_of

import wis
from wis.graph import DirectedGraph, UndirectedGraph

CASES = {
    **{
        f"wis {engine}, walks of length {length}, batches of {batch}": (
            "wis",
            {"walk_length": length, "engine": engine, "batch_size": batch},
        )
        for length, engine, batch in product((1, 2, 3, 4), ("local", "dense"), (1, 4))
    },
    **{
        f"gwis {argmax} of {partitions}, walks of length {length}": (
            "gwis",
            {"walk_length": length, "partitions": partitions, "argmax": argmax},
        )
        for length, partitions, argmax in (
            (0, "balls:k=1", "lexicographic"),
            (1, "singletons", "lexicographic"),
            (2, "singletons", "lexicographic"),
            (2, "balls:k=1", "min"),
            (3, "cuts:number=5", "sum"),
            (4, "balls:k=1", "lexicographic"),
            (2, "communities", "max"),
            (50, "cuts:number=3", "lexicographic"),
        )
    },
}


def graphs(directed: bool) -> list[wis.UndirectedGraph | wis.DirectedGraph]:
    """Hubs, cliques, circuits, reciprocal arcs, loops and isolated vertices; the last is larger."""
    rng, found = random.Random(20), []
    for n in (9, 12, 14, 24):
        arcs = [(rng.randrange(n) // rng.randint(1, 4), rng.randrange(n)) for _ in range(3 * n)]
        arcs += [(v, u) for u, v in arcs if rng.random() < 0.4]
        arcs += [(u, v) for u in range(n // 3) for v in range(n // 3)]
        kind = DirectedGraph if directed else UndirectedGraph
        found.append(kind.from_any(edge_index_of(arcs), n + 2))
    return found


def digest(method: str, options: dict[str, object], directed: bool) -> str:
    """Digest of the orders of all graphs."""
    text = hashlib.sha256()
    for graph in graphs(directed):
        order = wis.removal_order(graph, method, seed=7, **options)
        text.update(str(order.edges.tolist()).encode())
    return text.hexdigest()[:8]


GOLDEN = {
    ("wis local, walks of length 1, batches of 1", True): "91c655ec",
    ("wis local, walks of length 1, batches of 4", True): "b78f3ecd",
    ("wis dense, walks of length 1, batches of 1", True): "91c655ec",
    ("wis dense, walks of length 1, batches of 4", True): "b78f3ecd",
    ("wis local, walks of length 2, batches of 1", False): "2e7cbae7",
    ("wis local, walks of length 2, batches of 1", True): "cc2428b6",
    ("wis local, walks of length 2, batches of 4", False): "9b021dff",
    ("wis local, walks of length 2, batches of 4", True): "41b85313",
    ("wis dense, walks of length 2, batches of 1", False): "2e7cbae7",
    ("wis dense, walks of length 2, batches of 1", True): "cc2428b6",
    ("wis dense, walks of length 2, batches of 4", False): "9b021dff",
    ("wis dense, walks of length 2, batches of 4", True): "41b85313",
    ("wis local, walks of length 3, batches of 1", False): "b0f80340",
    ("wis local, walks of length 3, batches of 1", True): "813b2a29",
    ("wis local, walks of length 3, batches of 4", False): "07a90a12",
    ("wis local, walks of length 3, batches of 4", True): "8c1030c3",
    ("wis dense, walks of length 3, batches of 1", False): "b0f80340",
    ("wis dense, walks of length 3, batches of 1", True): "813b2a29",
    ("wis dense, walks of length 3, batches of 4", False): "07a90a12",
    ("wis dense, walks of length 3, batches of 4", True): "8c1030c3",
    ("wis local, walks of length 4, batches of 1", False): "393e10aa",
    ("wis local, walks of length 4, batches of 1", True): "1df66b7e",
    ("wis local, walks of length 4, batches of 4", False): "d0639526",
    ("wis local, walks of length 4, batches of 4", True): "7782cdc3",
    ("wis dense, walks of length 4, batches of 1", False): "393e10aa",
    ("wis dense, walks of length 4, batches of 1", True): "1df66b7e",
    ("wis dense, walks of length 4, batches of 4", False): "d0639526",
    ("wis dense, walks of length 4, batches of 4", True): "7782cdc3",
    ("gwis lexicographic of balls:k=1, walks of length 0", False): "8b36ba9a",
    ("gwis lexicographic of balls:k=1, walks of length 0", True): "8a108357",
    ("gwis lexicographic of singletons, walks of length 1", False): "35b0189a",
    ("gwis lexicographic of singletons, walks of length 1", True): "91c655ec",
    ("gwis lexicographic of singletons, walks of length 2", False): "2e7cbae7",
    ("gwis lexicographic of singletons, walks of length 2", True): "cc2428b6",
    ("gwis min of balls:k=1, walks of length 2", False): "f2584d84",
    ("gwis min of balls:k=1, walks of length 2", True): "9c5a128e",
    ("gwis sum of cuts:number=5, walks of length 3", False): "9e268b1c",
    ("gwis sum of cuts:number=5, walks of length 3", True): "0da4030f",
    ("gwis lexicographic of balls:k=1, walks of length 4", False): "1322902e",
    ("gwis lexicographic of balls:k=1, walks of length 4", True): "d81ea457",
    ("gwis max of communities, walks of length 2", False): "16fa6aa8",
    ("gwis max of communities, walks of length 2", True): "6717cf99",
    ("gwis lexicographic of cuts:number=3, walks of length 50", False): "7b8618b3",
    ("gwis lexicographic of cuts:number=3, walks of length 50", True): "a9b0fb85",
}


@pytest.mark.parametrize(("case", "directed"), GOLDEN)
def test_order_is_the_one_of_0_1(case, directed):
    method, options = CASES[case]
    assert digest(method, options, directed) == GOLDEN[case, directed]
