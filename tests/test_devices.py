"""Each function and command that takes a device refuses one that is not there, in one line."""

from __future__ import annotations

import inspect

import click
import pytest

import wis
from wis import advice, api, datasets, measure, training, transforms
from wis.errors import OptionError
from wis.measure import latency
from wis.models import build_model
from wis.training import TrainConfig, split_vertices
from wis_cli.framework import cli
from wis_cli.main import run

NOWHERE = "cuda:97"
LINE = f"device '{NOWHERE}' cannot be used here: "
FUNCTIONS = {
    "sparsify": lambda data, **there: wis.sparsify(data, remove=1, **there),
    "removal_order": wis.removal_order,
    "Sparsify": lambda data, **there: transforms.Sparsify(remove=1, **there)(data),
    "WalkIndexSparsification": (
        lambda data, **there: transforms.WalkIndexSparsification(remove=1, **there)(data)
    ),
    "TrainConfig": lambda data, **there: training.train(data, TrainConfig(**there)),
    "Adviser": lambda data, **there: advice.Adviser(data, **there).run(),
    "advise": advice.advise,
    "Server": lambda data, **there: latency.Server(network(), data, depth=2, **there),
    "serve": lambda data, **there: latency.serve(network(), [data], depth=2, **there),
}
COMMANDS = {
    "sparsify": (["karate", "--remove", "1"], 2),
    "order": (["karate", "-o", "karate.npz"], 2),
    "advise": (["karate"], 2),
    "theory run": (["fig3_6", "--quick", "-o", "karate"], 2),
    # one failed run does not stop the others
    "bench run": (["--dataset", "karate", "--remove", "0%", "--epochs", "1"], 1),
    "bench serve": (["karate", "--remove", "50%", "--epochs", "1", "--batch-sizes", "1"], 1),
}


def network():
    return build_model("gcn", 34, 2, depth=2, seed=0).eval()


def test_the_tables_have_all_functions_and_commands_that_take_a_device():
    functions = set()
    for module in (api, transforms, training, advice, measure, latency):
        for name, value in vars(module).items():
            public = not name.startswith("_") and getattr(value, "__module__", "") != "typing"
            if public and callable(value) and value.__module__.startswith("wis."):
                try:
                    parameters = inspect.signature(value).parameters
                except ValueError:  # an error class
                    continue
                functions |= {name} if "device" in parameters else set()
    functions |= {"Adviser"}  # its keywords are those of `advise`
    assert functions - {"checked_device", "Ranking"} == set(FUNCTIONS)

    def commands(command, path):
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                yield from commands(
                    command.get_command(click.Context(command), name), [*path, name]
                )
        elif {"--device", "--devices"} & {opt for part in command.params for opt in part.opts}:
            yield " ".join(path)

    assert set(commands(cli, [])) == set(COMMANDS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_refuses_it(name):
    with pytest.raises(OptionError) as found:
        FUNCTIONS[name](split_vertices(datasets.load("karate")), device=NOWHERE)
    assert str(found.value).startswith(LINE)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_refuses_it(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments, code = COMMANDS[name]
    option = "--devices" if name.startswith("bench") else "--device"
    assert run([*name.split(), *arguments, option, NOWHERE]) == code
    err = capsys.readouterr().err
    # runs that fail where their order is made are counted apart from others
    assert len({line[line.index(LINE) :] for line in err.splitlines() if LINE in line}) == 1, err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("karate*"))
