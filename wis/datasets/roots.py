"""The data root with raw files, and the cache folder with the graphs read from them.

The data root has one folder for each kind of loader (see ``datasets/README.md``). It may be
read-only and shared, since wis writes only downloads to it.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT_VARIABLE = "WIS_DATA_ROOT"
CACHE_VARIABLE = "WIS_CACHE_DIR"
OFFLINE_VARIABLE = "WIS_OFFLINE"
TRUST_VARIABLE = "WIS_TRUST_DOWNLOAD"


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


def is_offline() -> bool:
    """Whether the environment forbids downloads: ``WIS_OFFLINE`` is set, and not to 0."""
    return _is_set(OFFLINE_VARIABLE)


def trusts_downloads() -> bool:
    """Whether the environment allows files without a checksum: ``WIS_TRUST_DOWNLOAD`` is set."""
    return _is_set(TRUST_VARIABLE)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0") not in ("", "0")
