"""torch's usual defaults inside wis, whatever a program has set around it.

`torch.set_default_device` and `torch.set_default_dtype` change what torch and PyG make where nobody
says where or of what type, in PyG's layers for example. A result must not depend on them. The code
of wis names the device of each tensor that it makes; the functions that call others' code, or make
modules, run under `usual_defaults` besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Inside a `with` block, or a function decorated by it: the device is the CPU, floats float32.

    Costs nothing where that is so anyway. A default dtype is torch's for the whole process: while
    another one is set, other threads see float32 during the call.
    """
    import torch

    dtype = torch.get_default_dtype()
    elsewhere = torch.get_default_device() != torch.device("cpu")
    if dtype != torch.float32:
        torch.set_default_dtype(torch.float32)
    try:
        if elsewhere:
            with torch.device("cpu"):
                yield
        else:
            yield
    finally:
        if dtype != torch.float32:
            torch.set_default_dtype(dtype)
