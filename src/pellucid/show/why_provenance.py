"""Why an element has its value: the elements it was computed from, found for any op without a table of ops.

An elementwise op takes the same element of each operand. Where an element was merely moved, the operand is filled with
labels, and the label that comes out says where from. Where it is a sum of products, the op's own gradient gives the
factors, and labels again say whose they are. A compound op is opened. What is left is probed: elements are changed, and
those that change the result are what it depends on.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.reverse_mode import local_gradients
from pellucid.graph.types import is_float

Index = tuple[int, ...]
Place = tuple[int, Index]
"""Which operand, and which element of it."""

FIRST_LABEL = 1_000_003
"""Labels begin where neither an index nor a count is likely to be taken for one."""

REFUSALS = (PellucidError, ValueError, TypeError, IndexError, ArithmeticError, AssertionError)
"""What an op may answer to labels in the place of values: then they tell nothing of it."""


@dataclass(frozen=True)
class Term:
    """A product in a sum: an element, and a factor that is an element too or a number."""

    factor: float
    factor_place: Place | None
    place: Place


@dataclass(frozen=True)
class Cause:
    """How an element comes about.

    Attributes
    ----------
    kind : str
        ``"applied"``: the op on one element of each operand; ``"moved"``: an element of an operand, unchanged;
        ``"sum"``: a sum of products; ``"function"``: the op on many elements; ``"whole"``: the op on whole operands.
    places : tuple of (int, tuple of int)
        The elements.
    terms : tuple of Term
        The products of a sum.
    """

    kind: str
    places: tuple[Place, ...] = ()
    terms: tuple[Term, ...] = ()


def broadcast_index(index: Index, shape: Sequence[int]) -> Index:
    """Return which element of an operand meets an element of the result."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))


def cause_of(node: Expr, index: Index, operands: Sequence[np.ndarray[Any, Any]], value: Any) -> Cause:
    """Find how an element of a result comes about from its operands' values."""
    op = node.op
    assert op is not None
    if op.elementwise:
        return Cause("applied", tuple((p, broadcast_index(index, np.shape(o))) for p, o in enumerate(operands)))
    place = moved_from(node, index, operands)
    if place is not None:
        return Cause("moved", (place,))
    terms = terms_of(node, index, operands, value)
    if terms is not None:
        return Cause("sum", tuple(p for t in terms for p in (t.factor_place, t.place) if p is not None), tuple(terms))
    if op.compound:
        return Cause("opened")
    places = probed(node, index, operands)
    return Cause("whole") if places is None else Cause("function", tuple(places))


def element(node: Expr, operands: Sequence[Any], index: Index) -> Any:
    """Compute one element of an op on other values."""
    assert node.op is not None
    with np.errstate(all="ignore"):
        return np.asarray(node.op.value(np, *operands, **node.settings))[index]


def labels(shape: Sequence[int], seed: int) -> np.ndarray[Any, Any]:
    """Return a different label for every element, in an order that the seed shuffles."""
    size = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(size).reshape(tuple(shape)) + FIRST_LABEL


def moved_from(node: Expr, index: Index, operands: Sequence[np.ndarray[Any, Any]]) -> Place | None:
    """Find the element that an op only moves: under two labelings the result is the label of the same one."""
    for position, operand in enumerate(operands):
        found = []
        for seed in (1, 2):
            marked = labels(np.shape(operand), seed)
            tried = [
                marked.astype("float64" if is_float(i.dtype) else "int64") if p == position else o
                for p, (i, o) in enumerate(zip(node.inputs, operands, strict=True))
            ]
            try:
                label = element(node, tried, index)
            except REFUSALS:
                break
            where = np.argwhere(marked == label)
            if len(where) != 1:
                break
            found.append(tuple(map(int, where[0])))
        if len(found) == 2 and found[0] == found[1]:
            return position, found[0]
    return None


def terms_of(node: Expr, index: Index, operands: Sequence[np.ndarray[Any, Any]], value: Any) -> list[Term] | None:
    """Find the sum of products that an element is, if it is one: the gradient is then the factor of each element."""
    assert node.op is not None
    real = [p for p, i in enumerate(node.inputs) if is_float(i.dtype)]
    letters = tuple(
        Input(None, np.shape(o), "float64" if p in real else i.dtype)
        for p, (i, o) in enumerate(zip(node.inputs, operands, strict=True))
    )
    try:
        lettered = node.op.make(letters, node.settings)
        if len(lettered.types) > 1 or not is_float(lettered.dtype):
            return None
        shape = tuple(int(size) for size in lettered.shape)
        g = Input(None, shape, "float64")
        pairs = local_gradients(lettered, [g], {letters[p] for p in real})
    except REFUSALS:
        return None
    unit = np.zeros(shape)
    unit[index] = 1.0
    given: dict[Expr, Any] = {g: unit}
    given.update({x: np.asarray(o, x.dtype) for x, o in zip(letters, operands, strict=True)})
    found: list[list[Term]] = []
    for letter, gradient in pairs:
        terms = products(position_of(letters, letter), gradient, letters, given, real)
        if terms is None:
            return None
        if terms:
            found.append(terms)
    target = float(value)
    for terms in [found[0], list(itertools.chain(*found))] if found else []:
        total = sum(t.factor * float(operands[t.place[0]][t.place[1]]) for t in terms)
        if np.isclose(total, target, rtol=1e-4, atol=1e-6) or not np.isfinite(target):
            return terms
    return None


