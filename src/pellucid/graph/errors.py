"""What can go wrong while an expression is written, differentiated or rewritten, and how it is worded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.places import place_text, users_place


class PellucidError(Exception):
    """The base of every error that pellucid raises on purpose; a note says which line of the user's it came from."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        place = users_place()
        if place is not None:
            self.add_note(f"  at {place_text(place)}")
        self.tells_operands = False

    def about(self, operands: Sequence[Any]) -> None:
        """Add what the operands are that did not fit, and where each was written."""
        if not self.tells_operands:
            self.tells_operands = True
            for operand in dict.fromkeys(operands):
                where = f", written at {place_text(operand.origin)}" if operand.origin else ""
                self.add_note(f"  {operand} is {operand.type}{where}")


class ShapeError(PellucidError, ValueError):
    """Shapes that do not fit together, found on the line where the expression is written."""


class DtypeError(PellucidError, TypeError):
    """Dtypes that do not fit together, or a value that a dtype cannot hold."""


class GradientError(PellucidError, ValueError):
    """A gradient that does not exist: of a non-scalar, with respect to an integer, or through nothing."""


class DisconnectedError(GradientError):
    """A gradient with respect to something that the cost does not depend on."""


class LinAlgError(PellucidError, np.linalg.LinAlgError):
    """A matrix that is singular or not positive definite, where the interpreter needs one that is not."""


class WrongGradientError(GradientError):
    """A gradient that finite differences contradict."""


class WrongOpError(PellucidError):
    """An op that means one thing in NumPy and another in XLA, or breaks its own rule."""


class InputError(PellucidError, ValueError):
    """A function that lacks an input, has one too many, or was called with the wrong ones."""


class RewriteError(PellucidError, RuntimeError):
    """A set of rewrite rules that does not settle, or a rule that changes a shape or dtype."""


class NonFiniteError(PellucidError, ArithmeticError):
    """A nan or an infinity that a program made, or was given."""


class StateError(PellucidError, RuntimeError):
    """Shared variables whose values are gone, because a run failed that was writing over them."""


class PrecisionWarning(UserWarning):
    """A value was rounded to fit the dtype of the input it was given to."""


def near_miss(name: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the candidate nearest to a misspelt name, or an empty text.

    Parameters
    ----------
    name : str
        What was written.
    candidates : iterable of str
        What could have been meant.

    Returns
    -------
    str
        A sentence that begins with a space, or ``""`` where nothing is near.

    Examples
    --------
    >>> near_miss("sofmax", ["softmax", "tanh"])
    " Did you mean 'softmax'?"
    """
    close = difflib.get_close_matches(name, list(candidates), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
