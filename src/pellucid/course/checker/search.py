"""Search for the mistakes that explain a learner's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.variations import Surroundings, Variation, list_factors, list_variations, rank_factor
from pellucid.graph.errors import PellucidError

Array = np.ndarray[Any, Any]

RTOL = 1e-6
MAX_PAIRS = 2500
"""Pairs of mistakes that are computed. Pairs in different terms of a sum are found without computing them."""
MAX_PAIRS_IN_LOOPS = 40
"""The same for formulas with a loop, whose steps NumPy runs one by one."""
PAIR_COST = 1.35
"""Mistakes that cost more occur in pairs only if the other one is in another term."""


@dataclass(frozen=True)
class Explanation:
    """Mistakes that give a learner's numbers."""

    variations: tuple[Variation, ...]
    cost: float


def is_equal(a: Array, b: Array, rtol: float = RTOL) -> bool:
    """Whether two arrays have the same entries. Axes of length 1 in front or behind make no difference."""
    if a.shape != b.shape:
        a, b = np.squeeze(a), np.squeeze(b)
        if a.shape != b.shape:
            return False
    if a.dtype.kind not in "biuf" or b.dtype.kind not in "biuf":
        return False
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not a.size:
        return True
    scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    with np.errstate(all="ignore"):
        return bool(np.allclose(a, b, rtol=rtol, atol=rtol * scale * 0.1 + 1e-14, equal_nan=True))


@dataclass
class Candidate:
    """A variation and the formula's value with it."""

    variation: Variation
    value: Array


def compute_candidates(around: Surroundings) -> list[Candidate]:
    """Return all variations whose shapes fit, with their values."""
    graph, found = around.graph, []
    with np.errstate(all="ignore"):
        for variation in list_variations(around):
            value = compute_variation(around, variation, {})
            if value is not None:
                found.append(Candidate(variation, value))
    return found


