"""The raw files of a data set; missing ones are downloaded atomically and with a time limit.

The loaders of PyG and ogb can download too. But PyG's does not check certificates, leaves half a
file when it is interrupted, and waits for a silent network without limit. ogb's asks questions on
standard input. So this module downloads the files before a loader is called.

A download goes over https, redirects included, and must have the SHA-256 that
`wis.datasets.download` lists. A file that is not listed is accepted only if the environment allows
it; then its checksum is logged.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import queue
import shutil
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wis.base.atomic import atomic_write, status, temporary_folder
from wis.base.progress import progress_bar
from wis.errors import GraphFileError, MissingDataError, WisError, echo

ANSWER_S = 20.0
"""Seconds to wait for the next bytes of a server; the first answer may take twice as long."""

CHUNK_BYTES = 1 << 20
OFFLINE_VARIABLE = "WIS_OFFLINE"  # forbids downloads
TRUST_VARIABLE = "WIS_TRUST_DOWNLOAD"  # allows files without a checksum
SCHEMES = ("https",)

_log = logging.getLogger(__name__)


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
            return [path for path in self.paths(root) if status(path) is None or not path.is_file()]
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


def is_set(variable: str) -> bool:
    """Whether a variable of the environment is set, and not to 0."""
    return os.environ.get(variable, "0") not in ("", "0")


def ensure(name: str, files: RawFiles, root: Path) -> None:
    """Download the missing files of a data set; `name` is its name in messages.

    Raises:
        MissingDataError: Files are missing and cannot be downloaded; the message lists them and the
            folder to put them in.
    """
    if not files.missing(root):
        return
    try:
        _download(name, files, root)
        reason = "the archive does not hold them"
    except (OSError, http.client.HTTPException, zipfile.BadZipFile, zlib.error) as error:
        reason = _reason(error)
    missing = files.missing(root)  # another process may have downloaded some
    if missing:
        raise MissingDataError(
            f"{name}: {len(missing)} of {len(files.names)} files are missing and "
            f"cannot be downloaded ({reason}). {files.instruction(root)}; or give the folder "
            "of your data sets by --data-root (root=, WIS_DATA_ROOT)"
        )


def _download(name: str, files: RawFiles, root: Path) -> None:
    if is_set(OFFLINE_VARIABLE):
        raise OSError(f"{OFFLINE_VARIABLE} is set")
    folder = root / files.folder
    size = "" if files.size_mb is None else f"about {files.size_mb:g} MB "
    _log.info("%s: downloading %sto %s", name, size, folder)
    if files.archive is not None:
        _download_archive(files, files.archive, folder)
        return
    for position, path in enumerate(files.paths(root)):
        if not path.is_file():
            save(files.urls[position], path, sha256=files.checksum(position))


def _download_archive(files: RawFiles, top: str, folder: Path) -> None:
    """Unpack an archive beside the folder, then move each missing file into it in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent) as scratch:
        archive = scratch / "archive.zip"
        save(files.urls[0], archive, sha256=files.checksum(0))
        with zipfile.ZipFile(archive) as content:
            total = sum(item.file_size for item in content.infolist())
            _check_room(folder.parent, total, f"the content of {files.urls[0]}")
            content.extractall(scratch)  # keeps every path inside the folder
        for source in sorted((scratch / top).rglob("*")):
            target = folder / source.relative_to(scratch / top)
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)


def save(url: str, path: Path, *, sha256: str | None) -> None:
    """Download one file, with a progress bar on a terminal.

    Args:
        url: The address of the file.
        path: Path of the copy, which appears when it is complete; its folder is made if needed.
        sha256: The checksum of the file, None if unknown.

    Raises:
        OSError: The address does not begin with https, the server does not answer or refuses, the
            connection breaks, the checksum differs, or the file cannot be written.
    """
    if sha256 is None and not is_set(TRUST_VARIABLE):
        raise OSError(
            f"the SHA-256 of {url} is not known, so a download cannot be checked; set "
            f"{TRUST_VARIABLE}=1 to accept it unchecked"
        )
    with _open(url) as response:
        path.parent.mkdir(parents=True, exist_ok=True)
        total = int(response.headers.get("Content-Length") or 0)
        _check_room(path.parent, total, url)
        hashed = hashlib.sha256()
        with (
            atomic_write(path, force=True) as file,
            progress_bar(path.name, total, unit="bytes") as progress,
        ):
            done = 0
            while chunk := response.read(CHUNK_BYTES):
                hashed.update(chunk)
                done += file.write(chunk)
                progress(done)
            if total and done != total:
                raise OSError(f"{url}: the download ended after {done} of {total} bytes")
            _check_sum(url, hashed.hexdigest(), sha256)


def _check_room(folder: Path, num_bytes: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise OSError(f"{what} has {num_bytes} bytes, but {folder} has room for {free}")


def _check_sum(url: str, found: str, expected: str | None) -> None:
    if expected is None:
        _log.warning("%s is accepted unchecked; its SHA-256 is %s", url, found)
    elif found != expected:
        raise OSError(f"{url} has changed: its SHA-256 is {found}, expected {expected}")


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        with contextlib.ExitStack() as connection:
            connection.callback(fp.close)
            _check_scheme(newurl)
            connection.pop_all()
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str) -> None:
    if url.partition(":")[0].lower() not in SCHEMES:
        raise OSError(f"{echo(url)}: does not begin with https")


def _urlopen(url: str) -> Any:
    _check_scheme(url)
    return urllib.request.build_opener(_SecureRedirects).open(url, timeout=ANSWER_S)


def _open(url: str) -> Any:
    """Connect in a thread that can be abandoned, since a DNS lookup has no time limit."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(_urlopen(url))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=2 * ANSWER_S)
    except queue.Empty:
        raise TimeoutError(f"{url} did not answer within {2 * ANSWER_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()  # the error holds the connection open
        return f"{error.url} answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no network: {getattr(error.reason, 'strerror', None) or error.reason}"
    if isinstance(error, WisError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


_LINES = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
SHA256 = {path: digest for digest, path in (line.split("  ") for line in _LINES)}


def sha256_of(folder: str, names: Iterable[str]) -> tuple[str | None, ...]:
    """The checksums of files in a folder of the data root, None for files that are not listed."""
    return tuple(SHA256.get(f"{folder}/{name}") for name in names)
