"""Regularizers: penalties on weights, to add to a loss."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Literal

from pellucid.graph.errors import OptionError, ShapeError, UseError, suggest_near_misses
from pellucid.graph.expr import Expr, Shared, as_expr, constant
from pellucid.graph.ops.creation import eye
from pellucid.graph.ops.elementwise import absolute, square
from pellucid.graph.ops.norms import divide_no_nan, vector_norm
from pellucid.graph.ops.reductions import sum
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_number, is_real
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.nn.registry import get_by_name

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Penalty", "get", "l1", "l2"]

Penalty = Callable[[Expr], Expr]
"""Function from a parameter to a scalar that is added to the loss.

Examples
--------
>>> def largest(w: pel.Expr) -> pel.Expr:
...     return 0.1 * abs(w).max()
>>> layer = pel.nn.Dense(3, kernel_regularizer=largest, name="d")
>>> y = layer(pel.matrix("x", shape=("n", 2)))
>>> layer.regularization()
0 + 0.1 * abs(d/kernel).max()
"""


def l1(x: Expr | Sequence[Expr]) -> Expr:
    r"""Sum of absolute values, :math:`\sum_i |x_i|`, of an expression or over several; see `l2`.

    Parameters
    ----------
    x : Expr or sequence of Expr
        Parameters tagged ``regularizable=False`` in a sequence, such as biases, are skipped.

    Examples
    --------
    >>> l1(pel.vector("w"))
    abs(w).sum()
    """
    return add_penalties(x, lambda e: sum(absolute(e)), "l1")


def l2(x: Expr | Sequence[Expr]) -> Expr:
    r"""Sum of squares, :math:`\sum_i x_i^2`, of an expression or over several.

    Parameters
    ----------
    x : Expr or sequence of Expr
        Parameters tagged ``regularizable=False`` in a sequence, such as biases, are skipped.

    Returns
    -------
    Expr
        A scalar, without any factor such as 1/2.

    Raises
    ------
    TypeError
        For a number. Write ``L2(0.01)`` for a strength.

    Examples
    --------
    >>> W, b = pel.shared([1.0], "W"), pel.shared([0.0], "b", regularizable=False)
    >>> l2([W, b])
    (W ** 2).sum()
    """
    return add_penalties(x, lambda e: sum(square(e)), "l2")


def add_penalties(x: Expr | Sequence[Expr], penalty: Penalty, name: str) -> Expr:
    if is_real(x):
        raise UseError(
            f"{name}: expected an expression or a list of them, such as pel.parameters(p). Received: {x}. "
            f"For a strength, write {name.upper()}({x}), or {x} * {name}(...)"
        )
    if isinstance(x, Expr):
        return penalty(x)
    parts = [penalty(as_expr(e)) for e in x if not isinstance(e, Shared) or e.regularizable]
    return functools.reduce(operator.add, parts) if parts else constant(0.0)


class L1L2(StrictArguments):
    r"""L1 and L2 penalty, :math:`a \sum |w| + b \sum w^2` with :math:`a` = ``l1`` and :math:`b` = ``l2``.

    Parameters
    ----------
    l1, l2 : float
        :math:`a` and :math:`b`.

    Examples
    --------
    >>> L1L2(l2=0.5)(pel.vector("w"))
    0.5 * (w ** 2).sum()
    """

    l1: float
    l2: float

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = check_number("l1", l1, minimum=0.0), check_number("l2", l2, minimum=0.0)

    def __call__(self, x: Expr) -> Expr:
        parts = [s * f(x) for s, f in ((self.l1, l1), (self.l2, l2)) if s]
        return functools.reduce(operator.add, parts) if parts else constant(0.0, x.dtype)


class L1(L1L2):
    r"""L1 penalty of a parameter, :math:`a \sum |w|`.

    Parameters
    ----------
    l1 : float
        :math:`a`.

    Examples
    --------
    >>> L1(0.1)(pel.vector("w"))
    0.1 * abs(w).sum()
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    r"""L2 penalty of a parameter, :math:`b \sum w^2`.

    Parameters
    ----------
    l2 : float
        :math:`b`.

    Examples
    --------
    >>> L2(0.1)(pel.vector("w"))
    0.1 * (w ** 2).sum()
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


class OrthogonalRegularizer(StrictArguments):
    r"""Penalty on vectors that are not orthogonal: the mean absolute cosine between pairs,
    :math:`\frac{f}{n (n - 1)} \sum_{i \ne j} |\hat w_i \cdot \hat w_j|`.

    Parameters
    ----------
    factor : float
        :math:`f`.
    mode : {"rows", "columns"}
        Vectors to compare. The columns of a Dense kernel are its units.

    Raises
    ------
    ValueError
        If the mode is unknown or the factor is negative.
    ShapeError
        If it is called on anything but a matrix.

    Examples
    --------
    >>> w = pel.constant([[1.0, 0.0], [1.0, 1.0]])
    >>> print(pel.function([], OrthogonalRegularizer(1.0)(w))())
    0.70710677
    """

    factor: float

    def __init__(self, factor: float = 0.01, mode: Literal["rows", "columns"] = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise OptionError(f"Expected mode to be 'rows' or 'columns'. Received: mode={mode!r}")
        self.factor, self.mode = check_number("factor", factor, minimum=0.0), mode

    def __call__(self, x: Expr) -> Expr:
        count = x.shape[0 if self.mode == "rows" else 1] if x.ndim == 2 else None
        if not isinstance(count, int):
            raise ShapeError(
                "OrthogonalRegularizer: expected a matrix of known size. "
                f"Received: {x}, of shape {format_shape(x.shape)}. Reshape a kernel to (-1, units) first"
            )
        rows = x if self.mode == "rows" else x.T
        unit = divide_no_nan(rows, vector_norm(rows, axis=1, keepdims=True))
        cosines = (unit @ unit.T) * (1 - eye(count, dtype=x.dtype))
        result: Expr = self.factor / max(count * (count - 1), 1) * sum(absolute(cosines))
        return result


NAMED: dict[str, Callable[..., Penalty]] = {
    "l1": L1,
    "l1_l2": L1L2,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: str | Penalty | None) -> Penalty | None:
    """Return a regularizer by name, with default strength, or the given function; None for None.

    Parameters
    ----------
    identifier : str, function or None
        A name, such as ``"l2"``, or a function of an expression.

    Examples
    --------
    >>> get("l2")
    L2(l2=0.01)
    """
    found: Penalty | None = None if identifier is None else get_by_name("regularizer", identifier, NAMED)
    return found


suggest_near_misses(globals(), "nn.regularizers")
