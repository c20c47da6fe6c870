"""
On a Dask cluster
=================

``engine="dask"`` does the same as ``engine="stream"`` over the partitions of a cluster.
"""

import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from dask.distributed import Client, LocalCluster

from wis import datasets
from wis.scale import sparsify_files

data = datasets.load("rmat:scale=9,edges=4000")
pairs = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
for name in ("edges-dask", "edges-streamed", "edges-clustered"):
    shutil.rmtree(name, ignore_errors=True)
Path("edges-dask").mkdir()
for part in range(2):
    half = pairs[:, part::2]
    pd.DataFrame({"source": half[0], "target": half[1]}).to_parquet(f"edges-dask/{part}.parquet")

# %%
# Here the cluster is one process with two threads. A real one has an address such as
# ``tcp://host:8786``. Without an address wis starts a private cluster on this machine, which
# listens on 127.0.0.1 alone. ``engine="spark"`` does the same with Spark's executors: on the Spark
# session of this process, or with ``master="spark://host:7077"``.

with (
    LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster,
    Client(cluster) as client,
):
    result = sparsify_files(
        "edges-dask",
        "edges-clustered",
        remove="50%",
        engine="dask",
        scheduler_address=client.scheduler.address,
    )
print(f"{result.num_removed} of {result.num_edges} edges removed in {result.num_phases} phases")

# %%
# The result is that of the other engines.


def edges_of(folder):
    """The edges in a folder of Parquet files."""
    table = pd.concat(pd.read_parquet(path) for path in Path(folder).glob("*.parquet"))
    return set(zip(table.source, table.target, strict=True))


sparsify_files("edges-dask", "edges-streamed", remove="50%")
print(edges_of("edges-clustered") == edges_of("edges-streamed"))

# %%
# The edges as dots of the adjacency matrix, before and after:

figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.7), layout="constrained")
for axes, folder in zip(panels, ("edges-dask", "edges-clustered"), strict=True):
    found = edges_of(folder)
    axes.scatter(*zip(*found, strict=True), s=1)
    axes.set(title=f"{folder}: {len(found)} edges", xlabel="target", ylabel="source")
plt.show()
