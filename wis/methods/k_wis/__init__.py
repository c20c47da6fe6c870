"""K-WIS and General WIS: orders by counts of walks of any length.

An edge is r arcs, one in a directed graph and two in an undirected one.

- `closed_walks`, `dense_walks`: the closed walks that the loss of an edge breaks;
- `walk_state`: the same for the walks of chosen partitions;
- `lazy_greedy`, `signatures`: which edge goes first;
- `two_wis`, `two_wis_front`: the special case of walks of length 2;
- `engines`: which engine runs, and its order; walks of length 1 in directed graphs;
- `certificate`, `general_certificate`, `certificate_walks`: whether an order obeys the rule; no
  code is shared with the engines.
"""
