"""Do each job in a process of its own, so that its peak memory can be measured.

A process that does several jobs keeps the memory that the allocator got from the system. So a small
job after a large one would seem to need as much. Therefore a server process loads the graph and
forks a process for each call. That process does the work, returns the result and ends. Every call
begins with the same memory. If the process of a call is killed, perhaps for lack of memory, the
other calls go on.

An interpreter takes seconds to import torch and PyG, and a fork takes milliseconds. So a template
process imports them once, and is forked for each server.

Template and servers end when the process that started them ends in any way. They need `fork`, and
modules that another process can import; `can_be_forked` checks both.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import importlib.util
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wis.base.registry import loaded_plugins
from wis.datasets import find, is_known
from wis.methods import get_method

if TYPE_CHECKING:
    from wis.experiments.inputs import Source

FOLDERS = ("WIS_", "XDG_", "HOME", "TMP")
"""Prefixes of the environment variables that name plugins and folders of data and caches."""
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
START = "import sys; from wis.experiments.own_process import template; template(int(sys.argv[1]))"

is_own_process = False
"""Whether this process was forked for one call."""

_local = threading.local()
_servers: set[Server] = set()
_templates: dict[Hashable, Template] = {}
_template_lock = threading.Lock()


class ProcessDied(Exception):
    """The process of a call ended before it had a result."""


def can_be_forked(modules: Sequence[str]) -> bool:
    """Return whether a call that needs these modules can have a process of its own."""
    return hasattr(os, "fork") and all(map(can_be_imported, modules))


def can_be_imported(module: str) -> bool:
    """Return whether another process can import a module by its name."""
    try:
        is_there = module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
    return is_there and module != "__main__"


def call(
    function: Callable[[Any], Any],
    argument: Any,
    *,
    threads: int,
    prepare: Callable[[], Any] | None = None,
    key: Hashable = None,
    modules: Sequence[str] = (),
) -> Any:
    """Call a function of a module in a process of its own.

    Args:
        function: The function.
        argument: Its argument. The argument and the result must be picklable.
        threads: The number of threads that linear algebra may use.
        prepare: Called once by the server before its first fork, for example to load the graph that
            all calls use. The server ignores its errors, since the function meets them again.
        key: A call with another key gets a new server.
        modules: Modules that the server imports first.
    """
    environment = {**os.environ, **dict.fromkeys(BLAS, str(threads))}
    folders = [(name, v) for name, v in sorted(environment.items()) if name.startswith(FOLDERS)]
    start = (threads, os.getcwd(), tuple(folders))
    place = (key, start)
    modules = [*modules, function.__module__]
    server: Server | None = getattr(_local, "server", None)
    if server is None or server.place != place or server.has_ended():
        if server is not None:
            server.close()
        server = _local.server = Server(place, _forked_server(start, environment))
        if prepare is not None:
            server.send("prepare", prepare, modules, environment)
    try:
        server.send("call", (function, argument), modules, environment)
        kind, value = server.receive()
    except BaseException:  # an interrupt too: no one waits for the result any more
        server.close()
        raise
    if kind == "died":
        raise ProcessDied(value)
    if kind == "raised":
        error, trace = value
        error.add_note(trace)
        raise error
    return value


class Template:
    """The template, as seen from the process that started it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.link, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C reaches only this process, which ends the servers
            )

    def fork(self) -> Connection:
        """Fork a server, and return the link to it."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(ConnectionError):
            socket.send_fds(self.link, [b"1"], [theirs.fileno()])
        return Connection(ours.detach())

    def close(self) -> None:
        """End the template; its servers go on."""
        self.link.close()
        self.process.kill()
        self.process.wait()


def _forked_server(start: Hashable, environment: dict[str, str]) -> Connection:
    """Fork a server from the template for these threads and folders."""
    with _template_lock:
        template = _templates.get(start)
        if template is None or template.process.poll() is not None:
            template = _templates[start] = Template(environment)
        return template.fork()


class Server:
    """The server, as seen from the process that asked for it."""

    def __init__(self, place: Hashable, link: Connection) -> None:
        self.place, self.link = place, link
        try:
            self.group: int | None = link.recv()
        except (EOFError, ConnectionError):
            self.group = None
        _servers.add(self)

    def has_ended(self) -> bool:
        """Return whether the server has died since its last answer."""
        return self.link.closed or self.link.poll()

    def send(
        self, what: str, subject: Any, modules: Sequence[str], environment: dict[str, str]
    ) -> None:
        """Send a request. `receive` notices if the server has died."""
        # The subject is pickled separately: the server imports its modules before it unpickles it.
        request = (what, sys.path, list(modules), environment, pickle.dumps(subject))
        with contextlib.suppress(ConnectionError):
            self.link.send_bytes(pickle.dumps(request))

    def receive(self) -> tuple[str, Any]:
        """Wait for an answer."""
        try:
            content = self.link.recv_bytes()
        except (EOFError, ConnectionError):
            return "died", "its server ended"
        answer: tuple[str, Any] = pickle.loads(content)
        return answer

    def close(self) -> None:
        """End the server and the process that it has forked."""
        _servers.discard(self)
        if self.group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)
        self.link.close()


@atexit.register
def close_all() -> None:
    """End the servers and templates that this process started."""
    for server in list(_servers):
        server.close()
    for each in _templates.values():
        each.close()
    _forget_all()


def _forget_all() -> None:
    _servers.clear()
    _templates.clear()
    _local.__dict__.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


# The functions below run in the template, the servers, and the processes that these fork.


def template(file: int) -> None:
    """Fork a server for each socket that comes through a socket, until this one is closed."""
    import torch
    import torch_geometric.data  # noqa: F401

    from wis.training.record import environment

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)  # threads of OpenMP do not survive a fork
    environment()  # cached here for all jobs
    with socket.socket(fileno=file) as link:
        while files := socket.recv_fds(link, 1, 1)[1]:
            if _fork() == 0:
                link.close()
                serve(files[0])
                return
            os.close(files[0])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # servers that have ended
                    pass


def serve(file: int) -> None:
    """Answer requests that come through a socket until it is closed."""
    os.setsid()
    with Connection(file) as link:
        link.send(os.getpid())
        while True:
            try:
                request = link.recv_bytes()
            except (EOFError, ConnectionError):
                return
            what, path, modules, variables, subject = pickle.loads(request)
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(variables)
            with contextlib.suppress(Exception):  # the work will meet the error again
                for module in modules:
                    importlib.import_module(module)
            if what == "prepare":
                _prepare(subject)
            else:
                link.send_bytes(_forked(subject, link))


def _prepare(subject: bytes) -> None:
    """Call a function without its log messages, which the sending process has already logged."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.suppress(Exception):  # the work will meet the error again
            pickle.loads(subject)()
    finally:
        logging.disable(level)


