"""Formulas as text: values, refused texts, messages and MathML."""

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.course.formula_text import FormulaError, parse_formula

RNG = np.random.default_rng(0)
VALUES = {
    "X": RNG.normal(size=(5, 2)),
    "W1": RNG.normal(size=(2, 3)),
    "b1": RNG.normal(size=3),
    "a1": np.tanh(RNG.normal(size=(5, 3))),
    "d1": RNG.normal(size=(5, 3)),
    "p": RNG.dirichlet(np.ones(3), size=5),
    "y": np.array([0, 2, 1, 1, 0]),
    "n": 5,
    "lam": 0.1,
    "x": RNG.normal(size=(6, 5)),
    "w": RNG.normal(size=(3, 2)),
    "e": RNG.normal(size=4),
}
NAMESPACE = {name: np.asarray(value, dtype=float) if name not in "ny" else value for name, value in VALUES.items()}

NUMPY_FORMULAS = """
    X.T @ d1 + lam * W1
    -np.log(p[np.arange(n), y]).mean()
    -lam ** 2 - -3 / 4 ** -1 + 1e-3 * .5 - 2.
    2 ** 3 ** 2 / 7 @ 1 if False else 2 ** 3 ** 2 / 7
    (1 - a1 ** 2) * d1 / n
    np.sum(d1, axis=0, keepdims=True) - d1.sum(0) + d1.mean(axis=(0, 1)) - d1.max(-1, keepdims=True)
    np.where(a1 > 0, a1, 0.1 * a1) + (a1 >= d1) * 1.0 + np.maximum(a1, d1) - np.minimum(0, a1)
    w[::-1, ::-1] + w[-1] * w[:, None, 1:][0]
    x[1:-1:2, ::-2] + x[None, 4:1:-1, 0].T.mean()
    x[np.arange(4), 1:, None][:, :, 0] + x[[0, 0, 0, 0], :4]
    np.pad(w, 1) + np.pad(w, (1, 1)) - np.pad(w, ((1, 1), (1, 1)))
    np.kron(w, np.ones((2, 2))) / 4 + np.kron(b1, e[:2]).sum()
    np.outer(b1, e) + np.dot(b1, b1) + b1 @ b1 + np.dot(W1.T, X.T)[:, :4]
    a1.reshape(3, 5) @ np.reshape(d1, (5, -1)) + np.transpose(W1) @ W1
    np.flip(w, axis=0) + np.flip(w) + np.argmax(p, axis=0)[:2] + np.square(w) * np.sign(w) + np.abs(w)
    np.sqrt(np.abs(e)) + np.exp(e) + np.log1p(np.exp(e)) + np.expm1(e) + np.tanh(e) + np.sin(e) * np.cos(e)
    np.eye(3)[y] - np.zeros_like(p) + np.ones_like(p) + np.zeros((5, 3)) + np.ones(3)
    X.shape[0] * len(e) + np.arange(1, 9, 2)
    (x[None] @ x.T[None])[0, 0]
"""


NUMPY_TEXTS = [line.strip() for line in NUMPY_FORMULAS.strip().split("\n")]


def convert_to_formula(text: str) -> str:
    """Return an expression of Python without what formulas lack."""
    return text.partition(" @ 1 if")[0].replace("x[[0, 0, 0, 0], :4]", "x[zeros(4), :4]")


def test_values_are_those_of_numpy() -> None:
    for text in NUMPY_TEXTS:
        expected = eval(text, {"np": np, **NAMESPACE})  # the test compares with Python itself
        text = convert_to_formula(text)
        value = parse_formula(text, VALUES).evaluate(VALUES)
        np.testing.assert_allclose(value, expected, rtol=1e-12, err_msg=text)
        assert value.dtype == np.float64, text
        without_prefix = parse_formula(text.replace("np.", ""), VALUES)
        np.testing.assert_array_equal(without_prefix.evaluate(VALUES), value, err_msg=text)


