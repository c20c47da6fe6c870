"""Python programs in new processes that need not import torch_geometric again.

The import takes seconds, most of the time of such a program. So a server imports it once, and forks
a process for each program. That process has no module of wis, like a new interpreter.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import subprocess
import sys
import tempfile
import types
import warnings
from pathlib import Path


def python(code, *args, folder=None, **variables):
    """What ``python -P -c CODE ARGS`` does in a folder, with more environment variables."""
    with tempfile.TemporaryDirectory() as files:
        outputs = [Path(files) / name for name in ("stdout", "stderr")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        place = os.fspath(folder or os.getcwd())
        server = _server()
        server.stdin.write(json.dumps([code, args, place, environment, *map(str, outputs)]) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        texts = [path.read_text() for path in outputs]
    return subprocess.CompletedProcess(["python", "-c", code, *args], status, *texts)


@functools.cache
def _server():
    command = [sys.executable, "-P", __file__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen(command, **pipes)

    @atexit.register
    def end():
        with server:
            server.stdin.close()

    return server


def serve():
    """Fork a process for each request; return in that process what it shall run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch_geometric  # noqa: F401
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        if (child := os.fork()) == 0:
            return line
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def run(code, args, folder, environment, stdout, stderr):
    """Run a program as the main module of this process."""
    for number, (path, mode) in enumerate(((os.devnull, "r"), (stdout, "w"), (stderr, "w"))):
        with open(path, mode) as file:
            os.dup2(file.fileno(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["-c", *args]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(code, main.__dict__)


if __name__ == "__main__":
    run(*json.loads(serve()))
