"""The forward and the backward pass of the network of the two moons, with the numbers of four points."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr, Shared
from pellucid.live import Figure, Step, Units

__all__ = ["backward_pass"]


POINTS = np.array([[0.9, 0.5], [-0.6, 0.8], [0.1, -0.2], [1.8, 0.1]])
"""Two points of each moon, rounded."""
LABELS = np.array([0, 0, 1, 1])
FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"

NETWORK = [
    Units("X", ["x1", "x2"]),
    Units("hidden", ["0", "1", "2"], "W1", "b1"),
    Units("output", ["0", "1"], "W2", "b2"),
    Units("loss", ["L"]),
]


def backward_pass() -> Figure:
    r"""Forward and backward pass of a network with three hidden units, step by step with the numbers of four points.

    The loss is :math:`L = -\sum_n \log p_{n, y_n} + \frac{\lambda}{2} (\sum W_1^2 + \sum W_2^2)`.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.backward_pass().title
    'Backpropagation, step by step'
    """
    start = pel.byhand.moons.initialize()
    W1, b1, W2, b2 = (pel.shared(a.round(1).reshape(s), n) for a, s, n in zip(start, SHAPES, NAMES, strict=True))
    rate, lam = (pel.scalar(name, dtype="float64") for name in ("rate", "lam"))
    view = make_walkthrough([W1, b1, W2, b2], rate, lam)
    return Figure(
        controls=[
            pel.live.slider(rate, 0.01, 1, 0.1, scale="log", label="learning rate"),
            pel.live.slider(lam, 0, 0.5, 0.01, step=0.01, label="regularization strength lam"),
        ],
        views=[view],
        title="Backpropagation, step by step",
        description="A network with three hidden units classifies four points, step by step with formulas and numbers.",
    )


NAMES = ("W1", "b1", "W2", "b2")
SHAPES = ((2, 3), (3,), (3, 2), (2,))


def make_walkthrough(parameters: list[Shared], rate: Expr, lam: Expr) -> Any:
    named = pel.named
    W1, b1, W2, b2 = parameters
    X = pel.shared(POINTS, "X", trainable=False)
    Y = pel.shared(np.eye(2)[LABELS], "Y", trainable=False)

    def compute_loss(W1: Expr, b1: Expr, W2: Expr, b2: Expr, *, prefix: str = "") -> tuple[Expr, ...]:
        z1 = named(f"{prefix}z1", X @ W1 + b1)
        a1 = named(f"{prefix}a1", pel.tanh(z1))
        s = named(f"{prefix}s", a1 @ W2 + b2)
        p = named(f"{prefix}p", pel.softmax(s))
        errors = named(f"{prefix}errors", -(Y * pel.log(p)).sum(axis=1))
        penalty = named(f"{prefix}penalty", lam / 2 * ((W1**2).sum() + (W2**2).sum()))
        return z1, a1, s, p, errors, penalty, named(f"{prefix}L", errors.sum() + penalty)

    z1, a1, s, p, errors, penalty, L = compute_loss(W1, b1, W2, b2)
    d2 = named("d2", p - Y)
    dW2, db2 = named("dW2", a1.T @ d2 + lam * W2), named("db2", d2.sum(axis=0))
    da1, slope = named("da1", d2 @ W2.T), named("slope", 1 - a1**2)
    d1 = named("d1", da1 * slope)
    dW1, db1 = named("dW1", X.T @ d1 + lam * W1), named("db1", d1.sum(axis=0))
    gradient = [dW1, db1, dW2, db2]
    new = [named(f"new_{v}", v - rate * g) for v, g in zip(parameters, gradient, strict=True)]
    new_L = compute_loss(*new, prefix="new_")[-1]
    steps = [
        Step(
            "z1",
            FORWARD,
            "z_1 = X W_1 + b_1",
            "Each hidden unit multiplies the inputs of a point by its weights and adds its bias.",
            [X, W1, b1],
            [z1],
            ["X", "W1", "b1", "hidden"],
        ),
        Step(
            "a1",
            FORWARD,
            r"a_1 = \tanh(z_1)",
            "The activation function bends each number into the range from −1 to 1.",
            [z1],
            [a1],
            ["hidden"],
        ),
        Step(
            "s",
            FORWARD,
            "s = a_1 W_2 + b_2",
            "Each output unit computes a score for its class from the hidden units.",
            [a1, W2, b2],
            [s],
            ["hidden", "W2", "b2", "output"],
        ),
        Step(
            "p",
            FORWARD,
            r"p_{nk} = \frac{e^{s_{nk}}}{\sum_j e^{s_{nj}}}",
            "Softmax makes probabilities of the scores: each row of p adds up to 1.",
            [s],
            [p],
            ["output"],
        ),
        Step(
            "L",
            FORWARD,
            r"L = -\sum_{n} \log p_{n, y_n} + \frac{\lambda}{2} \left(\sum W_1^2 + \sum W_2^2\right)",
            "The loss adds up an error for each point, large if its true class is improbable, and a penalty on large "
            "weights. It is {L}.",
            [p, Y, errors, penalty],
            [L],
            ["output", "loss"],
        ),
        Step(
            "d2",
            BACKWARD,
            r"d_2 = \frac{\partial L}{\partial s} = p - Y",
            "Now backward, from the loss: how does it change with each score? The derivative of logarithm and softmax "
            "together is p minus the one-hot labels Y.",
            [p, Y],
            [d2],
            ["loss", "output"],
        ),
        Step(
            "dW2",
            BACKWARD,
            r"\frac{\partial L}{\partial W_2} = a_1^T d_2 + \lambda W_2",
            "A weight of the second layer carried a1 forward, so its gradient is a1 times d2, added up over the "
            "points. The penalty adds lam times the weight.",
            [a1, d2, W2],
            [dW2],
            ["hidden", "W2", "output"],
        ),
        Step(
            "db2",
            BACKWARD,
            r"\frac{\partial L}{\partial b_2} = \sum_n d_{2, n}",
            "A bias is added to every point: its gradient is the sum of d2 over the points.",
            [d2],
            [db2],
            ["b2", "output"],
        ),
        Step(
            "d1",
            BACKWARD,
            r"d_1 = \frac{\partial L}{\partial z_1} = (d_2 W_2^T) \odot (1 - a_1^2)",
            "The gradient goes back through the same weights, da1 = d2 @ W2.T. Then it meets tanh, whose slope is "
            "1 - a1**2: units near −1 or 1 let little of it through.",
            [d2, W2, da1, a1, slope],
            [d1],
            ["output", "W2", "hidden"],
        ),
        Step(
            "dW1",
            BACKWARD,
            r"\frac{\partial L}{\partial W_1} = X^T d_1 + \lambda W_1",
            "The first layer has the same rule as the second: its inputs times d1, plus lam times the weight.",
            [X, d1, W1],
            [dW1],
            ["X", "W1", "hidden"],
        ),
        Step(
            "db1",
            BACKWARD,
            r"\frac{\partial L}{\partial b_1} = \sum_n d_{1, n}",
            "The gradient of the first biases is the sum of d1 over the points.",
            [d1],
            [db1],
            ["b1", "hidden"],
        ),
        Step(
            "new W, b",
            UPDATE,
            r"W \leftarrow W - \eta \, \frac{\partial L}{\partial W}",
            "Each weight and each bias takes a step against its gradient. The loss was {L}; with the new weights it is "
            "{new_L}.",
            [dW1, db1, dW2, db2],
            [*new, L, new_L],
            ["W1", "b1", "W2", "b2"],
        ),
    ]
    return pel.live.walkthrough(
        steps, NETWORK, updates=dict(zip(parameters, new, strict=True)), title="Forward, backward, update"
    )
