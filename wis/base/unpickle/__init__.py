"""Read files of `torch.save` without running code that they name.

`load` is safe for files from untrusted sources. For tensors, numpy arrays, plain containers and the
data objects of PyG it returns the same object as `torch.load`. It refuses all other objects.

- `machine` turns the pickle into nodes and calls no function of the file;
- `archive` finds the pickle and the bytes of the tensors in the file;
- `values` turns nodes into values by the makers in `tensors`, `arrays`, `graphs` and `containers`,
  which check all parts that they use.

Neither the allow-list of torch nor PyG's additions to it are used.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from wis.base.limits import default_max_memory
from wis.base.unpickle import arrays, containers, graphs, tensors
from wis.base.unpickle.archive import open_archive
from wis.base.unpickle.graphs import DATA, class_of
from wis.base.unpickle.nodes import Name
from wis.base.unpickle.values import Budget, Builder

_PLAIN_MAKERS = {**containers.MAKERS, **arrays.MAKERS, **tensors.MAKERS}
_PLAIN_NAMES = containers.ONLY_NAMED | arrays.ONLY_NAMED | tensors.ONLY_NAMED

MAKERS = {**_PLAIN_MAKERS, **graphs.MAKERS}
"""Our own function for each name that a file may call."""

PLAIN = frozenset({*_PLAIN_MAKERS, *_PLAIN_NAMES, *tensors.DTYPES, *tensors.STORAGE_TYPES})
"""Every name that may occur in a file without graphs."""

KNOWN = PLAIN | graphs.MAKERS.keys() | graphs.ONLY_NAMED
"""Every name that may occur in a file."""


def load(file: BinaryIO, *, limit: int | None = None, graphs: bool = True) -> Any:
    """The saved object, with every tensor on the CPU.

    Args:
        file: Open for reading, seekable.
        limit: Largest number of bytes of memory; by default that of `wis.base.limits`.
        graphs: Whether data objects of PyG are allowed.

    Raises:
        UnsafePickleError: The file names a class or function that is not allowed.
        GraphFormatError: The file is damaged, or too large.

    >>> import io, torch
    >>> file = io.BytesIO()
    >>> torch.save({"edge_index": torch.tensor([[0, 1], [1, 2]])}, file)
    >>> load(file)["edge_index"].tolist()
    [[0, 1], [1, 2]]
    """
    limit = default_max_memory() if limit is None else limit
    archive = open_archive(file, KNOWN if graphs else PLAIN, tensors.STORAGE_TYPES, limit)
    builder = Builder(archive, MAKERS, tensors.DTYPES, Budget(archive.num_bytes, limit))
    if isinstance(archive.root, tuple):  # a data set of PyG's ends in the class of its graphs
        return tuple(_part(builder, node) for node in archive.root)
    return builder.value(archive.root)


def _part(builder: Builder, node: Any) -> Any:
    if isinstance(node, Name) and node.pair in DATA:
        return class_of(node.pair)
    return builder.value(node)
