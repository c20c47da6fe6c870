"""The short commands: `wis methods`, `wis datasets`, `wis inspect`, `wis completion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .framework import COMPLETE_VARIABLE, PROGRAM, Command, json_option, plugin_option
from .graphs import GraphSource, complete_dataset, data_root_option, graph_argument
from .options import describe_options
from .output import emit, emit_json, emit_table, say

if TYPE_CHECKING:
    from wis.datasets import Dataset


@click.command(cls=Command, examples=["wis methods", "wis methods --json"])
@plugin_option
@json_option
def methods(as_json: bool) -> None:
    """List the methods that rank edges.

    The rule of a method says which edges it removes first, or which it spares. Below it stand the
    options of the method and their defaults; set them with --walk-length 1 or --option KEY=VALUE.
    --json also shows which methods take --directed.
    """
    from wis.methods import available_methods, get_method

    table = [get_method(name) for name in available_methods()]
    if as_json:
        rows = {
            method.name: {
                "summary": method.summary,
                "options": dict(method.options),
                "uses_seed": method.uses_seed,
                "has_certificate": method.verify is not None,
                "supports_directed": method.supports_directed,
            }
            for method in table
        }
        emit_json({"methods": rows})
        return
    notes = [describe_options(method.options) or "no options" for method in table]
    emit_table([("METHOD", "RULE"), *((row.name, row.summary) for row in table)], ["", *notes])


@click.command(
    cls=Command,
    examples=["wis datasets", "wis datasets cora", "wis inspect rmat:scale=10,edges=8000,seed=1"],
)
@click.argument("name", required=False, shell_complete=complete_dataset)
@data_root_option
@json_option
def datasets(name: str | None, data_root: Path | None, as_json: bool) -> None:
    """List the graphs that have a name.

    With NAME, describe that graph and list its missing files, which are downloaded at its first
    use. A name can be followed by parameters, as in `cora:split=public`; the other parameters keep
    their defaults.
    """
    from wis.datasets import available_datasets, find
    from wis.datasets import data_root as resolve

    root = resolve(data_root)
    table = available_datasets(root) if name is None else [find(name, root)]
    if as_json:
        rows = {dataset.name: _record(dataset, root) for dataset in table}
        emit_json({"data_root": str(root), "datasets": rows})
    elif name is None:
        heading = ("GRAPH", "VERTICES", "EDGES", "HERE", "SOURCE")
        notes = [f"{dataset.summary} ({dataset.spec})" for dataset in table]
        emit_table([heading, *(_row(dataset, root) for dataset in table)], ["", *notes])
        say(f"Data sets lie below {root}; `wis datasets NAME` lists their files.")
    else:
        emit_table(_description(table[0], root))
        for path in table[0].missing(root):
            emit(f"missing: {path}")


def _row(dataset: Dataset, root: Path) -> tuple[str, ...]:
    return (
        dataset.name,
        _number(dataset.num_nodes),
        _number(dataset.num_edges),
        _state(dataset, root),
        dataset.source or "-",
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
        if dataset.files.urls:
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


@click.command(cls=Command, examples=["wis inspect karate", "wis inspect cora.pt --json"])
@graph_argument
@json_option
def inspect(source: GraphSource, as_json: bool) -> None:
    """Count what is in GRAPH.

    The counts are those of vertices, edges, arcs, self-loops, repeated and one-way arcs, degrees
    and components. The attributes are listed with their shapes, and the memory in bytes.
    """
    source.check()
    from wis.measure.facts import graph_facts
    from wis.show import facts_as_text

    facts = graph_facts(source.open().data)
    if as_json:
        emit_json({"input": source.name, **facts.to_dict()})
    else:
        emit(facts_as_text(facts))


@click.command(
    cls=Command,
    examples=[
        "wis completion bash",
        'eval "$(wis completion zsh)"',
        "wis completion fish | source",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    The script completes commands, options, files, and the names of graphs and methods. Load it in
    the start-up file of the shell: for zsh and bash as in the second example, for fish as in the
    third.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    root = context.find_root().command
    emit(complete(root, {}, PROGRAM, COMPLETE_VARIABLE).source())
