"""`wis theory tensor-network`: count, draw or contract the network of a product network."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from wis.errors import echo

from .framework import Command
from .listings import json_option
from .output import emit_json, emit_table, integers_of_any_size, say
from .targets import path_option
from .theory_options import Problem, finite, network_options, positive, seed_option

EXPORT_ENDING = ".graphml"
LONGEST = 24


@click.command(
    "tensor-network",
    cls=Command,
    examples=[
        "wis theory tensor-network friends.csv --depth 1 --plot network.png",
        "wis theory tensor-network karate --depth 2 --target 11 --width 3 -o network.graphml",
        "wis theory tensor-network karate --depth 4 --subset 0,1,2 --json",
    ],
)
@network_options(needs_subset=False)
@click.option(
    "--contract",
    is_flag=True,
    help="Contract it with random weights and features, and compare with the network's output.",
)
@click.option(
    "--max-nodes",
    type=positive,
    default=20_000,
    metavar="K",
    help="Most nodes to build, for --contract, --plot and --output.",
)
@path_option("-o", "--output", help="Write the tensor network as a graph (.graphml).")
@seed_option
@json_option
def tensor_network(
    problem: Problem,
    plot: Path | None,
    force: bool,
    contract: bool,
    max_nodes: int,
    output: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Count, draw or contract a tensor network.

    That of a product network: its nodes are copies of features, weight matrices and delta-tensors,
    as many as there are walks (Equations (D.6) and (D.7)); its size is predicted before anything is
    built. With --subset, the least cut that separates the leaves of the subset from the others
    (Lemma 51).
    """
    _check_export(output, force)
    record = _network_facts(problem)
    if contract or plot is not None or output is not None:
        record |= _built(problem, contract, max_nodes, output, plot, force, seed)
    with integers_of_any_size():
        if as_json:
            emit_json({**problem.as_record(), **finite(record)})
        else:
            emit_table([(name.replace("_", " "), _shown(value)) for name, value in record.items()])
    say(f"{problem.name}: {problem.task}, depth {problem.depth}")


def _shown(value: Any) -> str:
    """A value in a table: integers of more than `LONGEST` digits are rounded."""
    if isinstance(value, int) and value >= 10**LONGEST:
        return f"~{Decimal(value):.3e}"
    return str(value)


def _check_export(path: Path | None, force: bool) -> None:
    if path is None:
        return
    if path.suffix != EXPORT_ENDING:
        raise click.UsageError(
            f"a tensor network is saved as {EXPORT_ENDING}; got {echo(path.name)!r}."
        )
    from wis.io import check_writable

    check_writable(path, force=force)


def _network_facts(problem: Problem) -> dict[str, Any]:
    from wis.theory.min_cut import min_cut
    from wis.theory.tensor_network import network_size

    size = network_size(problem.graph, problem.depth, target=problem.target)
    record: dict[str, Any] = {
        "nodes": size.num_nodes,
        "feature_vectors": size.num_features,
        "weight_matrices": size.num_weights,
        "delta_tensors": size.num_deltas,
        "legs": size.num_legs,
    }
    if problem.subset is not None:
        cut = min_cut(
            problem.graph,
            problem.subset,
            problem.depth,
            problem.width,
            in_dim=problem.in_dim,
            target=problem.target,
        )
        record |= {
            "log_of_least_cut": cut.log_weight,
            "cut_legs_at_features": cut.num_feature_legs,
            "other_cut_legs": cut.num_hidden_legs,
        }
    return record


def _built(
    problem: Problem,
    contract: bool,
    max_nodes: int,
    output: Path | None,
    plot: Path | None,
    force: bool,
    seed: int,
) -> dict[str, Any]:
    import torch

    from wis.theory.product_gnn import ProductGNN
    from wis.theory.tensor_network import build_tensor_network

    network = build_tensor_network(
        problem.graph,
        problem.depth,
        width=problem.width,
        in_dim=problem.in_dim,
        target=problem.target,
        max_nodes=max_nodes,
    )
    if output is not None:
        network.write_graphml(output, force=force)
    if plot is not None:
        from wis.show.theory_pictures import draw_tensor_network, save_figure

        title = f"{problem.name}, {problem.task}"
        save_figure(draw_tensor_network(network, title), plot, force=force)
    if not contract:
        return {}
    task: Any = "graph" if problem.target is None else "vertex"
    types = problem.graph.num_types
    sizes = problem.in_dim, problem.width, problem.depth
    gnn = ProductGNN(*sizes, num_types=types, task=task, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    shape = problem.graph.num_nodes, problem.in_dim
    x = 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64, device="cpu")
    with torch.no_grad():
        gnn.calibrate_(x, problem.graph)
        direct = float(gnn(x, problem.graph, target=problem.target))
        return {"contraction": float(network.contract(gnn, x)), "output_of_network": direct}
