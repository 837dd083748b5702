"""Tests of elementwise functions against NumPy and SciPy: values, dtypes, broadcasting, edge values and errors."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import pellucid as pel
from pellucid.graph.errors import DtypeError
from pellucid.graph.expr import Expr, Input

REAL = [
    "sin",
    "cos",
    "tan",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "exp",
    "exp2",
    "expm1",
    "cbrt",
    "sinc",
    "rint",
]
REAL += ["deg2rad", "rad2deg", "radians", "degrees", "nan_to_num", "isnan", "isfinite", "isinf", "signbit"]
UNARY = [
    *REAL,
    "negative",
    "square",
    "abs",
    "absolute",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "fix",
    "round",
    "logical_not",
]
UNIT_INTERVAL = ["arcsin", "arccos", "arctanh"]
POSITIVE = ["log", "log2", "log10", "log1p", "sqrt", "reciprocal"]
NUMERIC = ["subtract", "floor_divide", "remainder", "mod", "fmod", "divmod"]
BINARY = ["add", "multiply", "true_divide", "divide", "maximum", "minimum", "fmax", "fmin", "arctan2", "hypot"]
BINARY += ["logaddexp", "logaddexp2", "copysign", "heaviside", "equal", "not_equal", "less", "less_equal", "greater"]
BINARY += ["greater_equal", "logical_and", "logical_or", "logical_xor", "isclose", *NUMERIC]
BITS = ["bitwise_and", "bitwise_or", "bitwise_xor"]
SHIFTS = ["left_shift", "right_shift"]
NOT_FOR_BOOLEANS = {"negative", "square", "sign", "round", "fix", "reciprocal", *NUMERIC}
CAST_TO_FLOAT = {"reciprocal"}


class Table:
    """Expressions and their expected values, all computed by one program."""

    def __init__(self) -> None:
        self.outputs: list[Expr] = []
        self.expected: list[np.ndarray] = []
        self.values: dict[Expr, np.ndarray] = {}
        self.labels: list[str] = []

    def add(self, label: str, function: Callable[..., Any], *operands: Any, pellucid_function: Any = None) -> None:
        """Add a NumPy function of these operands; ``pellucid_function`` is its counterpart, if different."""
        inputs = [Input(f"x{i}", o.shape, o.dtype) if isinstance(o, np.ndarray) else o for i, o in enumerate(operands)]
        self.values |= {i: o for i, o in zip(inputs, operands, strict=True) if isinstance(i, Expr)}
        results = (pellucid_function or function)(*inputs)
        with np.errstate(all="ignore"):
            expected = function(*operands)
        pairs = (results, expected) if isinstance(results, tuple) else ([results], [expected])
        for e, w in zip(*pairs, strict=True):
            integers_only = not any(o.dtype.kind == "f" for o in operands if isinstance(o, np.ndarray))
            self.outputs.append(e)
            if integers_only and w.dtype.kind == "f":
                # NumPy converts integers to floats of any precision, pellucid to floatx.
                w = function(*(o.astype("float64") for o in operands)).astype("float32")
            self.expected.append(w)
            kinds = ", ".join(str(getattr(o, "dtype", o)) for o in operands)
            self.labels.append(f"{label}({kinds})")

    def check(self, run: Callable[..., Any]) -> None:
        with np.errstate(all="ignore"):
            found = run(self.outputs, self.values)
        assert len(found) > 0
        for label, e, a, b in zip(self.labels, self.outputs, found, self.expected, strict=True):
            assert (e.shape, e.dtype) == (b.shape, b.dtype), label
            tolerance = {"float64": 1e-13, "float32": 3e-6}.get(str(b.dtype), 0)
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 0.1, err_msg=label)


@pytest.fixture(params=["numpy", "xla"])
def run(request: pytest.FixtureRequest, by_numpy: Any, by_xla: Any) -> Any:
    return by_numpy if request.param == "numpy" else by_xla


def draw(rng: np.random.Generator, dtype: str, shape: tuple[int, ...], low: float = -3, high: float = 3) -> np.ndarray:
    if dtype == "bool":
        return rng.random(shape) > 0.5
    if dtype.startswith("float"):
        return rng.uniform(low, high, shape).astype(dtype)
    return rng.integers(0 if dtype.startswith("u") else int(low), int(high) + 1, shape).astype(dtype)


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("int32", "uint8", "bool")])
def test_unary_functions_match_numpy(dtypes: tuple[str, ...], run: Any, rng: np.random.Generator) -> None:
    table = Table()
    for dtype in dtypes:
        x, positive = draw(rng, dtype, (3, 4)), np.maximum(draw(rng, dtype, (3, 4), 1, 5), 1).astype(dtype)
        for name in UNARY:
            if not (dtype == "bool" and name in NOT_FOR_BOOLEANS) and not (dtype == "uint8" and name == "negative"):
                table.add(name, getattr(np, name), x)
        for name in POSITIVE:
            if dtype != "bool" or name not in NOT_FOR_BOOLEANS:
                real = positive.astype("float64") if positive.dtype.kind != "f" else positive
                table.add(name, getattr(np, name), *([real] if name in CAST_TO_FLOAT else [positive]))
        for name in UNIT_INTERVAL:
            table.add(name, getattr(np, name), x / 4 if dtype.startswith("float") else np.zeros_like(x))
        table.add("arccosh", np.arccosh, positive)
        if dtype in ("int32", "uint8", "bool"):
            table.add("invert", np.invert, x)
            table.add("~", operator.invert, x)
    table.check(run)


@pytest.mark.parametrize(
    "dtypes",
    [
        [("float64", "float64"), ("float32", "float32"), ("float32", "float64")],
        [("int32", "float32"), ("int8", "int16"), ("uint8", "int32")],
        [("bool", "int32"), ("int32", "int32"), ("bool", "bool")],
    ],
    ids=["floats", "sizes", "booleans"],
)
def test_binary_functions_broadcast_and_promote_like_numpy(
    dtypes: list[tuple[str, str]], run: Any, rng: np.random.Generator
) -> None:
    table = Table()
    shapes = [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 2))]
    for (left, right), (one, other) in zip(dtypes, shapes, strict=True):
        x, y = draw(rng, left, one), np.maximum(np.abs(draw(rng, right, other, 1, 5).astype(right)), 1).astype(right)
        for name in BINARY:
            if not (left == right == "bool" and name in NOT_FOR_BOOLEANS):
                table.add(name, getattr(np, name), x, y)
        if "float" not in left + right:
            for name in [*BITS, *([] if left == right == "bool" else SHIFTS)]:
                table.add(name, getattr(np, name), x, y)
    table.check(run)


def test_operators_match_numpy(run: Any, rng: np.random.Generator) -> None:
    table = Table()
    i, b, x = draw(rng, "int32", (2, 3)), draw(rng, "bool", (3,)), draw(rng, "float32", (2, 3))
    for function in (operator.and_, operator.or_, operator.xor):
        for left, right in ((i, 5), (5, i), (b, True), (False, b), (i, b), (b, i), (b, b), (i, i)):
            table.add(function.__name__, function, left, right)
    for function in (operator.lshift, operator.rshift):
        table.add(function.__name__, function, i, 2)
        table.add(function.__name__, function, 64, np.abs(i))
    for function in (operator.floordiv, operator.mod, divmod):
        table.add(function.__name__, function, x, 0.75)
        table.add(function.__name__, function, i, 2)
        table.add(function.__name__, function, 7, np.abs(i) + 1)
    table.check(run)


def test_round_clip_and_nan_to_num_take_numpy_arguments(run: Any, rng: np.random.Generator) -> None:
    table = Table()
    x, i = rng.normal(size=(3, 4)) * 100, rng.integers(-999, 999, (3, 4))
    low, high = np.array(-1.0), rng.normal(size=4)
    for decimals in (-2, -1, 0, 1, 3):
        table.add("round", lambda a, d=decimals: np.round(a, d), x)
        table.add("round", lambda a, d=decimals: a.round(d), x.astype("float32"))
        table.add("round", lambda a, d=decimals: np.around(a, decimals=d), i)
    for bounds in ((None, 3), (-3, None), (-3, 3), (3, -3)):
        table.add("clip", lambda a, b=bounds: np.clip(a, *b), x)
        table.add("clip", lambda a, b=bounds: a.clip(*b), i)
        table.add("clip", lambda a, b=bounds: np.clip(a, min=b[0], max=b[1]), x)
    table.add("clip", np.clip, x, low, high)
    special = np.array([1.0, np.nan, np.inf, -np.inf])
    table.add("nan_to_num", lambda a: np.nan_to_num(a, nan=7.0, posinf=8.0, neginf=9.0), special)
    table.add("where", np.where, x > 0, x, low)
    table.add("isclose", lambda a, b: np.isclose(a, b, equal_nan=True), special[:, None], special)
    table.check(run)


def test_clip_with_fewer_than_two_bounds() -> None:
    x = pel.vector("x")
    assert pel.clip(x) is x
    assert str(x.clip(0)) == "maximum(x, 0)"
    assert str(x.clip(max=1)) == "minimum(x, 1)"
    assert str(np.clip(x, 0, 1)) == "clip(x, 0, 1)"


SPECIAL: dict[str, tuple[float, ...]] = {
    "erf": (-30, -1, -1e-8, 0, 0.3, 2, 5),
    "erfc": (-30, -1, -1e-8, 0, 0.3, 2, 5, 20),
    "erfcx": (-5, -1, -1e-8, 0, 0.3, 2, 5, 9.3, 26.6, 1e3, 1e8),
    "erfinv": (-1 + 1e-9, -0.3, -1e-8, 0, 0.5, 0.999),
    "ndtr": (-30, -1, 0, 1e-8, 1, 9),
    "ndtri": (1e-300, 1e-9, 0.3, 0.5, 0.9),
    "log_ndtr": (-1e6, -40, -1, 0, 1e-8, 1, 9),
    "gammaln": (1e-8, 0.3, 1, 2, 3, 50.5, 1e8),
    "digamma": (1e-8, 0.3, 1, 2, 3, 50.5, 1e8),
    "logit": (1e-300, 1e-9, 0.3, 0.5, 0.9),
}


def test_special_functions_match_scipy(run: Any) -> None:
    table = Table()
    for name, numbers in SPECIAL.items():
        table.add(name, getattr(scipy.special, name), np.array(numbers), pellucid_function=getattr(pel, name))
    for n in (0, 1, 2, 3):
        points = np.array([0.1, 0.3, 1, 2.5, 10, 200])
        table.add(
            "polygamma",
            lambda x, n=n: scipy.special.polygamma(n, x),
            points,
            pellucid_function=lambda x, n=n: pel.polygamma(n, x),
        )
    x, y = np.array([0.0, 0.0, 2.0, -1.0]), np.array([0.0, 3.0, 0.5, 2.0])
    table.add("xlogy", scipy.special.xlogy, x, y, pellucid_function=pel.xlogy)
    table.add("xlog1py", scipy.special.xlog1py, x, y - 1, pellucid_function=pel.xlog1py)
    table.expected = [np.asarray(e, "float64") for e in table.expected]
    found = run(table.outputs, table.values)
    for label, a, b in zip(table.labels, found, table.expected, strict=True):
        atol = 4e-15 if label.startswith("gammaln") else 1e-300  # gammaln is 0 at 1 and 2
        np.testing.assert_allclose(a, b, rtol=2e-11, atol=atol, err_msg=label)


def test_array_api_aliases() -> None:
    aliases = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2", "acosh": "arccosh"}
    aliases |= {
        "asinh": "arcsinh",
        "atanh": "arctanh",
        "pow": "power",
        "divide": "true_divide",
        "bitwise_invert": "invert",
    }
    aliases |= {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift", "mod": "remainder"}
    aliases |= {
        "cumulative_sum": "cumsum",
        "cumulative_prod": "cumprod",
        "amax": "max",
        "amin": "min",
        "around": "round",
    }
    for alias, name in aliases.items():
        assert getattr(pel, alias) is getattr(pel, name)
    x = pel.vector("x")
    assert np.acos(x) is pel.arccos(x)
    assert np.pow(x, 3) is x**3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda x, i, c: x & i,
            r"bitwise_and: expected booleans or integers. Received: x, which is float32; compare it",
        ),
        (lambda x, i, c: ~x, r"invert: expected booleans or integers. Received: x, which is float32; compare it first"),
        (lambda x, i, c: i | 1.5, r"bitwise_or: expected booleans or integers. Received: 1.5, which is float"),
        (
            lambda x, i, c: 1 << x,
            r"left_shift: expected integers. Received: x, which is float32; .* pel.cast\(x, 'int32'\)",
        ),
        (
            lambda x, i, c: c >> c,
            r"right_shift: expected integers. Received: c, which is bool; convert it to numbers first",
        ),
        (lambda x, i, c: -c, r"negative: expected integers or real numbers. Received: c, which is bool; convert it"),
        (
            lambda x, i, c: c - c,
            r"subtract: expected integers or real numbers. Received: c, which is bool; convert it",
        ),
        (lambda x, i, c: pel.polygamma(-1, x), r"polygamma: expected n to be an integer of 0 or more. Received: n=-1"),
        (lambda x, i, c: pel.polygamma(1.5, x), r"polygamma: expected n to be an integer of 0 or more.* n=1.5"),
        (lambda x, i, c: pel.one_hot(i), r"Received: none. Write, for example, pel.one_hot\(t, num_classes=10\)"),
    ],
)
def test_invalid_dtypes_raise_errors(build: Any, message: str) -> None:
    with pytest.raises((DtypeError, ValueError), match=message):
        build(pel.vector("x"), pel.ivector("i"), pel.tensor("c", shape=("n",), dtype="bool"))


def gradient(cost: Callable[[Expr], Expr], at: Any, order: int = 1) -> np.ndarray:
    x = Input("x", np.shape(at), "float64")
    result: Expr = cost(x)
    for _ in range(order):
        result = pel.grad(result.sum(), x)
    found: np.ndarray = pel.function([x], result, mode="numpy", on_unused_input="ignore")(np.asarray(at, "float64"))
    return found


def test_second_derivatives_of_log_ndtr_are_finite_in_both_tails() -> None:
    x = np.array([-41.0, -1.0, 0.0, 3.0, 30.0, 38.0, 41.0, 1e3])
    density = np.sqrt(2 / np.pi) / scipy.special.erfcx(-np.minimum(x, 20) / np.sqrt(2))  # over the probability
    density = np.where(x > 5, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), density)
    found = gradient(pel.log_ndtr, x, order=2)
    np.testing.assert_allclose(found, -density * (density + x), rtol=1e-12, atol=1e-300)


def test_gradients_are_finite_at_singular_points() -> None:
    zeros = np.zeros(2)
    np.testing.assert_array_equal(gradient(lambda x: pel.hypot(x[0], x[1]), zeros), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: pel.arctan2(x[0], x[1]), zeros), [0, 0])
    np.testing.assert_allclose(gradient(lambda x: pel.hypot(x[0], x[1]), [3e200, 4e200]), [0.6, 0.8])
    np.testing.assert_allclose(gradient(lambda x: pel.logaddexp(x[0], x[1]), [-np.inf, -np.inf]), [0.5, 0.5])
    np.testing.assert_allclose(gradient(lambda x: pel.logaddexp(x[0], x[1]), [-np.inf, 3.0]), [0, 1])
    np.testing.assert_array_equal(gradient(lambda x: pel.xlogy(x[0], x[1]), [0.0, 2.0]), [np.log(2), 0])
    np.testing.assert_allclose(gradient(pel.log_ndtr, [-1e6, 0.0, 30.0]), [1e6, 2 / np.sqrt(2 * np.pi), 0], atol=1e-15)
    np.testing.assert_allclose(gradient(pel.arcsinh, [1e200]), [1e-200])
    np.testing.assert_allclose(gradient(pel.arccosh, [1e200]), [1e-200])
    np.testing.assert_array_equal(gradient(pel.nan_to_num, [np.nan, np.inf, 1.0]), [0, 0, 1])
    np.testing.assert_array_equal(gradient(lambda x: pel.clip(x, 1, -1), [0.0, 5.0]), [0, 0])


@pytest.mark.sample(2)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_sinc_derivatives_near_zero(order: int) -> None:
    points = np.array([0.0, 1e-9, 1e-3, 0.1, 0.1999, 0.2001, 0.5])
    powers = np.pi ** np.arange(0, 41, 2) * np.array([(-1) ** k for k in range(21)])
    coefficients = np.zeros(41)
    coefficients[::2] = powers / scipy.special.factorial(np.arange(1, 42, 2))
    expected = np.polynomial.Polynomial(coefficients).deriv(order)(points)
    np.testing.assert_allclose(gradient(pel.sinc, points, order), expected, rtol=1e-9, atol=1e-9)


def test_gammaln_derivatives() -> None:
    points = np.array([0.3, 1.0, 4.5])
    for order in (1, 2, 3):
        expected = scipy.special.polygamma(order - 1, points)
        np.testing.assert_allclose(gradient(pel.gammaln, points, order), expected, rtol=1e-12)
