"""The true formula with its letters, on probe data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, compute_values
from pellucid.course.checker.mistakes.mistake import Context
from pellucid.course.checker.probe_data import Sizes, draw_leaves, find_index_limits
from pellucid.graph.errors import UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.naming import LabelStripper
from pellucid.graph.passes import eliminate_dead_outputs
from pellucid.graph.traversal import topological
from pellucid.typing import Array

SEEDS = 12
"""Random data sets that are tried. The best is the one in which most sums have both signs."""


class Question:
    """A true formula, its letters, and the values of both on probe data.

    Parameters
    ----------
    reference, given, wrt, quantity
        As in `check_answer`.
    """

    def __init__(
        self, reference: Any, given: Mapping[str, Any], wrt: Expr | None = None, quantity: str | None = None
    ) -> None:
        if not isinstance(reference, Expr):
            raise UseError(f"check_answer: expected the true formula, an expression. Received: {reference!r}")
        name = reference.name
        if wrt is not None:
            name = f"d{wrt.name}" if wrt.name else None
            reference = grad(reference, wrt)
        self.quantity: str = quantity or name or "the result"
        self.data: dict[str, Array] = {}
        defined: dict[str, Expr] = {}
        for letter, value in given.items():
            if isinstance(value, Expr):
                defined[letter] = value
            else:
                self.data[letter] = check_data(letter, value)
        stripper = LabelStripper()
        self.reference, *definitions = stripper.strip([reference, *defined.values()])
        self.reference = eliminate_dead_outputs([self.reference])[0]
        self.definitions: dict[str, Expr] = dict(zip(defined, definitions, strict=True))
        nodes = topological([self.reference, *definitions])
        self._add_own_letters(nodes, stripper.names)
        self.leaves: list[Input | Shared] = [e for e in nodes if isinstance(e, (Input, Shared))]
        self.sizes: Sizes = Sizes(self.leaves)
        self._nodes = nodes
        self._letter_of: dict[Expr, str | None] = {}
        self._compute()

    def _add_own_letters(self, nodes: list[Expr], names: Mapping[Expr, str]) -> None:
        """Add inputs, shared variables and named expressions as letters, unless `given` has their names."""
        known = set(self.definitions.values())
        for e in nodes:
            name = e.name if isinstance(e, (Input, Shared)) else names.get(e)
            if name and e not in known and e is not self.reference:  # the answer itself is no letter
                self.definitions.setdefault(name, e)

    def _compute(self) -> None:
        """Compute all expressions on the most generic of several data sets.

        Inputs are positive if the formula is NaN otherwise, as a logarithm of an input is.
        """
        limits = find_index_limits(self._nodes, self.sizes)
        for positive in (False, True):
            drawn = [self._draw(limits, positive, seed) for seed in range(1 if positive else SEEDS)]
            finite = [values for values in drawn if np.all(np.isfinite(values[self.reference]))]
            if finite or positive:
                break
        self.values: dict[Expr, Array] = min(finite or drawn, key=self._count_one_sided)
        self.letters: dict[str, Array] = {name: np.asarray(self.values[e]) for name, e in self.definitions.items()}
        self.size_inputs: dict[str, Input] = {dim: Input(dim, (), "float64") for dim in self.sizes.by_name}
        for dim, size in self.sizes.by_name.items():
            self.letters.setdefault(dim, np.asarray(size))
            self.values[self.size_inputs[dim]] = np.asarray(float(size))

    def _draw(self, limits: Mapping[Expr, int], positive: bool, seed: int) -> dict[Expr, Array]:
        """Return the values of all expressions for random inputs."""
        values = draw_leaves(self.leaves, self.sizes, limits, positive, seed)
        for letter, data in self.data.items():
            leaf = self.definitions.get(letter)
            if leaf is None or leaf not in values:
                raise UseError(f"check_answer: given[{letter!r}] is an array, but the formula has no input {letter!r}")
            values[leaf] = data
        compute_values(self._nodes, values)
        return values

    def _count_one_sided(self, values: Mapping[Expr, Array]) -> int:
        """Return how many sums have one sign only. On these, relu would act as a linear function."""
        count = 0
        for e in self._nodes:
            if e.op is not None and e.op.name in ("add", "matmul", "subtract") and e.ndim:
                value = np.asarray(values[e])
                count += value.size > 3 and (bool(np.all(value > 0)) or bool(np.all(value < 0)))
        return count

    @property
    def truth(self) -> Array:
        """Value of the true formula."""
        return np.asarray(self.values[self.reference])

    def list_readings(self, used: frozenset[str]) -> Iterable[frozenset[str]]:
        """Yield sets of letters that are not written out: all of them, then fewer, at last those that the answer uses.

        In between, letters that are computed from what the answer uses are written out: d1 if the answer uses d2.
        """
        every = frozenset(self.definitions)
        computed = {self.definitions[name] for name in used if name in every} - set(self.leaves)
        between = frozenset(
            name for name, e in self.definitions.items() if name in used or not computed.intersection(topological([e]))
        )
        return dict.fromkeys((every, between, used & every))

    def read(self, opaque: frozenset[str], numbers: Iterable[float] = ()) -> Context:
        """Return the formula with some letters as leaves. Expressions with the value of a letter are that letter.

        Mistakes may use numbers from the answer.
        """
        letters, names = self._name_nodes(self._nodes, opaque)
        graph = FormulaGraph(self.reference, letters, self.values, names)
        constants = {graph.describe(n): v for n, v in graph.base.items() if n.kind == "constant" and v.ndim == 0}
        scalars = {name: v for name, v in self.letters.items() if not v.ndim and v.dtype.kind == "f"}
        arrays = {name: v for name, v in self.letters.items() if v.ndim and v.dtype.kind == "f"}
        functions = {name: e.op.name for name, e in self.definitions.items() if e.op is not None}
        scalars = {**constants, **scalars, **{f"{number:g}": np.asarray(number) for number in numbers}}
        return Context(graph, arrays, scalars, self._name_sizes(), self._find_biases(), functions)

    def read_answer(self, answer: Expr, opaque: frozenset[str]) -> FormulaGraph:
        """Return a learner's expression in the same form as the true formula."""
        values = dict(self.values)
        nodes = topological([answer])
        compute_values(nodes, values)
        known = [e for e in nodes if e in self.values]
        letters, names = self._name_nodes(known, opaque)
        for dim, e in self.size_inputs.items():
            letters[e] = names[e] = dim
        return FormulaGraph(answer, {e: n for e, n in letters.items() if e is not answer}, values, names)

    def _name_nodes(self, nodes: Iterable[Expr], opaque: frozenset[str]) -> tuple[dict[Expr, str], dict[Expr, str]]:
        """Return the expressions that are letters, and the names of all that have one."""
        letters: dict[Expr, str] = {}
        names: dict[Expr, str] = {}
        for e in nodes:
            name = self._find_letter(e)
            if name is None:
                continue
            names[e] = name
            if (name in opaque or isinstance(e, (Input, Shared))) and e is not self.reference:
                letters[e] = name
        for e in nodes:
            if text := self._name_counting_op(e):
                names[e] = letters[e] = text
            elif e not in names and (text := self._find_complement(e)):
                names[e] = text
            elif e.op is not None and e.op.name == "cast" and e.inputs[0] in names:
                names[e] = names[e.inputs[0]]
            elif e not in names and (text := self._find_correlation(e)):
                names[e] = text
        return letters, names

    def _find_letter(self, e: Expr) -> str | None:
        """Return the letter whose definition or value an expression has."""
        if e not in self._letter_of:
            self._letter_of[e] = self._search_letter(e)
        return self._letter_of[e]

    def _search_letter(self, e: Expr) -> str | None:
        value = self.values[e]
        if isinstance(e, Constant) or not isinstance(value, np.ndarray):
            return None
        for name, definition in self.definitions.items():
            if e is definition:
                return name
        if not value.ndim or value.size < 2:
            return None
        for name, definition in self.definitions.items():
            other = self.letters[name]
            if (
                definition.op is not None
                and other.shape == value.shape
                and np.allclose(other, value, rtol=1e-9, atol=1e-12)
            ):
                return name
        return None

    def _find_complement(self, e: Expr) -> str | None:
        """Return "(1 - p)" for an expression with that value, such as a logistic function of -z."""
        value = self.values[e]
        if e.op is None or e.op.name not in ("sigmoid", "softmax"):
            return None
        for name, letter in self.letters.items():
            if letter.ndim and letter.shape == value.shape and np.allclose(1 - letter, value, rtol=1e-9):
                return f"(1 - {name})"
        return None

    def _find_correlation(self, e: Expr) -> str | None:
        """Return a convolution of single images as learners write it, with ``correlate``, ``pad`` and ``flip``."""
        value = self.values[e]
        if e.op is None or e.op.name not in ("slice", "squeeze", "reshape") or np.ndim(value) != 2:
            return None
        if not any(i.op is not None and i.op.name.startswith("conv") for i in topological([e])):
            return None
        images = {name: v for name, v in self.letters.items() if v.ndim == 2 and v.dtype.kind == "f"}
        for (a, x), (b, w) in itertools.permutations(images.items(), 2):
            for text, image, kernel in (
                (f"correlate({a}, {b})", x, w),
                (f"correlate({a}, flip({b}))", x, w[::-1, ::-1]),
                (f"correlate(pad({a}, {len(w) - 1}), flip({b}))", np.pad(x, len(w) - 1), w[::-1, ::-1]),
            ):
                if is_correlation(value, image, kernel):
                    return text
        return None

    def _name_counting_op(self, e: Expr) -> str | None:
        """Return "n" for the length of an axis, "arange(n)" for its indices, and None for other expressions."""
        if e.op is None or e.op.name not in ("size", "arange_like"):
            return None
        size = int(self.values[e]) if e.op.name == "size" else len(self.values[e])
        dim = next((name for name, s in self.sizes.by_name.items() if s == size), None)
        return dim if dim is None or e.op.name == "size" else f"arange({dim})"

    def _name_sizes(self) -> dict[str, int]:
        """Return the lengths of axes by name; those without a name by a letter that has it, as ``len(X)``."""
        named = dict(self.sizes.by_name)
        for name, value in self.letters.items():
            for axis, size in enumerate(value.shape):
                if size not in named.values() and size > 2:
                    named[f"len({name})" if axis == 0 else f"{name}.shape[{axis}]"] = size
        return named

    def _find_biases(self) -> tuple[str, ...]:
        return tuple(
            name
            for name, e in self.definitions.items()
            if isinstance(e, (Input, Shared)) and e.dtype.kind == "f" and e.ndim <= 1 and name.lower().startswith("b")
        )


def is_correlation(value: Array, image: Array, kernel: Array) -> bool:
    if tuple(i - k + 1 for i, k in zip(image.shape, kernel.shape, strict=True)) != value.shape:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return bool(np.allclose(np.einsum("ijkl,kl->ij", windows, kernel), value, rtol=1e-9))


def check_data(letter: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise UseError(f"check_answer: expected an expression or numbers for given[{letter!r}]. Received: {value!r}")
    return array.astype(np.float64) if array.dtype.kind == "f" else array
