"""What a formula is worth to 50 digits, how it answers to its inputs, and how far off another value is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from .case import Case, evaluate, weights

Array = np.ndarray[Any, Any]

DIGITS = (120, 240, 1500)
"""Precisions to be tried until two agree."""

ALLOWED = {"float32": 1e-5, "float64": 1e-12}
"""The relative error of a dtype where a formula is well conditioned."""

TOO_SMALL = {"float32": 2e-38, "float64": 1e-50}
"""Below this a number of a dtype is as good as zero: float32 ends there, and 50 digits do."""


def elementwise(function: Callable[..., Any]) -> Callable[..., Array]:
    """Let a function of mpmath work on arrays; where it has no real value, the result is not a number."""

    def safe(*numbers: Any) -> Any:
        try:
            value = function(*map(mpmath.mpf, numbers))
        except (ValueError, ZeroDivisionError):
            return mpmath.nan
        return mpmath.nan if isinstance(value, mpmath.mpc) else value

    return lambda *arrays: np.frompyfunc(safe, len(arrays), 1)(*arrays)


def reduction(function: Callable[..., Any]) -> Callable[..., Array]:
    """Give a reduction of NumPy pellucid's arguments."""
    return lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims)


def _softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def _log1mexp(x: Any) -> Any:
    return mpmath.log(-mpmath.expm1(x)) if x > -1 else mpmath.log1p(-mpmath.exp(x))


def _log(x: Any) -> Any:
    return mpmath.log(x) if x else -mpmath.inf


def _logsumexp(x: Array, axis: int = -1, keepdims: bool = False) -> Array:
    top = np.max(x, axis=axis, keepdims=True)
    total = FUNCTIONS["log"](np.sum(FUNCTIONS["exp"](x - top), axis=axis, keepdims=keepdims))
    return total + (top if keepdims else np.squeeze(top, axis))


def _log_softmax(x: Array, axis: int = -1) -> Array:
    return x - _logsumexp(x, axis, True)


SAME = ("exp", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "hypot")
"""Functions that mpmath calls by NumPy's names."""

FUNCTIONS: dict[str, Any] = {
    **{name: elementwise(getattr(mpmath, name)) for name in (*SAME, "asinh", "acosh", "atanh")},
    "log": elementwise(_log),
    "log2": elementwise(lambda x: _log(x) / mpmath.log(2)),
    "log10": elementwise(lambda x: _log(x) / mpmath.log(10)),
    "exp2": elementwise(lambda x: mpmath.mpf(2) ** x),
    "abs": np.abs,
    "square": lambda x: x * x,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
    "clip": np.clip,
    "softplus": elementwise(_softplus),
    "sigmoid": elementwise(lambda x: 1 / (1 + mpmath.exp(-x))),
    "log_ndtr": elementwise(lambda x: mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)),
    "log1mexp": elementwise(_log1mexp),
    "xlogy": elementwise(lambda x, y: x * mpmath.log(y) if x else mpmath.mpf(0)),
    "sinc": elementwise(lambda x: mpmath.sin(x) / x if x else mpmath.mpf(1)),
    "exprel": elementwise(lambda x: mpmath.expm1(x) / x if x else mpmath.mpf(1)),
    "logrel": elementwise(lambda x: mpmath.log1p(x) / x if x else mpmath.mpf(1)),
    "logaddexp": elementwise(lambda x, y: max(x, y) + mpmath.log1p(mpmath.exp(-abs(x - y)))),
    "logsumexp": _logsumexp,
    "log_softmax": _log_softmax,
    "softmax": lambda x, axis=-1: FUNCTIONS["exp"](_log_softmax(x, axis)),
    "sum": reduction(np.sum),
    "mean": reduction(np.mean),
    "prod": reduction(np.prod),
    "max": reduction(np.max),
    "min": reduction(np.min),
    "var": lambda x, axis=None, keepdims=False: np.mean(
        (x - np.mean(x, axis, keepdims=True)) ** 2, axis=axis, keepdims=keepdims
    ),
    "expand_dims": np.expand_dims,
}
FUNCTIONS |= {"arc" + name[1:]: FUNCTIONS[name] for name in ("asinh", "acosh", "atanh")}

as_numbers = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)


