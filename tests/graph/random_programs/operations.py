"""The operations that random programs are drawn from. Each draws its operands and returns a line of Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .generation import Generator

Draw = Callable[["Generator"], "str | None"]


NOT_DIFFERENTIABLE = {"stop_gradient", "clip_gradient", "scale_gradient", "while_loop_without_gradient"}
"""Operations whose gradient differs from the derivative on purpose."""


@dataclass(frozen=True)
class Operation:
    """A way to extend a program by one line.

    Attributes
    ----------
    draw : function
        Returns code on the generator's variables, or None if they do not fit.
    """

    name: str
    draw: Draw

    @property
    def differentiable(self) -> bool:
        return self.name not in NOT_DIFFERENTIABLE


OPERATIONS: dict[str, Operation] = {}


def operation(draw: Draw) -> Draw:
    OPERATIONS[draw.__name__] = Operation(draw.__name__, draw)
    return draw


def add_operation(name: str, draw: Draw) -> None:
    OPERATIONS[name] = Operation(name, draw)


FLOAT_FUNCTIONS = """
tanh sinh cosh arcsinh arccosh arctanh sqrt cbrt exp expm1 log log1p exp2 log2 log10 sin cos tan arcsin arccos
arctan sinc sech log_cosh sigmoid softplus softsign leaky_relu log1mexp exprel log1prel gammaln digamma logit
erf erfc erfcx erfinv ndtri ndtr log_ndtr reciprocal reciprocal_expm1 degrees radians nan_to_num
"""
REAL_FUNCTIONS = """
square negative abs floor ceil trunc rint sign relu positive
"""
TESTS = """
isnan isfinite isinf signbit
"""
BINARY_FUNCTIONS = """
add subtract multiply true_divide power maximum minimum fmax fmin logaddexp logaddexp2 copysign heaviside
xlogy xlog1py arctan2 hypot divide_no_nan floor_divide remainder fmod fraction_of_sum
"""
COMPARISONS = """
equal not_equal less less_equal greater greater_equal isclose
"""

for _name in FLOAT_FUNCTIONS.split():
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_float()})")
for _name in REAL_FUNCTIONS.split():
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_real()})")
for _name in TESTS.split():
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_float()})")
for _name in BINARY_FUNCTIONS.split():
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair()})")
for _name in COMPARISONS.split():
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair()})")
for _name in ["logical_and", "logical_or", "logical_xor"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair(g.pick_boolean)})")
for _name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair(g.pick_integer)})")
for _name in ["left_shift", "right_shift"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_integer()}, {g.rng.integers(0, 4)})")
add_operation("logical_not", lambda g: f"pel.logical_not({g.pick_boolean()})")
add_operation("invert", lambda g: f"pel.invert({g.choose([g.pick_integer, g.pick_boolean])()})")
add_operation("polygamma", lambda g: f"pel.polygamma({g.rng.integers(1, 3)}, {g.pick_float()})")
add_operation("round", lambda g: f"pel.round({g.pick_real()}, {g.choose([0, 0, 1, 2, -1])})")
add_operation("power_by_number", lambda g: f"{g.pick_float()} ** {g.choose([0, 1, 2, 3, -1, -2, 0.5, 1.5])}")
add_operation("cast", lambda g: f"pel.cast({g.pick_real()}, {g.choose(['float64', g.dtype, 'int32', 'int64'])!r})")
add_operation("integer_arithmetic", lambda g: f"{g.pick_integer()} {g.choose('+-*')} {g.pick_integer()}")
add_operation("integer_quotient", lambda g: f"{g.pick_integer()} {g.choose(['//', '%', '/'])} {g.choose([2, 3, -4])}")
add_operation("stop_gradient", lambda g: f"pel.stop_gradient({g.pick_float()})")
add_operation("clip_gradient", lambda g: f"pel.clip_gradient({g.pick_float()}, -0.5, 0.5)")
add_operation("scale_gradient", lambda g: f"pel.scale_gradient({g.pick_float()}, -2)")


@operation
def arithmetic(g: Generator) -> str:
    x, y = g.pick_pair().split(", ")
    return f"{x} {g.choose('+-*/')} {y}"


@operation
def shared_square(g: Generator) -> str:
    """Use a variable several times."""
    x = g.pick_float()
    return g.choose([f"{x} * {x} + {x}", f"{x} / (1 + {x} ** 2)", f"({x} - 1) * ({x} + 1)", f"pel.exp(-{x}) * {x}"])


@operation
def clip(g: Generator) -> str:
    return f"pel.clip({g.pick_real()}, {g.choose([-1, -0.5, None])}, {g.choose([0.5, 1])})"


@operation
def clip_to_bounds(g: Generator) -> str:
    x = g.pick_float()
    return f"pel.clip({x}, {g.pick_like(x)}, {g.pick_like(x)})"


@operation
def where(g: Generator) -> str:
    x, y = g.pick_pair().split(", ")
    array = y if y.startswith(("x", "v")) else x
    condition = g.choose([f"{x} > {g.choose([0, 0.5, y])}", f"{x} <= {y}", g.pick_boolean_for(array)])
    return f"pel.where({condition}, {x}, {y})"


@operation
def guarded_function(g: Generator) -> str:
    """Select between a function and a number where the function is undefined."""
    x = g.pick_float()
    name, number = g.choose([("log", 0), ("sqrt", 1), ("reciprocal", 0.5)])
    return f"pel.where({x} > 0, pel.{name}({x}), {number})"
