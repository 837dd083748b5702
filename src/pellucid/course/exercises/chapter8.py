"""Exercises on remembering: a recurrent network, and backpropagation through time."""

from __future__ import annotations

import numpy as np

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise

STEPS, INPUTS, HIDDEN, OUTPUTS = 6, 3, 4, 2
"""Sizes of the probe data. All differ, so that a transpose or a wrong axis changes shapes."""


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [*define_step(), *define_weight_gradients()]


def define_step() -> list[Exercise]:
    """Return the exercises on a single time step."""
    x_t, h_prev = pel.vector("x_t", (INPUTS,), "float64"), pel.vector("h_prev", (HIDDEN,), "float64")
    y_t, delta_next = pel.vector("y_t", (OUTPUTS,), "float64"), pel.vector("delta_next", (HIDDEN,), "float64")
    Wx, Wh, Wo = define_weights()
    z_t = x_t @ Wx + h_prev @ Wh
    h_t = pel.sigmoid(z_t)
    s_t = h_t @ Wo
    o_t = pel.sigmoid(s_t)
    delta_o = (o_t - y_t) * o_t * (1 - o_t)
    return [
        Exercise(
            name="h",
            quantity="h_t",
            question="Write the hidden state `h_t` of one step. `x_t` is the input and `h_prev` the hidden state of "
            "the step before. The activation function is `sigmoid`.",
            reference=h_t,
            given={"x_t": x_t, "h_prev": h_prev, "Wx": Wx, "Wh": Wh},
            solution="sigmoid(x_t @ Wx + h_prev @ Wh)",
            why="The weighted sum has two parts: what the network reads, and what it remembers. The function is "
            "applied to their sum.",
        ),
        Exercise(
            name="delta_o",
            quantity="delta_o",
            question="The loss of one step is half of the squared error, `sum((o_t - y_t)**2) / 2`, and "
            "`o_t = sigmoid(s_t)`. Write `delta_o`, the gradient with respect to `s_t`.",
            reference=delta_o,
            given={"o_t": o_t, "y_t": y_t, "s_t": s_t},
            solution="(o_t - y_t) * o_t * (1 - o_t)",
            why="The slope of half a square is the error. The slope of the logistic function is `o_t * (1 - o_t)`.",
        ),
        Exercise(
            name="delta_h",
            quantity="delta_h",
            question="Write `delta_h`, the gradient of the loss with respect to `z_t = x_t @ Wx + h_prev @ Wh`. Use "
            "`delta_o` of this step, and `delta_next`, the same gradient one time step later.",
            reference=(delta_o @ Wo.T + delta_next @ Wh.T) * h_t * (1 - h_t),
            given={
                "delta_o": delta_o,
                "delta_next": delta_next,
                "h_t": h_t,
                "h_prev": h_prev,
                "z_t": z_t,
                "Wx": Wx,
                "Wh": Wh,
                "Wo": Wo,
            },
            solution="(delta_o @ Wo.T + delta_next @ Wh.T) * h_t * (1 - h_t)",
            why="The hidden state acts along two paths: on the output of its step, and on the next hidden state. The "
            "errors of both add up, and then pass the slope of the logistic function.",
        ),
    ]


def define_weight_gradients() -> list[Exercise]:
    """Return the exercises on the gradients of the weights, over all time steps."""
    x, y = pel.matrix("x", (STEPS, INPUTS), "float64"), pel.matrix("y", (STEPS, OUTPUTS), "float64")
    h_0 = pel.vector("h_0", (HIDDEN,), "float64")
    Wx, Wh, Wo = define_weights()
    states = pel.scan(lambda x_t, h: pel.sigmoid(x_t @ Wx + h @ Wh), x, h_0)
    h = pel.concatenate([h_0[None], states])
    o = pel.sigmoid(states @ Wo)
    delta_o = (o - y) * o * (1 - o)
    delta_h = pel.scan(
        lambda d, h_t, after: (d @ Wo.T + after @ Wh.T) * h_t * (1 - h_t),
        [delta_o, states],
        np.zeros(HIDDEN),
        reverse=True,
    )
    given = {"x": x, "h": h, "delta_o": delta_o, "delta_h": delta_h, "Wx": Wx, "Wh": Wh, "Wo": Wo}
    return [
        Exercise(
            name="dWh",
            quantity="dWh",
            question=f"Write `dWh`, the gradient of the loss with respect to `Wh` over all {STEPS} steps. `h` has "
            f"{STEPS + 1} rows: `h[0]` is the state before the first step, `h[t + 1]` the state after step t. Row t of "
            "`delta_h` belongs to step t.",
            reference=h[:-1].T @ delta_h,
            given=given,
            solution="h[:-1].T @ delta_h",
            why="At step t, `Wh` multiplies the state *before* the step, `h[t]`. The matrix product adds up the steps.",
        ),
        Exercise(
            name="dWx",
            quantity="dWx",
            question="Write `dWx`, the gradient of the loss with respect to `Wx` over all steps.",
            reference=x.T @ delta_h,
            given=given,
            solution="x.T @ delta_h",
            why="At step t, `Wx` multiplies the input of the same step. The matrix product adds up the steps.",
        ),
    ]


def define_weights() -> tuple[pel.Expr, pel.Expr, pel.Expr]:
    return (
        pel.matrix("Wx", (INPUTS, HIDDEN), "float64"),
        pel.matrix("Wh", (HIDDEN, HIDDEN), "float64"),
        pel.matrix("Wo", (HIDDEN, OUTPUTS), "float64"),
    )
