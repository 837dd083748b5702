"""Exercises of chapter 3: a decision boundary, the forward pass, and cross-entropy."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [define_boundary(), define_scores(), define_softmax(), define_loss()]


def define_boundary() -> Exercise:
    x1, w1, w2, b = (pel.scalar(name) for name in ("x1", "w1", "w2", "b"))
    return Exercise(
        name="boundary",
        quantity="x2",
        question="On the decision boundary `x1 * w1 + x2 * w2 + b` is 0. Write `x2` with the other letters.",
        reference=-(x1 * w1 + b) / w2,
        given={"x1": x1, "w1": w1, "w2": w2, "b": b},
        solution="-(x1 * w1 + b) / w2",
        why="The slope of the line is -w1 / w2, and -b / w2 is its height at x1 = 0. Without the bias, the line would "
        "always go through the origin.",
    )


def define_scores() -> Exercise:
    X = pel.matrix("X", shape=("n", "d"))
    W1, b1 = pel.matrix("W1", shape=("d", "h")), pel.vector("b1", shape=("h",))
    W2, b2 = pel.matrix("W2", shape=("h", "k")), pel.vector("b2", shape=("k",))
    return Exercise(
        name="s",
        quantity="s",
        question="Write the scores `s` of a network with one hidden layer of `tanh` units: weights and biases `W1`, "
        "`b1` of the hidden layer, and `W2`, `b2` of the output layer.",
        reference=pel.tanh(X @ W1 + b1) @ W2 + b2,
        given={"X": X, "W1": W1, "b1": b1, "W2": W2, "b2": b2},
        solution="tanh(X @ W1 + b1) @ W2 + b2",
        why="The activation function is applied to the hidden layer only; scores may be any numbers.",
    )


def define_softmax() -> Exercise:
    s = pel.matrix("s", shape=("n", "k"))
    return Exercise(
        name="p",
        quantity="p",
        question="Write the probabilities `p` of `n` examples from their scores `s`, one row for each example and one "
        "column for each class. Use `exp` and `sum`; `keepdims=True` keeps the sums as a column.",
        reference=pel.softmax(s, axis=1),
        given={"s": s},
        solution="exp(s) / sum(exp(s), axis=1, keepdims=True)",
        why="The classes of one example share the probability 1, so the sum is over the columns of a row.",
    )


def define_loss() -> Exercise:
    s, y = pel.matrix("s", shape=("n", 3)), pel.ivector("y", shape=("n",))
    p, Y = pel.softmax(s, axis=1), pel.one_hot(y, 3)
    return Exercise(
        name="loss",
        quantity="L",
        question="Write the mean cross-entropy `L` of `n` examples with the probabilities `p` and the one-hot labels "
        "`Y`.",
        reference=-(Y * pel.log(p)).sum(axis=1).mean(),
        given={"p": p, "Y": Y},
        solution="-mean(sum(Y * log(p), axis=1))",
        why="In each row, Y keeps the logarithm of the probability of the true class. The loss is the mean over the "
        "rows.",
    )
