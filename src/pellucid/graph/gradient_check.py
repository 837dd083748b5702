r"""Gradient check by finite differences.

The derivative of a cost along a direction :math:`d` is :math:`\langle \nabla c, d \rangle`; a central difference
:math:`\frac{c(x + hd) - c(x - hd)}{2h}` approximates it with error :math:`O(h^2)`. A random projection of all
results gives a scalar cost, and a random direction checks all elements of an input at once.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pellucid.graph.errors import GradientError, WrongGradientError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad, to_list
from pellucid.graph.types import is_float

if TYPE_CHECKING:
    from pellucid.typing import Array


Values: TypeAlias = "dict[Expr, Array]"

STEP = 1e-5
"""Step of the differences. In float64, rounding and truncation errors are about equal."""

MAX_ELEMENTS = 1000
"""Largest gradient whose worst element is searched."""


def verify_grad(
    what: Expr | Callable[..., Any],
    values: Mapping[Expr, Any] | Sequence[Any],
    wrt: Sequence[Expr] | None = None,
    *,
    order: int = 1,
    rtol: float = 2e-6,
    atol: float = 2e-6,
    seed: int = 0,
) -> None:
    r"""Compare a gradient with central differences, :math:`\frac{c(x + hd) - c(x - hd)}{2h}`, in float64.

    The NumPy interpreter evaluates both. Results that are not a single scalar are projected on random weights.

    Parameters
    ----------
    what : Expr or function
        An expression of float64 inputs, or a function from expressions to one or several expressions, such as an op.
    values : mapping from Expr to array, or sequence of array
        The value of each input of an expression, or the operands of a function. Floats are converted to float64.
    wrt : sequence of Expr, optional
        The variables, by default all floating-point inputs.
    order : int
        Highest order of derivatives: 1 for gradients, 2 for gradients of projected gradients, and so on.
    rtol, atol : float
        Relative tolerance, and absolute tolerance for values of magnitude 1.
    seed : int
        Seed of random weights and directions.

    Raises
    ------
    WrongGradientError
        If a gradient differs. The message has the input, the order, both values and the worst element.
    GradientError
        If there is no floating-point result or input.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> pel.verify_grad(pel.tanh, [np.array([0.3, -1.0])], order=2)
    >>> x = pel.vector("x", dtype="float64")
    >>> pel.verify_grad((x**3).sum(), {x: [1.0, 2.0]})

    References
    ----------
    A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, section 1.1.
    """
    results, given = build_results(what, values)
    inputs = [i for i in given if is_float(i.dtype)] if wrt is None else list(wrt)
    real = [r for r in results if is_float(r.dtype)]
    if order < 1:
        raise GradientError(f"verify_grad: expected an order of 1 or more. Received: order={order}")
    if not real or not inputs:
        lacking = "a result" if not real else "an input"
        raise GradientError(f"verify_grad: expected {lacking} of real numbers. Received: {results} of {list(given)}")
    rng = np.random.default_rng(seed)
    cost = real[0] if len(real) == 1 and real[0].ndim == 0 else project_results(real, given, rng)
    for current in range(1, order + 1):
        gradients = grad(cost, inputs, disconnected="zero")
        found = evaluate(np, gradients, given)
        check_types(inputs, given, found)
        directions = {x: rng.normal(size=np.shape(g)) for x, g in zip(inputs, found, strict=True)}
        received = sum(float(np.sum(g * d)) for g, d in zip(found, directions.values(), strict=True))
        value, expected = differentiate_along(cost, given, directions)
        if not np.isclose(received, expected, rtol, atol * (1 + abs(value))):
            raise WrongGradientError(
                explain_mismatch(cost, given, dict(zip(inputs, found, strict=True)), directions, current)
            )
        if current < order:
            cost = project_results(gradients, given, rng)


def build_results(what: Any, values: Any) -> tuple[list[Expr], Values]:
    """Return the results to check and the values of all inputs, with floats in float64."""
    if isinstance(what, Expr):
        if not isinstance(values, Mapping) or not all(isinstance(e, Expr) for e in values):
            raise GradientError(f"verify_grad: expected a value for each input, {{input: value}}. Received: {values!r}")
        given = {e: np.asarray(value, e.dtype) for e, value in values.items()}
        narrow = next((e for e in given if is_float(e.dtype) and e.dtype != np.float64), None)
        if narrow is not None:
            raise GradientError(
                f"verify_grad: expected float64 inputs. Received: {narrow}, which is {narrow.dtype}; "
                "declare it with dtype='float64', or pass a function"
            )
        return [what], given
    if isinstance(values, Mapping) or not callable(what):
        raise GradientError(
            "verify_grad: expected an expression and {input: value}, or a function and the values of its operands. "
            f"Received: {type(what).__name__} and {type(values).__name__}"
        )
    operands = [np.asarray(v) for v in values]
    operands = [o.astype("float64") if is_float(o.dtype) else o for o in operands]
    inputs = [Input(f"x{i}", o.shape, o.dtype) for i, o in enumerate(operands)]
    return to_list(what(*inputs)), dict(zip(inputs, operands, strict=True))


def project_results(results: Sequence[Expr], given: Values, rng: np.random.Generator) -> Expr:
    """Return the weighted sum of all results with random weights, which are added to the given values."""
    parts = []
    for result, value in zip(results, evaluate(np, results, given), strict=True):
        weights = Input("r", result.shape, result.dtype)
        given[weights] = rng.normal(size=np.shape(value)).astype(result.dtype)
        parts.append((result * weights).sum())
    return functools.reduce(operator.add, parts)


def differentiate_along(cost: Expr, given: Values, directions: Values) -> tuple[float, float]:
    """Return the cost, and its directional derivative by a central difference."""
    ahead, behind = (
        float(evaluate(np, [cost], {**given, **{x: given[x] + s * d for x, d in directions.items()}})[0])
        for s in (STEP, -STEP)
    )
    return ahead, (ahead - behind) / (2 * STEP)


def check_types(inputs: Sequence[Expr], given: Values, gradients: Sequence[Any]) -> None:
    for x, g in zip(inputs, gradients, strict=True):
        if np.shape(g) != np.shape(given[x]) or g.dtype != x.dtype:
            raise WrongGradientError(
                f"The gradient with respect to {x} is {g.dtype} {np.shape(g)}. Expected: {x.dtype} {np.shape(given[x])}"
            )


def explain_mismatch(cost: Expr, given: Values, gradients: Values, directions: Values, order: int) -> str:
    """Return the message for a wrong gradient: the input with the largest difference, and its worst element."""
    gaps = {}
    for x, d in directions.items():
        received, expected = float(np.sum(gradients[x] * d)), differentiate_along(cost, given, {x: d})[1]
        gaps[x] = abs(received - expected), received, expected
    x = max(gaps, key=lambda e: np.nan_to_num(gaps[e][0], nan=np.inf))
    gap, received, expected = gaps[x]
    which = {1: "gradient", 2: "second gradient"}.get(order, f"gradient of order {order}")
    return (
        f"The {which} of {cost} with respect to {x} differs from finite differences. Along a random direction, "
        f"expected: {expected:.8g}. Received: {received:.8g}, a relative error of "
        f"{gap / max(abs(expected), np.finfo(float).tiny):.2g}{find_worst_element(cost, given, x, gradients[x])}"
    )


def find_worst_element(cost: Expr, given: Values, x: Expr, g: Array) -> str:
    """Return the end of the message, with the element that differs most, unless the gradient is large."""
    if g.ndim == 0 or not 0 < g.size <= MAX_ELEMENTS:
        return ""
    units = np.eye(g.size).reshape(g.size, *g.shape)
    expected = np.reshape([differentiate_along(cost, given, {x: unit})[1] for unit in units], g.shape)
    gap = np.nan_to_num(np.abs(g - expected), nan=np.inf)
    worst = np.unravel_index(int(np.argmax(gap)), g.shape)
    index = ", ".join(map(str, worst))
    return f"; worst at [{index}]: expected {expected[worst]:.8g}, received {g[worst]:.8g}"
