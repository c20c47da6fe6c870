"""What a Parquet table takes once it is read, found out before it is.

A run of equal numbers takes a few bytes in a file, so numbers are counted by the rows. A text that
is repeated stands once in its page, as does what is common to the beginnings of texts; lists can
have any length. Where that could add up to too much, such columns are first read in batches that
are small enough, and measured.

The details that a footer has on each column are not asked for: pyarrow ends the whole process if
some of them contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from wis.base.limits import BYTES_PER_FIELD
from wis.base.source import ReadOptions

_ROWS_AT_A_TIME = 65_536
_ROWS_AT_LEAST = 16  # with fewer, measuring an honest table takes longer than reading it
_COPIES = 3  # of a text: in the table, as a Python text, and in the list of names


def check_table_size(file: BinaryIO, path: Path, options: ReadOptions) -> None:
    """Raise `GraphFormatError` if a Parquet table takes more memory than reading may."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        footer = table.metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        leaves = [table.schema.column(number) for number in range(footer.num_columns)]
        rows = max(footer.num_rows, sum(group.num_rows for group in groups))
        fixed = rows * sum(_width(leaf) for leaf in leaves)
        options.check_size(path, fixed, "the table")
        varying = [leaf.path for leaf in leaves if _varies(leaf)]
        largest = max((group.total_byte_size for group in groups), default=0)
        allowed = (options.limit - fixed) // _COPIES
        if not varying or rows * largest * len(varying) <= allowed:
            return
        total = 0
        for num_bytes in _measured(table, varying, allowed // max(1, largest * len(varying))):
            total += num_bytes
            options.check_size(path, fixed + _COPIES * total, "the table", so_far=True)


def _width(leaf: Any) -> int:
    stated = leaf.length if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
    return BYTES_PER_FIELD + int(stated)


def _varies(leaf: Any) -> bool:
    """Whether the values of a column differ in length, or are lists."""
    return bool(leaf.physical_type == "BYTE_ARRAY" or leaf.max_repetition_level > 0)


def _measured(table: Any, columns: list[str], rows: int) -> Iterator[int]:
    """Bytes of columns, batch by batch; `rows` are few enough even if all texts are long."""
    size = min(max(rows, _ROWS_AT_LEAST), _ROWS_AT_A_TIME)
    for batch in table.iter_batches(batch_size=size, columns=columns, use_threads=False):
        yield batch.nbytes
