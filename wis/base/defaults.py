"""Run code under torch's usual defaults, whatever the program around wis has set.

`torch.set_default_device` and `torch.set_default_dtype` change the tensors that torch and PyG make
where the code names no device or type, for example in PyG's layers. Results of wis must not depend
on them. The code of wis names the device of each tensor that it makes. Functions that call other
libraries, or make modules, run under `usual_defaults`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Inside a `with` block, or a function decorated by it: the device is the CPU, floats float32.

    It costs nothing if these are the defaults already. torch has one default dtype for the whole
    process: if the program set another one, its other threads see float32 during the call.
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
