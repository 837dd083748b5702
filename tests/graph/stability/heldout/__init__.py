"""Naive formulas that no rewrite rule is written for: they measure how well the rules generalize.

A formula here is written as in a textbook or a paper, without regard to what pellucid can do. Do not change or remove
one because it fails, and do not copy one into the tables of the rules.
"""

from stability.case import Case

from . import (
    activations,
    algebra,
    angles,
    distributions,
    divergences,
    finance,
    gamma,
    losses,
    means,
    mixtures,
    moments,
    physics,
    probabilities,
    similarity,
    softmax,
    transforms,
)

HELDOUT_FAMILIES: dict[str, list[Case]] = {
    module.__name__.rpartition(".")[2]: module.HELDOUT
    for module in (
        softmax,
        mixtures,
        means,
        divergences,
        similarity,
        transforms,
        distributions,
        probabilities,
        gamma,
        angles,
        activations,
        physics,
        finance,
        algebra,
        moments,
        losses,
    )
}
HELDOUT = [row for rows in HELDOUT_FAMILIES.values() for row in rows]

__all__ = ["HELDOUT", "HELDOUT_FAMILIES"]
