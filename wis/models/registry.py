"""Names, options and look-up of the models; see `wis.models` for the idea."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from wis.base.checks import checked_choice, checked_integer, checked_seed
from wis.base.defaults import usual_defaults
from wis.base.registry import Registry, plain_name
from wis.errors import OptionError
from wis.models.network import GraphNetwork, Task

SHARED = ("in_dim", "out_dim", "depth", "width", "task")


@dataclass(frozen=True)
class Architecture:
    """A row of the table.

    Attributes:
        name: Its name, in lower case.
        summary: One line about it.
        build: The class, or a function that makes the network.
        depth: Number of layers in the thesis, the default.
        options: Its own options and their defaults.
    """

    name: str
    summary: str
    build: Callable[..., GraphNetwork]
    depth: int
    options: Mapping[str, Any]

    def resolved_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults updated by `given`.

        Raises:
            OptionError: The model has no such option.
        """
        for name in given:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise OptionError(
                    f"model {self.name!r} has no option {name!r}; its options: {known}"
                )
        return {**self.options, **given}


MODELS: Registry[Architecture] = Registry(
    "model",
    homes={name: f"wis.models.{name}" for name in ("gat", "gcn", "gin", "resgcn")},
    group="wis.models",
)
"""The table of models."""


def register(
    name: str, *, summary: str, depth: int = 3
) -> Callable[[type[GraphNetwork]], type[GraphNetwork]]:
    """Decorator that puts a network into the table.

    Its keyword-only parameters beyond the shared ones become its options.

    Raises:
        ValueError: The name is taken.
    """

    def add(build: type[GraphNetwork]) -> type[GraphNetwork]:
        options = {
            parameter.name: parameter.default
            for parameter in inspect.signature(build).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in SHARED
        }
        MODELS.add(name, Architecture(plain_name(name), summary, build, depth, options), build)
        return build

    return add


def get_model(name: str) -> Architecture:
    """Look a model up.

    Raises:
        UnknownNameError: There is none of that name; the message lists those there are.
    """
    return MODELS[name]


def available_models() -> dict[str, str]:
    """Names of all models and one line about each, sorted by name."""
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
        name: A name of `available_models`.
        in_dim: Number of features of a vertex, at least 1.
        out_dim: Number of outputs for each vertex, or graph; the number of classes, at least 1.
        depth: Number of layers L, at least 1; if not given, as in the thesis: ResGCN 10, others 3.
        width: Size of the hidden embeddings, at least 1.
        task: ``"vertex"``, or ``"graph"`` to average the last embeddings over each graph.
        seed: Seed of the initial parameters, from 0 to 2^63 - 1; torch's global generator stays as
            it was. Without one they come from the global generator.
        dtype: Type of the parameters, float32 or float64; a seed gives the same values in both.
        **options: The model's own, such as `heads=4` of a GAT.

    Returns:
        The network, in training mode.

    Raises:
        UnknownNameError: There is no such model.
        OptionError: A size or an option is impossible.
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
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = model.build(in_dim, out_dim, depth=depth, width=width, task=task, **resolved)
    return network.to(dtype)
