"""Loss surface: the loss over the plane of two weights, and the path of the training on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.ops.concatenate import stack
from pellucid.graph.substitution import replace
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.live.views.base import FigureContext, View
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.surface_plots import loss_contours
from pellucid.typing import Array, Json

__all__ = ["LossSurface", "loss_surface"]

Range = tuple[float, float]

PLACES = 4
"""Number of places at which the Hessian is compared."""

STILL_POINTS = 40
"""Number of points along an axis of the still picture."""


class LossSurface(View):
    kind = "loss_surface"

    def __init__(
        self,
        variables: Sequence[Shared],
        ranges: tuple[Any, Any],
        rate: Input | None,
        labels: Sequence[str] | None,
        title: str,
    ) -> None:
        super().__init__(title)
        self.variables: list[Shared] = check_variables(variables)
        self.ranges = check_range("x_range", ranges[0]), check_range("y_range", ranges[1])
        self.rate = rate
        self.labels: list[str] = label_axes(self.variables) if labels is None else list(labels)
        if len(self.labels) != 2:
            raise OptionError(f"pel.live.loss_surface: expected two labels. Received: {self.labels}")

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        if context.train is None or context.loss is None:
            raise UseError("pel.live.loss_surface needs a training step: give the figure train=step")
        loss, functions = context.loss, context.functions
        used = [e for e in topological([loss]) if isinstance(e, (Input, Shared))]
        missing = next((v for v in self.variables if v not in set(used)), None)
        if missing is not None:
            raise UseError(f"pel.live.loss_surface: the loss of the training step does not use {missing}")
        inputs = {i: context.inputs[i] for i in used if isinstance(i, Input)}
        check_batches(inputs, context)
        gradient = list_entries(grad(loss, self.variables))
        hessian = differentiate(gradient, self.variables)
        if self.rate is not None:
            check_gradient_descent(context.train, self.variables, gradient, self.rate, context)
        place = [Input(f"coordinate {k}", (), self.variables[0].dtype) for k in range(2)]
        arrays = [functions.add_array(context.name(str(i)), shape=(), dtype=i.dtype, role="input") for i in place]
        surface = functions.add_outputs(
            context.name("surface"),
            [put_place(loss, self.variables, place)],
            {**dict(zip(place, arrays, strict=True)), **inputs},
            walk=True,
        )
        outputs = [*list_entries(self.variables), *gradient, *hessian]
        path = functions.add_outputs(context.name("path"), outputs, inputs, output_names=[""] * len(outputs))
        return {"kind": self.kind, "title": self.title}, {
            "surface": surface,
            "place": arrays,
            "series": [{"function": path, "args": {}, "output": k} for k in range(len(outputs))],
            "variables": [functions.add_leaf(v) for v in self.variables],
            "labels": self.labels,
            "ranges": [list(r) for r in self.ranges],
            "quadratic": is_constant(hessian, self.variables, self.ranges, context),
            "rate": None if self.rate is None else context.inputs[self.rate],
        }

    def draw_descent(self, train: Function, count: int, values: Mapping[Input, Array]) -> Picture:
        """Return contours of the loss with the path of a number of training steps."""
        place = [Input(f"coordinate {k}", (), self.variables[0].dtype) for k in range(2)]
        loss = put_place(train.program.original_outputs[0], self.variables, place)
        inputs = [i for i in topological([loss]) if isinstance(i, Input) and i not in set(place)]
        surface = function([*place, *inputs], loss, mode="numpy")
        x, y = (np.linspace(low, high, STILL_POINTS) for low, high in self.ranges)
        grid = [np.asarray(values[i]) for i in inputs]
        columns, rows = (a.ravel() for a in np.meshgrid(x, y))
        repeated = [np.repeat(v[None], len(columns), axis=0) for v in grid]
        losses = np.reshape(surface.over(columns, rows, *repeated), (len(y), len(x)))
        path = function(train.program.inputs, list_entries(self.variables), updates=train.program.updates)
        copies = {s: Shared(s.get_value(), s.name) for s in train.program.updates}
        steps = path.copy(swap=copies, mode="numpy").repeat(count, *(values[i] for i in train.program.inputs))
        picture = loss_contours(x, y, losses, np.asarray(steps), self.labels, self.title)
        ends = ", ".join(f"{name} = {value[-1]:.3g}" for name, value in zip(self.labels, steps, strict=True))
        return Picture(picture, f"Contours of the loss and the path of the training. It ends at {ends}.", self.title)


def put_place(loss: Expr, variables: Sequence[Shared], place: Sequence[Expr]) -> Expr:
    """Return the loss with two numbers in place of the variables."""
    values = place if len(variables) == 2 else [stack(place)]
    used = set(topological([loss]))
    present: dict[Expr, Any] = {v: value for v, value in zip(variables, values, strict=True) if v in used}
    replaced: Expr = replace(loss, present) if present else loss
    return replaced


def check_variables(variables: Sequence[Any]) -> list[Shared]:
    """Check that variables are two scalars, or one vector of two elements."""
    shapes = [v.storage.shape for v in variables if isinstance(v, Shared)]
    if len(shapes) == len(variables) and shapes in ([(), ()], [(2,)]):
        return list(variables)
    received = ", ".join(f"{v} of shape {v.shape}" if isinstance(v, Expr) else repr(v) for v in variables)
    raise ShapeError(
        "pel.live.loss_surface: expected two scalar shared variables, or one of shape (2,). "
        f"Received: {received or 'none'}"
    )


def check_range(name: str, given: Any) -> Range:
    low, high = (float(end) for end in given)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"pel.live.loss_surface: expected {name}=(low, high) with low < high. Received: {given!r}")
    return low, high


def label_axes(variables: Sequence[Shared]) -> list[str]:
    return [f"{variables[0]}[{k}]" for k in range(2)] if len(variables) == 1 else [str(v) for v in variables]


def list_entries(variables: Sequence[Expr]) -> list[Expr]:
    """Return the two numbers that variables hold."""
    return [variables[0][k] for k in range(2)] if len(variables) == 1 else list(variables)


def check_batches(inputs: dict[Input, str], context: FigureContext) -> None:
    """Check that all steps have the same data: otherwise each step has another surface."""
    for i, name in inputs.items():
        array = context.functions.arrays[name]
        if array.value is not None and array.value.size != math.prod(array.shape):
            raise UseError(f"pel.live.loss_surface: expected the same data at every step. Received: batches for {i}")


def differentiate(gradient: Sequence[Expr], variables: Sequence[Shared]) -> list[Expr]:
    """Return the elements xx, xy and yy of the Hessian."""
    (xx, xy), (_, yy) = [list_entries(grad(g, variables, disconnected="zero")) for g in gradient]
    return [xx, xy, yy]


def is_constant(
    hessian: Sequence[Expr], variables: Sequence[Shared], ranges: tuple[Range, Range], context: FigureContext
) -> bool:
    """Tell whether a Hessian is the same everywhere, judged by its values at random places."""
    place = [Input(f"coordinate {k}", (), variables[0].dtype) for k in range(2)]
    values = [put_place(h, variables, place) for h in hessian]
    inputs = [i for i in topological(values) if isinstance(i, Input) and i not in set(place)]
    given = [np.asarray(context.functions.arrays[context.inputs[i]].value) for i in inputs]
    # A control could be at a value that removes a term of higher order.
    moved = [1.1 * v + 0.1 if v.ndim == 0 and is_float(v.dtype) else v for v in given]
    f = function([*place, *inputs], values, mode="numpy", on_unused_input="ignore")
    low, high = np.transpose(ranges)
    places = np.random.default_rng(0).uniform(low, high, (PLACES, 2)).astype(variables[0].dtype)
    found = np.array([f(*x, *(np.asarray(v, i.dtype) for v, i in zip(moved, inputs, strict=True))) for x in places])
    return bool(np.allclose(found, found[0], rtol=1e-5, atol=1e-8 * np.abs(found).max()))


def check_gradient_descent(
    train: Function, variables: Sequence[Shared], gradient: Sequence[Expr], rate: Input, context: FigureContext
) -> None:
    """Check that the training step subtracts the rate times the gradient of the loss, at the present values."""
    if rate not in context.inputs:
        raise UseError(f"pel.live.loss_surface: expected a control for the learning rate {rate}. Received: none")
    updates = train.program.updates
    if any(v not in updates for v in variables):
        raise UseError("pel.live.loss_surface: expected a training step that updates the variables")
    change = [
        new - old
        for new, old in zip(list_entries([updates[v] for v in variables]), list_entries(variables), strict=True)
    ]
    expected = [-rate * g for g in gradient]
    inputs = [i for i in topological([*change, *expected]) if isinstance(i, Input)]
    arrays = context.functions.arrays
    values = [value for i in inputs if (value := arrays[context.inputs[i]].value) is not None]
    found = function(inputs, [*change, *expected], mode="numpy")(*values)
    if not np.allclose(found[:2], found[2:], rtol=1e-3, atol=1e-6):
        raise UseError(
            f"pel.live.loss_surface: expected plain gradient descent on the loss, because of rate={rate}. The updates "
            "of the training step are not the rate times the gradient. Leave out the rate"
        )


def loss_surface(
    *variables: Shared,
    x_range: Range,
    y_range: Range,
    rate: Input | None = None,
    labels: Sequence[str] | None = None,
    title: str = "Loss surface",
) -> LossSurface:
    r"""Loss over the plane of two weights, and the path of the training on it.

    A click or the arrow keys choose where the training starts. A sentence says how it ended: at a minimum, at a saddle
    point, still on its way, or diverged.

    Parameters
    ----------
    *variables : Shared
        Two scalar shared variables of the loss, or one of shape (2,).
    x_range, y_range : (float, float)
        Ranges of the axes.
    rate : Input, optional
        The learning rate of a training step that is plain gradient descent,
        :math:`w \leftarrow w - \eta \, \partial L / \partial w`. If the loss is quadratic, the sentence then compares
        it with the largest stable rate, :math:`2 / \lambda_{\max}`.
    labels : sequence of str, optional
        Labels of the axes; by default the names of the variables.
    title : str
        Title of the view.

    Returns
    -------
    LossSurface

    Raises
    ------
    ShapeError, OptionError, UseError
        If the variables or ranges do not fit, the loss does not use the variables, each step has its own batch, or the
        training step is not plain gradient descent with ``rate``.

    Examples
    --------
    >>> w, b = pel.shared(1.0, "w"), pel.shared(0.0, "b")
    >>> pel.live.loss_surface(w, b, x_range=(-2, 2), y_range=(-1, 3)).labels
    ['w', 'b']
    """
    return LossSurface(variables, (x_range, y_range), rate, labels, title)
