"""Table 5.1 as a kind of recipe: what `wis bench run thesis_table5_1` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wis.errors import OptionError, RecipeError
from wis.experiments.amounts import parse_seeds
from wis.experiments.jobs import torch_threads
from wis.experiments.recipe_file import check_plain
from wis.experiments.results import FAILED, ResultsFile, Row
from wis.experiments.rows import reasons
from wis.experiments.sweep import RunOptions, Status
from wis.theory.table5_1.table5_1 import KIND, Table51, run_table
from wis.theory.table5_1.table5_1_text import format_table

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
        options: Results, data root, device (one), threads, whether to run again what failed, and
            overrides: `seeds`, `models`, `max_epochs` and `patience`.

    Returns:
        How it ended, with the table of its rows.

    Raises:
        OptionError: An option is nothing for this kind of recipe.
        ResultsError: The file holds rows of something else.
        WisError: See `wis.theory.table5_1.table5_1.run_table`.
    """
    table, store = _opened(settings, options)
    missing = set(table.missing(store, retry_failed=options.retry_failed))
    total = num_runs(name, table.as_dict())
    status = Status(total - len(missing), total, 0, 0, "training")
    options.report(status)
    rows = []
    with torch_threads(options.backend.threads):
        for row in run_table(
            table,
            results=options.results,
            root=options.data_root,
            name=name,
            retry_failed=options.retry_failed,
            own_process=options.backend.own_process,
        ):
            rows.append(row)
            status = _counted(status, row, is_new=row["key"] in missing)
            options.report(status)
    text = format_table(rows) if status.failed < total else None
    return replace(status, doing="done", table=text, failures=reasons(rows))


def _counted(status: Status, row: Row, *, is_new: bool) -> Status:
    """How far the work is with one more row."""
    return replace(
        status,
        done=status.done + is_new,
        new=status.new + is_new,
        failed=status.failed + (row["status"] == FAILED),
    )


def preview(name: str, settings: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """What there would be to run, after all checks that need no training.

    Raises:
        WisError: As `run`.
    """
    table, store = _opened(settings, options)
    return {
        "recipe": name,
        "recipe_hash": table.hash,
        "num_rows": len(list(table.runs())),
        "num_rows_missing": len(table.missing(store, retry_failed=options.retry_failed)),
    }


def _opened(settings: Mapping[str, Any], options: RunOptions) -> tuple[Table51, ResultsFile]:
    table = _changed(_table(settings), options)
    store = ResultsFile(options.results)
    store.refresh()
    store.check_kind(KIND)
    return table, store


def _table(settings: Mapping[str, Any]) -> Table51:
    check_plain(settings)
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
    limits = table.max_epochs
    if "models" in changes and "max_epochs" not in changes and isinstance(limits, Mapping):
        changes["max_epochs"] = {n: limits[n] for n in changes["models"] if n in limits}
    return replace(table, **changes, device=options.devices[0])
