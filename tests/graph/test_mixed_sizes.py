"""Random programs whose sizes are numbers, names, unknown or computed, and 0, 1, 2 or 5 when they run.

The reference is the same program with all sizes declared as numbers. A program of other sizes must give the same
values, or refuse sizes that differ; it may refuse nothing where no axis broadcasts. Formulas of sizes hold for sizes of
1 or more: where the slice of an empty axis has another size, only the array itself is compared.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import PellucidError, ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.size_formulas import parse_formula
from pellucid.graph.traversal import topological

SIZES = (0, 1, 2, 5)


def broadcast_and_double(a: Expr, b: Expr) -> Expr:
    return pel.broadcast_like(a, b) * 2


ELEMENTWISE = [
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: pel.where(a > 0, a, b),
    lambda a, b: pel.maximum(a, b) - a / (2 + b**2),
    broadcast_and_double,
]
UNARY = [
    lambda a: pel.tanh(a),
    lambda a: a - a.mean(axis=-1, keepdims=True),
    lambda a: pel.softmax(a, axis=0),
    lambda a: a[: a.shape[0] // 2],
    lambda a: a[1:],
    lambda a: pel.concatenate([a, a[:1]]),
    lambda a: a[::-1] / (1 + a.shape[0]),
    lambda a: pel.cumsum(a, axis=0),
    lambda a: pel.log(1.5 + pel.exp(a).sum(axis=0)),
    lambda a: a.T,
    lambda a: a.sum(axis=0, keepdims=True),
    lambda a: a.reshape(-1, 1) if a.ndim == 1 else a.reshape(-1),
    lambda a: pel.scan(lambda v, s: s + v, a, pel.zeros(a.shape[1:])) if a.ndim == 2 else a,
    lambda a: pel.map(lambda v: pel.tanh(v) * 2, a),
    lambda a: a * pel.arange(a.shape[-1]),
    lambda a: pel.repeat(a, 2, axis=0)[: a.shape[0] + 1],
]
JOINING = [
    lambda a, b: a @ b.T,
    lambda a, b: pel.concatenate([a, b]),
    lambda a, b: pel.outer(a.reshape(-1), b.reshape(-1)),
]


Shape = tuple[int | str | None, ...]


def draw_shapes(rng: np.random.Generator, names: dict[str, int]) -> list[tuple[Shape, tuple[int, ...]]]:
    """Return declared and actual shapes of inputs. Most of the unknown sizes equal a named one."""
    shapes = []
    for _ in range(rng.integers(1, 4)):
        declared: list[int | str | None] = []
        actual = []
        for _ in range(rng.integers(1, 3)):
            name = "nm"[rng.integers(2)]
            size = names[name] if rng.random() < 0.7 else int(rng.choice(SIZES))
            kind = rng.integers(4) if size == names[name] else rng.choice([1, 2])
            declared.append([name, None, size, name][kind])
            actual.append(size)
        shapes.append((tuple(declared), tuple(actual)))
    return shapes


class Program:
    """Random program, built twice line by line: with its declared sizes, and with all sizes known."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.sizes = {name: int(rng.choice(SIZES)) for name in "nm"}
        self.shapes = draw_shapes(rng, self.sizes)
        self.values = [np.round(rng.normal(size=actual), 2) for _, actual in self.shapes]
        self.inputs, self.known_inputs = (
            [pel.tensor(f"x{k}", pair[which], "float64") for k, pair in enumerate(self.shapes)] for which in (0, 1)
        )
        lines = [*zip(self.inputs, self.known_inputs, strict=True)]
        self.is_wrong = self.is_irregular = False
        for _ in range(6):
            pairs = [lines[k] for k in rng.integers(len(lines), size=2)]
            if rng.random() < 0.5:
                line = [UNARY[rng.integers(len(UNARY))], pairs[:1]]
            else:
                operations = [*ELEMENTWISE, *ELEMENTWISE, *JOINING]
                line = [operations[rng.integers(len(operations))], pairs]
            operation, operands = line
            if operation is broadcast_and_double:  # only the shape is used, so a computed array is not computed
                operands[1] = lines[rng.integers(len(self.inputs))]
            made = build_line(operation, [a for a, _ in operands])
            known = build_line(operation, [b for _, b in operands])
            if made is None:
                continue
            lines.append((made, known))
            if known is None:
                self.is_wrong = True
                break
            self.is_irregular |= not self.has_formulas(made, known)
        self.results = self.add_gradients(lines[-1][0], self.inputs)
        self.known_results = None if self.is_wrong else self.add_gradients(lines[-1][1], self.known_inputs)

    def has_formulas(self, made: Expr, known: Expr) -> bool:
        """Tell whether the formulas of the sizes of a line give its sizes."""
        for dim, size in zip(made.shape, known.shape, strict=True):
            formula = parse_formula(str(dim))
            assert formula is not None
            if set(formula.list_names()) <= set(self.sizes) and formula.evaluate(self.sizes) != size:
                return False
        return True

    def add_gradients(self, e: Expr, inputs: list[Expr]) -> list[Expr]:
        sizes = [as_expr(n * 1.0, "float64") for n in e.shape]
        cost = (e * pel.cos(e)).sum() / (1 + (e.shape[0] if e.ndim else 1))
        return [e, cost, *sizes, *pel.grad(cost, inputs, disconnected="zero")]

    def check(self, mode: str, rewrite: bool = True) -> str:
        """Compare the results, and return what was compared."""
        try:
            found = run(self.inputs, self.results, self.values, mode, rewrite)
        except ShapeError:
            if self.is_wrong or self.is_irregular or self.broadcasts():
                return "refused"
            raise
        assert not self.is_wrong, "sizes differ and are not refused"
        expected = run(self.known_inputs, self.known_results, self.values, "numpy", False)
        compared = 1 if self.is_irregular else len(found)
        for value, wanted in zip(found[:compared], expected[:compared], strict=True):
            assert value.shape == wanted.shape
            np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-9)
        return "equal"

    def broadcasts(self) -> bool:
        """Tell whether any op broadcasts, as far as the program of known sizes shows."""
        nodes = topological(self.known_results)
        return any(e.op.core is not None and len({i.shape for i in e.inputs}) > 1 for e in nodes if e.op)


