"""The work folder of a long computation: what it is about, how far it is, and its end.

A run works in a folder of its own, ``wis-run-KEY``, inside the work folder, which is
``OUTPUT.wis-work`` or one that was named and may hold anything. The key stands for what is
computed, the output included, so that runs for different ends share a work folder without seeing
each other, and the same call finds its own work. Where the run ends well, or because of its input,
the folder goes; where it ends for another reason, it stays, and the same call goes on from it. Only
files go whose names wis gives.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsspec.core import url_to_fs

from wis.scale.locks import LOCK, RECORD
from wis.scale.storage import remove_files, writing

MANIFEST, MADE = "wis-work.json", ".wis-made"
FORMAT = 2
_RUN = "wis-run-"
_LOCKS = (LOCK, RECORD, f"{RECORD}.tmp")
_OURS = re.compile(
    r"(?:wis-work\.json|ids\.arrow|ids-run-\d+\.arrow|bucket-\d+\.bin|[uv]\.bin|removed\.bin"
    r"|class-\d+\.bin|edges-\d+\.npy|degrees\.npy|kinds-\d+\.npy|round-\d+-\d+-\d+\.npy"
    r"|(?:candidate/)?phase-\d+\.npz)(?:\.tmp)?"
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkFolder:
    """A folder for intermediate results.

    Attributes:
        place: The work folder.
        output: What is to be made, as seen from the work folder.
        request: What is computed.
        stamps: Of the input.
        is_new: Whether the work folder was not there when the run began, so that it goes in the
            end.
    """

    place: str
    output: str
    request: Mapping[str, Any]
    stamps: Any
    is_new: bool = False

    @property
    def key(self) -> str:
        """12 hexadecimal digits that stand for the output and the request."""
        text = json.dumps([FORMAT, self.output, self.request], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def url(self) -> str:
        """The folder of this run."""
        return f"{self.place.rstrip('/')}/{_RUN}{self.key}"

    @property
    def path(self) -> str:
        """Its path on its file system."""
        return str(url_to_fs(self.url)[1])

    def open(self) -> dict[str, Any] | None:
        """Make it, or come back to it; returns what was noted, None in a new one."""
        found = _manifest(self.url)
        if found is not None and found["stamps"] == self._known(self.stamps):
            noted: dict[str, Any] | None = found["noted"]
            return noted
        if found is not None and found["noted"] is not None:
            _log.info("%s: the input has changed since this work was left; begun anew", self.url)
        self._empty(self.url)
        fs, path = url_to_fs(self.url)
        with writing(self.url):
            fs.makedirs(path, exist_ok=True)
        self._save(None)
        return None

    def mark_place(self) -> None:
        """Note that the work folder was made by wis, so that whoever leaves it last removes it."""
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
        """Whether there is something to go on from."""
        found = _manifest(self.url)
        return found is not None and found["noted"] is not None

    def note(self, **facts: Any) -> None:
        """Write facts down for a run that comes after."""
        self._save(facts)

    def remove(self) -> None:
        """Take the work of this run away, and what earlier runs to the same output left.

        The locks have to be held.
        """
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
        locks = () if url == self.url else _LOCKS  # those of this run go when they are given back
        stays = remove_files(url, lambda name: name in locks or _OURS.fullmatch(name) is not None)
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
    """What is written in a folder of a run; None if there is none, or none that is understood."""
    fs, path = url_to_fs(url)
    try:
        found = json.loads(fs.cat_file(f"{path}/{MANIFEST}"))
    except (OSError, ValueError):
        return None
    is_one = isinstance(found, dict) and found.get("format") == FORMAT
    return found if is_one and {"output", "stamps", "noted"} <= found.keys() else None
