"""Axes that are padded to the longest of several sizes, so that what is beyond a member's own has no influence.

Each member's part of a padded value is what it is without padding. Elementwise ops keep it so. An op that adds up along
a padded axis is given zeros beyond the size, by a mask where they are not zeros already; then nothing beyond it acts,
and, since a gradient passes the same masks, nothing there learns. Ops of which that is not known are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, brief
from pellucid.graph.expr import Constant, Expr, Shared, constant
from pellucid.graph.operators import call_op

MemberSizes = tuple[int, ...]
"""How long an axis is in each member."""

REDUCTIONS = {"all", "any", "argmax", "argmin", "cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "prod"}
REDUCTIONS |= {"softmax", "std", "sum", "var"}
"""Ops that mix elements along their axes and no others."""

AXIS_MOVES = {"transpose", "expand_dims", "squeeze"}
"""Ops that change nothing but the order and number of axes."""

FINITE_AT_ZERO = {"abs", "relu", "softsign"}
"""Elementwise ops that are tested away from 0, and have a finite value and slope there."""


class PaddingError(PellucidError, ValueError):
    """A graph in which padding would have an influence; the message names the expression."""


class PaddedAxes:
    """Which axes of which expressions are padded, and where there are zeros beyond the sizes.

    Attributes
    ----------
    variables : dict from sizes to Shared
        The variable that holds a member's size, one for every axis that is not equally long in all members.
    """

    def __init__(self) -> None:
        self.variables: dict[MemberSizes, Shared] = {}
        self.axes: dict[Expr, dict[int, MemberSizes]] = {}
        self.zeros: set[Expr] = set()

    def note(self, made: Expr, sizes: Sequence[MemberSizes | None], like: Expr) -> None:
        """Note the padded axes of an expression, and hold its shape against what it stands for."""
        found = {axis: each for axis, each in enumerate(sizes) if each is not None}
        if any(made.shape[axis] != max(each) for axis, each in found.items()):
            raise PaddingError(f"{brief(like)} is not as long in its padded form as in its longest member")
        self.axes[made] = found
        if found and (made.op is None or self.keeps_zero_padding(made)):
            self.zeros.add(made)

    def keeps_zero_padding(self, made: Expr) -> bool:
        """Tell whether there are zeros beyond the sizes because there are in the inputs."""
        op = made.op
        assert op is not None
        if op.name == "matmul":
            return all(
                any(self.clean(i) and self.reaches(made, axis, i) for i in made.inputs) for axis in self.axes[made]
            )
        if op.name in AXIS_MOVES:
            return self.clean(made.inputs[0])
        if not op.elementwise or not all(self.clean(i) and self.covers(made, i) for i in made.inputs):
            return False
        with np.errstate(all="ignore"):
            zeros = [np.zeros((), i.dtype) for i in made.inputs]
            return not np.any(op.value(np, *zeros, **made.settings))

    def clean(self, e: Expr) -> bool:
        """Tell whether there are known to be zeros beyond the sizes of an expression."""
        return e in self.zeros

    def covers(self, made: Expr, operand: Expr) -> bool:
        """Tell whether an operand has all padded axes of an elementwise result."""
        shift = made.ndim - operand.ndim
        return {axis + shift for axis in self.axes.get(operand, {})} == set(self.get_axes(made))

    def get_axes(self, made: Expr) -> dict[int, MemberSizes]:
        """Return the padded axes of an expression and their sizes."""
        return self.axes.get(made, {})

    def reaches(self, made: Expr, axis: int, operand: Expr) -> bool:
        """Tell whether a padded axis of a product comes from this operand."""
        left, right = made.inputs
        own = self.get_axes(operand)
        if axis == made.ndim - 1 and right.ndim > 1:
            return operand is right and right.ndim - 1 in own
        return operand is left and axis - made.ndim + left.ndim in own

    def mask(self, e: Expr, axes: Sequence[int], neutral: float = 0.0) -> Expr:
        """Return an expression with a number beyond the sizes along some of its axes."""
        inside: Any = None
        for axis in axes:
            sizes = self.axes[e][axis]
            if sizes not in self.variables:
                self.variables[sizes] = Shared(np.int32(max(sizes)), "size", trainable=False, regularizable=False)
            places = constant(np.arange(max(sizes), dtype=np.int32).reshape(-1, *(1,) * (e.ndim - axis - 1)))
            here = places < self.variables[sizes]
            inside = here if inside is None else inside & here
        made: Expr = call_op("where", inside, e, constant(np.asarray(neutral, e.dtype)))
        self.axes[made] = self.axes[e]
        self.zeros.add(made)
        return made

    def mask_like(self, e: Expr, like: Expr) -> Expr:
        """Return an expression with zeros beyond the sizes of another one, of which it is to take the place."""
        axes = list(self.get_axes(like))
        self.axes.setdefault(e, self.get_axes(like))
        return self.mask(e, axes) if axes else e


def mask_inputs(like: Expr, inputs: Sequence[Expr], ragged: PaddedAxes, differentiated: bool) -> list[Expr]:
    """Return what an op is given, so that nothing beyond a member's sizes has an influence.

    Raises
    ------
    PaddingError
        For an op of which that is not known.
    """
    op = like.op
    assert op is not None
    if not any(ragged.get_axes(i) for i in inputs) or op.name in AXIS_MOVES:
        return list(inputs)
    if op.elementwise:
        if differentiated:
            check_slopes(like, inputs, ragged)
        return list(inputs)
    if op.name == "matmul":
        return mask_contracted(inputs, ragged)
    if op.name in REDUCTIONS:
        (x,) = inputs
        mixed = [axis for axis in get_reduced_axes(like, x.ndim) if axis in ragged.get_axes(x)]
        if not mixed:
            return [x]
        if op.name == "sum":
            return [ragged.mask(x, mixed)]
    raise PaddingError(f"{brief(like)}: {op.name} over units that not all members have is not known to leave them out")


def mask_contracted(inputs: Sequence[Expr], ragged: PaddedAxes) -> list[Expr]:
    """Return the operands of a matrix product with zeros beyond the sizes of the axis that is summed over."""
    x, w = inputs
    pairs = ((x, x.ndim - 1), (w, max(w.ndim - 2, 0)))
    return [ragged.mask(e, [axis]) if axis in ragged.get_axes(e) and not ragged.clean(e) else e for e, axis in pairs]


def get_reduced_axes(like: Expr, ndim: int) -> list[int]:
    """Return the axes along which an op mixes elements."""
    axis = like.settings.get("axis")
    if axis is None:
        return list(range(ndim))
    return [int(a) % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]


def check_slopes(like: Expr, inputs: Sequence[Expr], ragged: PaddedAxes) -> None:
    """Refuse an elementwise op whose slope at 0, which stands beyond the sizes, may be infinite."""
    op = like.op
    assert op is not None
    if op.name in FINITE_AT_ZERO or (op.name == "power" and is_integer_power(inputs[1])):
        return
    domains = [op.domain] * len(inputs) if np.ndim(op.domain[0]) == 0 else list(op.domain)
    for operand, (low, high) in zip(inputs, domains, strict=True):
        if ragged.get_axes(operand) and not low < 0 < high:
            raise PaddingError(
                f"{brief(like)}: {op.name} of units that not all members have may not be finite where there are none"
            )


def is_integer_power(exponent: Expr) -> bool:
    """Tell whether a power is known to be finite and smooth at 0."""
    return isinstance(exponent, Constant) and bool(np.all((exponent.value >= 1) & (exponent.value % 1 == 0)))
