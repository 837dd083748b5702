r"""`why`: the arithmetic of one array element with its numbers, :math:`z_{ij} = \sum_k x_{ik} w_{kj} + b_j`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, ShapeError, UseError, near_miss
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.naming import strip_calls
from pellucid.graph.printing import get_own_name, text
from pellucid.graph.types import format_shape
from pellucid.show.formulas.model_expressions import SymbolicModel, get_model_expressions, is_index, is_model
from pellucid.show.pages.formula_page import Displayable, Names
from pellucid.show.pages.input_values import collect_values
from pellucid.show.why.element_values import Element, ValueEnv, find_source, find_visible, is_visible
from pellucid.show.why.provenance import ElementIndex, ElementRef, Provenance
from pellucid.typing import Array


class Why(Displayable):
    """An array element and its provenance. Prints as text; see ``latex()`` and ``html()``.

    Attributes
    ----------
    expr : Expr
        The expression.
    index : tuple of int
        Index of the element.
    value : number
        Value of the element.
    kind : str
        ``"given"``, ``"applied"`` (an op on one element of each operand), ``"moved"``, ``"sum"`` (of products),
        ``"function"`` (an op on several elements) or ``"whole"`` (an op on whole operands).
    depth : int
        Number of printed levels.
    """

    env: ValueEnv
    expr: Expr
    index: ElementIndex

    def __init__(self, env: ValueEnv, expr: Expr, index: ElementIndex, depth: int = 1) -> None:
        self.env, self.expr, self.index = find_visible(env, expr, index)
        self.depth = depth
        self.value: Any = np.asarray(self.env.value(self.expr))[self.index]

    @property
    def key(self) -> tuple[object, ...]:
        """Identity of the element, including the steps of loops that it is in."""
        return self.env.path, self.expr, self.index

    @functools.cached_property
    def source(self) -> Element:
        """The element where the value is computed: in the step of a loop, in a definition, or itself."""
        return find_source(self.env, self.expr, self.index)

    @functools.cached_property
    def provenance(self) -> Provenance:
        """Provenance in terms of the inputs of the source."""
        env, expr, index = self.source
        if expr is not self.expr and is_visible(env, expr):
            return Provenance("moved")
        return Provenance("given") if expr.op is None else env.provenance(expr, index)

    @property
    def kind(self) -> str:
        return self.provenance.kind

    @functools.cached_property
    def operands(self) -> list[Why]:
        """The elements that the value was computed from, each once."""
        env, expr, index = self.source
        if self.kind == "moved":
            return [Why(env, expr, index)]
        found = [self.operand(place) for place in dict.fromkeys(self.provenance.places)]
        return [w for w in found if not isinstance(w.expr, Constant)]

    def operand(self, place: ElementRef) -> Why:
        """Return one of the elements that the value was computed from."""
        env, expr, _ = self.source
        return Why(env, expr.inputs[place[0]], place[1])

    @property
    def name(self) -> str:
        """Name of the expression with the index, such as ``"h[1, 0]"``."""
        name = self.env.name(self.expr)
        return f"{name}[{', '.join(map(str, self.index))}]" if self.index else name

    @property
    def page_title(self) -> str:  # type: ignore[override]
        return f"Arithmetic of {self.name}"

    def expand(self, depth: int = 2) -> Why:
        """Return the same element with more printed levels."""
        return Why(self.env, self.expr, self.index, depth)

    def where(self, name: str) -> list[Why]:
        """Return the elements of a named expression that the value was computed from.

        Parameters
        ----------
        name : str
            Name of an input, a shared variable or a named expression.

        Raises
        ------
        InputError
            If the value does not depend on an expression of that name.
        """
        found: dict[object, Why] = {}
        names: set[str] = set()
        seen: set[object] = set()
        stack: list[Why] = [self]
        while stack:
            w = stack.pop()
            if w.key in seen:
                continue
            seen.add(w.key)
            own = w.env.names.get(w.expr) or get_own_name(w.expr) or (w.expr.name if w.expr.op is None else None)
            names |= {own} if own else set()
            if own == name and w is not self:
                found[w.key] = w
            else:
                stack += w.operands[::-1]
        if not found:
            raise InputError(
                f"{self.name} does not depend on anything named {name!r}.{near_miss(name, names)} "
                f"It depends on: {', '.join(sorted(names))}"
            )
        return list(found.values())

    def __str__(self) -> str:
        from pellucid.show.why.arithmetic_page import why_to_text

        return why_to_text(self)

    def latex(self) -> str:
        """Return the element and its arithmetic as LaTeX for math mode."""
        from pellucid.show.why.arithmetic_page import why_to_latex

        return why_to_latex(self)

    def _repr_html_(self) -> str:
        from pellucid.show.why.arithmetic_page import why_to_html

        return why_to_html(self)


def why(
    expr: Expr | SymbolicModel,
    index: Any = (),
    inputs: Any = None,
    *,
    depth: int = 1,
    names: Names | None = None,
) -> Why:
    r"""Show the arithmetic of one array element with its numbers, :math:`z_{ij} = \sum_k x_{ik} w_{kj} + b_j`.

    Parameters
    ----------
    expr : Expr or Model
        The expression. Of a model, its output in inference mode, as `Model.predict` returns it.
    index : int or tuple of int
        Index of the element, ``()`` for a scalar. For a model, (sample, unit).
    inputs : mapping from Expr or str to array, optional
        Values of inputs, by the input or its name; for a model with one input also the array alone, which may come
        before the index: ``pel.why(model, x, (0, 1))``. Shared variables have values already.
    depth : int
        Number of printed levels: the element, the elements it was computed from, and so on.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`. The arithmetic stops at named expressions.

    Returns
    -------
    Why
        With ``value``, ``operands``, ``expand(depth)`` and ``where(name)``.

    Raises
    ------
    ModelError
        If a model is not built.
    TypeError
        If ``expr`` is not an expression or a model, or the index is not of integers.
    ShapeError
        If the index is out of range, or a value does not have the declared shape.
    InputError
        If an input has no value.

    Examples
    --------
    >>> X, W = pel.matrix("X", shape=("n", 2)), pel.shared([[1.5], [-0.5]], "W")
    >>> b = pel.shared([0.25], "b")
    >>> why(X @ W + b, (1, 0), {"X": [[0.0, 0.0], [2.0, 4.0]]})
    z[1, 0] = 1.25
      = X[1, 0] * W[0, 0] + X[1, 1] * W[1, 0] + b[0]
      = 2 * 1.5 + 4 * (-0.5) + 0.25
      where z = X @ W + b
    """
    if is_model(expr):
        if not is_index(index) and is_index(inputs):
            index, inputs = inputs, index
        model = get_model_expressions(expr)
        expr, inputs = model.get_output("pel.why"), model.assign_values(inputs, "pel.why")
    if not isinstance(expr, Expr):
        raise UseError(f"Expected an expression or a model: pel.why(x + y, index, inputs). Received: {expr!r}")
    if len(expr.types) > 1:
        raise UseError(f"Expected one result of {expr}, which has {len(expr.types)}")
    [expr], names = strip_calls([expr], names)
    values: dict[Expr, Array] = dict(collect_values([expr], inputs, "pel.why"))
    env = ValueEnv(values, names, [expr])
    return Why(env, expr, normalize_index(index, env.value(expr), expr), depth)


def normalize_index(index: Any, value: Array, expr: Expr) -> ElementIndex:
    """Check an index and make it non-negative."""
    parts = tuple(index) if np.iterable(index) else (index,)
    if not all(isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in parts):
        raise UseError(f"Expected the index of one element, integers such as (2, 1). Received: {index!r}")
    shape = f"{text(expr, 60)} has shape {format_shape(value.shape)} here"
    if len(parts) != value.ndim:
        raise ShapeError(
            f"{shape}. Expected an index of {value.ndim} integer{'s' * (value.ndim != 1)}. Received: {index!r}"
        )
    for axis, (part, size) in enumerate(zip(parts, value.shape, strict=True)):
        if not -size <= part < size:
            raise ShapeError(f"{shape}. Axis {axis} has {size} elements. Received: index {index!r}")
    return tuple(int(part) % size for part, size in zip(parts, value.shape, strict=True))
