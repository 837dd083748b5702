"""What a graph costs before it runs: operations, bytes, memory, parameters, and the time that a roofline predicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.printing import text
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.show.input_values import outputs_of
from pellucid.show.roofline import Machine, duration, this_machine
from pellucid.show.shape_resolution import Sizes, check_names, shapes_of

VIEWS = {"reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "broadcast_like", "broadcast_to", "slice"}
"""Ops that look at what is there in another way, and move nothing."""


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
    moved : int
        Bytes that are read and written to compute it, if it is computed on its own.
    parameters : int
        Numbers in the shared variables that it is computed from directly.
    """

    expr: Expr
    operations: int
    elements: int
    bytes: int
    moved: int
    parameters: int


@dataclass(frozen=True)
class Cost:
    """A table of what the expressions of a graph cost, in the order in which they are computed.

    Attributes
    ----------
    rows : list of Row
        One for each op; leaves cost nothing.
    leaves : int
        Bytes of the inputs, shared variables and constants.
    peak : int
        The most bytes that results take at once, if each is let go of after its last use.
    outputs : int
        Bytes of what is computed in the end.
    parameters : int
        Numbers in all shared variables, each counted once.
    """

    rows: list[Row]
    leaves: int
    peak: int
    outputs: int
    parameters: int

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

    @property
    def moved(self) -> int:
        """The bytes that are read and written, if every expression is computed on its own."""
        return sum(row.moved for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def table(self, machine: Machine | None = None) -> str:
        """Write the table, with a column of times if a machine is given, and of parameters if there are any."""
        cells = self.cells(machine)
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]) - 1)]
        return "\n".join(
            "  ".join([*(c.rjust(w) for c, w in zip(line, widths, strict=False)), line[-1]]) for line in cells
        )

    def cells(self, machine: Machine | None = None) -> list[list[str]]:
        """Return the table as texts, its heading first and its sums last."""
        numbers = {r.expr: f"[{number}]" for number, r in enumerate(self.rows, start=1)}
        columns = ["operations", "elements", "bytes", *["parameters"] * bool(self.parameters)]
        lines = [["", *columns, *["time"] * bool(machine), "expression"]]
        for r in self.rows:
            written = text(r.expr, 30, {e: n for e, n in numbers.items() if e is not r.expr})
            time = [duration(machine.seconds(r.operations, r.moved))] if machine else []
            lines.append([numbers[r.expr], *(f"{getattr(r, c):,}" for c in columns), *time, written])
        total = [duration(self.seconds(machine))] if machine else []
        return [*lines, ["", *(f"{getattr(self, c):,}" for c in columns), *total, "in all"]]

    def memory(self) -> str:
        """Say what it takes of memory."""
        return f"Memory: {self.leaves:,} bytes for what is given, {self.peak:,} at most for results at once."

    def _repr_html_(self) -> str:
        head, *body = self.cells()
        aligned = ["right"] * (len(head) - 1) + ["left"]
        rows = [
            "".join(f"<{tag} style='text-align: {a}'>{escape(c)}</{tag}>" for a, c in zip(aligned, line, strict=True))
            for tag, line in [("th", head), *(("td", line) for line in body)]
        ]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + f"</table><p>{self.memory()}</p>"

    def seconds(self, machine: Machine | None = None) -> float:
        r"""Predict how long it takes if every expression is computed on its own, by the roofline
        :math:`\sum_i \max(o_i / r, m_i / b)` of operations, bytes moved, and the machine's rate and bandwidth.

        Parameters
        ----------
        machine : Machine, optional
            This one without it, which is measured the first time.

        Returns
        -------
        float
            Seconds.

        References
        ----------
        S. Williams, A. Waterman and D. Patterson, Roofline: An Insightful Visual Performance Model for Multicore
        Architectures, Communications of the ACM 52 (2009).
        """
        machine = machine or this_machine()
        return sum(machine.seconds(r.operations, r.moved) for r in self.rows)

    def fused_seconds(self, machine: Machine | None = None) -> float:
        """Predict how long it takes if everything is fused: the leaves are read, the outputs written, nothing else."""
        return (machine or this_machine()).seconds(self.operations, self.leaves + self.outputs)

    def predict(self, machine: Machine | None = None) -> str:
        """Write the table with times, and between which times the whole should lie, with what it takes of memory."""
        machine = machine or this_machine()
        return "\n".join(
            [
                self.table(machine),
                f"On {machine}: from {duration(self.fused_seconds(machine))}, if all of it is fused, to "
                f"{duration(self.seconds(machine))}, if none is.",
                self.memory(),
            ]
        )


