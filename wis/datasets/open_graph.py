"""Node property prediction data sets of the Open Graph Benchmark, read by its own loader.

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
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

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

    loader = _import_loader()
    facts = {**_facts(loader, name), "dir_path": str(folder)}
    (folder / f"RELEASE_v{facts['version']}.txt").touch()
    with torch.serialization.safe_globals(_classes_of_a_pickled_graph()):
        dataset = loader.PygNodePropPredDataset(name=name, meta_dict=facts)
    data = dataset[0]
    data.y = data.y.view(-1)
    ids = dataset.get_idx_split()
    for mask, part in PARTS.items():
        data[mask] = _mask(ids[part], data.num_nodes)
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


def _mask(ids: Tensor, num_nodes: int) -> Tensor:
    import torch

    mask = torch.zeros(num_nodes, dtype=torch.bool, device="cpu")
    mask[ids] = True
    return mask
