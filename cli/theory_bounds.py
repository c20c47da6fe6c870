"""`wis theory bounds` and `separation-rank`: one graph, one subset of its vertices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .framework import Command
from .listings import json_option
from .output import emit, emit_json, emit_table, integers_of_any_size, say
from .theory_options import Problem, finite, network_options, positive, seed_option

if TYPE_CHECKING:
    from wis.theory.bounds import Bounds
    from wis.theory.separation_rank import SeparationRank

EXACT = "product"
NUMERICAL = ("product-float64", "gcn", "gin")


@click.command(
    cls=Command,
    examples=[
        "wis theory bounds karate --subset 0,1,2,3 --depth 3 --width 16",
        "wis theory bounds les-miserables --subset Valjean,Javert --depth 2 --target Cosette",
        "wis theory bounds friends.csv --subset Ada,Bela --depth 2 --plot bounds.png --json",
    ],
)
@network_options(needs_subset=True)
@click.option(
    "--admissible",
    type=click.Choice(["auto", "exact", "single-pair", "chain", "disjoint-pairs", "greedy"]),
    default="auto",
    help="How to look for the subset of the boundary that the lower bound counts walks from.",
)
@json_option
def bounds(
    problem: Problem, plot: Path | None, force: bool, admissible: Any, as_json: bool
) -> None:
    """Bound the separation rank from both sides.

    For product networks: lower bounds hold for almost all weights (Theorems 8 and 11), upper bounds
    for all of them: the least cut of the tensor network (Lemma 51), the walks of all lengths below
    the depth (Theorem 10) and the walk index (Theorem 7). The last two are log(width) times an
    integer, the exponent.
    """
    start = time.perf_counter()
    found = _bounds(problem, admissible)
    seconds = time.perf_counter() - start
    if plot is not None:
        from wis.show.theory_pictures import draw_bounds, save_figure

        figure = draw_bounds(found, None, _title(problem))
        save_figure(figure, plot, force=force)
    with integers_of_any_size():
        if as_json:
            record = finite(found.as_record())
            emit_json({**problem.as_record(), **record, "seconds": round(seconds, 6)})
        else:
            emit_table(_table(found))
    best = found.lower.admissible
    exact = "the heaviest" if best.is_optimal else f"found by {best.method}, perhaps not the best"
    say(
        f"{problem.name}: {problem.task}, {found.num_boundary} vertices on the boundary; the lower "
        f"bound counts walks from {len(best.vertices)} of them ({exact}); {seconds:.2f} s"
    )


@click.command(
    "separation-rank",
    cls=Command,
    examples=[
        "wis theory separation-rank karate --subset 0,1,2,3 --depth 2 --width 2 --target 9",
        "wis theory separation-rank friends.csv --subset Ada --depth 1 --width 3 --json",
        "wis theory separation-rank karate --subset 0,1 --depth 2 --target 0 --model gin "
        "--max-side 128 --plot spectrum.png",
    ],
)
@network_options(needs_subset=True)
@click.option(
    "--model",
    type=click.Choice([EXACT, *NUMERICAL]),
    default=EXACT,
    help="product: the rank that almost all product networks have, exactly. product-float64: one "
    "with random weights, on a grid in float64. gcn, gin: networks with ReLU, an estimate.",
)
@click.option(
    "--max-side",
    type=positive,
    default=512,
    metavar="K",
    help="Most rows and columns of the matrix whose rank is taken.",
)
@click.option(
    "--templates",
    type=positive,
    default=8,
    metavar="M",
    help="Template vectors of the grid, for the models in float64.",
)
@click.option(
    "--rtol",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="R",
    show_default="the matrix' side times 2.2e-16",
    help="Singular values below R times the largest count as zero, for the models in float64.",
)
@seed_option
@json_option
def separation_rank(
    problem: Problem,
    plot: Path | None,
    force: bool,
    model: str,
    max_side: int,
    templates: int,
    rtol: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure the separation rank of a network.

    The rank of a table of its values, a row for each choice of the features of the subset, a column
    for each choice of the others, is a lower bound of the separation rank. Random weights and
    features modulo a prime make it exact for product networks, as long as it is below --max-side.
    For gcn and gin, whose separation rank may be infinite, it is an empirical estimate, and on a
    grid in float64 it depends on --templates and --rtol: look at the spectrum with --plot.
    """
    start = time.perf_counter()
    if model == EXACT:
        record, account = _exact_rank(problem, max_side, seed, plot, force)
    else:
        result = _numerical_rank(problem, model, max_side, templates, rtol, seed)
        record, account = _numerical_record(result, model)
        if plot is not None:
            from wis.show.theory_pictures import draw_spectrum, save_figure

            figure = draw_spectrum(result, f"{_title(problem)}, {model}: rank {result.rank}")
            save_figure(figure, plot, force=force)
    seconds = time.perf_counter() - start
    if as_json:
        asked = {**problem.as_record(), "model": model, "seed": seed}
        emit_json({**asked, **finite(record), "seconds": round(seconds, 6)})
    else:
        emit(str(record["rank"]))
    say(f"{problem.name}: {problem.task}; {account}; {seconds:.2f} s")


