"""Exact 1-WIS in rounds of tensor operations, on any device: the engine to read first.

See `wis.methods.one_wis.levels` for levels, heavy and light vertices. Within a level the greedy
rule lets the heavy vertex of highest degree, its *height*, lose the edge to a light neighbour and
become one shorter, again and again. So a heavy vertex of height h has *slots* of heights h, h - 1,
..., k + 1, each for one light vertex. The greedy result is a stable matching in which every light
vertex prefers the tallest slot: no heavy vertex has a free slot taller than the slot of one of its
light neighbours. The rule leaves open which of them a heavy vertex gets, so any such matching is a
correct level. It is found by deferred acceptance, for many vertices at once:

1. each light goes to its tallest heavy neighbour; a heavy vertex fills its slots from the top,
   first with the lights that the next tallest competitors want most;
2. a heavy vertex whose next free slot is taller than the slots of some of its other light
   neighbours bids for those, the one in the lowest slot first, with one slot lower for each
   further one; a light vertex goes to its best bid;
3. the light vertices of each heavy vertex that won or lost some fill its slots from the top, which
   only raises slots; repeat 2 until there are no bids.

Slots of light vertices only rise, so this ends. Few rounds suffice because a heavy vertex bids for
many light ones at once: hubs of similar height share contested ones by halves, not one by one. The
removals of the level, by falling slot, are a greedy order. The edges that remain between vertices
of degree k are matched in rounds of locally best edges under a fixed scrambling of labels.

Ties: of competitors of one height the one with the largest label wins (the lowest original degree,
then the largest vertex id). All other choices follow from labels, too, so nothing depends on arc
order, threads or device.

Each edge left inside A_k has a light end, so a level must look at all of them, and does so in few
passes over 32-bit numbers: edges are kept in rows by their weaker endpoint, which is the light one
but for one edge in a hundred. These *turned* edges, those with a heavy weaker endpoint, are treated
apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.base.arrays import rank_in_run, stable_argsort, where
from wis.base.progress import Progress
from wis.methods.one_wis.levels import Peeling

LABEL_BITS = 32
FREE = -1


def peel_in_rounds(state: Peeling, count: int, progress: Progress) -> None:
    """Continue a peeling until `count` edges are removed.

    Args:
        state: The peeling, at the beginning of a level; used up.
        count: Stop at the end of the level in which so many are removed.
        progress: Called with the number of edges removed after each level.

    Cost: ten short passes over the edges inside A_k for each level k, and five over the contested
        ones, about a seventh of them, for each round. On a GPU the host waits at most three times
        in a round, and some fifteen times in a level.
    """
    live = _LiveEdges(state)
    while state.level > state.floor and state.num_removed < count:
        live.admit()
        if live.size == live.num_gone:
            state.level = state.next_entry()
            continue
        _peel_level(live, state.level)
        state.level -= 1
        progress(min(state.num_removed, count))


class _LiveEdges:
    """The edges inside A_k at the front of the state's arrays, in rows by weaker endpoint.

    A removed edge keeps its place, with n for its stronger endpoint, until a quarter of the places
    are such; the label n has degree 0.

    Attributes:
        a: int32 [size], stronger endpoint by place.
        b: int32 [size], weaker endpoint by place.
        num_gone: How many places have a removed edge.
        rows: int64 [r], the labels that have a row, in the order of the places.
        starts: int64 [r], the first place of each row.
        degree: int32 [n + 1], degrees by label.
        rank: int32 [n + 1], zeros, to be used and put back.
        best: int64 [n + 1], likewise.
    """

    def __init__(self, state: Peeling) -> None:
        n = state.degree.numel()
        self.state, self.gone = state, n
        self.degree = torch.cat([state.degree, state.degree.new_zeros(1)]).int()
        self.rank = torch.zeros_like(self.degree)
        self.best = torch.zeros_like(self.degree, dtype=torch.int64)
        self.rows = self.starts = self.best[:0]
        self.size, self.num_gone = state.joined, state.num_removed
        self._compact()

    @property
    def a(self) -> Tensor:
        return self.state.stronger[: self.size]

    @property
    def b(self) -> Tensor:
        return self.state.weaker[: self.size]

    def admit(self) -> None:
        """Let the edges of the state's level in."""
        if 4 * self.num_gone > self.size:
            self._compact()
        state, first = self.state, self.size
        end = int(state.edges_at[state.level])
        if end == state.joined:
            return
        self.size += end - state.joined
        if first < state.joined:
            for part in (state.stronger, state.weaker, state.edge_id):
                part[first : self.size] = part[state.joined : end].clone()
        state.joined = end
        row = self.b[first:]
        starts = _run_starts(row)
        self.rows = torch.cat([self.rows, row[starts].long()])
        self.starts = torch.cat([self.starts, starts + first])

    def _compact(self) -> None:
        left = where(self.a != self.gone)
        self.size, self.num_gone = left.numel(), 0
        for part in (self.state.stronger, self.state.weaker, self.state.edge_id):
            part[: self.size] = part.index_select(0, left)
        self.starts = _run_starts(self.b)
        self.rows = self.b[self.starts].long()

    def row_max(self, values: Tensor, size: int) -> Tensor:
        """The largest of the non-negative values of each row, by label below `size`; 0 without."""
        found = values.new_zeros(size)
        if values.device.type != "cpu":
            return found.scatter_reduce_(0, self.b.long(), values, "amax")
        found[self.rows] = torch.from_numpy(
            np.maximum.reduceat(values.numpy(), self.starts.numpy())
        )
        return found

    def places_of(self, chosen: Tensor) -> Tensor:
        """The places of the edges left in some rows, given by a mask over labels."""
        if chosen.device.type != "cpu":  # sizes of rows are numbers that the host would wait for
            wider = torch.nn.functional.pad(chosen, (0, self.gone + 1 - chosen.numel()))
            return where(wider.index_select(0, self.b) & (self.a != self.gone))
        index = where(chosen[self.rows])
        ends = torch.cat([self.starts[1:], self.starts.new_full((1,), self.size)])
        start = self.starts[index]
        length = ends[index] - start
        place = (start - length.cumsum(0) + length).repeat_interleave(length)
        place += torch.arange(place.numel(), device=place.device)
        return place[self.a[place] != self.gone]

    def remove(self, place: Tensor) -> None:
        """Remove edges, given by place, in this order."""
        minus = torch.full_like(place, -1, dtype=torch.int32)
        for end in (self.a, self.b):
            self.degree.scatter_add_(0, end[place].long(), minus)
        self.state.record(place)
        self.num_gone += place.numel()


