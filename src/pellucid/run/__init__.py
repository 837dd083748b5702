"""Compilation and execution of expressions: functions, loops, and the backends that run them."""
