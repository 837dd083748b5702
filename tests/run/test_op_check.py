"""What `check_op` finds wrong with an op."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import PellucidError, ShapeError, WrongGradientError, WrongOpError
from pellucid.graph.op_def import OPS
from pellucid.graph.operators import FUNCTIONS


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    """Take what a test defines out of the registry again."""
    before = set(OPS)
    yield
    for name in set(OPS) - before:
        del OPS[name], FUNCTIONS[name]


def test_pellucid_s_own_ops_pass() -> None:
    pel.check_op(pel.tanh)
    pel.check_op(pel.where)
    pel.check_op(pel.floor)
    pel.check_op(pel.softmax)
    pel.check_op(pel.std, np.array([1.0, 2.0, 4.0]), ddof=1)


def made(value: Any, **record: Any) -> Any:
    return pel.op(name="wrong_here", **record)(value)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: made(lambda xp, x: x if xp is np else x * 2, grad=lambda g, y, x: g),
            WrongOpError,
            r"NumPy and XLA disagree on wrong_here\(x0\), at \[.*\] of float64: .* by NumPy, .* by XLA. .* use xp",
        ),
        (
            lambda: made(lambda xp, x: xp.exp(x), grad=lambda g, y, x: g),
            WrongGradientError,
            r"The gradient of .*wrong_here\(x0\).* by x0 is not that of finite differences",
        ),
        (
            lambda: made(lambda xp, x: xp.log(x), grad=lambda g, y, x: g / x, domain=(1, 2), edge=(0.0,)),
            WrongOpError,
            r"wrong_here\(x0\) is \[-inf -inf\] at the edge 0.0, and was to be finite",
        ),
        (
            lambda: made(lambda xp, x: xp.exp(x).astype("float64"), grad=lambda g, y, x: g * y),
            ShapeError,
            r"was to be float32 \(3, 4\) and came out as float64",
        ),
        (
            lambda: made(lambda xp, x: xp.exp(x).astype("float64"), result="float64", grad=lambda g, y, x: g * y),
            WrongOpError,
            r"wrong_here\(x0\) is float64, of operands that are float32",
        ),
        (
            lambda: lambda x: x,
            PellucidError,
            r"check_op: .* needs operands to be checked on",
        ),
    ],
)
def test_what_is_wrong_is_named(build: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message), np.errstate(divide="ignore"):
        pel.check_op(build())
