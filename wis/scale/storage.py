"""Files of any file system that fsspec knows, read and written with errors of one line."""

from __future__ import annotations

import contextlib
import lzma
import os
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


def pyarrow() -> Any:
    """The package, or the line that says how to get it.

    Raises:
        MissingDependencyError: It is not installed.
    """
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
    """Turn what goes wrong while bytes are read or unpacked into one line that names the file.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: What is packed in it is damaged.
    """
    try:
        yield
    except WisError:
        raise
    except FileNotFoundError:
        raise GraphFileError(f"{path}: no such file") from None
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise GraphFormatError(f"{path}: damaged, or ends too early: {_reason(error)}") from None
    except OSError as error:
        if not _is_of_the_system(error):  # what pyarrow and gzip call damage
            raise GraphFormatError(f"{path}: damaged: {_reason(error)}") from None
        raise GraphFileError(f"{path}: cannot be read: {_reason(error)}") from None


def _reason(error: Exception, url: str = "") -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return echo(without_secrets(text or type(error).__name__, url), 200)


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """`opening`, around a foreign parser, which may stumble over damage in any way.

    Raises:
        GraphFileError: It cannot be read.
        GraphFormatError: It is damaged.
    """
    try:
        with parsing(Path(path), "an edge file of the kind that its ending says"):
            try:
                yield
            except FileNotFoundError:
                raise GraphFileError(f"{path}: no such file") from None
            except OSError as error:
                if not _is_of_the_system(error):  # pyarrow calls damage so
                    raise
                raise GraphFileError(f"{path}: cannot be read: {_reason(error)}") from None
    except GraphFormatError as error:
        text = str(error)
        raise GraphFormatError(text if path in text else f"{path}: {text}") from None


def _is_of_the_system(error: OSError) -> bool:
    """Whether a file could not be read, rather than understood."""
    return error.errno is not None or isinstance(error, TimeoutError | ConnectionError)


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn what goes wrong while a file is written, a full disk for one, into one line.

    Raises:
        GraphFileError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, WisError):
            raise
        raise GraphFileError(f"{path}: cannot be written: {_reason(error)}") from None


def check_file_system(url: str) -> None:
    """Raise if there is no way to the file system of a path, or no file can have its name.

    Raises:
        GraphFileError: fsspec knows no such kind, or cannot reach it.
        MissingDependencyError: A package for it is not installed.
    """
    try:
        fs, path = url_to_fs(url)
        if is_local(url):
            _check_name(path)
        fs.isdir(path)
    except ImportError as error:
        raise MissingDependencyError(f"{echo(url, 255)}: {_reason(error, url)}") from None
    except Exception as error:  # each file system has errors of its own
        reason = _reason(error, url)
        raise GraphFileError(f"{echo(url, 255)}: cannot be reached: {reason}") from None


def _check_name(path: str) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        os.stat(path)


def is_local(url: str) -> bool:
    """Whether a path is one of this machine's file system."""
    return isinstance(url_to_fs(url)[0], fsspec.get_filesystem_class("file"))


def save_array(url: str, array: NDArray[Any]) -> None:
    """Write an array, whole or not at all."""
    fs, path = url_to_fs(url)
    temporary = f"{path}.tmp"
    with writing(url):
        with fs.open(temporary, "wb") as file:
            np.save(file, array)
        fs.mv(temporary, path)


def load_array(url: str) -> NDArray[Any]:
    """Read what `save_array` wrote: memory-mapped on a local file system."""
    fs, path = url_to_fs(url)
    with reading(url):
        if is_local(url):
            return np.asarray(np.load(path, mmap_mode="r"))
        with fs.open(path, "rb") as file:
            return np.asarray(np.load(file))


def remove_files(url: str, is_ours: Callable[[str], bool]) -> list[str]:
    """Remove the files of a folder that wis made, and the folders that are empty then.

    Args:
        url: The folder; may be missing.
        is_ours: Says of a path below it whether wis made the file.

    Returns:
        Paths of the files that stay.

    Raises:
        GraphFileError: A file cannot be removed.
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
