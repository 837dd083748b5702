"""What is computed element by element, as C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.value_ranges import at_least_one, not_positive
from pellucid.run.native.vector_math import OWN

TYPES = {
    "bool": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "float32": "float",
    "float64": "double",
}

Written = Callable[..., str]


def type_of(dtype: Any) -> str:
    """Return the C type of a dtype."""
    found: str = TYPES[str(np.dtype(dtype))]
    return found


def literal(number: Any, dtype: Any) -> str:
    """Write a number, exactly.

    Examples
    --------
    >>> literal(0.1, np.float32), literal(-3, np.int32), literal(np.inf, np.float64)
    ('0x1.99999a0000000p-4f', '-3', '((double)INFINITY)')
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return str(int(bool(number)))
    if dtype.kind == "u":
        return f"UINT64_C({int(number)})" if dtype.itemsize == 8 else f"{int(number)}u"
    if dtype.kind == "i":
        # C has no negative numbers, and the least one without its sign is of a longer type.
        if dtype.itemsize == 8 or int(number) == -(2**31):
            return f"((int{dtype.itemsize * 8}_t)UINT64_C({int(number) & (2**64 - 1)}))"
        return str(int(number))
    real = float(np.asarray(number, dtype))
    if not np.isfinite(real):
        word = "NAN" if np.isnan(real) else "INFINITY" if real > 0 else "-INFINITY"
        return f"(({type_of(dtype)}){word})"
    return real.hex() + ("f" if dtype.itemsize == 4 else "")


def _function(name: str) -> Written:
    """Return a function of C's mathematical library, or one of ours, in the precision of the operands."""
    name = OWN.get(name, name)
    return lambda e, *x: f"{name}{'f' if e.result.dtype.itemsize == 4 else ''}({', '.join(x)})"


def _real(form: str) -> Written:
    """Return a formula of real numbers; ``F`` ends the names of functions in single precision."""

    def written(e: Equation, *x: str) -> str:
        single = e.inputs[0].dtype.itemsize == 4
        one = "1.0f" if single else "1.0"
        return form.format(*x, F="f" if single else "", one=one)

    return written


def _plain(form: str) -> Written:
    return lambda e, *x: form.format(*x)


def _divide(e: Equation, x: str, y: str) -> str:
    return f"({x} / {y})" if e.result.dtype.kind == "f" else _own("quotient")(e, x, y)


def _remainder(e: Equation, x: str, y: str) -> str:
    return _function("fmod")(e, x, y) if e.result.dtype.kind == "f" else _own("remainder")(e, x, y)


def _own(name: str) -> Written:
    """Return a function of the preamble, one for each dtype: what names an operand twice is not written out."""
    return lambda e, *x: f"{name}_{e.result.dtype.name}({', '.join(x)})"


def _where(known: Callable[[Value], bool], name: str, other: str) -> Written:
    """Return a function that is quicker where something is known of its operand."""
    return lambda e, x: _function(name if known(e.inputs[0]) else other)(e, x)


def _power(e: Equation, x: str) -> str:
    n = int(e.params["y"])
    power = f"power_{e.result.dtype.name}({x}, {abs(n)})"
    return power if n >= 0 else f"({literal(1, e.result.dtype)} / {power})"


def _absolute(e: Equation, x: str) -> str:
    return _function("fabs")(e, x) if e.result.dtype.kind == "f" else _own("absolute")(e, x)


def _convert(e: Equation, x: str) -> str:
    source, target = e.inputs[0].dtype, e.result.dtype
    if target.kind == "b":
        return f"({x} != 0)"
    if source.kind == "f" and target.kind in "iu":
        return f"to_{target.name}({x})"
    return f"(({type_of(target)}){x})"


def _bits(e: Equation, x: str) -> str:
    if e.inputs[0].dtype.itemsize != e.result.dtype.itemsize:
        raise NotNative("it takes the bits of numbers for several others")
    return f"bits_{e.inputs[0].dtype.name}_{e.result.dtype.name}({x})"


def _not(e: Equation, x: str) -> str:
    return f"(!{x})" if e.result.dtype.kind == "b" else f"(~{x})"


def _select(e: Equation, which: str, *cases: str) -> str:
    if len(cases) != 2:
        raise NotNative(f"it selects among {len(cases)}")
    return f"({which} ? {cases[1]} : {cases[0]})"


def _clamp(e: Equation, low: str, x: str, high: str) -> str:
    return _own("lesser")(e, _own("greater")(e, x, low), high)


