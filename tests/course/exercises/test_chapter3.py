"""Right and wrong answers to the exercises of chapter 3, and words that the checker's messages must contain."""

import functools

import pytest
from exercise_answers import find_misjudged_answers, list_names

import pellucid as pel

RIGHT = [
    ("boundary", "-x1 * w1 / w2 - b / w2"),
    ("boundary", "(-b - w1 * x1) / w2"),
    ("s", "b2 + tanh(b1 + X @ W1) @ W2"),
    ("p", "exp(s) / exp(s).sum(axis=1, keepdims=True)"),
    ("p", "exp(s) / exp(s).sum(axis=-1, keepdims=True)"),
    ("p", "softmax(s)"),
    ("loss", "mean(-sum(Y * log(p), axis=1))"),
    ("loss", "-mean(log(sum(Y * p, axis=1)))"),
]

WRONG = [
    ("boundary", "(x1 * w1 + b) / w2", "sign"),
    ("boundary", "-x1 * w1 / w2", "the bias `b` is missing"),
    ("boundary", "-(x1 * w1 + b)", "the division by `w2`"),
    ("boundary", "-(x1 * w1 - b) / w2", "the sign of `b`"),
    ("boundary", "-(x1 * w1 + b) * w2", "wrong side of the fraction"),
    ("s", "tanh(X @ W1 + b1) @ W2", "the bias `b2` is missing"),
    ("s", "(X @ W1 + b1) @ W2 + b2", "activation function tanh is missing"),
    ("s", "tanh(X @ W1) @ W2 + b2", "the bias `b1` is missing"),
    ("s", "tanh(tanh(X @ W1 + b1) @ W2 + b2)", "tanh is too much"),
    ("s", "sigmoid(X @ W1 + b1) @ W2 + b2", "sigmoid stands where tanh belongs"),
    ("p", "exp(s) / exp(s).sum(axis=0)", "softmax is taken over the wrong axis"),
    ("p", "exp(s) / exp(s).sum()", "normalized over the whole batch"),
    ("p", "1 / (1 + exp(-s))", "logistic function stands where the softmax belongs"),
    ("p", "exp(s)", "normalization of the softmax is missing"),
    ("loss", "-sum(Y * log(p))", "a mean over the samples"),
    ("loss", "mean(sum(Y * log(p), axis=1))", "sign"),
    ("loss", "-mean(Y * log(p))", "mean"),
    ("loss", "-mean(sum(log(p), axis=1))", "the factor `y` is missing"),
    ("loss", "-mean(sum(Y * p, axis=1))", "the function log is missing"),
]


@pytest.mark.parametrize("name", list_names(RIGHT, WRONG))
def test_answers_are_judged_and_mistakes_named(name: str) -> None:
    check = functools.partial(pel.course.check, f"3.{name}")
    assert find_misjudged_answers(check, name, RIGHT, WRONG, ignore_case=True) == []
