"""`cost`: operations, memory traffic, peak memory, parameters and predicted time of a graph, before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.op import OUTPUT
from pellucid.graph.printing import format_duration, text
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Shape, Unknown, read_dim
from pellucid.show.costs.memory_traffic import VIEW_OPS, MemoryTraffic, count_memory_traffic
from pellucid.show.costs.roofline import Machine, Work, this_machine
from pellucid.show.pages.input_values import collect_outputs

if TYPE_CHECKING:
    from pellucid.run.function import Function
    from pellucid.run.graph_program import Program

Sizes = tuple[int, ...]


class CostRow(NamedTuple):
    """Cost of one expression.

    Attributes
    ----------
    expr : Expr
        The expression.
    operations : int
        Arithmetic operations to compute it from its inputs. An exponential counts as about ten.
    elements : int
        Elements of the result.
    bytes : int
        Bytes of the result.
    moved : int
        Bytes read and written if it is computed on its own.
    parameters : int
        Elements of the shared variables among its inputs.
    """

    expr: Expr
    operations: int
    elements: int
    bytes: int
    moved: int
    parameters: int


@dataclass(frozen=True)
class Cost:
    """Costs of the expressions of a graph, in the order of computation.

    Attributes
    ----------
    rows : list of CostRow
        One for each op; leaves cost nothing.
    leaves : int
        Bytes of inputs, shared variables and constants.
    peak : int
        Peak memory of results in bytes, if each is freed after its last use.
    outputs : int
        Bytes of the outputs.
    parameters : int
        Elements of all shared variables, each counted once.
    traffic : MemoryTraffic
        Bytes read and written if elementwise ops are fused into their users, as compilers do.

    Examples
    --------
    >>> x = pel.matrix("x", shape=(2, 3))
    >>> cost = pel.cost(pel.tanh(x @ pel.ones((3, 4))))
    >>> cost.operations, cost.elements, cost.bytes
    (128, 28, 112)
    """

    rows: list[CostRow]
    leaves: int
    peak: int
    outputs: int
    parameters: int
    traffic: MemoryTraffic

    @property
    def operations(self) -> int:
        """Arithmetic operations in total."""
        return sum(row.operations for row in self.rows)

    @property
    def elements(self) -> int:
        """Elements of all results."""
        return sum(row.elements for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes of all results, without fusion and reuse of memory."""
        return sum(row.bytes for row in self.rows)

    @property
    def moved(self) -> int:
        """Bytes read and written, without fusion."""
        return sum(row.moved for row in self.rows)

    @property
    def work(self) -> Work:
        """Operations, and bytes with fusion."""
        return Work(self.operations, *self.traffic)

    def __iter__(self) -> Iterator[CostRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def table(self, machine: Machine | None = None) -> str:
        """Return the table as text, with predicted times if a machine is given.

        Parameters
        ----------
        machine : Machine, optional
            A machine whose predicted times are shown.
        """
        cells = self.cells(machine)
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]) - 1)]
        return "\n".join(
            "  ".join([*(c.rjust(w) for c, w in zip(line, widths, strict=False)), line[-1]]) for line in cells
        )

    def cells(self, machine: Machine | None = None) -> list[list[str]]:
        """Return the cells of the table as text, with the header first and the totals last."""
        columns = ["operations", "elements", "bytes", *["parameters"] * bool(self.parameters)]
        lines = [["", *columns, *["time"] * bool(machine), "expression"]]
        numbers: dict[Expr, str] = {}  # of earlier rows
        for number, r in enumerate(self.rows, start=1):
            written = text(r.expr, 30, numbers)
            numbers[r.expr] = f"[{number}]"
            time = [format_duration(machine.seconds(r.operations, r.moved))] if machine else []
            lines.append([numbers[r.expr], *(f"{getattr(r, c):,}" for c in columns), *time, written])
        total = [format_duration(self.seconds(machine))] if machine else []
        return [*lines, ["", *(f"{getattr(self, c):,}" for c in columns), *total, "total"]]

    def describe_memory(self) -> str:
        """Return the memory of the leaves and the peak memory of results as a sentence."""
        return f"Memory: {self.leaves:,} bytes for inputs and parameters, {self.peak:,} bytes at the peak for results."

    def _repr_html_(self) -> str:
        header, *body = self.cells()
        aligned = ["right"] * (len(header) - 1) + ["left"]
        rows = [
            "".join(f"<{tag} style='text-align: {a}'>{escape(c)}</{tag}>" for a, c in zip(aligned, line, strict=True))
            for tag, line in [("th", header), *(("td", line) for line in body)]
        ]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + f"</table><p>{self.describe_memory()}</p>"

    def seconds(self, machine: Machine | None = None) -> float:
        r"""Predict the time without fusion by the roofline model, :math:`\sum_i \max(o_i / r, m_i / b)`, with
        operations :math:`o_i`, bytes moved :math:`m_i`, and the machine's rate r and bandwidth b.

        Parameters
        ----------
        machine : Machine, optional
            The default is this machine, which is measured on first use.

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
        """Predict the time with perfect fusion: only leaves are read, and only outputs written."""
        return (machine or this_machine()).seconds(self.operations, self.leaves + self.outputs)

    def predict(self, machine: Machine | None = None) -> str:
        """Return the table with predicted times, a range for the total time, and the memory.

        Parameters
        ----------
        machine : Machine, optional
            A machine, by default this one.
        """
        machine = machine or this_machine()
        low, high = format_duration(self.fused_seconds(machine)), format_duration(self.seconds(machine))
        total = f"On {machine}: {low} with perfect fusion, {high} without fusion."
        return "\n".join([self.table(machine), total, self.describe_memory()])


def cost(what: Expr | Sequence[Expr] | Function, sizes: Mapping[str, int] | None = None) -> Cost:
    r"""Count the cost of computing expressions, such as :math:`2 n m k` operations for a matrix product.

    The step of a `scan` counts as often as it runs, in one row. A `cond` counts its more expensive branch, and a
    `while_loop` counts one step.

    Parameters
    ----------
    what : Expr, sequence of Expr, or Function
        The expressions. Shared subexpressions count once. A function counts as simplified, with its updates.
    sizes : mapping from str to int, optional
        Sizes of named dimensions, such as ``{"n": 128}``.

    Returns
    -------
    Cost
        A table that prints, iterates over its rows, and has totals (``operations``, ``bytes``, ``peak``,
        ``parameters``). `Cost.predict` predicts the time. ``[1]`` in the table is the result of row 1.

    Raises
    ------
    ShapeError
        If a required size is missing.

    Examples
    --------
    >>> X, W = pel.matrix("X", shape=("n", 3)), pel.matrix("W", shape=(3, 2))
    >>> c = cost(pel.tanh(X @ W), {"n": 100})
    >>> print(c)
         operations  elements  bytes  expression
    [1]       1,200       200    800  X @ W
    [2]       2,000       200    800  tanh([1])
              3,200       400  1,600  total
    >>> c.leaves, c.peak, c.moved
    (1224, 1600, 3624)
    >>> c.seconds() >= c.fused_seconds() > 0
    True
    """
    outputs, _ = collect_outputs(what, "cost")
    sizes = sizes or {}
    check_size_names(sizes, outputs)
    return count_cost(outputs, sizes, {})


def count_program_cost(program: Program, arguments: Sequence[Sizes]) -> Cost:
    """Count the cost of a step of a program with arguments of these shapes; see `cost`."""
    given: dict[Expr, Sizes] = dict(zip(program.inputs, arguments, strict=True))
    sizes = {dim: size for e, shape in given.items() for dim, size in zip(e.shape, shape, strict=True) if is_name(dim)}
    return count_cost(program.results, sizes, given)


def is_name(dim: Dim) -> TypeGuard[str]:
    return isinstance(dim, str) and not isinstance(dim, Unknown)


def count_operations_per_sample(outputs: Sequence[Expr]) -> int | None:
    """Return the arithmetic operations if every named size is 1; None if sizes are unknown, or not positive then."""
    dims = {d for e in topological(outputs) for d in e.shape if isinstance(d, str)}
    sizes = dict.fromkeys((name for d in dims for name in read_dim(d).list_names()), 1)
    try:
        if any(isinstance(d, Unknown) or read_dim(d).evaluate(sizes) < 1 for d in dims):
            return None
    except ShapeError:  # a division by 0
        return None
    return count_cost(outputs, sizes, {}).operations


def count_cost(outputs: Sequence[Expr], sizes: Mapping[str, int], given: Mapping[Expr, Sizes]) -> Cost:
    """Count the cost of expressions; ``given`` are shapes of leaves with unnamed sizes."""
    order = topological(outputs)
    shapes = infer_shapes(order, sizes, given)
    return Cost(
        rows=[compute_row(e, shapes, sizes) for e in order if e.op is not None and e.op is not OUTPUT],
        leaves=sum(count_bytes(e, shapes) for e in order if e.op is None),
        peak=estimate_peak_memory(outputs, order, shapes),
        outputs=sum(count_bytes(e, shapes) for e in dict.fromkeys(outputs)),
        parameters=count_parameters(order, shapes),
        traffic=count_memory_traffic(order, outputs, lambda e: count_bytes(e, shapes)),
    )


def compute_row(e: Expr, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> CostRow:
    assert e.op is not None

    def size(of: Expr, axis: int | None = None) -> int:
        return math.prod(shapes[of][0]) if axis is None else shapes[of][0][axis]

    cost = e.op.cost
    operations = int(cost(e, size) if callable(cost) else cost * size(e))
    bodies = [
        count_step_operations(e, body, shapes, sizes) for body in e.settings.values() if isinstance(body, Subgraph)
    ]
    if bodies:
        steps = shapes[e.inputs[0]][0][0] if e.settings.get("sequences") else int(e.settings.get("length") or 1)
        operations += steps * max(bodies)
    inputs = dict.fromkeys(e.inputs)
    own_bytes = count_bytes(e, shapes)
    moved = 0 if e.op.name in VIEW_OPS else own_bytes + sum(count_bytes(i, shapes) for i in inputs)
    elements = sum(map(math.prod, shapes[e]))
    return CostRow(e, operations, elements, own_bytes, moved, count_parameters(inputs, shapes))


def count_parameters(expressions: Iterable[Expr], shapes: Mapping[Expr, list[Sizes]]) -> int:
    return sum(math.prod(shapes[e][0]) for e in expressions if isinstance(e, Shared))


def count_bytes(e: Expr, shapes: Mapping[Expr, list[Sizes]]) -> int:
    return sum(math.prod(shape) * t.dtype.itemsize for shape, t in zip(shapes[e], e.types, strict=True))


def estimate_peak_memory(outputs: Sequence[Expr], order: Sequence[Expr], shapes: Mapping[Expr, list[Sizes]]) -> int:
    """Return the peak number of bytes of results, if each is freed after its last use."""
    base: dict[Expr, Expr] = {}
    for e in order:
        base[e] = base[e.inputs[0]] if e.op is OUTPUT or (e.op is not None and e.op.name in VIEW_OPS) else e
    last_use = {base[i]: e for e in order for i in e.inputs}
    kept = {base[e] for e in outputs}
    live = peak = 0
    for e in order:
        if base[e] is e and e.op is not None:
            live += count_bytes(e, shapes)
            peak = max(peak, live)
        finished = {base[i] for i in e.inputs if last_use[base[i]] is e and base[i] not in kept}
        live -= sum(count_bytes(i, shapes) for i in finished if i.op is not None)
    return peak


def count_step_operations(e: Expr, body: Subgraph, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> int:
    """Return the operations of one step of a loop, inside which sequences have no first axis."""
    given = {
        inner: shapes[outer][0][outer.ndim - inner.ndim :] for inner, outer in zip(body.inputs, e.inputs, strict=True)
    }
    order = topological(body.outputs)
    inside = infer_shapes(order, sizes, given)
    return sum(compute_row(i, inside, sizes).operations for i in order if i.op is not None and i.op is not OUTPUT)


def infer_shapes(
    order: Sequence[Expr], sizes: Mapping[str, int], given: Mapping[Expr, Sizes]
) -> dict[Expr, list[Sizes]]:
    """Infer the shapes of all results of expressions in topological order; ``given`` are known shapes."""
    shapes: dict[Expr, list[Sizes]] = {}
    for e in order:
        if e in given:
            shapes[e] = [given[e]]
        elif e.op is OUTPUT:
            shapes[e] = [shapes[e.inputs[0]][e.settings["index"]]]
        else:
            shapes[e] = [tuple(resolve_size(d, e, sizes) for d in s) for s in infer_result_shapes(e, shapes, sizes)]
    return shapes


def infer_result_shapes(e: Expr, shapes: Mapping[Expr, list[Sizes]], sizes: Mapping[str, int]) -> list[Shape]:
    """Return the declared shapes of an op's results, or infer them again if a size is unknown."""
    declared = [t.shape for t in e.types]
    if e.op is None or not any(isinstance(d, Unknown) for shape in declared for d in shape):
        return declared
    operands = tuple(i if i.shape == shapes[i][0] else Input(i.name, shapes[i][0], i.dtype) for i in e.inputs)
    settings = e.settings
    if "shape" in settings and e.op.normalize is not None:
        settings["shape"] = tuple(-1 if isinstance(d, Unknown) else sizes.get(d, d) for d in settings["shape"])
        settings = e.op.normalize(*operands, **settings)
    return [t.shape for t in e.op.infer_types(operands, tuple(settings.items()))]


def resolve_size(dim: Dim, e: Expr, sizes: Mapping[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    if isinstance(dim, Unknown):
        raise ShapeError(
            f"The cost of {e} depends on an unnamed size. Name it when you create its inputs: shape=('n', ...)"
        )
    names = [dim] if dim in sizes else list(read_dim(dim).list_names())
    missing = next((name for name in names if name not in sizes), None)
    if missing is not None:
        raise ShapeError(f"The cost of {e} depends on the size {missing}. Pass it: sizes={{{missing!r}: 128}}")
    # Formulas are simplified for sizes of 1 or more, and a slice of an empty axis is empty.
    return sizes[dim] if dim in sizes else max(0, read_dim(dim).evaluate(sizes))


def check_size_names(sizes: Mapping[str, int], outputs: Sequence[Expr]) -> None:
    """Check that each name is a dimension of an expression."""
    dims: list[Dim] = [d for e in topological(outputs) for t in e.types for d in t.shape]
    names = {name for d in dims if is_name(d) for name in read_dim(d).list_names()}
    for name in sizes:
        if name not in names:
            raise ShapeError(f"No dimension is named {name!r}.{near_miss(name, names)} Received: sizes={dict(sizes)}")