def _run_starts(rows: Tensor) -> Tensor:
    """Where each run of equal neighbours begins."""
    return where(rows.diff(prepend=rows.new_full((1,), -1)) != 0)


def _peel_level(live: _LiveEdges, k: int) -> None:
    """Remove the edges that the greedy rule takes at level k."""
    size = int(live.state.vertices_at[k])
    level = _Level.of(live, live.degree[:size], k)
    if level is not None:
        live.remove(_heavy_phase(live, level))
    live.remove(_light_phase(live, size, k))


@dataclass(frozen=True)
class _Level:
    """A level that has heavy vertices.

    Attributes:
        k: The level.
        height: int32 [|A_k|], degrees at its beginning.
        heavy: int64 [h], labels of the heavy vertices, by rising height, then by label.
        top: The largest height.
        turned: int64 [t], places of the edges whose weaker endpoint is heavy.
        turned_heavy: int64 [t], their heavy endpoint.
        turned_light: int64 [t], the other one.
    """

    k: int
    height: Tensor
    heavy: Tensor
    top: int
    turned: Tensor
    turned_heavy: Tensor
    turned_light: Tensor

    @classmethod
    def of(cls, live: _LiveEdges, height: Tensor, k: int) -> _Level | None:
        is_heavy = height > k
        heavy = where(is_heavy)
        if heavy.numel() == 0:
            return None
        heavy = heavy[stable_argsort(height[heavy].long())]
        turned = live.places_of(is_heavy)
        ends = live.b[turned].long(), live.a[turned].long()
        return cls(k, height, heavy, int(height.max()), turned, *ends)


