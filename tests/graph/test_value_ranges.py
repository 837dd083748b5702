"""Tests of value-range analysis: sampled values stay within the inferred intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_ops import NAMES, cases

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.interval import REAL, Interval
from pellucid.graph.op import OPS
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.graph.value_ranges import infer_node_range, infer_ranges

INF = math.inf


def check_values(outputs: list[Expr], values: dict[Expr, np.ndarray], ranges: dict[Any, tuple[float, float]]) -> int:
    """Check that the values of a graph lie in their intervals; return how many intervals have a bound.

    Each op is also checked alone, with the intervals of the values of its operands.
    """
    intervals = infer_ranges(outputs, {i: Interval(*r) for i, r in ranges.items()})
    nodes = [e for e in intervals if len(e.types) == 1]
    with np.errstate(all="ignore"):
        found = dict(zip(nodes, evaluate(np, nodes, values), strict=True))
    for node, value in found.items():
        tolerance = 0.0 if not is_float(node.dtype) else 1e-5 if node.dtype != np.float64 else 1e-12
        check_interval(node, value, intervals[node], max(tolerance, 1e-6) if is_float(node.dtype) else 0)
        if node.op is not None and all(i in found for i in node.inputs):
            check_interval(
                node, value, infer_node_range(node, [get_data_range(found[i]) for i in node.inputs]), tolerance
            )
    return sum(interval != REAL for interval in intervals.values())


def check_interval(node: Expr, value: Any, interval: Interval, tolerance: float) -> None:
    least, most = get_data_range(value).low, get_data_range(value).high
    if not np.isnan(np.asarray(value, "float64")).all():
        assert least >= interval.low or least >= interval.low - tolerance * (1 + abs(interval.low)), (node, interval)
        assert most <= interval.high or most <= interval.high + tolerance * (1 + abs(interval.high)), (node, interval)


def get_data_range(value: Any) -> Interval:
    elements = np.asarray(value, "float64")
    elements = elements[~np.isnan(elements)]
    return Interval(float(elements.min()), float(elements.max())) if elements.size else REAL


@pytest.mark.parametrize("name", NAMES)
def test_interval_of_every_op_contains_its_values(name: str) -> None:
    for case in cases(name):
        results, values = case.build("float32")
        for factor in (1.0, 7.0, -1.0):
            scaled = {i: (v * v.dtype.type(factor) if v.dtype.kind == "f" else v) for i, v in values.items()}
            try:
                with np.errstate(all="ignore"):
                    evaluate(np, results, scaled)
            except pel.PellucidError:
                continue  # a factorization fails
            spans = {i: get_data_range(v) for i, v in scaled.items()}
            check_values(results, scaled, {i: (span.low, span.high) for i, span in spans.items()})


def test_most_elementwise_ops_have_a_rule() -> None:
    without = {
        name
        for name, op in OPS.items()
        if op.elementwise
        and op.value_range is None
        and op.result is None
        and op.function.__module__.startswith("pellucid.graph.ops")
    }
    assert without <= {
        "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "invert", "copysign",
        "digamma", "digamma_derivative", "erfinv", "floor_divide", "fmod", "gammaln", "heaviside", "betaln",
        "binomial_log_probability", "compound", "compound_minus_one", "digamma_difference",
        "digamma_difference_remainder", "digamma_remainder", "erf_difference", "exp_difference",
        "fraction_of_sum", "kl_div", "log1p_minus_fraction", "log_binomial", "log_factorial_remainder",
        "log_gamma_ratio", "log_gamma_ratio_remainder", "power_minus_one", "power_of_two",
        "reciprocal_expm1", "scaled_log1p", "sigmoid_difference", "sin_minus_x_cos", "stirling_remainder",
        "x_minus_log1p", "x_minus_sin", "x_minus_tanh", "expm1_minus_x", "arctan_difference", "log_ndtr", "logaddexp2",
        "logit", "nan_to_num", "ndtri",
        "remainder", "round", "tan", "xlog1py", "xlogy",
    }  # fmt: skip


UNARY = [
    pel.exp, pel.expm1, pel.tanh, pel.sigmoid, pel.softplus, pel.relu, pel.abs, pel.square, pel.sqrt,
    pel.log, pel.log1p,
    pel.sin, pel.cosh, pel.arctan, pel.erf, pel.sech, pel.logsumexp, pel.softmax, pel.log_softmax,
    lambda x: -x, lambda x: 1 / x, lambda x: x**3, lambda x: x**-2, lambda x: x**0.5, lambda x: 2.0**x, lambda x: x * x,
    lambda x: x - x.max(), lambda x: x.sum(axis=0), lambda x: x.mean(), lambda x: x.prod(axis=0),
    lambda x: x.max(axis=0),
    lambda x: x - x.max(axis=0, keepdims=True), lambda x: x.cumsum(axis=0), lambda x: x.cumprod(axis=0),
    lambda x: x[..., 1:] if x.ndim == 2 else x, lambda x: pel.clip(x, -0.5, 0.5),
    lambda x: x.var(),
    lambda x: pel.norm(x), lambda x: pel.tril(x) if x.ndim == 2 else x, lambda x: pel.log_cosh(x),
]  # fmt: skip
BINARY = [
    pel.add, pel.subtract, pel.multiply, pel.divide, pel.maximum, pel.minimum, pel.fmax, pel.hypot, pel.logaddexp,
    lambda x, y: pel.where(x > y, x, y), lambda x, y: pel.abs(x) ** y,
    lambda x, y: x @ y if x.ndim == y.ndim == 2 else x,
    pel.arctan2, lambda x, y: pel.divide_no_nan(x, y),
]  # fmt: skip


def draw_expression(rng: np.random.Generator, inputs: list[Expr], size: int) -> Expr:
    """Build an expression of random functions; those that do not fit the operands are skipped."""
    made: list[Expr] = list(inputs)
    while len(made) < size + len(inputs):
        functions = UNARY if rng.random() < 0.6 else BINARY
        function = functions[rng.integers(len(functions))]
        operands = [made[-1 - rng.integers(min(len(made), 4))] for _ in range(1 if functions is UNARY else 2)]
        try:
            made.append(function(*operands))
        except pel.PellucidError:
            continue
    return made[-1]


def check_random_expressions(count: int, seed: int) -> int:
    rng, bounded = np.random.default_rng(seed), 0
    for _ in range(count):
        named = rng.random() < 0.3
        inputs = [Input(f"x{i}", ("n", 3) if named else (4, 3), "float64") for i in range(2)]
        spans = [tuple(sorted(rng.normal(size=2) * 10 ** rng.uniform(-2, 3))) for _ in inputs]
        outputs = [draw_expression(rng, inputs, 8)]
        present = set(topological(outputs))
        ranges = {i: (float(s[0]), float(s[1])) for i, s in zip(inputs, spans, strict=True) if i in present}
        values: dict[Expr, np.ndarray] = {i: rng.uniform(*r, (4, 3)).astype(i.dtype) for i, r in ranges.items()}
        bounded += check_values(outputs, values, ranges)
    return bounded


def test_intervals_of_random_expressions_contain_sampled_values() -> None:
    assert check_random_expressions(400, seed=1) > 1500


@pytest.mark.slow
def test_intervals_of_many_random_expressions_contain_sampled_values() -> None:
    check_random_expressions(20_000, seed=2)


X, A, S = pel.vector("x"), pel.matrix("A", shape=(3, 4)), pel.matrix("S", shape=(3, 3))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (X, REAL),
        (pel.sigmoid(X), Interval(0, 1)),
        (1 - pel.softmax(A), Interval(0, 1)),
        (X - X.max(), Interval(-INF, 0)),
        (pel.exp(A - A.max(axis=1, keepdims=True)), Interval(0, 1)),
        (S - S.max(axis=1), REAL),  # the maximum along another axis
        (X * X, Interval(0, INF)),
        ((pel.tanh(A) ** 2).sum(), Interval(0, 12)),
        (pel.tanh(X).sum(), REAL),
        (pel.tanh(A).mean(), Interval(-1, 1)),
        (pel.softmax(A) @ pel.sigmoid(A.T), Interval(0, 4)),
        (pel.cast(pel.ivector("i") > 0, "float32"), Interval(0, 1)),
        (pel.cast(pel.tensor("b", shape=("n",), dtype="uint8"), "float32") / 255, Interval(0, 1)),
        (pel.cast(pel.ivector("i"), "float32"), REAL),
        (pel.exp(X), Interval(0, INF)),
        (1 / (1 + pel.exp(X)), Interval(0, 1)),
        (pel.sqrt(X.var() + 1.0), Interval(1, INF)),
        (pel.clip(X, -2.0, 3.0) ** 2, Interval(0, 9)),
        (pel.clip(X, 2.0, 3.0) ** -1, Interval(1 / 3, 1 / 2)),
        (pel.exp(pel.clip(X, -100.0, 100.0)), Interval(math.exp(-100), INF)),
    ],
    ids=lambda e: str(e)[:40],
)
def test_inferred_intervals(expr: Expr, expected: Interval) -> None:
    found = pel.infer_range(expr)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_given_ranges() -> None:
    W = pel.shared(np.ones(4, "float32"), "W")
    assert pel.infer_range(A * W, {"A": (0, 2), W: (-1, 3)}) == Interval(-2, 6)
    named = pel.named("features", A + 0)
    assert pel.infer_range(named, {A: (0, 2)}) == Interval(0, 2)


@pytest.mark.parametrize(
    ("ranges", "error", "message"),
    [
        ({"B": (0, 1)}, pel.InputError, r"the expression does not contain B\.* Inputs and shared variables: A"),
        ({A + 1: (0, 1)}, pel.InputError, r"A \+ 1 is neither an input nor a shared variable; bound it with pel.clip"),
        ({"A": (1, 0)}, pel.OptionError, r"expected \(low, high\) for A, with low <= high. Received: \(1, 0\)"),
        ({"A": "wide"}, pel.OptionError, r"expected \(low, high\) for A"),
        ({"A": (0, math.nan)}, pel.OptionError, r"expected \(low, high\) for A"),
    ],
)
def test_invalid_ranges_raise_errors(ranges: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pel.infer_range(A * 2, ranges)


def test_a_custom_op_may_have_a_rule() -> None:
    @pel.op(value_range=lambda node, x: Interval(-1, 1))
    def bounded_wave(xp: Any, x: Any) -> Any:
        return xp.sin(x)

    assert pel.infer_range(bounded_wave(X)) == Interval(-1, 1)
