"""The claims of Table 5.1: networks fit the task of the partition of high walk index better."""

from __future__ import annotations

from collections.abc import Sequence

from wis.theory.experiments.claims import Claim, Row, each_seed, where
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

    def gain(own: Sequence[Row]) -> float | None:
        found = {row["partition"]: 100 * row[f"{part}_accuracy"] for row in own}
        return found["high"] - found["low"] if len(found) == 2 else None

    rule = each_seed(gain, f"{model.upper()}, high minus low, in points", above=0)
    return Claim(
        f"{model}-{part}",
        "Table 5.1",
        f"A {model.upper()} {WHAT[part]} where the essential partition has a high walk index "
        f"({high} against {low} % over five runs).",
        f"The 95 % interval of the difference in {part} accuracy, paired by seed, lies above 0.",
        lambda rows: rule(where(rows, model=model)),
    )
