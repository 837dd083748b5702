"""The chapters of the course, and what to do after the tour."""

from collections.abc import Sequence

CHAPTERS = (
    "One neuron",
    "Going downhill",
    "Two moons",
    "Backpropagation",
    "Fitting too well",
    "Formulas as programs",
    "Seeing",
    "Remembering",
    "Your own data",
)
"""Titles of the chapters, of which the first is chapter 1."""

NEXT_STEPS = {
    "pellucid course": "open the course: nine chapters with live figures and exercises",
    "pellucid run moons": "run one experiment again; with --list, see what you can change",
    "pellucid lab data.csv": "write a page in which a network learns your table",
    "pellucid train photos/": "train a network on your own images or table, and test it",
}
"""What each command does."""


def format_chapters(numbers: Sequence[int]) -> str:
    """Return which chapters explain an experiment.

    >>> format_chapters((3,))
    'Chapter 3, Two moons, explains this.'
    >>> format_chapters((3, 4))
    'Chapters 3, Two moons, and 4, Backpropagation, explain this.'
    """
    named = [f"{number}, {CHAPTERS[number - 1]}," for number in numbers]
    verb, noun = ("explains", "Chapter") if len(named) == 1 else ("explain", "Chapters")
    return f"{noun} {' and '.join(named)} {verb} this."
