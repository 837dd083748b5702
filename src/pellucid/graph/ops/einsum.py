r"""Einstein summation, and the contractions tensordot, inner and vdot.

Index notation is closed under differentiation: the gradient with respect to an operand is an einsum of the other
operands, with the indices of that operand as its output. One op therefore covers any number of operands and any order
of derivative.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand, separate_operands
from pellucid.graph.ops.matmul import matmul
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.precedence import ATOM
from pellucid.graph.types import Dim, Type, broadcast_dim, format_shape, normalize_axis, unify


def _examples(rng: np.random.Generator) -> list[Example]:
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(2, 3, 4))
    return [
        ((a, b), {"subscripts": "ij,jk->ik"}),
        ((a, c, b), {"subscripts": "ij,kij,jl->lk"}),
        ((a, b), {"subscripts": "ij,kl->ki"}),
    ]


def split_subscripts(subscripts: str) -> tuple[list[str], str]:
    """Return the indices of each operand and of the result."""
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


def infer_index_sizes(subscripts: str, shapes: Sequence[Sequence[Dim]]) -> dict[str, Dim]:
    """Return the size of each index; raise an error if two operands disagree."""
    sizes: dict[str, Dim] = {}
    for indices, shape in zip(split_subscripts(subscripts)[0], shapes, strict=True):
        for index, size in zip(indices, shape, strict=True):
            both = unify(sizes.get(index, size), size)
            if both is None:
                raise make_size_error(subscripts, shapes, index, sizes[index], size)
            sizes[index] = both
    return sizes


def check_index_sizes(subscripts: str, shapes: Sequence[Sequence[int]]) -> None:
    """Raise an error if two operands have other sizes for one index."""
    sizes: dict[str, int] = {}
    for indices, shape in zip(split_subscripts(subscripts)[0], shapes, strict=True):
        for index, size in zip(indices, shape, strict=True):
            if sizes.setdefault(index, size) != size:
                raise make_size_error(subscripts, shapes, index, sizes[index], size)


def make_size_error(
    subscripts: str, shapes: Sequence[Sequence[Any]], index: str, first: Any, second: Any
) -> ShapeError:
    received = " and ".join(format_shape(tuple(s)) for s in shapes)
    return ShapeError(
        f"einsum: index {index} of {subscripts!r} is {first} in one operand and {second} in another. Received: shapes "
        f"{received}"
    )


def infer_einsum(*operands: Expr, subscripts: str) -> Type:
    sizes = infer_index_sizes(subscripts, [x.shape for x in operands])
    return Type(tuple(sizes[i] for i in split_subscripts(subscripts)[1]), operands[0].dtype)


def _grad(g: Expr, y: Expr, *operands: Expr, subscripts: str) -> list[Expr]:
    inputs, output = split_subscripts(subscripts)
    gradients = []
    for position, indices in enumerate(inputs):
        others = [o for p, o in enumerate(operands) if p != position]
        other_indices = [i for p, i in enumerate(inputs) if p != position]
        # An index that appears nowhere else was only summed over: the gradient is constant along it.
        constant = tuple(a for a, i in enumerate(indices) if i not in output and not any(i in t for t in other_indices))
        varying = "".join(i for a, i in enumerate(indices) if a not in constant)
        if output or not others:
            product = contract([g, *others], [output, *other_indices], varying)
        else:
            product = g * contract(others, other_indices, varying)
        gradients.append(call_op("expand_dims", product, constant) if constant else product)
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


def _text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    return [f"einsum({settings.get('subscripts', '...')!r}, ", *separate_operands(operands), ")"]


def _tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    if "subscripts" not in settings:  # the left side of a rewrite rule, which matches any subscripts
        return [r"\sum ", *[(operand, ATOM) for operand in operands]]
    inputs, output = split_subscripts(settings["subscripts"])
    summed = "".join(dict.fromkeys(i for indices in inputs for i in indices if i not in output))
    pieces: list[TemplatePiece] = [r"\left[" + (rf"\sum_{{{summed}}} " if summed else "")]
    for operand, indices in zip(operands, inputs, strict=True):
        pieces += [(operand, ATOM), f"_{{{indices}}} " if indices else " "]
    return [*pieces, rf"\right]_{{{output}}}" if output else r"\right]"]


@op(
    tex=_tex, text=_text, infer=infer_einsum, promotes=True, grad=_grad, examples=_examples, cost=_cost, behind="einsum"
)
def sum_of_products(xp: ArrayNamespace, *operands: NamespaceArray, subscripts: str = "") -> NamespaceArray:
    r"""Einsum with explicit subscripts, :math:`y_{ik} = \sum_j x_{ij} z_{jk}` for ``"ij,jk->ik"``.

    The op behind `einsum`, which expands ellipses, takes diagonals and squeezes broadcast axes first.

    Parameters
    ----------
    *operands : Expr or array
        One array for each term of the subscripts.
    subscripts : str
        Axes of the operands and of the result, as in `einsum`.

    Examples
    --------
    >>> pel.sum_of_products(pel.matrix("A"), pel.matrix("B"), subscripts="ij,jk->ik")
    einsum('ij,jk->ik', A, B)
    """
    check_index_sizes(subscripts, [x.shape for x in operands])
    return xp.einsum(subscripts, *operands, optimize=True)


@register_function
def einsum(subscripts: str, *operands: Operand) -> Expr:
    r"""Einstein summation, :math:`y_{ik} = \sum_j x_{ij} z_{jk}` for ``"ij,jk->ik"``.

    Parameters
    ----------
    subscripts : str
        One letter per axis of each operand, operands separated by commas, then ``->`` and the letters of the result.
        Letters missing from the result are summed over. Without ``->`` the result has the letters that appear once,
        in alphabetical order. A letter that appears twice in one operand takes its diagonal. ``...`` matches any
        remaining axes, which broadcast.
    *operands : Expr or array
        Arrays. More than two are contracted in pairs, in the order that NumPy or XLA finds cheapest.

    Returns
    -------
    Expr
        Array with one axis per letter of the result.

    Raises
    ------
    ShapeError
        If the subscripts are malformed or do not match the operands.

    Examples
    --------
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
        raise ShapeError(
            f"einsum: expected subscripts such as 'ij,jk->ik' as the first argument. Received: {subscripts!r}"
        )
    arrays = [as_expr(x) for x in operands]
    inputs, output = _expand_subscripts(subscripts, arrays)
    for position, indices in enumerate(inputs):
        arrays[position], inputs[position] = _take_diagonals(arrays[position], indices)
    return contract(*_squeeze_broadcast_axes(arrays, inputs), output)


