"""Graphs by name: small embedded ones, seeded generators of any size, and real data sets.

A spec is a name, or a name with parameters: ``karate``, ``rmat:scale=17,edges=1200000,seed=0``,
``cora:split=public``. A loader is a function with keyword-only parameters that have defaults.
`register` makes its graph available in Python and on the command line. ``datasets/README.md`` lists
sources, licences and sizes.

- `table`: the rows, `load`, `fetch`, and the folders of data sets and of the cache;
- `embedded` and `generators`: graphs that need no file;
- `catalogue`: the real data sets, which `real` reads by the loaders of PyG and of the Open Graph
  Benchmark; `download` describes and gets raw files, and `processed` caches the graphs;
- `images`: the pixels of Fashion-MNIST, MNIST and digits; `splits`: masks of vertices.
"""

from wis.datasets.table import (
    Dataset,
    available_datasets,
    data_root,
    fetch,
    find,
    is_known,
    load,
    register,
)

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
