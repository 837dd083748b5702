"""Numbers: the arithmetic behind every value of a network, and behind its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DisconnectedError, InputError, UseError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad, grad_barrier
from pellucid.graph.naming import strip_calls
from pellucid.graph.printing import get_own_name
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.live.arithmetic import ArithmeticEncoder
from pellucid.live.arithmetic.derivations import compress_texts, render_derivation
from pellucid.live.views.base import FigureContext, View
from pellucid.typing import Array, Json

__all__ = ["Numbers", "numbers"]


class Numbers(View):
    kind = "numbers"

    def __init__(self, expressions: Sequence[Expr], title: str) -> None:
        super().__init__(title)
        self.given: list[Expr] = [check_expression(e) for e in expressions]
        self.known: dict[Expr, Any] = {}
        """Arithmetic of expressions, which the views of several networks may share."""

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        found = [*self.given, *([] if context.loss is None else [context.loss])]
        if not found:
            raise UseError("pel.live.numbers: expected expressions, or a figure with train=step. Received: neither")
        stripped, _ = strip_calls(found)
        loss = None if context.loss is None else stripped[-1]
        roots = stripped[: len(self.given)] or stripped
        encoder = ArithmeticEncoder(find_values(stripped, context), find_data(context), self.known)
        encoder.add(roots, {} if loss is None else {loss: name_loss(loss)})
        tables, count = encoder.shown, len(encoder.expressions)
        parts: dict[str, Json] = {"derivations": None, "gradients": None}
        gradients: dict[Expr, dict[str, Json]] = {}
        if loss is not None:
            gradients, parts["derivations"] = add_gradients(encoder, tables, loss)
        expressions = encoder.to_json()
        for e, gradient in gradients.items():
            expressions[encoder.number(e)]["gradient"] = gradient
        parts["values"] = add_function(context, "values", encoder.expressions[:count])
        if len(encoder.expressions) > count:
            parts["gradients"] = add_function(context, "gradients", encoder.expressions[count:])
        return {"kind": self.kind, "title": self.title}, {
            **parts,
            "expressions": expressions,
            "definitions": encoder.list_definitions(),
            "roots": [encoder.number(e) for e in roots],
            "tables": [encoder.number(e) for e in tables],
            "loss": None if loss is None else encoder.name(loss),
        }


def check_expression(e: object) -> Expr:
    if not isinstance(e, Expr) or len(e.types) > 1:
        raise UseError(f"pel.live.numbers: expected expressions such as the predictions p. Received: {e!r}")
    return e


def find_values(roots: Sequence[Expr], context: FigureContext) -> dict[Expr, Array]:
    """Return the present values of the leaves of some expressions."""
    leaves = [e for e in topological(roots) if isinstance(e, (Input, Shared))]
    return {e: e.get_value() if isinstance(e, Shared) else find_input_value(e, context) for e in leaves}


def find_input_value(i: Input, context: FigureContext) -> Array:
    array = context.functions.arrays.get(context.functions.names.get(i, ""))
    value = context.data.get(i, None if array is None else array.value)
    if value is None:
        raise InputError(
            f"pel.live.numbers: expected a value for the input {i}. Received: none. Give it in data={{...}} or with a "
            f"control such as pel.live.slider({i}, 0, 1)"
        )
    return np.asarray(value)


def find_data(context: FigureContext) -> list[Input]:
    """Return the inputs whose first axis counts the data points."""
    lengths = {i: len(value) for i, value in context.data.items() if value.ndim}
    first = next(iter(lengths), None) if context.features is None else context.features
    return [i for i, length in lengths.items() if first is not None and length == lengths[first]]


def name_loss(loss: Expr) -> str:
    """Return the name of the loss, by default that which `derive` gives it."""
    leaves = {e.name for e in topological([loss]) if e.op is None}
    return get_own_name(loss) or ("L" if "L" not in leaves else "cost")


def add_gradients(
    encoder: ArithmeticEncoder, tables: Sequence[Expr], loss: Expr
) -> tuple[dict[Expr, dict[str, Json]], str]:
    """Add the gradients of the loss, and return where each is, or why there is none, and their derivations."""
    names = {e: encoder.name(e) for e in tables}
    entries: dict[Expr, dict[str, Json]] = {}
    gradients: dict[Expr, Expr] = {}
    derivations: list[str] = []
    for e in tables:
        if e is loss:
            continue
        if not is_float(e.dtype):
            entries[e] = {"reason": f"{names[e]} has {e.dtype} values, which have no gradient."}
            continue
        try:
            [[gradients[e]], _] = strip_calls([grad(loss, e)])
        except DisconnectedError:
            entries[e] = {"reason": f"The loss {names.get(loss, name_loss(loss))} is not computed from {names[e]}."}
            continue
        derivations.append(render_derivation(loss, e, {x: name for x, name in names.items() if x.op is not None}))
    forward, own = set(topological([*tables, loss])), dict[Expr, Expr]()
    for number, (e, g) in enumerate(gradients.items()):
        # A gradient that is a variable, a part of the loss or another gradient becomes a named copy.
        is_taken = g.op is None or get_own_name(g) is not None or g in forward or g in own
        own[grad_barrier(g, tag=number) if is_taken else g] = e
    encoder.add(list(own), {g: f"d{encoder.name(loss)}/d{names[e]}" for g, e in own.items()})
    for number, (g, e) in enumerate(own.items()):
        entries[e] = {"of": encoder.number(g), "derivation": number}
    return entries, compress_texts(derivations)


def add_function(context: FigureContext, part: str, expressions: Sequence[Expr]) -> str:
    """Add a function with the values of expressions as outputs."""
    functions = context.functions
    inputs = {leaf: name for leaf, name in functions.names.items() if isinstance(leaf, Input)}
    return functions.add_outputs(context.name(part), expressions, inputs, output_names=[""] * len(expressions))


def numbers(*expressions: Expr, title: str = "Numbers") -> Numbers:
    r"""Values of a network as tables, with the arithmetic behind each number and its gradient.

    Choosing a number shows how it is computed from others, with the numbers of the present training step, as `pel.why`
    prints it: :math:`z_{ij} = \sum_k x_{ik} w_{kj} + b_j`. Each of those can be chosen in turn, and so can the gradient
    of the loss with respect to the number, :math:`\partial L / \partial z_{ij}`, and its derivation.

    Parameters
    ----------
    *expressions : Expr
        Expressions to explain, such as the predictions; by default the loss of the training step. They and all named
        expressions that they are computed from become tables. Unnamed ones have automatic names.
    title : str
        Title of the view.

    Returns
    -------
    Numbers

    Raises
    ------
    UseError
        If an argument is not an expression, or there is neither an expression nor a training step.
    InputError
        If an input has no value in the figure.

    Examples
    --------
    >>> x, w = pel.vector("x"), pel.shared(2.0, "w")
    >>> pel.live.numbers(pel.named("y", w * x)).title
    'Numbers'
    """
    return Numbers(expressions, title)
