"""How good is the advice of `wis advise` beside a full sweep?

    python benchmarks/bench_advise.py cora chameleon --budget 5min

The yardstick is the sweep of the README: for each data set, method and percentage the mean test
accuracy of a GCN over three seeds, by the thesis' stopping rule. Its best setting is the largest
percentage that loses at most what is allowed. The search trains with the same learning rate and
weight decay, but stops sooner. The advised setting, the best one and the full graph are then
trained by the sweep's rule with the same splits and seeds, and compared seed by seed.

``--results FILE`` takes the rows of another sweep in place of the README's means. The budget counts
CPU time of this process, so that other programs on the machine do not shorten it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from wis import datasets, sparsify
from wis.advice import Advice, Adviser
from wis.advice.goals import Budget
from wis.theory.experiments.claims import over_seeds
from wis.training import thesis_config, train_many

README = {  # means of the tables of Figures 5.3 and D.5; columns 1-WIS, 2-WIS, random, spectral
    "cora": {
        0: (85.9, 85.9, 85.9, 85.9), 5: (85.4, 85.9, 85.1, 84.9), 10: (85.5, 85.5, 84.5, 84.3),
        15: (84.5, 85.7, 84.4, 85.1), 20: (84.0, 86.1, 82.3, 85.4), 25: (83.4, 85.9, 82.8, 84.3),
        30: (84.0, 85.2, 83.5, 83.4), 35: (84.9, 83.0, 82.5, 82.8), 40: (84.5, 84.0, 81.9, 81.9),
        45: (84.5, 82.4, 80.3, 80.4), 50: (83.1, 82.0, 80.1, 81.1), 55: (83.5, 80.3, 80.7, 79.0),
        60: (82.8, 80.0, 79.1, 78.7),
    },
    "chameleon": {
        0: (69.4, 69.4, 69.4, 69.4), 10: (70.0, 69.0, 67.5, 70.5), 20: (69.6, 69.0, 65.1, 70.0),
        30: (70.2, 69.9, 61.3, 69.2), 40: (69.0, 71.6, 63.3, 68.4), 50: (70.9, 70.6, 61.8, 66.7),
        60: (70.6, 66.8, 59.8, 64.6), 70: (70.3, 65.5, 58.0, 64.3), 80: (66.4, 61.0, 52.6, 57.9),
    },
}  # fmt: skip
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "1-WIS": ("wis", {}), "2-WIS": ("wis", {"walk_length": 2}), "random": ("random", {}),
    "spectral": ("spectral", {}), "dspar": ("dspar", {}), "k-neighbor": ("k-neighbor", {}),
    "teddy": ("teddy", {}),
}  # fmt: skip
LABELS = ("1-WIS", "2-WIS", "random", "spectral")


def means_of(name: str, results: str | None) -> dict[tuple[str, float], float]:
    """Mean test accuracy in percent, by method and percentage."""
    if results is None:
        return {
            (label, percent): accuracy
            for percent, row in README[name].items()
            for label, accuracy in zip(LABELS, row, strict=True)
        }
    from wis.experiments.results import read_results
    from wis.experiments.summary import panels_of

    panels = panels_of(read_results([results])[0])
    (panel,) = [panel for panel in panels if panel.title.startswith(name)]
    return {
        (label, percent): cell.mean
        for label in panel.labels
        for percent in panel.percentages
        if (cell := panel.accuracy(label, percent)) is not None
    }


def places_of(advice: Advice) -> dict[str, str]:
    """Mean losses in points of validation and test, and seeds, by method and percentage."""
    full = {trial.seed: trial for trial in advice.trials if trial.percent == 0}
    losses: dict[str, list[tuple[float, float]]] = {}
    for t in advice.trials:
        pair = (100 * (full[t.seed].val - t.val), 100 * (full[t.seed].test - t.test))
        losses.setdefault(f"{t.method} {t.percent} %", []).append(pair)
    return {
        place: "{:.1f} / {:.1f} ({})".format(
            *map(statistics.mean, zip(*some, strict=True)), len(some)
        )
        for place, some in sorted(losses.items())
    }


def compared(name: str, options: argparse.Namespace) -> dict[str, object]:
    """The best setting of the sweep, the advised one, and what both lose."""
    means = means_of(name, options.results)
    full = max(accuracy for (_, percent), accuracy in means.items() if percent == 0)
    allowed = 100 * float(options.max_loss)
    fits = {place: a for place, a in means.items() if a >= full - allowed - 1e-9}
    best = max(fits, key=lambda place: (place[1], fits[place]))
    data, start = datasets.load(name, root=options.data_root), time.perf_counter()
    adviser = Adviser(
        data,
        budget=Budget.of(options.budget, time.process_time),
        max_loss=options.max_loss,
        goal=options.goal,
        config=thesis_config("gcn", name, patience=options.patience, max_epochs=1_000),
        fit_patience=True,
    )
    advice = adviser.run()
    seconds = time.perf_counter() - start
    seeds = range(options.seeds)

    def scores(graph: Data) -> np.ndarray:
        records = train_many(graph, thesis_config("gcn", name), seeds, progress=False)
        return np.array([100 * record.test_score for record in records])

    method, settings = METHODS[best[0]]
    ideal = scores(sparsify(data, remove=f"{best[1]:g}%", method=method, **settings))
    advised, whole = scores(advice.apply(data)), scores(data)
    return {
        "dataset": name, "goal": options.goal, "all edges (sweep)": full,
        "best of the sweep": f"{best[0]}, {best[1]:g} %, {fits[best]:.1f}",
        "advice": f"{advice.label}, {advice.percent} %",
        "trained by the sweep's rule": f"{options.seeds} seeds",
        "all edges": round(float(whole.mean()), 2), "best": round(float(ideal.mean()), 2),
        "advised": round(float(advised.mean()), 2), "by seed": advised.round(1).tolist(),
        "behind the best": over_seeds(ideal - advised, "points", below=0.5).found,
        "behind all edges": over_seeds(whole - advised, "points").found,
        "validation loss": vars(advice.validation) if advice.validation else None,
        "test loss": vars(advice.loss) if advice.loss else None,
        "savings": {saving.name: round(saving.factor, 2) for saving in advice.savings},
        "by place": places_of(advice),
        "runs": len(advice.trials), "stopped by": advice.stopped_by,
        "CPU seconds": round(advice.seconds), "wall seconds": round(seconds),
    }  # fmt: skip


def main() -> None:
    """Compare the advice on each data set with the sweep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("datasets", nargs="*", default=["cora", "chameleon"])
    parser.add_argument("--budget", default="5min")
    parser.add_argument("--max-loss", type=float, default=0.01)
    parser.add_argument("--goal", default="training", help="training: the most edges removed")
    parser.add_argument(
        "--patience", type=int, default=50, help="of the search; the rule's is 1000"
    )
    parser.add_argument("--seeds", type=int, default=10, help="of the comparison by the rule")
    parser.add_argument("--results", help="rows of a sweep, in place of the README's means")
    parser.add_argument("--data-root")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.datasets:
        print(json.dumps(compared(name, options), indent=1), flush=True)


if __name__ == "__main__":
    main()
