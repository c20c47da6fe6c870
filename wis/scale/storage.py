"""Access to files through fsspec with errors of one line, and the names of work files."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from wis.base.source import parsing
from wis.errors import (
    GraphFileError,
    GraphFormatError,
    MissingDependencyError,
    WisError,
    echo,
    without_secrets,
)

LOCK, RECORD = "wis-lock", "wis-run.json"
MANIFEST, MADE = "wis-work.json", ".wis-made"
SOURCES, TARGETS, REMOVED = "u.bin", "v.bin", "removed.bin"
ROWS, FIRSTS, STAYS = "rows.bin", "firsts.bin", "stays.bin"
DEGREES, PIECES, IDS, CANDIDATE = "degrees.npy", "pieces.npy", "ids.arrow", "candidate"
_NUMBERED = {
    "begin": "begin-{:05d}.npy",
    "bucket": "bucket-{:05d}.bin",
    "class": "class-{:02d}.bin",
    "edges": "edges-{:05d}.npy",
    "ids": "ids-run-{:05d}.arrow",
    "phase": "phase-{:05d}.npz",
    "piece": "piece-{:05d}-{:05d}.bin",
    "round": "round-{:05d}-{:03d}.npy",
}
_SINGLE = (
    *(MANIFEST, SOURCES, TARGETS, REMOVED, ROWS, FIRSTS, STAYS),
    *(DEGREES, PIECES, IDS),
)
_PATTERNS = {
    kind: re.escape(re.sub("{.*?}", "#", name)).replace(r"\#", "[0-9]+")
    for kind, name in _NUMBERED.items()
}
_ANY = [*map(re.escape, _SINGLE), *_PATTERNS.values(), f"{CANDIDATE}/{_PATTERNS['phase']}"]
_WORK_FILE = re.compile(rf"(?:{'|'.join(_ANY)})(?:(?:\.[0-9a-f]{{8}})?\.tmp)?")


def work_file(folder: str | Path, kind: str, *numbers: int) -> str:
    """The path of a numbered file in the folder of a run."""
    return f"{folder}/{_NUMBERED[kind].format(*numbers)}"


def is_work_file(name: str) -> bool:
    """Whether a name, relative to the folder of a run, is one that wis gives to its files."""
    return _WORK_FILE.fullmatch(name) is not None


def pyarrow() -> Any:
    """Import pyarrow; raises `MissingDependencyError` if it is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError.of("folders of edge files need pyarrow", "tables") from None
    return pa


@contextlib.contextmanager
def opening(path: str) -> Iterator[None]:
    """Turn errors of reading and decompression into errors of one line that name the file."""
    try:
        yield
    except WisError:
        raise
    except FileNotFoundError:
        raise GraphFileError(f"{path}: no such file") from None
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise GraphFormatError(f"{path}: damaged, or ends too early: {_reason(error)}") from None
    except OSError as error:
        if not _is_of_the_system(error):  # pyarrow and gzip raise it for damage
            raise GraphFormatError(f"{path}: damaged: {_reason(error)}") from None
        raise GraphFileError(f"{path}: cannot be read: {_reason(error)}") from None


def _reason(error: Exception, url: str = "") -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return echo(without_secrets(text or type(error).__name__, url), 200)


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Like `opening`, for the parser of another package, which may raise any error for damage."""
    try:
        with parsing(Path(path), "an edge file in the format of its ending"):
            try:
                yield
            except FileNotFoundError:
                raise GraphFileError(f"{path}: no such file") from None
            except OSError as error:
                if not _is_of_the_system(error):  # pyarrow raises it for damage
                    raise
                raise GraphFileError(f"{path}: cannot be read: {_reason(error)}") from None
    except GraphFormatError as error:
        text = str(error)
        raise GraphFormatError(text if path in text else f"{path}: {text}") from None


def _is_of_the_system(error: OSError) -> bool:
    """Whether the operating system raised an error, and not a parser."""
    return error.errno is not None or isinstance(error, TimeoutError | ConnectionError)


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn errors of writing, such as a full disk, into a `GraphFileError` of one line."""
    try:
        yield
    except OSError as error:
        if isinstance(error, WisError):
            raise
        raise GraphFileError(f"{path}: cannot be written: {_reason(error)}") from None


def check_file_system(url: str) -> None:
    """Check that the file system of a path exists and can be reached."""
    try:
        fs, path = url_to_fs(url)
        if is_local(url):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                os.stat(path)
        fs.isdir(path)
    except ImportError as error:
        raise MissingDependencyError(f"{echo(url, 255)}: {_reason(error, url)}") from None
    except Exception as error:  # each file system has errors of its own
        reason = _reason(error, url)
        raise GraphFileError(f"{echo(url, 255)}: cannot be reached: {reason}") from None


def is_local(url: str) -> bool:
    """Whether a path is on this machine's file system."""
    return isinstance(url_to_fs(url)[0], fsspec.get_filesystem_class("file"))


@contextlib.contextmanager
def saving(url: str) -> Iterator[Any]:
    """Yield a file that appears under its name when it is complete.

    Its name until then is its own, since a cluster may run one task twice at the same time.
    """
    fs, path = url_to_fs(url)
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    with writing(url):
        with fs.open(temporary, "wb") as file:
            yield file
        fs.mv(temporary, path)


def save_array(url: str, array: NDArray[Any]) -> None:
    """Write an array atomically."""
    with saving(url) as file:
        np.save(file, array)


def load_array(url: str) -> NDArray[Any]:
    """Load an array that `save_array` wrote, memory-mapped on a local file system."""
    fs, path = url_to_fs(url)
    with reading(url):
        if is_local(url):
            return np.asarray(np.load(path, mmap_mode="r"))
        with fs.open(path, "rb") as file:
            return np.asarray(np.load(file))


def remove_files(url: str, is_ours: Callable[[str], bool]) -> list[str]:
    """Remove the files of a folder that wis made, and then its empty folders.

    `is_ours` is asked for each path relative to the folder. Returns the paths of the files that
    stay.
    """
    fs, root = url_to_fs(url)
    fs.invalidate_cache()
    if not fs.isdir(root):
        return []
    root = root.rstrip("/")
    stays = []
    with writing(url):
        for path in fs.find(root):
            if is_ours(path[len(root) + 1 :]):
                with contextlib.suppress(FileNotFoundError):
                    fs.rm_file(path)
            else:
                stays.append(path[len(root) + 1 :])
        folders = sorted(fs.find(root, withdirs=True), key=len, reverse=True)
        for path in [*folders, root]:
            with contextlib.suppress(OSError):  # it is not empty, or there are no folders
                if fs.isdir(path):
                    fs.rmdir(path)
    return stays
