"""The work folder of a run: its request, its progress, its locks and its removal.

A run works in a folder of its own, ``wis-run-KEY``, inside the work folder, which is
``OUTPUT.wis-work`` or a folder that the user named, which may hold other files. The key is a hash
of the request and the output. So runs with different requests can share a work folder, and the same
call finds its own work. The folder is removed if the run succeeds or fails because of its input. If
it fails for another reason, the folder stays, and the same call continues from it. wis removes only
files that it made, which it recognises by their names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fsspec.core import url_to_fs

from wis.errors import GraphFormatError, OptionError, OutputExistsError, WisError
from wis.scale.files import EdgeFiles
from wis.scale.locks import locked
from wis.scale.output import OutputFolder
from wis.scale.storage import (
    LOCK,
    MADE,
    MANIFEST,
    RECORD,
    check_file_system,
    is_local,
    is_work_file,
    pyarrow,
    remove_files,
    writing,
)

FORMAT = 3
_RUN = "wis-run-"
_LOCKS = (LOCK, RECORD, f"{RECORD}.tmp")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkFolder:
    """A folder for intermediate results."""

    place: str  # the work folder
    output: str  # path of the output, relative to the work folder if both are on this machine
    request: Mapping[str, Any]  # all options that change the result
    stamps: Any  # the state of the input files
    is_new: bool = False  # whether the run makes the work folder, and so removes it at the end

    @property
    def key(self) -> str:
        """12 hexadecimal digits: a hash of the output and the request."""
        text = json.dumps([FORMAT, self.output, self.request], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def url(self) -> str:
        """The folder of this run."""
        return f"{self.place.rstrip('/')}/{_RUN}{self.key}"

    @property
    def path(self) -> str:
        """The path of the folder of this run on its file system."""
        return str(url_to_fs(self.url)[1])

    def open(self) -> dict[str, Any] | None:
        """Make the folder or reuse it; returns the facts that `note` saved, None in a new one."""
        found = _manifest(self.url)
        if found is not None and found["stamps"] == self._known(self.stamps):
            noted: dict[str, Any] | None = found["noted"]
            return noted
        if found is not None and found["noted"] is not None:
            _log.info(
                "%s: the input has changed since this work was saved; it starts anew", self.url
            )
        self._empty(self.url)
        fs, path = url_to_fs(self.url)
        with writing(self.url):
            fs.makedirs(path, exist_ok=True)
        self._save(None)
        return None

    def mark_place(self) -> None:
        """Note that wis made the work folder, so that the last run in it removes it."""
        if self.is_new:
            fs, place = url_to_fs(self.place)
            with writing(self.place):
                fs.pipe_file(f"{place}/{MADE}", b"")

    def leave_place(self) -> None:
        """Remove the work folder if wis made it and nothing is left in it."""
        fs, place = url_to_fs(self.place)
        fs.invalidate_cache()
        with contextlib.suppress(OSError):
            names = [path.rstrip("/").rpartition("/")[2] for path in fs.ls(place, detail=False)]
            if names == [MADE]:
                fs.rm_file(f"{place}/{MADE}")
                fs.rmdir(place)

    @property
    def has_progress(self) -> bool:
        """Whether a later run can continue from here."""
        found = _manifest(self.url)
        return found is not None and found["noted"] is not None

    def note(self, **facts: Any) -> None:
        """Save facts for a later run."""
        self._save(facts)

    def remove(self) -> None:
        """Remove the work of all runs to the same output; the locks must be held."""
        fs, place = url_to_fs(self.place)
        for path in fs.ls(place, detail=False) if fs.isdir(place) else ():
            name = path.rstrip("/").rpartition("/")[2]
            if not re.fullmatch(_RUN + "[0-9a-f]{12}", name):
                continue
            url = f"{self.place.rstrip('/')}/{name}"
            found = _manifest(url)
            if found is not None and found["output"] == self.output:
                self._empty(url)

    def _empty(self, url: str) -> None:
        locks = () if url == self.url else _LOCKS  # this run's locks are removed on release
        stays = remove_files(url, lambda name: name in locks or is_work_file(name))
        foreign = [name for name in stays if name not in _LOCKS]
        if foreign:
            _log.info("%s stays: it holds %s, which wis did not make", url, foreign[0])

    def _known(self, value: Any) -> Any:
        return json.loads(json.dumps(value))

    def _save(self, noted: Mapping[str, Any] | None) -> None:
        content = {
            "format": FORMAT,
            "output": self.output,
            "request": self._known(self.request),
            "stamps": self.stamps,
            "noted": noted,
        }
        fs, path = url_to_fs(self.url)
        with writing(self.url):
            with fs.open(f"{path}/{MANIFEST}.tmp", "wb") as file:
                file.write(json.dumps(content).encode())
            fs.mv(f"{path}/{MANIFEST}.tmp", f"{path}/{MANIFEST}")


def _manifest(url: str) -> Any:
    """Read the manifest of a run; None if it is missing or of another version."""
    fs, path = url_to_fs(url)
    try:
        found = json.loads(fs.cat_file(f"{path}/{MANIFEST}"))
    except (OSError, ValueError):
        return None
    is_one = isinstance(found, dict) and found.get("format") == FORMAT
    return found if is_one and {"output", "stamps", "noted"} <= found.keys() else None


def places(
    source: str,
    output: str,
    work: str | None,
    force: bool,
    list_files: Callable[[], EdgeFiles],
    options: dict[str, Any],
) -> tuple[OutputFolder, WorkFolder, EdgeFiles]:
    """Check the output, the work folder and the input before anything is computed."""
    for url in (source, output, *([] if work is None else [work])):
        check_file_system(url)
    root = _resolved(output)
    place = f"{root}.wis-work" if work is None else _resolved(work)
    OutputFolder(root, force).check()
    pyarrow()
    files = list_files()
    _check_apart(output=root, source=_resolved(source))
    _check_apart(output=root, work=place)
    _check_apart(source=_resolved(source), work=place)
    request = {"files": list(files.names), **options}
    fs, path = url_to_fs(place)
    if fs.isfile(path):
        raise OutputExistsError(f"{place} is a file; the work folder is a folder, give another one")
    both = is_local(root) and is_local(place)
    name = os.path.relpath(root, place) if both else root  # so that both may be moved together
    folder = WorkFolder(place, name, request, files.stamps, is_new=not fs.isdir(path))
    return OutputFolder(root, force, folder.key), folder, files


def _resolved(url: str) -> str:
    """A local path without symbolic links; another URL unchanged."""
    path = str(url_to_fs(url)[1])
    return os.path.realpath(path) if is_local(url) else url.rstrip("/")


@contextlib.contextmanager
def alone(target: OutputFolder, folder: WorkFolder) -> Iterator[Callable[[], None]]:
    """Lock the output and the work folder; yield a check that raises if a lock was lost."""
    purpose, beside = target.root, f"{target.root}.wis-work"
    with contextlib.ExitStack() as stack:
        locks = [stack.enter_context(locked(beside, purpose))]
        if folder.place != beside:
            stack.callback(folder.leave_place)
            locks.append(stack.enter_context(locked(folder.url, folder.place)))
            folder.mark_place()
        target.check()  # a run that ended just now may have written the output
        target.tidy()

        def still_alone() -> None:
            for lock in locks:
                lock.check()

        yield still_alone
        folder.remove()


@contextlib.contextmanager
def kept_on_failure(target: OutputFolder, folder: WorkFolder) -> Iterator[None]:
    """Keep the work if the block fails, unless the input or the request is the reason."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(WisError):
            target.discard()
        if isinstance(error, GraphFormatError | OptionError) or not folder.has_progress:
            with contextlib.suppress(WisError):
                folder.remove()
        elif isinstance(error, WisError):
            error.args = (
                f"{error}; the work is kept in {folder.place}, and the same call continues from it",
            )
        raise


def _check_apart(**places: str) -> None:
    """Raise if one of two folders lies in the other."""
    (first, one), (second, two) = places.items()
    (fs, inside), (other, outside) = url_to_fs(one), url_to_fs(two)
    inside, outside = inside.rstrip("/"), outside.rstrip("/")
    same = type(fs) is type(other) and (
        f"{outside}/".startswith(f"{inside}/") or f"{inside}/".startswith(f"{outside}/")
    )
    if same:
        raise OptionError(f"{first} {one} and {second} {two} overlap; give separate folders")
