"""Graphs beyond one machine's memory: relaxed 1-WIS over folders of edge files.

- `wis.scale.files`, `wis.scale.texts`: folders of Parquet files or edge lists, batch by batch.
- `wis.scale.target`, `wis.scale.work`: the folder that appears when it is complete, and the work
  that outlives a failure.
- `wis.scale.locks`, `wis.scale.places`: one run at a time, and what it leaves.
- `wis.scale.vertices`: ids that are names, numbered out of core.
- `wis.scale.phases`: what a phase took, as a function of an edge's ends: no state per edge needed.
- `wis.scale.scan`, `wis.scale.stream`: edges on disk by priority, gone through block by block.
- `wis.scale.rounds`, `wis.scale.cluster`: the same over the partitions of a Dask cluster.
- `wis.scale.clients`: the way to the cluster, or a private one on this machine.
- `wis.scale.run`: all of it, from folder to folder.
"""

from wis.scale.run import FilesResult, sparsify_files

__all__ = ["FilesResult", "sparsify_files"]
