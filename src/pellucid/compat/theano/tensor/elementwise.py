"""Elementwise functions of ``theano.tensor``, as tables from their names to functions of pellucid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.theano.configuration import config
from pellucid.compat.theano.variables import (
    TensorVariable,
    apply,
    apply_float,
    as_tensor_variable,
    cast_expr,
    get_dtype,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import UseError

REAL: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(pel, name)
        for name in "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan arcsin arccos arctan arcsinh arccosh arctanh sinh "
        "cosh tanh erf erfc erfcx erfinv gammaln deg2rad rad2deg arctan2 logaddexp".split()
    },
    "inv": lambda x: 1 / x,
    "reciprocal": lambda x: 1 / x,
    "psi": pel.digamma,
    "tri_gamma": lambda x: pel.polygamma(1, x),
    "gamma": lambda x: pel.exp(pel.gammaln(x)),
    "sigmoid": pel.sigmoid,
    "softplus": pel.softplus,
    "xlogx": lambda x: pel.xlogy(x, x),
}
"""Functions of real numbers; integers become floating-point numbers."""

SAME: dict[str, Callable[..., Any]] = {
    "abs_": pel.abs,
    "neg": pel.negative,
    "sqr": pel.square,
    "square": pel.square,
    "sgn": pel.sign,
    "trunc": pel.trunc,
    "floor": lambda x: pel.floor(x),
    "ceil": lambda x: pel.ceil(x),
    "invert": pel.invert,
    "bitwise_not": pel.invert,
    "tensor_copy": lambda x: x,
    "identity": lambda x: x,
    "conj": lambda x: x,
    "real": lambda x: x,
    "sub": pel.subtract,
    "maximum": pel.maximum,
    "minimum": pel.minimum,
    "int_div": pel.floor_divide,
    "floor_div": pel.floor_divide,
    "mod": pel.remainder,
    "pow": pel.power,
    "power": pel.power,
}
"""Functions that compute in the common dtype of their operands."""

COMPARISONS: dict[str, Callable[..., Any]] = {
    "eq": pel.equal,
    "neq": pel.not_equal,
    "lt": pel.less,
    "le": pel.less_equal,
    "gt": pel.greater,
    "ge": pel.greater_equal,
    "isnan": pel.isnan,
    "isinf": pel.isinf,
    "isclose": pel.isclose,
    "allclose": pel.allclose,
}
"""Functions with results of dtype bool."""


def make_function(name: str, call: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of variables, whose last parameters may be Theano's options without effect."""

    def compute(*operands: Any) -> TensorVariable:
        return call(function, *operands)  # type: ignore[no-any-return]

    compute.__name__ = compute.__qualname__ = name
    compute.__doc__ = f"`pellucid.{getattr(function, '__name__', name)}` of variables."
    return compute


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: make_function(name, apply_float, f) for name, f in REAL.items()},
    **{name: make_function(name, apply, f) for name, f in SAME.items()},
    **{name: make_function(name, apply, f) for name, f in COMPARISONS.items()},
}
"""All functions of the tables by name."""


def add(*terms: Any) -> TensorVariable:
    """Sum of any number of variables."""
    return functools.reduce(functools.partial(apply, pel.add), terms)


def mul(*factors: Any) -> TensorVariable:
    """Product of any number of variables."""
    return functools.reduce(functools.partial(apply, pel.multiply), factors)


def true_div(x: Any, y: Any) -> TensorVariable:
    """Quotient; that of integers has the dtype ``floatX``."""
    dtypes = [as_tensor_variable(v).dtype for v in (x, y)]
    is_real = any(d.startswith("float") for d in dtypes)
    return apply(pel.true_divide, x, y, dtype=upcast(*dtypes) if is_real else get_dtype("floatX"))


def choose_logical(logical: Callable[..., Any], bitwise: Callable[..., Any]) -> Callable[..., TensorVariable]:
    """Return a function that is logical for booleans and bitwise for integers."""

    def compute(*operands: Any) -> TensorVariable:
        dtype = upcast(*(as_tensor_variable(o).dtype for o in operands))
        return apply(logical if dtype == "bool" else bitwise, *operands)

    return compute


and_ = choose_logical(pel.logical_and, pel.bitwise_and)
or_ = choose_logical(pel.logical_or, pel.bitwise_or)
xor = choose_logical(pel.logical_xor, pel.bitwise_xor)
invert = choose_logical(pel.logical_not, pel.invert)


def round(x: Any, mode: str | None = None) -> TensorVariable:
    """Nearest integers, of the same dtype; ``mode`` chooses what happens halfway."""
    if mode in (None, "half_to_even"):
        return apply(pel.round, x)
    if mode != "half_away_from_zero":
        raise UseError(f"round: expected mode 'half_to_even' or 'half_away_from_zero'. Received: {mode!r}")
    return apply(lambda x: pel.sign(x) * pel.floor(pel.abs(x) + 0.5), x)


def iround(x: Any, mode: str | None = None) -> TensorVariable:
    """Nearest integers, of dtype int64."""
    return cast(round(x, mode), "int64")


def cast(x: Any, dtype: Any) -> TensorVariable:
    """Variable in another dtype."""
    x = as_tensor_variable(x)
    return wrap(cast_expr(x, get_dtype(dtype))) if x.dtype != get_dtype(dtype) else x


def switch(cond: Any, ift: Any, iff: Any) -> TensorVariable:
    """Elements of ``ift`` where the condition is true, and of ``iff`` elsewhere."""
    values = [as_tensor_variable(v) for v in (ift, iff)]
    dtype = upcast(*(v.dtype for v in values))
    return wrap(pel.where(cast_expr(as_tensor_variable(cond), "bool"), *(cast_expr(v, dtype) for v in values)))


def clip(x: Any, min: Any, max: Any) -> TensorVariable:
    """Elements limited to a range."""
    return apply(pel.clip, x, min, max)


def round_to_floatx(value: Any) -> Any:
    """Return a Python float as a number of dtype ``floatX``."""
    return np.asarray(value, config.floatX) if isinstance(value, float) else unwrap(value)
