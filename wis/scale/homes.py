"""Which worker of a cluster goes over which shard, call after call.

A worker remembers the edges of a shard that are left (`wis.scale.rounds`), so that a shard that
wanders costs memory on every worker that it has seen and time whenever it comes to another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def assigned(homes: Mapping[int, str], workers: Iterable[str], num_shards: int) -> dict[int, str]:
    """A worker for each shard, the same as before wherever that is possible.

    A worker that is gone loses its shards, and one that has more than an even share gives the rest
    away, so that workers that came later get some.

    Args:
        homes: The assignment so far.
        workers: The workers that are there; may be none.
        num_shards: Number of shards, numbered from 0.

    Returns:
        For each shard its worker; empty if there are none. No worker has two shards more than
        another one.
    """
    held: dict[str, list[int]] = {worker: [] for worker in sorted(workers)}
    if not held:
        return {}
    fewest, spare = divmod(num_shards, len(held))
    for shard, worker in sorted(homes.items()):
        if worker not in held or len(held[worker]) > fewest:
            continue
        if len(held[worker]) == fewest:
            if not spare:
                continue
            spare -= 1
        held[worker].append(shard)
    settled = {shard for shards in held.values() for shard in shards}
    for shard in range(num_shards):
        if shard not in settled:
            held[min(held, key=lambda worker: len(held[worker]))].append(shard)
    return {shard: worker for worker, shards in held.items() for shard in shards}
