"""Tests of the comparison of gradients with finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import GradientError, WrongGradientError
from pellucid.graph.expr import Input


def test_correct_gradients_pass() -> None:
    x, i = Input("x", (3,), "float64"), Input("i", (), "int32")
    pel.verify_grad((pel.sin(x) * x).sum(), {x: np.arange(3.0)}, order=3)
    pel.verify_grad(pel.tanh(x), {x: [0.1, 0.2, 0.3]}, seed=5)
    pel.verify_grad(x[i] ** 2, {x: np.arange(3.0), i: 1})
    pel.verify_grad(pel.softmax, [np.ones((2, 3), "float32")], order=2)
    pel.verify_grad(lambda a, b: [a * b, (a + b).sum()], [np.arange(3.0), np.ones(3)])


def test_the_error_names_the_input_and_the_element() -> None:
    @pel.op(grad=lambda g, y, a, b: (g * b, g * pel.where(b > 2, 1.1 * a, a)))
    def product_here(xp: Any, a: Any, b: Any) -> Any:
        return a * b

    a, b = Input("a", (2, 2), "float64"), Input("b", (2, 2), "float64")
    cost = product_here(a, b).sum()
    message = (
        r"The gradient of product_here\(a, b\).sum\(\) with respect to b differs from finite differences. "
        r"Along a random direction, expected: \S+. Received: \S+, a relative error of \S+; "
        r"worst at \[1, 1\]: expected 7, received 7.7"
    )
    with pytest.raises(WrongGradientError, match=message):
        pel.verify_grad(cost, {a: np.array([[4.0, 5], [6, 7]]), b: np.array([[0.0, 1], [2, 3]])})
    pel.verify_grad(cost, {a: np.ones((2, 2)), b: np.full((2, 2), 3.0)}, [a])


def test_a_wrong_second_gradient_is_found() -> None:
    @pel.op(grad=lambda g, y, x: g * 3 * pel.stop_gradient(x) ** 2)
    def cube_here(xp: Any, x: Any) -> Any:
        return x**3

    pel.verify_grad(cube_here, [np.array([0.5, 2.0])])
    with pytest.raises(
        WrongGradientError, match=r"The second gradient of .* with respect to x0 differs from finite differences"
    ):
        pel.verify_grad(cube_here, [np.array([0.5, 2.0])], order=2)


def test_tolerances() -> None:
    @pel.op(grad=lambda g, y, x: g * 2.001 * x)
    def nearly_here(xp: Any, x: Any) -> Any:
        return x * x

    with pytest.raises(WrongGradientError):
        pel.verify_grad(nearly_here, [3.0])
    pel.verify_grad(nearly_here, [3.0], rtol=1e-3)


def test_nan_gradients_raise_errors() -> None:
    @pel.op(grad=lambda g, y, x: g * pel.log(-pel.abs(x)))
    def nan_here(xp: Any, x: Any) -> Any:
        return x * x

    with pytest.raises(WrongGradientError, match=r"Received: nan"), np.errstate(invalid="ignore"):
        pel.verify_grad(nan_here, [np.array([1.0, 2.0])])


def test_invalid_arguments_raise_errors() -> None:
    x, narrow = Input("x", (3,), "float64"), pel.vector("narrow")
    with pytest.raises(
        GradientError, match=r"verify_grad: expected float64 inputs. Received: narrow, which is float32"
    ):
        pel.verify_grad(narrow.sum(), {narrow: [1.0]})
    with pytest.raises(GradientError, match=r"expected a value for each input, {input: value}. Received: \[1.0\]"):
        pel.verify_grad(x.sum(), [1.0])
    with pytest.raises(GradientError, match=r"expected a value for each input, {input: value}. Received: {'x': 1.0}"):
        pel.verify_grad(x.sum(), {"x": 1.0})  # type: ignore[dict-item]
    with pytest.raises(GradientError, match=r"an expression and .*, or a function .* Received: int and list"):
        pel.verify_grad(3, [1.0])  # type: ignore[arg-type]
    with pytest.raises(GradientError, match=r"expected an order of 1 or more. Received: order=0"):
        pel.verify_grad(x.sum(), {x: np.ones(3)}, order=0)
    with pytest.raises(GradientError, match=r"expected an input of real numbers"):
        pel.verify_grad(pel.sin, [1])
    with pytest.raises(GradientError, match=r"expected a result of real numbers"):
        pel.verify_grad(lambda x: x > 0, [1.0])
