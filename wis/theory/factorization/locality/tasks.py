"""Image data with dependencies of a chosen range: IsSameClass and Pathfinder.

The task IsSameClass: do two small images at a distance show the same class?

The task Pathfinder: does a dashed path join two circles? Each image holds two paths of the same
number of dashes and some shorter distractors. One circle lies at one end of the first path. The
other circle lies at its other end (label 1) or at an end of the second path (label 0). A path grows
dash by dash. The next dash starts after a gap of two inner margins and turns by an angle d with a
density proportional to cos(min(c |d|, pi / 2))^2, where c is the continuity; for c = 1.8 no turn
exceeds 50 degrees. A path that comes too close to another path or to itself is redrawn. Parameters
are those of the published protocol; the distributions of positions and distractors differ.

Source: Section 3.6, Appendix C.4.2.2; Linsley, Kim, Veerabadran, Windolf, Serre, NeurIPS 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wis.errors import NumericalError, OptionError
from wis.theory.factorization.locality.regularizer import Region

LAYOUTS = 300
ATTEMPTS = 60
"""Largest number of draws for all paths of an image, and for one path. More draws find a layout in
tighter images; fewer refuse an image without a layout sooner (now in seconds)."""

Point = tuple[float, float]
Dash = tuple[Point, Point]


@dataclass(frozen=True)
class Samples:
    """Labelled images that are drawn when they are needed.

    Attributes:
        labels: float32 [n] of zeros and ones.
        shape: Channels, height and width of an image.
        draw: Images, float32 [B, *shape], from their positions, int64 [B].
    """

    labels: Tensor
    shape: tuple[int, ...]
    draw: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.labels)


def is_same_class(
    images: np.ndarray,
    classes: np.ndarray,
    *,
    count: int,
    distance: int,
    size: tuple[int, int],
    seed: int,
) -> Samples:
    """Draw samples for IsSameClass: pairs of images, and labels.

    >>> images, classes = np.ones((4, 2, 2)), np.array([0, 0, 1, 1])
    >>> pairs = is_same_class(images, classes, count=5, distance=1, size=(4, 8), seed=0)
    >>> pairs.draw(torch.tensor([3, 4])).shape
    torch.Size([2, 1, 4, 8])

    Args:
        images: float [n, height, width] or [n, channels, height, width].
        classes: int64 [n], at least two different classes.
        count: Number of samples.
        distance: Number of columns between the two images.
        size: Height and width of a sample; pixels outside the images are zero.
        seed: Seed of the draws. A sample depends on the seed and its position only.

    Returns:
        The samples, with label 1 for the same class.

    Raises:
        OptionError: The images do not fit into a sample, or are of a single class.

    References:
        Appendix C.4.2.2.
    """
    stacked = images[:, None] if images.ndim == 3 else images
    regions = image_regions(stacked.shape[2:], distance=distance, size=size)
    kinds = np.unique(classes)
    if len(kinds) < 2:
        raise OptionError("images of a single class; IsSameClass needs at least two")
    partners = {
        (kind, label): np.flatnonzero((classes == kind) == label)
        for kind in kinds.tolist()
        for label in (0, 1)
    }
    labels, pairs = np.empty(count, np.float32), np.empty((2, count), np.int64)
    for index in range(count):
        generator = np.random.default_rng([seed, index])
        label, first = generator.integers(2), generator.integers(len(classes))
        second = generator.choice(partners[int(classes[first]), int(label)])
        labels[index], pairs[:, index] = label, (first, second)
    used, places = np.unique(pairs, return_inverse=True)
    pixels = torch.from_numpy(stacked[used].astype(np.float32))
    sides = torch.from_numpy(places.reshape(pairs.shape))
    shape = (stacked.shape[1], *size)

    def draw(positions: Tensor) -> Tensor:
        samples = torch.zeros(len(positions), *shape, device="cpu")
        for region, side in zip(regions, sides, strict=True):
            region.of(samples).copy_(pixels[side[positions]])
        return samples

    return Samples(torch.from_numpy(labels), shape, draw)


def image_regions(
    image: tuple[int, ...], *, distance: int, size: tuple[int, int]
) -> tuple[Region, Region]:
    """Regions of the two images, symmetric about the centre and `distance` columns apart.

    Args:
        image: Height and width of the images.
        distance: Columns between them.
        size: Height and width of a sample.
    """
    height, width = image
    left = (size[1] - 2 * width - distance) // 2
    top = (size[0] - height) // 2
    if distance < 0 or left < 0 or top < 0:
        raise OptionError(
            f"two images of {height} by {width} pixels, {distance} apart, do not fit into {size}"
        )
    return Region(top, left, height, width), Region(top, left + width + distance, height, width)


@dataclass(frozen=True)
class PathfinderConfig:
    """Parameters of the images; the defaults are the thesis'.

    Attributes:
        path_length: Number of dashes of a path, 2 or more.
        size: Pixels along a side.
        circle_radius: Radius of a circle in pixels.
        paddle_length: Length of a dash.
        paddle_thickness: Thickness of a dash.
        inner_margin: Half the gap between dashes of a path.
        continuity: Straightness of paths; 1 allows turns of up to 90 degrees.
        num_distractors: Number of short paths besides the two paths.
        distractor_length: Number of dashes of a distractor.
    """

    path_length: int = 6
    size: int = 224
    circle_radius: int = 3
    paddle_length: int = 5
    paddle_thickness: int = 2
    inner_margin: int = 3
    continuity: float = 1.8
    num_distractors: int = 6
    distractor_length: int = 2

    def __post_init__(self) -> None:
        counts = (self.size, self.circle_radius, self.paddle_length, self.paddle_thickness)
        if min(counts) < 1 or self.path_length < 2 or self.continuity < 1:
            raise OptionError(
                f"{self}: sizes must be positive, paths have at least 2 dashes, continuity is at "
                "least 1"
            )

    @property
    def clearance(self) -> float:
        """Smallest distance between the middle lines of dashes of different paths."""
        return 2 * self.inner_margin + self.paddle_thickness + 2 * self.circle_radius


@dataclass(frozen=True)
class PathfinderImage:
    """An image and its shapes.

    Attributes:
        pixels: float32 [size, size], 0 or 1.
        label: Whether a path joins the circles.
        paths: For each path its dashes as pairs of points (row, column); distractors last.
        circles: Centres of the two circles.
    """

    pixels: np.ndarray
    label: bool
    paths: list[list[Dash]]
    circles: tuple[Point, Point]


def pathfinder_image(
    config: PathfinderConfig, label: bool, generator: np.random.Generator
) -> PathfinderImage:
    """Draw one image; raises `NumericalError` if it is too small for the paths.

    >>> config = PathfinderConfig(path_length=2, size=64, num_distractors=1)
    >>> image = pathfinder_image(config, True, np.random.default_rng(0))
    >>> image.pixels.shape, len(image.paths)
    ((64, 64), 3)
    """
    paths = _layout(config, generator)
    circles = (paths[0][0][0], paths[0 if label else 1][-1][1])
    pixels = np.zeros((config.size, config.size), dtype=np.float32)
    for path in paths:
        for dash in path:
            _mark(pixels, dash, config.paddle_thickness / 2)
    for centre in circles:
        _mark(pixels, (centre, centre), config.circle_radius)
    return PathfinderImage(pixels, label, paths, circles)


def pathfinder_samples(config: PathfinderConfig, *, count: int, seed: int) -> Samples:
    """Images with random labels, each of which depends on the seed and its position only.

    >>> config = PathfinderConfig(path_length=2, size=64, num_distractors=1)
    >>> pathfinder_samples(config, count=9, seed=0).draw(torch.tensor([8])).shape
    torch.Size([1, 1, 64, 64])

    Cost: some milliseconds for the first draw of an image, then size^2 / 8 bytes to keep it.
    """
    labels = [np.random.default_rng([seed, index, 0]).integers(2) for index in range(count)]
    kept: dict[int, np.ndarray] = {}

    def bits(index: int) -> np.ndarray:
        if index not in kept:
            generator = np.random.default_rng([seed, index, 1])
            pixels = pathfinder_image(config, bool(labels[index]), generator).pixels
            kept[index] = np.packbits(pixels > 0)
        return kept[index]

    shape = (1, config.size, config.size)

    def draw(positions: Tensor) -> Tensor:
        rows = np.stack([bits(index) for index in positions.tolist()])
        unpacked = np.unpackbits(rows, axis=1, count=config.size**2)
        return torch.from_numpy(unpacked.reshape(-1, *shape).astype(np.float32))

    return Samples(torch.tensor(labels, dtype=torch.float32, device="cpu"), shape, draw)


def _layout(config: PathfinderConfig, generator: np.random.Generator) -> list[list[Dash]]:
    """Paths that keep their distance; all are redrawn if one does not fit."""
    lengths = [config.path_length] * 2 + [config.distractor_length] * config.num_distractors
    for _ in range(LAYOUTS):
        paths: list[list[Dash]] = []
        for length in lengths:
            path = _placed_path(config, length, paths, generator)
            if path is None:
                break
            paths.append(path)
        else:
            return paths
    raise NumericalError(
        f"no room for two paths of {config.path_length} dashes and {config.num_distractors} others "
        f"in {config.size} by {config.size} pixels; enlarge the image, or ask for fewer or shorter "
        "paths"
    )


def _placed_path(
    config: PathfinderConfig, length: int, others: list[list[Dash]], generator: np.random.Generator
) -> list[Dash] | None:
    taken = _points([dash for path in others for dash in path])
    for _ in range(ATTEMPTS):
        path = _grown_path(config, length, generator)
        if path is not None and _is_clear(path, taken, config.clearance):
            return path
    return None


def _grown_path(
    config: PathfinderConfig, length: int, generator: np.random.Generator
) -> list[Dash] | None:
    """A random path; None if it leaves the image or meets itself."""
    border = config.circle_radius + config.paddle_thickness + config.inner_margin
    at = generator.uniform(border, config.size - 1 - border, 2)
    heading = generator.uniform(-math.pi, math.pi)
    path: list[Dash] = []
    for _ in range(length):
        direction = np.array([math.sin(heading), math.cos(heading)])
        end = at + config.paddle_length * direction
        if min(end) < border or max(end) > config.size - 1 - border:
            return None
        dash = ((float(at[0]), float(at[1])), (float(end[0]), float(end[1])))
        margin = config.inner_margin + config.paddle_thickness
        if not _is_clear([dash], _points(path[:-1]), margin):
            return None
        path.append(dash)
        heading += turn(config.continuity, generator)
        direction = np.array([math.sin(heading), math.cos(heading)])
        at = end + 2 * config.inner_margin * direction
    return path


def turn(continuity: float, generator: np.random.Generator) -> float:
    """An angle with a density of cos(continuity * angle)^2, up to its first zero."""
    limit = math.pi / (2 * continuity)
    while True:
        angle = generator.uniform(-limit, limit)
        if generator.uniform() < math.cos(continuity * angle) ** 2:
            return float(angle)


def _points(dashes: list[Dash]) -> np.ndarray:
    """Points along the middle lines, a pixel apart or less, float64 [n, 2]."""
    if not dashes:
        return np.empty((0, 2))
    ends = np.array(dashes)
    parts = np.linspace(0, 1, 1 + math.ceil(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max()))
    along = (ends[:, 1] - ends[:, 0])[:, None]
    points: np.ndarray = ends[:, None, 0] + parts[None, :, None] * along
    return points.reshape(-1, 2)


def _is_clear(path: list[Dash], taken: np.ndarray, clearance: float) -> bool:
    if not len(taken):
        return True
    gaps = _points(path)[:, None] - taken[None]
    return bool((gaps**2).sum(axis=2).min() >= clearance**2)


def _mark(pixels: np.ndarray, dash: Dash, radius: float) -> None:
    """Set the pixels within `radius` of a line."""
    (row, column), (last_row, last_column) = dash
    top, bottom = sorted((row, last_row))
    left, right = sorted((column, last_column))
    rows = np.arange(
        max(0, math.floor(top - radius)), min(len(pixels), math.ceil(bottom + radius) + 1)
    )
    columns = np.arange(
        max(0, math.floor(left - radius)), min(len(pixels), math.ceil(right + radius) + 1)
    )
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).astype(float)
    start, along = np.array([row, column]), np.array([last_row - row, last_column - column])
    length = float(along @ along)
    share = np.clip(((grid - start) @ along) / length, 0, 1) if length else np.zeros(grid.shape[:2])
    nearest = start + share[..., None] * along
    inside = ((grid - nearest) ** 2).sum(axis=-1) <= radius**2
    block = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    block[inside] = 1.0
