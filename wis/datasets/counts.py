"""How many edges a graph has, and how many Table D.1 of the thesis says it has.

Table D.1 counts the columns of `to_undirected(edge_index)` and halves them: an edge has two columns
and counts one, a self-loop has one and counts a half. So it prints 31,396 for Chameleon, which has
31,371 edges and 50 self-loops, and 198,423 for Squirrel, which has 198,353 and 140. An edge of
`wis` joins two different vertices, and a self-loop is none.

For Amazon Computers the table prints 13,381 vertices and 245,861 edges, which are not of one graph.
The data set has 13,752 vertices and 245,861 edges. Its largest component has 13,381 vertices, and
245,778 edges, according to Shchur et al., *Pitfalls of Graph Neural Network Evaluation*, 2018. PyG
reads the whole data set, and so does `wis`. (Taken from their documentation; not checked on the
file.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def table_d1_edges(edge_index: Tensor, num_nodes: int) -> float:
    """Number of undirected edges as Table D.1 counts them.

    Args:
        edge_index: Integer tensor of shape [2, num_arcs] with vertex ids from 0 to num_nodes - 1;
            one direction of an edge is enough, repeats do not count.
        num_nodes: Number of vertices.

    Returns:
        The number of edges plus half the number of vertices with a self-loop.

    Cost: one sort of the arcs.

    References:
        Table D.1.
    """
    from torch_geometric.utils import to_undirected

    return int(to_undirected(edge_index, num_nodes=num_nodes).size(1)) / 2
