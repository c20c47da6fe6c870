"""Images with labels; their patches of pixels become features of vertices.

Fashion-MNIST and MNIST are read from their published files (idx, gzip-compressed) below the data
root, and downloaded if they are missing. Scikit-learn contains its digits, which are split once
into 1,437 training and 360 test images.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wis.datasets.download import RawFiles, ensure, sha256_of
from wis.datasets.embedded import digit_images
from wis.datasets.table import data_root
from wis.errors import GraphFormatError, UnknownNameError

DIGITS_SPLIT_SEED = 0
NUM_DIGITS_TRAIN = 1_437
IDX_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
LARGEST_BYTES = 1 << 30  # twenty times the larger of the two sets
BAD_GZIP = (OSError, EOFError, zlib.error)


def _idx_files(folder: str, url: str, size_mb: float, licence: str) -> RawFiles:
    return RawFiles(
        f"{folder}/raw",
        IDX_NAMES,
        tuple(f"{url}/{name}" for name in IDX_NAMES),
        sha256=sha256_of(f"{folder}/raw", IDX_NAMES),
        size_mb=size_mb,
        licence=licence,
    )


IDX_FILES = {
    "fashion-mnist": _idx_files(
        "FashionMNIST",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        31,
        "MIT",
    ),
    "mnist": _idx_files(
        "MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist", 12, "not stated by the source"
    ),
}
IMAGE_SETS = (*IDX_FILES, "digits")


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images, flattened row by row, and the class of each.

    Attributes:
        pixels: uint8 [k, height * width].
        labels: int64 [k].
        size: Height and width of an image.
        brightest: The largest value that a pixel can have.
    """

    pixels: np.ndarray
    labels: np.ndarray
    size: tuple[int, int]
    brightest: int


def load_images(name: str, *, root: str | Path | None = None) -> tuple[Images, Images]:
    """Load the training and the test images of a set.

    Args:
        name: ``"fashion-mnist"``, ``"mnist"`` or ``"digits"``.
        root: The data root, see `wis.datasets.data_root`; ``"digits"`` does not use it.

    Raises:
        UnknownNameError: The name is unknown.
        MissingDataError: Files are missing and cannot be downloaded.
        GraphFormatError: A file is damaged.
        MissingDependencyError: ``"digits"`` needs scikit-learn.
    """
    key = name.strip().lower().replace("_", "-")
    if key == "digits":
        return _digits()
    if key not in IDX_FILES:
        raise UnknownNameError.among("set of images", name, IMAGE_SETS)
    files, folder = IDX_FILES[key], data_root(root)
    ensure(key, files, folder)
    parts = [_read_idx(path) for path in files.paths(folder)]
    return _paired(key, *parts[:2]), _paired(key, *parts[2:])


def _digits() -> tuple[Images, Images]:
    pixels, labels = digit_images()
    shuffled = np.random.default_rng(DIGITS_SPLIT_SEED).permutation(len(labels))
    train, test = shuffled[:NUM_DIGITS_TRAIN], shuffled[NUM_DIGITS_TRAIN:]
    as_bytes, classes = pixels.astype(np.uint8), labels.astype(np.int64)
    return (
        Images(as_bytes[train], classes[train], (8, 8), 16),
        Images(as_bytes[test], classes[test], (8, 8), 16),
    )


def _paired(name: str, pixels: np.ndarray, labels: np.ndarray) -> Images:
    if pixels.ndim != 3 or labels.shape != pixels.shape[:1]:
        raise GraphFormatError(
            f"{name}: images of shape {list(pixels.shape)} and labels of shape "
            f"{list(labels.shape)} do not belong together; download the files again"
        )
    flat = pixels.reshape(len(pixels), -1)
    return Images(flat, labels.astype(np.int64), (pixels.shape[1], pixels.shape[2]), 255)


def _read_idx(path: Path) -> np.ndarray:
    """Read unsigned bytes in the idx format: two zeros, type 8, rank, sizes and content."""
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST_BYTES)
    except BAD_GZIP as error:
        raise GraphFormatError(f"{path}: cannot be read as gzip: {error}") from None
    rank = content[3] if len(content) >= 4 and content[:3] == b"\0\0\x08" else 0
    header = 4 + 4 * rank
    if not rank or len(content) < header:
        raise GraphFormatError(f"{path}: is not an idx file of unsigned bytes; download it again")
    shape = tuple(map(int, np.frombuffer(content, dtype=">i4", count=rank, offset=4)))
    values = np.frombuffer(content, dtype=np.uint8, offset=header)
    if values.size != np.prod(shape):
        raise GraphFormatError(
            f"{path}: holds {values.size} bytes, but its header has the shape {list(shape)}; "
            "download it again"
        )
    return values.reshape(shape)
