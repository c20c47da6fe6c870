"""A file of rows, one JSON object a line, that survives a kill at any moment.

A row is appended by a single write and flushed to the disk. What a killed process left of a line is
ignored when reading, and the next row starts a line of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wis.errors import GraphFileError, GraphFormatError


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """All complete rows; none if the file does not exist.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: A complete line is no JSON object.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GraphFileError(f"{path}: cannot be read: {error.strerror}") from None
    rows = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        row = _parsed(line)
        if row is not None:
            rows.append(row)
        elif line and not line.startswith(b"{"):  # one that does was not finished
            raise GraphFormatError(f"{path} line {number}: no JSON object; is it a file of rows?")
    return rows


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def append_row(path: str | Path, row: Mapping[str, Any]) -> None:
    """Append a row; it is on the disk when this returns.

    Raises:
        GraphFileError: The file cannot be written.
    """
    line = json.dumps(row, ensure_ascii=False, sort_keys=False).encode() + b"\n"
    try:
        with open(path, "ab+", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a line that was never finished
                    line = b"\n" + line
            file.write(line)
            os.fsync(file.fileno())
    except OSError as error:
        raise GraphFileError(f"{path}: cannot be written: {error.strerror}") from None
