"""Phases of simplification: families of rewrite rules, each of which can be left out."""

from __future__ import annotations

from collections.abc import Iterable

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.rewrite_rule import RULES, Rule

PHASES = {
    "fold": "constant folding",
    "canonical": "canonical order of operands: numbers first and together",
    "algebra": "laws of arithmetic that give shorter forms",
    "shapes": "reshapes and transposes that cancel, and known sizes",
    "reductions": "sums of sums, and factors moved out of sums",
    "pooling": "monotonic ops after max pooling, on fewer elements",
    "matrices": "identities of products, transposes, inverses and determinants",
    "stabilize": "forms without overflow and cancellation, in value and gradient",
}
"""Descriptions of the phases."""


class Phases(dict[str, tuple[Rule, ...]]):
    """Rules by phase. Prints as a table of contents."""

    def __str__(self) -> str:
        return "\n".join(f"{name:<10} {len(rules):>4} rules: {PHASES.get(name, '')}" for name, rules in self.items())

    __repr__ = __str__


def phases() -> Phases:
    r"""Return the rules of every phase of simplification.

    All phases are applied together, bottom-up. `simplify` can leave any of them out.

    Returns
    -------
    dict of str to tuple of Rule
        By phase, in the order in which rules are tried. Prints one line per phase.

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
    """Return the rules of some phases, or of all but some, in the order in which they are tried."""
    if families is None and without == ():
        return list(RULES.values())
    known = phases()
    wanted = set(known) if families is None else check_phase_names(families, known)
    unwanted = check_phase_names(without, known)
    return [rule for rule in RULES.values() if rule.family in wanted and rule.family not in unwanted]


def check_phase_names(names: Iterable[str], known: Iterable[str]) -> set[str]:
    wanted = {names} if isinstance(names, str) else set(names)
    unknown = sorted(wanted - set(known))
    if unknown:
        hint = near_miss(unknown[0], known)
        raise OptionError(f"Expected families of rules among {sorted(known)}. Received: {unknown}.{hint}")
    return wanted
