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
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wis.base.arrays import rank_in_run, stable_argsort
from wis.base.progress import Progress
from wis.methods.one_wis.levels import Peeling

LABEL_BITS = 32
LABEL_MASK = (1 << LABEL_BITS) - 1
FREE = -1


def peel_in_rounds(state: Peeling, count: int, progress: Progress) -> None:
    """Continue a peeling until `count` edges are removed.

    Args:
        state: The peeling, at the beginning of a level; changed in place.
        count: Stop at the end of the level in which so many are removed.
        progress: Called with the number of edges removed after each level.

    Cost: a few passes over the edges inside A_k for each level k, and over the contested ones for
        each round.
    """
    live = _LiveEdges.of(state)
    while state.level > state.floor and state.num_removed < count:
        live = live.joined_by(state)
        if live.position.numel() == 0:
            state.level = state.next_entry()
            continue
        live = _peel_level(state, live)
        state.level -= 1
        progress(min(state.num_removed, count))


@dataclass(frozen=True)
class _LiveEdges:
    """The edges left inside A_k: positions and labels of both endpoints, int64 [live]."""

    position: Tensor
    a: Tensor
    b: Tensor

    @classmethod
    def at(cls, state: Peeling, position: Tensor) -> _LiveEdges:
        return cls(position, state.stronger[position].long(), state.weaker[position].long())

    @classmethod
    def of(cls, state: Peeling) -> _LiveEdges:
        """The edges that joined and were not removed."""
        left = torch.ones(state.joined, dtype=torch.bool, device=state.degree.device)
        for piece in state.removed:
            left[piece] = False
        return cls.at(state, left.nonzero().view(-1))

    def joined_by(self, state: Peeling) -> _LiveEdges:
        """With the edges that enter at the current level."""
        end = int(state.edges_at[state.level])
        if end == state.joined:
            return self
        entering = torch.arange(state.joined, end, device=self.position.device)
        more = _LiveEdges.at(state, entering)
        state.joined = end
        return _LiveEdges(
            torch.cat([self.position, more.position]),
            torch.cat([self.a, more.a]),
            torch.cat([self.b, more.b]),
        )

    def select(self, index: Tensor) -> _LiveEdges:
        return _LiveEdges(
            self.position.index_select(0, index),
            self.a.index_select(0, index),
            self.b.index_select(0, index),
        )


def _peel_level(state: Peeling, live: _LiveEdges) -> _LiveEdges:
    """Remove the edges that the greedy rule takes at `state.level`; returns those left in A_k."""
    k = state.level
    degree = state.degree[: int(state.vertices_at[k])]
    a_is_heavy = degree.index_select(0, live.a) > k
    heavy = torch.where(a_is_heavy, live.a, live.b)
    light = torch.where(a_is_heavy, live.b, live.a)
    mixed = (degree.index_select(0, heavy) > k).nonzero().view(-1)
    removed = torch.zeros_like(a_is_heavy)
    if mixed.numel():
        taken = mixed[_heavy_phase(heavy[mixed], light[mixed], degree, k)]
        _remove(state, live, taken, removed)
    rest = (~removed).nonzero().view(-1)
    matched = rest[_light_phase(live.a[rest], live.b[rest], degree == k, k)]
    _remove(state, live, matched, removed)
    return live.select((~removed).nonzero().view(-1))


def _remove(state: Peeling, live: _LiveEdges, index: Tensor, removed: Tensor) -> None:
    removed[index] = True
    state.record(live.position[index])
    minus = torch.full_like(index, -1)
    state.degree.scatter_add_(0, live.a[index], minus)
    state.degree.scatter_add_(0, live.b[index], minus)


def _heavy_phase(heavy: Tensor, light: Tensor, height: Tensor, k: int) -> Tensor:
    """Match light with heavy vertices as the greedy rule does.

    Args:
        heavy: int64 [e], the heavy endpoint of each edge between a heavy and a light vertex.
        light: int64 [e], the light endpoint.
        height: int64 [|A_k|], degrees at the beginning of the level.
        k: The level.

    Returns:
        int64 [r], the edges that go, as indices into `heavy`, in order of their removal.
    """
    # 1. first choices; an edge is contested if its heavy end is taller than its light one's slot
    matching = _first_choice(heavy, light, height, k)
    contest = (
        (height.index_select(0, heavy) > matching.slot.index_select(0, light)).nonzero().view(-1)
    )
    contest_heavy, contest_light = heavy[contest], light[contest]
    rounds = 0
    while matching.improve(contest_heavy, contest_light):
        rounds += 1
        if rounds % 4 == 0:  # an edge is settled once its light's slot is above its heavy end
            hopeful = height[contest_heavy] > matching.slot[contest_light]
            contest_heavy, contest_light = contest_heavy[hopeful], contest_light[hopeful]
    taken = (matching.holder.index_select(0, light) == heavy).nonzero().view(-1)
    slot = matching.slot.index_select(0, light[taken])
    return taken[stable_argsort(matching.top - slot)]


