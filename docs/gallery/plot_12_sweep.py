"""
A one-minute sweep and its plot
===============================

How well does a network predict after a cut? A sweep trains one network for each method, level
and seed. This is the command line, called from Python so that the page can show what it prints.
"""

import shlex

from wis_cli.main import run


def wis(line):
    """Run a command as a shell would."""
    print("$ wis", line)
    assert run(shlex.split(line)) == 0


# %%
# The graph is drawn by a contextual block model: two communities, noisy features, the label is
# the community. A network needs the edges to tell the labels. Replace ``--dataset`` by your own
# file with ``x`` and ``y``, or a name such as ``cora``.

wis(
    "bench run --dataset csbm:n=1000,feature_signal=1.0 --models gcn --methods wis,random"
    " --remove 0%,50%,80%,100% --seeds 3 --epochs 60 --learning-rate 0.01 --results sweep.jsonl"
)

# %%
# Finished runs are appended to the results file at once. The same command goes on after an
# interruption.
#
# The table has means and standard deviations in percent, then differences to ``random`` that are
# paired by seed. An interval that contains 0 says that the seeds do not decide which method is
# better.

wis("bench table sweep.jsonl")

# %%
# And the figure. ``--remove 0%`` and ``100%`` are the two ends: the difference between them is
# what the edges are worth to this network.

wis("bench plot sweep.jsonl -o sweep.png")

# %%
# ``wis bench run one_minute --jobs 2`` is a recipe of this kind with five seeds and the spectral
# method beside it. ``wis bench report sweep.jsonl -o report.html`` makes a page with tables,
# figures and settings to pass on. For a result to publish, take more seeds, several splits and no
# limit of epochs: ``wis bench list`` names the recipes of the thesis' figures.
