"""The MNIST digits, stored in the package, and a color version of them."""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError
from pellucid.data.idx import parse_idx
from pellucid.errors import near_miss
from pellucid.typing import Array

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int32]
Pair = tuple[Bytes, Bytes]

CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
    "train-labels-idx1-ubyte.gz": "fe03b8bd7915f70bf5aa08be480aa413fbd85afcaa58b35d230d335f284fd88e",
    "t10k-images-idx3-ubyte.gz": "5634745efa576a17e7d4cf5cd9d09123c75e6538e5114267c2d156edaf519341",
    "t10k-labels-idx1-ubyte.gz": "ae18e77e031ccde52407f794d123116439864147d33ac992975f85dd4dc42af6",
}
PREFIXES = {"train": "train", "test": "t10k"}
DARKEST_INK = 160
BRIGHTEST_PAPER = 96
BLOCK = 256


@overload
def mnist(split: None = None) -> tuple[Pair, Pair]: ...
@overload
def mnist(split: Literal["train", "test"]) -> Pair: ...
def mnist(split: str | None = None) -> tuple[Pair, Pair] | Pair:
    """The MNIST handwritten digits: 60,000 training and 10,000 test images of 28x28 pixels.

    Parameters
    ----------
    split : {"train", "test"} or None
        The set to return; None returns both.

    Returns
    -------
    tuple
        ``(x_train, y_train), (x_test, y_test)``, or one of the pairs: images of shape (n, 28, 28), dtype uint8
        and values from 0 (paper) to 255 (ink), and labels of shape (n,), dtype uint8 and values from 0 to 9.
        All arrays are read-only, because they are read once and shared.

    Raises
    ------
    DataError
        If there is no such split, or a file of the package is damaged.

    Examples
    --------
    >>> from pellucid.data import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
    >>> y_train[:5]
    array([5, 0, 4, 1, 9], dtype=uint8)

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE, 1998.
    """
    if split is None:
        return _load_split("train"), _load_split("test")
    return _load_split(split)


def digits32(split: str = "train", count: int | None = None, seed: int = 0) -> tuple[Bytes, Integers]:
    """MNIST as color images of 32x32 pixels: each digit in a random light color on a random dark background.

    Parameters
    ----------
    split : {"train", "test"}
        The training or the test set.
    count : int or None
        Number of digits, starting with the first; None returns all.
    seed : int
        Seed of the colors.

    Returns
    -------
    images : ndarray of shape (count, 32, 32, 3)
        Dtype uint8, channels last.
    labels : ndarray of shape (count,)
        Dtype int32, values from 0 to 9.

    Raises
    ------
    DataError
        If there is no such split, or ``count`` is out of range.

    Examples
    --------
    >>> images, labels = digits32(count=100)
    >>> images.shape, labels[:5]
    ((100, 32, 32, 3), array([5, 0, 4, 1, 9], dtype=int32))
    """
    images, labels = _load_split(split)
    count = len(images) if count is None else count
    if not 1 <= count <= len(images):
        raise DataError(f"digits32: expected a count from 1 to {len(images)} for {split!r}, received {count}.")
    return colorize(images[:count], np.random.default_rng(seed)), labels[:count].astype(np.int32)


def colorize(images: Bytes, rng: np.random.Generator) -> Bytes:
    """Pad gray digits to 32x32 and blend two random colors: paper + (ink - paper) * gray / 255.

    Ink is always lighter than paper, so that every digit is legible.

    Examples
    --------
    >>> colorize(np.zeros((5, 28, 28), "uint8"), np.random.default_rng(0)).shape
    (5, 32, 32, 3)
    """
    paper = rng.integers(0, BRIGHTEST_PAPER, (3, len(images), 1, 1)).astype(np.uint16)
    ink = rng.integers(DARKEST_INK, 256, (3, len(images), 1, 1)).astype(np.uint16)
    gray = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint16)
    gray += gray >> 7  # maps 255 to 256: the division becomes a shift, and the products still fit in 16 bits
    mixed = np.empty((*gray.shape, 3), np.uint8)
    # One channel of one block at a time, so that the working set fits in the cache.
    for start in range(0, len(images), BLOCK):
        block = slice(start, start + BLOCK)
        for channel in range(3):
            low, high = paper[channel, block], ink[channel, block]
            mixed[block, ..., channel] = low + ((high - low) * gray[block] >> 8)
    return mixed


@functools.cache
def _load_split(split: str) -> Pair:
    if split not in PREFIXES:
        raise DataError(f"Expected split to be 'train' or 'test', received {split!r}.{near_miss(split, PREFIXES)}")
    images = _read_packaged_file(f"{PREFIXES[split]}-images-idx3-ubyte.gz")
    labels = _read_packaged_file(f"{PREFIXES[split]}-labels-idx1-ubyte.gz")
    return images, labels


def _read_packaged_file(name: str) -> Array:
    """Read a file of the package and check its SHA-256 checksum."""
    file = resources.files("pellucid.data").joinpath("mnist", name)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); reinstall pellucid.") from error
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != CHECKSUMS[name]:
        raise DataError(
            f"{file}: expected SHA-256 {CHECKSUMS[name]}, received {checksum}; the file is damaged, reinstall pellucid."
        )
    return parse_idx(content, str(file))
