"""Small array operations that torch lacks or does slowly on a CPU.

Sorting is most of what the vectorised methods do. numpy sorts int64 values with vector
instructions, several times faster than torch on a CPU; on other devices torch's own sort is used.
Both see distinct keys, so that the result is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

AT_ONCE = 1 << 16
"""Elements of a long array that are worked on at a time, so that they stay in a CPU's caches."""
MANY = 1 << 14
"""Fewer keys are looked up as they come, since sorting them takes longer."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch's CPU operations of this thread on one core inside a `with` block.

    Thousands of short memory-bound operations gain little from a second core. If another process
    uses that core, each operation waits for it at a barrier: ten times slower on a busy machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def sort_in_place(keys: Tensor) -> Tensor:
    """Sort an integer tensor of shape [k] in ascending order; on a CPU without a copy."""
    if keys.device.type != "cpu":
        return torch.sort(keys).values
    keys.numpy().sort()
    return keys


def sort_with_places(keys: Tensor, bits: int) -> Tensor:
    """Put the place of each key into its last `bits` bits, which are 0, and sort; changes `keys`.

    Args:
        keys: int64 tensor of shape [k].
        bits: Enough for k - 1.
    """
    for part in parts(keys, AT_ONCE):
        piece = keys[part]
        piece |= torch.arange(part.start, part.start + piece.numel(), device=keys.device)
    return sort_in_place(keys)


def parts(values: Tensor, size: int) -> Iterator[slice]:
    """Slices of a tensor to work on, one on a GPU: the temporary arrays stay small on a CPU."""
    step = size if values.device.type == "cpu" else max(values.numel(), 1)
    return (slice(begin, begin + step) for begin in range(0, values.numel(), step))


def where(mask: Tensor) -> Tensor:
    """Positions of the true entries of a bool tensor of shape [k]; int64."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.nonzero().view(-1)


def select(values: Tensor, mask: Tensor) -> Tensor:
    """The entries of `values`, of shape [k], at which `mask` is true, as a new tensor."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.compress(mask.numpy(), values.numpy()))
    return values[mask]


def stable_argsort(keys: Tensor) -> Tensor:
    """Permutation that sorts non-negative integers `keys` of shape [k] stably, int64.

    Key and position are packed into one int64, so that only values are sorted; if they do not fit,
    in two passes.
    """
    size = keys.numel()
    if size < 2:
        return torch.arange(size, device=keys.device)
    if keys.device.type != "cpu":  # the host would wait for the largest key
        return torch.sort(keys, stable=True).indices
    shift = (size - 1).bit_length()
    bits = 63 - shift
    if int(keys.max()) >> bits:  # by the lower digits first
        keys = keys.long()
        order = stable_argsort(keys & ((1 << bits) - 1))
        return order[stable_argsort((keys >> bits)[order])]
    wide = keys.to(torch.int64, copy=True).bitwise_left_shift_(shift)
    return sort_with_places(wide, shift).bitwise_and_((1 << shift) - 1)


def searchsorted(sorted_keys: Tensor, keys: Tensor) -> Tensor:
    """First position in `sorted_keys` that is not below each of `keys`; int64 [k].

    On a CPU, non-negative keys are looked up in ascending order: neighbours need the same memory.
    """
    if keys.device.type != "cpu":
        return torch.searchsorted(sorted_keys, keys)
    if keys.numel() < MANY or int(keys.min()) < 0:
        return torch.from_numpy(np.searchsorted(sorted_keys.numpy(), keys.numpy()))
    order = stable_argsort(keys).numpy()
    found = np.empty(order.size, np.int64)
    found[order] = np.searchsorted(sorted_keys.numpy(), keys.numpy()[order])
    return torch.from_numpy(found)


def rank_in_run(rows: Tensor) -> Tensor:
    """0, 1, 2, ... within each run of equal neighbours of `rows`; int64, shaped like `rows`."""
    place = torch.arange(rows.numel(), device=rows.device)
    start = torch.zeros_like(place)  # of the run, where it begins
    torch.mul(place[1:], rows[1:] != rows[:-1], out=start[1:])
    if rows.device.type == "cpu":
        return place.sub_(torch.from_numpy(np.maximum.accumulate(start.numpy())))
    return place.sub_(start.cummax(0).values)
