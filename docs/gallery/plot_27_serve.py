"""
Serving: accuracy against the cost of a prediction
==================================================

To predict one vertex, a network of depth L reads the arcs within L hops of it. A cut graph has
fewer of them, and a hub that loses its edges no longer leads to everything else. So the number of
edges that a prediction reads falls faster than the number of edges.
"""

import shlex

import torch

import wis
from wis.measure.serving import edges_read
from wis_cli.main import run


def command(line):
    """Run a command as a shell would."""
    print("$ wis", line)
    assert run(shlex.split(line)) == 0


# %%
# Edges read are counted on the graph. They do not depend on a machine or a network. Here is the
# mean over 200 vertices of a graph with heavy-tailed degrees, with half of its edges removed.

graph = wis.datasets.load("barabasi-albert:n=5000,degree=8")
some = torch.arange(0, 5000, 25)
whole = edges_read(graph, some, depth=2).double().mean()
for method in ("wis", "k-neighbor", "random"):
    cut = wis.sparsify(graph, remove="50%", method=method, seed=0)
    left = edges_read(cut, some, depth=2).double().mean()
    print(f"{method:10}: {whole:.0f} edges read before, {left:.0f} after, {whole / left:.1f} x")

# %%
# ``wis bench serve`` trains a network on each cut graph and times its predictions in turns with
# those on the whole graph: single vertices, batches, all vertices at once, with full neighbourhoods
# and with neighbour sampling. The last tables give the highest speed-up of each method within a
# loss of accuracy. On a graph as small as this one, calls cost more than edges; look at the edges
# read.

command(
    "bench serve csbm:n=1000,feature_signal=1.0 --models gcn --methods wis,k-neighbor"
    " --remove 0%,50%,75% --epochs 60 --learning-rate 0.01 --batch-sizes 1,32"
    " --results serve.jsonl --plot serve.png"
)

# %%
# The picture has a curve for each method. Settings on the front, which no other setting beats in
# accuracy at the same cost or less, are ringed and named. Several ``--seeds`` give intervals.
# ``wis bench serve GRAPH --no-train`` measures costs alone, for a graph without features and
# labels. The recipes ``serve_debian``, ``serve_wordnet``, ``serve_tolokers`` and
# ``serve_squirrel`` take real graphs.
