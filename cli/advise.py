"""`wis advise`: how much of a graph may go, by which method, and what that saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wis.errors import counted

from .framework import Command, json_option, option, plugin_option, with_options
from .graphs import GraphSource, directed_option, graph_argument
from .options import ProtectionChoice, protection_options
from .output import check_plot_target, emit, emit_json, force_option, say


@click.command(
    cls=Command,
    examples=[
        "wis advise karate --task structure",
        "wis advise cora.pt --model sage --max-loss 2% --budget 12runs -o advice.png",
        "wis advise friends.csv --goal memory --methods wis,random --json",
    ],
)
@plugin_option
@with_options(
    {
        "--model NAME = gcn": "Network: gcn, sage, ... or mymodule:MyNet.",
        "--task = (vertex if the graph has labels y, else structure)": (
            "What must stay good: the classification of vertices, the prediction of edges, or walk "
            "indices.",
            {"type": click.Choice(["vertex", "link", "structure"])},
        ),
        "--max-loss SHARE = (1%; 20% of the walk indices without labels)": "Mean loss of the "
        "validation score that is allowed, in points: 1% or 0.01.",
        "--budget BUDGET = 5min": "Wall time (90s, 5min, 2h), or a number of training runs "
        "(40runs), which is repeatable.",
        "--methods NAMES = (a selection that suits the graph)": "Methods with their options, such "
        "as wis:walk_length=2,random.",
        "--goal NAME = serving": "Cost that is to be small: serving (arcs read by a prediction), "
        "training or memory.",
        "--depth L": "Layers of the network.  [default: its own]",
        "--width N = 64": "Size of the hidden embeddings.",
        "--epochs N = (500)": "The most epochs of a run.",
        "--patience N = (50, more if the time allows)": "Stop a run after N epochs without "
        "improvement.",
        "--learning-rate X = 0.01": "Rate of Adam.",
        "--weight-decay X = 0.0": "L2 penalty of Adam.",
        "--seed N = 0": "First seed of runs and splits.",
        "--device NAME = cpu": "Device to train on.",
        "--threads N>=1 = 1": "Threads of torch; more help on large graphs only.",
        "--keep-split": "Use the given validation vertices with every seed, in place of drawing "
        "them anew.",
    }
)
@directed_option
@protection_options
@option("-o, --output FILE", "Draw losses and savings to this file (.png, .svg, .pdf).")
@graph_argument
@force_option
@json_option
def advise(
    source: GraphSource,
    protection: ProtectionChoice,
    output: Path | None,
    force: bool,
    as_json: bool,
    methods: str | None,
    keep_split: bool,
    directed: bool,
    threads: int,
    **given: Any,
) -> None:
    """Find out how much of GRAPH may go, and by which method.

    Networks are trained on cut graphs, and the cheapest cut is advised whose loss of validation
    score is allowed. The loss of the test score is reported with its 95 % interval. A graph
    without labels y is judged by its walk indices. Ctrl-C prints the best advice so far.
    """
    from wis.advice import Adviser
    from wis.advice.goals import Budget, checked_goal

    Budget.of(given["budget"]), checked_goal(given["goal"])
    protection.check(source.name)
    source.check()
    source.refuse_folder()
    check_plot_target(output, force=force)
    options = advise_options(given)
    if methods is not None:
        from wis.experiments.recipe import parse_methods

        options["methods"] = [(spec.name, spec.options) for spec in parse_methods(methods)]
    import torch

    torch.set_num_threads(threads)
    file = source.open()
    protections = protection.arguments(file, directed=directed)
    adviser = Adviser(file.data, **options, redraw=not keep_split, directed=directed, **protections)
    interrupted = False
    try:
        advice = adviser.run()
    except KeyboardInterrupt:
        if not adviser.has_advice:
            raise
        advice, interrupted = adviser.advice(), True
    if output is not None:
        from wis.show import plot_advice

        plot_advice(advice, output, force=force, title=source.name)
    typed = source.typed() + protection.typed()
    if as_json:
        record = {"input": source.name, "output": output and str(output)}
        emit_json({**record, **advice.as_dict(source.name, typed)})
    else:
        from wis.show import advice_as_text

        emit(advice_as_text(advice, source.name, typed))
    drawn = "" if output is None else f" -> {output}"
    say(
        f"{source.name}: {advice.summary} ({counted(len(advice.trials), 'run')}, "
        f"{advice.seconds:.0f} s){drawn}"
    )
    if interrupted:
        click.get_current_context().exit(130)


def advise_options(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Adviser` for options of the command line that were given."""
    from wis.advice.advising import QUICK
    from wis.training import TrainConfig

    same = ("model", "depth", "width", "learning_rate", "weight_decay", "device")
    ends = {"max_epochs": given["epochs"], "patience": given["patience"]}
    known = {name: value for name, value in ends.items() if value is not None}
    config = TrainConfig(**{**QUICK, **{name: given[name] for name in same}, **known})
    names = ("task", "max_loss", "budget", "goal", "seed")
    return {"config": config, "fit_patience": not known, **{n: given[n] for n in names}}
