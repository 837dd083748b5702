"""Exercises on backpropagation: the gradients of a network with one hidden layer."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise

INPUTS, HIDDEN, CLASSES = 2, 4, 3
"""Sizes of the probe data. All differ, so that a transpose or a wrong axis changes shapes."""


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    X = pel.matrix("X", shape=("n", INPUTS), dtype="float64")
    y = pel.ivector("y", shape=("n",))
    W1 = pel.matrix("W1", shape=(INPUTS, HIDDEN), dtype="float64")
    b1 = pel.vector("b1", shape=(HIDDEN,), dtype="float64")
    W2 = pel.matrix("W2", shape=(HIDDEN, CLASSES), dtype="float64")
    b2 = pel.vector("b2", shape=(CLASSES,), dtype="float64")
    lam, rate = pel.scalar("lam", dtype="float64"), pel.scalar("rate", dtype="float64")
    n = pel.size(X, axis=0)
    Y = pel.one_hot(y, CLASSES, dtype="float64")
    z1 = X @ W1 + b1
    a1 = pel.tanh(z1)
    s = a1 @ W2 + b2
    p = pel.softmax(s)
    d2 = (p - Y) / n
    dW2 = a1.T @ d2 + lam * W2
    d1 = (d2 @ W2.T) * (1 - a1**2)
    forward = {"X": X, "Y": Y, "W1": W1, "b1": b1, "W2": W2, "b2": b2}
    forward |= {"z1": z1, "a1": a1, "s": s, "p": p, "n": n, "lam": lam}
    return [
        Exercise(
            name="d2",
            quantity="d2",
            question="The loss is the mean cross-entropy of `n` points. Write `d2`, its gradient with respect to the "
            "scores `s`. Use `p`, `Y` and `n`.",
            reference=d2,
            given=forward,
            solution="(p - Y) / n",
            why="Each score gets the predicted probability minus the true one. The mean over the points contributes "
            "the factor 1/n.",
        ),
        Exercise(
            name="dW2",
            quantity="dW2",
            question="Write `dW2`, the gradient of the loss with respect to `W2`. Do not forget the penalty.",
            reference=dW2,
            given={**forward, "d2": d2},
            solution="a1.T @ d2 + lam * W2",
            why="Each weight gets the hidden value that it multiplies times the error of its score, summed over the "
            "points. The penalty adds `lam * W2`.",
        ),
        Exercise(
            name="db2",
            quantity="db2",
            question="Write `db2`, the gradient of the loss with respect to `b2`. A bias is a weight whose input is "
            "always 1.",
            reference=d2.sum(axis=0),
            given={**forward, "d2": d2, "dW2": dW2},
            solution="sum(d2, axis=0)",
            why="The bias is added at every point, so the contributions of all points add up. The factor 1/n is in "
            "`d2` already.",
        ),
        Exercise(
            name="d1",
            quantity="d1",
            question="Fill the gaps: `d1 = (d2 @ ...) * (1 - ...)`. It is the gradient of the loss with respect to "
            "`z1`, the inputs of tanh.",
            reference=d1,
            given={**forward, "d2": d2, "dW2": dW2, "rate": rate},
            solution="(d2 @ W2.T) * (1 - a1**2)",
            why="`d2 @ W2.T` collects the errors of all scores that a hidden unit feeds. The slope of tanh is "
            "`1 - tanh(z1)**2`, which is `1 - a1**2`.",
        ),
        Exercise(
            name="dW1",
            quantity="dW1",
            question="Fill the gaps: `dW1 = ... @ d1 + ...`. Compare with `dW2`: which array takes the place of `a1`?",
            reference=X.T @ d1 + lam * W1,
            given={**forward, "d2": d2, "dW2": dW2, "d1": d1},
            solution="X.T @ d1 + lam * W1",
            why="The same rule as for `dW2`: the input of the layer, transposed, times the error of its outputs.",
        ),
        Exercise(
            name="db1",
            quantity="db1",
            question="Write `db1`, the gradient of the loss with respect to `b1`.",
            reference=d1.sum(axis=0),
            given={**forward, "d2": d2, "dW2": dW2, "d1": d1},
            solution="sum(d1, axis=0)",
            why="As for `db2`: the bias is added at every point, so the errors of all points add up.",
        ),
    ]