def test_expressions_have_the_same_values() -> None:
    for text in map(convert_to_formula, NUMPY_TEXTS):
        formula = parse_formula(text, VALUES)
        letters = {name: pel.constant(NAMESPACE[name]) if name != "n" else 5 for name in VALUES}
        result = formula.evaluate(letters, pel)
        value = result.eval(mode="numpy") if isinstance(result, pel.Expr) else result
        np.testing.assert_allclose(value, formula.evaluate(VALUES), rtol=1e-6, err_msg=text)


FURTHER_FUNCTIONS = [
    ("softmax(a1)", lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)),
    ("softmax(a1, axis=0)", lambda a: np.exp(a) / np.exp(a).sum(axis=0)),
    ("log_softmax(a1)", lambda a: a - np.log(np.exp(a).sum(axis=1, keepdims=True))),
    ("logsumexp(a1, axis=1)", lambda a: np.log(np.exp(a).sum(axis=1))),
    ("a1.sigmoid() + relu(a1)", lambda a: 1 / (1 + np.exp(-a)) + a * (a > 0)),
    ("one_hot(y, 3)", lambda a: np.eye(3)[VALUES["y"]]),
    ("one_hot(y * 1.0, 3) + one_hot(2, 3)", lambda a: np.eye(3)[VALUES["y"]] + [0, 0, 1]),
    (
        "correlate(a1, W1[:, :2])",
        lambda a: sum(VALUES["W1"][i, j] * a[i : 4 + i, j : 2 + j] for i in (0, 1) for j in (0, 1)),
    ),
]


def test_functions_that_numpy_lacks() -> None:
    letters = {name: pel.constant(VALUES[name]) for name in ("a1", "y", "W1")}
    for text, compute in FURTHER_FUNCTIONS:
        formula, expected = parse_formula(text, VALUES), compute(VALUES["a1"])
        np.testing.assert_allclose(formula.evaluate(VALUES), expected, rtol=1e-12, err_msg=text)
        value = formula.evaluate(letters, pel).eval(mode="numpy")
        np.testing.assert_allclose(value, expected, rtol=1e-6, err_msg=text)


def test_expressions_of_inputs_have_gradients() -> None:
    x, w = pel.matrix("x", shape=(3, 2)), pel.shared(np.ones((2, 4)), "w")
    loss = parse_formula("((x @ w > 0) * tanh(x @ w) ** 2).sum()", ["x", "w"]).evaluate({"x": x, "w": w}, pel)
    assert pel.grad(loss, w).shape == (2, 4)


def test_expressions_may_be_large() -> None:
    x = pel.matrix("x", shape=(5000, 784))
    assert parse_formula("tanh(x) @ x.T", ["x"]).evaluate({"x": x}, pel).shape == (5000, 5000)
    with pytest.raises(FormulaError, match="this is too large"):
        parse_formula("x + ones((5000, 784))", ["x"]).evaluate({"x": x}, pel)


def test_no_warnings_leak() -> None:
    value = parse_formula("log(z) + 1 / z + sqrt(z - 1) + exp(z + 1000)", ["z"]).evaluate({"z": [0.0]})
    assert np.isnan(value).all()
    assert parse_formula("log(z)", ["z"]).evaluate({"z": 0.0}) == -np.inf


SPELLINGS = [
    ("dW1 = X.T @ d1", "X.T @ d1"),
    ("dL/dW1 = X.T @ d1", "X.T @ d1"),
    ("Xᵀ @ d1", "X.T @ d1"),
    ("d₁ ⊙ X\N{DOWN TACK}.T[0, 0]", "d1 * X.T.T[0, 0]"),
    ("1 − a1² · d1 ÷ 2", "1 - a1**2 * d1 / 2"),
    ("(X ≥ 0) × 2\n + (X ≠ 1)", "(X >= 0) * 2 + (X != 1)"),
    ("pel.tanh(X) + numpy.absolute(X)", "tanh(X) + abs(X)"),
]


def test_other_spellings_are_understood() -> None:
    for text, plain in SPELLINGS:
        read, expected = (parse_formula(t, VALUES).evaluate(VALUES) for t in (text, plain))
        np.testing.assert_array_equal(read, expected, err_msg=text)


