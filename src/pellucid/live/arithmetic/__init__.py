"""Arithmetic behind the numbers of a network, as data that a page evaluates with its own values."""

from pellucid.live.arithmetic.encoder import ArithmeticEncoder as ArithmeticEncoder
