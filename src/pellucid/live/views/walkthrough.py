"""Walkthrough: a computation step by step, with formulas, numbers and a drawn network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, UseError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.naming import strip_calls
from pellucid.graph.printing import get_own_name
from pellucid.graph.traversal import topological
from pellucid.live.arithmetic import ArithmeticEncoder
from pellucid.live.views.base import FigureContext, View
from pellucid.live.views.numbers import add_function, check_expression, find_values
from pellucid.run.function_builder import function
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import new_figure
from pellucid.typing import Array, Json

__all__ = ["Step", "Units", "Walkthrough", "walkthrough"]

REFERENCE = re.compile(r"\{(\w+)((?:\[[\d, ]+\])?)\}")
"""A number in a sentence: ``{L}`` or ``{p[0, 1]}``."""


@dataclass(frozen=True)
class Step:
    """A step of a walkthrough.

    Attributes
    ----------
    name : str
        Name of the step, such as that of its result.
    phase : str
        Part of the computation that the step belongs to, such as ``"forward"``.
    formula : str
        The formula as LaTeX.
    text : str
        One or two sentences. ``{L}`` and ``{p[0, 1]}`` are the numbers of shown expressions.
    operands, results : sequence of Expr
        Expressions whose numbers are shown.
    uses : sequence of str
        Parts of the drawn network that the step uses: names of columns, connections and biases.

    Examples
    --------
    >>> x, w = pel.scalar("x"), pel.shared(2.0, "w")
    >>> product = pel.named("p", x * w)
    >>> step = pel.live.Step("p", "forward", "p = x w", "{x} times {w} is {p}.", [x, w], [product], ["output"])
    >>> step.operands, step.results
    ([x, w], [x * w])
    """

    name: str
    phase: str
    formula: str
    text: str
    operands: Sequence[Expr]
    results: Sequence[Expr]
    uses: Sequence[str] = ()


@dataclass(frozen=True)
class Units:
    """A column of the drawn network.

    Attributes
    ----------
    name : str
        Name of the column.
    labels : sequence of str
        A label for each unit.
    weights, bias : str, optional
        Names of the connections from the column before.

    Examples
    --------
    >>> pel.live.Units("hidden", ["h1", "h2"], weights="W1", bias="b1").labels
    ['h1', 'h2']
    """

    name: str
    labels: Sequence[str]
    weights: str = ""
    bias: str = ""


class Walkthrough(View):
    network: list[Units]
    steps: list[Step]
    updates: dict[Shared, Expr]

    kind = "walkthrough"

    def __init__(
        self, steps: Sequence[Step], network: Sequence[Units], updates: Mapping[Shared, Expr], title: str
    ) -> None:
        super().__init__(title)
        if not steps or not all(isinstance(step, Step) for step in steps):
            raise UseError(
                f"pel.live.walkthrough: expected pel.live.Step(...), at least one. Received: {list(steps)!r}"
            )
        self.steps, self.network, self.updates = list(steps), list(network), dict(updates)
        names = {name for u in self.network for name in (u.name, u.weights, u.bias)}
        unknown = next((part for step in self.steps for part in step.uses if part not in names), None)
        if unknown is not None:
            raise InputError(f"pel.live.walkthrough: the network has no part {unknown!r}. Its parts: {sorted(names)}")

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        given = [check_expression(e) for step in self.steps for e in (*step.operands, *step.results)]
        given += self.updates.values()
        roots, _ = strip_calls(given)
        encoder = ArithmeticEncoder(find_values(roots, context))
        encoder.add(roots)
        stripped = iter(roots)
        numbers = {id(e): encoder.number(next(stripped)) for e in given}
        names = {encoder.name(e): encoder.number(e) for e in encoder.shown}
        steps = [self.describe_step(step, numbers, names, encoder) for step in self.steps]
        tables = list(dict.fromkeys(k for step in steps for k in (*step["operands"], *step["results"])))
        values = add_function(context, "values", encoder.expressions)
        return {"kind": self.kind, "title": self.title}, {
            "values": values,
            "gradients": None,
            "derivations": None,
            "loss": None,
            "expressions": encoder.to_json(),
            "definitions": encoder.list_definitions(),
            "roots": steps[0]["results"],
            "tables": tables,
            "steps": steps,
            "network": [
                {"name": u.name, "labels": list(u.labels), "weights": u.weights, "bias": u.bias} for u in self.network
            ],
            "updates": [[context.functions.add_leaf(v), numbers[id(e)]] for v, e in self.updates.items()],
        }

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        """Return the formulas with their results, one step below the other."""
        results = [e for step in self.steps for e in step.results]
        inputs = [i for i in topological(results) if isinstance(i, Input)]
        f = function(inputs, results, mode="numpy")
        found = dict(zip(map(id, results), f(*(values[i] for i in inputs)), strict=True))
        blocks = ["\n".join(write_array(e, found[id(e)]) for e in step.results) for step in self.steps]
        heights = [max(2, block.count("\n") + 1) + 1 for block in blocks]
        picture = new_figure(6.4, 0.17 * sum(heights))
        top = 0.99
        for step, block, height in zip(self.steps, blocks, heights, strict=True):
            picture.text(0.02, top, step.name, va="top", fontsize=9, fontweight="bold")
            picture.text(0.14, top, f"${step.formula}$", va="top", fontsize=9)
            picture.text(0.56, top, block, va="top", fontsize=7.5, family="monospace")
            top -= height / sum(heights)
        names = ", ".join(step.name for step in self.steps)
        return Picture(picture, f"Formulas and numbers of the steps {names}.", self.title)

    def describe_step(
        self, step: Step, numbers: Mapping[int, int], names: Mapping[str, int], encoder: ArithmeticEncoder
    ) -> dict[str, Any]:
        return {
            "name": step.name,
            "phase": step.phase,
            "formula": latex_to_mathml(step.formula),
            "text": split_text(step.text, names, encoder),
            "operands": [numbers[id(e)] for e in step.operands],
            "results": [numbers[id(e)] for e in step.results],
            "uses": list(step.uses),
        }


def write_array(e: Expr, value: Array) -> str:
    """Return the name and the numbers of an expression, rows below each other."""
    lead = f"{get_own_name(e) or e} = "
    return lead + np.array2string(np.asarray(value), precision=4, prefix=lead)


def split_text(text: str, names: Mapping[str, int], encoder: ArithmeticEncoder) -> list[Any]:
    """Return a sentence as strings and numbers: the number of an expression and a position in it."""
    parts: list[Any] = []
    end = 0
    for match in REFERENCE.finditer(text):
        name, index = match[1], match[2]
        if name not in names:
            raise InputError(f"pel.live.walkthrough: {match[0]} in a text names no shown expression: {sorted(names)}")
        shape = encoder.env.value(encoder.expressions[names[name]]).shape
        at = [int(k) for k in index.strip("[]").split(",") if k.strip()]
        parts += [
            text[end : match.start()],
            {"of": names[name], "at": int(np.ravel_multi_index(at, shape)) if at else 0},
        ]
        end = match.end()
    return [*parts, text[end:]]


def walkthrough(
    steps: Sequence[Step],
    network: Sequence[Units] = (),
    *,
    updates: Mapping[Shared, Expr] | None = None,
    title: str = "Step by step",
) -> Walkthrough:
    """Computation step by step: formulas, tables of numbers, and the parts of a drawn network that each step uses.

    Choosing a number shows its arithmetic, as in `numbers`.

    Parameters
    ----------
    steps : sequence of Step
        The steps, in the order of the computation.
    network : sequence of Units
        Columns of units, drawn from left to right. Each is connected to the one before.
    updates : dict from Shared to Expr, optional
        New values of variables. After the last step, a button sets them and begins again.
    title : str
        Title of the view.

    Returns
    -------
    Walkthrough

    Raises
    ------
    UseError, InputError
        If there is no step, or a step names an unknown part or number.

    Examples
    --------
    >>> x, w = pel.shared(2.0, "x"), pel.shared(3.0, "w")
    >>> y = pel.named("y", w * x)
    >>> step = pel.live.Step("y", "forward", "y = w x", "The product is {y}.", [w, x], [y])
    >>> len(pel.live.walkthrough([step]).steps)
    1
    """
    return Walkthrough(steps, network, updates or {}, title)
