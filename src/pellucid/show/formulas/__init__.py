"""Formulas of expressions and programs: LaTeX, MathML, and the names in them."""
