"""Results of experiments: scores, saved pictures and texts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    """A labeled value, with a 95 % confidence interval if it is known.

    Examples
    --------
    >>> print(Score("held-out accuracy", 0.97512))
    held-out accuracy 0.9751
    >>> print(Score("test accuracy", 0.9, interval=(0.85, 0.94)))
    test accuracy 0.9, 95% interval 0.85 to 0.94
    >>> print(Score("rewritten", "2 * (x + y)"))
    rewritten 2 * (x + y)
    """

    label: str
    value: float | str
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        ends = "" if self.interval is None else ", 95% interval {:.3g} to {:.3g}".format(*self.interval)
        return f"{self.label} {self.value_text}{ends}"

    @property
    def value_text(self) -> str:
        """The value with at most four significant digits."""
        return self.value if isinstance(self.value, str) else f"{self.value:.4g}"


@dataclass(frozen=True)
class ExperimentResult:
    """The result of an experiment.

    Parameters
    ----------
    result, baseline
        The main score, and a baseline for comparison.
    measures
        Numbers for the record, by name.
    lines
        Lines to print.
    findings
        Sentences about what this run shows, computed from its numbers; each has a phrase for every outcome.
    draw
        Saves further pictures; called after the result has been reported, which therefore need not wait for them.
    """

    result: Score
    baseline: Score
    measures: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    findings: Sequence[str] = ()
    draw: Callable[[], None] | None = None


@dataclass(frozen=True)
class SavedPicture:
    """A saved picture: file name, caption, and a description for readers who cannot see it."""

    file: str
    caption: str
    reading: str


@dataclass(frozen=True)
class SavedText:
    """A saved text or HTML page: file name and caption."""

    file: str
    caption: str


def pluralize(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    Examples
    --------
    >>> pluralize(1, "pass"), pluralize(20_000, "pass"), pluralize(3, "step")
    ('1 pass', '20,000 passes', '3 steps')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "es" if noun.endswith("s") else "s")
