"""Reference values to 50 digits, condition numbers, and errors of computed values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from .case import Case, evaluate, weights

Array = np.ndarray[Any, Any]

DIGITS = (120, 240, 1500, 1800)
"""Precisions that are tried until two agree."""

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""Largest relative error of a well-conditioned formula."""

TOO_SMALL = {"float32": 2e-38, "float64": 1e-50}
"""Absolute values below this count as zero: the smallest normal float32, and the precision of the reference."""


def elementwise(function: Callable[..., Any]) -> Callable[..., Array]:
    """Vectorize a function of mpmath, with NaN where it has no real value."""

    def safe(*numbers: Any) -> Any:
        try:
            value = function(*map(mpmath.mpf, numbers))
        except (ValueError, ZeroDivisionError):
            return mpmath.nan
        return mpmath.nan if isinstance(value, mpmath.mpc) else value

    return lambda *arrays: np.frompyfunc(safe, len(arrays), 1)(*arrays)


def reduction(function: Callable[..., Any]) -> Callable[..., Array]:
    """Wrap a reduction of NumPy with the signature of pellucid's reductions."""
    return lambda x, axis=None, keepdims=False, **settings: function(x, axis=axis, keepdims=keepdims, **settings)


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


def _arctan2(y: Any, x: Any) -> Any:
    return mpmath.atan2(y, x) if x or y else mpmath.nan


SAME = ("exp", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "hypot")
"""Functions with the same name in NumPy and mpmath."""

INVERSES = ("asin", "acos", "atan", "asinh", "acosh", "atanh")
"""Functions whose names in NumPy start with "arc"."""

