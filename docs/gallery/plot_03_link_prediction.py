"""
Link prediction
===============

In link prediction the edges have two roles: messages run along some, others are to be
predicted. Only the first may be cut.
"""

import torch
import torch_geometric.transforms as T

from wis import datasets
from wis.show import plot_sparsification
from wis.transforms import WalkIndexSparsification

# %%
# ``RandomLinkSplit`` puts the edges to predict into ``edge_label_index``. The cut comes after it,
# and leaves ``edge_label_index`` and ``edge_label`` alone.

torch.manual_seed(0)
split = T.RandomLinkSplit(is_undirected=True, add_negative_train_samples=False)
cut = WalkIndexSparsification(remove="50%")
train, validation, test = split(datasets.load("les-miserables"))
sparse_train, sparse_validation, sparse_test = cut([train, validation, test])

for name, before, after in [
    ("train", train, sparse_train),
    ("validation", validation, sparse_validation),
    ("test", test, sparse_test),
]:
    assert torch.equal(before.edge_label_index, after.edge_label_index)
    print(
        f"{name:10} message arcs {before.num_edges:3d} -> {after.num_edges:3d}, "
        f"edges to predict {after.edge_label.numel()}"
    )

plot_sparsification(train, sparse_train, "messages.png", title="message edges in training")

# %%
# In training and validation messages run along the same edges. Both are cut by the same rule from
# the same graph, so they lose the same edges:

print(torch.equal(sparse_train.edge_index, sparse_validation.edge_index))

# %%
# An edge that is predicted in training can also carry messages (``disjoint_train_ratio=0``). To
# keep these edges whatever the method says, pass them as ``protect`` to ``wis.sparsify``.
#
# ``wis.training.split_links`` makes such a split with a seed, and :doc:`plot_28_link_harness`
# measures how well a network predicts after the cut.
