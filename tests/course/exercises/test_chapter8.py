"""Exercises of chapter 8: right answers pass, wrong answers get their mistake named."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel
from pellucid.course.exercises import list_exercises


def make_loop(mistake: str = "") -> Callable[..., Any]:
    """Return backpropagation through time as a learner writes it, with a mistake."""

    def add_steps(h: Any, delta_o: Any, Wh: Any, Wo: Any) -> Any:
        after, dWh = np.zeros(4), np.zeros((4, 4))
        for t in reversed(range(6)):
            back = {"no next": 0, "transposed": after @ Wh}.get(mistake, after @ Wh.T)
            after = (delta_o[t] @ Wo.T + back) * h[t + 1] * (1 - h[t + 1])
            part = np.outer(h[t + 1] if mistake == "off by one" else h[t], after)
            dWh = part if mistake == "overwritten" else dWh + part
        return dWh

    return add_steps


BACK = "delta_o @ Wo.T + delta_next @ Wh.T"
RIGHT = [
    ("h", "sigmoid(x_t @ Wx + h_prev @ Wh)"),
    ("h", "1 / (1 + exp(-x_t @ Wx - h_prev @ Wh))"),
    ("h", "(1 + tanh((x_t @ Wx + h_prev @ Wh) / 2)) / 2"),
    ("delta_o", "(o_t - y_t) * o_t * (1 - o_t)"),
    ("delta_o", "(y_t - o_t) * (o_t**2 - o_t)"),
    ("delta_h", f"({BACK}) * h_t * (1 - h_t)"),
    ("delta_h", "(Wo @ delta_o + Wh @ delta_next) * (h_t - h_t**2)"),
    ("dWh", "h[:-1].T @ delta_h"),
    ("dWh", "(delta_h.T @ h[:6]).T"),
    ("dWh", make_loop()),
    ("dWx", "x.T @ delta_h"),
    ("dWx", "(delta_h.T @ x).T"),
]
WRONG = [
    ("h", "sigmoid(x_t @ Wx)", "`h_prev @ Wh` is missing"),
    ("h", "sigmoid(h_prev @ Wh)", "`x_t @ Wx` is missing"),
    ("h", "x_t @ Wx + h_prev @ Wh", "sigmoid is missing"),
    ("h", "tanh(x_t @ Wx + h_prev @ Wh)", "tanh stands where sigmoid"),
    ("h", "sigmoid(x_t @ Wx) + h_prev @ Wh", "outside of sigmoid"),
    ("h", "sigmoid(x_t @ Wx + h_prev @ Wh.T)", "transposed"),
    ("delta_o", "o_t - y_t", "factor `o_t * (1 - o_t)` is missing"),
    ("delta_o", "(y_t - o_t) * o_t * (1 - o_t)", "sign"),
    ("delta_o", "(o_t - y_t) * (1 - o_t**2)", "derivative of tanh"),
    ("delta_o", "2 * (o_t - y_t) * o_t * (1 - o_t)", "extra factor 2"),
    ("delta_o", "(o_t - y_t) * s_t * (1 - s_t)", "variable is wrong"),
    ("delta_h", "(delta_o @ Wo.T) * h_t * (1 - h_t)", "next time step"),
    ("delta_h", "(delta_next @ Wh.T) * h_t * (1 - h_t)", "`delta_o @ Wo.T` is missing"),
    ("delta_h", BACK, "factor `h_t * (1 - h_t)` is missing"),
    ("delta_h", f"({BACK}) * (1 - h_t**2)", "derivative of tanh"),
    ("delta_h", f"({BACK}) * (1 - h_t)", "factor `h_t` is missing"),
    ("delta_h", f"({BACK}) * h_prev * (1 - h_prev)", "off by one in time"),
    ("delta_h", "(delta_o @ Wo.T + delta_next @ Wh) * h_t * (1 - h_t)", "transposition of `Wh` is missing"),
    ("delta_h", "(delta_o @ Wo.T + delta_next) * h_t * (1 - h_t)", "`delta_next` stands where `delta_next @ Wh.T`"),
    ("dWh", "h[1:].T @ delta_h", "off by one in time"),
    ("dWh", "delta_h.T @ h[:-1]", "transposed"),
    ("dWh", "outer(h[5], delta_h[5])", "Only the last step"),
    ("dWh", "h[:-1].T @ (delta_o @ Wo.T * h[1:] * (1 - h[1:]))", "delta from the next time step is missing"),
    ("dWh", make_loop("no next"), "delta from the next time step is missing"),
    ("dWh", make_loop("transposed"), "transposition of `Wh`"),
    ("dWh", make_loop("off by one"), "off by one in time"),
    ("dWh", make_loop("overwritten"), "overwritten instead of summed"),
    ("dWx", "x[1:].T @ delta_h[:-1]", "off by one in time"),
    ("dWx", "h[:-1].T @ delta_h", "`h[:-1]` stands where `x` belongs"),
    ("dWx", "delta_h.T @ x", "transposed"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"8.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG) == []


def evaluate(expression: pel.Expr, values: dict[str, Any]) -> Any:
    needed = {e.name for e in pel.ancestors(expression) if e.op is None and e.name}
    return expression.eval({name: values[name] for name in needed}, mode="numpy")


def test_references_are_gradients_of_the_loss() -> None:
    exercises: dict[str, Any] = dict(list_exercises(8))
    assert list(exercises) == ["h", "delta_o", "delta_h", "dWh", "dWx"]
    rng = np.random.default_rng(0)
    sizes = {"x_t": 3, "h_prev": 4, "y_t": 2, "delta_next": 4, "h_0": 4}
    sizes |= {"Wx": (3, 4), "Wh": (4, 4), "Wo": (4, 2), "x": (6, 3), "y": (6, 2)}
    values = {name: rng.normal(size=size) for name, size in sizes.items()}
    given = {name: e for x in exercises.values() for name, e in x.given.items()}

    def compute(name: str) -> Any:
        return evaluate(exercises[name].reference, values)

    o_t, h_t = given["o_t"], given["h_t"]
    error = ((o_t - given["y_t"]) ** 2).sum() / 2
    np.testing.assert_allclose(compute("delta_o"), evaluate(pel.grad(error, given["s_t"]), values), rtol=1e-9)
    # delta_next is the gradient by the next weighted sum, to which h_t contributes h_t @ Wh
    error = error + (h_t @ exercises["delta_h"].given["Wh"] * given["delta_next"]).sum()
    np.testing.assert_allclose(compute("delta_h"), evaluate(pel.grad(error, given["z_t"]), values), rtol=1e-9)

    given = exercises["dWh"].given
    o = pel.sigmoid(given["h"][1:] @ given["Wo"])
    y = pel.matrix("y", shape=(6, 2), dtype="float64")
    error = ((o - y) ** 2).sum() / 2
    for name in ("Wh", "Wx"):
        np.testing.assert_allclose(compute(f"d{name}"), evaluate(pel.grad(error, given[name]), values), rtol=1e-9)
