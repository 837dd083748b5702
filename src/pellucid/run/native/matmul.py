"""Products of matrices for shapes that are known: rows of the result stay in vector registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.run.native.elementwise import type_of
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import Indices, linear, stride

if TYPE_CHECKING:
    from pellucid.run.native.loop_nests import Plain

ROWS = 8
"""How many rows of a result are computed at once."""

VECTORS = 24
"""How many vectors of sums fit into registers beside the operands."""

CHAINS = 4
"""How many sums are formed beside one another where there are few, since each addition waits for the one before."""

BYTES = 64
"""Of a vector."""

MANY = 4
"""From how many elements of a row on vectors are worth it."""


@dataclass
class Product:
    """The axes of a product: those of both operands, of one alone, and those that are summed over."""

    e: Equation
    left: Value
    right: Value
    left_axes: dict[str, list[int]]
    right_axes: dict[str, list[int]]

    @classmethod
    def of(cls, e: Equation) -> Product:
        """Read the axes of a product."""
        left, right = e.inputs
        (left_sum, right_sum), (left_batch, right_batch) = e.params["dimension_numbers"]
        rest = [
            [a for a in range(x.ndim) if a not in (*over, *batch)]
            for x, over, batch in ((left, left_sum, left_batch), (right, right_sum, right_batch))
        ]
        return cls(
            e,
            left,
            right,
            {"batch": list(left_batch), "free": rest[0], "sum": list(left_sum)},
            {"batch": list(right_batch), "free": rest[1], "sum": list(right_sum)},
        )

    def turned(self) -> Product:
        """Return the product with its operands exchanged, for results in which no order of axes is lost."""
        return Product(self.e, self.right, self.left, self.right_axes, self.left_axes)

    def without_ones(self) -> Product:
        """Return the product without the axes of one element that are not summed over: nothing is done along them."""
        left, right = (
            {**axes, "free": [a for a in axes["free"] if x.shape[a] != 1]}
            for axes, x in ((self.left_axes, self.left), (self.right_axes, self.right))
        )
        return Product(self.e, self.left, self.right, left, right)

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of the result, but for those of one element."""
        left, right = self.sizes(self.left_axes, self.left, "free"), self.sizes(self.right_axes, self.right, "free")
        return (*self.sizes(self.left_axes, self.left, "batch"), *left, *right)

    @property
    def width(self) -> int:
        """The length of a row."""
        return self.right.shape[self.right_axes["free"][0]]

    def sizes(self, axes: dict[str, list[int]], x: Value, kind: str) -> list[int]:
        """Return the lengths of some axes."""
        return [x.shape[a] for a in axes[kind]]


def dot(plain: Plain, e: Equation) -> None:
    """Write a product."""
    p = Product.of(e).without_ones()
    if not p.right_axes["free"] and len(p.left_axes["free"]) == 1:
        near = stride(p.left, p.left_axes["free"][0], plain.is_stored) == 1
        p = p.turned() if near or stays(plain, p.left, p.left_axes) else p
    name = plain.array(e.result)
    batch = p.sizes(p.left_axes, p.left, "batch")
    rows, columns = p.sizes(p.left_axes, p.left, "free"), p.sizes(p.right_axes, p.right, "free")
    deep = p.sizes(p.left_axes, p.left, "sum")
    width = int(np.prod(columns, dtype=int))
    with plain.text.loops(batch) as b:
        if width >= MANY and len(columns) == 1 and len(rows) <= 1 and e.result.dtype.kind == "f":
            tiled(plain, p, name, b, rows, columns[0], deep)
            return
        with plain.text.loops([*rows, *columns]) as place:
            total = plain.text.fresh("t")
            plain.text.add(f"{type_of(e.result.dtype)} {total} = 0;")
            note = f"#pragma omp simd reduction(+:{total})" if e.result.dtype.kind == "f" else None
            with plain.text.loops(deep, note) as k:
                left, right = pair(plain, p, b, place[: len(rows)], place[len(rows) :], k)
                plain.text.add(f"{total} += {left} * {right};")
            plain.text.add(f"{name}[{linear(p.shape, [*b, *place])}] = {total};")


