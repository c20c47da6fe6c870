"""Images for the experiments: MNIST, Fashion-MNIST, CIFAR-10 from files, digits from scikit-learn.

The files lie below the data root, as their publishers offer them: the idx files of the MNISTs in
``MNIST/raw`` and ``FashionMNIST/raw``, the binary version of CIFAR-10 (records of one class byte
and 3072 pixels) in ``CIFAR10/cifar-10-batches-bin``.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from wis.datasets.roots import data_root
from wis.errors import GraphFileError, MissingDataError, MissingDependencyError, UnknownNameError

FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
DIGITS_TEST = 360
CIFAR_RECORD = 1 + 3 * 32 * 32


def image_sets() -> list[str]:
    """Names of the image sets."""
    return ["digits", *FOLDERS, "cifar10"]


def load_images(
    name: str, *, train: bool, root: str | Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images and their classes.

    Args:
        name: ``"mnist"``, ``"fashion-mnist"``, ``"cifar10"`` or ``"digits"`` (8-by-8, from
            scikit-learn).
        train: The training set or the test set; of digits, the last 360 images are the latter.
        root: The data root; ``$WIS_DATA_ROOT`` if not given.

    Returns:
        float32 [n, height, width], of CIFAR-10 [n, 3, 32, 32], with values in [0, 1], and
        int64 [n].

    Raises:
        UnknownNameError: There is no such set.
        MissingDataError: Its files are not there.
        GraphFileError: They cannot be read.
        MissingDependencyError: scikit-learn is not installed.
    """
    if name == "digits":
        return _digits(train)
    if name == "cifar10":
        return _cifar(data_root(root) / "CIFAR10" / "cifar-10-batches-bin", train)
    if name not in FOLDERS:
        raise UnknownNameError.among("image set", name, image_sets())
    folder = data_root(root) / FOLDERS[name] / "raw"
    part = "train" if train else "t10k"
    images = _read_idx(folder / f"{part}-images-idx3-ubyte.gz", 3)
    labels = _read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 1)
    if len(images) != len(labels):
        raise GraphFileError(f"{folder}: {len(images)} images, but {len(labels)} labels")
    return images.astype(np.float32) / 255, labels.astype(np.int64)


def _digits(train: bool) -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(
            "digits need scikit-learn: pip install 'wis-sparsify[digits]'"
        ) from error
    bunch = load_digits()
    part = slice(None, -DIGITS_TEST) if train else slice(-DIGITS_TEST, None)
    return (bunch.images[part] / 16).astype(np.float32), bunch.target[part].astype(np.int64)


def _cifar(folder: Path, train: bool) -> tuple[np.ndarray, np.ndarray]:
    names = [f"data_batch_{part}.bin" for part in range(1, 6)] if train else ["test_batch.bin"]
    records = []
    for path in (folder / name for name in names):
        content = np.frombuffer(_bytes(path), np.uint8)
        if not len(content) or len(content) % CIFAR_RECORD:
            raise GraphFileError(
                f"{path}: holds {len(content)} bytes; expected records of {CIFAR_RECORD}"
            )
        records.append(content.reshape(-1, CIFAR_RECORD))
    joined = np.concatenate(records)
    return joined[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255, joined[:, 0].astype(
        np.int64
    )


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except FileNotFoundError:
        raise MissingDataError(
            f"{path} is missing; put the publisher's file there, or set WIS_DATA_ROOT to the "
            "folder that holds MNIST, FashionMNIST or CIFAR10"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise GraphFileError(f"{path}: cannot be read: {error}") from None


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """An idx file of unsigned bytes: magic number 0, 0, 8, d; d big-endian sizes; the bytes."""
    content = _bytes(path)
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, 8, dimensions)):
        raise GraphFileError(f"{path}: is no idx file of bytes with {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != int(np.prod(shape)):
        raise GraphFileError(f"{path}: holds {len(content) - start} bytes, not those of {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