ERRORS = json.loads(Path(__file__).with_name("formula_errors.json").read_text("utf-8"))
"""Messages by text: of texts that are no formulas, and of shapes that do not fit."""

SYNTAX_ERRORS = ERRORS["syntax"] | {
    "(" * 60 + "1" + ")" * 60: "The formula is nested too deeply: more than 50 levels (character 51).",
    "+".join(["X"] * 150): "The formula is too long: it nests more than 100 operations (character 1).",
    "-" * 300 + "X": "The formula is nested too deeply: more than 50 levels (character 51).",
    "x" * 2001: "The formula has 2001 characters; at most 2000 are read.",
}
SHAPE_ERRORS = ERRORS["shapes"]


def test_texts_that_are_no_formula() -> None:
    for text, message in SYNTAX_ERRORS.items():
        with pytest.raises(FormulaError) as caught:
            parse_formula(text, VALUES)
        assert str(caught.value) == message
        if "(character" in message:
            assert f"(character {caught.value.position + 1})" in message


HOSTILE = [
    "__import__('os')",
    "X.__class__",
    "X.T.__dict__",
    "open(X)",
    "eval(X)",
    "(lambda: 1)()",
    "X.dtype",
    "X.tofile(X)",
]
HOSTILE += [
    "np.random.rand(3)",
    "np.load(X)",
    "f'{X}'",
    "X := 2",
    "import os",
    "X; n",
    "{1: 2}",
    "*X",
    "`X`",
    "\0",
    "x[...]",
]


def test_anything_else_is_refused() -> None:
    accepted = []
    for text in HOSTILE:
        with contextlib.suppress(FormulaError):
            accepted.append((text, parse_formula(text, VALUES)))
    assert accepted == []


def test_shapes_that_do_not_fit() -> None:
    for text, message in SHAPE_ERRORS.items():
        with pytest.raises(FormulaError) as caught:
            parse_formula(text, VALUES).evaluate(VALUES)
        assert str(caught.value) == message


def test_a_letter_without_a_value() -> None:
    with pytest.raises(FormulaError, match="`X`: this letter has no value"):
        parse_formula("X + 1", ["X"]).evaluate({})


def test_sizes_of_expressions_are_known_numbers() -> None:
    with pytest.raises(FormulaError, match="a number is needed here that does not depend on letters"):
        parse_formula("arange(k)", ["k"]).evaluate({"k": pel.iscalar("k")}, pel)


SHOWN = [
    ("W1 @ a1 * d1", "(W1 a1)⊙d1"),
    ("lam * W1 - (X - d1) - -w", "lam⋅W1−(X−d1)−(−w)"),
    ("2 * X.T @ d1", "2⋅X\N{DOWN TACK} d1"),
    ("(X + 1) ** 2 / abs(X)", "(X+1)2|X|"),
    ("sum(X, axis=0, keepdims=True)", "sumaxis\N{NO-BREAK SPACE}0,keepdims=True(X)"),
    ("p[arange(n), y]", "p[arange(n),y]"),
    ("w[::-1, 1:]", "w[::−1,1:]"),
    ("X >= sqrt(X.shape[0])", "X≥X.shape[0]"),
    ("maximum(X, 0) * X.sum()", "max(X,0)⋅sum(X)"),
    ("square(X + 1)", "(X+1)2"),
]


def test_mathml_shows_what_was_understood() -> None:
    shapes = {name: np.shape(value) for name, value in VALUES.items()}
    for text, shown in SHOWN:
        markup = parse_formula(text, VALUES).to_mathml(shapes).replace('<mspace width="0.2em"></mspace>', " ")
        assert re.sub("<[^>]*>", "", markup).replace("&gt;", ">") == shown


def test_digits_and_underscores_are_subscripts() -> None:
    assert parse_formula("dW12", ["dW12"]).to_mathml() == "<math><msub><mi>dW</mi><mn>12</mn></msub></math>"
    assert parse_formula("y_hat", ["y_hat"]).to_mathml() == "<math><msub><mi>y</mi><mi>hat</mi></msub></math>"
