"""What an experiment hands back, and what it saved on the way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    """A labelled value: ``Score("held-out accuracy", 0.975)``.

    Examples
    --------
    >>> print(Score("held-out accuracy", 0.97512))
    held-out accuracy 0.9751
    >>> print(Score("rewritten", "2 * (x + y)"))
    rewritten 2 * (x + y)
    """

    label: str
    value: float | str

    def __str__(self) -> str:
        return f"{self.label} {self.value_text}"

    @property
    def value_text(self) -> str:
        """The value as a person reads it: four significant digits at most."""
        return self.value if isinstance(self.value, str) else f"{self.value:.4g}"


@dataclass(frozen=True)
class Outcome:
    """What came out of an experiment.

    Parameters
    ----------
    result, baseline
        The one score to look at, and what a reader should hold it against.
    measures
        Every number worth keeping, by name; goes into the record.
    lines
        What to print, a line each.
    pictures
        Saves pictures that the result need not wait for; it is called once the result has been told.
    """

    result: Score
    baseline: Score
    measures: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    pictures: Callable[[], None] | None = None


@dataclass(frozen=True)
class Picture:
    """A saved picture: its file, its caption, and in words what a reader sees in it."""

    file: str
    caption: str
    reading: str


@dataclass(frozen=True)
class Text:
    """A saved text, plain or a page of HTML: its file and its caption."""

    file: str
    caption: str