def position_of(letters: Sequence[Expr], letter: Expr) -> int:
    """Return the position of a letter, which ``list.index`` would compare element by element."""
    return next(p for p, other in enumerate(letters) if other is letter)


def products(
    position: int, gradient: Expr, letters: Sequence[Expr], given: dict[Expr, Any], real: Sequence[int]
) -> list[Term] | None:
    """Pair each element of an operand with its factor; None if the factor depends on the elements themselves."""

    def factors(changed: dict[Expr, Any]) -> np.ndarray[Any, Any]:
        with np.errstate(all="ignore"):
            [result] = evaluate(np, [gradient], {**given, **changed})
        return np.broadcast_to(result, given[letters[position]].shape)

    try:
        plain = factors({})
        own = labels(plain.shape, 3).astype("float64")
        # With the order reversed, an op that chooses among elements chooses another one.
        for other_values in (own, -own):
            if not np.array_equal(plain, factors({letters[position]: other_values}), equal_nan=True):
                return None
        support = plain != 0
        whose: dict[Index, Place] = {}
        for other in real:
            if other == position:
                continue
            marks = [labels(given[letters[other]].shape, seed).astype("float64") for seed in (4, 5)]
            seen = [factors({letters[other]: m}) for m in marks]
            support |= seen[0] != 0
            for where in map(tuple, np.argwhere(seen[0] != plain)):
                places = [np.argwhere(m == s[where]) for m, s in zip(marks, seen, strict=True)]
                if all(len(p) == 1 for p in places) and (places[0] == places[1]).all():
                    whose[tuple(map(int, where))] = (other, tuple(map(int, places[0][0])))
    except REFUSALS:
        return None
    indices = [tuple(map(int, where)) for where in np.argwhere(support)]
    return [Term(float(plain[i]), whose.get(i), (position, i)) for i in indices]


MOST_PROBES = 4000
"""After so many trials an element is said to depend on whole operands."""


def probed(node: Expr, index: Index, operands: Sequence[np.ndarray[Any, Any]]) -> list[Place] | None:
    """Find by trial which elements a result depends on: those that change it when they are changed."""
    if len(node.types) > 1 or node.op is OUTPUT:
        return None
    before, left = element(node, operands, index), [MOST_PROBES]

    def matters(position: int, part: Any) -> bool:
        return any(not same(before, attempt(position, part, change)) for change in (np.nan, 1e6, -1e6))

    def attempt(position: int, part: Any, change: float) -> Any:
        left[0] -= 1
        try:
            changed = altered(operands[position], part, change)
            return element(node, [changed if p == position else o for p, o in enumerate(operands)], index)
        except REFUSALS:
            return None

    places: list[Place] = []
    for position, operand in enumerate(operands):
        if not operand.ndim:
            places += [(position, ())] if matters(position, ()) else []
            continue
        axes = [along_axis(position, axis, operand.shape, matters) for axis in range(operand.ndim)]
        if left[0] < 0 or np.prod([len(a) for a in axes], dtype=float) > MOST_PROBES:
            return None
        places += [(position, where) for where in itertools.product(*axes) if matters(position, where)]
    return places if left[0] >= 0 else None


def altered(operand: np.ndarray[Any, Any], part: Any, change: float) -> np.ndarray[Any, Any]:
    """Change a part of an operand: real numbers to different large ones, so that no two become alike."""
    changed = operand.astype("float64") if is_float(operand.dtype) else operand.copy()
    if operand.dtype.kind == "b":
        changed[part] = ~changed[part]
    elif operand.dtype.kind in "iu":
        changed[part] = changed[part] + (1 if change > 0 else -1)
    else:
        shape = np.shape(changed[part])
        changed[part] = change * (1 + np.arange(np.prod(shape, dtype=int)).reshape(shape))
    return changed


def along_axis(position: int, axis: int, shape: Sequence[int], matters: Any) -> list[int]:
    """Find by halving the positions along an axis that matter."""
    found, stack = [], [(0, shape[axis])]
    while stack:
        low, high = stack.pop()
        part = (*(slice(None),) * axis, slice(low, high))
        if high <= low or not matters(position, part):
            continue
        if high - low == 1:
            found.append(low)
        else:
            middle = (low + high) // 2
            stack += [(middle, high), (low, middle)]
    return found


def same(a: Any, b: Any) -> bool:
    """Tell whether two values are the same, or both no number."""
    return b is not None and bool(a == b or (a != a and b != b))
