"""One neuron with sliders, and its output over the plane of its two inputs."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.graph.expr import Expr
from pellucid.live.controls import choice, slider
from pellucid.live.interactive_figure import Figure
from pellucid.live.views.neuron import neuron as neuron_view

TRUTH_TABLES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NOT x1": (1, 1, 0, 0), "XOR": (0, 1, 1, 0)}
"""Outputs for the inputs (0, 0), (0, 1), (1, 0) and (1, 1)."""

GATES = {"AND": (1.0, 1.0, -1.5), "OR": (1.0, 1.0, -0.5), "NOT x1": (-1.0, 0.0, 0.5), "XOR": (1.0, 1.0, -0.5)}
"""Weights and bias. No neuron computes XOR; the page begins with those of OR."""


def list_activations() -> dict[str, Callable[[Expr], Expr]]:
    import pellucid as pel

    return {
        "step": lambda z: pel.cast(z > 0, z.dtype),
        "logistic": pel.sigmoid,
        "tanh": pel.tanh,
        "relu": pel.relu,
        "gaussian": lambda z: pel.exp(-(z**2)),
        "linear": lambda z: z,
    }


def neuron() -> Figure:
    r"""One neuron, :math:`a = f(w_1 x_1 + w_2 x_2 + b)`, with its arithmetic and its output over the plane.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.neuron().title
    'One neuron'
    """
    import pellucid as pel

    x1, x2, w1, w2, b = (pel.scalar(name, dtype="float64") for name in ("x1", "x2", "w1", "w2", "b"))
    activation, task = pel.iscalar("activation"), pel.iscalar("task")
    activations = list_activations()
    names = list(activations)
    presets = {
        gate: dict(zip((w1, w2, b), numbers, strict=True)) | {activation: names.index("step")}
        for gate, numbers in GATES.items()
    }
    return Figure(
        controls=[
            slider(x1, -2, 2, 1.0, step=0.1, label="input x1"),
            slider(x2, -2, 2, 0.3, step=0.1, label="input x2"),
            choice(activation, {name: k for k, name in enumerate(names)}, names.index("relu")),
            slider(w1, -3, 3, 0.5, step=0.1, label="weight w1"),
            slider(w2, -3, 3, -1.2, step=0.1, label="weight w2"),
            slider(b, -3, 3, 0.1, step=0.1, label="bias b"),
            choice(
                task,
                {"none": 0, **{gate: k for k, gate in enumerate(TRUTH_TABLES, 1)}},
                label="logic gate (sets weights and bias)",
                presets=presets,
            ),
        ],
        views=[
            neuron_view(
                [x1, x2],
                [w1, w2],
                b,
                activations,
                activation,
                tasks=(task, TRUTH_TABLES),
                title="From inputs to output",
            )
        ],
        title="One neuron",
        description="A neuron multiplies its inputs by weights, adds a bias, and applies an activation function.",
    )
