"""The two data sets of Table 5.1: graphs of two cliques, whose features are two images.

Every graph consists of two cliques of 16 vertices, joined by one edge, the bridge. Its features are
the 16 segments of each of two images. The task is to predict whether both images show the same
class, which needs strong interaction across the *essential partition*: the vertices of the first
image against those of the second.

- ``"low"``: each clique holds one image, so only the two ends of the bridge are on the boundary
  and the walk index is low;
- ``"high"``: each clique holds half of the segments of each image, so every vertex is on the
  boundary and the walk index is high.

The thesis leaves open the place of each half. As in the program published with the paper, the first
halves of both images share the first clique. Segments of the images alternate; the first clique
starts with the first image, and the second clique with the second image. The bridge joins the first
vertices of the cliques. Both data sets hold the same pairs of images. Pixels are standardised by
the mean and deviation of all training images.

Source: Section 5.4.3, Figure 5.2, Appendix D.6.2.1; github.com/noamrazin/gnn_interactions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from wis.base.checks import checked_choice, checked_integer
from wis.datasets.images import load_images
from wis.errors import OptionError
from wis.graph.walks import walk_index

Partition = Literal["low", "high"]
PARTITIONS: tuple[Partition, ...] = get_args(Partition)
NUM_SEGMENTS = 16
NUM_TRAIN = 10_000
NUM_TEST = 2_000


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """Pairs of images as segments, with labels.

    Attributes:
        segments: Float [k, 2, number of segments, pixels in a segment].
        same: float32 [k], 1 for the same class, 0 for different ones.
    """

    segments: Tensor
    same: Tensor

    def features(self, partition: Partition) -> Tensor:
        """Features of the vertices of all graphs, [k, 2 · segments, pixels], by the partition."""
        placed = torch.empty_like(self.segments).flatten(1, 2)
        for image in (0, 1):
            vertices = vertices_of_image(image, partition, self.segments.size(2))
            placed[:, vertices] = self.segments[:, image]
        return placed


def two_cliques(size: int = NUM_SEGMENTS) -> Tensor:
    """Arcs, in both directions, of two cliques joined at their first vertices; int64 [2, num_arcs].

    The ids of the second clique follow those of the first (Figure 5.2).

    >>> two_cliques(2).tolist()
    [[0, 0, 1, 2, 2, 3], [1, 2, 0, 0, 3, 2]]
    """
    ids = torch.arange(2 * size, device="cpu")
    together = ids.unsqueeze(1) // size == ids // size
    together.fill_diagonal_(False)
    together[0, size] = together[size, 0] = True
    return together.nonzero().t().contiguous()


def vertices_of_image(
    image: int, partition: Partition, num_segments: int = NUM_SEGMENTS
) -> list[int]:
    """The vertices that hold the segments of image 0 or 1, in the order of the segments.

    The number of segments is even.

    Raises:
        OptionError: The partition is unknown.

    >>> vertices_of_image(0, "high", 4), vertices_of_image(1, "high", 4)
    ([0, 2, 5, 7], [1, 3, 4, 6])
    """
    if checked_choice("partition", partition, PARTITIONS) == "low":
        return list(range(image * num_segments, (image + 1) * num_segments))
    first = range(image, num_segments, 2)
    second = range(num_segments + 1 - image, 2 * num_segments, 2)
    return [*first, *second]


def essential_walk_index(partition: Partition, *, depth: int = 3) -> int:
    """Walk index of the essential partition, for walks of length L - 1 (Definition 11; Table 5.1).

    >>> essential_walk_index("low"), essential_walk_index("high")
    (548, 8258)
    """
    return walk_index(two_cliques(), vertices_of_image(0, partition), depth - 1)


def draw_pairs(
    images: str = "fashion-mnist",
    *,
    num_train: int = NUM_TRAIN,
    num_test: int = NUM_TEST,
    seed: int = 0,
    root: str | Path | None = None,
) -> tuple[ImagePairs, ImagePairs]:
    """Draw training and test pairs from the training and the test images of a set.

    Each label is 0 or 1 with equal probability, and the first image is random. The second image is
    a random image of the same class (label 1) or of another class (label 0).

    `images` and `root` are those of `wis.datasets.images.load_images` (Appendix D.6.2.1).

    Raises:
        OptionError: A number is invalid, or the images cannot be paired or split into segments.
        WisError: As for `load_images`.
    """
    for name, value in (("num_train", num_train), ("num_test", num_test)):
        checked_integer(name, value, 1, expected="an integer of at least 1")
    parts = load_images(images, root=root)
    mean, deviation = float(parts[0].pixels.mean()), float(parts[0].pixels.std())
    drawn = []
    for part, count, stream in zip(parts, (num_train, num_test), (0, 1), strict=True):
        generator = np.random.default_rng([seed, stream])
        first, second, same = choose_pairs(part.labels, count, generator)
        pixels = part.pixels[np.stack([first, second], axis=1)].astype(np.float32)
        standard = torch.from_numpy((pixels - mean) / deviation)
        drawn.append(ImagePairs(_in_segments(standard), torch.from_numpy(same)))
    return drawn[0], drawn[1]


def choose_pairs(
    labels: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of the first and the second images, int64 [count], and labels, float32 [count].

    Raises:
        OptionError: A class has only one image, or there is only one class.
    """
    by_class = np.argsort(labels, kind="stable")
    _, start, size = np.unique(labels[by_class], return_index=True, return_counts=True)
    if size.size < 2 or (size < 2).any():
        raise OptionError("the images need at least two classes of at least two images each")
    same = generator.integers(2, size=count)
    first = generator.integers(labels.size, size=count)  # a position in `by_class`
    group = np.searchsorted(start, first, side="right") - 1
    begin, length = start[group], size[group]
    within = generator.integers(length - 1)
    from_same = begin + within + (begin + within >= first)  # all images but the first
    outside = generator.integers(labels.size - length)
    from_others = outside + length * (outside >= begin)  # all images of other classes
    second = np.where(same == 1, from_same, from_others)
    return by_class[first], by_class[second], same.astype(np.float32)


def _in_segments(pixels: Tensor) -> Tensor:
    """Split flattened images [k, 2, pixels] into segments of equal size."""
    if pixels.size(2) % NUM_SEGMENTS:
        raise OptionError(
            f"images of {pixels.size(2)} pixels cannot be cut into {NUM_SEGMENTS} equal segments"
        )
    return pixels.reshape(*pixels.shape[:2], NUM_SEGMENTS, -1)