def _expand_subscripts(subscripts: str, arrays: Sequence[Expr]) -> tuple[list[str], str]:
    """Return the indices of each operand and of the result, with ellipses replaced by letters."""
    stripped = subscripts.replace(" ", "")
    left, arrow, output = stripped.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(arrays):
        raise ShapeError(f"einsum: {subscripts!r} expects {len(inputs)} operands. Received: {len(arrays)}")
    free = [c for c in string.ascii_uppercase[::-1] + string.ascii_lowercase[::-1] if c not in stripped]
    longest = 0
    for position, (indices, x) in enumerate(zip(inputs, arrays, strict=True)):
        count = x.ndim - len(indices.replace("...", ""))
        if count < 0 or (count and "..." not in indices):
            raise ShapeError(
                f"einsum: the number of indices in {indices!r}, {x.ndim - count}, does not match the {x.ndim} axes of "
                f"{format_operand(x)}. Received: {subscripts!r}"
            )
        longest = max(longest, count)
        inputs[position] = indices.replace("...", "".join(free[:count][::-1]), 1)
    ellipsis = "".join(free[:longest][::-1])
    if not arrow:
        once = sorted({c for c in left if c.isalpha() and left.count(c) == 1})
        output = ellipsis + "".join(once)
    output = output.replace("...", ellipsis, 1)
    _check_letters(subscripts, inputs, output)
    return inputs, output


def _check_letters(subscripts: str, inputs: Sequence[str], output: str) -> None:
    for character in "".join(inputs) + output:
        if character not in string.ascii_letters:
            raise ShapeError(f"einsum: expected letters, commas, ... and ->. Received: {character!r} in {subscripts!r}")
    for index in output:
        if output.count(index) > 1:
            raise ShapeError(f"einsum: index {index} appears twice in the result of {subscripts!r}")
        if not any(index in indices for indices in inputs):
            raise ShapeError(f"einsum: index {index} in the result of {subscripts!r} appears in no operand")


def _take_diagonals(x: Expr, indices: str) -> tuple[Expr, str]:
    """Take diagonals until no index of an operand is repeated."""
    for index in dict.fromkeys(indices):
        while indices.count(index) > 1:
            first, second = [a for a, i in enumerate(indices) if i == index][:2]
            if unify(x.shape[first], x.shape[second]) is None:
                raise ShapeError(
                    f"einsum: the repeated index {index} has the sizes {x.shape[first]} and {x.shape[second]} in the "
                    f"shape {format_shape(x.shape)} of {x}. They must be equal"
                )
            x = call_op("diagonal", x, 0, first, second)
            indices = "".join(i for a, i in enumerate(indices) if a not in (first, second)) + index
    return x, indices


