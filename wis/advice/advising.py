"""`advise`: from a graph, an allowed loss and a budget to an `Advice`."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from wis.advice.cuts import Cuts, Method, rankings_of
from wis.advice.goals import Budget, checked_goal
from wis.advice.result import Advice, Loss
from wis.advice.savings import savings
from wis.advice.search import EVERYTHING, NOTHING, Search, Trial
from wis.advice.tasks import TaskName, checked_task, task_of
from wis.base.checks import checked_seed, is_number, usual_defaults
from wis.base.progress import progress_bar
from wis.errors import OptionError, echo
from wis.graph import CanonicalGraph, canonical_graph
from wis.graph.holders import is_held, opened, several, vertex_ids
from wis.order.protections import Pairs
from wis.training import TrainConfig

_log = logging.getLogger(__name__)

QUICK: Mapping[str, Any] = {"learning_rate": 0.01, "max_epochs": 500, "patience": 50}
"""Training of a trial, unless a configuration is given: about a tenth of the thesis' epochs."""
MAX_LOSS = {"structure": 0.2}
"""Losses that are allowed by default, other than 1 %."""
MOST_SEEDS, MOST_AT_THE_END = 30, 60
"""Seeds of an amount in the race, and of the best one if the budget is not spent by then."""
RUNS_PER_SEED = 12
"""A budget of so many runs for each seed of the last amount leaves enough for the race."""
LEAST_RUNS = 30
"""Runs that a budget of time must allow; otherwise runs get fewer epochs."""
LEAST_EPOCHS = 20
BUDGET_TOO_SMALL = "the budget is too small"
MANY_RUNS, MOST_PATIENCE = 150, 500
"""A budget of time that allows more than `MANY_RUNS` lets each run wait longer, up to this
patience: a run that stops too soon underrates the full graph, which profits most from long
training."""
RUNS_PER_METHOD = 6
"""Runs that bracket the answer of a method in the first round, about."""


