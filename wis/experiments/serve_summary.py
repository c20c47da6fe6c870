"""Summaries of serving sweeps: accuracy against cost, the front, and the best speed-up at a loss.

The loss of a setting (a method and an amount) is the accuracy on the whole graph minus that on the
cut graph, in points, paired by seed. Its speed-up is the cost on the whole graph over that on the
cut graph: edges read by a prediction of one vertex (means over the same vertices), or median
seconds that were taken in turns. A speed-up over several seeds is a geometric mean. The front holds
the settings that no other setting beats in accuracy at the same edges read or fewer.

A prediction with its full neighbourhood is that of a pass over the whole graph. So the accuracies
may also come from rows of an accuracy sweep, and the costs from rows without training.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from wis.errors import ResultsError, echo
from wis.experiments.recipe import content_hash
from wis.experiments.results import ACCURACY, DONE, Row, check_fields, field_of, kind_of_row
from wis.experiments.summary import FULL, METRICS, Cell, imported_pandas, training_of

LOSSES = (0.0, 0.25, 0.5, 0.7, 1.0)
"""Losses of accuracy in points for which the best speed-ups are listed."""
LEGEND = """\
*           no other setting is as accurate with as few edges read
loss        points below the accuracy on the whole graph [95 % interval]
edges read  mean over single vertices
ms          median/95th percentile (speed-up over the whole graph, timed in turns with it; seconds
            of different rows were taken at different times and compare less well)
MiB         memory of predicting 1,024 vertices"""
ROUNDING = 1e-9
"""Slack of a loss, a difference of two fractions."""
EMPTY = "no edges"
FIELDS = {
    **dict.fromkeys(("dataset", "data_digest", "label", "model", "device"), "text"),
    **dict.fromkeys(("percent_removed", "num_removed", "num_edges_before"), "number"),
    **dict.fromkeys(("config", "serving", "serving_whole"), "object"),
    "seed": "integer",
}
Line = dict[str, Any]


def lines_of(rows: Iterable[Row], *, metric: str = "test") -> list[Line]:
    """Summarise the rows of each setting over its seeds; `metric` is ``"test"`` or ``"val"``.

    Returns:
        For each graph and model a line for the whole graph (its label is ``"full"``) and one for
        each setting, with accuracies and losses in percent, `speedup`, `median_ms` and `p95_ms` by
        kind of prediction (see `wis.measure.latency.serve`), and `on_front`. Accuracies are None if
        nothing was trained.
    """
    groups: dict[tuple[Any, ...], dict[tuple[Any, ...], Row]] = defaultdict(dict)
    wholes: dict[tuple[Any, ...], dict[tuple[Any, ...], float]] = defaultdict(dict)
    for row in with_accuracies(row for row in rows if row["status"] == DONE):
        check_fields(row, FIELDS)
        panel = (training_of(row), row["device"], tuple(row["serving"]))
        unit = row["seed"], row.get("split")
        label, percent = _setting(row)
        groups[panel, label, percent][unit] = row
        if label == FULL and f"{metric}_accuracy" in row:
            wholes[panel][unit] = row[f"{metric}_accuracy"]
    if not groups:
        raise ResultsError("no row is finished; their `error` says why")
    lines = [
        _line(label, percent, units, wholes[panel], metric)
        for (panel, label, percent), units in groups.items()
    ]
    for some in by_panel(lines).values():
        for line in front(some, lambda line: line["edges_read"]):
            line["on_front"] = True
    labels = dict.fromkeys(line["label"] for line in lines if line["label"] not in (FULL, EMPTY))
    places = [FULL, *labels, EMPTY]
    return sorted(
        lines,
        key=lambda line: (line["panel"], places.index(line["label"]), line["percent_removed"]),
    )


def with_accuracies(rows: Iterable[Row]) -> list[Row]:
    """Serving rows; rows of an accuracy sweep get the costs that were counted for the same cut.

    The cut of a random method may have another seed than the row.
    """
    given = list(rows)
    trained = [row for row in given if kind_of_row(row) == ACCURACY]
    served = [row for row in given if kind_of_row(row) != ACCURACY]
    if not trained:
        return served
    counted = {_cut_of(row): row for row in served}
    names = ("kind", "device", "serving", "serving_whole", "batch_memory_bytes")
    joined = [
        {**row, **{name: found.get(name) for name in names}, "trained": True}
        for row in trained
        if (found := counted.get(_cut_of(row)))
    ]
    if not joined:
        raise ResultsError(
            "no accuracy row has the graph, the method, the amount and the depth of a row of "
            "`wis bench serve`; give the files of one graph"
        )
    return joined


def _cut_of(row: Row) -> str:
    names = ("num_edges_before", "num_removed", "method", "options", "config.depth")
    graph = str(row.get("dataset")).partition(":")[0]
    return content_hash([graph, *(field_of(row, name) for name in names)])


def by_panel(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Sort lines by graph and model."""
    panels: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        panels[line["panel"]].append(line)
    return dict(panels)


