"""Elementwise ops at zeros, halves, infinities, NaN, subnormal numbers and extremes, and their values by NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from random_programs.reference import REFERENCE, RULE_FORMS

from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OPS, Op

Array = np.ndarray[Any, Any]

POINTS = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 3.0, 20.0, -20.0, 88.0, -104.0, 710.0, -745.5)
PAIR_POINTS = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.5, -3.0, np.inf, -np.inf, np.nan)
INTEGERS = (0, 1, 2, 5, 7, -1, -8)

SETTINGS: dict[str, dict[str, Any]] = {"cast": {"dtype": "float32"}, "digamma_derivative": {"n": 1}}

NO_REFERENCE = {
    "tanh_slope": "takes the value of tanh as its first operand",
    "sigmoid_slope": "takes the value of sigmoid as its first operand",
    **dict.fromkeys(RULE_FORMS.split(), "SciPy does not compute it; tests/graph/stability compares it with mpmath"),
    "grad_barrier": "is an identity that is removed from results",
}
"""Elementwise ops that are not compared, with the reason."""

ROUNDING = 600
"""Largest relative error, in units of the last place."""

ABSOLUTE = {
    "sinc": "the reference is the rounding error of pi",
    "logaddexp2": "crosses 0, where its terms cancel",
    "gammaln": "crosses 0 at 1 and 2",
    "digamma": "crosses 0 at 1.46",
}
"""Ops whose errors are relative to 1, with the reason."""

COMPILED = ("xla", "native")
ALL = ("numpy", *COMPILED)


def is_zero(*operands: Array) -> Array:
    return np.any([o == 0 for o in operands], axis=0)


def has_two_zeros(*operands: Array) -> Array:
    return np.sum([(o == 0) | is_subnormal(o) for o in operands], axis=0) >= 2


def is_huge(*operands: Array) -> Array:
    return np.any([np.abs(o) > np.finfo(o.dtype).max / 4 for o in operands], axis=0)


def is_subnormal(*operands: Array) -> Array:
    return np.any([(o != 0) & (np.abs(o) < np.finfo(o.dtype).tiny) for o in operands if o.dtype.kind == "f"], axis=0)


def is_smallest_normal(*operands: Array) -> Array:
    return np.any([np.abs(o) == np.finfo(o.dtype).tiny for o in operands], axis=0)


@dataclass(frozen=True)
class Exemption:
    """Points at which an op may differ from NumPy in some modes, and why."""

    ops: str
    modes: tuple[str, ...]
    where: Callable[..., Array]
    reason: str


EXEMPTIONS = [
    Exemption("power cbrt", COMPILED, is_subnormal, "takes a subnormal number for the smallest normal one"),
    Exemption("arctan", ("xla",), is_subnormal, "is NaN with XLA's older emitter of loops, which only tests use"),
    Exemption("log1mexp reciprocal_expm1", ("native",), is_smallest_normal, "a part of it is subnormal, so it is 0"),
    Exemption("sinc", ALL, is_huge, "pi x overflows, as in NumPy's own sinc in float32"),
    Exemption("fraction_of_sum", ALL, is_huge, "x + y overflows"),
    Exemption("erfinv", COMPILED, is_zero, "keeps the sign of zero, which SciPy drops"),
    Exemption("maximum minimum fmax fmin clip", ALL, has_two_zeros, "IEEE 754 lets max(0, -0) be either zero"),
]
"""All differences from NumPy besides the treatment of subnormal numbers."""


@dataclass
class Case:
    """An elementwise op on inputs, with its operands and the values by NumPy that are right.

    Where operands are subnormal there are two: XLA, and the exponentials in C, take subnormal numbers for zero.
    """

    op: Op
    inputs: list[Input]
    result: Expr
    operands: list[Array]
    expected: list[Array]


def list_points(dtype: str) -> Array:
    """Return numbers at which functions of one operand are compared."""
    info = np.finfo(dtype)
    extremes = [info.smallest_subnormal, 1000 * info.smallest_subnormal, info.tiny, info.eps, 1e-30, 1e30, info.max]
    return np.array([*POINTS, np.inf, -np.inf, np.nan, *(s * e for e in extremes for s in (1, -1))], dtype)


def list_operands(op: Op, dtype: str) -> list[Array]:
    """Return the operands of an op: special values, all pairs, or many triples of them."""
    count, info = len(op.operands), np.finfo(dtype)
    if "f" not in op.accepts:
        numbers = np.array(INTEGERS, "int32")
    elif count == 1:
        numbers = list_points(dtype)
    else:
        numbers = np.array([*PAIR_POINTS, info.smallest_subnormal, info.tiny, info.max, -info.max], dtype)
    operands = [np.array(n) for n in zip(*itertools.product(numbers, repeat=count), strict=True)]
    if count == 3:
        kept = np.random.default_rng(0).permutation(len(operands[0]))[:400]
        operands = [o[kept] for o in operands]
    return [o > 0 if k < op.conditions else o for k, o in enumerate(operands)]


def list_cases(dtype: str) -> Iterator[Case]:
    """Yield a case for every elementwise op that pellucid defines."""
    for op in OPS.values():
        if not op.elementwise or op.name in NO_REFERENCE or op.function.__module__.partition(".")[0] != "pellucid":
            continue
        operands, settings = list_operands(op, dtype), SETTINGS.get(op.name, {})
        inputs = [Input(f"{op.name}{k}", o.shape, o.dtype) for k, o in enumerate(operands)]
        result = op.function(*inputs, **settings)
        flushed = [np.where(is_subnormal(o), np.copysign(0, o), o) if o.dtype.kind == "f" else o for o in operands]
        expected = [compute_reference(op, values, settings, result) for values in (operands, flushed)]
        yield Case(op, inputs, result, operands, expected)


def compute_reference(op: Op, operands: Sequence[Array], settings: dict[str, Any], result: Expr) -> Array:
    """Compute in double precision, and round."""
    exact = op.name in ("nan_to_num", "cast")  # depend on the dtype
    wide = [o.astype("float64") if o.dtype.kind == "f" and not exact else o for o in operands]
    with np.errstate(all="ignore"):
        if op.name == "digamma_derivative":
            return np.asarray(REFERENCE.polygamma(settings["n"], wide[0])).astype(result.dtype)
        return np.asarray(getattr(REFERENCE, op.name)(*wide, **settings)).astype(result.dtype)


def find_differences(case: Case, found: Array, mode: str) -> list[str]:
    """Describe the points at which a value is not that of NumPy and not exempt."""
    wrong = np.all([differs(case.op.name, found, e) for e in case.expected], axis=0)
    for exemption in EXEMPTIONS:
        if case.op.name in exemption.ops.split() and mode in exemption.modes:
            wrong &= ~exemption.where(*case.operands)
    return [
        f"{case.op.name}({', '.join(str(o[k]) for o in case.operands)}) in {case.result.dtype}: "
        f"expected {case.expected[0][k]}, received {found[k]}"
        for k in np.flatnonzero(wrong)
    ]


def differs(name: str, found: Array, expected: Array) -> Array:
    """Tell where values differ by more than rounding, in being infinite or NaN, or in the sign of zero."""
    if expected.dtype.kind != "f":
        return np.asarray(found != expected)
    info = np.finfo(expected.dtype)
    with np.errstate(all="ignore"):
        scale = np.abs(expected) + (name in ABSOLUTE)
        close = np.abs(found - expected) <= ROUNDING * info.eps * scale + 2 * info.tiny
    zero = (found == 0) & (expected == 0) & (name not in ABSOLUTE)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    return ~np.where(zero, np.signbit(found) == np.signbit(expected), same | (np.isfinite(expected) & close))
