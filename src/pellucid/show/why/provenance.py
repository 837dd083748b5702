"""Provenance of an array element: the elements it was computed from, found for any op without a table of ops.

- An elementwise op uses the same element of each operand.
- If an element was only moved, filling the operand with labels shows where it came from.
- If it is a sum of products, the gradient of the op gives the factors, and labels identify them.
- A composite op is expanded.
- Otherwise elements are perturbed. Those that change the result are the ones it depends on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import OUTPUT
from pellucid.graph.reverse_mode import apply_gradient_rule
from pellucid.graph.types import is_float
from pellucid.typing import Array

ElementIndex = tuple[int, ...]
ElementRef = tuple[int, ElementIndex]
"""An operand, and the index of an element in it."""

FIRST_LABEL = 1_000_003
"""Labels start high, so that they differ from indices and counts."""

OP_ERRORS = (PellucidError, ValueError, TypeError, IndexError, ArithmeticError, AssertionError)
"""Errors of an op on labels or perturbed values, which may be invalid operands. The attempt is then inconclusive."""

MAX_PROBES = 4000
"""Number of evaluations after which an element is assumed to depend on whole operands."""


@dataclass(frozen=True)
class SumTerm:
    """A product in a sum: an element times a number or times another element."""

    factor: float
    factor_place: ElementRef | None
    place: ElementRef


@dataclass(frozen=True)
class Provenance:
    """The elements that an element was computed from.

    Kinds are ``"applied"`` (the op on one element of each operand), ``"moved"`` (an unchanged element), ``"sum"`` (of
    products), ``"function"`` (the op on several elements), ``"whole"`` (the op on whole operands), ``"given"`` (a leaf)
    and ``"composite"`` (an op that must be expanded).
    """

    kind: str
    places: tuple[ElementRef, ...] = ()
    terms: tuple[SumTerm, ...] = ()


def broadcast_index(index: ElementIndex, shape: Sequence[int]) -> ElementIndex:
    """Return the index of the operand element that is combined into a result element."""
    own = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else i for i, size in zip(own, shape, strict=True))


def trace_element(
    node: Expr, index: ElementIndex, operands: Sequence[Array], value: Array, moves: Mapping[int, Array]
) -> Provenance:
    """Find the provenance of an element of an op's result, whose `find_moves` are given."""
    op = node.op
    assert op is not None
    if op.elementwise:
        return Provenance("applied", tuple((p, broadcast_index(index, np.shape(o))) for p, o in enumerate(operands)))
    for position, sources in moves.items():
        if sources[index] >= 0:
            place = np.unravel_index(sources[index], np.shape(operands[position]))
            return Provenance("moved", ((position, tuple(map(int, place))),))
    terms = find_sum_terms(node, index, operands, value)
    if terms is not None:
        places = tuple(p for t in terms for p in (t.factor_place, t.place) if p is not None)
        return Provenance("sum", places, tuple(terms))
    if op.composite:
        return Provenance("composite")
    dependencies = Prober(node, index, operands).find_dependencies()
    # An element that depends on no other, such as a size, depends on the shapes of the operands.
    return Provenance("function", dependencies) if dependencies else Provenance("whole")


def evaluate_op(node: Expr, operands: Sequence[Array]) -> Array:
    assert node.op is not None
    with np.errstate(all="ignore"):
        return node.op.compute_value(*operands, **node.settings)


def evaluate_element(node: Expr, operands: Sequence[Array], index: ElementIndex) -> Array:
    result: Array = np.asarray(evaluate_op(node, operands))[index]
    return result


def make_labels(shape: Sequence[int], seed: int) -> Array:
    """Return distinct labels, shuffled by the seed."""
    size = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(size).reshape(tuple(shape)) + FIRST_LABEL


def find_positions(labels: Array, values: Array) -> Array:
    """Return the flat positions of values among the labels, -1 for values that are no label."""
    order, numbers = np.empty(labels.size, int), values - FIRST_LABEL
    order[labels.astype(int).ravel() - FIRST_LABEL] = np.arange(labels.size)
    with np.errstate(invalid="ignore"):
        is_label = (numbers >= 0) & (numbers < order.size) & (numbers == np.floor(numbers))
    return np.where(is_label, order[np.where(is_label, numbers, 0).astype(int)], -1)


