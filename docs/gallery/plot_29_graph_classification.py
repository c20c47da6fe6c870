"""
Classify sparser graphs
=======================

A data set of many graphs is cut graph by graph. How much may go before a network confuses them?
"""

import matplotlib.pyplot as plt

from wis import datasets
from wis.training import TrainConfig, train
from wis.transforms import Sparsify

graphs = datasets.load("motifs:graphs=240,n=10,copies=1").to_data_list()
print(len(graphs), "graphs, the first is", graphs[0])

# %%
# Each graph holds one of three motifs, and its label says which. All graphs have as many vertices
# and edges, and all features are 1. So the network has to see how the edges are placed.
#
# ``Sparsify`` takes the list. ``train`` takes it too, and splits it by the seed of the run. Any
# data set of PyTorch Geometric can stand in its place.

config = TrainConfig("gin", task="graph", depth=3, width=16, learning_rate=0.02, max_epochs=60)
shares = (0.0, 0.25, 1.0)
scores = {
    method: [
        train(Sparsify(share, method=method)(graphs), config).test_accuracy for share in shares
    ]
    for method in ("wis", "random")
}
for method, values in scores.items():
    print(f"{method:8}", " ".join(f"{value:.2f}" for value in values))

figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for method, values in scores.items():
    axes.plot([100 * share for share in shares], values, marker="o", label=method)
axes.set(xlabel="edges removed of each graph (%)", ylabel="test accuracy")
axes.legend()
plt.show()

# %%
# Here 24 graphs are tested, so a point is a coarse number. The recipe ``graphs_motifs`` has 600
# graphs and several seeds. ``graphs_enzymes`` and ``graphs_mutag`` read their data sets from
# TUDataset (``dataset = "tu:ENZYMES"``). A recipe of your own says ``task = "graph"``. For lists
# that do not fit into memory at once, ``TrainConfig(sampler="graphs")`` trains in mini-batches.
