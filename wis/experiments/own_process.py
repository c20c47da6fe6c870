"""A process of its own for each job, so that its peak memory is its own.

A process that does one job after another keeps what the allocator once got, so the memory that it
measures for a small job is that of the largest one before it. Here a server, which imports the
program, loads the graph and does nothing else, forks a process for each call; that one does the
work, hands back the result and ends. Every call begins from the same memory, and costs some
milliseconds instead of the seconds that an interpreter takes to start. A call whose process is
killed, for lack of memory perhaps, takes nothing else along.

The server ends when the process that started it does, however that ended. Where processes cannot be
forked, or the work is made of functions that no other process can import, there is none.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.util
import logging
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import IO, Any

HEAD = 8  # bytes of the length before each message
FOLDERS = ("WIS_", "XDG_", "HOME", "TMP")  # of variables that say where data and caches are
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

START = "import sys; from wis.experiments.own_process import serve; serve(*map(int, sys.argv[1:]))"

_local = threading.local()
_servers: set[Server] = set()


class ProcessDied(Exception):
    """The process of a call was killed before it had a result."""


def can_be_forked(modules: Sequence[str]) -> bool:
    """Whether a call that needs these modules can be made in a process of its own."""
    return hasattr(os, "fork") and all(map(_can_be_imported, modules))


def _can_be_imported(module: str) -> bool:
    if module == "__main__":
        return False
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def call(
    function: Callable[[Any], Any],
    argument: Any,
    *,
    threads: int,
    prepare: Callable[[], Any] | None = None,
    key: Hashable = None,
    modules: Sequence[str] = (),
) -> Any:
    """The result of a function of a module, called in a process of its own.

    Args:
        function: The function.
        argument: Its argument, which can be pickled, as its result can.
        threads: Threads of linear algebra that the process may use.
        prepare: Called once by the server before the first such process, such as to load the graph
            that all of them use; an error in it is left to the function to find.
        key: Calls with another key get another server, which knows nothing of what was before.
        modules: What to import first.

    Raises:
        ProcessDied: The process ended without a result.
        Exception: Whatever the function raises.
    """
    environment = {**os.environ, **dict.fromkeys(BLAS, str(threads))}
    folders = [(name, v) for name, v in sorted(environment.items()) if name.startswith(FOLDERS)]
    place = (key, threads, os.getcwd(), tuple(folders))
    server: Server | None = getattr(_local, "server", None)
    if server is None or server.place != place or not server.is_alive():
        if server is not None:
            server.close()
        server = _local.server = Server(place, environment)
        if prepare is not None:
            server.send(("prepare", prepare, sys.path, list(modules), environment))
    try:
        server.send(("call", (function, argument), sys.path, list(modules), environment))
        kind, value = server.receive()
    except BaseException:  # an interrupt too: nobody waits for the result any more
        server.close()
        raise
    if kind == "died":
        raise ProcessDied(value)
    if kind == "raised":
        error, told = value
        error.add_note(told)
        raise error
    return value


class Server:
    """The server, as seen from the process that started it."""

    def __init__(self, place: Hashable, environment: dict[str, str]) -> None:
        self.place = place
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs_in), str(theirs_out)],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # so that Ctrl-C reaches us alone, and we end the others
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.requests = os.fdopen(ours_out, "wb")
        self.answers = os.fdopen(ours_in, "rb")
        _servers.add(self)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def send(self, message: Any) -> None:
        """Send a request; a server that has died is noticed when its answer is read."""
        content = pickle.dumps(message)
        with contextlib.suppress(BrokenPipeError):
            self.requests.write(len(content).to_bytes(HEAD, "little") + content)
            self.requests.flush()

    def receive(self) -> tuple[str, Any]:
        """Wait for an answer."""
        content = _read_message(self.answers)
        if content is None:
            return "died", "its server ended"
        answer: tuple[str, Any] = pickle.loads(content)
        return answer

    def close(self) -> None:
        """End it, and what it has forked."""
        _servers.discard(self)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for file in (self.requests, self.answers):
            with contextlib.suppress(OSError):
                file.close()


@atexit.register
def close_all() -> None:
    """End the servers that this process has started."""
    for server in list(_servers):
        server.close()
    _local.__dict__.clear()


def _forget_servers_of_the_parent() -> None:
    _servers.clear()
    _local.__dict__.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_servers_of_the_parent)


def _read_message(file: IO[bytes]) -> bytes | None:
    """The next message, None at the end of the stream."""
    head = _read_exactly(file, HEAD)
    return None if head is None else _read_exactly(file, int.from_bytes(head, "little"))


def _read_exactly(file: IO[bytes], number: int) -> bytes | None:
    """So many bytes, however the pipe divides them; None if it ends before."""
    parts = []
    while number > 0:
        part = file.read(number)
        if not part:
            return None
        parts.append(part)
        number -= len(part)
    return b"".join(parts)


# The server's side.


def serve(requests: int, answers: int) -> None:
    """Do what is asked for until the stream of requests ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_the_program()
    with os.fdopen(requests, "rb", buffering=0) as stream:
        while (content := _read_message(stream)) is not None:
            what, subject, path, modules, environment = pickle.loads(content)
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(environment)
            with contextlib.suppress(ImportError):
                for module in modules:
                    importlib.import_module(module)
            if what == "prepare":
                _prepare(subject)
            else:
                _write(answers, _forked(subject, requests))


def _prepare(function: Callable[[], Any]) -> None:
    """Call it without a word: whoever asks has done it too, and has told what there is to tell."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.suppress(Exception):  # the call itself will tell
            function()
    finally:
        logging.disable(level)


def _import_the_program() -> None:
    import torch

    from wis.experiments.kinds import KINDS

    torch.set_num_threads(1)  # threads of OpenMP do not survive a fork
    for name in ("wis.experiments.jobs", "wis.training", *(kind.module for kind in KINDS.values())):
        importlib.import_module(name)


def _forked(subject: tuple[Callable[[Any], Any], Any], requests: int) -> bytes:
    """The answer of a process that does the work; it is killed when nobody asks any more."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: those of linear algebra know about forks
        child = os.fork()
    if child == 0:
        os.close(read)
        os.close(requests)
        _do(subject, write)
    os.close(write)
    content = b""
    with os.fdopen(read, "rb", buffering=0) as stream:
        while True:
            ready, _, _ = select.select([read, requests], [], [])
            if requests in ready:  # the end of the stream: no request comes before an answer
                os.killpg(0, signal.SIGKILL)
            chunk = stream.read(2**20)
            if not chunk:
                break
            content += chunk
    _, status = os.waitpid(child, 0)
    if content and status == 0:
        return content
    code = os.waitstatus_to_exitcode(status)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return pickle.dumps(("died", f"its process {how}, perhaps for lack of memory"))


def _do(subject: tuple[Callable[[Any], Any], Any], write: int) -> None:
    """Do the work in the forked process, which ends here."""
    from wis.experiments import measure

    measure.is_own_process = True
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    status = 1
    try:
        try:
            function, argument = subject
            answer = pickle.dumps(("done", function(argument)))
        except Exception as error:
            told = "".join(traceback.format_exception(error))
            answer = pickle.dumps(("raised", (error, told)))
        _write_all(write, answer)
        status = 0
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _write(file: int, content: bytes) -> None:
    _write_all(file, len(content).to_bytes(HEAD, "little") + content)


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
