"""The files that a command will write: looked at before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from wis.errors import GraphFileError, echo

from .graphs import STANDARD

ORDER_ENDING = ".npz"

force_option = click.option(
    "--force", is_flag=True, help="Replace files that exist; otherwise nothing is overwritten."
)


def path_option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """An option whose value is the path of a file."""
    return click.option(*names, type=click.Path(path_type=Path), metavar="FILE", **settings)


def check_graph_target(path: Path, *, force: bool) -> None:
    """Raise unless a graph can be written there: ending, folder, existing file.

    Raises:
        UnknownNameError: No format has that ending.
        OutputExistsError: The file exists and `force` is false.
        GraphFileError: The folder does not exist or cannot be written to.
    """
    if str(path) == STANDARD:
        return
    from wis.io import check_writable, format_of_path

    if is_folder(path):
        raise GraphFileError(f"{echo(str(path))}: is a folder; give the name of a file")
    format_of_path(path)
    check_writable(path, force=force)


def is_folder(path: Path) -> bool:
    """Whether a folder is there; False for a name that no file can have."""
    try:
        return path.is_dir()
    except OSError:
        return False


def order_target(path: Path | None, *, force: bool) -> Path | None:
    """Where an order will be written: the ending ``.npz`` is added where it is missing.

    Raises:
        click.UsageError: The ending is that of a format of graphs, which an order is not.
        WisError: The file cannot be written; see `check_graph_target`.
    """
    if path is None:
        return None
    from wis.io import check_writable, formats

    if path.suffix.lower() in formats() and path.suffix != ORDER_ENDING:
        raise click.UsageError(f"an order is saved as {ORDER_ENDING}; got {path.name!r}.")
    if path.name in ("", ".."):  # a folder in any case, and no ending can be added
        check_writable(path, force=force)
    if path.suffix != ORDER_ENDING:
        path = path.with_name(path.name + ORDER_ENDING)
    check_writable(path, force=force)
    return path


def check_plot_target(path: Path | None, *, force: bool) -> None:
    """Raise unless a picture can be drawn and written there; see `check_graph_target`."""
    if path is None:
        return
    from wis.base.figures import check_can_plot
    from wis.io import check_writable

    check_can_plot(path)
    check_writable(path, force=force)


def check_different(*paths: Path | None) -> None:
    """Raise if two outputs are the same file."""
    seen: set[Path] = set()
    for path in paths:
        if path is not None and str(path) != STANDARD:
            if path.absolute() in seen:
                raise click.UsageError(f"{path} is given for two different outputs.")
            seen.add(path.absolute())
