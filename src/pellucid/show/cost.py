"""What a graph costs before it runs: arithmetic operations, elements and bytes, expression by expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import Body
from pellucid.graph.text import text
from pellucid.graph.types import Dim, Shape, Unknown
from pellucid.graph.walk import topological


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

    The step of a `scan` counts as often as it runs, in one row.

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
    known = dict(sizes or {})
    check_names(known, outputs)
    return Cost([row(e, known) for e in topological(outputs) if e.op is not None and e.op.name != "output"])


def row(e: Expr, sizes: Mapping[str, int]) -> Row:
    """Return what one expression costs."""
    shapes = [resolve(t.shape, e, sizes) for t in e.types]
    counts = [product(shape) for shape in shapes]
    spent = own_operations(e, sizes) + sum(
        shapes[0][0] * operations(body.outputs, inner_sizes(body, sizes)).operations
        for body in e.settings.values()
        if isinstance(body, Body)
    )
    return Row(e, spent, sum(counts), sum(n * t.dtype.itemsize for n, t in zip(counts, e.types, strict=True)))


def own_operations(e: Expr, sizes: Mapping[str, int]) -> int:
    """Ask an op what it costs."""
    assert e.op is not None

    def size(of: Expr, axis: int | None = None) -> int:
        shape = of.shape if axis is None else (of.shape[axis],)
        return product(resolve(shape, of, sizes))

    cost: Any = e.op.cost
    return int(cost(e, size) if callable(cost) else cost * size(e))


def inner_sizes(body: Body, sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the sizes that the graph inside an op uses."""
    used = names_in(body.outputs)
    return {name: size for name, size in sizes.items() if name in used}


def product(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape."""
    result = 1
    for size in shape:
        result *= size
    return result


def resolve(shape: Shape, e: Expr, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Put sizes in the place of names."""
    return tuple(resolve_dim(dim, e, sizes) for dim in shape)


def resolve_dim(dim: Dim, e: Expr, sizes: Mapping[str, int]) -> int:
    """Put a size in the place of a name."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, Unknown):
        raise ShapeError(
            f"The cost of {e} depends on a size without a name. Name it where its inputs are made: shape=('n', ...)"
        )
    if dim not in sizes:
        raise ShapeError(f"The cost of {e} depends on the size {dim}. Give it: sizes={{{dim!r}: 128}}")
    return sizes[dim]


def names_in(outputs: Sequence[Expr]) -> set[str]:
    """Return the names of all sizes in a graph."""
    dims = (d for e in topological(outputs) for t in e.types for d in t.shape)
    return {str(d) for d in dims if isinstance(d, str) and not isinstance(d, Unknown)}


def check_names(sizes: Mapping[str, int], outputs: Sequence[Expr]) -> None:
    """Refuse a size for a name that stands nowhere."""
    names = names_in(outputs)
    for name in sizes:
        if name not in names:
            raise ShapeError(f"No size is named {name!r}.{near_miss(name, names)} Received: sizes={dict(sizes)}")
