"""`Advice`: what a search found, ready to be applied, printed and saved."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wis.advice.cuts import label_of
from wis.advice.savings import Saving
from wis.advice.search import EVERYTHING, Trial
from wis.base.checks import as_integer
from wis.order.cut import Cut, GraphT
from wis.order.ranking import Ranking
from wis.order.small import cut_any

NO_CUT = "the budget allowed no run on a cut graph"

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Loss:
    """Mean loss of a score against the full graph, paired by seeds.

    The interval is over seeds. Test vertices are the same for all of them, so it does not say how
    much the loss would differ on other vertices.

    Attributes:
        mean: The mean, a fraction: 0.01 is one point of accuracy.
        low: Lower end of its 95 % interval by Student's t; None with fewer than two seeds.
        high: Upper end.
        num_seeds: Number of pairs of runs.
    """

    mean: float
    low: float | None
    high: float | None
    num_seeds: int

    @classmethod
    def of(cls, losses: Sequence[float]) -> Loss:
        """Summarise the losses of some seeds.

        >>> loss = Loss.of([0.0, 0.02])
        >>> round(loss.mean, 4), round(loss.low, 4), round(loss.high, 4)
        (0.01, -0.1171, 0.1371)
        """
        mean, num = float(np.mean(losses)), len(losses)
        if num < 2 or not math.isfinite(mean):
            return cls(mean, None, None, num)
        if np.ptp(losses) == 0:
            return cls(mean, mean, mean, num)
        from scipy.stats import sem, t

        low, high = t.interval(CONFIDENCE, num - 1, loc=mean, scale=sem(losses))
        return cls(mean, float(low), float(high), num)


@dataclass(frozen=True, eq=False)
class Advice:
    """How much may go, by which method, and what is gained.

    Attributes:
        method: Name of the method; None if nothing may go.
        options: Its options.
        percent: Percentage of the edges to remove.
        goal: The cost that was to be small.
        metric: The score that was to stay.
        max_loss: The mean loss of the validation score that was allowed, a fraction.
        validation: The loss of the validation score, by which the amount was chosen.
        loss: The loss of the test score, which decided nothing; None if nothing may go.
        scores: Mean test scores of the full and of the cut graph, over the same seeds.
        worth: Validation loss if all edges go: what the edges are worth. None if that was not run.
        savings: Costs before and after.
        task: The task: ``"vertex"``, ``"graph"``, ``"link"`` or ``"structure"``.
        config: The configuration of the training.
        budget: The budget as it was given.
        seconds: Wall time of the search.
        stopped_by: ``"done"``, ``"budget"`` or ``"interrupt"``.
        trials: All runs, in their order.
        labels: The methods of the search.
        left_out: Methods that were not tried, and why.
        notes: What was assumed about the data.
        ranking: The method with its seed and the protections.
        cut: How to cut, apart from the amount.
    """

    method: str | None
    options: Mapping[str, Any]
    percent: int
    goal: str
    metric: str
    max_loss: float
    validation: Loss | None
    loss: Loss | None
    scores: tuple[float, float]
    worth: Loss | None
    savings: tuple[Saving, ...]
    task: str
    config: Mapping[str, Any]
    budget: str
    seconds: float
    stopped_by: str
    trials: tuple[Trial, ...]
    labels: tuple[str, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    ranking: Ranking = field(repr=False)
    cut: Mapping[str, Any] = field(repr=False)

    @property
    def remove(self) -> str:
        """The amount to remove, as `wis.sparsify` takes it."""
        return f"{self.percent}%"

    @property
    def label(self) -> str:
        """The method and its options; empty if nothing may go."""
        return "" if self.method is None else label_of(self.method, self.options)

    @property
    def unit(self) -> str:
        """The unit of losses times 100."""
        return "% of the walk indices" if self.task == "structure" else f"points of {self.metric}"

    @property
    def allowed(self) -> str:
        """The loss that is allowed, with its unit."""
        points = f"{100 * self.max_loss:g}"
        return f"{points} {self.unit.replace('points', 'point', points == '1')}"

    @property
    def tried(self) -> int:
        """Number of runs on cut graphs that keep some edges."""
        return sum(0 < trial.percent < EVERYTHING for trial in self.trials)

    @property
    def verdict(self) -> str:
        """Whether the test scores settle that the loss is as small as allowed; may be empty."""
        if self.loss is None or not self.config:
            return ""
        low, high = self.loss.low, self.loss.high
        if low is None or high is None:
            return "one seed cannot tell how sure this is; a larger budget runs more"
        if high <= self.max_loss:
            return "the test scores confirm it: the whole interval is within the allowed loss"
        if low > self.max_loss:
            return "the test scores contradict it: the whole interval is above the allowed loss"
        return "the test scores do not settle it: the interval contains the allowed loss"

    @property
    def summary(self) -> str:
        """One line: what to do and why, and whether the test scores contradict it."""
        if self.validation is None:
            why = f"nothing that was tried loses at most {self.allowed}" if self.tried else NO_CUT
            return f"keep all edges: {why}"
        loss = f"loses {100 * self.validation.mean:.1f} of at most {self.allowed}"
        loss += " (validation)" if self.config else ""
        if self.loss is not None and "contradict" in self.verdict:
            loss += f", but {100 * self.loss.mean:.1f} in the test, which contradicts it"
        if self.percent == EVERYTHING:
            return f"remove all edges: {loss}"
        return f"remove {self.remove} by {self.label}: {loss}, and costs least for {self.goal}"

    def apply(self, data: GraphT) -> GraphT:
        """Cut a graph, or each graph of a list or dataset, as advised; the argument is not changed.

        Raises:
            WisError: As for `wis.sparsify`.
        """
        sparse: GraphT = cut_any(data, self.ranking, Cut(self.remove, **self.cut))
        return sparse

    def command(self, graph: str = "GRAPH", reading: Sequence[str] = ()) -> str:
        """The command line that cuts the graph, with the options `reading` to read it.

        FILE stands for the edges that are protected, unless `reading` names their file.
        """
        method = self.method or "wis"
        words = ["wis", "sparsify", graph, *reading, "--remove", self.remove, "--method", method]
        for name, value in self.options.items():
            if name in ("walk_length", "batch_size", "engine", "epsilon", "partitions"):
                words += [f"--{name.replace('_', '-')}", str(value)]
            else:
                words += ["--option", f"{name}={value}"]
        ranking = self.ranking
        words += ["--directed"] * ranking.directed + ["--keep-connected"] * ranking.keep_connected
        words += ["--min-degree", str(ranking.min_degree)] if ranking.min_degree else []
        words += ["--protect", "FILE"] if self._protects_unnamed(reading) else []
        per_type = self.cut.get("per_type")
        words += ["--type-column", per_type] if isinstance(per_type, str) else []
        words += ["--per-type"] if per_type is True else []
        words += ["--seed", str(ranking.seed)] if as_integer(ranking.seed) else []
        return shlex.join(words)

    def _protects_unnamed(self, reading: Sequence[str]) -> bool:
        return self.ranking.protect is not None and "--protect" not in reading

    def python(self, graph: str = "data") -> str:
        """The line of Python that cuts the graph; `protect` is a variable in it."""
        ranking = self.ranking
        given = {"remove": self.remove, "method": self.method or "wis", **self.options}
        more = {
            "directed": ranking.directed, "keep_connected": ranking.keep_connected,
            "min_degree": ranking.min_degree, "seed": ranking.seed,
        }  # fmt: skip
        given |= {name: value for name, value in more.items() if value}
        given |= {name: value for name, value in self.cut.items() if value}
        words = [graph, *(f"{name}={value!r}" for name, value in given.items())]
        words += ["protect=protect"] if ranking.protect is not None else []
        return f"wis.sparsify({', '.join(words)})"

    def as_dict(self, graph: str = "GRAPH", reading: Sequence[str] = ()) -> dict[str, Any]:
        """Everything as values for JSON, all runs included; a run that diverged scored None.

        The arguments are those of `command`.
        """
        plain = {
            name: value for name, value in vars(self).items() if name not in ("ranking", "cut")
        }
        return {
            **plain,
            **{k: v and dict(vars(v)) for k, v in plain.items() if isinstance(v, Loss)},
            "remove": self.remove,
            "summary": self.summary,
            "scores": dict(zip(("full", "cut"), self.scores, strict=True)),
            "savings": [
                {**vars(saving), "factor": saving.factor if saving.after else None}
                for saving in self.savings
            ],
            "trials": [
                {k: None if v != v else v for k, v in vars(trial).items()} for trial in self.trials
            ],
            "command": self.command(graph, reading),
            "python": self.python(),
        }
