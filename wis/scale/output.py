"""The output folder: it appears under its name when all its files are complete."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fsspec.core import url_to_fs

from wis.errors import GraphFileError, OutputExistsError
from wis.scale.storage import is_local, pyarrow, remove_files, writing

_UNFINISHED = ".wis-"
REPLACEABLE = (".parquet", ".crc")
"""`force` replaces a folder only if all its files have these endings."""


@dataclass(frozen=True)
class OutputFolder:
    """A folder of Parquet files that appears under its name when all files are complete.

    Unfinished files lie in a folder beside it, whose name holds the key of the run. A folder that
    is being replaced also lies beside it for a moment. A run that holds the lock on the output
    removes the folders that killed runs left, or restores a replaced folder.
    """

    root: str  # path of the output
    force: bool  # whether it may replace a folder
    key: str = "0" * 12  # 12 hexadecimal digits that identify the run

    @property
    def _path(self) -> str:
        return str(url_to_fs(self.root)[1]).rstrip("/")

    def _beside(self, kind: str, key: str | None = None) -> str:
        return f"{self._path}.wis-{kind}-{key or self.key}"

    def check(self) -> None:
        """Check, before anything is computed, that the output can be written.

        Raises:
            OutputExistsError: It exists and `force` is false, or it holds other files than Parquet.
            GraphFileError: Its parent folder is missing.
        """
        fs, path = url_to_fs(self.root)
        fs.invalidate_cache()
        if fs.exists(path) and not self.force:
            raise OutputExistsError(f"{self.root} exists; pass --force to replace it")
        if fs.isfile(path):
            raise OutputExistsError(
                f"{self.root} is a file; the output is a folder, so give another name"
            )
        for name in self._found(path):
            if not _is_replaceable(name):
                raise OutputExistsError(
                    f"{self.root} holds {name}, which is not a Parquet file; "
                    "--force replaces folders of Parquet files only, so give another folder"
                )
        parent = path.rstrip("/").rpartition("/")[0]
        if is_local(self.root) and parent and not fs.isdir(parent):
            raise GraphFileError(f"{self.root}: there is no folder {parent}; make it first")

    def tidy(self) -> None:
        """Remove or restore the folders that killed runs left; the lock must be held."""
        fs, path = url_to_fs(self.root)
        for key in self._left("partial"):
            self._remove(self._beside("partial", key), _is_parquet)
        for key in self._left("replaced"):
            replaced = self._beside("replaced", key)
            if fs.exists(path):
                self._remove(replaced, _is_replaceable)
            else:  # killed between the two steps of `finish`
                with writing(self.root):
                    self._rename(replaced, path)

    def _left(self, kind: str) -> list[str]:
        """Keys of the runs that left a folder of a kind beside the output."""
        fs, _ = url_to_fs(self.root)
        parent, _, name = self._path.rpartition("/")
        pattern = re.compile(re.escape(f"{name}.wis-{kind}-") + "([0-9a-f]{12})")
        fs.invalidate_cache()
        try:
            entries = fs.ls(parent or "/", detail=False)
        except OSError:
            return []
        found = (pattern.fullmatch(PurePosixPath(entry).name) for entry in entries)
        return [match[1] for match in found if match]

    def begin(self) -> None:
        """Create the folder of unfinished files."""
        fs, _ = url_to_fs(self.root)
        self.tidy()
        with writing(self.root):
            fs.makedirs(self._beside("partial"), exist_ok=False)

    def path_of(self, name: str) -> str:
        """The path of the output for the input file `name`."""
        suffix = "" if PurePosixPath(name).suffix.lower() == ".parquet" else ".parquet"
        return f"{self._beside('partial')}/{name}{suffix}"

    def write(self, name: str, batches: Iterator[Any], schema: Any) -> None:
        """Write record batches to the output for the input file `name`."""
        fs, _ = url_to_fs(self.root)
        path = self.path_of(name)
        folder, _, last = path.rpartition("/")
        # A cluster may run one task twice at the same time, so each writes a file of its own.
        unfinished = f"{folder}/{_UNFINISHED}{secrets.token_hex(4)}-{last}"
        with writing(path):
            fs.makedirs(folder, exist_ok=True)
            with (
                fs.open(unfinished, "wb") as file,
                pyarrow().parquet.ParquetWriter(file, schema) as writer,
            ):
                for batch in batches:
                    writer.write_batch(batch)
            fs.mv(unfinished, path)

    def finish(self) -> None:
        """Give the folder of finished files the name of the output."""
        fs, path = url_to_fs(self.root)
        self.check()
        with writing(self.root):
            for name in fs.find(self._beside("partial")):
                if PurePosixPath(name).name.startswith(_UNFINISHED):  # of a lost worker
                    fs.rm_file(name)
            replaced = self._beside("replaced")
            if fs.exists(path):
                self._rename(path, replaced)
            try:
                self._rename(self._beside("partial"), path)
            except BaseException:
                if fs.exists(replaced):
                    self._rename(replaced, path)
                raise
        self._remove(replaced, _is_replaceable)

    def discard(self) -> None:
        """Remove the unfinished files."""
        remove_files(self._as_url(self._beside("partial")), _is_parquet)

    def _remove(self, path: str, is_ours: Callable[[str], bool]) -> None:
        stays = remove_files(self._as_url(path), is_ours)
        if stays:
            raise OutputExistsError(
                f"{path} holds {stays[0]}, which wis did not make; move it away"
            )

    def _rename(self, old: str, new: str) -> None:
        if is_local(self.root):
            os.rename(old, new)
        else:
            url_to_fs(self.root)[0].mv(old, new, recursive=True)

    def _as_url(self, path: str) -> str:
        return path if is_local(self.root) else str(url_to_fs(self.root)[0].unstrip_protocol(path))

    def _found(self, path: str) -> list[str]:
        """Paths of the files in a folder, relative to it."""
        fs, _ = url_to_fs(self.root)
        start = len(path.rstrip("/")) + 1
        return [name[start:] for name in (fs.find(path) if fs.isdir(path) else ())]


def _is_parquet(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == ".parquet"


def _is_replaceable(name: str) -> bool:
    last = PurePosixPath(name).name
    return PurePosixPath(last).suffix.lower() in REPLACEABLE or last.startswith("_")
