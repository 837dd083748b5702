"""Exercises on seeing: the convolution, its parameters, and the gradients of convolution and pooling."""

from __future__ import annotations

import pellucid as pel
from pellucid.course.exercise import CodeExercise, Exercise

IMAGE, KERNEL, MAP = (6, 7), (3, 3), (4, 5)
"""Sizes of the probe data. Rows and columns differ, so that a transposition changes shapes."""


def define_exercises() -> list[Exercise | CodeExercise]:
    """Return the exercises in the order of the chapter."""
    return [*define_forward(), *define_backward(), define_pooling()]


def define_forward() -> list[Exercise]:
    x, w, b = define_inputs()
    k, c, f = (pel.scalar(name, dtype="float64") for name in ("k", "c", "f"))
    return [
        Exercise(
            name="z",
            quantity="z",
            question="Write `z`, the feature map of an image `x`, a kernel `w` and a bias `b`, without activation "
            "function. In a formula, `correlate(x, w)` moves `w` over `x` and adds up the products; in a file, write "
            "the two loops.",
            reference=correlate(x, w) + b,
            given={"x": x, "w": w, "b": b},
            solution="correlate(x, w) + b",
            why="Every window is a neuron with the same weights and the same bias. The kernel is used as it is, "
            "without turning it.",
        ),
        Exercise(
            name="count",
            quantity="count",
            question="A convolution has `f` filters of `k` by `k` pixels, and its input has `c` channels. Write the "
            "number of its parameters.",
            reference=k * k * c * f + f,
            given={"k": k, "c": c, "f": f},
            solution="k * k * c * f + f",
            why="Each filter has one weight for each pixel and channel of its window, and one bias. The size of the "
            "image does not matter.",
        ),
    ]


def define_backward() -> list[Exercise]:
    x, w, b = define_inputs()
    dz = pel.matrix("dz", shape=MAP, dtype="float64")
    total = ((correlate(x, w) + b) * dz).sum()
    given = {"x": x, "w": w, "b": b, "dz": dz}
    return [
        Exercise(
            name="dw",
            quantity="dw",
            question="Write `dw`, the gradient of the loss with respect to the kernel `w`. `dz` is its gradient with "
            "respect to the feature map `z = correlate(x, w) + b`.",
            reference=pel.grad(total, w),
            given=given,
            solution="correlate(x, dz)",
            why="Each weight meets one pixel of every window. So its gradient is the sum over the windows of pixel "
            "times error, and that is a correlation again.",
        ),
        Exercise(
            name="db",
            quantity="db",
            question="Write `db`, the gradient of the loss with respect to the bias `b`.",
            reference=pel.grad(total, b),
            given=given,
            solution="sum(dz)",
            why="The bias is added at every place of the feature map, so the errors of all places add up.",
        ),
        Exercise(
            name="dx",
            quantity="dx",
            question="Write `dx`, the gradient of the loss with respect to the image `x`. In a formula, `pad(dz, 2)` "
            "puts two zeros around `dz` on each side, and `flip(w)` turns `w` by 180 degrees; in a file, write loops.",
            reference=pel.grad(total, x),
            given=given,
            solution="correlate(pad(dz, 2), flip(w))",
            why="A pixel gets the error of each window that contains it, times the weight that it met there. Windows "
            "further to the left met it with weights further to the right, so a correlation needs the kernel turned.",
        ),
    ]


def define_pooling() -> Exercise:
    a, dm = pel.matrix("a", shape=(4, 6), dtype="float64"), pel.matrix("dm", shape=(2, 3), dtype="float64")
    m = pel.max_pool(a[None, :, :, None], 2)[0, :, :, 0]
    return Exercise(
        name="da",
        quantity="da",
        question="`m` has the maxima of the windows of 2 by 2 numbers of `a`. `dm` is the gradient of the loss with "
        "respect to `m`. Write `da`. In a formula, `kron(m, ones((2, 2)))` repeats each number of `m` in its window, "
        "and `==` gives 1 or 0.",
        reference=pel.grad((m * dm).sum(), a),
        given={"a": a, "m": m, "dm": dm},
        solution="kron(dm, ones((2, 2))) * (a == kron(m, ones((2, 2))))",
        why="A small change of any other number leaves the maximum as it is. So the maximum gets the whole error, "
        "unchanged, and the others get 0.",
    )


def define_inputs() -> tuple[pel.Expr, pel.Expr, pel.Expr]:
    x, w = pel.matrix("x", shape=IMAGE, dtype="float64"), pel.matrix("w", shape=KERNEL, dtype="float64")
    return x, w, pel.scalar("b", dtype="float64")


def correlate(x: pel.Expr, w: pel.Expr) -> pel.Expr:
    """Return the sums over the windows of one image with one channel, for one filter."""
    return pel.conv(x[None, :, :, None], w[:, :, None, None])[0, :, :, 0]
