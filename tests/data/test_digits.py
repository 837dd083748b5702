"""MNIST from the package, and its color version."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import DataError, digits, digits32, mnist


def test_mnist_is_the_canonical_one() -> None:
    (x_train, y_train), (x_test, y_test) = mnist()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert x_train.mean() == pytest.approx(33.3184, abs=1e-4)
    assert x_train.max() == 255


def test_a_split_is_one_of_the_pairs() -> None:
    images, labels = mnist("test")
    (_, _), (x_test, y_test) = mnist()
    assert images is x_test
    assert labels is y_test
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_misspelled_split_gets_a_suggestion() -> None:
    with pytest.raises(
        DataError, match=r"Expected split to be 'train' or 'test', received 'tset'\. Did you mean 'test'\?"
    ):
        mnist("tset")  # type: ignore[call-overload]


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the MNIST files that tests may damage, read instead of the package's own."""
    folder = tmp_path / "mnist"
    shutil.copytree(Path(digits.__file__).parent / "mnist", folder)
    monkeypatch.setattr(digits.resources, "files", lambda package: tmp_path)
    digits._load_split.cache_clear()
    yield folder
    digits._load_split.cache_clear()


def test_a_damaged_file_is_named(damaged: Path) -> None:
    file = damaged / "t10k-labels-idx1-ubyte.gz"
    labels = bytearray(gzip.decompress(file.read_bytes()))
    labels[100] ^= 1
    file.write_bytes(gzip.compress(labels))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz: expected SHA-256 ae18.*, received .*damaged"):
        mnist("test")


def test_a_missing_file_is_named(damaged: Path) -> None:
    (damaged / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz: cannot be read .*reinstall pellucid"):
        mnist("train")


def test_digits32_are_padded_and_colored() -> None:
    images, labels = digits32("test", count=600)
    gray, expected = mnist("test")
    assert images.shape == (600, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    assert labels.tolist() == expected[:600].tolist()
    paper = images[:, :1, :1]
    assert (images[:, :2] == paper).all()
    assert (images[:, :, -2:] == paper).all()
    assert (images[:, 2:-2, 2:-2][gray[:600] == 0] == np.broadcast_to(paper, (600, 28, 28, 3))[gray[:600] == 0]).all()
    assert len(np.unique(paper.reshape(600, 3), axis=0)) > 590
    ink = images[:, 2:-2, 2:-2][gray[:600] == 255]
    assert paper.max() < 96
    assert ink.min() >= 160


def test_digits32_come_from_the_seed() -> None:
    first, again, other = (digits32(count=5, seed=seed)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("count", [0, -1, 10001])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(DataError, match=f"expected a count from 1 to 10000 for 'test', received {count}"):
        digits32("test", count=count)
