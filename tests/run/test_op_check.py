"""Errors that `check_op` finds in custom ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import PellucidError, ShapeError, WrongGradientError, WrongOpError


@pytest.mark.parametrize(
    ("op", "operands", "settings"),
    [
        (pel.where, [], {}),
        (pel.floor, [], {}),
        (pel.std, [np.array([1.0, 2.0, 4.0])], {"ddof": 1}),
        pytest.param(pel.tanh, [], {}, marks=pytest.mark.slow),
        pytest.param(pel.softmax, [], {}, marks=pytest.mark.slow),
    ],
)
def test_builtin_ops_pass(op: Any, operands: list[np.ndarray], settings: dict[str, int]) -> None:
    pel.check_op(op, *operands, **settings)


def make_op(value: Any, **record: Any) -> Any:
    return pel.op(name="wrong_here", **record)(value)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: make_op(lambda xp, x: x if xp is np else x * 2, grad=lambda g, y, x: g),
            WrongOpError,
            r"NumPy and XLA disagree on wrong_here\(x0\) in float64, at \[.*\]: .* by NumPy, .* by XLA. .* only xp",
        ),
        (
            lambda: make_op(lambda xp, x: xp.exp(x), grad=lambda g, y, x: g),
            WrongGradientError,
            r"The gradient of .*wrong_here\(x0\).* with respect to x0 differs from finite differences",
        ),
        (
            lambda: make_op(lambda xp, x: xp.log(x), grad=lambda g, y, x: g / x, domain=(1, 2), edge=(0.0,)),
            WrongOpError,
            r"Expected wrong_here\(x0\) to be finite at the edge 0.0. Received: \[-inf -inf\]",
        ),
        (
            lambda: make_op(lambda xp, x: xp.exp(x).astype("float64"), grad=lambda g, y, x: g * y),
            ShapeError,
            r"should be float32 \(3, 4\) and is float64",
        ),
        (
            lambda: make_op(lambda xp, x: xp.exp(x).astype("float64"), result="float64", grad=lambda g, y, x: g * y),
            WrongOpError,
            r"Expected wrong_here\(x0\) to be float32, like its operands. Received: float64",
        ),
        (
            lambda: lambda x: x,
            PellucidError,
            r"check_op: expected operands for .* Pass arrays",
        ),
    ],
)
def test_errors_are_found(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message), np.errstate(divide="ignore"):
        pel.check_op(build())
