"""Load the real data sets of the thesis, and some more, by the loaders of their libraries.

All graphs have the same form: undirected, both arcs of each edge, no self-loops, float32 features
`x`, an int64 label `y` for each vertex, and three masks. By default the masks are the split of the
thesis, 80/10/10 by a seeded permutation (Appendix D.6.2.2, "Data"). ``split=public`` takes the
published split; if there are several, the seed is its number. ``split=all`` keeps all published
splits as columns of the masks (see `wis.datasets.splits`). The data sets of the Open Graph
Benchmark have their published split by default.

The package `ogb` 1.3.6 needs some workarounds, which are undone when the loader has returned:

- Its import asks the package index for a newer version in the background. Without a network this
  can delay the end of a program by minutes. So the import of the package that asks is blocked.
- It asks on standard input whether to download or to update. Here the files are complete and of the
  expected version, so it does not ask.
- It pickles a `Data` and reads it by `torch.load`, which refuses classes that it does not know. The
  four classes of the pickle are allowed, and all others are still refused.
- It prints to standard output, where the caller writes data.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.datasets.download import RawFiles
from wis.datasets.processed import processed
from wis.datasets.splits import MASKS, random_masks
from wis.datasets.table import Dataset, data_root, find
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    MissingDependencyError,
    OptionError,
    WisError,
    echo,
)

if TYPE_CHECKING:
    from torch_geometric.data import Data


Reader = Callable[[Path], Any]
"""Calls a loader on a data root and returns its unchanged graph."""

SPLITS = ("random", "public", "all")

_log = logging.getLogger(__name__)


def load_real(name: str, root: Path | None, read: Reader, *, split: str, seed: int) -> Data:
    """Load a real data set with one of its splits.

    Args:
        name: Its name in the table.
        root: The data root, see `wis.datasets.data_root`.
        read: The files and the reader of the data set.
        split: ``"random"``, ``"public"`` or ``"all"``.
        seed: Seed of the random split, or number of the public split, at least 0; ignored for
            ``"all"``.

    Raises:
        OptionError: The split or the seed is out of range.
        MissingDependencyError: The package of its loader is not installed.
        MissingDataError: Files are missing and cannot be downloaded.
        GraphFormatError: A raw file is damaged.
    """
    from wis.datasets.download import ensure

    if split not in SPLITS:
        raise OptionError(
            f"split is {echo(split)!r}; expected {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
        )
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected at least 0")
    root, dataset = data_root(root), find(name)
    files = dataset.files
    assert files is not None
    if files.package is not None:
        _require(files.package, name)
    ensure(name, files, root)
    content = processed(name, files, root, lambda folder: _read(name, files, folder, read))
    return _with_masks(dataset, content, root, split, seed)


def _with_masks(
    dataset: Dataset, content: dict[str, Any], root: Path, split: str, seed: int
) -> Data:
    from torch_geometric.data import Data

    public = {mask: content.pop(mask) for mask in MASKS if mask in content}
    data = Data.from_dict(content)
    if split == "random":
        masks = random_masks(data.num_nodes, seed=seed)
    elif split == "public":
        masks = _public_masks(public, seed)
    else:
        masks = {name: mask.view(mask.size(0), -1) for name, mask in public.items()}
    data.update(masks)
    _compare_with_published(dataset, data, root)
    return data


def _public_masks(public: dict[str, Any], seed: int) -> dict[str, Any]:
    """The masks of published split number `seed`; several splits are columns of the masks."""
    columns = {name: mask.view(mask.size(0), -1) for name, mask in public.items()}
    count = columns[MASKS[0]].size(1)
    if seed >= count:
        numbers = f"0 to {count - 1}" if count > 1 else "0, since there is only one"
        raise OptionError(f"seed is {seed}; expected the number of a public split, {numbers}")
    return {name: columns[name][:, seed].clone() for name in MASKS}


def _require(package: str, name: str) -> None:
    """Check, before anything is downloaded, that the package that reads the files is installed."""
    if importlib.util.find_spec(package) is None:
        raise MissingDependencyError.of(f"the data set {name!r} needs {package}", package)


def _read(name: str, files: RawFiles, folder: Path, read: Reader) -> dict[str, Any]:
    """Read raw files and check the graph."""
    with reading(name, files, folder):
        content = _undirected(read(folder))
        _check(content)
    return content


@contextlib.contextmanager
def reading(name: str, files: RawFiles, folder: Path) -> Iterator[None]:
    """Silence a loader, with its warnings about old pickles; its errors become one line."""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    except WisError:
        raise
    except MemoryError:
        raise GraphFormatError(f"{name}: does not fit into memory, or a file is damaged") from None
    except ImportError as error:
        raise MissingDependencyError(f"{name}: its loader cannot be imported: {error}") from None
    except Exception as error:  # a parser may raise any error for a damaged file
        reason = " ".join(str(error).replace(str(folder), "").split())[:200]
        if isinstance(error, OSError) and error.errno is not None:
            raise GraphFileError(f"{name}: its files cannot be read: {reason}") from None
        raise GraphFormatError(
            f"{name}: a file below {files.folder} in the data root is damaged or not in the "
            f"expected format ({type(error).__name__}: {reason}). Delete the files there, "
            f"{', '.join(Path(path).name for path in files.names)}, and download them again"
        ) from None


def _undirected(data: Any) -> dict[str, Any]:
    """The tensors and the number of vertices of the undirected graph without loops, by name."""
    import torch
    from torch_geometric.utils import remove_self_loops, to_undirected

    content: dict[str, Any] = {
        key: value for key, value in data.to_dict().items() if torch.is_tensor(value)
    }
    both = to_undirected(data.edge_index, num_nodes=data.num_nodes)
    content["edge_index"] = remove_self_loops(both)[0].contiguous()
    content["x"] = data.x.to(torch.float32)
    content["y"] = data.y.to(torch.int64)
    content["num_nodes"] = int(data.num_nodes)
    return content


def _check(content: dict[str, Any]) -> None:
    size, arcs = content["num_nodes"], content["edge_index"]
    for name in ("x", "y", *(mask for mask in MASKS if mask in content)):
        if content[name].size(0) != size:
            raise ValueError(f"{name} has {content[name].size(0)} rows for {size} vertices")
    if content["y"].dim() != 1:
        raise ValueError(f"y has shape {list(content['y'].shape)}; expected [num_nodes]")
    if arcs.numel() and not 0 <= int(arcs.min()) <= int(arcs.max()) < size:
        raise ValueError(f"vertex ids of edges are not all from 0 to {size - 1}")


def _compare_with_published(dataset: Dataset, data: Data, root: Path) -> None:
    """Warn if the size differs from the published one, since results will differ too."""
    num_edges = data.num_edges // 2
    if (data.num_nodes, num_edges) != (dataset.num_nodes, dataset.num_edges):
        _log.warning(
            "%s: has %d vertices and %d edges below %s; the published data set has %s and %s",
            dataset.name, data.num_nodes, num_edges, root, dataset.num_nodes, dataset.num_edges,
        )  # fmt: skip


PARTS = {"train_mask": "train", "val_mask": "valid", "test_mask": "test"}


def read_node_dataset(name: str, folder: Path) -> Any:
    """Read the raw files of a data set with the split that the benchmark prescribes.

    Args:
        name: Its name in the benchmark, such as ``"ogbn-arxiv"``.
        folder: The folder of the data set, with `raw` and `split`; the loader writes into it.

    Returns:
        A `Data` with `x`, `y` of shape [n] and three masks.
    """
    import torch
    from torch_geometric.utils import index_to_mask

    loader = _import_loader()
    facts = {**_facts(loader, name), "dir_path": str(folder)}
    (folder / f"RELEASE_v{facts['version']}.txt").touch()
    with torch.serialization.safe_globals(_classes_of_a_pickled_graph()):
        dataset = loader.PygNodePropPredDataset(name=name, meta_dict=facts)
    data = dataset[0]
    data.y = data.y.view(-1)
    ids = dataset.get_idx_split()
    for mask, part in PARTS.items():
        data[mask] = index_to_mask(ids[part], data.num_nodes)
    return data


def _import_loader() -> types.ModuleType:
    with _without_version_check():
        from ogb.nodeproppred import dataset_pyg
    module: types.ModuleType = dataset_pyg
    return module


@contextlib.contextmanager
def _without_version_check() -> Iterator[None]:
    if "ogb" in sys.modules or "outdated" in sys.modules:
        yield
        return
    sys.modules["outdated"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        del sys.modules["outdated"]


def _facts(loader: types.ModuleType, name: str) -> dict[str, str]:
    """The row of a data set in the table of the package, read without asking the user."""
    import pandas as pd

    table = Path(str(loader.__file__)).with_name("master.csv")
    column = pd.read_csv(table, index_col=0, keep_default_na=False, dtype=str)[name]
    return {str(key): str(value) for key, value in column.items()}


def _classes_of_a_pickled_graph() -> list[Any]:
    """The classes of the pickle that torch does not allow yet; `safe_globals` removes all."""
    from torch.serialization import get_safe_globals
    from torch_geometric.data import Data
    from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
    from torch_geometric.data.storage import GlobalStorage

    known = get_safe_globals()
    return [
        kind for kind in (Data, DataEdgeAttr, DataTensorAttr, GlobalStorage) if kind not in known
    ]
