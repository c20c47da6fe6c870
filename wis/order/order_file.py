"""Reading an order file, and checking it before an order is made of it.

An order file is an `.npz` archive of two arrays: `header`, the bytes of a JSON object, and `edges`.
An order of drawn edges adds `rate` and `arrival`, float64 [m] by edge id (`wis.methods.draws`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wis.base.archive import read_archive
from wis.base.limits import parse_size
from wis.base.source import ReadOptions, open_input
from wis.errors import GraphFormatError, UnsafePickleError, echo
from wis.graph import MAX_NUM_NODES
from wis.methods.draws import Draws

FORMAT = "wis-order"
FORMAT_VERSION = 1
DRAWN = ("rate", "arrival")

_KINDS: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "options": (dict,),
    "seed": (int, type(None)),
    "fingerprint": (str,),
    "versions": (dict,),
    "protections": (dict,),
    "num_removable": (int, type(None)),
    "directed": (bool,),
}
_KIND_NAMES = {
    str: "a text",
    dict: "a mapping",
    int: "an integer",
    bool: "true or false",
    type(None): "null",
}


@contextlib.contextmanager
def order_file(
    path: Path, max_memory: int | str | None
) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """The header and the arrays of a file; errors inside the `with` block are reported for it.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is not an order file, is damaged, or needs too much memory.
    """
    arrays = _arrays(path, max_memory)
    try:
        yield _parsed_header(arrays["header"]), arrays
    except KeyError as error:
        raise GraphFormatError(f"{path}: damaged order file: lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise GraphFormatError(
            f"{path}: damaged order file, or one of a newer wis: {echo(str(error), 200)}"
        ) from None


def draws_of(arrays: Mapping[str, np.ndarray], num_edges: int, seed: int | None) -> Draws | None:
    """The draws of an order file, checked; None without any."""
    if arrays.keys().isdisjoint(DRAWN):
        return None
    drawn = {name: arrays[name] for name in DRAWN}
    for name, value in drawn.items():
        if value.shape != (num_edges,) or value.dtype != np.float64:
            raise ValueError(f"{name} has shape {value.shape} and dtype {echo(str(value.dtype))}")
        if not ((value > 0) & (value < np.inf)).all():
            raise ValueError(f"{name} holds numbers that are not positive, or not finite")
    return Draws(**drawn, seed=seed or 0)


def _arrays(path: Path, max_memory: int | str | None) -> dict[str, np.ndarray]:
    limit = None if max_memory is None else parse_size(max_memory)
    options = ReadOptions(max_memory=limit)
    made_by = "expected what `wis order` or RemovalOrder.save wrote"
    try:
        with open_input(path, options, "an order file") as file:
            arrays, _ = read_archive(file, path, options, "an order file")
    except UnsafePickleError:
        raise GraphFormatError(
            f"{path}: not an order file: holds Python objects; {made_by}"
        ) from None
    if not arrays.keys() >= {"header", "edges"}:
        found = echo(", ".join(sorted(arrays)) or "nothing")
        raise GraphFormatError(f"{path}: not an order file: holds {found}; {made_by}")
    return arrays


def _parsed_header(text: np.ndarray) -> dict[str, Any]:
    if text.ndim != 1 or text.dtype != np.uint8:
        raise ValueError(f"the header has shape {list(text.shape)} and dtype {text.dtype}")
    try:
        header = json.loads(text.tobytes().decode(), parse_constant=_no_number)
        json.dumps(header, ensure_ascii=False).encode()  # fails for texts that are none
    except RecursionError:
        raise ValueError("the header is nested too deeply") from None
    if not isinstance(header, dict):
        raise TypeError(f"the header is {echo(header)}; expected a mapping")
    kind, number = header["format"], header["version"]
    if kind != FORMAT or type(number) is not int or number > FORMAT_VERSION:
        raise ValueError(f"format {echo(kind)} version {echo(number)}")
    num_nodes = _whole(header, "num_nodes", MAX_NUM_NODES)
    _whole(header, "num_edges", num_nodes * max(num_nodes - 1, 0))
    _check_provenance(header["provenance"])
    return header


def _check_provenance(header: Any) -> None:
    if not isinstance(header, dict):
        raise TypeError(f"provenance is {echo(header)}; expected a mapping")
    for name, kinds in _KINDS.items():
        if name in header and type(header[name]) not in kinds:
            expected = " or ".join(_KIND_NAMES[kind] for kind in kinds)
            raise TypeError(f"{name} is {echo(header[name])}; expected {expected}")


def _no_number(text: str) -> float:
    raise ValueError(f"the header holds {text}, which is no number of JSON")


def _whole(header: Mapping[str, Any], name: str, largest: int) -> int:
    number = header[name]
    if type(number) is not int or not 0 <= number <= largest:
        raise ValueError(f"{name} is {echo(number)}; expected an integer from 0 to {largest}")
    return number
