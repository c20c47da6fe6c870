"""1-WIS: remove, one by one, the edge whose weaker endpoint has the highest degree.

At every step a lexicographic argmax of (smaller, larger) degree of its endpoints among the edges
that are left goes (Algorithm 2; Appendix D.5 shows that it is Algorithm 1 for depth L = 2). Degrees
fall as edges go, so the order is adaptive: sorting once by the initial degrees is another
algorithm. Ties are many, and the rule leaves them open; how each engine breaks them is
deterministic, in its docstring, and recorded as the engine in the provenance.

- ``bitset`` (`wis.methods.one_wis.bitset`): the dense core on the CPU by bit sets, then ``rounds``
  on the graph's device.
- ``rounds`` (`wis.methods.one_wis.rounds`): tensor operations alone, on the graph's device.
- ``relaxed`` (`wis.methods.one_wis.relaxed`): for ``epsilon`` above 0, many edges at once, each at
  most by that factor below the best (`wis.methods.one_wis.relaxed_rule`); on the graph's device.
- ``auto`` is ``bitset`` on every device, so that the result does not depend on the device, and
  ``relaxed`` if there is an ``epsilon``.

Each engine is imported where it is chosen, since a command runs only one of them.
`wis.methods.walk_index` puts this into the table of methods, as ``wis`` with ``walk_length=1``.

Source: Razin, Verbin, Cohen, "On the Ability of Graph Neural Networks to Model Interactions Between
Vertices", NeurIPS 2023, arXiv:2211.16494, and the thesis' Section 5.5.1 and Appendix D.5.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from wis.base.arrays import single_threaded
from wis.base.progress import Progress
from wis.graph import UndirectedGraph
from wis.methods.one_wis.levels import Peeling

if TYPE_CHECKING:
    from wis.methods.guard import Guard

EXACT_ENGINES = ("auto", "bitset", "rounds")
ENGINES = (*EXACT_ENGINES, "relaxed")


def one_wis_order(
    graph: UndirectedGraph,
    engine: str,
    batch_size: int,
    count: int,
    progress: Progress,
    *,
    epsilon: float = 0.0,
    seed: int = 0,
    guard: Guard | None = None,
) -> Tensor:
    """The removal order of 1-WIS.

    Args:
        graph: The graph.
        engine: ``"bitset"`` or ``"rounds"``, both exact; or ``"relaxed"``.
        batch_size: 1 is exact; more edges go at once by the degrees at the beginning of a round.
        count: Length of the order; a shorter one is the beginning of the whole one.
        progress: Called with the number of edges removed.
        epsilon: How far below the best an edge may be, for ``"relaxed"``.
        seed: Seed of the priorities of ``"relaxed"``.
        guard: Which edges may go (`wis.methods.one_wis.guarded`); all if not given.

    Returns:
        int64 tensor of shape [count] on the graph's device; shorter if no more edges may go.

    Cost: O(m log m) for the layout, then for each level k some microseconds for each edge that goes
    (``bitset`` while A_k is small) or ten short passes over the edges left inside A_k; A_k are the
    vertices whose degree was at least k, 2m of these over all levels. State: 16 bytes for each
    edge, 55 at the peak (11 million edges).
    """
    with single_threaded():
        if batch_size > 1:
            from wis.methods.one_wis.batched import batched_order

            return batched_order(graph, batch_size, count, progress, guard)
        if engine == "relaxed":
            from wis.methods.one_wis.relaxed import relaxed_order

            return relaxed_order(graph, epsilon, count, seed, progress, guard)
        exact = partial(_exact_order, engine, progress)
        if guard is None:
            return exact(graph, count)
        from wis.methods.one_wis.guarded import guarded_order

        return guarded_order(graph, guard, exact, count, progress)


def _exact_order(
    engine: str,
    progress: Progress,
    graph: UndirectedGraph,
    count: int,
    degree: Tensor | None = None,
    floor: int = 0,
) -> Tensor:
    """The order by an exact engine; `degree` and `floor` as for `Peeling`."""
    state = Peeling.of(graph, degree, floor)
    if engine == "rounds":
        from wis.methods.one_wis.rounds import peel_in_rounds

        peel_in_rounds(state, count, progress)
    else:
        from wis.methods.one_wis.bitset import peel_with_bitsets

        peel_with_bitsets(state, count, progress)
    return state.result(count)