def _shift(form: str) -> Written:
    def written(e: Equation, x: str, n: str) -> str:
        bits = 8 * e.result.dtype.itemsize
        unsigned = f"u{TYPES[e.result.dtype.name].lstrip('u')}"
        return form.format(x=x, n=n, bits=bits, unsigned=unsigned, type=type_of(e.result.dtype))

    return written


POINTWISE: dict[str, tuple[Written, int]] = {
    "add": (_plain("({} + {})"), 1),
    "add_any": (_plain("({} + {})"), 1),
    "sub": (_plain("({} - {})"), 1),
    "mul": (_plain("({} * {})"), 1),
    "div": (_divide, 4),
    "rem": (_remainder, 8),
    "neg": (_plain("(- {})"), 1),
    "abs": (_absolute, 1),
    "sign": (_own("sign"), 2),
    "max": (_own("greater"), 1),
    "min": (_own("lesser"), 1),
    "square": (_own("square"), 1),
    "integer_pow": (_power, 2),
    "pow": (_function("pow"), 30),
    "sqrt": (_function("sqrt"), 6),
    "rsqrt": (_real("({one} / sqrt{F}({0}))"), 10),
    "cbrt": (_function("cbrt"), 20),
    "exp": (_where(not_positive, "exponential_falling", "exp"), 12),
    "exp2": (_function("exp2"), 12),
    "log": (_where(at_least_one, "logarithm_rising", "log"), 12),
    "expm1": (_function("expm1"), 16),
    "log1p": (_function("log1p"), 16),
    "tanh": (_function("tanh"), 16),
    "logistic": (_real("logistic{F}({0})"), 16),
    "sin": (_function("sin"), 16),
    "cos": (_function("cos"), 16),
    "tan": (_function("tan"), 20),
    "asin": (_function("asin"), 20),
    "acos": (_function("acos"), 20),
    "atan": (_function("atan"), 20),
    "atan2": (_function("atan2"), 20),
    "sinh": (_function("sinh"), 20),
    "cosh": (_function("cosh"), 20),
    "asinh": (_function("asinh"), 20),
    "acosh": (_function("acosh"), 20),
    "atanh": (_function("atanh"), 20),
    "erf": (_function("erf"), 20),
    "erfc": (_function("erfc"), 20),
    "lgamma": (_function("lgamma"), 40),
    "floor": (_function("floor"), 1),
    "ceil": (_function("ceil"), 1),
    "is_finite": (_real("isfinite({0})"), 1),
    "eq": (_plain("({} == {})"), 1),
    "ne": (_plain("({} != {})"), 1),
    "lt": (_plain("({} < {})"), 1),
    "le": (_plain("({} <= {})"), 1),
    "gt": (_plain("({} > {})"), 1),
    "ge": (_plain("({} >= {})"), 1),
    "and": (_plain("({} & {})"), 1),
    "or": (_plain("({} | {})"), 1),
    "xor": (_plain("({} ^ {})"), 1),
    "not": (_not, 1),
    "select_n": (_select, 1),
    "clamp": (_clamp, 2),
    "convert_element_type": (_convert, 1),
    "bitcast_convert_type": (_bits, 1),
    "shift_left": (_shift("(({unsigned}){n} < {bits} ? ({type})(({unsigned}){x} << ({n} & ({bits} - 1))) : 0)"), 1),
    "shift_right_logical": (
        _shift("(({unsigned}){n} < {bits} ? ({type})(({unsigned}){x} >> ({n} & ({bits} - 1))) : 0)"),
        1,
    ),
    "shift_right_arithmetic": (_shift("(({type})({x} >> (({unsigned}){n} < {bits} ? {n} : {bits} - 1)))"), 1),
}
"""For each of JAX's elementwise operations how it is written, and about how many additions it is worth."""


def is_pointwise(e: Equation) -> bool:
    """Tell whether an equation computes each element from those at the same place."""
    return e.name in POINTWISE or (e.name == "round")


def written(e: Equation, operands: list[str]) -> str:
    """Write one element of an equation's result."""
    result = e.result.dtype
    if e.name == "round":
        even = str(e.params["rounding_method"]).endswith("TO_NEAREST_EVEN")
        return _function("rint" if even else "round")(e, *operands)
    text: str = POINTWISE[e.name][0](e, *operands)
    if result.kind in "iu" and result.itemsize < 4:
        return f"(({type_of(result)}){text})"
    return text


def cost_of(e: Equation) -> int:
    """Return about how many additions an element is worth."""
    return POINTWISE[e.name][1] if e.name in POINTWISE else 1
