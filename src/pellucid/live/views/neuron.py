"""Neuron: inputs, weights, sum, activation function and output, and the output over the plane of two inputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Expr, Input, as_expr
from pellucid.graph.gradient import grad
from pellucid.graph.ops.concatenate import stack
from pellucid.graph.ops.elementwise import cast
from pellucid.live.views.base import FigureContext, View
from pellucid.run.function_builder import function
from pellucid.typing import Array, DTypeLike, Json

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PlotFigure

    from pellucid.show.plots.picture import Picture

__all__ = ["Neuron", "neuron"]

Range = tuple[float, float]

GRID_POINTS = 1501
"""Number of sums at which the activation function is drawn."""

STILL_POINTS = 201
"""Points along each axis of a still picture."""

CORNERS = ((0, 0, 1, 1), (0, 1, 0, 1))
"""The two inputs of the rows of a truth table."""


class Neuron(View):
    """View of one neuron.

    Attributes
    ----------
    z, output : Expr
        The weighted sum and the output, over the inputs, the weights and the bias.
    """

    activations: dict[str, Callable[[Expr], Expr]]

    activation: Input | None
    bias: Input
    inputs: list[Input]
    weights: list[Input]

    kind = "neuron"

    def __init__(
        self,
        inputs: Sequence[Input],
        weights: Sequence[Input],
        bias: Input,
        activations: Mapping[str, Callable[[Expr], Expr]],
        activation: Input | None,
        plane: Sequence[Range] | None,
        tasks: tuple[Input, Mapping[str, Sequence[int]]] | None,
        title: str,
    ) -> None:
        super().__init__(title)
        check_scalars([*inputs, *weights, bias])
        if len(inputs) != len(weights) or not inputs:
            raise ShapeError(
                f"pel.live.neuron: expected one weight for each input. Received: {len(inputs)} inputs and "
                f"{len(weights)} weights"
            )
        if not activations or (activation is None and len(activations) > 1):
            raise OptionError(
                "pel.live.neuron: expected one activation function, or several and an integer input that chooses one. "
                f"Received: {len(activations)} functions and {activation}"
            )
        self.inputs, self.weights, self.bias = list(inputs), list(weights), bias
        self.activations, self.activation = dict(activations), activation
        self.plane = plane if len(inputs) == 2 else None
        self.tasks: tuple[Input, Mapping[str, Sequence[int]]] | None = (
            None if tasks is None else check_tasks(tasks, len(inputs))
        )
        self.products: Expr = stack([w * x for w, x in zip(weights, inputs, strict=True)])
        self.z: Expr = self.add_up(inputs)
        self.output: Expr = self.activate(self.z)

    def add_up(self, inputs: Sequence[Any] | Array) -> Expr:
        """Return z for values of the inputs, which may be arrays."""
        total = as_expr(self.weights[0] * inputs[0])
        for weight, x in zip(self.weights[1:], inputs[1:], strict=True):
            total = total + weight * x
        return total + self.bias

    def activate(self, z: Expr) -> Expr:
        values = [as_expr(f(z)) for f in self.activations.values()]
        return values[0] if self.activation is None else stack(values)[self.activation]

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        dtype = self.z.dtype
        grid = Input("z", (GRID_POINTS,), dtype)
        name = context.functions.add_array(context.name("grid"), shape=(GRID_POINTS,), dtype=dtype, role="input")
        outputs = [
            self.products,
            self.z,
            self.output,
            grad(self.output, self.z, disconnected="zero"),
            self.activate(grid),
        ]
        if self.plane is not None:
            (x0, x1), (y0, y1) = self.plane
            outputs.append(self.add_up(np.array([[x0, x1, x0, x1], [y1, y1, y0, y0]], dtype)))
        if self.tasks is not None:
            outputs += self.judge(*self.tasks, dtype)
        args = {i: context.inputs[i] for i in self.list_controls(context)} | {grid: name}
        own: dict[str, Json] = {
            "function": context.functions.add_outputs(context.name("neuron"), outputs, args),
            "grid": name,
        }
        return self.describe(), own

    def list_controls(self, context: FigureContext) -> list[Input]:
        wanted = [*self.inputs, *self.weights, self.bias]
        wanted += [] if self.activation is None else [self.activation]
        wanted += [] if self.tasks is None else [self.tasks[0]]
        missing = next((i for i in wanted if i not in context.inputs), None)
        if missing is not None:
            raise UseError(f"pel.live.neuron: expected a control for {missing}. Received: none")
        return wanted

    def judge(self, task: Input, truths: Mapping[str, Sequence[int]], dtype: DTypeLike) -> list[Expr]:
        """Return z at the corners of a truth table, and which of them are on the right side of the line z = 0."""
        z = self.add_up(np.array(CORNERS, dtype))
        table = as_expr(np.array([(0, 0, 0, 0), *truths.values()], bool))
        return [z, cast((z > 0) == table[task], dtype)]

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        from pellucid.show.plots.picture import Picture

        if self.plane is None:
            return None
        parameters = [*self.weights, self.bias, *([] if self.activation is None else [self.activation])]
        present = {i: values[i] for i in parameters}
        z, a = evaluate([self.z, self.output], present | {i: values[i] for i in self.inputs})
        numbers = ", ".join(f"{i} = {float(values[i]):g}" for i in (*self.inputs, *self.weights, self.bias))
        x, y = np.meshgrid(*(np.linspace(*limits, STILL_POINTS) for limits in self.plane))
        points = [Input(str(i), x.shape, i.dtype) for i in self.inputs]
        sums = self.add_up(points)
        heights, outputs = evaluate([sums, self.activate(sums)], dict(zip(points, (x, y), strict=True)) | present)
        line = ", and the line z = 0" if heights.min() < 0 < heights.max() else ""
        text = f"A neuron with {numbers}: z = {float(z):.4g}, output {float(a):.4g}. The picture shows the output over"
        place = [float(values[i]) for i in self.inputs]
        names = [str(i) for i in self.inputs]
        drawn = draw_plane(x, y, heights, outputs, place, names, self.title)
        return Picture(drawn, f"{text} the plane of the inputs{line}.", self.title)

    def describe(self) -> dict[str, Json]:
        tasks: Json = None
        if self.tasks is not None:
            control, truths = self.tasks
            targets = [list(map(int, truth)) for truth in truths.values()]
            best = [count_best(truth) for truth in targets]
            tasks = {"control": str(control), "names": list(truths), "targets": targets, "best": best}
        return {
            "kind": self.kind,
            "title": self.title,
            "inputs": list(map(str, self.inputs)),
            "weights": list(map(str, self.weights)),
            "bias": str(self.bias),
            "activations": list(self.activations),
            "activation": None if self.activation is None else str(self.activation),
            "plane": None if self.plane is None else [list(map(float, limits)) for limits in self.plane],
            "tasks": tasks,
        }


def evaluate(outputs: Sequence[Expr], values: Mapping[Input, Array]) -> list[Array]:
    return [np.asarray(a) for a in function(list(values), list(outputs), mode="numpy")(*values.values())]


def draw_plane(
    x: Array, y: Array, heights: Array, outputs: Array, place: Sequence[float], names: Sequence[str], title: str
) -> PlotFigure:
    """Draw outputs over the plane, the line where ``heights`` are 0, and the place of the inputs."""
    from pellucid.show.plots.plot_style import (
        ON_DARK,
        ON_LIGHT,
        SIGNED,
        add_color_bar,
        make_color_map,
        new_figure,
        style_axes,
    )

    figure = new_figure(4.6, 4.0)
    axes = style_axes(figure.add_subplot(), names[0], names[1], title)
    axes.grid(visible=False)
    limit = float(np.abs(outputs).max()) or 1.0
    extent = (x.min(), x.max(), y.min(), y.max())
    colors = make_color_map(*SIGNED)
    image = axes.imshow(outputs, origin="lower", extent=extent, cmap=colors, vmin=-limit, vmax=limit)
    if heights.min() < 0 < heights.max():
        axes.contour(x, y, heights, levels=[0.0], colors=ON_LIGHT)
    axes.plot(place[:1], place[1:], "o", color=ON_DARK, markeredgecolor=ON_LIGHT, markersize=9)
    add_color_bar(figure, image, axes, "output")
    return figure


def check_scalars(inputs: Sequence[object]) -> None:
    for i in inputs:
        if not isinstance(i, Input) or i.ndim:
            raise UseError(
                "pel.live.neuron: expected scalar inputs with a control each, such as pel.scalar('w1'). Received: "
                f"{i!r}"
            )


def check_tasks(
    tasks: tuple[Input, Mapping[str, Sequence[int]]], count: int
) -> tuple[Input, Mapping[str, Sequence[int]]]:
    if count != 2 or any(len(truth) != 4 or not set(truth) <= {0, 1} for truth in tasks[1].values()):
        raise ShapeError(
            "pel.live.neuron: expected tasks of two inputs, with an output of 0 or 1 for (0, 0), (0, 1), (1, 0) and "
            f"(1, 1). Received: {dict(tasks[1])} and {count} inputs"
        )
    return tasks


def count_best(truth: Sequence[int]) -> int:
    """Return how many rows of a truth table the best line gets right; these lines make all divisions that exist."""
    x1, x2 = np.array(CORNERS)
    lines = itertools.product((-1, 0, 1), (-1, 0, 1), (-1.5, -0.5, 0.5, 1.5))
    return max(int(((w1 * x1 + w2 * x2 + b > 0) == np.array(truth)).sum()) for w1, w2, b in lines)


def neuron(
    inputs: Sequence[Input],
    weights: Sequence[Input],
    bias: Input,
    activations: Mapping[str, Callable[[Expr], Expr]],
    activation: Input | None = None,
    *,
    plane: Sequence[Range] | None = ((-2.2, 2.2), (-2.2, 2.2)),
    tasks: tuple[Input, Mapping[str, Sequence[int]]] | None = None,
    title: str = "Neuron",
) -> Neuron:
    r"""One neuron, :math:`a = f(w_1 x_1 + w_2 x_2 + b)`, with its arithmetic.

    The picture shows inputs, weights, sum, activation function and output. Of two inputs, a second picture shows the
    output over their plane. Weights and the point of the inputs can be dragged.

    Parameters
    ----------
    inputs, weights : sequence of Input
        Scalar inputs, each with a slider in the figure.
    bias : Input
        Scalar input with a slider.
    activations : dict from str to function
        Activation functions by name: functions from expressions to expressions.
    activation : Input, optional
        Integer input with a choice: the number of the activation function.
    plane : pair of ranges, optional
        Ranges of two inputs; None for no second picture.
    tasks : (Input, dict from str to four numbers), optional
        Truth tables: outputs of 0 or 1 for the inputs (0, 0), (0, 1), (1, 0) and (1, 1). The integer input is the
        number of the present one, beginning with 1, and 0 for none. The page counts the rows on the right side of the
        line z = 0.
    title : str
        Title of the view.

    Returns
    -------
    Neuron

    Raises
    ------
    UseError, ShapeError, OptionError
        If an input is not scalar or has no control, or the numbers of inputs, weights or functions do not fit.

    Examples
    --------
    >>> x, w, b = pel.scalar("x"), pel.scalar("w"), pel.scalar("b")
    >>> pel.live.neuron([x], [w], b, {"tanh": pel.tanh}).output
    tanh(w * x + b)
    """
    return Neuron(inputs, weights, bias, activations, activation, plane, tasks, title)
