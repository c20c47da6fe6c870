"""Images for the experiments, with values in [0, 1]: those of `wis.datasets.images`, and CIFAR-10.

CIFAR-10 is read in its publisher's binary version (records of one class byte and 3072 pixels) from
``CIFAR10/cifar-10-batches-bin`` below the data root.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wis.datasets import data_root
from wis.datasets import images as grey
from wis.errors import GraphFileError, MissingDataError, UnknownNameError

CIFAR = "cifar10"
CIFAR_RECORD = 1 + 3 * 32 * 32


def load_images(
    name: str, *, train: bool, root: str | Path | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images and their classes.

    >>> load_images("digits", train=True)[0].shape[1:]
    (8, 8)

    Args:
        name: ``"mnist"``, ``"fashion-mnist"``, ``"cifar10"`` or ``"digits"`` (8-by-8, from
            scikit-learn).
        train: The training set or the test set.
        root: The data root, see `wis.datasets.data_root`.

    Returns:
        Images with values in [0, 1], float32 [n, height, width] or, for CIFAR-10, [n, 3, 32, 32],
        and classes, int64 [n].

    Raises:
        UnknownNameError: The set is unknown.
        MissingDataError: The files are missing; CIFAR-10 is never downloaded.
        GraphFormatError: A file of MNIST or Fashion-MNIST is damaged.
        GraphFileError: A file of CIFAR-10 is damaged or cannot be read.
        MissingDependencyError: scikit-learn is not installed.
    """
    if name == CIFAR:
        return _cifar(data_root(root) / "CIFAR10" / "cifar-10-batches-bin", train)
    if name not in grey.IMAGE_SETS:
        raise UnknownNameError.among("image set", name, [*grey.IMAGE_SETS, CIFAR])
    images = grey.load_images(name, root=root)[0 if train else 1]
    pixels = images.pixels.reshape(-1, *images.size).astype(np.float32)
    return pixels / images.brightest, images.labels


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
    pixels = joined[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32)
    return pixels / 255, joined[:, 0].astype(np.int64)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingDataError(
            f"{path} is missing; put the publisher's file there, or give the folder that holds "
            "CIFAR10 as --data-root or WIS_DATA_ROOT"
        ) from None
    except OSError as error:
        raise GraphFileError(f"{path}: cannot be read: {error.strerror}") from None
