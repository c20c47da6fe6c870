"""
A folder of edges, larger than memory
=====================================

``wis.scale.sparsify_files`` reads a folder of Parquet files or edge lists block by block. It
needs memory for the vertices and one block of edges, never for all edges.
"""

import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch

import wis
from wis import datasets
from wis.scale import sparsify_files

# %%
# A folder of four Parquet files, one row for each edge, with a column that rides along. (Four
# million edges would look the same.)

data = datasets.load("rmat:scale=10,edges=12000")
pairs = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
table = pd.DataFrame({"source": pairs[0], "target": pairs[1], "line": range(pairs.size(1))})
for name in ("edges", "edges-sparse"):
    shutil.rmtree(name, ignore_errors=True)
Path("edges").mkdir()
for part in range(4):
    table.iloc[part::4].to_parquet(f"edges/part-{part}.parquet", index=False)

# %%
# Half of the edges go by *relaxed* 1-WIS: many at once, each at most 10 % below the best
# (``epsilon=0.1``).

result = sparsify_files("edges", "edges-sparse", remove="50%", epsilon=0.1)
print(f"{result.num_edges} edges, {result.num_removed} removed in {result.num_phases} phases")
for path in sorted(Path("edges-sparse").iterdir()):
    print(path.name, len(pd.read_parquet(path)), "rows")

# %%
# The edges that are left are those of the same rule in memory, whatever the block size or the
# order of the files:

left = pd.concat(pd.read_parquet(path) for path in Path("edges-sparse").glob("*.parquet"))
in_memory = wis.sparsify(data, remove="50%", epsilon=0.1).edge_index
from_files = set(zip(left.source.tolist(), left.target.tolist(), strict=True))
print(from_files == {(u, v) for u, v in in_memory.t().tolist() if u < v})
print(torch.unique(in_memory).numel(), "vertices still have an edge")

# %%
# Hubs lose most of their edges, vertices of small degree keep theirs:

degrees = {
    "before": torch.bincount(data.edge_index[0]),
    "after": torch.bincount(in_memory[0]),
}
figure, axes = plt.subplots(figsize=(5.5, 3.3), layout="constrained")
for name, degree in degrees.items():
    axes.loglog(degree[degree > 0].sort(descending=True).values, label=name)
axes.set(xlabel="vertices, sorted", ylabel="degree")
axes.legend()
plt.show()

# %%
# On the command line: ``wis sparsify edges/ --engine stream --epsilon 0.1 --remove 50% -o
# edges-sparse/``. After a kill or a full disk the same command goes on where it was.