def _bounds(problem: Problem, method: Any = "auto") -> Bounds:
    from wis.theory.bounds import separation_bounds

    assert problem.subset is not None
    return separation_bounds(
        problem.graph,
        problem.subset,
        problem.depth,
        problem.width,
        in_dim=problem.in_dim,
        target=problem.target,
        method=method,
    )


def _table(found: Bounds) -> list[tuple[str, str, str]]:
    lower, cut, merged = found.lower, found.cut, found.merged_cut
    return [
        ("BOUND", "LOG OF SEPARATION RANK", "FROM"),
        ("lower", f">= {lower.log:.6g}", f"{lower.num_walks} walks from an admissible subset"),
        ("multiset", f">= {lower.multiset_log:.6g}", "the same, a multiset coefficient"),
        ("merged cut", f"<= {merged.log_weight:.6g}", _legs(merged)),
        ("cut", f"<= {cut.log_weight:.6g}", _legs(cut)),
        ("sum of walks", f"<= {found.summed.log:.6g}", f"exponent {found.summed.exponent}"),
        ("upper", f"<= {found.upper.log:.6g}", _upper_source(found)),
    ]


def _legs(cut: Any) -> str:
    return f"{cut.num_feature_legs} legs at features, {cut.num_hidden_legs} others"


def _upper_source(found: Bounds) -> str:
    return f"exponent {found.upper.exponent}, walk index {found.walk_index}"


def _title(problem: Problem) -> str:
    size = len(problem.subset or ())
    vertices = "1 vertex" if size == 1 else f"{size} vertices"
    return (
        f"{problem.name}, {vertices} against the rest, {problem.task}, depth "
        f"{problem.depth}, width {problem.width}"
    )


def _exact_rank(
    problem: Problem, max_side: int, seed: int, plot: Path | None, force: bool
) -> tuple[dict[str, Any], str]:
    from wis.theory.generic_rank import generic_separation_rank

    assert problem.subset is not None
    result = generic_separation_rank(
        problem.graph,
        problem.subset,
        problem.depth,
        problem.width,
        in_dim=problem.in_dim,
        target=problem.target,
        seed=seed,
        max_side=max_side,
    )
    found = _bounds(problem)
    if plot is not None:
        from wis.show.theory_pictures import draw_bounds, save_figure

        measured = result.log_rank, result.is_saturated
        save_figure(draw_bounds(found, measured, _title(problem)), plot, force=force)
    record = {
        "rank": result.rank,
        "log_rank": result.log_rank,
        "is_lower_bound_only": result.is_saturated,
        "num_rows": result.side,
        "num_columns": result.side,
        "error_bound": None if result.is_saturated else result.error_bound,
        "lower_bound": found.lower.log,
        "cut_bound": found.merged_cut.log_weight,
        "upper_bound": found.upper.log,
    }
    if result.is_saturated:
        return record, f"at least {result.rank}, as high as --max-side allows"
    return record, (
        f"for almost all weights, up to a chance of {result.error_bound:.1g}; logarithm "
        f"{found.lower.log:.4g} (lower bound) <= {result.log_rank:.4g} <= "
        f"{found.merged_cut.log_weight:.4g} (least cut)"
    )


def _numerical_rank(
    problem: Problem,
    model: str,
    max_side: int,
    templates: int,
    rtol: float | None,
    seed: int,
) -> SeparationRank:
    import torch

    from wis.models import build_model
    from wis.theory.functions import of_network, of_product_gnn
    from wis.theory.product_gnn import ProductGNN, Task
    from wis.theory.separation_rank import Kind, random_templates, separation_rank

    assert problem.subset is not None
    graph, target = problem.graph, problem.target
    task: Task = "graph" if target is None else "vertex"
    sizes: dict[str, Any] = {"depth": problem.depth, "width": problem.width}
    sizes |= {"task": task, "seed": seed}
    product = model == NUMERICAL[0]
    kind: Kind = "positive" if product else "normal"
    vectors = random_templates(templates, problem.in_dim, kind=kind, seed=seed)
    if product:
        gnn = ProductGNN(problem.in_dim, out_dim=1, num_types=graph.num_types, **sizes)
        sample = vectors[torch.arange(graph.num_nodes, device="cpu") % templates]
        function = of_product_gnn(gnn.calibrate_(sample, graph), graph, target=target)
    else:
        network = build_model(model, problem.in_dim, 1, dtype=torch.float64, **sizes)
        function = of_network(network, graph, target=target)
    return separation_rank(
        function,
        problem.subset,
        vectors,
        graph.num_nodes,
        max_side=max_side,
        rtol=rtol,
        seed=seed,
    )


def _numerical_record(result: SeparationRank, model: str) -> tuple[dict[str, Any], str]:
    record = {
        "rank": result.rank,
        "is_saturated": result.is_saturated,
        "rtol": result.rtol,
        "num_rows": result.num_rows,
        "num_columns": result.num_columns,
        "is_full_grid": result.is_full_grid,
        "spectrum": result.spectrum.tolist(),
    }
    kind = "a numerical rank" if model == NUMERICAL[0] else "an empirical estimate (ReLU)"
    full = ", as high as the matrix allows" if result.is_saturated else ""
    return record, (
        f"{kind} on {result.num_rows} x {result.num_columns} points of a grid, tolerance "
        f"{result.rtol:.1e}{full}"
    )
