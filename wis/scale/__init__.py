"""Graphs beyond one machine's memory: relaxed 1-WIS over folders of edge files.

- `wis.scale.files`: folders of Parquet or csv files, read and written batch by batch.
- `wis.scale.vertices`: ids that are names, numbered out of core.
- `wis.scale.phases`: what a phase took, as a function of an edge's ends: no state per edge needed.
- `wis.scale.scan`, `wis.scale.stream`: edges on disk by priority, gone through block by block.
- `wis.scale.rounds`, `wis.scale.cluster`: the same over the partitions of a Dask cluster.
- `wis.scale.run`: all of it, from folder to folder.
"""

from wis.scale.run import FilesResult, sparsify_files

__all__ = ["FilesResult", "sparsify_files"]
