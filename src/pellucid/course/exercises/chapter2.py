"""Exercises of chapter 2: slopes of a squared error, and a step of gradient descent."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [define_slope(), *define_gradients(), define_step()]


def define_slope() -> Exercise:
    w, x, y = pel.scalar("w"), pel.scalar("x"), pel.scalar("y")
    return Exercise(
        name="slope",
        quantity="dw",
        question="The loss of one example is `(w * x - y)**2`. Write its derivative `dw` with respect to `w`.",
        reference=2 * (w * x - y) * x,
        given={"w": w, "x": x, "y": y},
        solution="2 * (w * x - y) * x",
        why="The outside, a square, gives 2 times the error; the inside, w * x - y, gives x.",
    )


def define_gradients() -> list[Exercise]:
    w, b = pel.scalar("w"), pel.scalar("b")
    x, y = pel.vector("x", shape=("n",)), pel.vector("y", shape=("n",))
    given = {"w": w, "b": b, "x": x, "y": y}
    error = w * x + b - y
    return [
        Exercise(
            name="dw",
            quantity="dw",
            question="The loss of `n` examples is `mean((w * x + b - y)**2)`. Write its derivative `dw` with respect "
            "to `w`.",
            reference=2 * (error * x).mean(),
            given=given,
            solution="2 * mean((w * x + b - y) * x)",
            why="Each example contributes 2 times its error times its x, and the mean of the losses has the mean of "
            "the slopes.",
        ),
        Exercise(
            name="db",
            quantity="db",
            question="The loss is `mean((w * x + b - y)**2)` again. Write its derivative `db` with respect to `b`.",
            reference=2 * error.mean(),
            given=given,
            solution="2 * mean(w * x + b - y)",
            why="The derivative of the inside with respect to b is 1: the bias has the constant input 1, as the bias "
            "unit of chapter 1.",
        ),
    ]


def define_step() -> Exercise:
    w, dw, rate = pel.scalar("w"), pel.scalar("dw"), pel.scalar("rate")
    return Exercise(
        name="step",
        quantity="w",
        question="Write the weight after one step of gradient descent from the weight `w`, with the derivative `dw` "
        "and the learning rate `rate`.",
        reference=w - rate * dw,
        given={"w": w, "dw": dw, "rate": rate},
        solution="w - rate * dw",
        why="The derivative points uphill, so the step subtracts it. The rate says how far.",
    )
