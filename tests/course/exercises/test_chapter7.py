"""Exercises of chapter 7: right answers pass, wrong answers get their mistake named."""

import functools
from typing import Any

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercises import list_exercises


def add_products(x: Any, w: Any, b: Any) -> Any:
    z = np.zeros((4, 5))
    for i in range(4):
        for j in range(5):
            z[i, j] = np.sum(x[i : i + 3, j : j + 3] * w) + b
    return z


def turn_the_kernel(x: Any, w: Any, b: Any) -> Any:
    return add_products(x, w[::-1, ::-1], b)


def sum_windows(x: Any, dz: Any) -> Any:
    dw = np.zeros((3, 3))
    for i in range(4):
        for j in range(5):
            dw += dz[i, j] * x[i : i + 3, j : j + 3]
    return dw


def overwrite_sum(x: Any, dz: Any) -> Any:
    dw = np.zeros((3, 3))
    for i in range(4):
        for j in range(5):
            dw = dz[i, j] * x[i : i + 3, j : j + 3]
    return dw


def scatter(x: Any, dz: Any, w: Any) -> Any:
    dx = np.zeros_like(x)
    for i in range(4):
        for j in range(5):
            dx[i : i + 3, j : j + 3] += dz[i, j] * w
    return dx


def scatter_turned(x: Any, dz: Any, w: Any) -> Any:
    return scatter(x, dz, w[::-1, ::-1])


def overwrite_windows(x: Any, dz: Any, w: Any) -> Any:
    dx = np.zeros_like(x)
    for i in range(4):
        for j in range(5):
            dx[i : i + 3, j : j + 3] = dz[i, j] * w
    return dx


def send_to_maximum(a: Any, dm: Any) -> Any:
    da = np.zeros_like(a)
    for i in range(2):
        for j in range(3):
            k, m = np.unravel_index(a[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].argmax(), (2, 2))
            da[2 * i + k, 2 * j + m] = dm[i, j]
    return da


RIGHT = [
    ("z", "correlate(x, w) + b"),
    ("z", "b - correlate(x, -w)"),
    ("z", add_products),
    ("count", "k * k * c * f + f"),
    ("count", "f * (k**2 * c + 1)"),
    ("dw", "correlate(x, dz)"),
    ("dw", sum_windows),
    ("db", "sum(dz)"),
    ("db", "dz.sum(axis=0).sum()"),
    ("dx", "correlate(pad(dz, 2), flip(w))"),
    ("dx", "correlate(pad(dz, 2), w[::-1, ::-1])"),
    ("dx", scatter),
    ("da", "kron(dm, ones((2, 2))) * (a == kron(m, ones((2, 2))))"),
    ("da", "where(a < kron(m, ones((2, 2))), 0, kron(dm, ones((2, 2))))"),
    ("da", send_to_maximum),
]
WRONG = [
    ("z", "correlate(x, w)", "bias `b` is missing"),
    ("z", "correlate(x, flip(w)) + b", "turned the wrong way round"),
    ("z", turn_the_kernel, "turned the wrong way round"),
    ("z", "correlate(x, w.T) + b", "transposed"),
    ("z", "correlate(pad(x, 1), w) + b", "padding"),
    ("z", "correlate(x, w) + 9 * b", "is added 9 times"),
    ("z", "relu(correlate(x, w) + b)", "relu is too much"),
    ("count", "k * k * c * f", "term `f` is missing"),
    ("count", "k * k * f + f", "factor `c` is missing"),
    ("count", "k * c * f + f", "factor `k` is missing"),
    ("count", "k * k * c * f + c", "`c` stands where `f` belongs"),
    ("dw", "correlate(x, dz)[::-1, ::-1]", "turned the wrong way round"),
    ("dw", "correlate(x, dz).T", "transposed"),
    ("dw", "correlate(x, dz) / 20", "mean over the positions"),
    ("dw", "correlate(x, w)", "shape"),
    ("dw", overwrite_sum, "overwritten instead of summed"),
    ("db", "mean(dz)", "`mean` stands where `sum` belongs"),
    ("db", "sum(dz, axis=0)", "axis 0"),
    ("db", "dz", "sum of `dz` is missing"),
    ("dx", "correlate(pad(dz, 2), w)", "a loop that adds windows at their places needs it as it is"),
    ("dx", "correlate(pad(dz, 2), w.T)", "transposed where it should be turned"),
    ("dx", "correlate(pad(dz, 2), w[:, ::-1])", "along its rows only"),
    ("dx", scatter_turned, "turned the wrong way round"),
    ("dx", overwrite_windows, "`+=`"),
    ("da", "kron(dm, ones((2, 2)))", "maximum only"),
    ("da", "kron(dm, ones((2, 2))) / 4", "average pooling"),
    ("da", "a == kron(m, ones((2, 2)))", "only marks the maxima"),
    ("da", "kron(m * dm, ones((2, 2))) * (a == kron(m, ones((2, 2))))", "passes unchanged"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"7.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def test_references_are_those_of_the_network_by_hand() -> None:
    by_hand = pel.byhand.convolution
    rng = np.random.default_rng(0)
    x, w, dz, b = rng.normal(size=(6, 7)), rng.normal(size=(3, 3)), rng.normal(size=(4, 5)), 0.3
    a, dm = rng.normal(size=(4, 6)), rng.normal(size=(2, 3))
    images, kernel, delta = x[None, :, :, None], w[:, :, None, None], dz[None, :, :, None]
    true = {
        "z": by_hand.convolve(images, kernel, np.array([b]))[0, :, :, 0],
        "count": 3 * 3 * 4 * 8 + 8,
        "dw": by_hand.kernel_gradient(images, delta)[:, :, 0, 0],
        "db": dz.sum(),
        "dx": by_hand.input_gradient(kernel, delta)[0, :, :, 0],
        "da": by_hand.pool_gradient(a[None, :, :, None], dm[None, :, :, None])[0, :, :, 0],
    }
    values = {"x": x, "w": w, "b": b, "dz": dz, "a": a, "dm": dm, "k": 3, "c": 4, "f": 8}
    exercises: dict[str, Any] = dict(list_exercises(7))
    assert list(exercises) == ["z", "count", "dw", "db", "dx", "da"]
    for name, exercise in exercises.items():
        needed = {e.name for e in pel.ancestors(exercise.reference) if e.op is None and e.name}
        found = exercise.reference.eval({k: values[k] for k in needed}, mode="numpy")
        np.testing.assert_allclose(found, true[name], rtol=1e-9, err_msg=name)
