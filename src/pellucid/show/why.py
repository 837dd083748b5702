r"""`why`: the arithmetic behind one number, :math:`z_{ij} = \sum_k x_{ik} w_{kj} + b_j` with the numbers in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, ShapeError, UseError, near_miss
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import own_name, text
from pellucid.graph.types import shape_text
from pellucid.show.input_values import given_values
from pellucid.show.why_provenance import Cause, Index
from pellucid.show.why_values import Scene, is_visible, source_of, visible

Names = Mapping[Any, str]


class Why:
    """One number and where it comes from. Printed as text; LaTeX by ``latex()``, a page by ``html()``.

    Attributes
    ----------
    expr : Expr
        What the number is an element of.
    index : tuple of int
        Which element.
    value : number
        The number.
    kind : str
        How it comes about: ``"given"``, ``"applied"`` (an op on one element of each operand), ``"moved"``, ``"sum"``
        (of products), ``"function"`` (an op on several elements) or ``"whole"`` (an op on whole operands).
    depth : int
        How many levels are printed.
    """

    def __init__(self, scene: Scene, expr: Expr, index: Index, depth: int = 1) -> None:
        self.scene, self.expr, self.index = visible(scene, expr, index)
        self.depth = depth
        self.value: Any = np.asarray(self.scene.value(self.expr))[self.index]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells one number from another: an expression in a loop has one for every step."""
        return self.scene.path, self.expr, self.index

    @functools.cached_property
    def source(self) -> tuple[Scene, Expr, Index]:
        """Where its arithmetic stands: inside the step of a loop, in the definition of a compound op, or in itself."""
        return source_of(self.scene, self.expr, self.index)

    @functools.cached_property
    def cause(self) -> Cause:
        """How the number comes about, in terms of the inputs of the expression at its source."""
        scene, expr, index = self.source
        if expr is not self.expr and is_visible(scene, expr):
            return Cause("moved")
        return Cause("given") if expr.op is None else scene.cause(expr, index)

    @property
    def kind(self) -> str:
        """How the number comes about."""
        return self.cause.kind

    @functools.cached_property
    def operands(self) -> list[Why]:
        """The numbers it was computed from, each once."""
        scene, expr, index = self.source
        if self.kind == "moved":
            return [Why(scene, expr, index)]
        found = [self.operand(place) for place in dict.fromkeys(self.cause.places)]
        return [w for w in found if not isinstance(w.expr, Constant)]

    def operand(self, place: tuple[int, Index]) -> Why:
        """Return one of the numbers it was computed from."""
        scene, expr, _ = self.source
        return Why(scene, expr.inputs[place[0]], place[1])

    @property
    def name(self) -> str:
        """What the number is called: the name of its expression, and its index."""
        name = self.scene.name(self.expr)
        return f"{name}[{', '.join(map(str, self.index))}]" if self.index else name

    def expand(self, depth: int = 2) -> Why:
        """Return the same with so many levels printed: the numbers, those behind them, and so on."""
        return Why(self.scene, self.expr, self.index, depth)

    def where(self, name: str) -> list[Why]:
        """Return the elements of a named expression that the number was computed from.

        Parameters
        ----------
        name : str
            The name of an input, of a shared variable, or of an expression that has one.

        Raises
        ------
        InputError
            If nothing of that name is behind the number.
        """
        found: dict[Any, Why] = {}
        met: set[str] = set()
        seen: set[Any] = set()
        stack: list[Why] = [self]
        while stack:
            w = stack.pop()
            if w.key in seen:
                continue
            seen.add(w.key)
            called = w.scene.names.get(w.expr) or own_name(w.expr) or (w.expr.name if w.expr.op is None else None)
            met |= {called} if called else set()
            if called == name and w is not self:
                found[w.key] = w
            else:
                stack += w.operands[::-1]
        if not found:
            raise InputError(
                f"Nothing named {name!r} is behind {self.name}.{near_miss(name, met)} "
                f"There is: {', '.join(sorted(met))}"
            )
        return list(found.values())

    def __str__(self) -> str:
        from pellucid.show.why_renderers import as_text

        return as_text(self)

    __repr__ = __str__

    def latex(self) -> str:
        """Return the number and its arithmetic as aligned equations, for mathematics mode."""
        from pellucid.show.why_renderers import as_latex

        return as_latex(self)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        from pellucid.show.why_renderers import as_html

        return as_html(self)

    def html(self, title: str = "") -> str:
        """Return a page that holds the number and what is behind it, and asks no network.

        Parameters
        ----------
        title : str
            Its heading; without it, which number is explained.
        """
        from pellucid.show.mathml import page

        return page(title or f"Why {self.name} is what it is", self._repr_html_())


