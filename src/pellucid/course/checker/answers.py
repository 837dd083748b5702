"""The forms of an answer: text, a function, an expression, or values."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import compute_values
from pellucid.course.checker.question import Question
from pellucid.course.formula_text import FormulaError, ParsedFormula, parse_formula
from pellucid.errors import near_miss
from pellucid.graph import FUNCTIONS
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Constant, Expr, Input, Shared, constant
from pellucid.graph.naming import strip_labels
from pellucid.graph.traversal import topological
from pellucid.typing import Array

PELLUCID = SimpleNamespace(Constant=Constant, Expr=Expr, constant=constant, **FUNCTIONS)
"""The functions of pellucid that formulas may use."""
CODE = re.compile(r"\b(?:for|while|def|lambda|if)\b")
"""Keywords of code that is no formula."""
NUMBER = re.compile(r"(?<![\w.])\d+\.\d*(?:e-?\d+)?|(?<![\w.])\d+e-?\d+")
"""A number with a point or an exponent, such as a regularization strength."""


@dataclass(frozen=True)
class AnswerValue:
    """Value of an answer on probe data, and the letters that it uses.

    Attributes
    ----------
    value : array
    letters : frozenset of str
    expr : Expr or None
        The answer as an expression, for text and expressions.
    numbers : tuple of float
        Numbers that the text contains.
    """

    value: Array
    letters: frozenset[str]
    expr: Expr | None = None
    numbers: tuple[float, ...] = ()


def evaluate_answer(question: Question, answer: Any) -> AnswerValue | str:
    """Return the value of an answer, or what is wrong with it."""
    if isinstance(answer, str):
        return evaluate_text(question, answer)
    if isinstance(answer, Expr):
        return evaluate_expression(question, answer)
    if callable(answer):
        return evaluate_function(question, answer)
    if answer is None or answer is ...:
        return "there is no answer yet."
    return evaluate_values(question, answer)


def evaluate_text(question: Question, text: str) -> AnswerValue | str:
    """Return the value of a formula, or of several lines with intermediate results such as ``d = p - Y``."""
    statements = split_statements(text)
    values, expressions = dict(question.letters), {**question.definitions, **question.size_inputs}
    used: set[str] = set()
    try:
        for i, (name, statement) in enumerate(statements):
            formula = parse_formula(statement, list(values))
            used.update(letter for letter in formula.letters if letter in question.letters)
            value = np.asarray(formula.evaluate(values, np))
            expr = build_expression(formula, expressions)
            if name and i < len(statements) - 1:
                values[name] = value
                expressions.pop(name, None)
                if expr is not None:
                    expressions[name] = expr
    except FormulaError as error:
        line = f" In `{statement}`." if len(statements) > 1 else ""
        loops = " For code with loops, pass a function." if CODE.search(text) else ""
        return f"{error}{line}{loops}"
    numbers = tuple(float(number) for number in NUMBER.findall(text))
    return AnswerValue(value, frozenset(used), expr, numbers)


def split_statements(text: str) -> list[tuple[str, str]]:
    r"""Return the lines of an answer: names and formulas. The name of the last one does not matter.

    Examples
    --------
    >>> split_statements("d = p - Y  # error\ndb = d.sum(\n  axis=0)")
    [('d', 'p - Y'), ('db', 'd.sum(\n  axis=0)')]
    >>> split_statements("X.T @ d")
    [('', 'X.T @ d')]
    """
    if "\n" not in text.strip() and ";" not in text:
        return [("", text)]
    try:
        lines = ast.parse(textwrap.dedent(text).strip()).body
    except SyntaxError:
        return [("", text)]
    if not lines or not all(isinstance(line, ast.Assign | ast.Expr | ast.Return) for line in lines):
        return [("", text)]
    source = textwrap.dedent(text).strip()
    found = []
    for line in lines:
        target = line.targets[0] if isinstance(line, ast.Assign) else None
        value = getattr(line, "value", None)
        segment = None if value is None else ast.get_source_segment(source, value)
        found.append((target.id if isinstance(target, ast.Name) else "", segment or ""))
    return found


def build_expression(formula: ParsedFormula, letters: Mapping[str, Expr]) -> Expr | None:
    """Return a formula as an expression, or None if it uses something that needs sizes."""
    try:
        built = formula.evaluate(letters, PELLUCID)
    except (FormulaError, PellucidError, TypeError, ValueError):
        return None
    return built if isinstance(built, Expr) else None


def evaluate_expression(question: Question, answer: Expr) -> AnswerValue | str:
    (answer,) = strip_labels([answer])
    values = dict(question.values)
    missing = [e for e in topological([answer]) if isinstance(e, (Input, Shared)) and e not in values]
    if missing:
        letters = ", ".join(question.letters)
        return f"the answer contains {missing[0]}, which the formula does not contain. Letters: {letters}."
    compute_values(topological([answer], stop=values), values)
    used = {name for name, e in question.definitions.items() if e in set(topological([answer]))}
    return AnswerValue(np.asarray(values[answer]), frozenset(used), answer)


def evaluate_function(question: Question, function: Callable[..., Any]) -> AnswerValue | str:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built-in functions have none
        return f"{function!r} has no named parameters. Write a function of letters, or a formula as text."
    names = [p.name for p in parameters if p.default is p.empty]
    for name in names:
        if name not in question.letters:
            hint = near_miss(name, question.letters)
            return f"the parameter {name!r} is not one of the letters {', '.join(question.letters)}.{hint}"
    # Copies, because a function may write into its arguments.
    arguments = [np.array(question.letters[name]) for name in names]
    try:
        with np.errstate(all="ignore"):
            value = function(*[a[()] if not a.ndim else a for a in arguments])
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        source = f", in `{place.line}`" if place.line else ""
        return f"your function raised {type(error).__name__}: {error} (line {place.lineno}{source})."
    if value is None or value is ...:
        return "your function returns nothing yet. Does it end with `return`?"
    result = np.asarray(value)
    if result.dtype.kind not in "biuf":
        return f"expected an array of numbers. Received: {value!r}."
    return AnswerValue(result, frozenset(names))


def evaluate_values(question: Question, answer: Any) -> AnswerValue | str:
    array = np.asarray(answer)
    if array.dtype.kind not in "biuf":
        return f"expected a formula as text, a function or an expression. Received: {answer!r}."
    missing = [e.name or "?" for e in question.leaves if e.name not in question.data]
    if missing:
        return (
            "an answer in numbers needs the numbers of all inputs: pass given={...} with arrays for "
            f"{', '.join(missing)}, or write a formula."
        )
    return AnswerValue(array, frozenset(question.definitions))
