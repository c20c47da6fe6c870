"""The table of models: names, options and look-up."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from wis.base.checks import (
    check_options,
    checked_choice,
    checked_integer,
    checked_seed,
    usual_defaults,
)
from wis.base.registry import Registry, load_plugins, plain_name
from wis.errors import OptionError, UnknownNameError, echo
from wis.models.network import ForeignNetwork, GraphNetwork, Task

SHARED = ("depth", "width", "task")

Build = TypeVar("Build", bound=Callable[..., nn.Module])


@dataclass(frozen=True)
class Architecture:
    """A row of the table.

    Attributes:
        name: Its name: in lower case, or ``"module:Class"``.
        summary: One line about it.
        build: The class, or a function that makes the network.
        depth: Number of layers if none is given.
        options: Its own options and their defaults.
        takes_task: Whether `build` has a parameter `task`.
    """

    name: str
    summary: str
    build: Callable[..., nn.Module]
    depth: int
    options: Mapping[str, Any]
    takes_task: bool

    @classmethod
    def of(
        cls, name: str, summary: str, build: Callable[..., nn.Module], depth: int | None
    ) -> Architecture:
        """Read the options from the signature of `build`.

        Raises:
            OptionError: The call ``build(in_dim, out_dim, depth=..., width=...)`` is impossible.
        """
        try:
            signature = inspect.signature(build)
            signature.bind_partial(0, 0, depth=0, width=0)
        except (TypeError, ValueError) as error:
            raise OptionError(
                f"model {name!r} cannot be made: it must take (in_dim, out_dim, depth=..., "
                f"width=...): {error}"
            ) from None
        parameters = {
            p.name: p.default
            for p in list(signature.parameters.values())[2:]
            if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        }
        own_depth = parameters.get("depth")
        if depth is None:
            depth = own_depth if isinstance(own_depth, int) else 3
        options = {key: value for key, value in parameters.items() if key not in SHARED}
        for option, default in options.items():
            if default is inspect.Parameter.empty:
                raise OptionError(f"model {name!r}: its option {option!r} needs a default")
        return cls(name, summary, build, depth, options, "task" in parameters)

    def resolved_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults updated by `given`.

        Raises:
            OptionError: The model has no such option.
        """
        check_options(f"model {self.name!r}", given, self.options)
        return {**self.options, **given}


MODELS: Registry[Architecture] = Registry(
    "model",
    homes={
        **dict.fromkeys(("gat", "gcn", "gin", "sage"), "wis.models.layered"),
        "resgcn": "wis.models.resgcn",
    },
    group="wis.models",
)
"""The table of models."""


def register(name: str, *, summary: str, depth: int | None = None) -> Callable[[Build], Build]:
    """Decorator that puts a network into the table.

    Its parameters beyond `in_dim`, `out_dim`, `depth`, `width` and `task` become its options.

    Args:
        name: Its name.
        summary: One line about it.
        depth: Number of layers if none is given; the default of its parameter `depth`, or 3.

    Raises:
        ValueError: The name is taken.
        OptionError: It cannot be called as ``build(in_dim, out_dim, depth=..., width=...)``.

    >>> import torch
    >>> @register("ignores-edges", summary="a linear map of the features")
    ... class IgnoresEdges(torch.nn.Module):
    ...     def __init__(self, in_dim, out_dim, depth=1, width=1):
    ...         super().__init__()
    ...         self.map = torch.nn.Linear(in_dim, out_dim)
    ...     def forward(self, x, edge_index):
    ...         return self.map(x)
    >>> get_model("ignores-edges").summary
    'a linear map of the features'
    """

    def add(build: Build) -> Build:
        MODELS.add(name, Architecture.of(plain_name(name), summary, build, depth), build)
        return build

    return add


