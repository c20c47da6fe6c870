"""The work folder of a long computation: what it is about, how far it is, and its end.

It lies beside the output. A run that is killed leaves it behind, and the same call goes on from it;
a run that ends, be it with an error, takes it away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fsspec.core import url_to_fs

from wis.errors import OutputExistsError
from wis.scale.files import writing

MANIFEST = "wis-work.json"
FORMAT = 1


@dataclass(frozen=True)
class WorkFolder:
    """A folder for intermediate results.

    Attributes:
        url: Where it is.
        request: What is computed: of equal requests one goes on where the other was stopped.
    """

    url: str
    request: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Its path on its file system."""
        return str(url_to_fs(self.url)[1])

    def open(self) -> dict[str, Any] | None:
        """Make it, or come back to it; returns what was noted, None in a new one.

        Raises:
            OutputExistsError: There is a folder of that name with something else in it.
        """
        fs, path = url_to_fs(self.url)
        found = self._manifest()
        if found is not None and found["request"] == self._known():
            noted: dict[str, Any] | None = found["noted"]
            return noted
        self.remove()
        if fs.exists(path):
            raise OutputExistsError(f"{self.url} exists and is no work folder; give another one")
        with writing(self.url):
            fs.makedirs(path, exist_ok=True)
            self._save({"request": self._known(), "noted": None})
        return None

    def note(self, **facts: Any) -> None:
        """Write facts down for a run that comes after."""
        self._save({"request": self._known(), "noted": facts})

    def remove(self) -> None:
        """Take it away with all that is in it; a folder that is no work folder is let alone."""
        fs, path = url_to_fs(self.url)
        if self._manifest() is not None or (fs.isdir(path) and not fs.ls(path)):
            fs.rm(path, recursive=True)

    def _known(self) -> Any:
        return json.loads(json.dumps({"format": FORMAT, **self.request}))

    def _manifest(self) -> Any:
        fs, path = url_to_fs(self.url)
        try:
            with fs.open(f"{path}/{MANIFEST}", "rb") as file:
                found = json.load(file)
                return found if {"request", "noted"} <= found.keys() else None
        except (OSError, ValueError, AttributeError):
            return None

    def _save(self, content: Mapping[str, Any]) -> None:
        fs, path = url_to_fs(self.url)
        with writing(self.url):
            with fs.open(f"{path}/{MANIFEST}.tmp", "wb") as file:
                file.write(json.dumps(content).encode())
            fs.mv(f"{path}/{MANIFEST}.tmp", f"{path}/{MANIFEST}")
