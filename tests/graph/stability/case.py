"""Cases of the stability tests: naively written formulas and points at which they are hard to evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

Points = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A formula and its hard points.

    The formula is source text with NumPy's names, which pellucid, PyTorch, JAX, PyTensor and mpmath can all evaluate.

    Attributes
    ----------
    formula : str
        The naive formula, written without regard to rounding.
    exact : str
        The same function in a form for which 50 digits of precision suffice; empty if the formula is such a form.
    variables : mapping from name to points
        The variables of the gradient: a number or a row of numbers for each point.
    given : mapping from name to points
        Other variables, such as labels and weights.
    """

    formula: str
    exact: str = ""
    variables: Mapping[str, Points] = field(default_factory=dict)
    given: Mapping[str, Points] = field(default_factory=dict)

    @property
    def code(self) -> CodeType:
        """The compiled formula."""
        return compile(self.formula, f"<{self.formula}>", "eval")

    def arrays(self, points: Mapping[str, Points]) -> dict[str, np.ndarray[Any, Any]]:
        """Return points as float32 arrays, one row per point."""
        return {name: np.asarray(values, np.float32) for name, values in points.items()}


def case(formula: str, exact: str = "", *, given: Mapping[str, Points] | None = None, **variables: Points) -> Case:
    """Make a case: ``case("log(1 + x)", x=[1e-10, 1])``."""
    return Case(formula, exact, variables, given or {})


def evaluate(code: CodeType, functions: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Evaluate a formula with the functions of a library."""
    # Functions of PyTorch import modules when they are called.
    return eval(code, {"__builtins__": {"__import__": __import__}}, {**functions, **variables})


def weights(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the weights 1, 1/2, 1/4, ... of the elements of a result in the sum that is differentiated."""
    return np.asarray(0.5 ** np.arange(shape[-1]) if len(shape) > 1 else 1.0)