def _squeeze_broadcast_axes(arrays: Sequence[Expr], inputs: Sequence[str]) -> tuple[list[Expr], list[str]]:
    """Squeeze axes of length 1 whose index is longer in another operand, so that they need not broadcast."""
    longest: dict[str, Dim] = {}
    for x, indices in zip(arrays, inputs, strict=True):
        for index, dim in zip(indices, x.shape, strict=True):
            longest[index] = broadcast_dim(longest.get(index, 1), dim) or dim
    new_arrays, new_inputs = [], []
    for x, indices in zip(arrays, inputs, strict=True):
        ones = tuple(a for a, i in enumerate(indices) if x.shape[a] == 1 and longest[i] != 1)
        new_arrays.append(call_op("squeeze", x, axis=ones) if ones else x)
        new_inputs.append("".join(i for a, i in enumerate(indices) if a not in ones))
    return new_arrays, new_inputs


def contract(arrays: Sequence[Expr], inputs: Sequence[str], output: str) -> Expr:
    """Build an einsum; with one operand, build a sum and a transpose instead."""
    if len(arrays) > 1:
        product: Expr = sum_of_products(*arrays, subscripts=f"{','.join(inputs)}->{output}")
        return product
    [x], [indices] = arrays, inputs
    summed = tuple(a for a, i in enumerate(indices) if i not in output)
    x = call_op("sum", x, axis=summed) if summed else x
    remaining = [i for i in indices if i in output]
    order = tuple(remaining.index(i) for i in output)
    return transpose(x, order) if order != tuple(range(x.ndim)) else x


def make_index_letters(count: int) -> str:
    """Return distinct letters for einsum subscripts, starting at i."""
    if count > len(string.ascii_letters):
        raise ShapeError(f"Expected at most {len(string.ascii_letters)} axes in all. Received: {count}")
    return (string.ascii_letters[8:] + string.ascii_letters[:8])[:count]


@register_function
def tensordot(a: Operand, b: Operand, axes: int | Sequence[int | Sequence[int]] = 2) -> Expr:
    r"""Tensor contraction of two arrays over axes, :math:`\sum_{kl} a_{ijkl} b_{klm}`.

    Parameters
    ----------
    a, b : Expr or array
        Arrays.
    axes : int or pair of (int or sequence of int)
        Number of last axes of ``a`` that are contracted with the first axes of ``b``, or the axes of each.

    Returns
    -------
    Expr
        Array with the remaining axes of ``a``, then those of ``b``.

    Raises
    ------
    ShapeError
        If the axes do not exist, or differ in number or length.

    Examples
    --------
    >>> pel.tensordot(pel.tensor3("a", shape=("n", 3, 4)), pel.matrix("b", shape=(4, 3)), axes=((1, 2), (1, 0))).shape
    ('n',)
    """
    a, b = as_expr(a), as_expr(b)
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: expected 0 to {min(a.ndim, b.ndim)} axes to sum over. Received: axes={axes}")
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    elif not isinstance(axes, (list, tuple, np.ndarray)) or len(axes) != 2:
        raise ShapeError(
            "tensordot: expected a number of axes, or the axes of each array, as in ((1, 2), (1, 0)). "
            f"Received: axes={axes!r}"
        )
    a_axes, b_axes = (
        [normalize_axis(i, x.ndim, "tensordot", x) for i in ([s] if isinstance(s, (int, np.integer)) else s)]
        for s, x in zip(axes, (a, b), strict=True)
    )
    if len(a_axes) != len(b_axes) or len(set(a_axes)) != len(a_axes) or len(set(b_axes)) != len(b_axes):
        raise ShapeError(
            f"tensordot: expected equally many axes of both arrays, without duplicates. Received: axes={a_axes, b_axes}"
        )
    if (a_axes, b_axes) == ([a.ndim - 1], [0]) and b.ndim <= 2:
        return matmul(a, b)
    letters = make_index_letters(a.ndim + b.ndim)
    first, second = list(letters[: a.ndim]), list(letters[a.ndim :])
    for i, j in zip(a_axes, b_axes, strict=True):
        second[j] = first[i]
    output = [i for p, i in enumerate(first) if p not in a_axes] + [j for p, j in enumerate(second) if p not in b_axes]
    return contract([a, b], ["".join(first), "".join(second)], "".join(output))


@register_function
def inner(a: Operand, b: Operand) -> Expr:
    r"""Contraction over the last axes, :math:`\sum_k a_{ik} b_{jk}`. With a scalar it is the product.

    Parameters
    ----------
    a, b : Expr or array
        Last axes of equal length.

    Examples
    --------
    >>> pel.inner(pel.matrix("A", shape=(2, 3)), pel.matrix("B", shape=(4, 3))).shape
    (2, 4)
    """
    a, b = as_expr(a), as_expr(b)
    return a * b if not a.ndim or not b.ndim else tensordot(a, b, axes=(-1, -1))


@register_function
def vdot(a: Operand, b: Operand) -> Expr:
    r"""Dot product of two flattened arrays, :math:`\sum_i a_i b_i`.

    Parameters
    ----------
    a, b : Expr or array
        Arrays with equally many elements.

    Examples
    --------
    >>> pel.vdot(pel.vector("a"), pel.vector("b"))
    a @ b
    """
    return matmul(ravel(a), ravel(b))
