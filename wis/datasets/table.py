"""The table of graphs by name; `load` returns the graph of a spec.

The data root has one folder for each kind of loader (see ``datasets/README.md``). It may be
read-only and shared, since wis writes only downloads to it; the cache folder holds what wis makes.

Graph files in the folder `graphs` of the data root go by the stem of their names. Such a file is an
archive of numpy with `edge_index` [2, num_arcs], `num_nodes`, and any arrays of vertices and arcs,
such as `x`, `y`, `edge_type` and three masks, which are its split. It is read as it is: directed,
if its arcs are.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.checks import usual_defaults
from wis.base.registry import Registry, plain_name
from wis.errors import OptionError, UnknownNameError, echo

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from wis.datasets.download import RawFiles

    Loader = Callable[..., Data]

ROOT_VARIABLE = "WIS_DATA_ROOT"
CACHE_VARIABLE = "WIS_CACHE_DIR"
FOLDER = "graphs"
Parameter = int | float | str
_log = logging.getLogger(__name__)
ROOT = "root"  # this keyword of a loader is not a parameter of a spec


def cache_folder() -> Path:
    """``$WIS_CACHE_DIR``, or else ``wis`` in ``$XDG_CACHE_HOME``, or else ``~/.cache/wis``."""
    own, shared = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return Path(own).expanduser().absolute()
    # The XDG specification requires that a relative path is ignored.
    return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "wis"


def data_root(root: str | Path | None = None) -> Path:
    """The folder with raw files, to which missing ones are downloaded.

    Args:
        root: A folder, which need not exist. The default is ``$WIS_DATA_ROOT`` if it is set, else
            the folder ``data`` in the cache folder.

    >>> data_root("graphs").name
    'graphs'
    """
    chosen = root or os.environ.get(ROOT_VARIABLE) or cache_folder() / "data"
    return Path(chosen).expanduser().absolute()


@dataclass(frozen=True)
class Dataset:
    """A row of the table.

    Attributes:
        name: Its name, in lower case with hyphens.
        summary: One line about the graph.
        load: The function that returns the graph.
        parameters: The parameters of a spec, with their defaults.
        source: The library or loader of the graph, or ``"generated"``.
        num_nodes: Published number of vertices; None if it depends on parameters.
        num_edges: Published number of edges without self-loops; None if it depends on parameters.
        files: The raw files of the graph; None for a graph without files.
        table_d1: Vertices and undirected edges in Table D.1 of the thesis, or None; see
            `wis.datasets.catalogue` for the way the table counts.
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
        """The name with all parameters and their defaults."""
        if not self.parameters:
            return self.name
        pairs = (f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}:{','.join(pairs)}"

    def missing(self, root: str | Path | None = None) -> list[Path]:
        """The raw files that are missing below the data root (see `wis.datasets.data_root`)."""
        return [] if self.files is None else self.files.missing(data_root(root))


_HOMES = {
    "embedded": ("karate", "les-miserables", "digits"),
    "catalogue": (
        *("cora", "dblp", "ogbn-arxiv", "chameleon", "squirrel", "computers", "citeseer"),
        *("pubmed", "tolokers", "roman-empire", "amazon-ratings", "ogbn-products"),
        *("minesweeper", "actor", "ogbn-papers100m"),
    ),
    "generators": ("rmat", "barabasi-albert", "sbm", "csbm"),
    "graph_lists": ("motifs",),
}
DATASETS: Registry[Dataset] = Registry(
    "graph",
    homes={name: f"{__package__}.{home}" for home, names in _HOMES.items() for name in names},
)


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
    """Decorator that adds a loader to the table; its arguments are the attributes of `Dataset`.

    A loader has keyword-only parameters with defaults: integers, numbers or words. A loader with
    the keyword `root` gets the data root as a `Path`. Names ignore case, and ``_`` equals ``-``.

    Raises:
        ValueError: The name is taken.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> @register("a-path", summary="a path of n vertices")
    ... def a_path(*, n=4):
    ...     ids = torch.arange(n - 1)
    ...     return Data(edge_index=torch.stack([ids, ids + 1]), num_nodes=n)
    >>> load("a-path:n=6").num_edges
    5
    """

    def add(load: Loader) -> Loader:
        signature = inspect.signature(load).parameters
        parameters = {word: value.default for word, value in signature.items() if word != ROOT}
        row = Dataset(
            plain_name(name), summary, load, parameters, source, num_nodes, num_edges, files,
            table_d1,
        )  # fmt: skip
        DATASETS.add(name, row, load)
        return load

    return add


def available_datasets(root: str | Path | None = None) -> list[Dataset]:
    """All rows of the table, and the graph files below the data root.

    >>> [dataset.name for dataset in available_datasets()][:2]
    ['karate', 'les-miserables']
    """
    files = graph_files(data_root(root))
    return [_row(name, files, root) for name in dict.fromkeys([*DATASETS, *files])]