def _heavy_phase(live: _LiveEdges, level: _Level) -> Tensor:
    """Match light with heavy vertices as the greedy rule does.

    Returns:
        int64 [r], the places of the edges that go, in order of their removal.
    """
    matching = _first_choice(live, level)
    # an edge is contested if its heavy end is taller than its light one's slot
    height, slot = level.height, matching.slot
    contest = where(live.degree.index_select(0, live.a) > slot.index_select(0, live.b))
    turned = where(height[level.turned_heavy] > slot[level.turned_light])
    # the turned edges of a heavy vertex go to lights of smaller labels than its other ones
    heavy = torch.cat([level.turned_heavy[turned].int(), live.a[contest]])
    light = torch.cat([level.turned_light[turned].int(), live.b[contest]])
    rounds = 0
    while matching.improve(heavy, light):
        rounds += 1
        if rounds % 4 == 0:  # an edge is settled once its light's slot is above its heavy end
            hopeful = where(height.index_select(0, heavy) > slot.index_select(0, light))
            heavy, light = heavy[hopeful], light[hopeful]
    return _taken(live, level, matching)


def _taken(live: _LiveEdges, level: _Level, matching: _Matching) -> Tensor:
    """The places of the matched edges, by falling slot, then by place."""
    holder, slot = matching.holder, matching.slot
    place = where(holder.index_select(0, live.b) == live.a)
    turned = where(holder[level.turned_light] == level.turned_heavy)
    light = torch.cat([live.b[place].long(), level.turned_light[turned]])
    place = torch.cat([place, level.turned[turned]])
    if turned.numel():
        by_place = stable_argsort(place)
        place, light = place[by_place], light[by_place]
    return place[stable_argsort(level.top - slot[light].long())]


@dataclass
class _Matching:
    """A matching of light vertices with the slots of heavy ones, by label.

    Attributes:
        height: int32, degrees at the beginning of the level; the slots of v are height[v],
            height[v] - 1, ..., k + 1.
        top: The largest height.
        lights: int64, labels of the light vertices with a heavy neighbour, ascending.
        holder: int32, for each label the heavy vertex that holds it, `FREE` if none does.
        slot: int32, for each label the height of the slot that holds it, k if none does.
        num_held: int32, for each label how many light vertices it holds.
        best: int64 zeros, to be used and put back.
    """

    height: Tensor
    top: int
    lights: Tensor
    holder: Tensor
    slot: Tensor
    num_held: Tensor
    best: Tensor

    def improve(self, heavy: Tensor, light: Tensor) -> bool:
        """One round of bids along the given edges; false if there was none to make."""
        # a heavy vertex bids for lights in slots below its tallest free one, so never for its own
        offer = self.height - self.num_held
        held_slot = self.slot.index_select(0, light)
        bidding = where(offer.index_select(0, heavy) > held_slot)
        if bidding.numel() == 0:
            return False
        heavy, light = (end.index_select(0, bidding).long() for end in (heavy, light))
        # its bids fall one by one, the first for the light in the lowest slot
        row = heavy * (self.top + 1)
        cheapest_first = stable_argsort(row.add_(held_slot.index_select(0, bidding)))
        heavy, light = (end.index_select(0, cheapest_first) for end in (heavy, light))
        self._award(heavy, light, offer.index_select(0, heavy) - rank_in_run(heavy))
        return True

    def _award(self, heavy: Tensor, light: Tensor, bid: Tensor) -> None:
        # each light goes to its best bid above its slot, then to the larger label
        offer = (bid << LABEL_BITS) | heavy
        self.best.scatter_reduce_(0, light, offer, "amax")
        is_best = self.best.index_select(0, light) == offer
        won = where(is_best & (bid > self.slot.index_select(0, light)))
        self.best.index_fill_(0, light, 0)
        winner, light, bid = (part.index_select(0, won) for part in (heavy, light, bid))
        loser = self.holder.index_select(0, light)
        one, lost = torch.ones_like(loser), (loser != FREE).int()
        loser = loser.clamp_(min=0).long()
        self.holder.scatter_(0, light, winner.int())
        self.slot.scatter_(0, light, bid.int())
        self.num_held.scatter_add_(0, winner, one).scatter_add_(0, loser, -lost)
        changed = torch.zeros_like(self.slot).scatter_add_(0, winner, one)
        self._close_ranks(changed.scatter_add_(0, loser, lost) > 0)

    def _close_ranks(self, changed: Tensor) -> None:
        """The lights of each changed heavy vertex fill its slots from the top, in old order."""
        holder = self.holder.index_select(0, self.lights)
        held = where(changed.index_select(0, holder.clamp(min=0)) & (holder != FREE))
        light, row = self.lights.index_select(0, held), holder.index_select(0, held).long()
        falling = self.top - self.slot.index_select(0, light)
        order = stable_argsort(row * (self.top + 1) + falling)
        light, row = light.index_select(0, order), row.index_select(0, order)
        slot = self.height.index_select(0, row) - rank_in_run(row)
        self.slot.scatter_(0, light, slot.int())


