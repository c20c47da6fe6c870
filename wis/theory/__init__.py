"""The theory of the thesis as code: bounds of the interaction that graph neural networks can model.

`factorization` has Chapters 1 to 3, `table5_1` the experiment of Table 5.1. The modules of Chapter
5, in the order in which they build on each other:

- `typed_graph`: graphs in which every vertex has a self-loop and every arc has a type;
- `product_gnn`: networks with product aggregation, Equations (5.2) to (5.5) and (D.1);
- `tensor_network`: the tree tensor networks of Equations (D.6) and (D.7);
- `partitioned_network`: a product network, its graph, and one side of a partition of the vertices;
- `min_cut`: the least modified multiplicative cut weight in them, Definition 19 and Lemma 51;
- `admissible`, `bounds`: Theorems 7, 8, 10 and 11; `witness`: a matrix that proves Theorem 8;
- `separation_rank`: the separation rank of any function, measured on a grid;
- `generic_rank`: the rank of product networks for almost all weights, exactly or in the interval
  that `rank_bounds` proves from the graph; `network_values` and `residues` compute it modulo a
  prime, and `forecasts` its cost;
- `figure5_2`: Figure 5.2; `preserved`: the effect of sparsification on walk indices and bounds;
- `influence`: whether keeping walk indices keeps long-range influence of trained networks.

    >>> from wis import datasets, theory
    >>> graph = theory.TypedGraph.from_any(datasets.load("karate"))
    >>> theory.SeparationBounds(graph, [0, 1, 2], depth=2, width=2, target=8).walk_index
    5

Names of the menu are imported on first use. The functions `min_cut` and `separation_rank` are in
the modules of the same names. Source: Chapter 5 and Appendix D of the thesis; Razin, Verbin, Cohen,
NeurIPS 2023, arXiv:2211.16494.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "ProductGNN": "product_gnn",
    "RankProblem": "generic_rank",
    "SeparationBounds": "bounds",
    "TypedGraph": "typed_graph",
    "build_tensor_network": "tensor_network",
    "network_size": "tensor_network",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Import a name of the menu on its first use."""
    if name not in __all__:
        raise AttributeError(f"module 'wis.theory' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"wis.theory.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
