"""Graph neural networks: those of the thesis (GCN, GAT, GIN, ResGCN), GraphSAGE, and your own.

    model = build_model("gcn", in_dim, out_dim, depth=3, width=64, seed=0)
    logits = model(x, edge_index)                       # [num_nodes, out_dim]
    logits = model(x, edge_index, edge_weight=mask)     # mask: float [num_arcs], may need gradients

Every model has the same `forward(x, edge_index, edge_weight=None, batch=None)`. An edge weight, or
mask, is a float for each arc, a column of `edge_index`; 1 stands for an unmasked arc, 0 for a
missing one. It multiplies the arc's entry of the adjacency matrix *before* any normalisation, as
the edge masks of UGS do. So a weight of 0 equals the removal of the arc (exactly in real
arithmetic):

- GCN: the degrees are sums of weights, plus 1 for the self-loop, and gradients flow through the
  normalisation too;
- GIN: a message is multiplied by its weight;
- GAT: weights multiply the exponentials inside the softmax over a neighbourhood;
- ResGCN: weights multiply embeddings before the ReLU of a message, as published; here, and only
  here, a weight of 0 does not equal the removal. In its variant ``"layer-norm"`` they multiply the
  exponentials and the messages, since a softmax over one neighbour would ignore its weight;
- SAGE: the mean over neighbours is weighted.

Weights are expected to be at least 0; a GCN whose degrees are no longer positive returns NaN.
Self-loops of the input, and their weights, are ignored: every vertex has exactly one, of weight 1,
where a layer uses them (GCN, GAT), and its own term otherwise (GIN, ResGCN, SAGE); see Section
5.2.1. `x` may be a sparse tensor (`torch.sparse_csr` or `torch.sparse_coo`).

**Your own network** is a `torch.nn.Module` with ``forward(x, edge_index)`` that returns logits
[num_nodes, out_dim], made by ``MyNet(in_dim, out_dim, depth=..., width=...)``. Further parameters
with defaults are options of the model. In a file ``mymodule.py``:

    import torch
    from torch_geometric.nn import GCNConv
    class MyNet(torch.nn.Module):
        def __init__(self, in_dim, out_dim, depth=2, width=64):
            super().__init__()
            sizes = [in_dim] + [width] * (depth - 1) + [out_dim]
            self.layers = torch.nn.ModuleList(map(GCNConv, sizes[:-1], sizes[1:]))
        def forward(self, x, edge_index, edge_weight=None):
            for layer in self.layers[:-1]:
                x = layer(x, edge_index, edge_weight).relu()
            return self.layers[-1](x, edge_index, edge_weight)

Its name is then ``"mymodule:MyNet"``. Use it wherever wis takes the name of a model:
``train(data, TrainConfig("mymodule:MyNet"))``, ``wis bench run --models mymodule:MyNet``. It gets
dense features and runs at the speed of PyTorch Geometric. With a parameter
`edge_weight`, a factor for each arc, the method ``ugs`` can mask its edges, and it can train with
weights (``TrainConfig(..., edge_weight=True)``); with a parameter
`batch`, the graph of each vertex, it can predict graphs (``task="graph"``). Looking the name up
imports the module, so take such names from people you trust. ``@register("my-net",
summary="...")`` gives a class a name of its own.

The networks of wis use the operations of `wis.models.operators`, which have faster versions for
training. A subclass of `GraphNetwork` with a method `embed` can use them too.

Source: Appendices D.6.2.1 and D.6.2.2.
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
