"""`wis theory bounds`, `separation-rank` and `tensor-network`: a network on one graph."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wis.errors import echo

from .framework import Command, json_option, with_options
from .output import emit, emit_json, emit_table, integers_of_any_size, say
from .theory_options import (
    FORCE_SIZE,
    MAX_SIDE,
    SEED,
    Problem,
    announce,
    network_options,
    shown,
)

if TYPE_CHECKING:
    from torch import Tensor

    from wis.theory.bounds import SeparationBounds
    from wis.theory.product_gnn import ProductGNN
    from wis.theory.separation_rank import Function

EXACT = "product"
NUMERICAL = ("product-float64", "gcn", "gin")
SUBSET_HARDLY_MATTERS = (
    "; the output hardly depends on the subset (inactive ReLUs); try other seeds or a larger"
    " --width"
)
ADMISSIBLE = ["auto", "exact", "single-pair", "chain", "disjoint-pairs", "greedy"]
EXPORT_ENDING = ".graphml"


@click.command(
    cls=Command,
    examples=[
        "wis theory bounds karate --subset 0,1,2,3 --depth 3 --width 16",
        "wis theory bounds les-miserables --subset Valjean,Javert --depth 2 --target Cosette",
        "wis theory bounds friends.csv --subset Ada,Bela --depth 2 --plot bounds.png --json",
        "wis theory bounds friends.csv --subset Ada --depth 2 --width 2 --witness",
    ],
)
@network_options(needs_subset=True)
@with_options(
    {
        "--admissible = auto": (
            "Method that chooses the boundary vertices from which the lower bound counts walks.",
            {"type": click.Choice(ADMISSIBLE)},
        ),
        "--witness": "Also compute the rank of the matrix that proves the lower bound (depth 2 or "
        "more).",
    }
)
@json_option
def bounds(problem: Problem, admissible: Any, witness: bool, as_json: bool) -> None:
    """Bound the separation rank from both sides.

    The bounds are for networks with product aggregation. The rows lower and multiset are lower
    bounds (>=) for almost all weights (Theorems 8 and 11). The others are upper bounds (<=) for all
    weights. "cut" is the least cut of the tensor network (Lemma 51), and "merged cut" that of an
    equivalent network with a single delta-tensor in the output layer. FROM counts the legs in the
    cut; legs are the edges of the tensor network. A leg at features weighs log(in-dim), another
    log(width). "sum of walks" (Theorem 10) and "upper" (the walk index, Theorem 7) are log(width)
    times an integer, the exponent.
    """
    start = time.perf_counter()
    found = problem.bounds(method=admissible)
    best = found.lower.admissible
    rank = _witness_rank(found) if witness else None
    seconds = time.perf_counter() - start
    if problem.plot is not None:
        from wis.show.theory_pictures import draw_bounds

        problem.save(draw_bounds(found, None, problem.title))
    with integers_of_any_size():
        if as_json:
            record = {**problem.as_record(), **found.as_record()}
            record |= {"witness_rank": rank} if witness else {}
            emit_json({**record, "seconds": round(seconds, 6)})
        else:
            emit_table(_table(found))
    exact = "the heaviest" if best.is_optimal else f"found by {best.method}, maybe not the heaviest"
    say(
        f"{problem.name}: {problem.task}, {len(found.boundary)} vertices on the boundary; the "
        f"lower bound counts walks from {len(best.vertices)} of them ({exact}); {seconds:.2f} s"
    )
    if rank is not None:
        say(f"the matrix of the proof has rank {rank}, with logarithm {math.log(rank):.6g}")


def _witness_rank(found: SeparationBounds) -> int:
    from wis.theory.residues import rank_modulo
    from wis.theory.witness import witness_matrix

    return rank_modulo(witness_matrix(found))


def _table(found: SeparationBounds) -> list[tuple[str, ...]]:
    lower, cut, merged, source = found.lower, found.cut, found.merged_cut, found.sources
    walks = f"exponent {found.upper.exponent}, walk index {found.walk_index}"
    counted = f"{lower.num_walks} walks from an admissible subset"
    summed = f"exponent {found.summed.exponent}"
    rows = [
        ("lower", "lower", ">=", lower.log, counted),
        ("multiset", "multiset", ">=", lower.multiset_log, "the same walks"),
        ("merged cut", "merged_cut", "<=", merged.log_weight, _legs(merged)),
        ("cut", "cut", "<=", cut.log_weight, _legs(cut)),
        ("sum of walks", "summed", "<=", found.summed.log, summed),
        ("upper", "upper", "<=", found.upper.log, walks),
    ]
    heading = ("BOUND", "LOG OF SEPARATION RANK", "SOURCE", "FROM")
    return [heading, *((name, f"{s} {log:.6g}", source[k], why) for name, k, s, log, why in rows)]


def _legs(cut: Any) -> str:
    return f"{cut.num_feature_legs} legs at features, {cut.num_hidden_legs} others"


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
@with_options(
    {
        f"--model = {EXACT}": (
            "product: the exact rank of almost all networks with product aggregation. "
            "product-float64: one such network with random weights, on a grid in float64. gcn, "
            "gin: networks with ReLU, for which the rank is an estimate.",
            {"type": click.Choice([EXACT, *NUMERICAL])},
        ),
        **MAX_SIDE,
        **FORCE_SIZE,
        "--templates M>=1 = 8": "Template vectors of the grid; not for the model product.",
        "--rtol R = (the matrix' side times 2.2e-16)": (
            "Singular values below R times the largest count as zero; not for the model product.",
            {"type": click.FloatRange(0, 1, max_open=True)},
        ),
        **SEED,
    }
)
@json_option
def separation_rank(
    problem: Problem, model: str, templates: int, as_json: bool, **options: Any
) -> None:
    """Measure the separation rank of a network.

    The command fills a matrix with outputs of the network. Rows are choices of the features of the
    subset, and columns are choices of the other features. The rank of the matrix is a lower bound
    of the separation rank. For the model product, which computes modulo a prime, the two are equal
    almost surely if the rank is below --max-side. The graph alone also gives a lower and an upper
    bound. If they are equal the rank is proven and no matrix is needed; if the rank is out of reach
    the command prints the lower bound with >=, and the interval on stderr. For gcn and gin, whose
    separation rank may be infinite, the rank is an empirical estimate. In float64 it depends on
    --templates and --rtol: check the spectrum with --plot.
    """
    start = time.perf_counter()
    if model == EXACT:
        record, account = _exact_rank(problem, **options)
    else:
        record, account = _numerical_rank(problem, model, templates, **options)
    seconds = time.perf_counter() - start
    with integers_of_any_size():
        if as_json:
            asked = {**problem.as_record(), "model": model, "seed": options["seed"]}
            emit_json({**asked, **record, "seconds": round(seconds, 6)})
        else:
            at_least = record.get("is_lower_bound_only") or record.get("is_saturated")
            emit(f"{'>= ' if at_least else ''}{record['rank']}")
    say(f"{problem.name}: {problem.task}; {seconds:.2f} s; {account}")


def _exact_rank(
    problem: Problem, *, max_side: int, seed: int, force_size: bool, **_: Any
) -> tuple[dict[str, Any], str]:
    from wis.base.progress import progress_bar
    from wis.theory.generic_rank import RankProblem

    asked = RankProblem(problem.bounds(), seed=seed, max_side=max_side)
    forecast = announce([asked.forecast()], force_size=force_size)
    with progress_bar("Rows of matrices", sum(asked.sides)) as progress:
        found = asked.rank(progress)
    if problem.plot is not None:
        from wis.show.theory_pictures import draw_bounds

        problem.save(draw_bounds(asked.bounds, found, problem.title))
    record = {
        **found.as_record(),
        "num_rows": found.side,
        "num_columns": found.side,
        "lower_bound": asked.bounds.lower.log,
        "cut_bound": asked.bounds.merged_cut.log_weight,
        "upper_bound": asked.bounds.upper.log,
        "forecast": forecast,
    }
    most, log = found.upper.count, f"{found.log_rank:.6g}"
    end = f"e^{found.upper.log:.6g}" if most is None else shown(most, ",")
    chance = f"except with probability {found.error_bound:.1g}"
    how = {
        "proven": f"logarithm {log}; proven by {found.upper.source}",
        "almost surely": f"logarithm {log}; for almost all weights, {chance}; at most "
        f"{found.upper.source} allow {found.upper.log:.6g}",
        "interval": f"between {shown(found.rank, ',')} and {end}, with logarithm in "
        f"[{log}, {found.upper.log:.6g}]. {found.missing}",
    }
    return record, how[found.state]


def _numerical_rank(
    problem: Problem, model: str, templates: int, *, force_size: bool, **options: Any
) -> tuple[dict[str, Any], str]:
    from wis.base.progress import progress_bar
    from wis.theory.separation_rank import forecast, random_templates, separation_rank

    assert problem.subset is not None
    product = model == NUMERICAL[0]
    kind: Any = "positive" if product else "normal"
    vectors = random_templates(templates, problem.in_dim, kind=kind, seed=options["seed"])
    function = _function(problem, model, vectors, options["seed"])
    given = function, problem.subset, vectors, problem.graph.num_nodes
    cost = announce([forecast(*given, max_side=options["max_side"])], force_size=force_size)
    with progress_bar("Points", cost["operations"][0]) as progress:
        result = separation_rank(*given, **options, progress=progress)
    if problem.plot is not None:
        from wis.show.theory_pictures import draw_spectrum

        problem.save(draw_spectrum(result, f"{problem.title}, {model}: rank {result.rank}"))
    record = {**vars(result), "is_saturated": result.is_saturated, "forecast": cost}
    record["spectrum"] = result.spectrum.tolist()
    noun = "a numerical rank" if product else "an empirical estimate (ReLU)"
    full = ", full rank" if result.is_saturated else ""
    full += "" if product or result.rank != 1 else SUBSET_HARDLY_MATTERS
    return record, (
        f"{noun} on {result.num_rows} x {result.num_columns} points of a grid, tolerance "
        f"{result.rtol:.1e}{full}"
    )


def _function(problem: Problem, model: str, vectors: Tensor, seed: int) -> Function:
    """The network of a model as a function of the features of the vertices."""
    import torch

    from wis.models import build_model
    from wis.theory.separation_rank import of_network, of_product_gnn

    graph, target = problem.graph, problem.target
    if model == NUMERICAL[0]:
        sample = vectors[torch.arange(graph.num_nodes, device="cpu") % len(vectors)]
        gnn = _product_network(problem, seed).calibrate_(sample, graph)
        return of_product_gnn(gnn, graph, target=target)
    sizes: Any = {**problem.arguments("depth", "width"), "task": problem.kind, "seed": seed}
    network = build_model(model, problem.in_dim, 1, dtype=torch.float64, **sizes)
    return of_network(network, graph, target=target)


def _product_network(problem: Problem, seed: int) -> ProductGNN:
    from wis.theory.product_gnn import ProductGNN

    sizes = problem.arguments("in_dim", "width", "depth")
    types = problem.graph.num_types
    return ProductGNN(**sizes, num_types=types, task=problem.kind, seed=seed)


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
@with_options(
    {
        "--contract": "Contract the tensor network with random weights and features, and print the "
        "result beside the output of the network.",
        "--max-nodes K>=1 = 20000": "Largest number of nodes for --contract, --plot and -o.",
        "-o, --output FILE": "Save the tensor network as a graph (.graphml).",
        **SEED,
    }
)
@json_option
def tensor_network(
    problem: Problem, contract: bool, max_nodes: int, output: Path | None, seed: int, as_json: bool
) -> None:
    """Count, draw or contract a tensor network.

    The tensor network is equivalent to a network with product aggregation. Its nodes are feature
    vectors, weight matrices and delta-tensors, with one copy for each walk (Equations (D.6) and
    (D.7)). The command prints their numbers without building the network. With --subset it also
    prints the least cut that separates the leaves of the subset from the other leaves (Lemma 51).
    """
    if output is not None:
        from wis.io import check_writable

        if output.suffix != EXPORT_ENDING:
            raise click.UsageError(
                f"a tensor network is saved as {EXPORT_ENDING}; got {echo(output.name)!r}."
            )
        check_writable(output, force=problem.force)
    record = _network_facts(problem)
    if contract or problem.plot is not None or output is not None:
        record |= _built(problem, contract, max_nodes, output, seed)
    with integers_of_any_size():
        if as_json:
            emit_json({**problem.as_record(), **record})
        else:
            emit_table([(name.replace("_", " "), shown(value)) for name, value in record.items()])
    say(f"{problem.name}: {problem.task}, depth {problem.depth}")


def _network_facts(problem: Problem) -> dict[str, Any]:
    from wis.theory.tensor_network import network_size

    size = network_size(**problem.arguments("graph", "depth", "target"))
    record: dict[str, Any] = {
        "nodes": size.num_nodes,
        "feature_vectors": size.num_features,
        "weight_matrices": size.num_weights,
        "delta_tensors": size.num_deltas,
        "legs": size.num_legs,
    }
    if problem.subset is not None:
        cut = problem.bounds().cut
        record |= {
            "log_of_least_cut": cut.log_weight,
            "cut_legs_at_features": cut.num_feature_legs,
            "other_cut_legs": cut.num_hidden_legs,
        }
    return record


def _built(
    problem: Problem, contract: bool, max_nodes: int, output: Path | None, seed: int
) -> dict[str, Any]:
    import torch

    from wis.theory.tensor_network import build_tensor_network

    sizes = problem.arguments("graph", "depth", "width", "in_dim", "target")
    network = build_tensor_network(**sizes, max_nodes=max_nodes)
    if output is not None:
        network.write_graphml(output, force=problem.force)
    if problem.plot is not None:
        from wis.show.theory_pictures import draw_tensor_network

        problem.save(draw_tensor_network(network, f"{problem.name}, {problem.task}"))
    if not contract:
        return {}
    gnn = _product_network(problem, seed)
    draw = torch.Generator().manual_seed(seed)
    shape = problem.graph.num_nodes, problem.in_dim
    x = 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64, device="cpu")
    with torch.no_grad():
        gnn.calibrate_(x, problem.graph)
        direct = float(gnn(x, problem.graph, target=problem.target))
        return {"contraction": float(network.contract(gnn, x)), "output_of_network": direct}
