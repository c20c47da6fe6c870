"""The table of graphs that go by a name, and how a spec becomes a graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.defaults import usual_defaults
from wis.datasets.raw_files import RawFiles
from wis.datasets.roots import data_root
from wis.errors import OptionError, UnknownNameError, echo

if TYPE_CHECKING:
    from torch_geometric.data import Data

    Loader = Callable[..., Data]

Parameter = int | float | str
ROOT = "root"  # the one keyword of a loader that is no parameter of a spec


@dataclass(frozen=True)
class Dataset:
    """A row of the table.

    Attributes:
        name: Its name, in lower case with hyphens.
        summary: One line: what the graph is.
        load: The function that makes it.
        parameters: What can follow the name in a spec, with the defaults.
        source: Where it comes from: a library, a loader, or that it is generated.
        num_nodes: Number of vertices as published; None if parameters decide.
        num_edges: Number of edges as published, self-loops not counted; None if parameters decide.
        files: The raw files that it is read from; None if it needs none.
        table_d1: Vertices and undirected edges as Table D.1 of the thesis prints them, None if it
            does not; `wis.datasets.counts` says how it counts.
    """

    name: str
    summary: str
    load: Loader
    parameters: Mapping[str, Parameter]
    source: str = ""
    num_nodes: int | None = None
    num_edges: int | None = None
    files: RawFiles | None = None
    table_d1: tuple[int, int] | None = None

    @property
    def spec(self) -> str:
        """The name with all its parameters, as it can be typed."""
        if not self.parameters:
            return self.name
        pairs = (f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}:{','.join(pairs)}"

    def missing(self, root: str | Path | None = None) -> list[Path]:
        """The raw files that are not below the data root; empty for a graph that needs none.

        Args:
            root: The data root, see `wis.datasets.data_root`.
        """
        return [] if self.files is None else self.files.missing(data_root(root))


_DATASETS: dict[str, Dataset] = {}


def register(
    name: str,
    *,
    summary: str,
    source: str = "",
    num_nodes: int | None = None,
    num_edges: int | None = None,
    files: RawFiles | None = None,
    table_d1: tuple[int, int] | None = None,
) -> Callable[[Loader], Loader]:
    """Decorator that puts a loader into the table.

    A loader takes keyword-only parameters that have defaults: integers, numbers or words. A loader
    with the keyword `root` gets the data root as a `Path`. Case and underscores of the name do not
    matter. The arguments are those of `Dataset`.

    Raises:
        ValueError: The name is taken.
    """

    def add(load: Loader) -> Loader:
        key = _split(name)[0]
        if key in _DATASETS:
            raise ValueError(f"data set {key!r} is registered already")
        signature = inspect.signature(load).parameters
        parameters = {word: value.default for word, value in signature.items() if word != ROOT}
        _DATASETS[key] = Dataset(
            key, summary, load, parameters, source, num_nodes, num_edges, files, table_d1
        )
        return load

    return add


def available_datasets() -> list[Dataset]:
    """All rows of the table, in the order of their registration."""
    return list(_DATASETS.values())


def is_known(spec: str) -> bool:
    """Whether `spec` begins with a name of the table."""
    return _split(spec)[0] in _DATASETS


def find(spec: str) -> Dataset:
    """The row of the table that a spec begins with.

    Raises:
        UnknownNameError: There is no such name.
    """
    name = _split(spec)[0]
    if name not in _DATASETS:
        raise UnknownNameError.among("graph", name, _DATASETS)
    return _DATASETS[name]


@usual_defaults()
def load(spec: str, *, root: str | Path | None = None) -> Data:
    """Make the graph that a spec names; download its files if they are not there.

    Args:
        spec: A name of the table, perhaps followed by ``:key=value,key=value``.
        root: Folder below which data sets lie; if not given, ``$WIS_DATA_ROOT``, and without that a
            folder in the user's cache. Graphs that need no file ignore it.

    Returns:
        A `Data` that holds each edge in both directions, no repeats and no self-loops. Real data
        sets have features `x`, labels `y` and three masks.

    Raises:
        UnknownNameError: There is no such name, or it has no such parameter.
        OptionError: A parameter is malformed or out of range, or asks for more than fits into
            memory.
        MissingDependencyError: The graph needs an optional package.
        MissingDataError: Files are missing and cannot be downloaded.
        GraphFormatError: A file is damaged.
    """
    dataset = find(spec)
    arguments: dict[str, Any] = _parse_parameters(dataset, _split(spec)[1])
    if ROOT in inspect.signature(dataset.load).parameters:
        arguments[ROOT] = data_root(root)
    try:
        return dataset.load(**arguments)
    except OptionError as error:
        raise OptionError(f"{echo(spec)}: {error}") from None
    except MemoryError:
        raise OptionError(f"{echo(spec)}: the graph does not fit into memory") from None


def fetch(spec: str, *, root: str | Path | None = None) -> list[Path]:
    """Make sure that the raw files of a data set are below the data root.

    Args:
        spec: A name of the table; parameters after it are ignored.
        root: The data root, see `load`.

    Returns:
        The paths of all its files; none for a graph that needs none.

    Raises:
        UnknownNameError: There is no such name.
        MissingDataError: Files are missing and cannot be downloaded.
    """
    from wis.datasets.download import ensure

    dataset = find(spec)
    if dataset.files is None:
        return []
    ensure(dataset.name, dataset.files, data_root(root))
    return dataset.files.paths(data_root(root))


def _split(spec: str) -> tuple[str, str]:
    name, _, parameters = spec.partition(":")
    return name.strip().lower().replace("_", "-"), parameters


def _parse_parameters(dataset: Dataset, text: str) -> dict[str, Parameter]:
    parsed: dict[str, Parameter] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise OptionError(
                f"{dataset.name}: {echo(item)!r} is not of the form key=value, as in {dataset.spec}"
            )
        if key not in dataset.parameters:
            raise UnknownNameError.among(f"parameter of {dataset.name}", key, dataset.parameters)
        if key in parsed:
            raise OptionError(f"{dataset.name}: {key} is given twice")
        parsed[key] = _parse_value(dataset, key, value)
    return parsed


def _parse_value(dataset: Dataset, key: str, value: str) -> Parameter:
    kind = type(dataset.parameters[key])
    try:
        parsed: Parameter = kind(value)
    except ValueError:
        expected = "an integer" if kind is int else "a number"
        raise OptionError(
            f"{dataset.name}: {key} is {echo(value)!r}; expected {expected}"
        ) from None
    return parsed
