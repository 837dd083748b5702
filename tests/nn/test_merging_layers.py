"""Tests of merging layers: masks and error messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

X, Y = pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 4))
S, T = pel.tensor3("s", shape=("n", 5, 2)), pel.tensor3("t", shape=("n", 4, 2))
SEEN, HEARD = pel.tensor("seen", ("n", 5), "bool"), pel.tensor("heard", ("n", 4), "bool")
KINDS = [nn.Add, nn.Subtract, nn.Multiply, nn.Average, nn.Maximum, nn.Minimum]


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_is_kept(kind: Any) -> None:
    assert nn.find_mask(kind()([pel.attach_mask(S, SEEN), S])) is SEEN


def test_concatenate_concatenates_masks() -> None:
    both = nn.Concatenate(axis=1)([pel.attach_mask(S, SEEN), pel.attach_mask(T, HEARD)])
    mask = nn.find_mask(both)
    assert mask is not None
    values = np.ones((1, 5), bool), np.array([[True, False, True, False]])
    found = pel.function([SEEN, HEARD], mask, mode="numpy")(*values)
    np.testing.assert_array_equal(found, np.concatenate(values, axis=1))
    one = nn.find_mask(nn.Concatenate(axis=1)([S, pel.attach_mask(T, HEARD)]))
    assert one is not None
    assert one.shape == ("n", 9)
    assert nn.find_mask(nn.Concatenate()([pel.attach_mask(S, SEEN), S])) is SEEN


def test_integers_and_floats_are_merged() -> None:
    i = pel.imatrix("i", shape=("n", 3))
    assert nn.Add()([i, X]).dtype == np.float32
    assert nn.Average()([i, i]).dtype == np.float32
    assert nn.Maximum()([i, i]).dtype == np.int32


def test_inputs_as_positional_arguments() -> None:
    assert nn.Add()(X, X).unlabeled is nn.Add()([X, X]).unlabeled


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.Add(name="a")(X), r"^a: expected a list of expressions, as in nn.Add\(\)\(\[a, b\]\). Received: x"),
        (lambda: nn.Add(name="a")([]), "^a: expected a list of expressions"),
        (lambda: nn.Add(name="a")([X, Y]), "^a: expected shapes that broadcast, but the lengths 3 and 4 of axis -1"),
        (lambda: nn.Subtract(name="s")([X, X, X]), "^s: expected two expressions, not 3. Received: x of shape"),
        (lambda: nn.Concatenate(name="c")([X, S]), "^c: expected shapes that are equal except along axis 1"),
        (lambda: nn.Concatenate(axis=0, name="c"), "^c: expected an axis other than 0, the batch axis. Received"),
        (lambda: nn.Concatenate(axis=7, name="c")([X, Y]), "^c of x: expected an axis from -2 to 1"),
        (lambda: nn.Dot(1, name="d")([X, Y]), "^d: expected axis 1 of the first to be as long as axis 1 of the second"),
        (
            lambda: nn.Dot((1, 0), name="d"),
            "^d: expected an axis, or one for each of two expressions, other than 0, the batch",
        ),
        (lambda: nn.Concatenate(-2, name="c")([X, X]), "^c: expected an axis other than the batch axis, not axis=-2"),
        (lambda: nn.Dot(-2, name="d")([X, X]), r"^d: expected axes other than the batch axis, not axes=\(-2, -2\)"),
        (lambda: nn.Dot(1, name="d")([X]), "^d: expected two expressions, not 1"),
    ],
)
def test_invalid_arguments_and_inputs_are_rejected(write: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write()
