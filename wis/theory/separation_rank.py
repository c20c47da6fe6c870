"""The separation rank of any function of several vectors, measured on a grid.

The separation rank of f with respect to a subset I of its variables is the least number of products
g(X_I) · h(rest) that add up to f (Definition 10). Evaluations bound it from below: in a table of
values with a row for each choice of the variables in I and a column for each choice of the others,
the rank is at most the separation rank (Lemma 53). The measurement

1. chooses M template vectors, the same for all variables;
2. evaluates f where every variable is one of them, which gives the grid tensor of M^N values;
3. arranges the values as a matrix with rows for I, and counts its non-zero singular values.

How to read the result:

- In exact arithmetic the rank is a lower bound of the separation rank of any function.
- For a product network the two are equal if the grid is rich enough. The output is a homogeneous
  polynomial in the features of each vertex, of degree p = the number of walks of length L from it
  (Equation (D.10)), so C(D_x + p - 1, p) templates in general position determine the rank.
- In float64 singular values below a relative tolerance count as zero, so the number is an estimate.
  The result holds the spectrum: look for a gap in it.
- For networks with ReLU the separation rank may be infinite. The number is then an empirical
  estimate that grows with the grid.

`wis.theory.generic_rank` gives the separation rank of product networks without rounding.

Rows and columns are scaled to a largest magnitude of 1 first. No rank changes, and products of many
factors would otherwise differ by orders of magnitude.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import checked_choice
from wis.base.progress import Progress, silent
from wis.errors import NumericalError, OptionError
from wis.theory.forecasts import Forecast, best_time
from wis.theory.typed_graph import TypedGraph, check_members, check_size, check_target

if TYPE_CHECKING:
    from wis.models.network import GraphNetwork
    from wis.theory.product_gnn import ProductGNN

Function = Callable[[Tensor], Tensor]
"""From [batch, number of variables, dimension] to [batch]."""

Kind = Literal["positive", "normal"]

BATCH_SIZE = 4096
MAX_SIDE = 512


@dataclass(frozen=True, eq=False)
class SeparationRank:
    """A rank measured on a grid.

    Attributes:
        rank: Singular values above the tolerance.
        spectrum: float64 tensor, all singular values of the scaled matrix, descending, divided by
            the largest.
        is_full_grid: Whether the matrix holds the whole grid; if not, a part of it was drawn.
    """

    rank: int
    spectrum: Tensor
    rtol: float
    num_rows: int
    num_columns: int
    is_full_grid: bool

    @property
    def is_saturated(self) -> bool:
        """Whether the matrix has full rank, so that a larger matrix may have a higher rank."""
        return self.rank == min(self.num_rows, self.num_columns)


def separation_rank(
    function: Function,
    subset: Iterable[int] | Tensor,
    templates: Tensor,
    num_variables: int,
    *,
    max_side: int = MAX_SIDE,
    rtol: float | None = None,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    progress: Progress = silent,
) -> SeparationRank:
    """Measure the separation rank of a function on a grid of template vectors.

    >>> templates = random_templates(4, 2)
    >>> separation_rank(lambda x: x[:, 0].sum(1) + x[:, 1].sum(1), [0], templates, 2).rank
    2

    Args:
        function: Maps tensors of shape [batch, num_variables, D] to [batch]; `of_product_gnn` and
            `of_network` make such functions from networks.
        subset: Variables on one side, ids in 0 ... num_variables - 1; may be empty.
        templates: Float tensor of shape [M, D], distinct template vectors; see `random_templates`.
        num_variables: Number N of variables.
        max_side: Largest number of rows, and of columns. Those of a larger grid are sampled without
            repetition; the rank of a part of the grid is still a lower bound.
        rtol: Singular values below `rtol` times the largest count as zero. Default: the larger side
            of the matrix times the machine epsilon, as in `torch.linalg.matrix_rank`.
        seed: Seed of the choice of rows and columns.
        batch_size: Points to evaluate at a time.
        progress: Is told the number of points done.

    Raises:
        OptionError: The subset, a size or the templates are invalid.
        NumericalError: A value is not finite, or the function does not return one value for each
            point.

    Cost: at most max_side² evaluations and a singular value decomposition.

    References:
        Definition 10; Lemma 53; the proof of Theorem 8.
    """
    members, rest = _members_and_rest(subset, templates, num_variables, max_side)
    check_size("batch_size", batch_size)
    draw = np.random.default_rng(seed)
    rows, columns = (
        _grid_side(templates.size(0), len(side), max_side, draw) for side in (members, rest)
    )
    sides = rows.shape[0], columns.shape[0]
    values = []
    parts = math.ceil(sides[0] * sides[1] / batch_size)
    for some in np.array_split(rows, min(parts, sides[0])):  # none of them empty
        points = np.empty((some.shape[0], sides[1], num_variables), dtype=np.int64)
        points[:, :, members] = some[:, None]
        points[:, :, rest] = columns
        flat = torch.from_numpy(points.reshape(-1, num_variables))
        values.append(_evaluate(function, templates, flat, batch_size))
        progress(sum(map(len, values)))
    rank, spectrum, tolerance = numerical_rank(torch.cat(values).reshape(sides), rtol)
    whole = sides[0] * sides[1] == templates.size(0) ** num_variables
    return SeparationRank(rank, spectrum, tolerance, *sides, is_full_grid=whole)


def forecast(
    function: Function,
    subset: Iterable[int] | Tensor,
    templates: Tensor,
    num_variables: int,
    *,
    max_side: int = MAX_SIDE,
    batch_size: int = BATCH_SIZE,
) -> Forecast:
    """The cost of `separation_rank`; evaluates the function at up to 256 points, three times.

    >>> sums = lambda x: x.sum((1, 2))
    >>> forecast(sums, [0], random_templates(5, 2), 3).operations
    (125,)
    """
    sides = _members_and_rest(subset, templates, num_variables, max_side)
    rows, columns = (min(max_side, templates.size(0) ** min(len(side), 64)) for side in sides)
    number = min(256, rows * columns)
    sample = torch.zeros((number, num_variables), dtype=torch.int64, device="cpu")
    each = best_time(lambda: _evaluate(function, templates, sample, batch_size)) / number
    small = torch.ones((64, 64), dtype=torch.float64, device="cpu")
    decomposed = best_time(lambda: torch.linalg.svdvals(small)) / 64**3
    seconds = rows * columns * (each + min(rows, columns) * decomposed)
    held = 3 * rows * columns + 8 * batch_size * templates[0].numel() * num_variables
    return Forecast((rows * columns,), 8 * held, seconds)


def matricize(tensor: Tensor, subset: Iterable[int] | Tensor) -> Tensor:
    """Arrange a tensor as a matrix: rows for the modes in a subset, columns for the others.

    >>> matricize(torch.zeros(2, 3, 4), [0, 2]).shape
    torch.Size([8, 3])

    Args:
        tensor: A tensor of any order.
        subset: Modes, counted from 0. Rows and columns are in row-major order of ascending modes, a
            permutation of the thesis' order, which changes no rank, norm or singular value.

    Returns:
        Matrix of shape [product of the modes in the subset, product of the others].

    Raises:
        OptionError: A mode does not exist or is given twice.

    References:
        Definition 6; Appendix D.3.1.
    """
    modes = check_members("subset", subset, tensor.dim())
    rest = [mode for mode in range(tensor.dim()) if mode not in modes]
    rows = math.prod(tensor.size(mode) for mode in modes)
    return tensor.permute(*modes, *rest).reshape(rows, -1)


def numerical_rank(matrix: Tensor, rtol: float | None = None) -> tuple[int, Tensor, float]:
    """Rank of a matrix of floats, [rows, columns].

    Returns:
        The rank; the singular values of the scaled matrix relative to the largest, descending; and
        the tolerance, see `separation_rank`.

    Raises:
        NumericalError: An entry is not finite.
        OptionError: The tolerance is not in [0, 1).

    Cost: O(rows · columns · the smaller of them).
    """
    if not bool(torch.isfinite(matrix).all()):
        raise NumericalError("a value is not finite; scale the features or the weights")
    eps = torch.finfo(torch.float64).eps
    tolerance = max(matrix.shape, default=1) * eps if rtol is None else float(rtol)
    if not 0 <= tolerance < 1:
        raise OptionError(f"rtol is {rtol!r}; expected a number from 0 to below 1")
    values = torch.linalg.svdvals(_balanced(matrix.detach().to(torch.float64)))
    if not values.numel() or values[0] == 0:
        return 0, values, tolerance
    spectrum = values / values[0]
    return int((spectrum > tolerance).sum()), spectrum, tolerance


def random_templates(number: int, dim: int, *, kind: Kind = "positive", seed: int = 0) -> Tensor:
    """Template vectors in general position, float64 [number, dim].

    Args:
        number: Number M of vectors.
        dim: Their dimension D_x.
        kind: ``"positive"``: entries uniform from 0.5 to 1.5, which keep products of many factors
            in range; ``"normal"``: standard normal, on which units with ReLU are neither all on nor
            all off.
        seed: Seed of the draw.
    """
    draw = torch.Generator().manual_seed(seed)
    shape = check_size("number", number), check_size("dim", dim)
    if checked_choice("kind", kind, ("positive", "normal")) == "normal":
        return torch.randn(shape, generator=draw, dtype=torch.float64, device="cpu")
    return 0.5 + torch.rand(shape, generator=draw, dtype=torch.float64, device="cpu")


def of_product_gnn(gnn: ProductGNN, graph: TypedGraph, *, target: int | None = None) -> Function:
    """A product network on a graph as a function of the vertices' features.

    >>> from wis.theory.product_gnn import ProductGNN
    >>> edge = TypedGraph.from_any(torch.tensor([[0], [1]]))
    >>> function = of_product_gnn(ProductGNN(2, 2, 1), edge)
    >>> separation_rank(function, [0], random_templates(6, 2), 2).rank
    2

    Returns:
        f^(theta, G), or f^(theta, G, t) for a target t, from [batch, n, in_dim] to [batch]: the
        first output of the network (Equations (5.3) and (5.4)).

    Raises:
        OptionError: The target does not fit the network's task.
    """
    _check_task(gnn.task, target)
    return lambda x: gnn(x, graph, target=target)[..., 0]


def of_network(network: GraphNetwork, graph: TypedGraph, *, target: int | None = None) -> Function:
    """A network of `wis.models` (GCN, GIN, ...) as a function of the vertices' features.

    These networks have ReLU non-linearities, so no theorem gives their separation rank, which may
    be infinite: the measured rank is an empirical estimate. Normalisation layers are in evaluation
    mode.

    Args:
        network: The network; use float64, or rounding hides the spectrum.
        graph: The graph; its edge types are ignored.
        target: Vertex t, for a network with task ``"vertex"``.

    Returns:
        The first output of the network, a function from [batch, n, in_dim] to [batch].

    Raises:
        OptionError: The target does not fit the network's task.
    """
    _check_task(network.task, target)
    check_target(target, graph.num_nodes)
    n = graph.num_nodes

    def function(x: Tensor) -> Tensor:
        size = x.size(0)
        shift = torch.arange(size, device="cpu")[:, None, None] * n
        arcs = (graph.edge_index + shift).transpose(0, 1).reshape(2, -1)
        batch = torch.arange(size, device="cpu").repeat_interleave(n)
        dtype = network.output.weight.dtype
        network.eval()
        values = network(x.reshape(size * n, -1).to(dtype), arcs, batch=batch, num_graphs=size)
        if target is not None:
            values = values.reshape(size, n, -1)[:, target]
        chosen: Tensor = values[:, 0]
        return chosen

    return function


def _check_task(task: str, target: int | None) -> None:
    if (target is None) != (task == "graph"):
        raise OptionError(
            f"the network has task={task!r} and target is {target!r}; expected a target for "
            f"'vertex' and none for 'graph'"
        )


def _members_and_rest(
    subset: Iterable[int] | Tensor, templates: Tensor, num_variables: int, max_side: int
) -> tuple[list[int], list[int]]:
    """Both sides of a partition of the variables, after a check of the arguments."""
    members = check_members("subset", subset, check_size("num_variables", num_variables))
    _check_templates(templates)
    check_size("max_side", max_side)
    return members, sorted(set(range(num_variables)) - set(members))


def _grid_side(number: int, num_variables: int, most: int, draw: Any) -> np.ndarray:
    """Choices of a template for each variable of one side: all choices, or a sample of `most`."""
    if number**num_variables <= most:
        axes = list(itertools.product(range(number), repeat=num_variables))
        return np.array(axes, dtype=np.int64).reshape(len(axes), num_variables)
    chosen = np.empty((0, num_variables), dtype=np.int64)
    while chosen.shape[0] < most:
        more = draw.integers(number, size=(most, num_variables))
        chosen = np.concatenate([chosen, more])
        _, first = np.unique(chosen, axis=0, return_index=True)
        chosen = chosen[np.sort(first)][:most]
    return chosen


def _evaluate(function: Function, templates: Tensor, points: Tensor, batch_size: int) -> Tensor:
    """Values of the function at points; each point is N template indices, [k, N]."""
    parts = []
    with torch.no_grad():
        for chunk in torch.split(points, batch_size):
            values = function(templates[chunk])
            if values.shape != chunk.shape[:1]:
                raise NumericalError(
                    f"the function gave shape {list(values.shape)} for a batch of {len(chunk)} "
                    f"points; expected one number for each"
                )
            parts.append(values)
    return torch.cat(parts)


def _balanced(matrix: Tensor) -> Tensor:
    """Scale the non-zero rows, then the non-zero columns, to a largest magnitude of 1."""
    for dim in (1, 0):
        top = matrix.abs().amax(dim=dim, keepdim=True) if matrix.numel() else matrix
        matrix = matrix / torch.where(top == 0, torch.ones_like(top), top)
    return matrix


def _check_templates(templates: Tensor) -> None:
    if templates.dim() != 2 or not templates.size(0):
        raise OptionError(
            f"templates have shape {list(templates.shape)}; expected [M, D] with M of at least 1"
        )
