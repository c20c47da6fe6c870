"""A cache of the graphs that loaders read from raw files.

A loader of PyG writes `processed/` beside `raw/`. This fails if the data root is read-only, and
damages files if two processes do it at once. So each process reads through a folder of its own with
links to the raw files, and moves the result into the cache by renaming one file. The cache thus
never holds half a result. A result holds tensors only, so that it is loaded without running code.
It is valid as long as the raw files have the same paths, sizes and times.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.datasets.download import RawFiles
from wis.datasets.table import cache_folder
from wis.errors import GraphFormatError

if TYPE_CHECKING:
    Content = dict[str, Any]

LAYOUT = 1
"""Version of the results; it changes when the same raw files give another result."""

_log = logging.getLogger(__name__)


def processed(name: str, files: RawFiles, root: Path, read: Callable[[Path], Content]) -> Content:
    """The result of `read`, from the cache if possible.

    Args:
        name: The data set.
        files: Its raw files, which must all exist.
        root: The data root.
        read: Reads raw files from a writable copy of the data root (made of links), and returns
            tensors and numbers by name.
    """
    path, key = _cache_file(name, files, root), _fingerprint(files, root)
    content = _load(path, key)
    if content is None:
        _log.info("%s: reading the raw files below %s for the first time", name, root)
        with _scratch_folder() as scratch:
            _mirror(files, root, scratch)
            content = read(scratch)
        _store(path, {"key": key, **content})
    return content


def _cache_file(name: str, files: RawFiles, root: Path) -> Path:
    """The file for a data set in a data root; it does not depend on the raw files."""
    where = hashlib.blake2b(os.fsencode((root / files.folder).resolve()), digest_size=6).hexdigest()
    return cache_folder() / "processed" / f"{name}-{where}.pt"


def _fingerprint(files: RawFiles, root: Path) -> str:
    parts = [str(LAYOUT), version("torch_geometric")]
    for path in files.paths(root):
        status = path.stat()
        parts += [str(path.resolve()), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _load(path: Path, key: str) -> Content | None:
    """Load a result; None if it is missing, outdated or damaged."""
    from wis.base import unpickle
    from wis.base.limits import available_memory

    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = unpickle.load(file, limit=available_memory(), graphs=False)
    except (GraphFormatError, OSError) as error:
        _log.warning("%s is damaged (%s) and is made again", path, type(error).__name__)
        return None
    if not isinstance(content, dict) or content.pop("key", None) != key:
        return None
    return content


def _store(path: Path, content: Content) -> None:
    import torch

    from wis.base.atomic import atomic_write

    buffer = io.BytesIO()  # torch.save aborts the process if the disk is full
    torch.save(content, buffer)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, force=True) as file:
            file.write(buffer.getbuffer())
    except OSError as error:
        _log.warning("the raw files will be read again each time, since %s", error)


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A private folder of this process, in the cache if possible, since /tmp may be small."""
    from wis.base.atomic import temporary_folder

    parent = cache_folder() / "processed"
    with contextlib.suppress(OSError):
        parent.mkdir(parents=True, exist_ok=True)
    usable = os.access(parent, os.W_OK | os.X_OK)
    with temporary_folder(parent if usable else Path(tempfile.gettempdir())) as scratch:
        yield scratch


def _mirror(files: RawFiles, root: Path, scratch: Path) -> None:
    """Link the raw files into a folder, or copy them where links are not supported."""
    for source, target in zip(files.paths(root), files.paths(scratch), strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(source.resolve())
        except OSError:
            shutil.copyfile(source, target)
