"""Table 5.1: its data sets, training, and the printed table.

- `table5_1_recipe`, `table5_1`: what is run, and the runs; `table5_1_text`: the table;
- `patch_graphs`: images as graphs of patches;
- `shared_structure`, `twin_attention`, `shared_run`: a network on many such graphs,
  whose vertices with equal neighbourhoods are computed once.
"""
