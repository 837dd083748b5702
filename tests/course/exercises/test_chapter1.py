"""Right and wrong answers to the exercises of chapter 1, and words that the checker's messages must contain."""

import functools

import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel

RIGHT = [
    ("neuron", "tanh(sum(x * w) + b)"),
    ("neuron", "tanh(b + w @ x)"),
    ("logistic", "exp(z) / (1 + exp(z))"),
    ("logistic", "(1 + tanh(z / 2)) / 2"),
    ("a1", "tanh(b1 + X @ W1)"),
    ("a1", "-tanh(-X @ W1 - b1)"),
    ("p", "exp(s) / exp(s).sum()"),
    ("p", "exp(s - max(s)) / sum(exp(s - max(s)))"),
]

WRONG = [
    ("neuron", "tanh(x @ w)", "the bias `b` is missing"),
    ("neuron", "x @ w + b", "activation function tanh is missing"),
    ("neuron", "tanh(x @ w) + b", "outside of tanh"),
    ("neuron", "tanh(x @ w - b)", "the sign of `b`"),
    ("neuron", "tanh(sum(x) + b)", "stands where `x @ w` belongs"),
    ("neuron", "tanh(w + b)", "`x` is missing"),
    ("logistic", "1 / (1 + exp(z))", "the sign of `z`"),
    ("logistic", "1 / (1 - exp(-z))", "the sign of `exp(-z)`"),
    ("a1", "tanh(X @ W1)", "the bias `b1` is missing"),
    ("a1", "X @ W1 + b1", "activation function tanh is missing"),
    ("a1", "sigmoid(X @ W1 + b1)", "sigmoid stands where tanh belongs"),
    ("a1", "tanh(X * W1 + b1)", "matrix product"),
    ("a1", "tanh(X @ W1) + b1", "outside of tanh"),
    ("p", "exp(s)", "normalization of the softmax is missing"),
    ("p", "s / sum(s)", "exponential of the softmax is missing"),
    ("p", "1 / (1 + exp(-s))", "logistic function stands where the softmax belongs"),
    ("p", "exp(-s) / sum(exp(-s))", "the sign of `s`"),
    ("p", "exp(s) / max(exp(s))", "divided by their maximum"),
]


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"1.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG, ignore_case=True) == []
