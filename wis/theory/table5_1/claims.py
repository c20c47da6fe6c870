"""The claims of Table 5.1: networks fit the task of the partition of high walk index better."""

from __future__ import annotations

from collections.abc import Sequence

from wis.theory.experiments.claims import Claim, Judgement, Row, over_seeds
from wis.theory.table5_1.table5_1_text import THESIS

WHAT = {
    "train": "fits the training pairs better",
    "test": "is more accurate on test pairs",
}


def claims_of(models: Sequence[str]) -> list[Claim]:
    """The claims on training and on test accuracy of some networks.

    >>> [claim.name for claim in claims_of(["gcn"])]
    ['gcn-train', 'gcn-test']
    """
    return [_claim(model, part) for model in models for part in WHAT]


def _claim(model: str, part: str) -> Claim:
    low, high = (THESIS[model, partition][list(WHAT).index(part)] for partition in ("low", "high"))

    def judge(rows: Sequence[Row]) -> Judgement:
        found: dict[str, dict[int, float]] = {"low": {}, "high": {}}
        for row in rows:
            if row["model"] == model:
                found[row["partition"]][row["seed"]] = 100 * row[f"{part}_accuracy"]
        both = sorted(found["low"].keys() & found["high"].keys())
        gains = [found["high"][seed] - found["low"][seed] for seed in both]
        return over_seeds(gains, f"{model.upper()}, high minus low, in points", above=0)

    return Claim(
        f"{model}-{part}",
        "Table 5.1",
        f"A {model.upper()} {WHAT[part]} where the essential partition has a high walk index "
        f"({high} against {low} % over five runs).",
        f"The 95 % interval of the difference in {part} accuracy, paired by seed, lies above 0.",
        judge,
    )
