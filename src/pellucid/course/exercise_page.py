"""Exercises for web pages: letters, the right values, and fingerprints of wrong results with their messages.

A page cannot run the search of the checker. It recognizes wrong results by fingerprints that are computed here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import numpy as np

from pellucid.course.checker.check import write_explanation
from pellucid.course.checker.mistakes.mistake import Context
from pellucid.course.checker.question import Question
from pellucid.course.checker.search import (
    RTOL,
    Candidate,
    MistakeExplanation,
    compute_candidates,
    compute_pair,
    deduplicate,
    find_scale_factors,
    is_equal,
)
from pellucid.course.exercise import Exercise
from pellucid.course.formula_text import parse_formula
from pellucid.course.result_fingerprint import compute_fingerprint, strip_shape
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.typing import Array, Json

PAIRED = 20
"""Common mistakes whose pairs a page knows."""
SCALED = 15
"""Common mistakes that a page knows with a wrong constant factor too."""
DIGITS = 8
"""Digits of fingerprints. Pages compare with a tolerance of 1e-6."""


def encode_exercise(exercise: Exercise) -> dict[str, Json]:
    """Return the data of an exercise as JSON values, as `web/src/exercises` reads them.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the solution of the exercise is not right.

    Examples
    --------
    >>> from pellucid.course import find_exercise
    >>> encode_exercise(find_exercise("1.bias"))["quantity"]  # doctest: +SKIP
    'z'
    """
    question = Question(exercise.reference, exercise.given, quantity=exercise.quantity)
    formula = parse_formula(exercise.solution, list(question.letters))
    truth = question.truth
    if not is_equal(np.asarray(formula.evaluate(question.letters, np)), truth):
        raise ValueError(f"Exercise {exercise.name}: the solution `{exercise.solution}` is not the reference")
    sentences = SentenceTable()
    variations = list(encode_mistakes(question, exercise, sentences))
    shown = [name for name in question.letters if name in exercise.given or question.letters[name].ndim == 0]
    return {
        "name": exercise.name,
        "quantity": exercise.quantity,
        "question": render_markdown(exercise.question),
        "letters": [encode_letter(question, name) for name in shown],
        "shape": list(truth.shape),
        "expected": encode_values(truth),
        "tolerance": RTOL,
        "sentences": sentences.listed,
        "variations": variations,
        "solution": {
            "text": exercise.solution,
            "mathml": formula.to_mathml({name: np.shape(value) for name, value in question.letters.items()}),
        },
        "why": render_markdown(exercise.why),
    }


def encode_letter(question: Question, name: str) -> dict[str, Json]:
    value = question.letters[name]
    return {
        "name": name,
        "shape": list(value.shape),
        "dtype": str(value.dtype),
        "values": encode_values(value),
        "meaning": describe_letter(question, name),
    }


def describe_letter(question: Question, name: str) -> str:
    """Return the shape of a letter with the names of its axes, or what a number counts."""
    if name in question.sizes.by_name:
        return "number of samples" if name == "n" else "length of an axis"
    dims = question.definitions[name].shape
    return "number" if not dims else f"shape ({', '.join(map(str, dims))}{',' * (len(dims) == 1)})"


def encode_values(values: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f8").tobytes()).decode()


class SentenceTable:
    """Sentences of messages, each once. Hundreds of messages share few sentences.

    Examples
    --------
    >>> table = SentenceTable()
    >>> table.add("dW: A is missing. Why."), table.add("dW: B is missing. Why."), table.listed
    ([0, 1, 2], [0, 3, 2], ['dW: ', 'A is missing. ', 'Why.', 'B is missing. '])
    """

    def __init__(self) -> None:
        self.listed: list[str] = []
        self._positions: dict[str, int] = {}

    def add(self, text: str) -> list[int]:
        """Return the positions of the sentences of a text."""
        positions = []
        for sentence in re.findall(r".+?(?:[.:] |$)", text, flags=re.DOTALL):
            if sentence not in self._positions:
                self._positions[sentence] = len(self.listed)
                self.listed.append(sentence)
            positions.append(self._positions[sentence])
        return positions


def encode_mistakes(question: Question, exercise: Exercise, sentences: SentenceTable) -> Iterator[dict[str, Json]]:
    """Yield wrong results with their messages, each result once, with its likeliest explanation."""
    found: list[tuple[float, Array, Context, MistakeExplanation]] = []
    for expansion, context in enumerate(list_readings(question, exercise)):
        candidates = [c for c in compute_candidates(context) if not is_equal(c.value, question.truth)]
        extra = 0.15 * bool(expansion)
        found += [(c.mistake.cost + extra, c.value, context, MistakeExplanation((c.mistake,), 0.0)) for c in candidates]
        if not expansion:
            found += [(e.cost, value, context, e) for e, value in list_combinations(context, candidates)]
    seen: set[tuple[object, ...]] = set()
    for _, value, context, explanation in sorted(found, key=lambda f: f[0]):
        if not np.all(np.isfinite(value)):
            continue
        fingerprint = [float(f"{f:.{DIGITS}g}") for f in compute_fingerprint(value)]
        key = (strip_shape(value.shape), *(float(f"{f:.6g}") for f in fingerprint))
        if key not in seen:
            seen.add(key)
            result = write_explanation(question.quantity, context, explanation)
            yield {
                "shape": list(value.shape),
                "fingerprint": fingerprint,
                "message": sentences.add(result.message),
                "hints": [sentences.add(hint) for hint in result.hints],
            }


def list_readings(question: Question, exercise: Exercise) -> Iterator[Context]:
    """Yield the formula in all letters, and with one letter or all written out in letters that the learner has."""
    every = frozenset(question.definitions)
    computed = [name for name in exercise.given if question.definitions[name].op is not None]
    for opaque in dict.fromkeys([every, *(every - {name} for name in computed), every - frozenset(computed)]):
        context = question.read(opaque)
        used = {node.name for node in context.graph.order if node.kind == "letter"}
        if opaque == every or used <= set(question.letters) & {*exercise.given, *question.sizes.by_name}:
            yield context


def list_combinations(context: Context, candidates: list[Candidate]) -> Iterator[tuple[MistakeExplanation, Array]]:
    """Yield pairs of common mistakes, and common mistakes with a wrong factor."""
    common = deduplicate(sorted(candidates, key=lambda c: c.mistake.cost))
    for i, first in enumerate(common[:PAIRED]):
        for second in common[:i]:
            pair = compute_pair(context, first.mistake, second.mistake)
            if pair is not None:
                yield pair
    for candidate in common[:SCALED]:
        yield from find_scale_factors(context, candidate)


def render_markdown(text: str) -> str:
    """Return a sentence or two of Markdown as HTML, with formulas between dollar signs as MathML."""
    from markdown_it import MarkdownIt

    parts = re.split(r"\$([^$]+)\$", text)
    for i in range(1, len(parts), 2):
        parts[i] = latex_to_mathml(parts[i], "inline")
    return str(MarkdownIt("commonmark", {"html": True}).renderInline("".join(parts)))
