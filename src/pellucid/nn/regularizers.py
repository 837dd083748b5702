r"""Regularizers: penalties on the weights, to be added to a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, UseError, tell_near_misses
from pellucid.graph.expr import Expr, Shared, as_expr, constant
from pellucid.graph.ops.creation import eye
from pellucid.graph.ops.elementwise import absolute, square
from pellucid.graph.ops.norms import divide_no_nan, vector_norm
from pellucid.graph.ops.reductions import sum
from pellucid.graph.types import shape_text
from pellucid.nn.did_you_mean import Spelt
from pellucid.nn.registry import look_up

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "NAMED",
    "OrthogonalRegularizer",
    "Penalty",
    "get",
    "l1",
    "l2",
]

Penalty = Callable[[Expr], Expr]


def l1(x: Expr | Sequence[Expr]) -> Expr:
    r"""Sum of magnitudes, :math:`\sum_i |x_i|`; of several, as `l2` has it.

    Examples
    --------
    >>> l1(pel.vector("w"))
    abs(w).sum()
    """
    return _total(x, lambda e: sum(absolute(e)), "l1")


def l2(x: Expr | Sequence[Expr]) -> Expr:
    r"""Sum of squares, :math:`\sum_i x_i^2`, of an expression or over several.

    Parameters
    ----------
    x : Expr or sequence of Expr
        In a sequence, a parameter tagged ``regularizable=False``, as biases are, is left out.

    Returns
    -------
    Expr
        A scalar, not multiplied by any strength and without the factor 1/2 that some have.

    Raises
    ------
    TypeError
        For a number: that is what `L2` takes.

    Examples
    --------
    >>> W, b = pel.shared([1.0], "W"), pel.shared([0.0], "b", regularizable=False)
    >>> l2([W, b])
    (W ** 2).sum()
    """
    return _total(x, lambda e: sum(square(e)), "l2")


def _total(x: Expr | Sequence[Expr], penalty: Penalty, name: str) -> Expr:
    """Add up the penalties of what may be regularized."""
    if isinstance(x, (int, float)):
        raise UseError(
            f"{name} takes an expression or a list of them, such as pel.parameters(p). Received: {x}; "
            f"for a strength, write {name.upper()}({x}), or {x} * {name}(...)"
        )
    if isinstance(x, Expr):
        return penalty(x)
    parts = [penalty(as_expr(e)) for e in x if not isinstance(e, Shared) or e.regularizable]
    total = parts[0] if parts else constant(0.0)
    for part in parts[1:]:
        total = total + part
    return total


class L1L2(Spelt):
    r"""The penalty :math:`a \sum |w| + b \sum w^2` of one parameter, with :math:`a` = ``l1`` and :math:`b` = ``l2``.

    Examples
    --------
    >>> L1L2(l2=0.5)(pel.vector("w"))
    0.5 * (w ** 2).sum()
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = _strength("l1", l1), _strength("l2", l2)

    def __call__(self, x: Expr) -> Expr:
        """Return the penalty of an expression, a scalar."""
        parts = [s * f(x) for s, f in ((self.l1, l1), (self.l2, l2)) if s]
        return parts[0] + parts[1] if len(parts) == 2 else parts[0] if parts else constant(0.0, x.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in vars(self).items() if v)})"


class L1(L1L2):
    r"""The penalty :math:`a \sum |w|` of one parameter."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    r"""The penalty :math:`b \sum w^2` of one parameter."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


class OrthogonalRegularizer(Spelt):
    r"""The penalty on vectors that are not at right angles: a factor times the mean of :math:`|\cos|` of the angles
    between every two rows, :math:`\frac{f}{n (n - 1)} \sum_{i \ne j} |\hat w_i \cdot \hat w_j|`.

    Parameters
    ----------
    factor : float
        :math:`f`.
    mode : {"rows", "columns"}
        Which vectors; the columns of a Dense's kernel are its units.

    Raises
    ------
    ValueError
        For another mode or a factor below 0.
    ShapeError
        When it is called on something that is no matrix.

    Examples
    --------
    >>> w = pel.constant([[1.0, 0.0], [1.0, 1.0]])
    >>> print(pel.function([], OrthogonalRegularizer(1.0)(w))())
    0.70710677
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise OptionError(f"Expected a mode out of ('rows', 'columns'). Received: mode={mode!r}")
        self.factor, self.mode = _strength("factor", factor), mode

    def __call__(self, x: Expr) -> Expr:
        """Return the penalty of a matrix, a scalar."""
        count = x.shape[0 if self.mode == "rows" else 1] if x.ndim == 2 else None
        if not isinstance(count, int):
            raise ShapeError(
                "OrthogonalRegularizer takes a matrix of known size. "
                f"Received: {x}, of shape {shape_text(x.shape)}; reshape a kernel to (-1, units) first"
            )
        rows = x if self.mode == "rows" else x.T
        unit = divide_no_nan(rows, vector_norm(rows, axis=1, keepdims=True))
        apart = (unit @ unit.T) * (1 - eye(count, dtype=x.dtype))
        result: Expr = self.factor / max(count * (count - 1), 1) * sum(absolute(apart))
        return result

    def __repr__(self) -> str:
        return f"{type(self).__name__}(factor={self.factor}, mode={self.mode!r})"


def _strength(name: str, value: Any) -> float:
    """Return a strength, or say that it must be one."""
    if not value >= 0 or value == float("inf"):
        raise OptionError(f"Expected a strength of 0 or more. Received: {name}={value!r}")
    return float(value)


NAMED: dict[str, Callable[..., Any]] = {
    "l1": L1,
    "l1_l2": L1L2,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: str | Penalty | None) -> Penalty | None:
    """Return the regularizer of a name, with its default strength; None for none.

    Examples
    --------
    >>> get("l2")
    L2(l2=0.01)
    """
    if identifier is None:
        return None
    found = look_up("regularizer", identifier, NAMED)
    return found() if isinstance(found, type) else found


tell_near_misses(globals(), "nn.regularizers")
