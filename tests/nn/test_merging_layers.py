"""Layers that make one expression of several: masks that go along, and what does not fit together."""

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
def test_a_mask_goes_along(kind: Any) -> None:
    assert nn.mask_of(kind()([pel.masked(S, SEEN), S])) is SEEN


def test_sequences_one_after_another_have_their_masks_one_after_another() -> None:
    both = nn.Concatenate(axis=1)([pel.masked(S, SEEN), pel.masked(T, HEARD)])
    mask = nn.mask_of(both)
    assert mask is not None
    values = np.ones((1, 5), bool), np.array([[True, False, True, False]])
    found = pel.function([SEEN, HEARD], mask, mode="numpy")(*values)
    np.testing.assert_array_equal(found, np.concatenate(values, axis=1))
    one = nn.mask_of(nn.Concatenate(axis=1)([S, pel.masked(T, HEARD)]))
    assert one is not None
    assert one.shape == ("n", 9)
    assert nn.mask_of(nn.Concatenate()([pel.masked(S, SEEN), S])) is SEEN


def test_integers_and_real_numbers_come_together() -> None:
    i = pel.imatrix("i", shape=("n", 3))
    assert nn.Add()([i, X]).dtype == np.float32
    assert nn.Average()([i, i]).dtype == np.float32
    assert nn.Maximum()([i, i]).dtype == np.int32


def test_inputs_may_stand_side_by_side() -> None:
    assert nn.Add()(X, X) is nn.Add()([X, X])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: nn.Add(name="a")(X), r"^a: expected a list of expressions, as in nn.Add\(\)\(\[a, b\]\). Received: x"),
        (lambda: nn.Add(name="a")([]), "^a: expected a list of expressions"),
        (lambda: nn.Add(name="a")([X, Y]), "^a: expected shapes that broadcast, and axis -1 is 3 here and 4 there"),
        (lambda: nn.Subtract(name="s")([X, X, X]), "^s: expected two expressions, not 3. Received: x of shape"),
        (lambda: nn.Concatenate(name="c")([X, S]), "^c: expected shapes that agree but for axis 1"),
        (lambda: nn.Concatenate(axis=0, name="c"), "^c: expected an axis other than the batch's, 0. Received: axis=0"),
        (lambda: nn.Concatenate(axis=7, name="c")([X, Y]), "^c of x: expected an axis from -2 to 1"),
        (lambda: nn.Dot(1, name="d")([X, Y]), "^d: expected axis 1 of the one to be as long as axis 1 of the other"),
        (
            lambda: nn.Dot((1, 0), name="d"),
            "^d: expected an axis, or one for each of two expressions, but 0, the batch",
        ),
        (lambda: nn.Dot(1, name="d")([X]), "^d: expected two expressions, not 1"),
    ],
)
def test_what_does_not_fit_is_told(write: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write()
