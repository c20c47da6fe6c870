"""
Link prediction, measured
=========================

How many messages does link prediction need? ``split_links`` holds out edges, ``wis.sparsify`` cuts
the edges that carry messages, and ``train`` measures how well the held-out edges are found.
"""

import matplotlib.pyplot as plt

import wis
from wis import datasets
from wis.training import TrainConfig, split_links, train

data = datasets.load("digits")  # images of digits, joined to those that look alike
split = split_links(data, seed=0)
print(split)

# %%
# Of the pairs in ``edge_label_index``, those with ``edge_label_split`` 0 are for training, 1 for
# validation and 2 for the test. No edge of validation or test carries messages. A cut takes
# messages only:

sparse = wis.sparsify(split, remove="50%")
print(f"message arcs {split.num_edges} -> {sparse.num_edges}")
print("pairs to predict", split.edge_label.numel(), "->", sparse.edge_label.numel())

# %%
# A network gives embeddings, and the inner product of two embeddings is the score of a pair. Each
# epoch compares the training edges with new random pairs. The area under the ROC curve (AUC) of the
# validation pairs ends the run.

config = TrainConfig("gcn", task="link", depth=2, width=16, learning_rate=0.02, max_epochs=25)
shares = (0.0, 0.5, 0.9)
scores = {
    method: [
        train(wis.sparsify(split, remove=share, method=method), config).test_auc for share in shares
    ]
    for method in ("wis", "random")
}
for method, values in scores.items():
    print(f"{method:8}", " ".join(f"{value:.3f}" for value in values))

figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for method, values in scores.items():
    axes.plot([100 * share for share in shares], values, marker="o", label=method)
axes.set(xlabel="message edges removed (%)", ylabel="test AUC")
axes.legend()
plt.show()

# %%
# ``record.metrics`` has the mean reciprocal rank and the hits. One seed decides nothing: the recipe
# ``link_cora`` runs five, and ``wis bench table`` prints their means and paired intervals.
# A recipe of your own says ``task = "link"``.
