"""Operator precedence of printed ops."""

COMPARE, LOGIC, ADD, DIVIDE, MULTIPLY, NEGATE, POWER, ATOM = 10, 20, 30, 39, 40, 50, 60, 100
"""Precedence of ops. Python parses ``x * y @ z`` as ``(x * y) @ z``, so ``@``, ``//`` and ``%`` are just below ``*``:
they are parenthesized inside a product, and a product inside them only on the right."""

BIG, JUXTAPOSE = 35, 45
r"""In LaTeX, a big operator includes the product after it, and juxtaposed matrices bind tighter than \odot."""
