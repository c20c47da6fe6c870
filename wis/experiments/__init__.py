"""The thesis' experiments: from a recipe to rows to a table.

`wis.experiments.table5_1` is Table 5.1, on the graphs of `wis.experiments.patch_graphs`.
"""