def _setting(row: Row) -> tuple[str, float]:
    """The label and the percentage; all methods share the whole graph and that without edges."""
    if row["num_removed"] == 0:
        return FULL, 0.0
    if row["num_removed"] == row["num_edges_before"]:
        return EMPTY, 100.0
    return echo(row["label"]), float(row["percent_removed"])


def _line(
    label: str,
    percent: float,
    units: dict[tuple[Any, ...], Row],
    whole: dict[tuple[Any, ...], float],
    metric: str,
) -> Line:
    rows = list(units.values())
    first = rows[0]
    device = "" if first["device"] == "cpu" else f" on {echo(first['device'])}"
    accuracies = {u: r[f"{metric}_accuracy"] for u, r in units.items() if first.get("trained")}
    losses = [100 * (whole[u] - value) for u, value in accuracies.items() if u in whole]
    accuracy, loss = Cell.of(100 * value for value in accuracies.values()), Cell.of(losses)
    drawn = [r["sampled_test_accuracy"] for r in rows if r.get("sampled_test_accuracy") is not None]
    memory = [r["batch_memory_bytes"] for r in rows if r.get("batch_memory_bytes") is not None]
    kinds = [kind for kind, found in first["serving"].items() if isinstance(found, dict)]
    return {
        "panel": f"{echo(first['dataset'])}, {echo(first['model'])}{device}",
        "label": label,
        "percent_removed": percent,
        "on_front": False,
        "num_seeds": len(rows),
        "accuracy": accuracy and accuracy.mean,
        "accuracy_std": accuracy and accuracy.std,
        "loss": loss and loss.mean,
        "loss_low": loss and loss.low,
        "loss_high": loss and loss.high,
        "sampled_accuracy": 100 * float(np.mean(drawn)) if drawn else None,
        "edges_read": float(np.mean([row["serving"]["edges_read"] for row in rows])),
        "multiply_adds": float(np.mean([row["serving"]["multiply_adds"] for row in rows])),
        "batch_memory_bytes": float(np.mean(memory)) if memory else None,
        "speedup": {kind: _speedup(rows, kind) for kind in ("edges_read", *kinds)},
        **{
            f"{name}_ms": {
                kind: 1000 * float(np.mean([row["serving"][kind][f"{name}_s"] for row in rows]))
                for kind in kinds
            }
            for name in ("median", "p95")
        },
    }


def _speedup(rows: Sequence[Row], kind: str) -> float:
    """The geometric mean of the ratios of costs; infinite if the cut graph costs nothing."""
    logs = []
    for row in rows:
        before, after = (_cost(row[name][kind]) for name in ("serving_whole", "serving"))
        if before != after:
            logs.append(math.log(before / after) if after else math.inf)
        else:
            logs.append(0.0)
    return math.exp(math.fsum(logs) / len(logs))


def _cost(found: Any) -> float:
    return float(found["median_s"] if isinstance(found, dict) else found)


def front(lines: Iterable[Line], cost: Callable[[Line], float]) -> list[Line]:
    """The lines that no other line beats in accuracy at the same cost or less, cheapest first."""
    known = (line for line in lines if line["accuracy"] is not None)
    found: list[Line] = []
    for line in sorted(known, key=lambda line: (cost(line), -line["accuracy"])):
        if not found or line["accuracy"] > found[-1]["accuracy"]:
            found.append(line)
    return found


