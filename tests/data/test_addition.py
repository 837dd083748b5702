"""Binary sums are correct and equal to those of the tutorial."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data import DataError, binary_addition, from_bits, to_bits


@settings(max_examples=30)
@given(bits=st.integers(1, 62), data=st.data())
def test_bits_round_trip(bits: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=5))
    digits = to_bits(np.array(numbers, np.int64), bits)
    assert digits.shape == (len(numbers), bits)
    assert from_bits(digits).tolist() == numbers


@settings(max_examples=30)
@given(n=st.integers(1, 20), bits=st.integers(1, 62), seed=st.integers(0, 2**32 - 1))
def test_the_sums_are_right(n: int, bits: int, seed: int) -> None:
    inputs, targets = binary_addition(n, bits, seed)
    assert inputs.shape == (n, bits, 2)
    assert targets.shape == (n, bits, 1)
    assert inputs.dtype == targets.dtype == np.float32
    assert (from_bits(inputs[..., 0]) + from_bits(inputs[..., 1]) == from_bits(targets[..., 0])).all()


def test_the_numbers_are_those_of_the_tutorial() -> None:
    rng = np.random.RandomState(0)
    rng.random_sample((2, 16))  # the weights come first
    reference = np.random.RandomState(0)
    reference.random_sample((2, 16))
    inputs, _ = binary_addition(50, seed=rng)
    for a, b in from_bits(inputs.swapaxes(1, 2)):
        assert (a, b) == (reference.randint(256 / 2), reference.randint(256 / 2))


def test_the_least_significant_bit_comes_first() -> None:
    assert to_bits([1, 128]).tolist() == [[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]]


def test_the_requested_dtype_is_used() -> None:
    assert binary_addition(1, dtype="float64")[0].dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: binary_addition(0), "Expected n to be 1 or more, received n=0"),
        (lambda: binary_addition(1, bits=63), "Expected 1 to 62 bits, received 63"),
        (lambda: to_bits([0.5]), "Expected integers, received dtype float64"),
        (lambda: to_bits([3, 256]), "Expected numbers from 0 to 255, the largest with 8 bits, received 3 to 256"),
        (lambda: to_bits([-1]), "received -1 to -1"),
        (lambda: from_bits([0, 0.7]), "Expected zeros and ones, received 0.7; round"),
        (lambda: from_bits(1), "digits along the last axis"),
    ],
)
def test_values_out_of_range_are_refused(call: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
