"""Binary addition: a sequence data set for recurrent networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError
from pellucid.typing import Array, ArrayLike

MAXIMUM_BITS = 62  # so that every number, and every sum of two halves, is an int64


def binary_addition(
    n: int, bits: int = 8, seed: int | np.random.RandomState = 0, dtype: str | None = None
) -> tuple[Array, Array]:
    """Pairs of random numbers and their sums c = a + b, as bits, least significant bit first.

    a and b are uniform on [0, 2**(bits - 1)), so that the sum fits in the same number of bits.

    Parameters
    ----------
    n : int
        The number of sums.
    bits : int
        The bits of each number, from 1 to 62.
    seed : int or numpy.random.RandomState
        Seed of the numbers, which are drawn in the order a, b, a, b, ... Pass a `RandomState`, which the call
        advances, to draw initial weights and data from one stream.
    dtype : str or None
        The dtype of the bits; None is ``pellucid.config.floatx``.

    Returns
    -------
    inputs : ndarray of shape (n, bits, 2)
        The bits of a and of b.
    targets : ndarray of shape (n, bits, 1)
        The bits of c.

    Raises
    ------
    DataError
        If ``n`` or ``bits`` is out of range.

    Examples
    --------
    >>> inputs, targets = binary_addition(1)
    >>> from_bits(inputs[0].T), from_bits(targets[0].T)
    (array([44, 47]), array([91]))

    References
    ----------
    A. Trask, "Anyone can learn to code an LSTM-RNN in Python", 2015.
    """
    from pellucid.graph.config import config

    if n < 1:
        raise DataError(f"Expected n to be 1 or more, received n={n}.")
    _check_bits(bits)
    rng = seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)
    pairs = rng.randint(2 ** (bits - 1), size=(n, 2), dtype=np.int64)
    inputs = to_bits(pairs, bits).swapaxes(1, 2)
    targets = to_bits(pairs.sum(axis=1), bits)[..., None]
    dtype = dtype or config.floatx
    return inputs.astype(dtype, order="C"), targets.astype(dtype)


def to_bits(numbers: ArrayLike, bits: int = 8) -> npt.NDArray[np.uint8]:
    """Binary digits of integers, least significant bit first: bit i is floor(number / 2**i) mod 2.

    Parameters
    ----------
    numbers : array_like of int, of any shape
        Numbers from 0 to 2**bits - 1.
    bits : int
        Number of digits, from 1 to 62.

    Returns
    -------
    ndarray of shape (*numbers.shape, bits)
        Dtype uint8, zeros and ones.

    Raises
    ------
    DataError
        If a number is not an integer or needs more bits.

    Examples
    --------
    >>> to_bits(6, bits=4)
    array([0, 1, 1, 0], dtype=uint8)
    """
    _check_bits(bits)
    numbers = np.asarray(numbers)
    if not np.issubdtype(numbers.dtype, np.integer):
        raise DataError(f"Expected integers, received dtype {numbers.dtype}; convert them to an integer dtype.")
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < 2**bits):
        raise DataError(
            f"Expected numbers from 0 to {2**bits - 1}, the largest with {bits} bits, received "
            f"{numbers.min()} to {numbers.max()}; use more bits."
        )
    return (numbers.astype(np.int64)[..., None] >> np.arange(bits) & 1).astype(np.uint8)


def from_bits(bits: ArrayLike) -> npt.NDArray[np.int64]:
    """Integers from binary digits, least significant bit first: the sum of bit i * 2**i.

    Parameters
    ----------
    bits : array_like of shape (..., bits)
        Zeros and ones of any dtype; round the outputs of a network first.

    Returns
    -------
    ndarray of shape (...)
        Dtype int64.

    Raises
    ------
    DataError
        If an element is neither 0 nor 1, or there are more than 62 digits.

    Examples
    --------
    >>> from_bits([[0, 1, 1, 0], [1, 0, 0, 0]])
    array([6, 1])
    """
    bits = np.asarray(bits)
    if bits.ndim == 0:
        raise DataError("Expected digits along the last axis, received a single number.")
    _check_bits(bits.shape[-1])
    invalid = bits[(bits != 0) & (bits != 1)]
    if invalid.size:
        raise DataError(f"Expected zeros and ones, received {invalid[0]}; round the outputs of a network first.")
    return np.asarray(bits.astype(np.int64) @ (1 << np.arange(bits.shape[-1])))


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAXIMUM_BITS:
        raise DataError(f"Expected 1 to {MAXIMUM_BITS} bits, received {bits}.")