def best_speedups(
    lines: Iterable[Line], *, kind: str = "edges_read", losses: Sequence[float] = LOSSES
) -> list[Line]:
    """For each loss and method, find the setting of the highest speed-up within the loss.

    Args:
        lines: Lines from `lines_of`.
        kind: ``"edges_read"``, or a kind of prediction of `wis.measure.latency.serve`.
        losses: The largest mean losses allowed, in points.

    Returns:
        For each panel, loss and method: `panel`, `kind`, `allowed_loss`, `label`, and of the
        setting `percent_removed`, `speedup`, `loss`, `loss_low`, `loss_high`. The whole graph, with
        0 % removed, is a setting of every method.
    """
    found = []
    known = (line for line in lines if line["loss"] is not None and kind in line["speedup"])
    for panel, some in by_panel(known).items():
        whole = [line for line in some if line["label"] == FULL]
        labels = dict.fromkeys(line["label"] for line in some if line["label"] != FULL)
        for allowed in losses:
            for label in labels:
                own = [line for line in some if line["label"] == label]
                fit = [x for x in own if x["loss"] <= allowed + ROUNDING] + whole
                if not fit:
                    continue
                best = max(fit, key=lambda line: line["speedup"][kind])
                names = ("percent_removed", "loss", "loss_low", "loss_high")
                found.append(
                    {
                        "panel": panel,
                        "kind": kind,
                        "allowed_loss": allowed,
                        "label": label,
                        **{name: best[name] for name in names},
                        "speedup": best["speedup"][kind],
                    }
                )
    return found


def summary_text(rows: Sequence[Row], *, metric: str = "test") -> str | None:
    """The tables of the settings and of the best speed-ups; None if no row is finished."""
    if not any(row["status"] == DONE for row in rows):
        return None
    lines = lines_of(rows, metric=metric)
    parts = []
    for panel, some in by_panel(lines).items():
        about = "costs alone" if some[0]["accuracy"] is None else METRICS[metric]
        parts.append(f"{panel} ({about})\n{_table(map(_cells, some))}")
        if any(kind.startswith("sampled") for line in some for kind in line["speedup"]):
            parts.append(f"{panel}: neighbour sampling\n{_table(map(_sampled_cells, some))}")
        for kind in ("edges_read", "full_1"):
            if best := best_speedups(some, kind=kind):
                title = f"{panel}: the highest speed-up within a loss, by {_name(kind)}"
                parts.append(f"{title}\n{_table(_by_loss(best))}")
    return "\n\n".join([*parts, LEGEND])


def _name(kind: str) -> str:
    """Words for a kind of prediction."""
    what, _, size = kind.partition("_")
    batch = "1 vertex" if size == "1" else f"{size} vertices"
    return {"edges": "edges read", "all": "all vertices"}.get(what, batch)


def _cells(line: Line) -> dict[str, str]:
    """A line of the table of settings."""
    cells = {
        "": "*" if line["on_front"] else "",
        "method": line["label"],
        "% removed": f"{line['percent_removed']:g}",
        "seeds": str(line["num_seeds"]),
        "accuracy": _number(line["accuracy"], ".1f"),
        "loss": _interval(line),
        "edges read": f"{line['edges_read']:,.0f} ({line['speedup']['edges_read']:.1f} x)",
    }
    memory = line["batch_memory_bytes"]
    mebibytes = {"MiB": _number(None if memory is None else memory / 2**20, ".1f")}
    return {**cells, **_latencies(line, ("all", "full")), **mebibytes}


def _sampled_cells(line: Line) -> dict[str, str]:
    """A line of the table of neighbour sampling."""
    return {
        "method": line["label"],
        "% removed": f"{line['percent_removed']:g}",
        "accuracy": _number(line["sampled_accuracy"], ".1f"),
        **_latencies(line, ("sampled",)),
    }


def _latencies(line: Line, wanted: Sequence[str]) -> dict[str, str]:
    """Median and 95th percentile with the speed-up, for some kinds of predictions."""
    return {
        f"{_name(kind)}, ms": f"{median:.3g}/{line['p95_ms'][kind]:.3g} "
        f"({line['speedup'][kind]:.1f} x)"
        for kind, median in line["median_ms"].items()
        if kind.partition("_")[0] in wanted
    }


def _by_loss(best: Sequence[Line]) -> list[dict[str, str]]:
    """A line for each method, with a column for each loss."""
    table: dict[str, dict[str, str]] = {}
    for line in best:
        cells = table.setdefault(line["label"], {"method": line["label"]})
        where = f"at {line['percent_removed']:g} %, loss {_interval(line)}"
        cells[f"<= {line['allowed_loss']:g} points"] = (
            f"{line['speedup']:.1f} x {where}" if line["percent_removed"] else "nothing removed"
        )
    return list(table.values())


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


def _interval(line: Line) -> str:
    if line["loss"] is None:
        return "-"
    if math.isnan(line["loss_low"]):
        return f"{line['loss']:+.2f}"
    return f"{line['loss']:+.2f} [{line['loss_low']:+.2f}, {line['loss_high']:+.2f}]"


def _table(lines: Iterable[dict[str, str]]) -> str:
    text: str = imported_pandas().DataFrame(list(lines)).to_string(index=False)
    return text
