"""`wis sparsify FOLDER --engine stream|dask|spark`: edge files larger than the memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import click

from wis.errors import counted

from .graphs import GraphSource
from .options import DEFAULT_METHOD, FolderOptions, MethodChoice
from .output import STANDARD, emit_json, say


def sparsify_folder(
    source: GraphSource,
    choice: MethodChoice,
    folders: FolderOptions,
    *,
    remove: str | None,
    keep: str | None,
    output: Path | None,
    refused: dict[str, Any],
    force: bool,
    as_json: bool,
) -> None:
    """Run `wis sparsify` with one of the engines for folders.

    The engines do not take the flags in `refused`, which has the values that were typed.
    """
    _check(choice, source, refused)
    folders.refuse(choice.engine)
    if output is not None and str(output) == STANDARD:
        raise click.UsageError(
            f"--output is a folder with --engine {choice.engine}, not standard output."
        )
    from wis.scale import sparsify_files
    from wis.scale.run import Engine

    place = _as_url(output) if output is not None else f"{source.name.rstrip('/')}-sparse"
    epsilon = 0.1 if choice.epsilon is None else choice.epsilon
    settings: dict[str, Any] = {} if folders.block_edges is None else {"block": folders.block_edges}
    result = sparsify_files(
        source.edge_files(),
        place,
        remove=remove,
        keep=keep,
        epsilon=epsilon,
        seed=choice.seed or 0,
        engine=cast(Engine, choice.engine),
        relabel=source.relabel,
        num_nodes=source.num_nodes,
        source_column=source.table.source,
        target_column=source.table.target,
        header=source.table.header,
        delimiter=source.table.delimiter,
        format=source.table.format,
        one_kind=source.table.bipartite is False,
        work=folders.work_dir,
        force=force,
        scheduler_address=folders.scheduler_address,
        master=folders.master,
        num_workers=folders.workers,
        **settings,
    )
    share = f" ({result.num_removed / result.num_edges:.1%})" if result.num_edges else ""
    resumed = f", {result.num_phases_resumed} resumed" if result.num_phases_resumed else ""
    edges = counted(result.num_edges, "edge")
    say(
        f"{source.name}: removed {result.num_removed} of {edges}{share} by wis "
        f"(walk_length=1, engine={choice.engine}, epsilon={epsilon}) in "
        f"{counted(result.num_phases, 'phase')}{resumed} in {result.seconds:.2f} s -> {place}"
    )
    if as_json:
        emit_json(
            {
                "input": source.name,
                "output": place,
                "num_nodes": result.num_nodes,
                "num_edges_before": result.num_edges,
                "num_edges_after": result.num_edges - result.num_removed,
                "num_removed": result.num_removed,
                "num_rows_before": result.num_rows,
                "num_rows_after": result.num_rows_kept,
                "num_phases": result.num_phases,
                "num_phases_resumed": result.num_phases_resumed,
                "method": DEFAULT_METHOD,
                "options": {"walk_length": 1, "engine": choice.engine, "epsilon": epsilon},
                "seed": choice.seed or 0,
                "seconds": round(result.seconds, 6),
            }
        )


def _as_url(path: Path) -> str:
    """The text that was typed: a `Path` drops one of the slashes of ``s3://bucket``."""
    return re.sub(r"^([a-z][a-z0-9+.-]+):/(?!/)", r"\1://", str(path))


def _check(choice: MethodChoice, source: GraphSource, refused: dict[str, Any]) -> None:
    """Raise `click.UsageError` for options that these engines do not take."""
    if (choice.method or DEFAULT_METHOD) != DEFAULT_METHOD or choice.walk_length not in (None, 1):
        raise click.UsageError(
            f"--engine {choice.engine} is for the method wis with --walk-length 1."
        )
    typed = {
        "--partitions": choice.partitions,
        "--batch-size": choice.batch_size,
        "--scores": choice.scores,
        "--option": choice.option,
        "--device": choice.device,
        "--trust-pickle": source.trust_pickle,
        "--data-root": source.data_root if source.is_file else None,
        "--weight": source.table.weight,
        "--bipartite": source.table.bipartite is True,
        **refused,
    }
    for flag, value in typed.items():
        if value not in (None, (), False):
            raise click.UsageError(f"{flag} does not go with --engine {choice.engine}.")