def compute_variation(around: Surroundings, variation: Variation, changed: dict[Node, Array]) -> Array | None:
    """Return the formula's value with a variation, on top of changes below it. ``changed`` receives new values."""
    graph, node = around.graph, variation.node
    operands = tuple(changed.get(o, graph.base[o]) for o in node.operands)
    true = changed.get(node, graph.base[node])
    try:
        made = variation.make(operands, true)
        made = made if isinstance(made, tuple) else np.asarray(made)
    except (PellucidError, ValueError, IndexError, TypeError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if isinstance(made, np.ndarray) and made.dtype == bool:
        made = made.astype(np.float64)
    changed[node] = made
    return graph.propagate(changed, node)


def find_single(around: Surroundings, candidates: Sequence[Candidate], answer: Array) -> Explanation | None:
    """Return the cheapest single mistake that gives the learner's numbers, or None."""
    matching = [c.variation for c in candidates if is_equal(answer, c.value)]
    best = min(matching, key=lambda v: v.cost, default=None)
    return None if best is None else Explanation((best,), best.cost)


def find_combinations(around: Surroundings, candidates: Sequence[Candidate], answer: Array) -> Explanation | None:
    """Return the cheapest two mistakes that give the learner's numbers, or None."""
    different = [c for c in candidates if not is_equal(c.value, around.graph.value)]
    found = [
        *find_scaled(around, different, answer),
        *find_pairs_in_sum(around, different, answer),
        *find_pairs_in_product(around, different, answer),
    ]
    if not found:
        found = list(find_pairs(around, different, answer))
    return min(found, key=lambda e: e.cost, default=None)


def find_scaled(around: Surroundings, candidates: Sequence[Candidate], answer: Array) -> Iterator[Explanation]:
    """Yield explanations by one mistake and a wrong constant factor of the whole result."""
    root = around.graph.root
    factors = [(name, factor) for name, factor in list_factors(around) if rank_factor(name) < 0.4]
    for candidate in candidates:
        value = np.squeeze(candidate.value)
        if value.shape != np.squeeze(answer).shape or not value.size:
            continue
        pivot = np.unravel_index(np.argmax(np.abs(value)), value.shape)
        if not value[pivot] or not np.isfinite(value[pivot]):
            continue
        ratio = float(np.squeeze(answer)[pivot] / value[pivot])
        for name, factor in factors:
            if abs(ratio - factor) <= RTOL * abs(factor) and is_equal(answer, factor * candidate.value):
                second = Variation(root, "factor", lambda _, t, c=factor: c * t, 1.2, {"factor": name})
                yield Explanation((candidate.variation, second), candidate.variation.cost + 1.2 + rank_factor(name))


def find_pairs_in_sum(around: Surroundings, candidates: Sequence[Candidate], answer: Array) -> Iterator[Explanation]:
    """Yield two mistakes in different terms of the sum at the root. Their changes add up."""
    graph = around.graph
    if graph.root.kind != "sum" or answer.shape != graph.value.shape:
        return
    yield from find_matching_pairs(
        [c for c in candidates if c.value.shape == answer.shape],
        lambda c: c.value - graph.value,
        answer - graph.value,
        lambda a, b: is_equal(answer, a.value + b.value - graph.value),
    )


def find_pairs_in_product(
    around: Surroundings, candidates: Sequence[Candidate], answer: Array
) -> Iterator[Explanation]:
    """Yield two mistakes in different factors of the product at the root. Their ratios multiply."""
    graph = around.graph
    if graph.root.kind != "product" or answer.shape != graph.value.shape or np.any(graph.value == 0):
        return
    yield from find_matching_pairs(
        [c for c in candidates if c.value.shape == answer.shape and np.all(c.value != 0)],
        lambda c: np.log(np.abs(c.value / graph.value)),
        np.log(np.abs(answer / graph.value)),
        lambda a, b: is_equal(answer, a.value * b.value / graph.value),
    )


def find_matching_pairs(
    candidates: Sequence[Candidate], get_change: Any, change: Array, is_match: Any
) -> Iterator[Explanation]:
    """Yield pairs of candidates whose changes add up to a change, found by sorting one number of each."""
    if not candidates:
        return
    weights = np.cos(0.7390851 * (1 + np.arange(change.size)))

    def project(x: Array) -> float:
        return float(np.asarray(x, np.float64).ravel() @ weights)

    with np.errstate(all="ignore"):
        keys = np.array([project(get_change(c)) for c in candidates])
        target = project(change)
    if not np.isfinite(target):
        return
    order = np.argsort(keys)
    ordered = keys[order]
    tolerance = 1e-6 * (1 + abs(target))
    for i, key in enumerate(keys):
        if not np.isfinite(key):
            continue
        first = np.searchsorted(ordered, target - key - tolerance)
        last = np.searchsorted(ordered, target - key + tolerance)
        for j in order[first:last]:
            if j > i and is_match(candidates[i], candidates[j]):
                pair = (candidates[i].variation, candidates[j].variation)
                yield Explanation(pair, pair[0].cost + pair[1].cost)


def find_pairs(around: Surroundings, candidates: Sequence[Candidate], answer: Array) -> Iterator[Explanation]:
    """Yield pairs of common mistakes, one below or beside the other."""
    common = deduplicate(
        sorted((c for c in candidates if c.variation.cost <= PAIR_COST), key=lambda c: c.variation.cost)
    )
    has_loop = any(node.name == "scan_loop" for node in around.graph.order)
    position = {node: i for i, node in enumerate(around.graph.order)}
    pairs = [(a.variation, b.variation) for i, a in enumerate(common) for b in common[:i]]
    pairs.sort(key=lambda p: p[0].cost + p[1].cost)
    with np.errstate(all="ignore"):
        for pair in pairs[: MAX_PAIRS_IN_LOOPS if has_loop else MAX_PAIRS]:
            lower, upper = sorted(pair, key=lambda v: position[v.node])
            changed: dict[Node, Array] = {}
            if compute_variation(around, lower, changed) is None:
                continue
            value = compute_variation(around, upper, changed)
            if value is not None and is_equal(answer, value):
                yield Explanation((lower, upper), lower.cost + upper.cost)
                return


def deduplicate(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep the first of several candidates with the same value."""
    seen: set[bytes] = set()
    kept = []
    for candidate in candidates:
        with np.errstate(all="ignore"):
            key = np.round(np.asarray(candidate.value, np.float64), 9).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(candidate)
    return kept
