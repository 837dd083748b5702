"""A row of the table: a formula as it is naively written, and where it is hard to evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

Points = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """One formula and its hard points.

    The formula is text with NumPy's names, so that pellucid, PyTorch, JAX, PyTensor and mpmath all read the same one.

    Attributes
    ----------
    formula : str
        As somebody would write it who does not think of rounding.
    exact : str
        The same function written so that a precision of 50 digits suffices; empty where the formula itself will do.
    variables : mapping from name to points
        What it is differentiated by: a number or a row of numbers for each point.
    given : mapping from name to points
        What it also depends on: labels, weights.
    """

    formula: str
    exact: str = ""
    variables: Mapping[str, Points] = field(default_factory=dict)
    given: Mapping[str, Points] = field(default_factory=dict)

    @property
    def code(self) -> CodeType:
        """The formula, ready to be evaluated."""
        return compile(self.formula, f"<{self.formula}>", "eval")

    def arrays(self, points: Mapping[str, Points]) -> dict[str, np.ndarray[Any, Any]]:
        """Return points as arrays of numbers that float32 holds exactly, one row a point."""
        return {name: np.asarray(values, np.float32) for name, values in points.items()}


def case(formula: str, exact: str = "", *, given: Mapping[str, Points] | None = None, **variables: Points) -> Case:
    """Write a row: ``case("log(1 + x)", x=[1e-10, 1])``."""
    return Case(formula, exact, variables, given or {})


def evaluate(code: CodeType, functions: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Evaluate a formula with somebody's functions."""
    return eval(code, {"__builtins__": {}}, {**functions, **variables})


def weights(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return what each element of a result counts in the sum that is differentiated: 1, 1/2, 1/4 and so on."""
    return np.asarray(0.5 ** np.arange(shape[-1]) if len(shape) > 1 else 1.0)
