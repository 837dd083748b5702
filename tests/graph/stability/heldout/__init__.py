"""Naive formulas that were written before most of the rules, without regard to what pellucid can do.

Rules have since been added for forms that failed here, so new formulas measure better how well the rules generalize. Do
not change or remove a formula because it fails, and do not copy one into the tables of the rules.
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
