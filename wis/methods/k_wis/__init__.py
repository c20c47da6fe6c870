"""K-WIS and General WIS: orders by counts of walks of any length.

- `closed_walks`, `closed_arc_walks`, `dense_walks`, `dense_arc_walks`: what an edge's loss changes;
- `walk_state`, `arc_walk_state`: the same for the walks of chosen partitions;
- `lazy_greedy`, `signatures`, `ranking_by_signature`, `argmax`: who goes first;
- `two_wis`, `two_wis_dense`: the special case of walks of length 2;
- `certificate`, `general_certificate`: whether an order obeys the rule, by other means.
"""
