r"""Sums of products in Einstein's index notation.

One op holds them, because index notation is closed under differentiation: the gradient by one operand is again a sum
of products, with that operand's indices in the place of the result's. So it reads as it is derived in a textbook, for
any number of operands and to any order.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.permute import transpose
from pellucid.graph.printing import ATOM, Piece
from pellucid.graph.types import Dim, Type, broadcast_dims, shape_text, unify


def _examples(rng: np.random.Generator) -> list[Any]:
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(2, 3, 4))
    return [
        ((a, b), {"subscripts": "ij,jk->ik"}),
        ((a, c, b), {"subscripts": "ij,kij,jl->lk"}),
        ((a, b), {"subscripts": "ij,kl->ki"}),
    ]


def split_subscripts(subscripts: str) -> tuple[list[str], str]:
    """Return the indices of each operand, and those of the result."""
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


def sizes_of_indices(subscripts: str, shapes: Sequence[Sequence[Any]]) -> dict[str, Dim]:
    """Return the size of each index, and refuse one that has two."""
    sizes: dict[str, Dim] = {}
    for indices, shape in zip(split_subscripts(subscripts)[0], shapes, strict=True):
        for index, size in zip(indices, shape, strict=True):
            both = unify(sizes.get(index, size), size)
            if both is None:
                listed = " and ".join(shape_text(tuple(s)) for s in shapes)
                raise ShapeError(
                    f"einsum: index {index} of {subscripts!r} is {sizes[index]} in one operand and {size} in another. "
                    f"Received: shapes {listed}"
                )
            sizes[index] = both
    return sizes


def _infer(*operands: Expr, subscripts: str) -> Type:
    sizes = sizes_of_indices(subscripts, [x.shape for x in operands])
    return Type(tuple(sizes[i] for i in split_subscripts(subscripts)[1]), operands[0].dtype)


def _grad(g: Any, y: Any, *operands: Any, subscripts: str) -> list[Any]:
    inputs, output = split_subscripts(subscripts)
    gradients = []
    for position, indices in enumerate(inputs):
        others = [o for p, o in enumerate(operands) if p != position]
        theirs = [i for p, i in enumerate(inputs) if p != position]
        # An index that stands nowhere else was summed alone: the gradient is the same all along it.
        alone = tuple(a for a, i in enumerate(indices) if i not in output and not any(i in t for t in theirs))
        wanted = "".join(i for a, i in enumerate(indices) if a not in alone)
        if output or not others:
            product = contract([g, *others], [output, *theirs], wanted)
        else:
            product = g * contract(others, theirs, wanted)
        gradients.append(call("expand_dims", product, alone) if alone else product)
    return gradients


def _cost(node: Expr, size: Any) -> Any:
    subscripts = node.settings["subscripts"]
    sizes: dict[str, Any] = {}
    for indices, operand in zip(split_subscripts(subscripts)[0], node.inputs, strict=True):
        sizes |= {i: size(operand, axis) for axis, i in enumerate(indices)}
    total = len(node.inputs)
    for s in sizes.values():
        total = total * s
    return total


def _text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    pieces: list[Piece] = [f"einsum({settings.get('subscripts', '...')!r}"]
    for operand in operands:
        pieces += [", ", (operand, 0)]
    return [*pieces, ")"]


def _tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    if "subscripts" not in settings:  # a pattern, which fits any
        return [r"\sum ", *[(operand, ATOM) for operand in operands]]
    inputs, output = split_subscripts(settings["subscripts"])
    summed = "".join(dict.fromkeys(i for indices in inputs for i in indices if i not in output))
    pieces: list[Piece] = [r"\left[" + (rf"\sum_{{{summed}}} " if summed else "")]
    for operand, indices in zip(operands, inputs, strict=True):
        pieces += [(operand, ATOM), f"_{{{indices}}} " if indices else " "]
    return [*pieces, rf"\right]_{{{output}}}" if output else r"\right]"]


@op(
    tex=_tex,
    text=_text,
    infer=_infer,
    promotes=True,
    grad=_grad,
    examples=_examples,
    cost=_cost,
    behind="einsum",
)
def sum_of_products(xp: Any, *operands: Any, subscripts: Any = "") -> Any:
    r"""Sum of products in explicit index notation, :math:`y_{ik} = \sum_j x_{ij} z_{jk}` for ``"ij,jk->ik"``.

    What `einsum` writes once diagonals are taken, ellipses are spelt out, and every index has one size.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum_of_products(pel.matrix("A"), pel.matrix("B"), subscripts="ij,jk->ik")
    einsum('ij,jk->ik', A, B)
    """
    sizes_of_indices(subscripts, [x.shape for x in operands])
    return xp.einsum(subscripts, *operands, optimize=True)


@public
def einsum(subscripts: str, *operands: Any) -> Any:
    r"""Sum of products in Einstein's notation, :math:`y_{ik} = \sum_j x_{ij} z_{jk}` for ``"ij,jk->ik"``.

    Parameters
    ----------
    subscripts : str
        A letter for each axis of each operand, with commas between the operands, ``->`` and the letters of the result.
        Letters that the result lacks are summed over. Without ``->`` the result has the letters that stand once, in
        alphabetical order. A letter that one operand has twice takes its diagonal. ``...`` stands for further axes,
        which broadcast.
    *operands : Expr or array
        Arrays. Several are multiplied two at a time, in the order that NumPy or XLA finds cheapest.

    Returns
    -------
    Expr
        With the axes of the result's letters.

    Raises
    ------
    ShapeError
        For subscripts that are not well-formed or do not fit the operands, naming the letter and both sizes.

    Examples
    --------
    >>> import pellucid as pel
    >>> A, B = pel.matrix("A", shape=("n", 3)), pel.matrix("B", shape=(3, 2))
    >>> y = pel.einsum("ij,jk->ik", A, B)
    >>> y.shape
    ('n', 2)
    >>> pel.grad(y.sum(), B).shape
    (3, 2)

    References
    ----------
    A. Einstein, Die Grundlage der allgemeinen Relativitätstheorie, Annalen der Physik 354 (1916), section 5.
    """
    if not isinstance(subscripts, str):
        raise ShapeError(f"einsum: expected subscripts such as 'ij,jk->ik' first. Received: {subscripts!r}")
    arrays = [as_expr(x) for x in operands]
    inputs, output = spelt_out(subscripts, arrays)
    for position, indices in enumerate(inputs):
        arrays[position], inputs[position] = without_repeats(arrays[position], indices)
    return contract(*without_ones(arrays, inputs), output)


def spelt_out(subscripts: str, arrays: Sequence[Expr]) -> tuple[list[str], str]:
    """Return the indices of each operand and of the result, with letters in the place of ellipses."""
    written = subscripts.replace(" ", "")
    left, arrow, output = written.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(arrays):
        raise ShapeError(f"einsum: {subscripts!r} is for {len(inputs)} operands. Received: {len(arrays)}")
    free = [c for c in string.ascii_uppercase[::-1] + string.ascii_lowercase[::-1] if c not in written]
    most = 0
    for position, (indices, x) in enumerate(zip(inputs, arrays, strict=True)):
        count = x.ndim - len(indices.replace("...", ""))
        if count < 0 or (count and "..." not in indices):
            raise ShapeError(
                f"einsum: {indices!r} in {subscripts!r} has {len(indices.replace('...', ''))} indices, and {x}, of "
                f"shape {shape_text(x.shape)}, has {x.ndim} axes"
            )
        most = max(most, count)
        inputs[position] = indices.replace("...", "".join(free[:count][::-1]), 1)
    rest = "".join(free[:most][::-1])
    if not arrow:
        once = sorted({c for c in left if c.isalpha() and left.count(c) == 1})
        output = rest + "".join(once)
    output = output.replace("...", rest, 1)
    check_letters(subscripts, inputs, output)
    return inputs, output


def check_letters(subscripts: str, inputs: Sequence[str], output: str) -> None:
    """Refuse subscripts that are no letters, or a result that has a letter twice or one of nobody's."""
    for character in "".join(inputs) + output:
        if character not in string.ascii_letters:
            raise ShapeError(f"einsum: expected letters, commas, ... and ->. Received: {character!r} in {subscripts!r}")
    for index in output:
        if output.count(index) > 1:
            raise ShapeError(f"einsum: the result of {subscripts!r} has the index {index} twice")
        if not any(index in indices for indices in inputs):
            raise ShapeError(f"einsum: the result of {subscripts!r} has the index {index}, which no operand has")


