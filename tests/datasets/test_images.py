"""Images from idx files that the tests write themselves, and from scikit-learn."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from wis.datasets.images import IDX_FILES, load_images
from wis.errors import GraphFormatError, MissingDataError, UnknownNameError


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim])
    return header + np.array(values.shape, dtype=">i4").tobytes() + values.tobytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, count in (("train", 6), ("t10k", 4)):
        pixels = generator.integers(256, size=(count, 28, 28)).astype(np.uint8)
        labels = np.arange(count).astype(np.uint8) % 2
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels), mtime=0))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels), mtime=0))
    return tmp_path


def test_idx_files_are_read_row_by_row(root):
    train, test = load_images("Fashion_MNIST", root=root)
    expected = np.random.default_rng(0).integers(256, size=(6, 28, 28))
    assert np.array_equal(train.pixels, expected.reshape(6, 784))
    assert train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert test.pixels.shape == (4, 784)
    assert (train.size, train.brightest) == ((28, 28), 255)


def test_digits_are_split_once_and_for_all():
    train, test = load_images("digits")
    assert (train.pixels.shape, test.pixels.shape) == ((1437, 64), (360, 64))
    again, _ = load_images("digits")
    assert np.array_equal(train.pixels, again.pixels)
    assert np.bincount(np.concatenate([train.labels, test.labels])).sum() == 1797


def test_missing_files_are_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"train-images-idx3-ubyte\.gz"):
        load_images("mnist", root=tmp_path)


def test_an_unknown_set_lists_the_known(tmp_path):
    with pytest.raises(UnknownNameError, match="digits, fashion-mnist, mnist"):
        load_images("cifar", root=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "cannot be read as gzip"),
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\x01a", mtime=0), "not an idx file"),
        (gzip.compress(b"\0\0", mtime=0), "not an idx file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc", mtime=0), "holds 3 bytes"),
        (
            gzip.compress(idx(np.zeros((2, 28, 28), dtype=np.uint8)), mtime=0),
            "do not belong together",
        ),
        (gzip.compress(idx(np.zeros(6, dtype=np.uint8)), mtime=0)[:-12], "cannot be read as gzip"),
    ],
)
def test_a_damaged_file_is_one_line(root, content, message):
    (root / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(GraphFormatError, match=message) as caught:
        load_images("fashion-mnist", root=root)
    assert "\n" not in str(caught.value)


@pytest.mark.data
@pytest.mark.skipif("WIS_DATA_ROOT" not in os.environ, reason="needs WIS_DATA_ROOT")
@pytest.mark.parametrize("name", sorted(IDX_FILES))
def test_real_files_hold_70_000_images_of_ten_classes(name):
    train, test = load_images(name)
    assert (train.pixels.shape, test.pixels.shape) == ((60_000, 784), (10_000, 784))
    assert np.bincount(train.labels).size == 10
