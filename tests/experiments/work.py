"""Work for processes of their own, in a module that they can import."""

from __future__ import annotations

import os
import signal
import time

import torch

from wis.experiments.own_process import PeakMemory


def where(_):
    """This process and the one that forked it."""
    return os.getpid(), os.getppid()


def add(parts):
    """The sum."""
    return parts[0] + parts[1]


def hold(size):
    """Peak memory while so many bytes are held."""
    with PeakMemory("cpu") as memory:
        torch.ones(size, dtype=torch.uint8)
    return memory.bytes


def die(_):
    """What happens when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(_):
    """A bug."""
    return 1 // 0


def sleep(_):
    """Work that takes long."""
    time.sleep(600)
