"""The phases of simplification: the families of rules, each of which can be left out."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.rewrite_rule import RULES, Rule

PHASES = {
    "fold": "numbers are computed once and for all",
    "canonical": "one order for what can be written in several: numbers first, and together",
    "algebra": "the laws of arithmetic: shorter forms of the same value",
    "shapes": "shapes and orders that undo one another, and sizes that are known",
    "reductions": "sums of sums, and factors taken out of them",
    "pooling": "what never decreases is computed after max pooling, where there is less of it",
    "matrices": "identities of products, transposes, inverses and determinants",
    "stabilize": "forms that neither overflow nor lose their digits, for the value and the gradient",
}
"""What each phase does, in one line."""


class Phases(dict[str, tuple[Rule, ...]]):
    """The rules of every phase, by its name; printed as a table of contents."""

    def __str__(self) -> str:
        return "\n".join(f"{name:<10} {len(rules):>4} rules: {PHASES.get(name, '')}" for name, rules in self.items())

    __repr__ = __str__


def phases() -> Phases:
    r"""Return the rules of every phase of simplification.

    All phases work together, from the leaves of an expression up; `simplify` can leave any of them out.

    Returns
    -------
    dict of str to tuple of Rule
        By the name of the phase, in the order in which rules are tried; printed, one line a phase.

    Examples
    --------
    >>> list(pel.phases())
    ['fold', 'canonical', 'algebra', 'shapes', 'reductions', 'pooling', 'matrices', 'stabilize']
    >>> print(pel.phases()["algebra"][0])
    x + 0  →  x
    """
    found: dict[str, list[Rule]] = {name: [] for name in PHASES}
    for rule in RULES.values():
        found.setdefault(rule.family, []).append(rule)
    return Phases({name: tuple(rules) for name, rules in found.items() if rules})


def select_rules(families: Iterable[str] | None = None, without: Iterable[str] = ()) -> list[Rule]:
    """Return the rules of some phases, or of all but some, in the order in which they are tried.

    Raises
    ------
    ValueError
        If there is no phase of a name; the nearest is named.
    """
    if families is None and without == ():
        return list(RULES.values())
    known = phases()
    wanted = set(known) if families is None else check_phase_names(families, known)
    unwanted = check_phase_names(without, known)
    return [rule for rule in RULES.values() if rule.family in wanted and rule.family not in unwanted]


def check_phase_names(names: Iterable[str], known: Iterable[str]) -> set[str]:
    """Hold names of phases against those there are; one name alone is a list of one."""
    wanted = {names} if isinstance(names, str) else set(names)
    unknown = sorted(wanted - set(known))
    if unknown:
        hint = near_miss(unknown[0], known)
        raise OptionError(f"Expected families of rules out of {sorted(known)}. Received: {unknown}.{hint}")
    return wanted