def find_moves(node: Expr, operands: Sequence[Array]) -> dict[int, Array]:
    """Return, by operand, the flat position of the element that an op moves to each place unchanged, or -1.

    An element is moved if its label comes out under all labelings.
    """
    assert node.op is not None
    moves: dict[int, Array] = {}
    for position, operand in enumerate([] if node.op.elementwise else operands):
        try:
            for labels in make_labelings(np.shape(operand)):
                found = find_positions(labels, label_operand(node, position, labels, operands))
                before = moves.setdefault(position, found)
                moves[position] = np.where(before == found, found, -1)
                if (moves[position] < 0).all():
                    break
        except OP_ERRORS:
            moves.pop(position, None)
    return moves


def make_labelings(shape: Sequence[int]) -> Iterator[Array]:
    """Yield labels in several orders, under which an op that selects one of some elements selects different ones."""
    for seed in range(8):
        yield (labels := make_labels(shape, seed))
        if seed == 0:
            yield 2 * FIRST_LABEL + labels.size - 1 - labels


def label_operand(node: Expr, position: int, labels: Array, operands: Sequence[Array]) -> Array:
    """Return the result of an op with labels in place of one operand."""
    labeled = [
        labels.astype("float64" if is_float(i.dtype) else "int64") if p == position else o
        for p, (i, o) in enumerate(zip(node.inputs, operands, strict=True))
    ]
    return np.asarray(evaluate_op(node, labeled))


def find_sum_terms(node: Expr, index: ElementIndex, operands: Sequence[Array], value: Array) -> list[SumTerm] | None:
    """Return the products whose sum an element is, or None. The gradient is then the factor of each element."""
    assert node.op is not None
    floats = [p for p, i in enumerate(node.inputs) if is_float(i.dtype)]
    inputs = tuple(
        Input(None, np.shape(o), "float64" if p in floats else i.dtype)
        for p, (i, o) in enumerate(zip(node.inputs, operands, strict=True))
    )
    try:
        made = node.op.make(inputs, node.settings)
        if len(made.types) > 1 or not is_float(made.dtype):
            return None
        shape = tuple(int(size) for size in made.shape)
        g = Input(None, shape, "float64")
        pairs = apply_gradient_rule(made, [g], {inputs[p] for p in floats})
    except OP_ERRORS:
        return None
    unit = np.zeros(shape)
    unit[index] = 1.0
    given: dict[Expr, Array] = {g: unit}
    given.update({x: np.asarray(o, x.dtype) for x, o in zip(inputs, operands, strict=True)})
    found: list[list[SumTerm]] = []
    for operand, gradient in pairs:
        position = next(p for p, other in enumerate(inputs) if other is operand)  # list.index would compare elements
        terms = pair_with_factors(position, gradient, inputs, given, floats)
        if terms is None:
            return None
        if terms:
            found.append(terms)
    target = float(value)
    if pairs and not found and target == 0:
        return []
    # A product of operands appears in the gradient of each; the first alone or all together must add up to the value.
    for terms in [found[0], list(itertools.chain(*found))] if found else []:
        total = sum(t.factor * float(operands[t.place[0]][t.place[1]]) for t in terms)
        if np.isclose(total, target, rtol=1e-4, atol=1e-6) or not np.isfinite(target):
            return terms
    return None


