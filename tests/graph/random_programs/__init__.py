"""Random programs over all ops, whose values and derivatives are checked in every mode.

`generation` draws a program from the operations of `operations`, `array_operations` and `product_operations`,
`reference` computes its values with NumPy and SciPy, `modes` runs it with pellucid, `checking` compares both, and
`minimization` shortens a program that fails. `mutations` has defects that the programs must find. A program is Python
source, so it prints as a script.
"""