FUNCTIONS: dict[str, Any] = {
    **{name: elementwise(getattr(mpmath, name)) for name in (*SAME, *INVERSES)},
    "arctan2": elementwise(_arctan2),
    "lgamma": elementwise(mpmath.loggamma),
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
FUNCTIONS |= {"arc" + name[1:]: FUNCTIONS[name] for name in INVERSES}

as_numbers = np.frompyfunc(lambda x: mpmath.mpf(float(x)), 1, 1)


@dataclass(frozen=True)
class Reference:
    """A value to 50 digits and its sensitivity to relative changes of the inputs, :math:`\\sum |x_j f_j|`.

    The sensitivity is computed when an error needs it, because it takes most of the time.
    """

    value: Array
    compute_sensitivity: Callable[[], Array]
    digits: int

    @functools.cached_property
    def sensitivity(self) -> Array:
        return self.compute_sensitivity().astype("float64")

    def error(self, found: Any, dtype: str) -> float:
        """Return the largest relative error of a result, less the error that rounding of the inputs may cause."""
        return float(np.max(self.errors(found, dtype), initial=0))

    def errors(self, found: Any, dtype: str) -> Array:
        """Return the relative error of each element, less the error that rounding of the inputs may cause.

        Points at which the exact value is infinite, out of range or undefined are skipped. A result that is not finite
        where the exact value is finite has an infinite error.
        """
        errors = self._errors(found, dtype, 0)
        if np.max(errors, initial=0) <= TOLERANCE[dtype]:
            return errors
        return self._errors(found, dtype, np.where(np.isfinite(self.sensitivity), self.sensitivity, 0))

    def _errors(self, found: Any, dtype: str, sensitivity: Any) -> Array:
        found, value = np.asarray(found, "float64"), self.value.astype("float64")
        assert found.shape == value.shape, (found.shape, value.shape)
        checked = np.isfinite(value) & (np.abs(value) < 0.99 * np.finfo(dtype).max)
        rounding = 4 * float(np.finfo(dtype).eps) * sensitivity
        scale = np.maximum(np.abs(value), rounding / TOLERANCE[dtype])
        with np.errstate(all="ignore"):
            error = np.where(np.isfinite(found), np.abs(found - value), np.inf)
            small = error <= TOO_SMALL[dtype]
            return np.where(checked & ~small, error / np.maximum(scale, TOO_SMALL[dtype]), 0)

    @property
    def is_finite(self) -> bool:
        return bool(np.all(np.isfinite(self.value.astype("float64"))))


class Formula:
    """A case in mpmath's arithmetic at one precision."""

    def __init__(self, row: Case, digits: int, formula: str = "") -> None:
        self.code = compile(formula or row.exact or row.formula, row.formula, "eval")
        self.at = {name: as_numbers(array) for name, array in row.arrays(row.variables).items()}
        self.given = {name: as_numbers(array) for name, array in row.arrays(row.given).items()}
        self.digits = digits

    def value(self, at: Mapping[str, Array]) -> Array:
        """Return the results, one row per point."""
        return np.asarray(evaluate(self.code, FUNCTIONS, {**self.given, **at}))

    def cost(self, at: Mapping[str, Array]) -> Array:
        """Return the weighted sum of the results of each point."""
        value = self.value(at)
        return np.sum(value * weights(value.shape), axis=-1) if value.ndim > 1 else value

    def derivatives(
        self, function: Callable[[Mapping[str, Array]], Array], at: Mapping[str, Array], step: Any
    ) -> list[tuple[str, Any, Array]]:
        """Return the central differences of a function as (variable, column, derivative)."""
        found = []
        for name, x in at.items():
            for column in range(x.shape[1]) if x.ndim > 1 else [...]:
                key = (slice(None), column) if x.ndim > 1 else ...
                h = np.abs(x[key]) * step + (x[key] == 0) * step
                above, below = x.copy(), x.copy()
                above[key], below[key] = x[key] + h, x[key] - h
                difference = function({**at, name: above}) - function({**at, name: below})
                found.append((name, key, difference / (2 * (h if difference.ndim == 1 else h[:, None]))))
        return found

    def gradient(self, at: Mapping[str, Array]) -> Array:
        """Return the gradient of the cost, with all variables in columns and one row per point."""
        step = mpmath.mpf(10) ** -(self.digits // 4)
        return np.stack([d for _, _, d in self.derivatives(self.cost, at, step)], axis=-1)

    def sensitivity(self, function: Callable[[Mapping[str, Array]], Array]) -> Array:
        """Return the sensitivity of a function to relative changes of all inputs."""
        total: Any = 0
        with mpmath.workdps(self.digits):
            for name, key, d in self.derivatives(function, self.at, mpmath.mpf(10) ** -12):
                x = self.at[name][key]
                total = total + np.abs(d * (x if d.ndim == 1 else x[:, None]))
        return np.asarray(total)


@functools.cache
def compute_reference(row: Case) -> tuple[Reference, Reference]:
    """Return a case's value and gradient to 50 digits, raising the precision until two results agree."""
    last = None
    for digits in DIGITS:
        with mpmath.workdps(digits):
            formula = Formula(row, digits)
            try:
                value, gradient = formula.value(formula.at), formula.gradient(formula.at)
            except ZeroDivisionError:  # a difference that is zero at this precision
                continue
            # With fewer than 435 digits log(1 - sigmoid(1000)) is infinite at each precision.
            certain = digits == DIGITS[-1] or np.all(np.isfinite(value.astype("float64")))
            if last is not None and certain and all(map(agree, (value, gradient), last)):
                return (
                    Reference(value, functools.partial(formula.sensitivity, formula.value), digits),
                    Reference(gradient, functools.partial(formula.sensitivity, formula.gradient), digits),
                )
        last = value, gradient
    raise ArithmeticError(f"{row.formula} does not converge with {DIGITS[-1]} digits; give it an exact form")


def agree(a: Array, b: Array, digits: int = 50) -> bool:
    """Return whether two results agree to this number of digits, or differ by less than 10 ** -digits."""

    def same(p: Any, q: Any) -> bool:
        if not (mpmath.isfinite(p) and mpmath.isfinite(q)):
            return bool(p == q or (mpmath.isnan(p) and mpmath.isnan(q)))
        return bool(abs(p - q) <= mpmath.mpf(10) ** -digits * max(abs(p), 1))

    return all(same(p, q) for p, q in zip(a.ravel(), b.ravel(), strict=True))
