"""Write rows of results as a flat table, in csv or parquet.

Spreadsheets run a cell of a csv file such as ``=1+1`` as a formula. Such a text gets an apostrophe
before it, as OWASP advises. Numbers stay numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wis.base.atomic import atomic_write
from wis.errors import MissingDependencyError, ResultsError, UnknownNameError
from wis.experiments.results import Row

ENDINGS = (".csv", ".parquet")
BOOKKEEPING = ("type", "written", "measured")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST = 2**63 - 1


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula.

    >>> [guarded(text) for text in ("=1+1", "-0.5", "-x", "2-WIS")]
    ["'=1+1", '-0.5', "'-x", '2-WIS']
    """
    is_safe = not text.startswith(FORMULA) or NUMBER.fullmatch(text)
    return text if is_safe else f"'{text}"


def export_rows(rows: Sequence[Row], path: str | Path, *, force: bool = False) -> Path:
    """Write rows with a column for each field; a dot joins the names of nested fields.

    The name of the file ends in `.csv` or `.parquet`. Lists are written as JSON. So is a parquet
    column whose values have different types.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UnknownNameError.among("format of exported rows", ending or str(path), ENDINGS)
    if not rows:
        raise ResultsError("there are no rows to export")
    try:
        import pandas as pd
    except ImportError:
        raise MissingDependencyError.of("exporting rows needs pandas", "tables") from None
    plain = [{k: v for k, v in row.items() if k not in BOOKKEEPING} for row in rows]
    table = pd.json_normalize(plain)
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            cells = table[name].astype(object).map(_plain_cell)
            table[name] = cells.map(_csv_cell) if ending == ".csv" else _of_one_type(cells)
    with atomic_write(path, force=force) as file:
        if ending == ".csv":
            table.rename(columns=lambda name: guarded(str(name))).to_csv(file, index=False)
        else:
            table.to_parquet(file, index=False)
    return path


def _plain_cell(value: Any) -> Any:
    """Return a text or number as it is, a missing value as None, any other value as JSON."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    is_large = isinstance(value, int) and abs(value) > LARGEST
    return json.dumps(value) if is_large or not isinstance(value, (str, int, float)) else value


def _csv_cell(cell: Any) -> Any:
    """Guard a text, and escape returns, since some readers take them for the end of a line."""
    return guarded(cell.replace("\r", "\\r")) if isinstance(cell, str) else cell


def _of_one_type(column: Any) -> Any:
    """Return a column that parquet can hold, as JSON if its values have different types."""
    types = {type(value) for value in column if value is not None}
    if len(types) < 2 or types == {int, float}:
        return column
    return column.map(lambda value: value if value is None else json.dumps(value))
