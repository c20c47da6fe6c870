"""Graph neural networks of the thesis: GCN, GAT, GIN and ResGCN over PyTorch Geometric's layers.

    model = build_model("gcn", in_dim, out_dim, depth=3, width=64, seed=0)
    logits = model(x, edge_index)                       # [num_nodes, out_dim]
    logits = model(x, edge_index, edge_weight=mask)     # mask: float [num_arcs], may need gradients

Every model has the same `forward(x, edge_index, edge_weight=None, batch=None)`. An edge weight, or
mask, is a float for each arc, a column of `edge_index`; 1 stands for an unmasked arc, 0 for one
that is not there. It multiplies the arc's entry of the adjacency matrix *before* anything is
normalised, as the edge masks of UGS do, so that a weight of 0 is the same as removing the arc,
exactly in real arithmetic, in every model:

- GCN: the degrees are sums of weights, plus 1 for the self-loop, and gradients flow through the
  normalisation too;
- GIN: a message is multiplied by its weight;
- GAT: weights multiply the exponentials inside the softmax over a neighbourhood;
- ResGCN: the same, and the message itself as well, since a softmax over one neighbour would ignore
  its weight.

Weights are expected to be at least 0; a GCN whose degrees are no longer positive returns NaN.
Self-loops of the input, and their weights, are ignored: every vertex has exactly one, of weight 1,
where a layer uses them (GCN, GAT), and its own term otherwise (GIN, ResGCN); see Section 5.2.1.

`x` may be a sparse tensor (`torch.sparse_csr` or `torch.sparse_coo`): the first layer multiplies it
by its weight matrix before it aggregates anything.

A model is a row of a table: `available_models` lists them, `register` adds one. Source: Appendices
D.6.2.1 and D.6.2.2.
"""

from __future__ import annotations

from wis.models.network import GraphNetwork, Task
from wis.models.registry import Architecture, available_models, build_model, get_model, register

__all__ = [
    "Architecture",
    "GraphNetwork",
    "Task",
    "available_models",
    "build_model",
    "get_model",
    "register",
]
