r"""An op of one's own, checked as pellucid's own are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, WrongOpError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.gradient_check import verify_grad
from pellucid.graph.op_def import Op
from pellucid.graph.types import is_float
from pellucid.run.jax_runtime import jax, x64

Array = np.ndarray[Any, Any]

TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
"""How far NumPy and XLA may be apart, relative to a value and absolute for one of the size of 1."""


def check_op(function: Any, *operands: Any, **settings: Any) -> None:
    r"""Check an op: that NumPy and XLA agree, that types are as inferred, that gradients are those of differences.

    In float64 and in float32, value and gradient by the NumPy interpreter, which holds each against the type that was
    inferred, and by XLA. In float64, the first and second gradient against finite differences (`verify_grad`). At the
    op's ``edge`` values, that value and gradient are finite.

    Parameters
    ----------
    function : function
        An op made by `op`, `compound` or `from_jax`, or any function of expressions.
    *operands : array
        What to check it on; real numbers are taken in float64 and in float32. Without any, the op's own ``examples``,
        or operands from its ``domain``.
    **settings
        The op's settings.

    Raises
    ------
    WrongOpError
        If NumPy and XLA disagree, float32 becomes another dtype, or an edge is not finite.
    WrongGradientError
        If a gradient and finite differences disagree.
    ShapeError
        If a value is not of the type that was inferred.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> pel.check_op(pel.tanh)
    >>> pel.check_op(pel.softmax, np.array([[0.1, 0.2], [3.0, -1.0]]), axis=0)
    """
    op: Op | None = getattr(function, "op", None)
    cases = [(operands, settings)] if operands else drawn(function, op, settings)
    for values, chosen in cases:
        arrays = [np.asarray(value) for value in values]
        for dtype in TOLERANCES:
            check_value(function, [a.astype(dtype) if is_float(a.dtype) else a for a in arrays], chosen, dtype)
        check_gradients(function, op, arrays, chosen)
    if op is not None:
        for edge in op.edge:
            check_edge(function, op, edge)


def drawn(function: Any, op: Op | None, settings: dict[str, Any]) -> list[tuple[Sequence[Any], dict[str, Any]]]:
    """Return operands from what an op says of itself."""
    rng = np.random.default_rng(0)
    if op is not None and op.examples is not None:
        return [(values, {**chosen, **settings}) for values, chosen in op.examples(rng)]
    if op is None or not op.elementwise or op.variadic or not op.operands:
        raise PellucidError(f"check_op: {function} needs operands to be checked on: pel.check_op(function, array, ...)")
    count = len(op.operands)
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * count
    shapes = [(3, 4)] * count, [(3, 4), *[(4,)] * (count - 1)]
    cases: list[list[Array]] = [
        [rng.uniform(low, high, s) for (low, high), s in zip(domains, group, strict=True)] for group in shapes
    ]
    for values in cases:
        values[: op.conditions] = [value > 0 for value in values[: op.conditions]]
    return [(values, settings) for values in cases]


def written(function: Any, arrays: Sequence[Array], settings: dict[str, Any]) -> tuple[list[Expr], dict[Expr, Array]]:
    """Write a function on inputs of these values."""
    given: dict[Expr, Array] = {Input(f"x{i}", a.shape, a.dtype): a for i, a in enumerate(arrays)}
    made = function(*given, **settings)
    return list(made) if isinstance(made, (list, tuple)) else [made], given


def gradients_of(results: Sequence[Expr], given: dict[Expr, Array]) -> list[Expr]:
    """Return the gradient of the sum of all real results, by all real inputs; none where there is none."""
    real = [r.sum() for r in results if is_float(r.dtype)]
    wrt = [x for x in given if is_float(x.dtype)]
    return grad(sum(real[1:], real[0]), wrt, disconnected="zero") if real and wrt else []


def check_value(function: Any, arrays: Sequence[Array], settings: dict[str, Any], dtype: str) -> None:
    """Hold XLA against the interpreter, and dtypes against those of the operands."""
    results, given = written(function, arrays, settings)
    for result in results:
        if is_float(result.dtype) and result.dtype != dtype and any(a.dtype == dtype for a in arrays):
            raise WrongOpError(f"{result} is {result.dtype}, of operands that are {dtype}")
    outputs = [*results, *gradients_of(results, given)]
    by_numpy, by_xla = evaluate(np, outputs, given), compiled(outputs, given)
    tolerance = TOLERANCES[dtype]
    for output, a, b in zip(outputs, by_numpy, by_xla, strict=True):
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            worst = np.unravel_index(int(np.argmax(np.abs(np.subtract(a, b, dtype="float64")))), np.shape(a))
            raise WrongOpError(
                f"NumPy and XLA disagree on {output}, at {list(map(int, worst))} of {dtype}: "
                f"{np.asarray(a)[worst]} by NumPy, {np.asarray(b)[worst]} by XLA. Does the value use xp throughout?"
            )


def compiled(outputs: Sequence[Expr], given: dict[Expr, Array]) -> list[Array]:
    """Compile expressions as they are, without any rewriting, and run them."""

    def run(*arrays: Any) -> list[Any]:
        return evaluate(jax().numpy, outputs, dict(zip(given, arrays, strict=True)))

    with x64():
        return [np.asarray(value) for value in jax().jit(run)(*given.values())]


def check_gradients(function: Any, op: Op | None, arrays: Sequence[Array], settings: dict[str, Any]) -> None:
    """Hold first and second gradients against finite differences, where there are any."""
    results, given = written(function, arrays, settings)
    real = any(is_float(r.dtype) for r in results) and any(is_float(x.dtype) for x in given)
    if real and (op is None or op.differentiable):
        verify_grad(lambda *inputs: function(*inputs, **settings), arrays, order=2)


def check_edge(function: Any, op: Op, edge: float) -> None:
    """Refuse a value or gradient that is not finite where the op says that it is."""
    results, given = written(function, [np.full(2, edge)] * len(op.operands), {})
    outputs = [*results, *gradients_of(results, given)]
    for output, value in zip(outputs, evaluate(np, outputs, given), strict=True):
        if not np.isfinite(value).all():
            raise WrongOpError(f"{output} is {value} at the edge {edge}, and was to be finite")