def pair(plain: Plain, p: Product, b: Indices, m: Indices, n: Indices, k: Indices) -> tuple[str, str]:
    """Write an element of either operand."""
    return (
        plain.at(p.left, arranged(p.left_axes, p.left.ndim, b, m, k)),
        plain.at(p.right, arranged(p.right_axes, p.right.ndim, b, n, k)),
    )


def arranged(axes: dict[str, list[int]], ndim: int, batch: Indices, free: Indices, over: Indices) -> Indices:
    """Put indices in the order of an operand's axes."""
    found = ["0"] * ndim
    for kind, given in (("batch", batch), ("free", free), ("sum", over)):
        for axis, index in zip(axes[kind], given, strict=True):
            found[axis] = index
    return found


def tiled(plain: Plain, p: Product, name: str, b: Indices, rows: list[int], width: int, deep: list[int]) -> None:
    """Write a product whose rows are vectors: some rows at once, so that each vector of the right side serves all."""
    lanes = BYTES // p.e.result.dtype.itemsize
    count = (rows or [1])[0]
    near = stride(p.right, p.right_axes["free"][0], plain.is_stored) == 1 and p.right.dtype == p.e.result.dtype
    if not near or (width % lanes and count >= ROWS):
        packed = packed_once(plain, p, b, width, deep, lanes)
        pieces = [(s, lanes) for s in range(0, width, lanes)]
    else:
        packed, pieces = "", parts(width, lanes)
    step = max(1, min(ROWS, VECTORS // max(len(pieces), 1)))
    for start in range(0, len(pieces), VECTORS):
        some = pieces[start : start + VECTORS]
        if not rows:
            Panel(plain, p, name, b, [], some, deep, packed).write()
            continue
        whole = count // step
        with plain.text.loop(whole) as block:
            first = "0" if block == "0" else f"{block} * {step}"
            Panel(plain, p, name, b, [f"{first} + {j}" for j in range(step)], some, deep, packed).write()
        if rest := count - whole * step:
            Panel(plain, p, name, b, [f"{whole * step + j}" for j in range(rest)], some, deep, packed).write()


def parts(width: int, lanes: int) -> list[tuple[int, int]]:
    """Cut a row into vectors, the last ones shorter.

    Examples
    --------
    >>> parts(26, 16)
    [(0, 16), (16, 8), (24, 2)]
    """
    found, at = [], 0
    while at < width:
        while lanes > width - at:
            lanes //= 2
        found.append((at, lanes))
        at += lanes
    return found


def packed_once(plain: Plain, p: Product, b: Indices, width: int, deep: list[int], lanes: int) -> str:
    """Copy the right side, before the loop that is being written if nothing in it changes what is copied."""
    name = plain.text.fresh("p")
    if not stays(plain, p.right, p.right_axes):
        pack(plain, name, p, b, width, deep, lanes)
        return name
    strides = tuple(stride(p.right, a, plain.is_stored) for a in range(p.right.ndim))
    key = (plain.root(p.right), strides, tuple(p.right_axes["sum"]), p.right.shape)
    return plain.before_loop(key, name, lambda: pack(plain, name, p, b, width, deep, lanes))


def stays(plain: Plain, x: Value, axes: dict[str, list[int]]) -> bool:
    """Tell whether an operand is one matrix that is the same in every turn of the loop that is being written."""
    return not axes["batch"] and plain.hoisting is not None and plain.root(x) in plain.hoisting[2]


def pack(plain: Plain, name: str, p: Product, b: Indices, width: int, deep: list[int], lanes: int) -> None:
    """Copy the right side so that its rows are whole vectors, filled up with zeros."""
    padded = -(-width // lanes) * lanes
    plain.room(name, p.e.result.dtype, int(np.prod(deep, dtype=int)) * padded)
    start = [["0"] * len(x) for x in (p.left_axes["free"], p.right_axes["free"], deep)]
    strides = [
        stride(p.right, p.right_axes[kind][0], plain.is_stored) for kind in ("free", "sum") if p.right_axes[kind]
    ]
    if strides[1:] == [1] and strides[0] is not None and len(deep) == 1 and p.right.dtype == p.e.result.dtype:
        first = pair(plain, p, b, *start)[1]
        kind = type_of(p.right.dtype)
        plain.text.add(f"turned_{kind}({name}, {padded}, &{first}, {strides[0]}, {deep[0]}, {width});")
    else:
        with plain.text.loops(deep) as k:
            row = linear(tuple(deep), k)
            with plain.text.loop(width, plain.text.fresh(), "#pragma omp simd") as n:
                right = pair(plain, p, b, start[0], [n], k)[1]
                plain.text.add(f"{name}[({row}) * {padded} + {n}] = {right};")
    if padded != width:
        with plain.text.loops(deep) as k, plain.text.loop(padded - width, plain.text.fresh()) as n:
            plain.text.add(f"{name}[({linear(tuple(deep), k)}) * {padded} + {width} + {n}] = 0;")


@dataclass
class Panel:
    """Some rows of a result, held in registers until the sums are whole.

    Attributes
    ----------
    plain, product, name
        What writes, of what, into which array.
    batch, rows : list of str
        The indices of the matrices and of the rows; no rows for a vector.
    pieces : list of (int, int)
        The vectors that make a row: where each begins, and how long it is.
    deep : list of int
        What is summed over.
    packed : str
        The copy of the right side, if there is one.
    """

    plain: Plain
    product: Product
    name: str
    batch: Indices
    rows: Indices
    pieces: list[tuple[int, int]]
    deep: list[int]
    packed: str

    def write(self) -> None:
        """Write the sums, several chains of them where there are few, and then the rows."""
        text, deep, kind = self.plain.text, self.deep, type_of(self.product.e.result.dtype)
        places = [(j, s, n) for j in range(max(len(self.rows), 1)) for s, n in self.pieces]
        chains = CHAINS if len(places) < CHAINS and deep and deep[-1] >= 2 * CHAINS else 1
        parts: list[dict[tuple[int, int], str]] = [{} for _ in range(chains)]
        for sums in parts:
            for j, s, n in places:
                sums[j, s] = text.fresh("c")
                text.add(f"{kind}_x{n} {sums[j, s]} = {{0}};")
        with text.loops([*deep[:-1], deep[-1] // chains] if deep else []) as k:
            for number, sums in enumerate(parts):
                last = [f"({k[-1]} * {chains} + {number})" if chains > 1 else k[-1]] if k else []
                self.multiply([*k[:-1], *last], sums)
        for rest in range(deep[-1] // chains * chains, deep[-1]) if deep else ():
            with text.loops(deep[:-1]) as k:
                self.multiply([*k, str(rest)], parts[0])
        for sums in parts[1:]:
            for place, c in sums.items():
                text.add(f"{parts[0][place]} += {c};")
        for j, s, n in places:
            self.keep(parts[0][j, s], self.rows[j : j + 1], s, n)

    def multiply(self, k: Indices, sums: dict[tuple[int, int], str]) -> None:
        """Write what one element of the sum adds to every vector of the result."""
        text, kind = self.plain.text, type_of(self.product.e.result.dtype)
        row, nowhere = linear(tuple(self.deep), k), ["0"] * len(self.product.left_axes["free"])
        vectors = {}
        for s, n in self.pieces:
            v = vectors[s] = text.fresh("b")
            if self.packed:
                element = f"{self.packed}[({row}) * {-(-self.product.width // n) * n} + {s}]"
            else:
                element = pair(self.plain, self.product, self.batch, nowhere, [str(s)], k)[1]
            text.add(f"{kind}_x{n} {v} = *(const {kind}_x{n} *)&{element};")
        for j, m in enumerate(self.rows or [""]):
            factor = text.fresh("a")
            left = pair(self.plain, self.product, self.batch, [m] if self.rows else [], ["0"], k)[0]
            text.add(f"const {kind} {factor} = {left};")
            for s, _ in self.pieces:
                text.add(f"{sums[j, s]} += {factor} * {vectors[s]};")

    def keep(self, c: str, row: Indices, s: int, n: int) -> None:
        """Write a vector into the result, as much of it as belongs there."""
        result = self.product.e.result
        at = f"{self.name}[{linear(self.product.shape, [*self.batch, *row, str(s)])}]"
        room = self.product.width - s
        if n <= room:
            self.plain.text.add(f"*({type_of(result.dtype)}_x{n} *)&{at} = {c};")
        else:
            self.plain.text.add(f"for (int l = 0; l < {room}; l++) (&{at})[l] = {c}[l];")
