"""Expressions in which naive evaluation loses digits or overflows, with their values and gradients to 50 digits."""

from . import cancellation, differences, divergences, hyperbolic, log_gamma, logistic, ranges, sums
from .case import Case

FAMILIES: dict[str, list[Case]] = {
    "logistic": logistic.CASES,
    "sums": sums.CASES,
    "hyperbolic": hyperbolic.CASES,
    "cancellation": cancellation.CASES,
    "differences": differences.CASES,
    "divergences": divergences.CASES,
    "ranges": ranges.CASES,
    "log_gamma": log_gamma.CASES,
}
CASES = [row for rows in FAMILIES.values() for row in rows]

__all__ = ["CASES", "FAMILIES", "Case"]
