"""From edge files to the shards of a cluster: each edge once, whichever files its rows are in.

Dask's dataframes do the work: they bring equal rows into one partition and drop the repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wis.scale.files import EdgeFiles
from wis.scale.phases import edges_of_rows
from wis.scale.storage import save_array
from wis.scale.vertices import Vertices

if TYPE_CHECKING:
    from wis.scale.run import Job

SHARD_EDGES = 1 << 22


def write_shards(client: Any, job: Job, vertices: Vertices, rows: int) -> list[int]:
    """Write the edges of a folder, each once, as arrays of shape [2, k].

    Args:
        client: The cluster.
        job: The folder and the work folder.
        vertices: What ids mean.
        rows: Number of rows.

    Returns:
        The number of edges of each shard.
    """
    import dask
    import dask.dataframe as dd
    import pandas as pd

    meta = pd.DataFrame({"u": np.zeros(0, np.uint32), "v": np.zeros(0, np.uint32)})
    workers = len(client.scheduler_info()["workers"]) or 1
    num_shards = max(1, min(-(-rows // SHARD_EDGES), 4096), min(4 * workers, rows // 1000))
    frame = dd.from_map(
        _edges_of_file,
        range(len(job.files.paths)),
        files=job.files,
        num_nodes=vertices.num_nodes,
        names=vertices.names,
        meta=meta,
    )
    if len(job.files.paths) > 1 or num_shards > 1:
        frame = frame.drop_duplicates(split_out=num_shards)
    write = dask.delayed(_write_shard)
    parts = [write(part, job.folder.url, number) for number, part in enumerate(frame.to_delayed())]
    sizes: list[int] = client.gather(client.compute(parts))
    return sizes


def _edges_of_file(index: int, *, files: EdgeFiles, num_nodes: int, names: str | None) -> Any:
    """The edges of one file, each once, as a dataframe."""
    import pandas as pd

    vertices = Vertices(num_nodes, names)
    parts = [np.zeros((2, 0), np.uint32)]
    for a, b in files.pairs(index, as_names=vertices.texts):
        edges, proper = edges_of_rows(vertices.number(a), vertices.number(b), 0)
        parts.append(np.stack([edges.u[proper], edges.v[proper]]).astype(np.uint32))
    u, v = np.concatenate(parts, axis=1)
    return pd.DataFrame({"u": u, "v": v}).drop_duplicates()


def _write_shard(part: Any, folder: str, number: int) -> int:
    edges = part[["u", "v"]].to_numpy(np.uint32).T
    save_array(f"{folder}/edges-{number:05d}.npy", np.ascontiguousarray(edges))
    return int(edges.shape[1])