def _first_choice(live: _LiveEdges, level: _Level) -> _Matching:
    """Step 1: every light goes to its tallest heavy neighbour, as far as that one's slots go."""
    k, height, heavy = level.k, level.height, level.heavy
    first, second = _two_tallest(live, level)
    lights = where(first)
    row = heavy[first[lights] - 1]
    # a heavy vertex fills its slots from the top with the lights that others want most
    height_of_rank = torch.cat([height.new_zeros(1), height[heavy]])
    rival_height = height_of_rank[second[lights]].long()
    wanted_first = stable_argsort(row * (level.top + 1) + (level.top - rival_height))
    ranked, row = lights[wanted_first], row[wanted_first]
    filled = height[row] - rank_in_run(row)
    has_slot = filled > k
    holder, slot = torch.full_like(height, FREE), torch.full_like(height, k)
    holder[ranked] = torch.where(has_slot, row, FREE).int()
    slot[ranked] = filled.clamp(min=k).int()
    num_held = torch.zeros_like(height).scatter_add_(0, row, has_slot.int())
    return _Matching(height, level.top, lights, holder, slot, num_held, live.best)


def _two_tallest(live: _LiveEdges, level: _Level) -> tuple[Tensor, Tensor]:
    """For each label the place in `heavy`, from 1, of its two tallest heavy neighbours, 0 if none.

    Of equally tall ones the larger label is taken first; int32 [|A_k|] both.
    """
    heavy, size = level.heavy, level.height.numel()
    live.rank[heavy] = torch.arange(1, heavy.numel() + 1, dtype=torch.int32, device=heavy.device)
    rank, turned_rank = live.rank.index_select(0, live.a), live.rank[level.turned_heavy]
    live.rank[heavy] = 0

    def tallest() -> Tensor:
        most = live.row_max(rank, size)
        return most.scatter_reduce_(0, level.turned_light, turned_rank, "amax")

    first = tallest()
    rank *= rank != first.index_select(0, live.b)
    turned_rank *= turned_rank != first[level.turned_light]
    return first, tallest()


def _light_phase(live: _LiveEdges, size: int, k: int) -> Tensor:
    """Match the unspent vertices of degree k, by rounds of locally best edges.

    Returns:
        int64 [r], the places of the edges that go.
    """
    unspent = torch.zeros_like(live.degree, dtype=torch.bool)
    unspent[:size] = live.degree[:size] == k
    place = live.places_of(unspent)
    a, b = (part.index_select(0, place).long() for part in (live.a, live.b))
    scrambled = (a * 2_654_435_761 + b * 40_503 + k * 97) & 0xFFFFFF
    rank = (scrambled << LABEL_BITS) | torch.arange(1, a.numel() + 1, device=a.device)
    matched = [place[:0]]
    while True:
        possible = where(unspent.index_select(0, a) & unspent.index_select(0, b))
        if possible.numel() == 0:
            return torch.cat(matched)
        a, b, place, rank = (part.index_select(0, possible) for part in (a, b, place, rank))
        live.best.scatter_reduce_(0, a, rank, "amax").scatter_reduce_(0, b, rank, "amax")
        best = live.best.index_select(0, a), live.best.index_select(0, b)
        chosen = where((best[0] == rank) & (best[1] == rank))
        matched.append(place.index_select(0, chosen))
        for end in (a, b):
            live.best.index_fill_(0, end, 0)
            unspent.index_fill_(0, end.index_select(0, chosen), False)
