"""The error of formulas that cannot be read or evaluated."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class FormulaError(PellucidError, ValueError):
    """A formula that is not in the grammar of the course, or whose shapes do not fit.

    Attributes
    ----------
    position : int
        Number of characters before the place of the mistake.
    """

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position
