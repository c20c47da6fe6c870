"""Graphs by name: small embedded ones, seeded generators of any size, and real data sets.

A spec is a name, or a name with parameters: ``karate``, ``rmat:scale=17,edges=1200000,seed=0``,
``cora:split=public``. A loader is a function with keyword-only parameters that have defaults;
registering it is all it takes to reach it from Python and from the command line. Sources, licences
and sizes are listed in ``datasets/README.md``.

- `registry`: the table, `load`, `fetch`; `roots`: where data sets lie;
- `embedded` and `generated`: graphs that need no file;
- `catalogue`: data sets that `real` reads by the loaders of PyG and of the Open Graph Benchmark
  (`open_graph`), from `raw_files` that `download` gets if need be; `processed` keeps what came of
  them; `counts`: how Table D.1 of the thesis counts edges.
"""

# isort: off
from wis.datasets import embedded, catalogue, generated  # noqa: F401  (fill the table, in this order)

# isort: on
from wis.datasets.registry import (
    Dataset,
    available_datasets,
    fetch,
    find,
    is_known,
    load,
    register,
)
from wis.datasets.roots import data_root

__all__ = [
    "Dataset",
    "available_datasets",
    "data_root",
    "fetch",
    "find",
    "is_known",
    "load",
    "register",
]