def why(
    expr: Expr,
    index: int | Sequence[int] = (),
    inputs: Mapping[Any, Any] | None = None,
    *,
    depth: int = 1,
    names: Names | None = None,
) -> Why:
    r"""Show the arithmetic behind one number, :math:`z_{ij} = \sum_k x_{ik} w_{kj} + b_j` with the numbers in it.

    Parameters
    ----------
    expr : Expr
        What the number is an element of.
    index : int or tuple of int
        Which element; nothing for a scalar.
    inputs : mapping from Expr or str to array, optional
        The values of inputs, by the input or by its name. Shared variables have their own.
    depth : int
        How many levels are printed: the number, the numbers it was computed from, and so on.
    names : mapping from Expr to str, optional
        Names for expressions, beside those that have one by `named`. Numbers are followed up to what has a name.

    Returns
    -------
    Why
        With ``value``, ``operands``, ``expand(depth)`` and ``where(name)``.

    Raises
    ------
    TypeError
        If it is no expression, or the index is of something else than integers.
    ShapeError
        If there is no such element, or a value has another shape than was declared.
    InputError
        If an input has no value.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W = pel.matrix("X", shape=("n", 2)), pel.shared([[1.5], [-0.5]], "W")
    >>> b = pel.shared([0.25], "b")
    >>> why(X @ W + b, (1, 0), {"X": [[0.0, 0.0], [2.0, 4.0]]})
    z[1, 0] = 1.25
      = X[1, 0] * W[0, 0] + X[1, 1] * W[1, 0] + b[0]
      = 2 * 1.5 + 4 * (-0.5) + 0.25
      where z = X @ W + b
    """
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression: pel.why(x + y, index, inputs). Received: {expr!r}")
    if len(expr.types) > 1:
        raise UseError(f"Expected one result of {expr}, which has {len(expr.types)}")
    values: dict[Expr, Any] = dict(given_values([expr], inputs, "pel.why"))
    scene = Scene(values, dict(names or {}), [expr])
    return Why(scene, expr, checked_index(index, scene.value(expr), expr), depth)


def checked_index(index: Any, value: np.ndarray[Any, Any], expr: Expr) -> Index:
    """Hold an index against a value, and count it from the front."""
    parts = (index,) if isinstance(index, (int, np.integer)) else tuple(index)
    if not all(isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in parts):
        raise UseError(f"Expected an index of one number, integers such as (2, 1). Received: {index!r}")
    if len(parts) != value.ndim:
        raise ShapeError(
            f"{text(expr, 60)} has shape {shape_text(value.shape)} here, so that an element has {value.ndim} "
            f"position{'s' * (value.ndim != 1)}. Received: {index!r}"
        )
    for axis, (part, size) in enumerate(zip(parts, value.shape, strict=True)):
        if not -size <= part < size:
            raise ShapeError(
                f"{text(expr, 60)} has shape {shape_text(value.shape)} here: along axis {axis} there are {size} "
                f"elements. Received: index {index!r}"
            )
    return tuple(int(part) % size for part, size in zip(parts, value.shape, strict=True))