def get_model(name: str) -> Architecture:
    """Look a model up by its name, or import it where the name is ``"module:Class"``.

    Raises:
        UnknownNameError: There is no such model; the message lists the known ones.
        OptionError: The object at ``"module:Class"`` cannot make a network.
        PluginError: The module raises an error when it is imported.

    >>> get_model("GIN").options
    {'train_eps': True, 'own': 1}
    """
    if isinstance(name, str) and ":" in name:
        return _imported(name.strip())
    return MODELS[name]


def _imported(name: str) -> Architecture:
    """The model behind ``"module:Class"``, or ``"module:function"``."""
    module_name, _, path = name.partition(":")
    if module_name != "__main__":  # child processes import such modules too
        load_plugins([module_name])
    module = importlib.import_module(module_name)
    build = getattr(module, path, None)
    if build is None:
        there = [key for key, value in vars(module).items() if _is_network(value)]
        raise UnknownNameError.among(f"model in the module {echo(module_name)}", path, there)
    if not callable(build):
        raise OptionError(
            f"model {echo(name)!r} is {type(build).__name__}; expected a class or a function that "
            "makes a torch.nn.Module"
        )
    return Architecture.of(name, f"{path} of the module {module_name}", build, None)


def _is_network(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def available_models() -> dict[str, str]:
    """Names of all models and one line about each, sorted by name.

    >>> sorted(available_models())
    ['gat', 'gcn', 'gin', 'resgcn', 'sage']
    """
    return {name: MODELS[name].summary for name in sorted(MODELS)}


@usual_defaults()
def build_model(
    name: str,
    in_dim: int,
    out_dim: int,
    *,
    depth: int | None = None,
    width: int = 64,
    task: Task = "vertex",
    seed: int | None = None,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> GraphNetwork:
    """Make a network with freshly initialised parameters, on the CPU.

    Args:
        name: A name of `available_models`, or ``"module:Class"``.
        in_dim: Number of features of a vertex, at least 1.
        out_dim: Number of outputs for each vertex, or graph; the number of classes, at least 1.
        depth: Number of layers L, at least 1; by default as in the thesis: ResGCN 10, others 3.
        width: Size of the hidden embeddings, at least 1.
        task: ``"vertex"``, or ``"graph"`` to average the last embeddings over each graph.
        seed: Seed of the initial parameters, from 0 to 2^63 - 1; torch's global generator does not
            change. Without a seed the global generator draws them.
        dtype: Type of the parameters, float32 or float64; a seed gives the same values in both.
        **options: Options of the model, such as `heads=4` of a GAT.

    Returns:
        The network, in training mode. A module that is not a `GraphNetwork` becomes the attribute
        `module` of one.

    Raises:
        UnknownNameError: There is no such model.
        OptionError: A size or an option is impossible.

    >>> from wis import datasets
    >>> karate = datasets.load("karate")
    >>> model = build_model("sage", karate.num_features, 2, width=8, seed=0)
    >>> tuple(model(karate.x, karate.edge_index).shape)
    (34, 2)
    """
    model = get_model(name)
    resolved = model.resolved_options(options)
    depth = model.depth if depth is None else depth
    for label, value in (
        ("in_dim", in_dim),
        ("out_dim", out_dim),
        ("depth", depth),
        ("width", width),
    ):
        checked_integer(label, value, 1, expected="an integer of at least 1")
    if seed is not None:
        seed = checked_seed(seed)
    checked_choice("task", task, ("vertex", "graph"))
    if dtype not in (torch.float32, torch.float64):
        raise OptionError(f"dtype is {dtype}; expected torch.float32 or torch.float64")
    if model.takes_task:
        resolved["task"] = task
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = model.build(in_dim, out_dim, depth=depth, width=width, **resolved)
    if not isinstance(network, nn.Module):
        raise OptionError(
            f"model {model.name!r} gave a {type(network).__name__}; expected a torch.nn.Module"
        )
    if not isinstance(network, GraphNetwork):
        network = ForeignNetwork(model.name, network, in_dim, out_dim, task=task)
    return network.to(dtype)
