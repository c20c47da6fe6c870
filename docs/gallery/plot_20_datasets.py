"""
Graphs by name
==============

Small graphs come with wis, others are drawn by a seeded generator, real ones are downloaded at
first use. Every name works in Python and on the command line.
"""

import matplotlib.pyplot as plt
import networkx as nx

from wis import datasets
from wis.measure.facts import graph_facts
from wis.show import facts_as_text

# %%
# An embedded graph, and what ``wis inspect`` says about it:

print(facts_as_text(graph_facts(datasets.load("les-miserables"))))

# %%
# A generator with parameters. The same text gives the same graph on every machine.

print(datasets.load("rmat:scale=10,edges=8000,seed=3"))
print(datasets.load("sbm:n=200,blocks=4,p_in=0.1,p_out=0.01"))

figure, panels = plt.subplots(1, 3, figsize=(10, 3.5), layout="constrained")
for axes, name in zip(
    panels, ("karate", "barabasi-albert:n=60,degree=2", "sbm:n=60,p_in=0.3"), strict=True
):
    graph = nx.Graph(datasets.load(name).edge_index.t().tolist())
    nx.draw_networkx(
        graph,
        ax=axes,
        node_size=18,
        with_labels=False,
        edge_color="#999",
        pos=nx.kamada_kawai_layout(graph),
    )
    axes.set_title(name, fontsize=10)
    axes.set_axis_off()
plt.show()

# %%
# Real data sets lie below ``$WIS_DATA_ROOT`` or in a cache folder, and are downloaded if they are
# missing: ``datasets.load("cora")``, ``datasets.load("cora:split=public")``. These are known:

for dataset in datasets.available_datasets():
    print(f"{dataset.name:16} {dataset.summary}")
