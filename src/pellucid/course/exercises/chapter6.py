"""Exercises on formulas as programs: gradients by rewriting, stable formulas, and gradients of several devices."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise
from pellucid.course.exercises.stable_formulas import LOG_SOFTMAX, SOFTPLUS, VARIANCE


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [define_logsumexp_gradient(), *define_stable_formulas(), define_shards()]


def define_logsumexp_gradient() -> Exercise:
    s = pel.vector("s", shape=(4,), dtype="float64")
    return Exercise(
        name="gradient",
        quantity="gradient",
        question="Write the gradient of `log(sum(exp(s)))` with respect to `s`, a vector.",
        reference=pel.exp(s) / pel.exp(s).sum(),
        given={"s": s},
        solution="exp(s) / sum(exp(s))",
        why="It is the softmax. pellucid replaces this quotient by a softmax that cannot overflow.",
    )


def define_stable_formulas() -> list[CodeExercise]:
    return [
        CodeExercise(
            name="variance",
            question="Write `variance(x)`, the mean squared distance of the numbers in `x` from their mean, so that it "
            "is right in float32 for numbers near 10,000 too.",
            checker=VARIANCE.check,
            stub="def variance(x):\n    return np.mean(x**2) - np.mean(x) ** 2\n",
            solution="def variance(x):\n    return np.mean((x - np.mean(x)) ** 2)\n",
            why="The distances are small and exact. The squares of large numbers are neither.",
        ),
        CodeExercise(
            name="log_softmax",
            question="Write `log_softmax(s)`, the logarithm of the softmax of a vector `s`, so that it is right in "
            "float32 for scores like 1000 and for probabilities near 0.",
            checker=LOG_SOFTMAX.check,
            stub="def log_softmax(s):\n    return np.log(np.exp(s) / np.sum(np.exp(s)))\n",
            solution="def log_softmax(s):\n    u = s - np.max(s)\n    return u - np.log(np.sum(np.exp(u)))\n",
            why="After subtracting the maximum, every exponent is at most 0 and one of them is 0. So the sum is "
            "between 1 and the number of classes.",
        ),
        CodeExercise(
            name="softplus",
            question="Write `softplus(z)`, the value of `log(1 + exp(z))`, so that it is right in float32 for z from "
            "-30 to 1000. It is the loss of logistic regression at a point of class 0 with weighted sum z.",
            checker=SOFTPLUS.check,
            stub="def softplus(z):\n    return np.log(1 + np.exp(z))\n",
            solution="def softplus(z):\n    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))\n",
            why="The exponent is never positive, so nothing overflows. `log1p` keeps the small number that `1 + ...` "
            "would round away.",
        ),
    ]


def define_shards() -> Exercise:
    n1, n = pel.scalar("n1", dtype="float64"), pel.scalar("n", dtype="float64")
    g1, g2 = pel.vector("g1", shape=(3,), dtype="float64"), pel.vector("g2", shape=(3,), dtype="float64")
    return Exercise(
        name="shards",
        quantity="g",
        question="Two devices share a batch of `n` points. Device 1 computes `g1`, the gradient of the *mean* loss of "
        "its `n1` points; device 2 computes `g2` from the other points. Write `g`, the gradient of the mean loss of "
        "all points.",
        reference=(n1 * g1 + (n - n1) * g2) / n,
        given={"n1": n1, "n": n, "g1": g1, "g2": g2},
        solution="(n1 * g1 + (n - n1) * g2) / n",
        why="A mean over all points weights each device by its number of points. `(g1 + g2) / 2` is right only for "
        "equal shards.",
    )