def pair_with_factors(
    position: int, gradient: Expr, inputs: Sequence[Expr], given: dict[Expr, Array], floats: Sequence[int]
) -> list[SumTerm] | None:
    """Pair each element of an operand with its factor; None if the factors depend on the operand itself."""

    def evaluate_factors(changes: dict[Expr, Array]) -> Array:
        with np.errstate(all="ignore"):
            [result] = evaluate(np, [gradient], {**given, **changes})
        return np.broadcast_to(result, given[inputs[position]].shape)

    try:
        factors = evaluate_factors({})
        labels = make_labels(factors.shape, 3).astype("float64")
        # An op that selects an element selects another one if the selected one becomes the largest or the smallest.
        for extreme in (1e3 * labels, -1e3 * labels):
            other = np.where(factors != 0, extreme, labels)
            if not np.array_equal(factors, evaluate_factors({inputs[position]: other}), equal_nan=True):
                return None
        support = factors != 0
        factor_places: dict[ElementIndex, ElementRef] = {}
        for other_position in floats:
            if other_position == position:
                continue
            other_input = inputs[other_position]
            marks = [make_labels(given[other_input].shape, seed).astype("float64") for seed in (4, 5)]
            seen = [evaluate_factors({other_input: m}) for m in marks]
            support |= seen[0] != 0
            places, again = (find_positions(m, s) for m, s in zip(marks, seen, strict=True))
            for where in map(tuple, np.argwhere((seen[0] != factors) & (places >= 0) & (places == again))):
                place = np.unravel_index(places[where], marks[0].shape)
                factor_places[tuple(map(int, where))] = (other_position, tuple(map(int, place)))
    except OP_ERRORS:
        return None
    indices = [tuple(map(int, where)) for where in np.argwhere(support)]
    return [SumTerm(float(factors[i]), factor_places.get(i), (position, i)) for i in indices]


class Prober:
    """Finds the elements that a result depends on by perturbing them."""

    index: ElementIndex

    operands: Sequence[Array]

    node: Expr

    def __init__(self, node: Expr, index: ElementIndex, operands: Sequence[Array]) -> None:
        self.node, self.index, self.operands = node, index, operands
        self.probes_left: int = MAX_PROBES

    def find_dependencies(self) -> tuple[ElementRef, ...] | None:
        """Return the elements, or None if there are too many to probe."""
        if len(self.node.types) > 1 or self.node.op is OUTPUT:
            return None
        self.before: Array = evaluate_element(self.node, self.operands, self.index)
        places: list[ElementRef] = []
        for position, operand in enumerate(self.operands):
            if not operand.ndim:
                places += [(position, ())] if self.matters(position, ()) else []
                continue
            axes = [self.find_axis_positions(position, axis) for axis in range(operand.ndim)]
            if self.probes_left < 0 or np.prod([len(a) for a in axes], dtype=float) > MAX_PROBES:
                return None
            places += [(position, where) for where in itertools.product(*axes) if self.matters(position, where)]
        return tuple(places) if self.probes_left >= 0 else None

    def find_axis_positions(self, position: int, axis: int) -> list[int]:
        """Find by bisection the positions along an axis that matter."""
        found, stack = [], [(0, self.operands[position].shape[axis])]
        while stack:
            low, high = stack.pop()
            if high <= low or not self.matters(position, (*(slice(None),) * axis, slice(low, high))):
                continue
            if high - low == 1:
                found.append(low)
            else:
                middle = (low + high) // 2
                stack += [(middle, high), (low, middle)]
        return found

    def matters(self, position: int, part: Any) -> bool:
        """Check whether perturbing a part of an operand changes the result."""
        changes = perturb(self.operands[position], part, self.index)
        return any(not is_same(self.before, self.probe(position, changed)) for changed in changes)

    def probe(self, position: int, changed: Array) -> Any:
        self.probes_left -= 1
        try:
            operands = [changed if p == position else o for p, o in enumerate(self.operands)]
            return evaluate_element(self.node, operands, self.index)
        except OP_ERRORS:
            return None


def perturb(operand: Array, part: Any, index: ElementIndex) -> Iterator[Array]:
    """Yield an operand with changes of a part; floats become distinct large values, so that no two are equal."""
    if operand.dtype.kind == "b":
        yield replace_part(operand, part, ~operand[part])
    elif operand.dtype.kind in "iu":
        # An op may compare a class with the index of the element, as one_hot does.
        yield from (replace_part(operand, part, value) for value in (operand[part] - 1, operand[part] + 1, *index))
    else:
        numbers = 1 + np.arange(np.size(operand[part])).reshape(np.shape(operand[part]))
        yield from (replace_part(operand.astype("float64"), part, c * numbers) for c in (np.nan, 1e6, -1e6))


def replace_part(operand: Array, part: Any, value: Array) -> Array:
    changed = operand.copy()
    changed[part] = value
    return changed


def is_same(a: Array, b: Array | None) -> bool:
    """Check whether two values are equal or both NaN."""
    return b is not None and bool(a == b or (a != a and b != b))
