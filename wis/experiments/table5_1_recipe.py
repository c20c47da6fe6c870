"""Table 5.1 as a kind of recipe: what `wis bench run thesis_table5_1` calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wis.errors import OptionError, RecipeError, ResultsError, WisError
from wis.experiments.amounts import parse_seeds
from wis.experiments.row_file import read_rows
from wis.experiments.sweep import RunOptions, Status
from wis.experiments.table5_1 import KIND, Table51, format_table, run_table

_PARSED: Mapping[str, Callable[[Any], Any]] = {
    "seeds": parse_seeds,
    "models": lambda text: tuple(name.strip() for name in text.split(",")),
    "max_epochs": int,
    "patience": int,
}


def num_runs(name: str, settings: Mapping[str, Any]) -> int:
    """Number of runs of a recipe, which is checked.

    Raises:
        RecipeError: It is no recipe for Table 5.1.
    """
    table = _table(settings)
    return len(table.models) * len(table.partitions) * len(table.seeds)


def run(name: str, settings: Mapping[str, Any], options: RunOptions) -> Status:
    """Run what is missing, one run after the other in this process.

    Args:
        name: Name of the recipe.
        settings: Its content.
        options: Results, data root, device (one) and overrides: `seeds`, `models`, `max_epochs` and
            `patience`.

    Returns:
        How it ended.

    Raises:
        OptionError: An option is nothing for this kind of recipe.
        ResultsError: The file holds rows of something else.
        WisError: See `wis.experiments.table5_1.run_table`.
    """
    table = _changed(_table(settings), options)
    known = read_rows(options.results)
    if any(row.get("kind") != KIND for row in known):
        raise ResultsError(
            f"{options.results}: has rows that are not of Table 5.1; give another file (--results)"
        )
    rows = list(run_table(table, results=options.results, root=options.data_root))
    new = len(read_rows(options.results)) - len(known)
    return Status(done=len(rows), total=len(rows), failed=0, new=new, doing="done")


def text_of(path: str | os.PathLike[str]) -> str | None:
    """The table of a file of rows; None if it holds none of Table 5.1."""
    try:
        rows = read_rows(os.fspath(path))
    except WisError:
        return None
    return format_table(rows) if rows and all(row.get("kind") == KIND for row in rows) else None


def _table(settings: Mapping[str, Any]) -> Table51:
    try:
        return Table51.from_mapping(settings)
    except OptionError as error:
        raise RecipeError(str(error)) from None


def _changed(table: Table51, options: RunOptions) -> Table51:
    given = {key: value for key, value in options.overrides.items() if value is not None}
    for key in given:
        if key not in _PARSED:
            flag = key.replace("_", "-")
            raise OptionError(
                f"--{flag} is nothing for Table 5.1; it takes --seeds, --models, --epochs and "
                "--patience"
            )
    if options.backend.name != "local" or options.backend.jobs != 1:
        raise OptionError("Table 5.1 runs in one process; leave out --jobs and --backend")
    if len(options.devices) != 1:
        raise OptionError("Table 5.1 runs on one device; give one to --devices")
    changes = {key: _PARSED[key](value) for key, value in given.items()}
    if "models" in changes and isinstance(table.max_epochs, Mapping):
        kept = {name: table.max_epochs[name] for name in changes["models"]}
        changes.setdefault("max_epochs", kept)
    return replace(table, **changes, device=options.devices[0])
