"""wis: remove most edges of a graph and keep what a graph neural network needs.

Walk Index Sparsification after Chapter 5 of a thesis on notions of rank in deep learning
(Razin, Verbin, Cohen, NeurIPS 2023, arXiv:2211.16494).

The menu, loaded on first use so that ``import wis`` costs next to nothing:

- `sparsify`: graph in, sparser graph out; `removal_order`: the order itself, cut it later;
  `RemovalOrder`;
- `advise`: how much may go, by which method, and what that saves;
- `verify_order`: is this a true greedy order?; `available_methods`: what there is to choose from;
- `walk_index`: how many walks start on the boundary of a set of vertices;
- `UndirectedGraph`, `DirectedGraph`: canonical edges, or arcs; `WisError`: the base of every error
  raised on purpose.

Every module is there as an attribute too, loaded on first use: transforms live in `wis.transforms`,
file formats in `wis.io`, named graphs in `wis.datasets`.

    >>> import wis
    >>> wis.datasets.load("karate").num_nodes
    34
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from wis.base.moved import MOVED, keep_earlier_paths
from wis.base.version import VERSION

if TYPE_CHECKING:
    from wis import (  # noqa: F401  (for type checkers: `wis.io` after `import wis`)
        advice,
        datasets,
        experiments,
        io,
        measure,
        methods,
        models,
        scale,
        theory,
        training,
        transforms,
    )
    from wis.advice import advise
    from wis.api import removal_order, sparsify
    from wis.errors import WisError
    from wis.graph import DirectedGraph, UndirectedGraph
    from wis.graph.walks import walk_index
    from wis.methods import available_methods
    from wis.order import RemovalOrder
    from wis.order.verify import verify_order

keep_earlier_paths()
__version__ = VERSION
__all__ = [
    "DirectedGraph",
    "RemovalOrder",
    "UndirectedGraph",
    "WisError",
    "advise",
    "available_methods",
    "removal_order",
    "sparsify",
    "verify_order",
    "walk_index",
]

_HOME = {
    "DirectedGraph": "wis.graph",
    "RemovalOrder": "wis.order",
    "UndirectedGraph": "wis.graph",
    "WisError": "wis.errors",
    "advise": "wis.advice",
    "available_methods": "wis.methods",
    "removal_order": "wis.api",
    "sparsify": "wis.api",
    "verify_order": "wis.order.verify",
    "walk_index": "wis.graph.walks",
}


def __getattr__(name: str) -> Any:
    """Import a name of the menu, or a module of wis, when it is first asked for."""
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _modules() or f"wis.{name}" in MOVED:
        value = importlib.import_module(f"wis.{name}")
    else:
        raise AttributeError(f"module 'wis' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_modules()})


def _modules() -> list[str]:
    """The modules and packages in the folder of wis, found without importing them."""
    return [module.name for module in pkgutil.iter_modules(__path__)]
