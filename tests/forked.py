"""Python programs in new processes that need not import torch_geometric again.

The import takes seconds, most of the time of such a program. So a server imports it once, and forks
a process for each program. That process has no module of wis, like a new interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import types
import warnings
from concurrent.futures import ThreadPoolExecutor


def python(code, *args, **given):
    """What ``python -P -c CODE ARGS`` does in a folder, with more environment variables."""
    with Process(code, *args, **given) as process:
        outputs = process.communicate()
    return subprocess.CompletedProcess(["python", "-c", code, *args], process.returncode, *outputs)


class Process:
    """A program that has begun, with the pipes and methods of `subprocess.Popen`.

    Args:
        code: Run as ``python -P -c CODE ARGS``.
        args: The arguments of the program.
        folder: The current folder of the program; that of this process if None.
        has_session: Whether the program is the leader of a new session.
        variables: More environment variables.
    """

    def __init__(self, code, *args, folder=None, has_session=False, **variables):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        place = os.fspath(folder or os.getcwd())
        (stdin, ours), *pipes = (os.pipe() for _ in range(4))
        theirs = [stdin, *(write for _, write in pipes)]
        self.stdin = os.fdopen(ours, "w")
        self.stdout, self.stderr, self._status = (os.fdopen(read) for read, _ in pipes)
        socket.send_fds(_server(), [b"1"], theirs)
        request = [code, args, place, environment, has_session]
        _server().sendall((json.dumps(request) + "\n").encode())
        for file in theirs:
            os.close(file)
        self.pid, self.returncode = int(self._status.readline()), None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for file in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(BrokenPipeError):
                file.close()
        self.wait()
        self._status.close()

    def communicate(self, timeout=None):
        """Close its input, and return what it writes until it ends."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        with ThreadPoolExecutor(2) as pool:
            outputs = list(pool.map(lambda file: file.read(), (self.stdout, self.stderr)))
        self.wait(timeout)
        return outputs

    def wait(self, timeout=None):
        """The exit code of the program when it has ended."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("python", timeout)
            self.returncode = int(self._status.readline())
        return self.returncode

    def send_signal(self, number):
        """Send a signal, unless the program has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server():
    """The connection to the server."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        server = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    @atexit.register
    def end():
        ours.close()
        server.wait()

    return ours


def serve(file):
    """Fork a process for each request; return in that process what it shall run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch_geometric  # noqa: F401
    gc.freeze()
    with socket.socket(fileno=file) as link, link.makefile() as requests:
        while files := socket.recv_fds(link, 1, 4)[1]:
            request = json.loads(requests.readline())
            if os.fork() == 0:
                return watched(*files, request)
            for each in files:
                os.close(each)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    sys.exit()


def watched(stdin, stdout, stderr, status, request):
    """Fork a process; return in it what it shall run, and here report its number and its end."""
    if (child := os.fork()) == 0:
        os.close(status)
        for number, file in enumerate((stdin, stdout, stderr)):
            os.dup2(file, number)
            os.close(file)
        return request
    for file in (stdin, stdout, stderr):
        os.close(file)
    os.write(status, f"{child}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(status, f"{code}\n".encode())
    os._exit(0)


def run(code, args, folder, environment, has_session):
    """Run a program as the main module of this process."""
    if has_session:
        os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["-c", *args]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(code, main.__dict__)


if __name__ == "__main__":
    run(*serve(int(sys.argv[1])))