def without_repeats(x: Expr, indices: str) -> tuple[Expr, str]:
    """Take diagonals until each index of an operand stands once."""
    for index in dict.fromkeys(indices):
        while indices.count(index) > 1:
            first, second = [a for a, i in enumerate(indices) if i == index][:2]
            if unify(x.shape[first], x.shape[second]) is None:
                raise ShapeError(
                    f"einsum: index {index} stands for both {x.shape[first]} and {x.shape[second]} in the shape "
                    f"{shape_text(x.shape)} of {x}"
                )
            x = call("diagonal", x, 0, first, second)
            indices = "".join(i for a, i in enumerate(indices) if a not in (first, second)) + index
    return x, indices


def without_ones(arrays: Sequence[Expr], inputs: Sequence[str]) -> tuple[list[Expr], list[str]]:
    """Take away axes of length 1 that stand beside longer ones of the same index, along which they would broadcast."""
    longest: dict[str, Dim] = {}
    for x, indices in zip(arrays, inputs, strict=True):
        for index, dim in zip(indices, x.shape, strict=True):
            longest[index] = broadcast_dims(longest.get(index, 1), dim) or dim
    new_arrays, new_inputs = [], []
    for x, indices in zip(arrays, inputs, strict=True):
        ones = tuple(a for a, i in enumerate(indices) if x.shape[a] == 1 and longest[i] != 1)
        new_arrays.append(call("squeeze", x, axis=ones) if ones else x)
        new_inputs.append("".join(i for a, i in enumerate(indices) if a not in ones))
    return new_arrays, new_inputs


def contract(arrays: Sequence[Expr], inputs: Sequence[str], output: str) -> Expr:
    """Write a sum of products: of one operand as a sum and an order of axes, of several as it is."""
    if len(arrays) > 1:
        product: Expr = sum_of_products(*arrays, subscripts=f"{','.join(inputs)}->{output}")
        return product
    [x], [indices] = arrays, inputs
    summed = tuple(a for a, i in enumerate(indices) if i not in output)
    x = call("sum", x, axis=summed) if summed else x
    left = [i for i in indices if i in output]
    order = tuple(left.index(i) for i in output)
    return transpose(x, order) if order != tuple(range(x.ndim)) else x
