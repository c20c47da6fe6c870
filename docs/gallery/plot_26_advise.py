"""
How much may go, and what is gained
===================================

``wis advise`` answers for your own graph: how many edges may go, by which method, what the network
loses, and what is saved. It trains short runs on cut graphs and spends them where they decide.
"""

import shlex

import torch
from torch_geometric.data import Data

import wis
from wis import datasets
from wis.show import advice_as_text
from wis.show.advice_picture import advice_figure
from wis.training import TrainConfig
from wis_cli.main import run

torch.set_num_threads(1)


def wis_command(line):
    """Run a command as a shell would."""
    print("$ wis", line)
    assert run(shlex.split(line)) == 0


# %%
# In Python. The graph has two communities and noisy features. The network may lose 3 points of
# validation accuracy; among the cuts that do, the one is wanted whose predictions read the fewest
# edges. A budget in runs makes the search repeatable; ``budget="5min"`` is the default.

data = datasets.load("csbm:n=600,feature_signal=1.0,seed=1")
advice = wis.advise(
    data,
    max_loss="3%",
    budget="30runs",
    methods=["wis", "k-neighbor", "random"],
    config=TrainConfig("gcn", depth=2, width=16, learning_rate=0.02, max_epochs=60, patience=20),
)
print(advice_as_text(advice, "my-graph.pt"))

# %%
# The search chooses by validation scores. The test scores decide nothing, so their loss, with its
# 95 % interval, says what to expect. The last two lines cut the graph as advised, and so does
# ``advice.apply``:

print(advice.apply(data))

# %%
# Every marker is a mean over the seeds that were spent there.

figure = advice_figure(advice, "csbm, n = 600")

# %%
# A graph without labels is advised by its structure: how many of the walk indices are kept, which
# bound what a network can model. The command does the same, and ``--remove auto`` takes the answer.

bare = Data(edge_index=datasets.load("les-miserables").edge_index, num_nodes=77)
print(wis.advise(bare, methods=["wis", "random"]).summary)
wis_command("advise les-miserables --task structure --methods wis,random -o advice.png --force")

# %%
# Other goals: ``--goal training`` wants few arcs, ``--goal memory`` few bytes. Lists of graphs and
# ``task="link"`` are advised in the same way.
