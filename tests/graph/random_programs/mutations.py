"""Defects that are planted in pellucid, to prove that random programs find such defects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import pellucid as pel
from pellucid.graph import reverse_mode
from pellucid.graph.op import OPS
from pellucid.graph.rewrite_rule import RULES
from pellucid.run.native import elementwise


@dataclass(frozen=True)
class Mutation:
    """A planted defect.

    Attributes
    ----------
    plant : function
        Plants it, with a monkeypatch that removes it.
    mode : str
        The mode that has it besides the interpreter.
    order : int
        Highest derivative that is compared.
    code : str
        Part of the lines that may have it. Other programs are not run, which saves time.
    """

    plant: Callable[[pytest.MonkeyPatch], None]
    mode: str = "numpy"
    order: int = 2
    code: str = ""


def replace_field(op: str, field: str, change: Callable[[Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a function that replaces a field of an op by a function of the old value."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        record = OPS[op]
        old = getattr(record, field)
        # Records are frozen, and expressions hold them.
        patch.setitem(record.__dict__, field, change(old))

    return plant


def replace_rule(name: str, replacement: Callable[..., Any]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setitem(RULES, name, dataclasses.replace(RULES[name], replacement=replacement))


def forget_broadcast_axes(patch: pytest.MonkeyPatch) -> None:
    """Sum a gradient over new axes, and take one element of those of length 1."""

    def unbroadcast(g: Any, node: Any, operand: Any) -> Any:
        op = node.op
        if op.elementwise and operand.shape != node.shape:
            lead = node.ndim - operand.ndim
            g = g if g.shape == node.shape else pel.broadcast_like(g, node)
            g = g.sum(axis=tuple(range(lead))) if lead else g
            for axis, (a, b) in enumerate(zip(operand.shape, node.shape[lead:], strict=True)):
                if a == 1 and b != 1:
                    g = pel.take(g, [0], axis=axis)
        return g if g.dtype == operand.dtype else pel.cast(g, operand.dtype)

    patch.setattr(reverse_mode, "unbroadcast", unbroadcast)


def round_halves_away(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(elementwise.ELEMENTWISE, "round", (lambda e, x: f"round({x})", 1))


def max_of_first_axis(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Reduce the first axis in the place of another one of the same length."""
    wrong = axis is not None and len(axis) == 1 and x.shape[0] == x.shape[axis[0]]
    return xp.max(x, axis=0 if wrong else axis, keepdims=keepdims)


MUTATIONS: dict[str, Mutation] = {
    "gradient of cbrt is 1% too large": Mutation(
        replace_field("cbrt", "grad", lambda old: lambda g, y, x: 1.01 * old(g, y, x))
    ),
    "gradient of arctan2 has its operands exchanged": Mutation(
        replace_field("arctan2", "grad", lambda old: lambda g, z, y, x: old(g, z, y, x)[::-1])
    ),
    "second derivative of tanh has the wrong sign": Mutation(
        replace_field("tanh_slope", "grad", lambda old: lambda g, z, y, x: (None, -old(g, z, y, x)[1]))
    ),
    "gradient of cumsum runs forward": Mutation(
        replace_field("cumsum", "grad", lambda old: lambda g, y, x, axis: pel.cumsum(g, axis=axis))
    ),
    "gradient of sort is not put back in order": Mutation(
        replace_field("sort", "grad", lambda old: lambda g, y, x, axis, descending: g)
    ),
    "gradient of maximum goes to both": Mutation(
        replace_field("maximum", "grad", lambda old: lambda g, z, x, y: (g, g))
    ),
    "gradient takes one element of a broadcast axis": Mutation(forget_broadcast_axes),
    "tanh(x) - x becomes x - tanh(x)": Mutation(
        replace_rule("difference_from_argument_of_tanh", lambda x: x - pel.tanh(x))
    ),
    "x + x becomes 3 * x": Mutation(replace_rule("add_same", lambda x: 3 * x)),
    "max reduces the first axis in XLA": Mutation(replace_field("max", "xla", lambda old: max_of_first_axis), "xla", 0),
    "fmod has the sign of the divisor in XLA": Mutation(
        replace_field("fmod", "xla", lambda old: lambda xp, x, y: xp.remainder(x, y)), "xla", 0
    ),
    "round in C rounds halves away from zero": Mutation(round_halves_away, "native", 0, "pel.r"),
}
