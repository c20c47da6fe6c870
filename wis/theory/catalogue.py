"""The list of what can be run of the thesis, with the last verdict on each claim.

The last verdicts are a data file of the package; ``python benchmarks/verdicts.py`` makes it from
the rows that are kept in ``benchmarks/results``.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wis.errors import OptionError
from wis.theory.experiments.registry import available_experiments, plain

VERDICTS = Path(__file__).parent / "experiments" / "verdicts.json"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """Something to run.

    Attributes:
        source: Its number in the thesis.
        summary: What it shows, in a line.
        command: The command that runs it.
    """

    name: str
    source: str
    summary: str
    command: str

    @property
    def cost(self) -> tuple[float | None, float | None]:
        """CPU seconds at both sizes, see `COSTS`."""
        return COSTS[self.name]


CHAPTER_5 = tuple(itertools.starmap(Entry, (
    ("bounds", "Theorems 7, 8, 10, 11",
     "bounds of the separation rank, by walk indices and least cuts",
     "wis theory bounds GRAPH --subset IDS --depth L"),
    ("separation-rank", "Definition 10",
     "the separation rank of a network, exactly or on a grid",
     "wis theory separation-rank GRAPH --subset IDS --depth L"),
    ("tensor-network", "Proposition 10; Figures D.3, D.4",
     "the tensor network of a network with product aggregation",
     "wis theory tensor-network GRAPH --depth L"),
    ("figure5_2", "Figure 5.2",
     "separation ranks across two partitions of two cliques",
     "wis theory figure5_2"),
    ("preserved", "Section 5.5",
     "walk indices and lower bounds that removal orders leave",
     "wis theory preserved GRAPH"),
    ("influence", "Section 5.5.1; Theorem 8",
     "walk indices kept against the influence that trained networks keep",
     "wis theory influence GRAPH"),
    ("table5_1", "Table 5.1",
     "networks fit a task better if its partition has a high walk index",
     "wis bench run thesis_table5_1"),
    ("figure5_3", "Figure 5.3",
     "accuracy of a GCN against the share of removed edges",
     "wis bench run thesis_fig5_3_cora_gcn"),
    ("figureD_5", "Figure D.5",
     "the same with GIN and ResGCN, and on other graphs",
     "wis bench run thesis_figD_5_cora_gin"),
)))  # fmt: skip
"""What other commands than `wis theory run` run."""

HOUR = 3600.0
COSTS: Mapping[str, tuple[float | None, float | None]] = {
    "proposition1": (1, 1), "proposition3": (1, 3), "proposition4": (2, 4),
    "conjecture1": (3, 12), "fig1_1": (8, 15), "figA_1": (8, 65), "figA_2": (9, 27),
    "fig1_2": (8, HOUR), "figA_3": (5, HOUR), "theorem4": (1, 2),
    "fig2_2": (5, 172), "figB_1": (9, 3.7 * HOUR), "figB_2": (2, 7), "figB_3": (12, HOUR),
    "fig2_3": (20, 10 * HOUR), "tableB_1": (8, 30),
    "corollary2": (1.2, 9), "corollary3": (6.9, 20), "theorem5": (28, 60),
    "fig3_1": (8.4, 400), "figC_2": (5.6, 300), "figC_3": (6.1, 570), "figC_4": (13, 60),
    "equation3_9": (2.3, 6), "proposition5": (0.3, 2.1), "proposition6": (0.25, 16),
    "proposition8": (0.2, 0.25), "proposition9": (0.2, 1.6),
    "fig3_6": (11, 8.5e7), "figC_5": (30, 1.7e8), "figC_6": (22, 9.1e7), "figC_7": (60, 1.8e8),
    "bounds": (4, None), "separation-rank": (4, None), "tensor-network": (4, None),
    "theorem6": (18, 90), "more_edges": (2, 30), "figure5_2": (2, 2), "fig5_2": (2, 5),
    "table5_1": (None, 6700), "product_table5_1": (8, 90), "algorithm1": (7, 180),
    "preserved": (5, 26), "influence": (6, 150), "appendixD_1": (2, 60), "theorem10": (3, 13),
    "figure5_3": (None, 370), "figureD_5": (None, 430), "chapter6": (5, 95),
}  # fmt: skip
"""CPU seconds of one seed at the quick and at the full size, which is the thesis' where it states
one; None where there is no such size. Sizes that were not run are predicted from the cost of a
step (`benchmarks/results/theory.md`). Of `bounds` and its like: karate and Cora; of Table 5.1:
10,000 epochs."""


ORDER = (
    *("separation-rank", "theorem6", "more_edges", "bounds", "figure5_2", "fig5_2", "table5_1"),
    *("product_table5_1", "algorithm1", "preserved", "influence", "figure5_3", "appendixD_1"),
    *("theorem10", "tensor-network", "figureD_5", "chapter6"),
)
"""The order of Chapter 5 with its Appendix D, and of Chapter 6."""


def entries() -> list[Entry]:
    """All that can be run, in the order of the thesis; appendices stand with their chapters.

    >>> [entry.source for entry in entries() if entry.name in ("fig1_1", "figure5_2")]
    ['Figure 1.1', 'Figure 5.2']
    """
    own = [
        Entry(each.name, each.source, each.summary, f"wis theory run {each.name}")
        for each in available_experiments().values()
    ]
    return sorted([*own, *CHAPTER_5], key=_place)


def _place(entry: Entry) -> int:
    return ORDER.index(entry.name) if entry.name in ORDER else -1


def check_can_run(name: str) -> None:
    """Raise `OptionError` if another command than `wis theory run` runs what has this name."""
    for entry in CHAPTER_5:
        if plain(entry.name) == plain(name):
            raise OptionError(f"{entry.name} is run by `{entry.command}`")


def last_verdicts() -> list[dict[str, Any]]:
    """The records of the kept findings, see `wis.theory.findings.Findings.record`."""
    found: list[dict[str, Any]] = json.loads(VERDICTS.read_text(encoding="utf-8"))["findings"]
    return found


def counts(records: Iterable[Record]) -> str:
    """Count the states of claims, such as ``"3 agree, 1 cannot tell"``.

    >>> counts([{"claims": [{"state": "agrees"}, {"state": "cannot tell"}]}])
    '1 agrees, 1 cannot tell'
    """
    states = Counter(claim["state"] for record in records for claim in record["claims"])
    words = {"agrees": "agree", "disagrees": "disagree", "cannot tell": "cannot tell"}
    told = (
        f"{states[state]} {state if states[state] == 1 else plural}"
        for state, plural in words.items()
        if states[state]
    )
    return ", ".join(told)


def best_size(records: Sequence[Record]) -> list[Record]:
    """The records of the largest size: that of the thesis, else an own one, else the quick one."""
    sizes = [record["size"] for record in records]
    chosen = next((size for size in ("thesis", "own") if size in sizes), "quick")
    return [record for record in records if record["size"] == chosen]
