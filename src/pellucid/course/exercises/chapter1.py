"""Exercises of chapter 1: a neuron, the logistic function, a layer, and the softmax."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [define_neuron(), define_logistic(), define_layer(), define_softmax()]


def define_neuron() -> Exercise:
    x, w, b = pel.vector("x", shape=("d",)), pel.vector("w", shape=("d",)), pel.scalar("b")
    return Exercise(
        name="neuron",
        quantity="a",
        question="Write the output `a` of a neuron with inputs `x`, weights `w`, bias `b` and the activation function "
        "`tanh`. `x @ w` multiplies in pairs and adds up.",
        reference=pel.tanh(x @ w + b),
        given={"x": x, "w": w, "b": b},
        solution="tanh(x @ w + b)",
        why="The bias is added before the activation function: it shifts the weighted sum, not the output.",
    )


def define_logistic() -> Exercise:
    z = pel.scalar("z")
    return Exercise(
        name="logistic",
        quantity="a",
        question="Write the logistic function of `z` with `exp`. It is near 0 for very negative `z` and near 1 for "
        "large `z`.",
        reference=1 / (1 + pel.exp(-z)),
        given={"z": z},
        solution="1 / (1 + exp(-z))",
        why="For large z, exp(-z) is nearly 0, so the quotient is nearly 1.",
    )


def define_layer() -> Exercise:
    X, W1, b1 = pel.matrix("X", shape=("n", "d")), pel.matrix("W1", shape=("d", "h")), pel.vector("b1", shape=("h",))
    return Exercise(
        name="a1",
        quantity="a1",
        question="Write the output `a1` of a hidden layer with the activation function `tanh`. The examples are the "
        "rows of `X`, the columns of `W1` are the weights of the units, and `b1` holds their biases.",
        reference=pel.tanh(X @ W1 + b1),
        given={"X": X, "W1": W1, "b1": b1},
        solution="tanh(X @ W1 + b1)",
        why="Row i, column j of a1 is the output of unit j for example i. NumPy adds b1 to each row.",
    )


def define_softmax() -> Exercise:
    s = pel.vector("s", shape=("k",))
    return Exercise(
        name="p",
        quantity="p",
        question="Write the probabilities `p` of one example with the scores `s`. Use `exp` and `sum`.",
        reference=pel.softmax(s),
        given={"s": s},
        solution="exp(s) / sum(exp(s))",
        why="The exponentials are positive, and after the division they add up to 1.",
    )
