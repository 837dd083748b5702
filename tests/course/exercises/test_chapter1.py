"""Right and wrong answers to the exercises of chapter 1, and words that the checker's messages must contain."""

import pytest

import pellucid as pel
from pellucid.course.exercises import chapter1

RIGHT = [
    *((exercise.name, exercise.solution) for exercise in chapter1.define_exercises()),
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
    ("neuron", "tanh(x @ w)", "bias"),
    ("neuron", "x @ w + b", "activation"),
    ("neuron", "tanh(x @ w) + b", "bias"),
    ("neuron", "tanh(x @ w - b)", "sign"),
    ("neuron", "tanh(sum(x) + b)", "w"),
    ("logistic", "1 / (1 + exp(z))", "sign"),
    ("logistic", "1 / (1 - exp(-z))", "sign"),
    ("a1", "tanh(X @ W1)", "bias"),
    ("a1", "X @ W1 + b1", "activation"),
    ("a1", "tanh(X @ W1) + b1", "bias"),
    ("p", "exp(s)", "sum"),
    ("p", "s / sum(s)", "exp"),
    ("p", "1 / (1 + exp(-s))", "logistic"),
    ("p", "exp(-s) / sum(exp(-s))", "sign"),
    ("p", "exp(s) / mean(exp(s))", "mean"),
]


@pytest.mark.parametrize(("name", "formula"), RIGHT)
def test_right_answers_are_accepted(name, formula):
    result = pel.course.check(f"1.{name}", formula)
    assert result.correct, result.message


@pytest.mark.parametrize(("name", "formula", "words"), WRONG)
def test_the_message_names_the_mistake(name, formula, words):
    result = pel.course.check(f"1.{name}", formula)
    assert not result.correct
    assert words in result.message.lower()
