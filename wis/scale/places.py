"""Where a run reads, writes and works: looked at beforehand, held alone, left tidy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from fsspec.core import url_to_fs

from wis.errors import GraphFormatError, OptionError, OutputExistsError, WisError
from wis.scale.files import EdgeFiles
from wis.scale.locks import locked
from wis.scale.storage import check_file_system, is_local, pyarrow
from wis.scale.target import OutputFolder
from wis.scale.work import WorkFolder


def places(
    source: str,
    output: str,
    work: str | None,
    force: bool,
    list_files: Callable[[], EdgeFiles],
    options: dict[str, Any],
) -> tuple[OutputFolder, WorkFolder, EdgeFiles]:
    """Where everything is, looked at as far as possible before anything is computed."""
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
    name = os.path.relpath(root, place) if both else root  # so that all may move together
    folder = WorkFolder(place, name, request, files.stamps, is_new=not fs.isdir(path))
    return OutputFolder(root, force, folder.key), folder, files


def _resolved(url: str) -> str:
    """The one name of a local path, behind all links; another URL as it is."""
    path = str(url_to_fs(url)[1])
    return os.path.realpath(path) if is_local(url) else url.rstrip("/")


@contextlib.contextmanager
def alone(target: OutputFolder, folder: WorkFolder) -> Iterator[Callable[[], None]]:
    """Hold the output and the work folder; what is yielded raises if they were taken over."""
    purpose, beside = target.root, f"{target.root}.wis-work"
    with contextlib.ExitStack() as stack:
        locks = [stack.enter_context(locked(beside, purpose))]
        if folder.place != beside:
            stack.callback(folder.leave_place)
            locks.append(stack.enter_context(locked(folder.url, folder.place)))
            folder.mark_place()
        target.check()  # a run that ended just now may have written it
        target.tidy()

        def still_alone() -> None:
            for lock in locks:
                lock.check()

        yield still_alone
        folder.remove()


@contextlib.contextmanager
def kept_on_failure(target: OutputFolder, folder: WorkFolder) -> Iterator[None]:
    """Keep what is done so far, unless the input or the request is to blame."""
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
                f"{error}; the work is kept in {folder.place}, and the same call goes on from it",
            )
        raise


def _check_apart(**places: str) -> None:
    """Raise if one of two folders lies in the other, as far as their paths tell."""
    (first, one), (second, two) = places.items()
    (fs, inside), (other, outside) = url_to_fs(one), url_to_fs(two)
    inside, outside = inside.rstrip("/"), outside.rstrip("/")
    same = type(fs) is type(other) and (
        f"{outside}/".startswith(f"{inside}/") or f"{inside}/".startswith(f"{outside}/")
    )
    if same:
        raise OptionError(f"{first} {one} and {second} {two} lie in each other; keep them apart")