def is_known(spec: str, root: str | Path | None = None) -> bool:
    """Whether `spec` begins with a name of the table, or of a graph file below the data root.

    >>> is_known("rmat:scale=3"), is_known("karate.pt")
    (True, False)
    """
    name = _split(spec)[0]
    return name in DATASETS or name in graph_files(data_root(root))


def find(spec: str, root: str | Path | None = None) -> Dataset:
    """The row for a spec; raises `UnknownNameError` for an unknown name.

    A graph file of the name of a data set is taken if files of the data set are missing.

    >>> find("karate").num_edges
    78
    """
    return _row(_split(spec)[0], graph_files(data_root(root)), root)


def _row(name: str, files: Mapping[str, Path], root: str | Path | None) -> Dataset:
    if name in files and (name not in DATASETS or DATASETS[name].missing(root)):
        return _row_of_file(name, files[name])
    if name not in DATASETS:
        raise UnknownNameError.among(DATASETS.kind, name, [*DATASETS, *files])
    return DATASETS[name]


def _row_of_file(name: str, path: Path) -> Dataset:
    from wis.datasets.download import RawFiles

    files = RawFiles(FOLDER, (path.name,), (), arcs=path.name)
    summary = "a graph file below the data root; its masks, if any, are its split"
    load = functools.partial(read_graph_file, path)
    return Dataset(name, summary, load, {}, f"{FOLDER}/{path.name}", files=files)


def _say_which(name: str, dataset: Dataset, root: str | Path | None) -> None:
    """Log which of two graphs of one name is read."""
    file = graph_files(data_root(root)).get(name)
    if file is None or name not in DATASETS:
        return
    if dataset is DATASETS[name]:
        _log.warning("%s: the data set is read, and not %s of the same name", name, file)
    else:
        _log.warning("%s: %s is read, since files of that data set are missing", name, file)


@usual_defaults()
def load(spec: str, *, root: str | Path | None = None) -> Data:
    """Load the graph of a spec; missing files are downloaded.

    Args:
        spec: A name of the table, perhaps followed by ``:key=value,key=value``.
        root: The folder of the data sets (see `wis.datasets.data_root` for the default). Graphs
            without files ignore it.

    Returns:
        A `Data` with both arcs of each edge, without duplicates and self-loops. Real data sets have
        features `x`, labels `y` and three masks. A graph file is returned as it is stored.

    Raises:
        UnknownNameError: The name or a parameter is unknown.
        OptionError: A parameter is malformed or out of range, or the graph does not fit into
            memory.
        MissingDependencyError: The graph needs an optional package.
        MissingDataError: Files are missing and cannot be downloaded.
        GraphFormatError: A file is damaged.

    >>> load("karate").num_nodes, load("sbm:n=50,blocks=2,seed=1").num_nodes
    (34, 50)
    """
    dataset = find(spec, root)
    _say_which(dataset.name, dataset, root)
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
    """Download the missing raw files of a data set.

    Args:
        spec: A name of the table; parameters after it are ignored.
        root: The data root, see `load`.

    Returns:
        The paths of all its files; empty for a graph without files.

    Raises:
        UnknownNameError: The name is unknown.
        MissingDataError: Files are missing and cannot be downloaded.

    >>> fetch("karate")  # part of networkx
    []
    """
    from wis.datasets.download import ensure

    dataset = find(spec, root)
    if dataset.files is None:
        return []
    ensure(dataset.name, dataset.files, data_root(root))
    return dataset.files.paths(data_root(root))


def _split(spec: str) -> tuple[str, str]:
    name, _, parameters = spec.partition(":")
    return plain_name(name), parameters


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


def graph_files(root: Path) -> dict[str, Path]:
    """The graph files below a data root by the names of their graphs; none if it is unreadable."""
    with contextlib.suppress(OSError):
        return {plain_name(path.stem): path for path in sorted((root / FOLDER).glob("*.npz"))}
    return {}


def read_graph_file(path: Path) -> Data:
    """Read a graph file.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is damaged, or lacks `edge_index`.
    """
    import torch
    from torch_geometric.data import Data

    from wis.base.archive import read_archive
    from wis.base.source import ReadOptions, open_input, parsing
    from wis.errors import GraphFormatError
    from wis.graph.stores import checked_arcs, num_nodes_of_store

    with open_input(path, ReadOptions()) as file:
        arrays, _ = read_archive(file, path, ReadOptions())
    if "edge_index" not in arrays:
        raise GraphFormatError(f"{path}: has no edge_index; expected integers [2, num_arcs]")
    data = Data()
    with parsing(path, "a graph"):
        for name, array in arrays.items():
            is_text = array.dtype.kind == "U"
            data[name] = array.tolist() if is_text else torch.from_numpy(array)
        if "num_nodes" in data:
            data.num_nodes = int(data.num_nodes)
        size = num_nodes_of_store(data)
    data.edge_index = checked_arcs(data.edge_index, size, f"{path}: edge_index")
    data.num_nodes = size
    return data
