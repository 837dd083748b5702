"""What a graph costs before it runs: arithmetic operations, elements and bytes, expression by expression."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.graph.expr import Expr
from pellucid.graph.op import Body
from pellucid.graph.text import text
from pellucid.graph.walk import topological
from pellucid.show.sizes import Sizes, check_names, shapes_of


class Row(NamedTuple):
    """What one expression costs.

    Attributes
    ----------
    expr : Expr
        Which.
    operations : int
        Arithmetic operations on numbers to compute it from its inputs. An exponential is counted as some ten.
    elements : int
        Numbers in the result.
    bytes : int
        Bytes of the result.
    """

    expr: Expr
    operations: int
    elements: int
    bytes: int


@dataclass(frozen=True)
class Cost:
    """A table of what the expressions of a graph cost, in the order in which they are computed.

    Attributes
    ----------
    rows : list of Row
        One for each op; leaves cost nothing.
    """

    rows: list[Row]

    @property
    def operations(self) -> int:
        """All arithmetic operations."""
        return sum(row.operations for row in self.rows)

    @property
    def elements(self) -> int:
        """All numbers that are computed on the way."""
        return sum(row.elements for row in self.rows)

    @property
    def bytes(self) -> int:
        """The bytes of all results, if none is fused away or overwritten."""
        return sum(row.bytes for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        numbers = {r.expr: f"[{number}]" for number, r in enumerate(self.rows, start=1)}
        cells = [("", "operations", "elements", "bytes", "expression")]
        for r in self.rows:
            written = text(r.expr, 30, {e: n for e, n in numbers.items() if e is not r.expr})
            cells.append((numbers[r.expr], f"{r.operations:,}", f"{r.elements:,}", f"{r.bytes:,}", written))
        cells.append(("", f"{self.operations:,}", f"{self.elements:,}", f"{self.bytes:,}", "in all"))
        widths = [max(len(line[i]) for line in cells) for i in range(4)]
        return "\n".join(
            "  ".join([*(c.rjust(w) for c, w in zip(line, widths, strict=False)), line[4]]) for line in cells
        )


def operations(expr: Expr | Sequence[Expr], sizes: Mapping[str, int] | None = None) -> Cost:
    r"""Count what it takes to compute expressions: :math:`2 n m k` operations for a product of matrices, and so on.

    The step of a `scan` counts as often as it runs, in one row; of the branches of a `cond` the dearer one counts, and
    a `while_loop` as if it ran once.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        What is to be computed; what they share is counted once.
    sizes : mapping from str to int, optional
        The sizes that names stand for, such as ``{"n": 128}``.

    Returns
    -------
    Cost
        A table; print it (``[1]`` is what row 1 computes), walk its rows, or ask for its sums.

    Raises
    ------
    ShapeError
        If a size is needed and neither known nor given.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W = pel.matrix("X", shape=("n", 3)), pel.matrix("W", shape=(3, 2))
    >>> print(operations(pel.tanh(X @ W), {"n": 100}))
         operations  elements  bytes  expression
    [1]       1,200       200    800  X @ W
    [2]       2,000       200    800  tanh([1])
              3,200       400  1,600  in all
    """
    outputs = [expr] if isinstance(expr, Expr) else list(expr)
    check_names(sizes or {}, outputs)
    return Cost(rows(outputs, sizes or {}, {}))


def rows(outputs: Sequence[Expr], sizes: Mapping[str, int], given: Mapping[Expr, Sizes]) -> list[Row]:
    """Return what each op of a graph costs; ``given`` has the shapes of its inputs where they are known better."""
    order = topological(outputs)
    shapes = shapes_of(order, sizes, given)
    return [row(e, shapes, sizes) for e in order if e.op is not None and e.op.name != "output"]


def row(e: Expr, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> Row:
    """Return what one expression costs."""
    assert e.op is not None

    def size(of: Expr, axis: int | None = None) -> int:
        return math.prod(shapes[of][0]) if axis is None else shapes[of][0][axis]

    cost: Any = e.op.cost
    spent = int(cost(e, size) if callable(cost) else cost * size(e))
    bodies = [steps_cost(e, body, shapes, sizes) for body in e.settings.values() if isinstance(body, Body)]
    spent += steps_of(e, shapes) * max(bodies, default=0)
    counts = [math.prod(shape) for shape in shapes[e]]
    return Row(e, spent, sum(counts), sum(n * t.dtype.itemsize for n, t in zip(counts, e.types, strict=True)))


def steps_of(e: Expr, shapes: Mapping[Expr, list[Sizes]]) -> int:
    """Return how often the graph inside an op runs; once where nobody can know, or where one of several does."""
    if e.settings.get("sequences"):
        return shapes[e.inputs[0]][0][0]
    return int(e.settings.get("length") or 1)


def steps_cost(e: Expr, body: Body, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> int:
    """Return the operations of one step of a loop, whose sequences lose their first axis inside it."""
    given = {
        inner: shapes[outer][0][outer.ndim - inner.ndim :] for inner, outer in zip(body.inputs, e.inputs, strict=True)
    }
    return sum(r.operations for r in rows(body.outputs, sizes, given))
