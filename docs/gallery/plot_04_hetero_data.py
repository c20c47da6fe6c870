"""
Several types of edges
======================

In a ``HeteroData`` each type of edges has an ``edge_index`` of its own. Walk indices count
walks over all types together. ``per_type=True`` removes the same fraction of every type.
"""

import torch
from torch_geometric.data import HeteroData

import wis

# %%
# Authors write papers, papers have a topic. ``rev_writes`` holds the same edges as ``writes``,
# turned round.

generator = torch.Generator().manual_seed(0)
data = HeteroData()
data["author"].num_nodes, data["paper"].num_nodes, data["topic"].num_nodes = 30, 60, 6
writes = torch.stack(
    [torch.randint(30, (150,), generator=generator), torch.randint(60, (150,), generator=generator)]
)
data["author", "writes", "paper"].edge_index = writes
data["paper", "rev_writes", "author"].edge_index = writes.flip(0)
data["paper", "about", "topic"].edge_index = torch.stack(
    [torch.arange(60), torch.randint(6, (60,), generator=generator)]
)


def counts(graph):
    """Number of arcs of each type."""
    return {edge_type[1]: graph[edge_type].num_edges for edge_type in graph.edge_types}


print("before     ", counts(data))

# %%
# Without ``per_type`` the edges of all types compete.

print("all at once", counts(wis.sparsify(data, remove="40%")))

# %%
# With it, every type loses the same share. ``writes`` and its reverse lose the same edges.

cut = wis.sparsify(data, remove="40%", per_type=True)
print("per type   ", counts(cut))
forward = set(map(tuple, cut["author", "writes", "paper"].edge_index.t().tolist()))
backward = set(map(tuple, cut["paper", "rev_writes", "author"].edge_index.flip(0).t().tolist()))
print("reverse type in step:", forward == backward)

# %%
# A ``Data`` with an ``edge_type`` for each arc works in the same way.
