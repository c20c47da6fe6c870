"""What a Parquet table takes once it is read, found out from its footer.

The footer says how many values each chunk of a column has, and how long its pages are unpacked. A
run of equal numbers takes a few bytes in a page, so numbers are counted by the values. A text that
is repeated stands once in its chunk; where that could add up, texts are measured in small batches
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wis.io.limits import BYTES_PER_FIELD
from wis.io.source import ReadOptions

_ROWS_AT_A_TIME = 65_536
_AS_LONG_AS_THEIR_PAGES = {"PLAIN", "RLE", "BIT_PACKED"}
_DICTIONARIES = {"PLAIN_DICTIONARY", "RLE_DICTIONARY"}
_COPIES = 3  # of a text: in the table, as a Python text, and in the list of names


def check_table_size(file: BinaryIO, path: Path, options: ReadOptions) -> None:
    """Raise `GraphFormatError` if a Parquet table takes more memory than reading may."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        columns = [_Column.of(table, number) for number in range(table.metadata.num_columns)]
    fixed = sum(column.fixed_bytes for column in columns)
    texts = sum(column.text_bytes for column in columns)
    options.check_size(path, fixed + _COPIES * texts, "the table")
    allowed = (options.limit - fixed) // _COPIES
    doubtful = [column for column in columns if column.longest_texts > allowed - texts]
    for column in doubtful:
        for measured in column.measured(file, allowed):
            texts += measured
            options.check_size(path, fixed + _COPIES * texts, "the table", so_far=True)


@dataclass(frozen=True)
class _Column:
    """The chunks of a column of leaves.

    Attributes:
        path: Its name; those of nested columns have several parts.
        nested: Whether it is a part of lists or records.
        fixed_bytes: What its values take apart from the texts.
        text_bytes: Texts whose length the footer says.
        longest_texts: An upper bound on the length of all other texts.
        longest_text: An upper bound on the length of one of these.
        in_dictionaries: Whether these stand in dictionaries, all of them.
    """

    path: str
    nested: bool
    fixed_bytes: int
    text_bytes: int
    longest_texts: int
    longest_text: int
    in_dictionaries: bool

    @classmethod
    def of(cls, table: Any, number: int) -> _Column:
        """From the footer of a `ParquetFile`."""
        leaf, footer = table.schema.column(number), table.metadata
        chunks = [footer.row_group(group).column(number) for group in range(footer.num_row_groups)]
        width = BYTES_PER_FIELD + (leaf.length if leaf.physical_type.startswith("FIXED") else 0)
        fixed = width * sum(chunk.num_values for chunk in chunks)
        known = sum(chunk.total_uncompressed_size for chunk in chunks)
        unknown = []
        if leaf.physical_type == "BYTE_ARRAY":
            unknown = [c for c in chunks if not set(c.encodings) <= _AS_LONG_AS_THEIR_PAGES]
        others = [set(c.encodings) - _AS_LONG_AS_THEIR_PAGES - _DICTIONARIES for c in unknown]
        return cls(
            leaf.path,
            leaf.path != leaf.name or leaf.max_repetition_level > 0,
            fixed,
            known,
            sum(chunk.num_values * chunk.total_uncompressed_size for chunk in unknown),
            max((chunk.total_uncompressed_size for chunk in unknown), default=0),
            not any(others),
        )

    def measured(self, file: BinaryIO, allowed: int) -> Iterator[int]:
        """Bytes of the texts of a batch, batch by batch; none is long if `allowed` is not."""
        from pyarrow import parquet

        plain = self.nested or not self.in_dictionaries
        rows = max(1, min(_ROWS_AT_A_TIME, allowed // max(1, self.longest_text)))
        with parquet.ParquetFile(file, read_dictionary=[] if plain else [self.path]) as table:
            for batch in table.iter_batches(
                batch_size=rows if plain else _ROWS_AT_A_TIME, columns=[self.path]
            ):
                yield sum(_text_bytes(column) for column in batch.columns)


def _text_bytes(column: Any) -> int:
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = compute.binary_length(column.dictionary).take(column.indices)
    return int(compute.sum(lengths).as_py() or 0)
