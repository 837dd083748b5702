"""Formulas as text: a subset of Python's expressions with NumPy's meaning, read without running code."""

from pellucid.course.formula_text.errors import FormulaError as FormulaError
from pellucid.course.formula_text.formula import ParsedFormula as ParsedFormula
from pellucid.course.formula_text.formula import parse_formula as parse_formula