class Adviser:
    """A search that can be stopped; `run` finishes it, and `advice` gives what is known so far.

    The arguments are those of `advise`; the budget may be a `Budget` with a clock of its own, and
    `fit_patience` says whether the patience of the configuration grows with a budget of time, as it
    does if no configuration is given.
    """

    @usual_defaults()
    def __init__(
        self,
        data: Any,
        *,
        budget: str | Budget = "5min",
        fit_patience: bool | None = None,
        **keywords: Any,
    ) -> None:
        call = signature(advise).bind(data, **keywords)
        call.apply_defaults()
        wanted = SimpleNamespace(**call.arguments)
        self.budget = budget if isinstance(budget, Budget) else Budget.of(budget)
        self.goal = checked_goal(wanted.goal)
        self.fits_patience = wanted.config is None if fit_patience is None else fit_patience
        names = ("directed", "seed", "keep_connected", "min_degree", "protect")
        common = {name: getattr(wanted, name) for name in names}
        collected = several(data)
        if is_held(held := opened(data)):
            common["protect"] = vertex_ids(held, wanted.protect, "protect")
        graphs = [_as_data(held)] if collected is None else [_as_data(each) for each in collected]
        name = wanted.task or task_of(graphs, is_list=collected is not None)
        trained: Any = "vertex" if name == "structure" else name
        config = wanted.config or TrainConfig(wanted.model, **QUICK, device=wanted.device)
        config = replace(config, task=trained, seed=checked_seed(wanted.seed))
        self.task = checked_task(name)(graphs, config, redraw=wanted.redraw)
        self.name = name
        most = wanted.max_loss
        self.max_loss = MAX_LOSS.get(name, 0.01) if most is None else _share(most)
        self.task.notes += self._doubts()
        depth = self.task.config.depth or 1
        with quiet():
            self.rankings, self.left_out = rankings_of(wanted.methods, graphs, depth, **common)
        self.cut = {"per_type": wanted.per_type, "edge_attrs": tuple(wanted.edge_attrs)}
        self.cuts = Cuts(self.task, self.rankings, self.cut)
        self.labels = self.cuts.labels()
        self.report: Callable[[int], None] = lambda done: None
        self.stopped_by = "interrupt"
        self.search = Search(
            len(self.rankings), run=self._trial, cost=self._cost, max_loss=self.max_loss, seeds=1,
            most_seeds=MOST_AT_THE_END if self.task.trains else 1, affords=self.budget.affords,
        )  # fmt: skip

    def run(self, progress: bool | None = None) -> Advice:
        """Search, and measure what the result saves."""
        with quiet(), progress_bar("advise", 100, show=progress) as report:
            self.report = report
            self._fit_epochs()
            self._plan()
            self.search.search()
        done = len(self.search.alive) == 1
        done &= BUDGET_TOO_SMALL not in self.left_out.values()
        self.stopped_by = "done" if done or self.search.everything_may_go() else "budget"
        return self.advice()

    def _doubts(self) -> list[str]:
        """A note if one vertex or graph moves the validation score by more than may be lost."""
        size = self.task.num_validated
        if not size or size * self.max_loss >= 1:
            return []
        return [
            f"the validation score counts {size} labels, so one label is worth {100 / size:.2g} "
            f"points, more than may be lost: chance has a large part in the choice"
        ]

    def _fit_epochs(self) -> None:
        """Let runs end sooner if the budget allows only a few, or later if it allows many."""
        if not self.task.trains or self.budget.seconds is None:
            return
        config, most = self.task.config, 12
        self.task.config = replace(config, max_epochs=min(most, config.max_epochs))
        start = self.budget.clock()  # not the run's own seconds: the budget may count CPU time
        self.task.score(self.task.inputs(0), 0)
        each = (self.budget.clock() - start) / self.task.config.max_epochs
        self.task.config = config
        patience = min(MOST_PATIENCE, int(self.budget.seconds / MANY_RUNS / max(each, 1e-9) / 2))
        if self.fits_patience and patience > config.patience:
            epochs = max(config.max_epochs, 5 * patience)
            self.task.config = replace(config, max_epochs=epochs, patience=patience)
            return
        allowed = int(self.budget.seconds / LEAST_RUNS / max(each, 1e-9))
        epochs = max(LEAST_EPOCHS, min(config.max_epochs, allowed))
        if epochs >= 2 * config.patience:
            return  # early stopping ends most runs by then
        self.task.config = replace(
            config, max_epochs=epochs, patience=min(config.patience, max(10, epochs // 4))
        )
        self.task.notes.append(
            f"an epoch takes {each:.2g} s, so runs end after {epochs} epochs; a larger budget "
            "allows more"
        )

    def _plan(self) -> None:
        """Choose how many seeds and methods fit, after the first run."""
        search = self.search
        search.trial(None, NOTHING, 0)
        runs = self.budget.num_affordable()
        if self.task.trains:
            search.seeds = max(2, min(MOST_SEEDS, runs // RUNS_PER_SEED))
        fitting = max(1, (runs - 2 * search.seeds) // RUNS_PER_METHOD)
        for label in self.labels[fitting:]:
            self.left_out[label] = BUDGET_TOO_SMALL
        search.alive = search.alive[:fitting]

    def _trial(self, method: int | None, percent: int, seed: int) -> Trial:
        start = self.budget.clock()
        graphs = self.cuts.graphs(method, percent, seed)
        score = (math.nan, math.nan, 0.0) if graphs is None else self.task.score(graphs, seed)
        label = "" if method is None else self.labels[method]
        self.budget.spend(self.budget.clock() - start)
        self.report(int(100 * self.budget.share))
        return Trial(label, percent, self.task.config.seed + seed, *score)

    def _cost(self, method: int, percent: int) -> float:
        graphs = self.cuts.graphs(method, percent, 0)
        assert graphs is not None
        return self.goal.cost(graphs, self.task.config.depth or 1)

    @property
    def has_advice(self) -> bool:
        """Whether the full graph was scored, so that `advice` has something to say."""
        return self.search.done(None, NOTHING, 0) is not None

    def advice(self) -> Advice:
        """What is known so far."""
        search = self.search
        method, percent = search.best()
        chosen = None if percent == NOTHING else method
        full, cut = self.cuts.graphs(None, NOTHING, 0), self.cuts.graphs(chosen, percent, 0)
        assert full is not None
        assert cut is not None
        pairs = [
            (before.test, after.test)
            for seed in range(search.seeds)
            if (before := search.done(None, NOTHING, seed))
            and (after := search.done(chosen, percent, seed))
        ]
        tests_before, tests_after = zip(*pairs, strict=True)
        worth = search.losses(None, EVERYTHING)
        ranking = self.rankings[method]
        return Advice(
            method=None if chosen is None else ranking.method,
            options={} if chosen is None else dict(ranking.options),
            percent=percent,
            goal=self.goal.name,
            metric=self.task.metric,
            max_loss=self.max_loss,
            validation=None if chosen is None else Loss.of(search.losses(chosen, percent)),
            loss=None if chosen is None else Loss.of(search.losses(chosen, percent, "test")),
            scores=(math.fsum(tests_before) / len(pairs), math.fsum(tests_after) / len(pairs)),
            worth=Loss.of(worth) if worth else None,
            savings=tuple(savings(self.task, full, cut)),
            task=self.name,
            config=self.task.config.as_dict() if self.task.trains else {},
            budget=self.budget.text,
            seconds=self.budget.elapsed,
            stopped_by=self.stopped_by,
            trials=tuple(search.trials.values()),
            labels=tuple(self.labels),
            left_out=dict(self.left_out),
            notes=tuple(self.task.notes),
            ranking=ranking,
            cut=self.cut,
        )


def advise(
    data: Any,
    *,
    model: str = "gcn",
    task: TaskName | None = None,
    max_loss: float | str | None = None,
    budget: str = "5min",
    methods: Sequence[Method] | None = None,
    goal: str = "serving",
    config: TrainConfig | None = None,
    seed: int = 0,
    redraw: bool = True,
    directed: bool = False,
    device: str = "cpu",
    keep_connected: bool = False,
    min_degree: int = 0,
    protect: Pairs | None = None,
    per_type: bool | str = False,
    edge_attrs: Sequence[str] = (),
    progress: bool | None = None,
) -> Advice:
    """Find out how much of a graph may go, by which method, and what that saves.

    Networks are trained on cut graphs until the budget is spent or the answer is clear. Methods
    and amounts are chosen by validation scores (see `wis.advice.search`); the loss that is reported
    is that of test scores. With a budget in runs the same call does the same runs, except for the
    times that are measured.

    >>> import wis
    >>> noise = wis.datasets.load("csbm:n=200,graph_signal=0,feature_signal=9")
    >>> wis.advise(noise, budget="8runs", methods=["wis"]).remove  # its edges tell nothing
    '100%'

    Args:
        data: A `Data` with labels `y` of its vertices, a list or a data set of graphs with a label
            each, or a graph without labels of any kind (`wis.graph.holders` lists them), for which
            walk indices take the place of accuracies. A graph without masks is split 80/10/10.
        model: A name of `wis.models.available_models`, or ``"module:Class"``.
        task: ``"vertex"``, ``"graph"``, ``"link"`` or ``"structure"``; found from the labels if not
            given (see `wis.advice.tasks`).
        max_loss: The mean loss that is allowed, in points of the score: a fraction in [0, 1], or a
            text such as ``"1%"``. 1 % if not given, 20 % of the walk indices for ``"structure"``.
        budget: Wall time such as ``"5min"``, or a number of training runs such as ``"40runs"``.
        methods: A name, or names and pairs of a name and options; a selection if not given.
        goal: The cost that is to be small: a name of `wis.advice.GOALS`.
        config: The configuration of the training, in place of `model` and of a short run with
            early stopping. Take the learning rate and the weight decay that you will train with:
            another training may rank the methods in another way.
        seed: The first seed of runs, splits and random methods.
        redraw: Draw the validation vertices anew for each seed, from those that are not for
            testing; false to keep the given ones.
        directed: Treat each distinct arc as an edge of its own (see `wis.sparsify`).
        device: Device to train on; not used with `config`.
        keep_connected: As for `wis.sparsify`, as are the next four.
        min_degree: Least degree.
        protect: Edges that stay.
        per_type: Remove the same fraction of the edges of each type.
        edge_attrs: Attributes with an entry for each arc.
        progress: Show a bar always (true), never (false), or if it takes long, with a line every
            minute where stderr is no terminal (None).

    Raises:
        OptionError: An option is impossible.
        UnknownNameError: A method, a model or a goal does not exist.
        GraphFormatError: The data is not a graph, or lacks what the task needs.
        DivergedError: A network on the full graph diverges.
    """
    given = {name: value for name, value in locals().items() if name not in ("data", "progress")}
    return Adviser(data, **given).run(progress)


def automatic(
    data: Any,
    budget: str,
    method: str | None,
    options: Mapping[str, Any],
    *,
    num_nodes: int | None = None,
    **more: Any,
) -> Advice:
    """The advice of ``remove="auto"``: for a method if one is named, else for a selection."""
    named = None if method is None else [(method, options)]
    held = data if num_nodes is None else _as_data(data, num_nodes)
    advice = Adviser(held, budget=budget, methods=named, **more).run()
    for line in (advice.summary, *advice.notes):
        _log.info("%s", line)
    return advice


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the notices of dozens of orders, such as the engine that was chosen, off the log."""
    logger = logging.getLogger("wis")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _as_data(graph: Any, num_nodes: int | None = None) -> Any:
    """A `Data` of a graph of any kind; a PyG object as it is."""
    from torch_geometric.data import Data
    from torch_geometric.transforms import ToUndirected

    graph = opened(graph, num_nodes)
    if is_held(graph):
        both = graph.is_undirected_kind
        return ToUndirected()(graph.as_data()) if both else graph.as_data()
    canonical = canonical_graph(graph, num_nodes)
    if isinstance(graph, Tensor):
        return Data(edge_index=graph, num_nodes=canonical.num_nodes)
    if not isinstance(graph, CanonicalGraph):
        return graph
    arcs = graph.edges if graph.directed else torch.cat([graph.edges, graph.edges.flip(0)], dim=1)
    return Data(edge_index=arcs, num_nodes=graph.num_nodes)


def _share(max_loss: float | str) -> float:
    """The allowed loss as a fraction."""
    text = str(max_loss).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1 or not (isinstance(max_loss, str) or is_number(max_loss)):
        raise OptionError(
            f"max_loss is {echo(str(max_loss))!r}; expected a percentage such as '1%' or a "
            "fraction in [0, 1]"
        )
    return share
