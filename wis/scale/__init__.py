"""Graphs beyond one machine's memory: relaxed 1-WIS over folders of edge files.

- `wis.scale.storage`: any file system, and the names of all files that a run makes.
- `wis.scale.files`, `wis.scale.texts`, `wis.scale.archives`: folders of Parquet files, edge lists
  or archives of numpy, batch by batch.
- `wis.scale.vertices`: ids that are names, numbered on disk.
- `wis.scale.output`, `wis.scale.locks`, `wis.scale.work`: the output folder, one run at a time, and
  the work folder from which a failed run continues.
- `wis.scale.phases`: one phase of the relaxed rule, saved as two numbers per vertex.
- `wis.scale.job`: a checked request, and the steps that all engines share.
- `wis.scale.stream`: the engine for one machine, which reads edges from disk block by block.
- `wis.scale.cluster`, `wis.scale.shards`, `wis.scale.rounds`: the driver of a cluster, its tasks.
- `wis.scale.clients`, `wis.scale.spark`: Dask and Spark, which run the tasks.
- `wis.scale.run`: `sparsify_files`, the public function.
"""

from wis.scale.run import FilesResult, sparsify_files

__all__ = ["FilesResult", "sparsify_files"]
