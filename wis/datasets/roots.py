"""The data root with the raw files of data sets, and the cache folder with what is read from them.

The data root has one folder for each kind of loader (see ``datasets/README.md``). It may be
read-only and shared, since wis writes only downloads to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from wis.errors import GraphFileError, echo

ROOT_VARIABLE = "WIS_DATA_ROOT"
CACHE_VARIABLE = "WIS_CACHE_DIR"
OFFLINE_VARIABLE = "WIS_OFFLINE"  # forbids downloads
TRUST_VARIABLE = "WIS_TRUST_DOWNLOAD"  # allows files without a checksum


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


def is_set(variable: str) -> bool:
    """Whether a variable of the environment is set, and not to 0."""
    return os.environ.get(variable, "0") not in ("", "0")


@dataclass(frozen=True)
class RawFiles:
    """Raw files of one data set, in the layout that its loader expects.

    Attributes:
        folder: Folder of the data set below the data root, with forward slashes. Its first part is
            the root that the loader takes.
        names: Paths of the files below that folder.
        urls: One address for each name, or the address of a single archive.
        archive: The folder in the zip archive that becomes `folder`; None if the files are
            downloaded one by one.
        size_mb: Approximate size of the download in megabytes; None if unknown.
        licence: The licence, if the source states one.
        sha256: The checksum of the file at each address, None if unknown.
        package: An optional module that reads the files; also the name of the extra of wis.
        arcs: The one of `names` with an `edge_index` that `--engine stream` reads, if any.
    """

    folder: str
    names: tuple[str, ...]
    urls: tuple[str, ...]
    archive: str | None = None
    size_mb: float | None = None
    licence: str = "not stated by the source"
    sha256: tuple[str | None, ...] = ()
    package: str | None = None
    arcs: str | None = None

    def paths(self, root: Path) -> list[Path]:
        """The paths of the files below a data root."""
        return [root / self.folder / name for name in self.names]

    def checksum(self, position: int) -> str | None:
        """The SHA-256 of the file at the address number `position`, None if unknown."""
        return self.sha256[position] if position < len(self.sha256) else None

    def missing(self, root: Path) -> list[Path]:
        """The `paths` that do not exist; raises `GraphFileError` if the root cannot be read."""
        try:
            return [path for path in self.paths(root) if not path.is_file()]
        except OSError as error:
            shown = echo(str(root), 255)
            raise GraphFileError(f"{shown}: cannot be read: {error.strerror}") from None

    @property
    def origin(self) -> str:
        """The folders or the archive that the files come from, as text."""
        if self.archive is not None:
            return f"{self.urls[0]}, folder {self.archive!r} in it"
        return " and ".join(dict.fromkeys(url.rpartition("/")[0] for url in self.urls))

    def instruction(self, root: Path) -> str:
        """A sentence that explains how to install the missing files by hand."""
        missing = self.missing(root)
        if self.archive is not None:
            folder = root / self.folder
            names = ", ".join(path.relative_to(folder).as_posix() for path in missing)
            return (
                f"Unpack {self.urls[0]} and rename its folder {self.archive!r} to {folder}, so "
                f"that it holds {names}"
            )
        names = ", ".join(path.name for path in missing)
        return f"Put {names} from {self.origin} into {missing[0].parent}"
