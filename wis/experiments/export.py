"""Rows of results as a flat table, csv or parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wis.errors import MissingDependencyError, ResultsError, UnknownNameError
from wis.experiments.results import Row
from wis.io.atomic import atomic_write

ENDINGS = (".csv", ".parquet")
BOOKKEEPING = ("type", "written", "measured")


def export_rows(rows: Sequence[Row], path: str | Path, *, force: bool = False) -> Path:
    """Write rows with a column for each field; nested fields are joined by a dot.

    Args:
        rows: Rows of results.
        path: Where to: `.csv` or `.parquet`.
        force: Replace a file that is already there.

    Raises:
        UnknownNameError: The ending is neither.
        ResultsError: There are no rows.
        MissingDependencyError: pandas is not installed, or for parquet pyarrow.
        OutputExistsError: The file exists and `force` is false.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UnknownNameError.among("format of exported rows", ending or str(path), ENDINGS)
    if not rows:
        raise ResultsError("there are no rows to export")
    try:
        import pandas as pd

        if ending == ".parquet":
            import pyarrow  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            "exporting rows needs pandas, and parquet pyarrow: pip install 'wis-sparsify[tables]'"
        ) from None
    plain = [{k: v for k, v in row.items() if k not in BOOKKEEPING} for row in rows]
    table = pd.json_normalize(plain)
    with atomic_write(path, force=force) as file:
        if ending == ".csv":
            table.to_csv(file, index=False)
        else:
            table.to_parquet(file, index=False)
    return path
