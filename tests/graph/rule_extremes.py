"""Both sides of every rewrite rule at magnitudes from 1e-30 to 1e30, and their exact values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from stability.high_precision import FUNCTIONS as EXACT_FUNCTIONS
from stability.high_precision import elementwise

from pellucid.graph.decomposition import symbolic
from pellucid.graph.expr import Constant, Expr, Input, constant
from pellucid.graph.rewrite_rule import Rule
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import topological

Array = np.ndarray[Any, Any]
Values = dict[Expr, Array]

LARGEST_EXPONENT = 30
DIGITS = 200
"""Digits of the exact values: 1 + 1e-30 ** 4 is not 1."""

TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
"""Relative error up to which a value is right."""

NUMPY_OPS = """
add subtract multiply true_divide negative square abs maximum minimum fmax fmin where sum mean max min prod
reshape expand_dims squeeze transpose flip broadcast_to concatenate slice take_along_axis roll repeat_each
tile cumsum less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not any all
outer diagonal tril triu join
"""
"""Ops whose NumPy function also works on arrays of exact numbers."""

REAL_FUNCTIONS = {
    "power": elementwise(lambda x, y: x**y if x or y else mpmath.mpf(1)),
    "exp2": elementwise(lambda x: mpmath.mpf(2) ** x),
    "sign": elementwise(mpmath.sign),
    "cbrt": elementwise(lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x))),
    "arcsin": elementwise(mpmath.asin),
    "arccos": elementwise(mpmath.acos),
    "arctan": elementwise(mpmath.atan),
    "arctan2": elementwise(mpmath.atan2),
    "logaddexp": elementwise(lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y))),
    "logaddexp2": elementwise(lambda x, y: mpmath.log(mpmath.mpf(2) ** x + mpmath.mpf(2) ** y) / mpmath.log(2)),
    "matmul": lambda x, y: np.dot(x, y),
    "broadcast_like": lambda x, like: np.broadcast_to(x, like.shape),
    "reshape_like": lambda x, like: np.reshape(x, like.shape),
    "tanh_slope": elementwise(lambda y, x: mpmath.sech(x) ** 2),
    "sigmoid_slope": elementwise(lambda y, x: mpmath.exp(-abs(x)) / (1 + mpmath.exp(-abs(x))) ** 2),
    "var": lambda x, axis=None, ddof=0, keepdims=False: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
    "divide_no_nan": elementwise(lambda x, y: x / y if y else mpmath.mpf(0)),
}

NO_EXACT_VALUE = {
    **dict.fromkeys(
        ["inv", "solve", "det", "logabsdet"], "rounding errors of factorizations are bounded for the matrix only"
    ),
    **dict.fromkeys(["attach_mask", "stop_gradient", "size", "gather", "scan_loop", "max_pool"], "moves numbers"),
    "isinf": "has no exact counterpart",
    **dict.fromkeys(["power_of_two", "copysign"], "depends on the representation of numbers"),
    **dict.fromkeys(["gammaln", "erfcx", "erf_difference"], "is compared by the tests of stability"),
}
"""Ops that are not computed exactly, so that rules of them are not compared, with the reason."""

NOT_COMPARED = {
    "prod_of_prod": "multiplies in another order, which overflows for other numbers",
    "log_of_expand_dims": "log_softmax is as inexact as log where the probability is near 1",
}
"""Rules that may be worse at some magnitudes, with the reason."""

as_exact = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)


class NoExactValue(Exception):
    """An op has no exact counterpart here."""


def compute_exactly(e: Expr, values: Mapping[Expr, Array]) -> Array:
    """Return the value of an expression in exact numbers."""
    return np.asarray(evaluate_exactly(e, {i: as_exact(v) if v.dtype.kind == "f" else v for i, v in values.items()}))


def evaluate_exactly(e: Expr, values: Mapping[Expr, Any]) -> Any:
    done = dict(values)
    for node in topological([e], stop=done):
        if isinstance(node, Constant):
            done[node] = as_exact(node.value) if node.dtype.kind == "f" else node.value
        elif node not in done:
            done[node] = compute_op_exactly(node, [done[i] for i in node.inputs])
    return done[e]


def compute_op_exactly(node: Expr, operands: Sequence[Any]) -> Any:
    op, settings = node.op, node.settings
    if op is None:
        raise NoExactValue("an input without a value")
    if op.name == "cast":
        return as_exact(operands[0]) if node.dtype.kind == "f" else operands[0]
    function = REAL_FUNCTIONS.get(op.name) or EXACT_FUNCTIONS.get(op.name)
    try:
        if function is not None:
            return function(*operands, **settings)
        if op.name in NUMPY_OPS.split():
            return op.value(np, *operands, **settings)
    except (TypeError, ValueError) as error:
        raise NoExactValue(op.name) from error
    if op.composite:
        inputs = [Input(f"o{k}", i.shape, i.dtype) for k, i in enumerate(node.inputs)]
        definition = op.value(symbolic, *inputs, **settings)
        if isinstance(definition, Expr):
            return evaluate_exactly(definition, dict(zip(inputs, operands, strict=True)))
    raise NoExactValue(op.name)


def to_dtype(e: Expr, dtype: str) -> tuple[Expr, dict[Expr, Expr]]:
    """Return a float64 expression in another dtype, and the new inputs by the old ones."""
    done: dict[Expr, Expr] = {}
    for node in topological([e]):
        if isinstance(node, Constant):
            done[node] = constant(node.value.astype(dtype)) if node.dtype.kind == "f" else node
        elif node.op is None:
            done[node] = Input(node.name, node.shape, dtype if node.dtype.kind == "f" else node.dtype)
        else:
            done[node] = node.op.make(tuple(done[i] for i in node.inputs), node.settings)
    return done[e], {i: done[i] for i in done if isinstance(i, Input)}


def scale_magnitudes(value: Array, rng: np.random.Generator, dtype: str, spread: bool) -> Array:
    """Multiply numbers by powers of ten: each by its own, or all by one."""
    if value.dtype.kind != "f":
        return value
    exponents = rng.integers(-LARGEST_EXPONENT, LARGEST_EXPONENT + 1, value.shape if spread else ())
    # A third of the numbers stay of moderate size, where functions change most.
    exponents = np.where(rng.random(exponents.shape) < 1 / 3, rng.integers(-1, 3, exponents.shape), exponents)
    return np.asarray(value * 10.0**exponents).astype(dtype)


@dataclass
class Sides:
    """Both sides of a rule on inputs, with several sets of values."""

    rule: Rule
    before: Expr
    after: Expr
    draws: list[Values]


def list_sides(rules: Iterable[Rule], instantiate: Any, draw_operands: Any, dtype: str, draws: int) -> Iterator[Sides]:
    """Yield the sides of rules on their examples, in a dtype."""
    for rule in rules:
        rng = np.random.default_rng(len(rule.name))
        for drawn in draw_operands(rule, rng)[-1:]:
            double, values = instantiate(rule, drawn)
            before, inputs = to_dtype(double, dtype)
            after = rule.apply(before)
            if after is None or before.dtype.kind != "f":
                continue
            after = simplify(after)  # some rules prepare another one
            scaled = [
                {
                    inputs[i]: scale_magnitudes(np.asarray(v), rng, dtype, k % 2 == 0)
                    for i, v in values.items()
                    if i in inputs
                }
                for k in range(draws)
            ]
            yield Sides(rule, before, after, scaled)


@dataclass
class Exact:
    """Exact value, which elements are compared, and how far rounding of the inputs moves it."""

    value: Array
    compared: Array
    spread: Array


def compute_exact(sides: Sides, values: Values, dtype: str) -> Exact:
    """Return the exact value where both sides are equal and the dtype represents it."""
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    moved = {
        i: v * (1 + rng.choice([-1, 1], v.shape) * 2 * np.float64(info.eps)) if v.dtype.kind == "f" else v
        for i, v in values.items()
    }
    with mpmath.workdps(DIGITS), np.errstate(all="ignore"):
        a, b, c = (
            compute_exactly(e, v) for e, v in ((sides.before, values), (sides.after, values), (sides.before, moved))
        )
        a, b, c = np.broadcast_arrays(a, b, c)
        is_real = np.asarray(np.frompyfunc(lambda *n: all(map(mpmath.isfinite, n)), 3, 1)(a, b, c), bool)
        close = np.frompyfunc(lambda p, q: abs(p - q) <= mpmath.mpf(10) ** -20 * max(abs(p), abs(q)), 2, 1)
        compared = is_real.copy()
        compared[is_real] = np.asarray(close(a[is_real], b[is_real]), bool)
        value, moved_value = (np.where(compared, n, mpmath.mpf(0)) for n in (a, c))
        value, spread = np.asarray(value, "float64"), np.asarray(abs(moved_value - value), "float64")
    in_range = np.abs(value) < 0.9 * float(info.max)
    return Exact(value, compared & in_range & np.isfinite(spread), spread)


def find_worse(before: Array, after: Array, exact: Exact, dtype: str) -> Array:
    """Tell which elements the rule makes worse: not finite, or less accurate than rounding explains."""
    with np.errstate(all="ignore"):
        old, new = (np.abs(np.asarray(v, "float64") - exact.value) for v in (before, after))
        allowed = TOLERANCE[dtype] * np.abs(exact.value) + 16 * exact.spread + 4 * float(np.finfo(dtype).tiny)
        worse = ~(new <= np.maximum(np.where(np.isfinite(before), 2 * old, np.inf), allowed))
    # Where the old side is not finite, any new value is no worse.
    return exact.compared & worse & np.isfinite(before)
