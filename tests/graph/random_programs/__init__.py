"""Random programs over all ops, whose values and derivatives are checked in every mode.

`generation` draws a program from the operations of `operations`, `reference` computes its values with NumPy and SciPy,
`modes` runs it with pellucid, `checking` compares both, and `minimization` shortens a program that fails. A program is
Python source, so it prints as a script.
"""
