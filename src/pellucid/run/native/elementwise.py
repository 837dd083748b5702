"""C expressions of elementwise primitives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.value_ranges import is_at_least_one, is_nonpositive
from pellucid.run.native.vector_math import INLINE_FUNCTIONS

C_TYPES = {
    "bool": "uint8_t",
    "float32": "float",
    "float64": "double",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}

Emitter = Callable[..., str]
"""Returns a C expression for an equation and the C expressions of its operands."""


def c_type(dtype: np.dtype[np.generic]) -> str:
    return C_TYPES[str(np.dtype(dtype))]


def c_literal(number: Any, dtype: np.dtype[np.generic]) -> str:
    """Return a number as exact C source.

    Examples
    --------
    >>> c_literal(0.1, np.float32), c_literal(-3, np.int32), c_literal(np.inf, np.float64)
    ('0x1.99999a0000000p-4f', '-3', '((double)INFINITY)')
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return str(int(bool(number)))
    if dtype.kind == "u":
        return f"UINT64_C({int(number)})" if dtype.itemsize == 8 else f"{int(number)}u"
    if dtype.kind == "i":
        # C has no negative literals, and the smallest integer without its sign does not fit the type.
        if dtype.itemsize == 8 or int(number) == -(2**31):
            return f"((int{dtype.itemsize * 8}_t)UINT64_C({int(number) & (2**64 - 1)}))"
        return str(int(number))
    real = float(np.asarray(number, dtype))
    if not np.isfinite(real):
        word = "NAN" if np.isnan(real) else "INFINITY" if real > 0 else "-INFINITY"
        return f"(({c_type(dtype)}){word})"
    return real.hex() + ("f" if dtype.itemsize == 4 else "")


def _function(name: str) -> Emitter:
    """Call a function of the C library, or its inline version, in the precision of the result."""
    name = f"vector_{name}" if name in INLINE_FUNCTIONS else name
    return lambda e, *x: f"{name}{'f' if e.result.dtype.itemsize == 4 else ''}({', '.join(x)})"


def _typed(name: str) -> Emitter:
    """Call a function of the preamble, which has one version for each dtype."""
    return lambda e, *x: f"{name}_{e.result.dtype.name}({', '.join(x)})"


def _operator(form: str) -> Emitter:
    return lambda e, *x: form.format(*x)


def _real(form: str) -> Emitter:
    """Fill in a formula of real numbers; ``F`` is the suffix of functions in single precision."""

    def emit(e: Equation, *x: str) -> str:
        single = e.inputs[0].dtype.itemsize == 4
        return form.format(*x, F="f" if single else "", one="1.0f" if single else "1.0")

    return emit


def _if_in_range(is_in_range: Callable[[Value], bool], fast: str, general: str) -> Emitter:
    """Call a faster function if the operand is known to be in a range."""
    return lambda e, x: _function(fast if is_in_range(e.inputs[0]) else general)(e, x)


def _by_kind(real: Emitter, integer: Emitter) -> Emitter:
    return lambda e, *x: (real if e.result.dtype.kind == "f" else integer)(e, *x)


def _power(e: Equation, x: str) -> str:
    n = int(e.params["y"])
    power = f"power_{e.result.dtype.name}({x}, {abs(n)})"
    return power if n >= 0 else f"({c_literal(1, e.result.dtype)} / {power})"


def _convert(e: Equation, x: str) -> str:
    source, target = e.inputs[0].dtype, e.result.dtype
    if target.kind == "b":
        return f"({x} != 0)"
    if source.kind == "f" and target.kind in "iu":
        return f"to_{target.name}({x})"
    return f"(({c_type(target)}){x})"


def _bitcast(e: Equation, x: str) -> str:
    if e.inputs[0].dtype.itemsize != e.result.dtype.itemsize:
        raise NotNative("it reinterprets bits between dtypes of different sizes")
    return f"bits_{e.inputs[0].dtype.name}_{e.result.dtype.name}({x})"


def _round(e: Equation, x: str) -> str:
    return _function("rint" if e.params["rounding_method"].name == "TO_NEAREST_EVEN" else "round")(e, x)


def _not(e: Equation, x: str) -> str:
    return f"(!{x})" if e.result.dtype.kind == "b" else f"(~{x})"


def _select(e: Equation, which: str, *cases: str) -> str:
    if len(cases) != 2:
        raise NotNative(f"it selects among {len(cases)} cases")
    return f"({which} ? {cases[1]} : {cases[0]})"


def _clamp(e: Equation, low: str, x: str, high: str) -> str:
    return _typed("min")(e, _typed("max")(e, x, low), high)


def _shift(form: str) -> Emitter:
    def emit(e: Equation, x: str, n: str) -> str:
        bits = 8 * e.result.dtype.itemsize
        unsigned = f"u{C_TYPES[e.result.dtype.name].lstrip('u')}"
        return form.format(x=x, n=n, bits=bits, unsigned=unsigned, type=c_type(e.result.dtype))

    return emit


