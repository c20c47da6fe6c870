"""Bit sets in blocks: levels of `wis.methods.one_wis.bitset` whose A_k is not so small.

A row of neighbours is cut into integers of `BLOCK_BITS` bits, so that a removal costs a pass over
those and not over |A_k| bits. A heavy vertex takes what it can of one block of labels before it
looks at the next one, and blocks share no light vertex. So one block is worked off after the other:
the heavy vertices leave it in an order, and with heights, in which they come to the next one. The
removals are put in the order of the greedy rule afterwards: by falling height, of one height by the
place of the heavy vertex in the list.
"""

from __future__ import annotations

import numpy as np

BLOCK_BITS = 3648
"""A multiple of 8. A removal costs a few passes over so many bits; a heavy vertex that looks at a
block in vain, a step of the interpreter. Python's own allocator serves integers up to this width;
4,096 bits, which go to that of the C library, took 1.2 times as long, and so did 1,800."""

Removals = tuple[np.ndarray, np.ndarray, int]
"""Labels of light endpoints and of the others, int32 [r]; how many edges heavy vertices took."""


class Blocks:
    """The remaining neighbours of labels, as bits.

    Attributes:
        columns: For each block of labels the neighbours inside it, by label. The smallest label of
            the block has the highest bit.
        home: For each label the column of its own block.
        place: For each label its bit there.
    """

    def __init__(self, columns: list[list[int]]) -> None:
        self.columns = columns
        self.home = [column for column in columns for _ in range(BLOCK_BITS)]
        self.place = [*reversed(range(BLOCK_BITS))] * len(columns)

    def peel(self, k: int, heavy: np.ndarray, height: np.ndarray, unspent: list[int]) -> Removals:
        """Remove the edges of level k.

        Args:
            k: The level.
            heavy: int64 [h], labels of the heavy vertices by falling height.
            height: int64 [h], their degrees.
            unspent: The light vertices, as one integer for each block of A_k; used up.
        """
        spent, index, slots = self._heavy_phase(heavy.tolist(), height.tolist(), k, unspent)
        taker = np.array(index, dtype=np.int64)
        greedy = np.argsort((height.max(initial=0) - np.array(slots, dtype=np.int64)) << 32 | taker)
        # those that came down to degree k are light from now on
        for v in heavy[height - np.bincount(taker, minlength=heavy.size) == k].tolist():
            unspent[v // BLOCK_BITS] |= 1 << self.place[v]
        pairs = np.array(self._light_phase(unspent), dtype=np.int64).reshape(-1, 2).T
        w = np.concatenate([np.array(spent, dtype=np.int64)[greedy], pairs[0]])
        v = np.concatenate([heavy[taker[greedy]], pairs[1]])
        return w.astype(np.int32), v.astype(np.int32), len(spent)

    def _heavy_phase(
        self, heavy: list[int], heights: list[int], k: int, unspent: list[int]
    ) -> tuple[list[int], list[int], list[int]]:
        """Light label, position in `heavy`, and height of each removal, block by block."""
        home, place = self.home, self.place
        spent: list[int] = []
        taker: list[int] = []
        slots: list[int] = []
        queue = list(range(len(heavy)))
        for block, column in enumerate(self.columns[: len(unspent)]):
            lights = unspent[block]
            last = (block + 1) * BLOCK_BITS - 1
            heights.append(k)
            height, waiting = heights[0], 0
            tallest: list[int] = []  # those that have come and have sunk to `height`
            left: list[int] = []  # those that go on to the next block, and their heights
            left_heights: list[int] = []
            while height > k and lights:
                come = waiting
                while heights[waiting] == height:
                    waiting += 1
                if waiting > come:
                    tallest = sorted(tallest + queue[come:waiting])
                sunk = []
                for i in tallest:
                    v = heavy[i]
                    free = column[v] & lights
                    if free:
                        w = free.bit_length() - 1
                        w_bit = 1 << w
                        lights ^= w_bit
                        column[v] ^= w_bit
                        w = last - w
                        home[v][w] ^= 1 << place[v]
                        spent.append(w)
                        sunk.append(i)
                    else:
                        left.append(i)
                taker += sunk
                slots += [height] * len(sunk)
                left_heights += [height] * (len(left) - len(left_heights))
                tallest = sunk
                height = height - 1 if sunk else heights[waiting]
            unspent[block] = lights
            if height > k:
                left += tallest
                left_heights += [height] * len(tallest)
            queue = left + queue[waiting:]
            heights = left_heights + heights[waiting:-1]
        return spent, taker, slots

    def _light_phase(self, unspent: list[int]) -> list[tuple[int, int]]:
        """Match unspent vertices, by rising label, until no two of them are adjacent."""
        pairs = []
        for first, column in enumerate(self.columns[: len(unspent)]):
            while unspent[first]:
                p = unspent[first].bit_length() - 1
                v, v_bit = (first + 1) * BLOCK_BITS - 1 - p, 1 << p
                unspent[first] ^= v_bit
                for block in range(first, len(unspent)):
                    free = self.columns[block][v] & unspent[block]
                    if free:
                        p = free.bit_length() - 1
                        w = (block + 1) * BLOCK_BITS - 1 - p
                        unspent[block] ^= 1 << p
                        self.columns[block][v] ^= 1 << p
                        column[w] ^= v_bit
                        pairs.append((w, v))
                        break
        return pairs
