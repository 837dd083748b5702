"""Encoder of the arithmetic of expressions, and of all that their elements are computed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.live.arithmetic.element_template import ElementReader, Tree, UnknownElementError
from pellucid.live.arithmetic.position_fitting import Index, IrregularError, fit
from pellucid.live.arithmetic.traced_values import TracedValues, is_scatter
from pellucid.show.why.arithmetic_page import TEXT_NAMES, write_arithmetic
from pellucid.show.why.element_arithmetic import Why
from pellucid.typing import Array, Json

CHECKED_ELEMENTS = 4
"""Number of random elements that the template of an array is checked with, in addition to its corners."""

MAX_TEMPLATES = 16
"""Largest number of templates of an array whose elements do not fit one template."""

HIDDEN = ("shown", "operands")
"""Parts of a tree that a page does not need."""

MAX_DEFINITION = 60
"""Length of definitions, as in `why`."""


class ArithmeticEncoder:
    """Arithmetic of expressions, and of all expressions that their elements are computed from.

    The arithmetic is that of `why`. It is read at the given values and at others, so that it holds for all.

    Parameters
    ----------
    values : dict from Expr to array
        Values of the leaves.
    data : sequence of Expr
        Inputs whose first axis counts the data points.
    known : dict from Expr to Tree, optional
        Arithmetic that encoders of other networks, with values of the same shapes, have found. It grows.

    Attributes
    ----------
    expressions : list of Expr
        The expressions by their number on the page. The elements of some are shown, others only give values.
    """

    def __init__(
        self, values: Mapping[Expr, Array], data: Sequence[Expr] = (), known: dict[Expr, Tree] | None = None
    ) -> None:
        self.names: dict[Expr, str] = {}
        self.env: TracedValues = TracedValues(dict(values), self.names, [])
        self.other: TracedValues = TracedValues(change_values(values), self.names, [])
        self.data = data
        self.numbers: dict[Expr, int] = {}
        self.trees: dict[Expr, Tree] = {}
        self.known: dict[Expr, Tree] = {} if known is None else known

    @property
    def expressions(self) -> list[Expr]:
        return list(self.numbers)

    @property
    def shown(self) -> list[Expr]:
        """The expressions whose elements are shown, in the order of computation."""
        return [e for e in topological(self.expressions) if e in self.trees]

    def add(self, roots: Sequence[Expr], names: Mapping[Expr, str] | None = None) -> None:
        """Add the arithmetic of expressions, and names for some."""
        self.names.update(names or {})
        for env in (self.env, self.other):
            env.user_exprs |= set(topological(roots))
        pending = list(roots)
        while pending:
            expr = pending.pop()
            if expr not in self.trees:
                self.number(expr)
                if expr not in self.known:
                    self.known[expr] = self.read(expr)
                self.trees[expr] = self.known[expr]
                for e, is_shown in find_references(self.trees[expr]):
                    self.number(e)
                    pending += [e] if is_shown else []
        for e in self.shown:
            self.env.name(e)

    def number(self, expr: Expr) -> int:
        return self.numbers.setdefault(expr, len(self.numbers))

    def name(self, expr: Expr) -> str:
        return self.env.name(expr)

    def has_rows(self, expr: Expr) -> bool:
        """Tell whether the first axis of an expression counts the data points."""
        if not expr.ndim or isinstance(expr, Constant):
            return False
        length, used = len(self.env.value(expr)), set(topological([expr]))
        return any(i in used and i.shape[0] == expr.shape[0] and len(self.env.value(i)) == length for i in self.data)

    def read(self, expr: Expr) -> Tree:
        """Return the arithmetic of all elements, or for each element of a row, or that there is none."""
        if expr.op is None:
            return {"kind": "given"}
        shape = self.env.value(expr).shape
        for attempt in (self.read_elements, self.read_columns):
            try:
                return attempt(expr, shape)
            except (IrregularError, UnknownElementError):
                continue
        return {"kind": "closed"}

    def read_elements(self, expr: Expr, shape: Index) -> Tree:
        indices = [*choose_indices(shape), *self.find_written(expr)]
        try:
            return self.fit_elements(expr, indices, indices, shape)
        except IrregularError:
            return self.fit_elements(expr, indices, indices, shape, all_terms=True)

    def read_columns(self, expr: Expr, shape: Index) -> list[Tree]:
        lead = shape[:1] if self.has_rows(expr) else ()
        columns = list(np.ndindex(*shape[len(lead) :]))
        if len(columns) > MAX_TEMPLATES:
            raise IrregularError
        rows = choose_indices(lead)
        elements = ([(*row, *column) for row in rows] for column in columns)
        return [self.fit_elements(expr, some, rows, lead, all_terms=True) for some in elements]

    def find_written(self, expr: Expr) -> list[Index]:
        """Return some elements that a scatter writes, which few of all are."""
        _, source, _ = Why(self.env, expr, (0,) * expr.ndim).source
        if not is_scatter(source):
            return []
        axis, chooser = source.settings["axis"], self.env.value(source.inputs[1])
        places = choose_indices(chooser.shape)
        return [(*place[:axis], int(chooser[place]), *place[axis + 1 :]) for place in places]

    def fit_elements(
        self, expr: Expr, elements: Sequence[Index], indices: Sequence[Index], sizes: Index, *, all_terms: bool = False
    ) -> Tree:
        trees = [ElementReader(self.env, all_terms=all_terms).read(expr, element) for element in elements]
        others = [ElementReader(self.other, all_terms=all_terms).read(expr, element) for element in elements[::2]]
        return fit([*trees, *others], [*indices, *indices[::2]], sizes)

    def to_json(self) -> list[dict[str, Json]]:
        """Return the expressions as data of a page."""
        return [self.describe(e) for e in self.expressions]

    def describe(self, e: Expr) -> dict[str, Json]:
        entry: dict[str, Any] = {"shape": list(self.env.value(e).shape)}
        if isinstance(e, Constant):
            entry["constant"] = True
        if e not in self.trees:
            return entry
        entry |= {"name": self.name(e), "rows": self.has_rows(e), "arithmetic": self.compact(self.trees[e])}
        if e.op is not None and e not in self.env.auto_names:
            entry["definition"] = self.define(e)
        if entry["arithmetic"] == {"kind": "whole"}:
            entry["arithmetic"]["text"] = text(write_arithmetic(Why(self.env, e, (0,) * e.ndim), TEXT_NAMES))
        return entry

    def define(self, e: Expr) -> str:
        """Return the formula of an expression, in which others have their names."""
        names = {**self.env.placeholders, **self.env.names, **self.env.auto_names}
        return text(e, MAX_DEFINITION, {other: name for other, name in names.items() if other is not e})

    def list_definitions(self) -> dict[str, str]:
        """Return the definitions of automatic names."""
        return {name: self.define(e) for e, name in self.env.auto_names.items()}

    def compact(self, tree: Tree) -> Tree:
        """Return a tree as data of a page: expressions by number, and equal lines of names and numbers once."""
        if isinstance(tree, list):
            return [self.compact(part) for part in tree]
        if not isinstance(tree, dict):
            return tree
        kept = {key: self.compact(part) for key, part in tree.items() if key not in HIDDEN}
        if "of" in tree:
            kept["of"] = self.number(tree["of"])
        if "names" in kept:
            kept["pieces"] = names = kept.pop("names")
            numbers = kept.pop("numbers", names)
            if remove_signs(tree["names"]) == remove_signs(tree.get("numbers", tree["names"])):
                kept["pieces"] = numbers
            else:
                kept["numbers"] = numbers
        return kept


def find_references(tree: Tree) -> Iterator[tuple[Expr, bool]]:
    """Yield the expressions that a tree refers to, and whether it shows their elements."""
    stack = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            if "of" in part:
                yield part["of"], part["shown"]
            stack += part.values()
        elif isinstance(part, list):
            stack += part


def remove_signs(tree: Tree) -> Tree:
    """Return a tree without marks of negative numbers, which names do not need but constants do."""
    if isinstance(tree, list):
        return [remove_signs(part) for part in tree]
    if isinstance(tree, dict):
        is_name = "of" in tree and not isinstance(tree["of"], Constant)
        parts: dict[str, Json] = {
            key: remove_signs(part) for key, part in tree.items() if not (key == "sign" and is_name)
        }
        return {**parts, "of": id(tree["of"])} if "of" in tree else parts
    return tree


def choose_indices(shape: Index) -> list[Index]:
    """Return indices of an array that determine positions that are linear in the index, and more to check them."""
    rng = np.random.default_rng(0)
    units = np.eye(len(shape), dtype=int)
    random = rng.integers(0, shape, (CHECKED_ELEMENTS, len(shape)))
    corners = [np.zeros(len(shape), int), *units, np.array(shape, int) - 1]
    return list(dict.fromkeys(tuple(map(int, np.minimum(i, np.array(shape, int) - 1))) for i in [*corners, *random]))


def change_values(values: Mapping[Expr, Array]) -> dict[Expr, Array]:
    """Return other values that the ops accept as well: integers in another order, and floats of other sizes."""
    rng = np.random.default_rng(0)

    def change(value: Array) -> Array:
        if is_float(value.dtype):
            factors = np.asarray(rng.uniform(0.5, 1.5, value.shape), value.dtype)
            return np.asarray(value * factors)
        return rng.permutation(value.ravel()).reshape(value.shape)

    return {e: change(np.asarray(value)) for e, value in values.items()}