def cost(what: Any, sizes: Mapping[str, int] | None = None) -> Cost:
    r"""Count what it takes to compute expressions: :math:`2 n m k` operations for a product of matrices, and so on.

    The step of a `scan` counts as often as it runs, in one row; of the branches of a `cond` the dearer one counts, and
    a `while_loop` as if it ran once.

    Parameters
    ----------
    what : Expr, sequence of Expr, or Function
        What is to be computed; what they share is counted once. A function is counted as simplified, with its updates.
    sizes : mapping from str to int, optional
        The sizes that names stand for, such as ``{"n": 128}``.

    Returns
    -------
    Cost
        A table; print it (``[1]`` is what row 1 computes), walk its rows, ask for its sums (``operations``, ``bytes``,
        ``peak``, ``parameters``), or `Cost.predict` the time.

    Raises
    ------
    ShapeError
        If a size is needed and neither known nor given.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, W = pel.matrix("X", shape=("n", 3)), pel.matrix("W", shape=(3, 2))
    >>> c = cost(pel.tanh(X @ W), {"n": 100})
    >>> print(c)
         operations  elements  bytes  expression
    [1]       1,200       200    800  X @ W
    [2]       2,000       200    800  tanh([1])
              3,200       400  1,600  in all
    >>> c.leaves, c.peak, c.moved
    (1224, 1600, 3624)
    >>> c.seconds() >= c.fused_seconds() > 0
    True
    """
    outputs = outputs_of(what, "cost")
    check_names(sizes or {}, outputs)
    leaves, peak = memory(outputs, sizes or {})
    order = topological(outputs)
    shapes = shapes_of(order, sizes or {}, {})
    made = sum(bytes_of(e, shapes) for e in dict.fromkeys(outputs))
    return Cost(rows(outputs, sizes or {}, {}), leaves, peak, made, parameters_in(order, shapes))


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
    moved = 0 if e.op.name in VIEWS else bytes_of(e, shapes) + sum(bytes_of(i, shapes) for i in dict.fromkeys(e.inputs))
    numbers = sum(map(math.prod, shapes[e]))
    return Row(e, spent, numbers, bytes_of(e, shapes), moved, parameters_in(dict.fromkeys(e.inputs), shapes))


def parameters_in(expressions: Iterable[Expr], shapes: Mapping[Expr, list[Sizes]]) -> int:
    """Count the numbers in the shared variables among expressions."""
    return sum(math.prod(shapes[e][0]) for e in expressions if isinstance(e, Shared))


def bytes_of(e: Expr, shapes: Mapping[Expr, list[Sizes]]) -> int:
    """Return the bytes of an expression's results."""
    return sum(math.prod(shape) * t.dtype.itemsize for shape, t in zip(shapes[e], e.types, strict=True))


def memory(outputs: Sequence[Expr], sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the bytes of the leaves, and the most bytes that results take at once.

    Expressions are computed in order, and each is let go of after its last use.
    """
    order = topological(outputs)
    shapes = shapes_of(order, sizes, {})
    base: dict[Expr, Expr] = {}
    for e in order:
        base[e] = base[e.inputs[0]] if e.op is OUTPUT or (e.op is not None and e.op.name in VIEWS) else e
    last = {base[i]: e for e in order for i in e.inputs}
    kept = {base[e] for e in outputs}
    live = most = 0
    for e in order:
        if base[e] is e and e.op is not None:
            live += bytes_of(e, shapes)
            most = max(most, live)
        finished = {base[i] for i in e.inputs if last[base[i]] is e and base[i] not in kept}
        live -= sum(bytes_of(i, shapes) for i in finished if i.op is not None)
    return sum(bytes_of(e, shapes) for e in order if e.op is None), most


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