FUNCTION_COSTS = {
    1: ("floor", "ceil"),
    6: ("sqrt",),
    12: ("exp2",),
    16: ("expm1", "log1p", "tanh", "sin", "cos"),
    20: ("cbrt", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc"),
    30: ("pow",),
    40: ("lgamma",),
}
"""Functions of the C library with the names of primitives, by their approximate cost in additions."""

ELEMENTWISE: dict[str, tuple[Emitter, int]] = {
    **{name: (_function(name), cost) for cost, names in FUNCTION_COSTS.items() for name in names},
    "add": (_operator("({} + {})"), 1),
    "add_any": (_operator("({} + {})"), 1),
    "sub": (_operator("({} - {})"), 1),
    "mul": (_operator("({} * {})"), 1),
    "div": (_by_kind(_operator("({} / {})"), _typed("divide")), 4),
    "rem": (_by_kind(_function("fmod"), _typed("remainder")), 8),
    "neg": (_operator("(- {})"), 1),
    "abs": (_by_kind(_function("fabs"), _typed("absolute")), 1),
    "sign": (_typed("sign"), 2),
    "max": (_typed("max"), 1),
    "min": (_typed("min"), 1),
    "square": (_typed("square"), 1),
    "integer_pow": (_power, 2),
    "rsqrt": (_real("({one} / sqrt{F}({0}))"), 10),
    "exp": (_if_in_range(is_nonpositive, "vector_exp_nonpositive", "exp"), 12),
    "log": (_if_in_range(is_at_least_one, "vector_log_at_least_one", "log"), 12),
    "logistic": (_real("logistic{F}({0})"), 16),
    "round": (_round, 1),
    "is_finite": (_real("isfinite({0})"), 1),
    "eq": (_operator("({} == {})"), 1),
    "ne": (_operator("({} != {})"), 1),
    "lt": (_operator("({} < {})"), 1),
    "le": (_operator("({} <= {})"), 1),
    "gt": (_operator("({} > {})"), 1),
    "ge": (_operator("({} >= {})"), 1),
    "and": (_operator("({} & {})"), 1),
    "or": (_operator("({} | {})"), 1),
    "xor": (_operator("({} ^ {})"), 1),
    "not": (_not, 1),
    "select_n": (_select, 1),
    "clamp": (_clamp, 2),
    "convert_element_type": (_convert, 1),
    "bitcast_convert_type": (_bitcast, 1),
    "shift_left": (_shift("(({unsigned}){n} < {bits} ? ({type})(({unsigned}){x} << ({n} & ({bits} - 1))) : 0)"), 1),
    "shift_right_logical": (
        _shift("(({unsigned}){n} < {bits} ? ({type})(({unsigned}){x} >> ({n} & ({bits} - 1))) : 0)"),
        1,
    ),
    "shift_right_arithmetic": (_shift("(({type})({x} >> (({unsigned}){n} < {bits} ? {n} : {bits} - 1)))"), 1),
}
"""For each elementwise primitive of JAX, its C expression and its approximate cost in additions."""


FIRST_HALF_COST = 14


@dataclass(frozen=True)
class Halves:
    """A function of ``vector_math.c`` in two halves, which may be in different loops.

    Attributes
    ----------
    steps : tuple of str
        Forms that compute the argument of the first half from that of the function.
    first, second : str
        Forms of the first half, which computes ``q`` and ``w`` from the argument, and of the second.
    cost : int
        Approximate cost of the second half, in additions. That of the first is ``FIRST_HALF_COST``.
    """

    steps: tuple[str, ...]
    first: str
    second: str
    cost: int


def split_exponential(e: Equation) -> Halves | None:
    """Return the halves of an exponential function; None for other primitives.

    Steps are written like the arguments of exponentials in derivatives, so that those are recognized as equal.
    """
    F, two = ("f" if e.result.dtype.itemsize == 4 else ""), c_literal(-2, e.result.dtype)
    magnitude, nonpositive = f"fabs{F}({{0}})", f"reduce_exp_nonpositive{F}({{0}}, &{{w}})"
    if e.name == "tanh":
        return Halves((magnitude, f"({two} * {{0}})"), nonpositive, f"expand_tanh{F}({{x}}, {{q}}, {{w}})", 14)
    if e.name == "logistic":
        return Halves((magnitude, "(- {0})"), nonpositive, f"expand_logistic{F}({{x}}, {{q}}, {{w}})", 10)
    if e.name == "exp":
        if is_nonpositive(e.inputs[0]):
            return Halves((), nonpositive, f"expand_exp_nonpositive{F}({{q}}, {{w}})", 1)
        return Halves((), f"reduce_exp{F}({{0}}, &{{w}})", f"expand_exp{F}({{q}}, {{w}})", 2)
    return None


def is_elementwise(e: Equation) -> bool:
    return e.name in ELEMENTWISE


def emit_elementwise(e: Equation, operands: list[str]) -> str:
    """Return the C expression of one element, given those of the operands."""
    dtype, text = e.result.dtype, ELEMENTWISE[e.name][0](e, *operands)
    # C computes small integers as int; the cast wraps the result around.
    return f"(({c_type(dtype)}){text})" if dtype.kind in "iu" and dtype.itemsize < 4 else text


def get_cost(e: Equation) -> int:
    """Return the approximate cost of an element, in additions."""
    return ELEMENTWISE[e.name][1] if e.name in ELEMENTWISE else 1
