"""``pel.check_op``: checks a custom op the way pellucid's own ops are tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, WrongOpError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.gradient_check import verify_grad
from pellucid.graph.op import Op
from pellucid.graph.op_decorator import OpFunction
from pellucid.graph.types import is_float
from pellucid.run.jax_runtime import jax, x64
from pellucid.typing import Array, ArrayLike

TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
"""Maximum difference between NumPy and XLA, relative and absolute."""


def check_op(function: OpFunction[Any], *operands: ArrayLike, **settings: Any) -> None:
    r"""Check an op: NumPy and XLA agree, types are as inferred, and gradients equal finite differences.

    Value and gradient are computed in float64 and float32, by the NumPy interpreter, which checks the inferred types,
    and by XLA. First and second gradients are compared with finite differences in float64 (`verify_grad`). At the op's
    ``edge`` values, value and gradient must be finite.

    Parameters
    ----------
    function : function
        An op made by `op`, `composite` or `from_jax`, or any function of expressions.
    *operands : array
        Operands to check it on; real ones are converted to float64 and float32. By default the op's ``examples``, or
        random operands from its ``domain``.
    **settings
        The op's settings.

    Raises
    ------
    WrongOpError
        If NumPy and XLA disagree, float32 becomes another dtype, or an edge is not finite.
    WrongGradientError
        If a gradient differs from finite differences.
    ShapeError
        If a value has another type than inferred.

    Examples
    --------
    >>> import numpy as np, pellucid as pel
    >>> pel.check_op(pel.tanh)
    >>> pel.check_op(pel.softmax, np.array([[0.1, 0.2], [3.0, -1.0]]), axis=0)
    """
    op: Op | None = getattr(function, "op", None)
    cases = [(operands, settings)] if operands else make_cases(function, op, settings)
    for values, case_settings in cases:
        arrays = [np.asarray(value) for value in values]
        for dtype in TOLERANCES:
            converted = [a.astype(dtype) if is_float(a.dtype) else a for a in arrays]
            check_values(function, converted, case_settings, dtype)
        check_gradients(function, op, arrays, case_settings)
    if op is not None:
        for edge in op.edge:
            check_edge(function, op, edge)


def make_cases(
    function: OpFunction[Any], op: Op | None, settings: dict[str, Any]
) -> list[tuple[Sequence[Any], dict[str, Any]]]:
    rng = np.random.default_rng(0)
    if op is not None and op.examples is not None:
        return [(values, {**example_settings, **settings}) for values, example_settings in op.examples(rng)]
    if op is None or not op.elementwise or op.variadic or not op.operands:
        raise PellucidError(
            f"check_op: expected operands for {function}. Pass arrays: pel.check_op(function, array, ...)"
        )
    count = len(op.operands)
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * count
    shapes = [(3, 4)] * count, [(3, 4), *[(4,)] * (count - 1)]
    cases: list[list[Array]] = [
        [rng.uniform(low, high, s) for (low, high), s in zip(domains, group, strict=True)] for group in shapes
    ]
    for values in cases:
        values[: op.conditions] = [value > 0 for value in values[: op.conditions]]
    return [(values, settings) for values in cases]


def apply_symbolically(
    function: OpFunction[Any], arrays: Sequence[Array], settings: dict[str, Any]
) -> tuple[list[Expr], dict[Expr, Array]]:
    """Call a function on inputs; return the results, and the inputs with their values."""
    values: dict[Expr, Array] = {Input(f"x{i}", a.shape, a.dtype): a for i, a in enumerate(arrays)}
    results = function(*values, **settings)
    return list(results) if isinstance(results, (list, tuple)) else [results], values


def make_gradients(results: Sequence[Expr], values: dict[Expr, Array]) -> list[Expr]:
    sums = [r.sum() for r in results if is_float(r.dtype)]
    wrt = [x for x in values if is_float(x.dtype)]
    return grad(sum(sums[1:], sums[0]), wrt, disconnected="zero") if sums and wrt else []


def check_values(function: OpFunction[Any], arrays: Sequence[Array], settings: dict[str, Any], dtype: str) -> None:
    """Compare XLA with the interpreter, and dtypes of results with those of operands."""
    results, values = apply_symbolically(function, arrays, settings)
    for result in results:
        if is_float(result.dtype) and result.dtype != dtype and any(a.dtype == dtype for a in arrays):
            raise WrongOpError(f"Expected {result} to be {dtype}, like its operands. Received: {result.dtype}")
    outputs = [*results, *make_gradients(results, values)]
    by_numpy, by_xla = evaluate(np, outputs, values), run_xla(outputs, values)
    tolerance = TOLERANCES[dtype]
    for output, a, b in zip(outputs, by_numpy, by_xla, strict=True):
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            worst = np.unravel_index(int(np.argmax(np.abs(np.subtract(a, b, dtype="float64")))), np.shape(a))
            raise WrongOpError(
                f"NumPy and XLA disagree on {output} in {dtype}, at {list(map(int, worst))}: "
                f"{np.asarray(a)[worst]} by NumPy, {np.asarray(b)[worst]} by XLA. Check that the value uses only xp"
            )


def run_xla(outputs: Sequence[Expr], values: dict[Expr, Array]) -> list[Array]:
    """Compile expressions without simplification, and run them."""

    def run(*arrays: Array) -> list[Array]:
        return evaluate(jax().numpy, outputs, dict(zip(values, arrays, strict=True)))

    with x64():
        return [np.asarray(value) for value in jax().jit(run)(*values.values())]


def check_gradients(
    function: OpFunction[Any], op: Op | None, arrays: Sequence[Array], settings: dict[str, Any]
) -> None:
    """Compare first and second gradients with finite differences, if there are any."""
    results, values = apply_symbolically(function, arrays, settings)
    is_real = any(is_float(r.dtype) for r in results) and any(is_float(x.dtype) for x in values)
    if is_real and (op is None or op.differentiable):
        verify_grad(lambda *inputs: function(*inputs, **settings), arrays, order=2)


def check_edge(function: OpFunction[Any], op: Op, edge: float) -> None:
    results, values = apply_symbolically(function, [np.full(2, edge)] * len(op.operands), {})
    outputs = [*results, *make_gradients(results, values)]
    for output, value in zip(outputs, evaluate(np, outputs, values), strict=True):
        if not np.isfinite(value).all():
            raise WrongOpError(f"Expected {output} to be finite at the edge {edge}. Received: {value}")