@dataclass
class _Matching:
    """A matching of light vertices with the slots of heavy ones, by label.

    Attributes:
        height: Degrees at the beginning of the level; the slots of v are height[v], height[v] - 1,
            ..., k + 1.
        top: The largest height.
        lights: Labels of the light vertices with a heavy neighbour, ascending.
        holder: For each label the heavy vertex that holds it, `FREE` if none does.
        slot: For each label the height of the slot that holds it, k if none does.
        num_held: For each label how many light vertices it holds.
    """

    height: Tensor
    top: int
    lights: Tensor
    holder: Tensor
    slot: Tensor
    num_held: Tensor

    def improve(self, heavy: Tensor, light: Tensor) -> bool:
        """One round of bids along the given edges; false if there was none to make."""
        # a heavy vertex bids for lights in slots below its tallest free one
        offer = self.height - self.num_held
        held_slot = self.slot.index_select(0, light)
        wants = offer.index_select(0, heavy) > held_slot
        wants &= self.holder.index_select(0, light) != heavy
        bidding = wants.nonzero().view(-1)
        if bidding.numel() == 0:
            return False
        heavy, light = heavy[bidding], light[bidding]
        # its bids fall one by one, the first for the light in the lowest slot
        cheapest_first = stable_argsort(heavy * (self.top + 1) + held_slot[bidding])
        heavy, light = heavy[cheapest_first], light[cheapest_first]
        bid = offer[heavy] - rank_in_run(heavy)
        good = (bid > self.slot[light]).nonzero().view(-1)
        self._award(heavy[good], light[good], bid[good])
        return True

    def _award(self, heavy: Tensor, light: Tensor, bid: Tensor) -> None:
        # each light goes to its best bid, then to the larger label
        offer = (bid << LABEL_BITS) | heavy
        best = torch.zeros_like(self.slot).scatter_reduce_(0, light, offer, "amax")
        won = (best[light] == offer).nonzero().view(-1)
        winner, light, bid = heavy[won], light[won], bid[won]
        loser = self.holder[light]
        loser = loser[loser != FREE]
        self.holder[light] = winner
        self.slot[light] = bid
        self.num_held.scatter_add_(0, winner, torch.ones_like(winner))
        self.num_held.scatter_add_(0, loser, torch.full_like(loser, -1))
        changed = torch.zeros_like(self.slot, dtype=torch.bool)
        changed[winner] = True
        changed[loser] = True
        self._close_ranks(changed)

    def _close_ranks(self, changed: Tensor) -> None:
        """The lights of each changed heavy vertex fill its slots from the top, in old order."""
        holder = self.holder[self.lights]
        held = (changed[holder.clamp(min=0)] & (holder != FREE)).nonzero().view(-1)
        light, row = self.lights[held], holder[held]
        order = stable_argsort(row * (self.top + 1) + (self.top - self.slot[light]))
        light, row = light[order], row[order]
        self.slot[light] = self.height[row] - rank_in_run(row)


def _first_choice(heavy: Tensor, light: Tensor, height: Tensor, k: int) -> _Matching:
    """Step 1: every light goes to its tallest heavy neighbour, as far as that one's slots go."""
    top = int(height.max())
    # each light wishes for its tallest neighbour, then for the larger label
    wish = (height.index_select(0, heavy) << LABEL_BITS) | heavy
    best = torch.zeros_like(height).scatter_reduce_(0, light, wish, "amax")
    lights = best.nonzero().view(-1)
    row = best[lights] & LABEL_MASK
    holder = torch.full_like(height, FREE)
    holder[lights] = row
    # a heavy vertex fills its slots from the top with the lights that others want most
    rival = (holder.index_select(0, light) != heavy).nonzero().view(-1)
    rival_height = torch.zeros_like(height)
    rival_height.scatter_reduce_(0, light[rival], height[heavy[rival]], "amax")
    wanted_first = stable_argsort(row * (top + 1) + (top - rival_height[lights]))
    ranked, row = lights[wanted_first], row[wanted_first]
    filled = height[row] - rank_in_run(row)
    has_slot = filled > k
    holder[ranked[~has_slot]] = FREE
    slot = torch.full_like(height, k)
    slot[ranked] = filled.clamp(min=k)
    num_held = torch.bincount(row[has_slot], minlength=height.numel())
    return _Matching(height, top, lights, holder, slot, num_held)


def _light_phase(a: Tensor, b: Tensor, unspent: Tensor, k: int) -> Tensor:
    """A maximal matching of the unspent vertices of degree k, by rounds of locally best edges.

    Args:
        a: int64 [e], an endpoint of each edge.
        b: int64 [e], the other endpoint.
        unspent: bool [|A_k|], which vertices may still lose an edge; used up.
        k: The level, which varies the scrambling.

    Returns:
        int64 [r], indices of the matched edges.
    """
    where = torch.arange(a.numel(), device=a.device)
    matched = [where[:0]]
    while True:
        possible = (unspent.index_select(0, a) & unspent.index_select(0, b)).nonzero().view(-1)
        if possible.numel() == 0:
            return torch.cat(matched)
        a, b, where = a[possible], b[possible], where[possible]
        scrambled = (a * 2_654_435_761 + b * 40_503 + k * 97) & 0xFFFFFF
        rank = (scrambled << LABEL_BITS) | torch.arange(1, a.numel() + 1, device=a.device)
        best = torch.zeros(unspent.numel(), dtype=torch.int64, device=a.device)
        best.scatter_reduce_(0, a, rank, "amax").scatter_reduce_(0, b, rank, "amax")
        chosen = ((best[a] == rank) & (best[b] == rank)).nonzero().view(-1)
        matched.append(where[chosen])
        unspent[a[chosen]] = False
        unspent[b[chosen]] = False