def _forked(subject: bytes, link: Connection) -> bytes:
    """Fork a process that does the work, and return its answer."""
    read, write = Pipe(duplex=False)
    child = _fork()
    if child == 0:
        read.close()
        link.close()
        _do(subject, write)
    write.close()
    if link in wait([read, link]):  # the link was closed: no request comes before an answer
        os.killpg(0, signal.SIGKILL)
    with read:
        try:
            content = read.recv_bytes()
        except EOFError:
            content = b""
    _, status = os.waitpid(child, 0)
    if content and status == 0:
        return content
    code = os.waitstatus_to_exitcode(status)
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return pickle.dumps(("died", f"its process {how}, perhaps for lack of memory"))


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of a fork with threads; those of linear algebra libraries survive a fork.
        warnings.simplefilter("ignore")
        return os.fork()


def _do(subject: bytes, write: Connection) -> None:
    """Do the work in the forked process, and end this process."""
    global is_own_process
    is_own_process = True
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    status = 1
    try:
        try:
            function, argument = pickle.loads(subject)
            answer = pickle.dumps(("done", function(argument)))
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            answer = pickle.dumps(("raised", (error, trace)))
        write.send_bytes(answer)
        status = 0
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


# Threads, memory and modules of a job.


@contextlib.contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch use a number of threads; results are equal bit for bit only with equal numbers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PeakMemory:
    """Context manager that measures the peak memory of its block as `bytes`.

    On a GPU this is the memory that was allocated there. On a CPU it is the resident memory of the
    process, if `own_process` forked the process for this job, and None otherwise, since earlier
    work would count too.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.bytes: int | None = None

    def __enter__(self) -> PeakMemory:
        import torch

        from wis.training.record import forget_peak

        on_gpu = self.device.startswith("cuda") and torch.cuda.is_available()
        self.place = torch.device(self.device if on_gpu else "cpu")
        self.is_known = on_gpu or is_own_process
        if self.is_known:
            forget_peak(self.place)  # on systems without this, the peak of the whole process counts
        return self

    def __exit__(self, *_: object) -> None:
        from wis.training.record import peak_bytes

        if self.is_known:
            self.bytes = peak_bytes(self.place)


def plugins_of_workers(source: Source, method: str, model: str) -> dict[str, tuple[str, ...]]:
    """Return `modules` and `folders` of a job: the modules outside wis that it needs.

    These are the plugins of this process, and the modules that define the data set, the method and
    the model of the job.
    """
    found: list[Any] = [get_method(method).order]
    if is_known(source.dataset, source.root):
        found.append(find(source.dataset, source.root).load)
    names = {str(getattr(each, "__module__", "")) for each in found}
    names.add(model.partition(":")[0] if ":" in model else "")
    own = sorted(name for name in names if name and name.partition(".")[0] != "wis")
    modules = [m for m in dict.fromkeys([*loaded_plugins(), *own]) if can_be_imported(m)]
    files = [getattr(sys.modules.get(m.partition(".")[0]), "__file__", None) for m in modules]
    parents = [folder for file in filter(None, files) for folder in list(Path(file).parents)[:2]]
    folders = dict.fromkeys(str(folder) for folder in parents if str(folder) in sys.path)
    return {"modules": tuple(modules), "folders": tuple(folders)}
