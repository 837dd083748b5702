"""Search for the mistakes that explain a learner's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.mistakes import list_mistakes
from pellucid.course.checker.mistakes.factors import rank_factor, scale
from pellucid.course.checker.mistakes.mistake import Context, Mistake
from pellucid.graph.errors import PellucidError
from pellucid.typing import Array

RTOL = 1e-6
MAX_PAIRS = 900
"""Pairs of mistakes that are computed. Pairs in different terms of a sum are found without computing them."""
MAX_PAIRS_IN_LOOPS = 40
"""The same for formulas with a loop, whose steps NumPy runs one by one."""
UNUSUAL_FACTOR = 0.4
"""Rank from which on a factor is not tried together with another mistake."""
PAIR_COST = 1.35
"""Mistakes that cost more occur in pairs only if the other one is in another term."""


@dataclass(frozen=True)
class MistakeExplanation:
    """Mistakes that give a learner's numbers."""

    mistakes: tuple[Mistake, ...]
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
    """A mistake and the formula's value with it."""

    mistake: Mistake
    value: Array


def compute_candidates(context: Context) -> list[Candidate]:
    """Return all mistakes whose shapes fit, with their values."""
    found = []
    with np.errstate(all="ignore"):
        for mistake in list_mistakes(context):
            value = compute_mistake(context, mistake, {})
            if value is not None:
                found.append(Candidate(mistake, value))
    return found


def compute_mistake(context: Context, mistake: Mistake, changed: dict[Node, Array]) -> Array | None:
    """Return the formula's value with a mistake, on top of changes below it. ``changed`` receives new values."""
    graph, node = context.graph, mistake.node
    operands = tuple(changed.get(o, graph.base[o]) for o in node.operands)
    true = changed.get(node, graph.base[node])
    try:
        made: Any = mistake.compute(operands, true)
        made = made if isinstance(made, tuple) else np.asarray(made)
    except (PellucidError, ValueError, IndexError, TypeError, ZeroDivisionError, np.linalg.LinAlgError):
        return None
    if isinstance(made, np.ndarray) and made.dtype == bool:
        made = made.astype(np.float64)
    changed[node] = made
    return graph.propagate(changed, node)


def find_single(context: Context, candidates: Sequence[Candidate], answer: Array) -> MistakeExplanation | None:
    """Return the cheapest single mistake that gives the learner's numbers, or None."""
    matching = [c.mistake for c in candidates if is_equal(answer, c.value)]
    best = min(matching, key=lambda v: v.cost, default=None)
    return None if best is None else MistakeExplanation((best,), best.cost)


def find_combinations(context: Context, candidates: Sequence[Candidate], answer: Array) -> MistakeExplanation | None:
    """Return the cheapest two mistakes that give the learner's numbers, or None."""
    different = [c for c in candidates if not is_equal(c.value, context.graph.value)]
    found = [
        *find_scaled(context, different, answer),
        *find_pairs_in_sum(context, different, answer),
        *find_pairs_in_product(context, different, answer),
    ]
    if not found:
        found = list(find_pairs(context, different, answer))
    return min(found, key=lambda e: e.cost, default=None)


def find_scaled(context: Context, candidates: Sequence[Candidate], answer: Array) -> Iterator[MistakeExplanation]:
    """Yield explanations by one mistake and a wrong constant factor of the whole result."""
    for candidate in candidates:
        value = np.squeeze(candidate.value)
        if value.shape != np.squeeze(answer).shape or not value.size:
            continue
        pivot = np.unravel_index(np.argmax(np.abs(value)), value.shape)
        if not value[pivot] or not np.isfinite(value[pivot]):
            continue
        ratio = float(np.squeeze(answer)[pivot] / value[pivot])
        for name, factor in list_common_factors(context):
            if abs(ratio - factor) <= RTOL * abs(factor) and is_equal(answer, factor * candidate.value):
                yield add_factor(context, candidate, name, factor)


def list_common_factors(context: Context) -> list[tuple[str, float]]:
    return [(name, factor) for name, factor in context.factors if rank_factor(name) < UNUSUAL_FACTOR]


def add_factor(context: Context, candidate: Candidate, name: str, factor: float) -> MistakeExplanation:
    second = scale(context.graph.root, context, name, factor)
    return MistakeExplanation((candidate.mistake, second), candidate.mistake.cost + second.cost)


def find_scale_factors(context: Context, candidate: Candidate) -> Iterator[tuple[MistakeExplanation, Array]]:
    """Yield a mistake with each common factor of the whole result, and the values."""
    for name, factor in list_common_factors(context):
        yield add_factor(context, candidate, name, factor), factor * candidate.value


def find_pairs_in_sum(context: Context, candidates: Sequence[Candidate], answer: Array) -> Iterator[MistakeExplanation]:
    """Yield two mistakes in different terms of the sum at the root. Their changes add up."""
    graph = context.graph
    if graph.root.kind != "sum" or answer.shape != graph.value.shape:
        return
    yield from find_matching_pairs(
        [c for c in candidates if c.value.shape == answer.shape],
        lambda c: c.value - graph.value,
        answer - graph.value,
        lambda a, b: is_equal(answer, a.value + b.value - graph.value),
    )


def find_pairs_in_product(
    context: Context, candidates: Sequence[Candidate], answer: Array
) -> Iterator[MistakeExplanation]:
    """Yield two mistakes in different factors of the product at the root. Their ratios multiply."""
    graph = context.graph
    if graph.root.kind != "product" or answer.shape != graph.value.shape:
        return
    if np.any(graph.value == 0) or np.any(answer == 0):
        return
    with np.errstate(all="ignore"):
        yield from find_matching_pairs(
            [c for c in candidates if c.value.shape == answer.shape and np.all(c.value != 0)],
            lambda c: np.log(np.abs(c.value / graph.value)),
            np.log(np.abs(answer / graph.value)),
            lambda a, b: is_equal(answer, a.value * b.value / graph.value),
        )


def find_matching_pairs(
    candidates: Sequence[Candidate], get_change: Any, change: Array, is_match: Any
) -> Iterator[MistakeExplanation]:
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
                pair = (candidates[i].mistake, candidates[j].mistake)
                yield MistakeExplanation(pair, pair[0].cost + pair[1].cost)


def find_pairs(context: Context, candidates: Sequence[Candidate], answer: Array) -> Iterator[MistakeExplanation]:
    """Yield pairs of common mistakes, one below or next to the other."""
    common = deduplicate(sorted((c for c in candidates if c.mistake.cost <= PAIR_COST), key=lambda c: c.mistake.cost))
    has_loop = any(node.name == "scan_loop" for node in context.graph.order)
    pairs = [(a.mistake, b.mistake) for i, a in enumerate(common) for b in common[:i]]
    pairs.sort(key=lambda p: p[0].cost + p[1].cost)
    for first, second in pairs[: MAX_PAIRS_IN_LOOPS if has_loop else MAX_PAIRS]:
        pair = compute_pair(context, first, second)
        if pair is not None and is_equal(answer, pair[1]):
            yield pair[0]
            return


def compute_pair(context: Context, first: Mistake, second: Mistake) -> tuple[MistakeExplanation, Array] | None:
    """Return two mistakes, the lower one first, and the formula's value with both."""
    lower, upper = sorted((first, second), key=lambda mistake: context.graph.position[mistake.node])
    changed: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        if compute_mistake(context, lower, changed) is None:
            return None
        value = compute_mistake(context, upper, changed)
    return None if value is None else (MistakeExplanation((lower, upper), lower.cost + upper.cost), value)


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
