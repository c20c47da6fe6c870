"""`wis datasets`: the graphs that go by a name, and whether their files are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .framework import Command, json_option
from .graphs import complete_dataset, data_root_option
from .output import emit, emit_json, emit_table, say

if TYPE_CHECKING:
    from wis.datasets import Dataset


@click.command(
    cls=Command,
    examples=[
        "wis datasets",
        "wis datasets cora",
        "wis inspect rmat:scale=10,edges=8000,seed=1",
    ],
)
@click.argument("name", required=False, shell_complete=complete_dataset)
@data_root_option
@json_option
def datasets(name: str | None, data_root: Path | None, as_json: bool) -> None:
    """List the graphs that go by a name.

    With NAME, describe that one and list the files it lacks, which are downloaded when it is first
    used. Parameters can be changed, as in `cora:split=public`; the others keep their defaults.
    """
    from wis.datasets import available_datasets, find
    from wis.datasets import data_root as resolve

    root = resolve(data_root)
    table = available_datasets() if name is None else [find(name)]
    if as_json:
        rows = {dataset.name: _record(dataset, root) for dataset in table}
        emit_json({"data_root": str(root), "datasets": rows})
    elif name is None:
        heading = ("GRAPH, WITH ITS DEFAULTS", "VERTICES", "EDGES", "SOURCE", "HERE", "WHAT IT IS")
        emit_table([heading, *(_row(dataset, root) for dataset in table)])
        say(f"Data sets lie below {root}; `wis datasets NAME` lists their files.")
    else:
        emit_table(_description(table[0], root))
        for path in table[0].missing(root):
            emit(f"missing: {path}")


def _row(dataset: Dataset, root: Path) -> tuple[str, ...]:
    return (
        dataset.spec,
        _number(dataset.num_nodes),
        _number(dataset.num_edges),
        dataset.source or "-",
        _state(dataset, root),
        dataset.summary,
    )


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _state(dataset: Dataset, root: Path) -> str:
    if dataset.files is None:
        return "built in"
    missing = len(dataset.missing(root))
    if not missing:
        return "yes"
    return "no" if missing == len(dataset.files.names) else "in part"


def _description(dataset: Dataset, root: Path) -> list[tuple[str, str]]:
    rows = [
        ("graph", dataset.spec),
        ("what it is", dataset.summary),
        ("vertices", _number(dataset.num_nodes)),
        ("edges", _number(dataset.num_edges)),
        ("source", dataset.source or "-"),
        ("here", _state(dataset, root)),
    ]
    if dataset.table_d1 is not None:
        vertices, edges = map(_number, dataset.table_d1)
        rows.append(("Table D.1", f"{vertices} vertices, {edges} edges, a self-loop being half"))
    if dataset.files is not None:
        rows.append(("licence", dataset.files.licence))
        rows.append(("files go to", str(root / dataset.files.folder)))
        rows.append(("come from", dataset.files.origin))
    return rows


def _record(dataset: Dataset, root: Path) -> dict[str, Any]:
    files = dataset.files
    return {
        "summary": dataset.summary,
        "parameters": dict(dataset.parameters),
        "spec": dataset.spec,
        "source": dataset.source,
        "num_nodes": dataset.num_nodes,
        "num_edges": dataset.num_edges,
        "table_d1": dataset.table_d1,
        "licence": files.licence if files else None,
        "present": not dataset.missing(root),
        "folder": str(root / files.folder) if files else None,
        "urls": list(files.urls) if files else [],
        "missing": [str(path) for path in dataset.missing(root)],
    }
