"""Padding of axes to the largest of several sizes, without effect on results.

The values of each member are those that it has without padding. Elementwise ops preserve this. An op that reduces a
padded axis gets zeros there, by a mask where the padding is not known to be zero. The gradient passes through the same
masks, so nothing in the padding is trained. Other ops are rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, brief
from pellucid.graph.expr import Constant, Expr, Shared, constant
from pellucid.graph.operators import call_op

MemberSizes = tuple[int, ...]
"""Sizes of an axis in the members."""

REDUCTIONS = {"all", "any", "argmax", "argmin", "cumsum", "log_softmax", "logsumexp", "max", "mean", "min", "prod"}
REDUCTIONS |= {"softmax", "std", "sum", "var"}
"""Ops that mix elements only along their ``axis``."""

AXIS_MOVES = {"transpose", "expand_dims", "squeeze"}
"""Ops that only change the order and number of axes."""

FINITE_AT_ZERO = {"abs", "relu", "softsign"}
"""Elementwise ops that are tested away from 0 and have a finite value and derivative at 0."""


class PaddingError(PellucidError, ValueError):
    """A graph in which padding would affect results."""


class PaddedAxes:
    """Padded axes of expressions, and whether their padding is zero.

    Attributes
    ----------
    variables : dict from sizes to Shared
        The variable with the size of a member, for each padded axis.
    """

    def __init__(self) -> None:
        self.variables: dict[MemberSizes, Shared] = {}
        self.axes: dict[Expr, dict[int, MemberSizes]] = {}
        self.zeros: set[Expr] = set()

    def record(self, made: Expr, sizes: Sequence[MemberSizes | None], like: Expr) -> None:
        found = {axis: each for axis, each in enumerate(sizes) if each is not None}
        if any(made.shape[axis] != max(each) for axis, each in found.items()):
            raise PaddingError(f"{brief(like)}: the padded size differs from the largest size of a member")
        self.axes[made] = found
        if found and (made.op is None or self.keeps_zero_padding(made)):
            self.zeros.add(made)

    def keeps_zero_padding(self, made: Expr) -> bool:
        """Tell whether the padding is zero because that of the inputs is."""
        op = made.op
        assert op is not None
        if op.name == "matmul":
            return all(
                any(i in self.zeros and self.comes_from(made, axis, i) for i in made.inputs) for axis in self.axes[made]
            )
        if op.name in AXIS_MOVES:
            return made.inputs[0] in self.zeros
        if not op.elementwise or not all(i in self.zeros and self.has_axes_of(made, i) for i in made.inputs):
            return False
        with np.errstate(all="ignore"):
            zeros = [np.zeros((), i.dtype) for i in made.inputs]
            return not np.any(np.asarray(op.value(np, *zeros, **made.settings)))

    def has_axes_of(self, made: Expr, operand: Expr) -> bool:
        """Tell whether an operand has all padded axes of an elementwise result."""
        shift = made.ndim - operand.ndim
        return {axis + shift for axis in self.get_axes(operand)} == set(self.get_axes(made))

    def get_axes(self, e: Expr) -> dict[int, MemberSizes]:
        return self.axes.get(e, {})

    def comes_from(self, made: Expr, axis: int, operand: Expr) -> bool:
        """Tell whether a padded axis of a product is an axis of this operand."""
        left, right = made.inputs
        own = self.get_axes(operand)
        if axis == made.ndim - 1 and right.ndim > 1:
            return operand is right and right.ndim - 1 in own
        return operand is left and axis - made.ndim + left.ndim in own

    def mask(self, e: Expr, axes: Sequence[int], neutral: float = 0.0) -> Expr:
        """Return an expression whose padding along some axes is replaced by a number."""
        inside: Any = None
        for axis in axes:
            sizes = self.axes[e][axis]
            if sizes not in self.variables:
                self.variables[sizes] = Shared(np.int32(max(sizes)), "size", trainable=False, regularizable=False)
            indices = constant(np.arange(max(sizes), dtype=np.int32).reshape(-1, *(1,) * (e.ndim - axis - 1)))
            valid = indices < self.variables[sizes]
            inside = valid if inside is None else inside & valid
        made: Expr = call_op("where", inside, e, constant(np.asarray(neutral, e.dtype)))
        self.axes[made] = self.axes[e]
        self.zeros.add(made)
        return made

    def mask_like(self, e: Expr, like: Expr) -> Expr:
        """Return an expression with zeros in the padding that another one has."""
        axes = self.get_axes(like)
        self.axes.setdefault(e, axes)
        return self.mask(e, list(axes)) if axes else e


def mask_inputs(like: Expr, inputs: Sequence[Expr], padded: PaddedAxes, differentiated: bool) -> list[Expr]:
    """Return the inputs of an op, masked so that their padding has no effect, or raise PaddingError."""
    op = like.op
    assert op is not None
    if not any(padded.get_axes(i) for i in inputs) or op.name in AXIS_MOVES:
        return list(inputs)
    if op.elementwise:
        if differentiated:
            check_slopes(like, inputs, padded)
        return list(inputs)
    if op.name == "matmul":
        return mask_contracted(inputs, padded)
    if op.name in REDUCTIONS:
        (x,) = inputs
        mixed = [axis for axis in get_reduced_axes(like, x.ndim) if axis in padded.get_axes(x)]
        if not mixed:
            return [x]
        if op.name == "sum":
            return [padded.mask(x, mixed)]
    raise PaddingError(f"{brief(like)}: {op.name} over a padded axis is not supported")


def mask_contracted(inputs: Sequence[Expr], padded: PaddedAxes) -> list[Expr]:
    """Return the operands of a matrix product with zeros in the padding of the contracted axis."""
    x, w = inputs
    pairs = ((x, x.ndim - 1), (w, max(w.ndim - 2, 0)))
    return [padded.mask(e, [axis]) if axis in padded.get_axes(e) and e not in padded.zeros else e for e, axis in pairs]


def get_reduced_axes(like: Expr, ndim: int) -> list[int]:
    axis = like.settings.get("axis")
    if axis is None:
        return list(range(ndim))
    return [int(a) % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]


def check_slopes(like: Expr, inputs: Sequence[Expr], padded: PaddedAxes) -> None:
    """Raise an error for an elementwise op whose derivative may be infinite at 0, the value of padding."""
    op = like.op
    assert op is not None
    if op.name in FINITE_AT_ZERO or (op.name == "power" and is_integer_power(inputs[1])):
        return
    domains: Any = [op.domain] * len(inputs) if np.ndim(op.domain[0]) == 0 else list(op.domain)
    for operand, (low, high) in zip(inputs, domains, strict=True):
        if padded.get_axes(operand) and not low < 0 < high:
            raise PaddingError(f"{brief(like)}: {op.name} of padding may not be finite")


def is_integer_power(exponent: Expr) -> bool:
    return isinstance(exponent, Constant) and bool(np.all((exponent.value >= 1) & (exponent.value % 1 == 0)))
