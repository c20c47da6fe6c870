"""Names of attributes with a fixed meaning; `wis.graph.parts` has the rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wis.errors import OptionError, echo

EDGE_KEYS = frozenset({"edge_index", "edge_weight", "edge_attr", "edge_type", "e_id"})
VERTEX_KEYS = frozenset({"x", "feat", "pos", "batch", "node_type", "n_id", "tf"})
SIZED_VERTEX_KEYS = frozenset({"x", "feat", "pos", "batch", "node_type"})
OWN_NAMES = frozenset(
    {"edge_label_index", "pos_edge_label_index", "neg_edge_label_index", "hyperedge_index"}
    | {"src_index", "dst_index", "dst_pos_index", "dst_neg_index", "input_id", "seed_time"}
    | {"batch_size", "num_sampled_nodes", "root_n_id", "ptr"}
)
GRAPH_NAMES = frozenset({"y"})
SPLIT_WORDS = frozenset(
    {"train", "val", "valid", "validation", "test", "pos", "neg", "positive", "negative"}
)
MATRIX_NAMES = frozenset({"adj", "adj_t", "adjacency", "adj_matrix", "adjacency_matrix", "adj_mat"})
COUNTER_NAMES = frozenset({"num_edges", "num_arcs", "n_edges", "n_arcs"})
SAMPLED = "num_sampled_edges"
ARC_POINTERS = frozenset({"rowptr", "row_ptr", "colptr", "col_ptr", "indptr"})
STALE_NAMES: Mapping[str, str] = {
    "face": "triangles",
    "triangles": "triangles",
    "tri_index": "triangles",
    "triangle_index": "triangles",
    "triplets": "pairs of arcs",
    "triplet_index": "pairs of arcs",
    "angle_index": "pairs of arcs",
    "idx_kj": "positions of arcs",
    "idx_ji": "positions of arcs",
    "line_graph": "a graph of the arcs",
    "sub_edge_index": "subgraphs",
    "e_sub_batch": "subgraphs",
    "laplacian": "a matrix with the degrees",
    "lambda_max": "an eigenvalue of the graph",
}
DESCRIPTION_WORDS = frozenset(
    {"name", "names", "types", "classes", "columns", "vocab", "categories", "dim", "dims"}
    | {"count", "counts", "size", "sizes", "mean", "std", "min", "max"}
)
EDGE_WORDS = frozenset({"edge", "edges", "arc", "arcs"})
JOINED = re.compile(
    r"(?<![a-z])(edge|arc)"
    r"((?:weight|attr|type|label|feat|feature|kind|cost|length|mask|time|name|id)s?|index)(?![a-z])"
)


def words_of(name: str) -> list[str]:
    """The words of a name in lower case; those that `JOINED` matches are split in two.

    >>> words_of("my_edgeKind2"), words_of("my_edgekind"), words_of("knowledge")
    (['my', 'edge', 'kind'], ['my', 'edge', 'kind'], ['knowledge'])
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return " ".join(JOINED.sub(r"\1 \2", word.lower()) for word in words).split()


def has_edge_word(name: str) -> bool:
    """Whether one of the words of a name is edge or arc."""
    return not EDGE_WORDS.isdisjoint(words_of(name))


def checked_names(edge_attrs: Iterable[str]) -> tuple[str, ...]:
    """Names of attributes as a tuple; a single text is one name.

    Raises `OptionError` if the argument is not a list of names.
    """
    if isinstance(edge_attrs, str):
        return (edge_attrs,)
    names = tuple(edge_attrs) if isinstance(edge_attrs, Iterable) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise OptionError(
            f"edge_attrs is {echo(edge_attrs)}; expected names of attributes, such as ['weight']"
        )
    return names
