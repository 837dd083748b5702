"""Formulas that a learner writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.course.formula_text.backends import ExpressionEvaluator, NumpyEvaluator
from pellucid.course.formula_text.mathml import MathmlWriter
from pellucid.course.formula_text.nodes import Node
from pellucid.course.formula_text.parser import Parser

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class ParsedFormula:
    """A formula that was read from text.

    Attributes
    ----------
    text : str
        The text.
    tree : Node
        Its syntax tree.
    letters : tuple of str
        The letters that it uses, in the order of their first use.
    """

    text: str
    tree: Node
    letters: tuple[str, ...]

    def evaluate(self, values: Mapping[str, Any], xp: Any = np) -> Any:
        """Compute the formula.

        Parameters
        ----------
        values : Mapping of str to array or Expr
            A value for each letter.
        xp : module
            NumPy, for float64 arrays without warnings, or pellucid, for an expression.

        Returns
        -------
        ndarray or Expr

        Raises
        ------
        FormulaError
            If shapes do not fit, or the formula computes more than a million numbers.

        Examples
        --------
        >>> parse_formula("X.T @ d + 2", ["X", "d"]).evaluate({"X": np.eye(2), "d": [1.0, 3.0]})
        array([3., 5.])
        >>> x = pel.vector("x", shape=(3,))
        >>> parse_formula("(x ** 2).sum()", ["x"]).evaluate({"x": x}, pel)
        (x ** 2).sum()
        """
        if xp is not np:
            return ExpressionEvaluator(self.text, values, xp).evaluate(self.tree)
        with np.errstate(all="ignore"):
            return np.asarray(NumpyEvaluator(self.text, values).evaluate(self.tree))

    def to_mathml(self, shapes: Shapes | None = None) -> str:
        """Return the formula as a MathML element.

        Parameters
        ----------
        shapes : Mapping of str to tuple, optional
            Shapes of letters. Products with numbers are then written without the sign of elementwise products.

        Examples
        --------
        >>> parse_formula("X.T @ d1", ["X", "d1"]).to_mathml()[-40:]
        '<msub><mi>d</mi><mn>1</mn></msub></math>'
        """
        return MathmlWriter(shapes or {}).write(self.tree)


def parse_formula(text: str, letters: Collection[str]) -> ParsedFormula:
    """Read a formula.

    Parameters
    ----------
    text : str
        A subset of Python's expressions: numbers, letters, operators, ``.T``, indices, and functions of NumPy and
        pellucid. A left side such as ``dW1 =`` is dropped.
    letters : Collection of str
        The names that the formula may use.

    Returns
    -------
    ParsedFormula

    Raises
    ------
    FormulaError
        If the text is not such a formula. The message says where, and how to write it.

    Examples
    --------
    >>> parse_formula("dW1 = X.T @ d1 + lam * W1", ["X", "d1", "lam", "W1"]).letters
    ('X', 'd1', 'lam', 'W1')
    """
    parser = Parser(text, letters)
    tree = parser.parse()
    return ParsedFormula(text, tree, tuple(dict.fromkeys(parser.used)))