@dataclass(frozen=True)
class Truth:
    """A quantity to 50 digits, and how much of a relative change of the inputs it feels, :math:`\\sum |x_j f_j|`."""

    value: Array
    sway: Array

    def error(self, found: Any, dtype: str) -> float:
        """Return the greatest relative error of a result, with what rounding the inputs could do forgiven.

        Where the true value is infinite, out of range or undefined, nothing is asked. A result that is not finite where
        the true value is has an infinite error.
        """
        found = np.asarray(found, "float64")
        value, sway = self.value.astype("float64"), self.sway.astype("float64")
        assert found.shape == value.shape, (found.shape, value.shape)
        asked = np.isfinite(value) & (np.abs(value) < 0.99 * np.finfo(dtype).max)
        forgiven = 4 * float(np.finfo(dtype).eps) / ALLOWED[dtype] * np.where(np.isfinite(sway), sway, 0)
        scale = np.maximum(np.abs(value), forgiven)
        with np.errstate(all="ignore"):
            gap = np.where(np.isfinite(found), np.abs(found - value), np.inf)
            small = gap <= TOO_SMALL[dtype]
            relative = np.where(asked & ~small, gap / np.maximum(scale, TOO_SMALL[dtype]), 0)
        return float(np.max(relative, initial=0))

    @property
    def finite(self) -> bool:
        """Whether it is finite at every point."""
        return bool(np.all(np.isfinite(self.value.astype("float64"))))


class Formula:
    """A case in mpmath's numbers at one precision."""

    def __init__(self, row: Case, digits: int, formula: str = "") -> None:
        self.code = compile(formula or row.exact or row.formula, row.formula, "eval")
        self.at = {name: as_numbers(array) for name, array in row.arrays(row.variables).items()}
        self.given = {name: as_numbers(array) for name, array in row.arrays(row.given).items()}
        self.digits = digits

    def value(self, at: Mapping[str, Array]) -> Array:
        """Return the results, one row a point."""
        return np.asarray(evaluate(self.code, FUNCTIONS, {**self.given, **at}))

    def cost(self, at: Mapping[str, Array]) -> Array:
        """Return the weighted sum of the results of each point."""
        value = self.value(at)
        return np.sum(value * weights(value.shape), axis=-1) if value.ndim > 1 else value

    def slopes(
        self, of: Callable[[Mapping[str, Array]], Array], at: Mapping[str, Array], step: Any
    ) -> list[tuple[str, Any, Array]]:
        """Return the derivative of a function by every number of a point, as (variable, column, derivative)."""
        found = []
        for name, x in at.items():
            for column in range(x.shape[1]) if x.ndim > 1 else [...]:
                place = (slice(None), column) if x.ndim > 1 else ...
                h = np.abs(x[place]) * step + (x[place] == 0) * step
                ahead, behind = x.copy(), x.copy()
                ahead[place], behind[place] = x[place] + h, x[place] - h
                difference = of({**at, name: ahead}) - of({**at, name: behind})
                wide = h if difference.ndim == 1 else h[:, None]
                found.append((name, place, difference / (2 * wide)))
        return found

    def gradient(self, at: Mapping[str, Array]) -> Array:
        """Return the gradient of the cost, all variables side by side, one row a point."""
        return np.stack([d for _, _, d in self.slopes(self.cost, at, mpmath.mpf(10) ** -(self.digits // 4))], axis=-1)

    def sway(self, of: Callable[[Mapping[str, Array]], Array]) -> Array:
        """Return how much of a relative change of all inputs a function feels."""
        total: Any = 0
        for name, place, slope in self.slopes(of, self.at, mpmath.mpf(10) ** -12):
            x = self.at[name][place]
            total = total + np.abs(slope * (x if slope.ndim == 1 else x[:, None]))
        return np.asarray(total)


@functools.cache
def truth(row: Case) -> tuple[Truth, Truth]:
    """Return a case's value and gradient to 50 digits, raising the precision until they stand."""
    last = None
    for digits in DIGITS:
        with mpmath.workdps(digits):
            formula = Formula(row, digits)
            found = formula.value(formula.at), formula.gradient(formula.at)
            if last is not None and all(map(agree, found, last)):
                return Truth(found[0], formula.sway(formula.value)), Truth(found[1], formula.sway(formula.gradient))
        last = found
    raise ArithmeticError(f"{row.formula} does not settle with {DIGITS[-1]} digits; give it an exact form")


def agree(a: Array, b: Array, digits: int = 50) -> bool:
    """Tell whether two results have the same digits, or are too small to tell from zero."""

    def same(p: Any, q: Any) -> bool:
        if not (mpmath.isfinite(p) and mpmath.isfinite(q)):
            return bool(p == q or (mpmath.isnan(p) and mpmath.isnan(q)))
        return bool(abs(p - q) <= mpmath.mpf(10) ** -digits * max(abs(p), 1))

    return all(same(p, q) for p, q in zip(a.ravel(), b.ravel(), strict=True))