def build_line(operation: Any, operands: list[Expr]) -> Expr | None:
    try:
        return operation(*operands)
    except (PellucidError, IndexError):  # a scalar has no axis
        return None


def run(inputs: Any, results: Any, values: Any, mode: str, rewrite: bool) -> list[Any]:
    with np.errstate(all="ignore"):
        return pel.function(inputs, results, mode=mode, rewrite=rewrite, on_unused_input="ignore")(*values)


def check_programs(seeds: range, mode: str, rewrite: bool = True) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        try:
            counts[Program(seed).check(mode, rewrite)] += 1
        except Exception as error:
            raise AssertionError(f"program {seed} in mode {mode}, rewrite={rewrite}") from error
    return counts


pytestmark = pytest.mark.filterwarnings("ignore:Mean of empty slice")


@pytest.mark.parametrize("rewrite", [True, False])
@pytest.mark.parametrize("first", range(60, 120, 20))
def test_programs_of_mixed_sizes(first: int, rewrite: bool) -> None:
    counts = check_programs(range(first, first + 20), "numpy", rewrite)
    assert counts["equal"] > 5


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 3000, 250))
def test_many_programs_of_mixed_sizes(first: int) -> None:
    for rewrite in (True, False):
        counts = check_programs(range(first, first + 250), "numpy", rewrite)
        assert min(counts["equal"], counts["refused"]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["xla", "native"])
@pytest.mark.parametrize("first", range(0, 300, 50))
def test_compiled_programs_of_mixed_sizes(first: int, mode: str) -> None:
    assert check_programs(range(first, first + 50), mode)["equal"] > 5
