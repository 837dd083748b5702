"""Special functions and their gradients in all modes, compared with SciPy at poles, infinities and large values too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special as sp

import pellucid as pel
from pellucid.graph.traversal import topological
from pellucid.run.native.compiler import find_compiler
from tests.run.native.test_every_op import UNSUPPORTED

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan]
POLES = [-1.0, -2.0, -3.0, -1e5, -1e10, -1e20]
POINTS = [0.25, 0.5, 0.75, 0.9999, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 100.0, 170.0, 200.0, 1e3, 2e3]
NEGATIVE = [-0.25, -0.5, -0.9999, -1.5, -2.5, -5.0, -5.25, -30.0]
EXTREMES = [1e5, 1e10, 1e20, 1e30, 1e37, 1e-5, 1e-10, 1e-20, 1e-30, -1e-5, -1e-10, -1e-20, -1e-30]
DOUBLE = [1e300, 1e-300, -1e300, -1e-300]

Function = Callable[[Any], Any]

ROOT_PI, ROOT_2_PI = np.sqrt(np.pi), np.sqrt(2 * np.pi)


def polygamma(n: int) -> Function:
    return lambda x: sp.polygamma(n, x)


def normal_hazard(x: Any) -> Any:
    """Return the derivative of log_ndtr, by the scaled complementary error function."""
    return np.sqrt(2 / np.pi) / sp.erfcx(-x / np.sqrt(2))


CASES: dict[str, tuple[Function, Function, Function | None]] = {
    "gammaln": (pel.gammaln, sp.gammaln, sp.digamma),
    "digamma": (pel.digamma, sp.digamma, polygamma(1)),
    "polygamma 1": (lambda x: pel.polygamma(1, x), polygamma(1), polygamma(2)),
    "polygamma 2": (lambda x: pel.polygamma(2, x), polygamma(2), polygamma(3)),
    "polygamma 3": (lambda x: pel.polygamma(3, x), polygamma(3), polygamma(4)),
    "erf": (pel.erf, sp.erf, lambda x: 2 / ROOT_PI * np.exp(-x * x)),
    "erfc": (pel.erfc, sp.erfc, lambda x: -2 / ROOT_PI * np.exp(-x * x)),
    "erfcx": (pel.erfcx, sp.erfcx, None),
    "erfinv": (pel.erfinv, sp.erfinv, lambda x: ROOT_PI / 2 * np.exp(sp.erfinv(x) ** 2)),
    "ndtr": (pel.ndtr, sp.ndtr, lambda x: np.exp(-x * x / 2) / ROOT_2_PI),
    "ndtri": (pel.ndtri, sp.ndtri, lambda x: ROOT_2_PI * np.exp(sp.ndtri(x) ** 2 / 2)),
    "log_ndtr": (pel.log_ndtr, sp.log_ndtr, normal_hazard),
    "logit": (pel.logit, sp.logit, lambda x: 1 / (x * (1 - x))),
    "xlogy": (lambda x: pel.xlogy(2.0, x), lambda x: sp.xlogy(2, x), lambda x: 2 / x),
    "xlogy of itself": (lambda x: pel.xlogy(x, x), lambda x: sp.xlogy(x, x), None),
    "xlog1py": (lambda x: pel.xlog1py(2.0, x), lambda x: sp.xlog1py(2, x), lambda x: 2 / (1 + x)),
    "exprel": (pel.exprel, sp.exprel, None),
}


def get_points(dtype: str) -> np.ndarray:
    values = [*SPECIAL, *POLES, *POINTS, *NEGATIVE, *EXTREMES, *(DOUBLE if dtype == "float64" else [])]
    return np.array(values, dtype)


Results = dict[str, dict[str, list[np.ndarray]]]


@pytest.fixture(scope="module")
def results() -> dict[str, Results]:
    return {dtype: compute_in_all_modes(dtype) for dtype in ("float32", "float64")}


def compute_in_all_modes(dtype: str) -> Results:
    """Return the values and gradients of all functions by mode and name: one program for each mode.

    The loop has the functions that C computes; XLA would compute all of a loop with another one.
    """
    points = get_points(dtype)
    x = pel.vector("x", shape=points.shape, dtype=dtype)
    outputs = {
        name: [y := function(x), *([pel.grad(y.sum(), x)] if slope else [])]
        for name, (function, _, slope) in CASES.items()
    }
    in_c = [
        name for name, exprs in outputs.items() if not {e.op.name for e in topological(exprs) if e.op} & {*UNSUPPORTED}
    ]

    def compute(mode: str, names: Sequence[str]) -> dict[str, list[np.ndarray]]:
        f = pel.function([x], [e for name in names for e in outputs[name]], mode=mode)
        values = iter([v[0] for v in f.over(points[None])] if mode == "native" else f(points))
        return {name: [next(values) for _ in outputs[name]] for name in names}

    found = {mode: compute(mode, list(CASES)) for mode in ("numpy", "xla")}
    return found | ({"native": compute("native", in_c)} if find_compiler() else {})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy and SciPy, at poles
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(CASES))
def test_special_functions_match_scipy_in_all_modes(name: str, dtype: str, results: dict[str, Results]) -> None:
    _, value, slope = CASES[name]
    points = get_points(dtype)
    wide = points.astype("float64")
    tiny = np.finfo(dtype).tiny
    with np.errstate(all="ignore"):
        expected = [f(wide).astype(dtype) for f in (value, slope) if f is not None]
    rtol = 1e-4 if dtype == "float32" else 1e-11
    for mode, found in results[dtype].items():
        for what, a, b in zip(("value", "gradient"), found.get(name, ()), expected, strict=False):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=tiny, err_msg=f"{what} of {name} in mode {mode}")


def test_log_gamma_is_accurate_around_its_zeros() -> None:
    points = np.array([1 - 1e-4, 1 + 1e-4, 2 - 1e-4, 2 + 1e-4, 1.4, 1.6], "float32")
    x = pel.vector("x")
    expected = sp.gammaln(points.astype("float64"))
    np.testing.assert_allclose(pel.function([x], pel.gammaln(x), mode="xla")(points), expected, rtol=3e-7)


def test_polygamma_of_higher_orders() -> None:
    points = np.array([-20.3, -1.7, 0.3, 4.0, 900.0, 1100.0])
    x = pel.vector("x", dtype="float64")
    for n in (4, 5, 6):
        found = pel.function([x], pel.polygamma(n, x), mode="xla")(points)
        np.testing.assert_allclose(found, sp.polygamma(n, points), rtol=1e-9)


def test_c_computes_most_functions(results: dict[str, Results]) -> None:
    if find_compiler() is None:
        pytest.skip("there is no C compiler")
    assert len(results["float32"]["native"]) >= 10
