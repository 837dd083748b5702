r"""Array creation: arrays filled with one value, identity and triangular matrices, one-hot encodings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError, UseError, brief
from pellucid.graph.expr import Constant, Expr, Operand, OpSettings, as_expr, constant
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.index_spec import check_integer_indices
from pellucid.graph.ops.symbolic_sizes import as_sizes, has_known_axes, make_template
from pellucid.graph.range_rules import fixed
from pellucid.graph.types import Dim, DType, Type, as_dtype, as_shape, format_shape
from pellucid.graph.validation import check_integer

if TYPE_CHECKING:
    from pellucid.typing import DTypeLike


@register_function
def full(shape: Dim | Sequence[Dim], fill_value: Operand, dtype: DTypeLike | None = None) -> Expr:
    r"""Array of a given shape filled with one value, :math:`y_i = c`.

    Parameters
    ----------
    shape : int or tuple of int
        Shape. Sizes of other expressions and formulas of them are allowed, such as ``(x.shape[0] // 2, 3)``.
    fill_value : Expr, array or number
        Fill value; broadcasts to the shape.
    dtype : dtype, optional
        Defaults to the dtype of the value, which is `config.floatx` for a Python number.

    Returns
    -------
    Expr
        Filled array.

    Raises
    ------
    ShapeError
        If a dimension is a name that is not the size of an expression.

    Examples
    --------
    >>> pel.full((2, 3), 7.0).shape
    (2, 3)
    """
    value = as_expr(fill_value) if isinstance(fill_value, Expr) else constant(fill_value, dtype)
    if dtype is not None and value.dtype != as_dtype(dtype):
        value = call_op("cast", value, dtype=dtype)
    sizes = as_shape(as_sizes(shape))
    if has_known_axes(sizes):
        return call_op("broadcast_like", value, make_template(sizes))
    if any(isinstance(d, str) for d in sizes):
        raise ShapeError(
            f"full: expected integers, and sizes of expressions such as x.shape[0]. Received: "
            f"shape={format_shape(sizes)}. For the shape of another expression use full_like, zeros_like or ones_like"
        )
    return call_op("broadcast_to", value, sizes)


@register_function
def zeros(shape: Dim | Sequence[Dim], dtype: DTypeLike | None = None) -> Expr:
    r"""Array of zeros, :math:`y_i = 0`.

    Parameters
    ----------
    shape : int or tuple of int
        Shape. Sizes of other expressions and formulas of them are allowed, such as ``(x.shape[0] // 2, 3)``.
    dtype : dtype, optional
        Defaults to `config.floatx`.

    Returns
    -------
    Expr
        Array of zeros.

    Examples
    --------
    >>> pel.zeros(3).shape
    (3,)
    >>> x = pel.vector("x", shape=("n",))
    >>> pel.zeros((x.shape[0] // 2 + 1, 3)).shape
    ('n//2 + 1', 3)
    """
    return full(shape, 0, dtype)


@register_function
def ones(shape: Dim | Sequence[Dim], dtype: DTypeLike | None = None) -> Expr:
    r"""Array of ones, :math:`y_i = 1`. The parameters are those of `zeros`.

    Parameters
    ----------
    shape : int or tuple of int
        Shape.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> pel.ones(3).shape
    (3,)
    """
    return full(shape, 1, dtype)


@register_function
def full_like(x: Operand, fill_value: Operand, dtype: DTypeLike | None = None) -> Expr:
    r"""Array of the shape and dtype of another, filled with one value. Sizes may be unknown.

    Parameters
    ----------
    x : Expr or array
        Array that defines the shape and the default dtype.
    fill_value : Expr, array or number
        Fill value; broadcasts to the shape.
    dtype : dtype, optional
        Defaults to the dtype of ``x``.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.full_like(pel.vector("x"), 7.0)
    broadcast_like(7, x)
    """
    x = as_expr(x)
    dtype = x.dtype if dtype is None else as_dtype(dtype)
    value = call_op("cast", fill_value, dtype=dtype) if isinstance(fill_value, Expr) else constant(fill_value, dtype)
    return call_op("broadcast_like", value, x)


@register_function
def zeros_like(x: Operand, dtype: DTypeLike | None = None) -> Expr:
    r"""Array of zeros with the shape and dtype of another.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    dtype : str or dtype, optional
        By default that of ``x``.

    Examples
    --------
    >>> pel.zeros_like(pel.vector("x"))
    broadcast_like(0, x)
    """
    return full_like(x, 0, dtype)


@register_function
def ones_like(x: Operand, dtype: DTypeLike | None = None) -> Expr:
    r"""Array of ones with the shape and dtype of another.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    dtype : str or dtype, optional
        By default that of ``x``.

    Examples
    --------
    >>> pel.ones_like(pel.vector("x"))
    broadcast_like(1, x)
    """
    return full_like(x, 1, dtype)


def make_constant(create: Callable[..., Any], *arguments: Any, dtype: Any = None, **settings: Any) -> Constant:
    """Call a NumPy creation function and return a constant; floating-point results become `config.floatx`."""
    for argument in (*arguments, *settings.values()):
        if isinstance(argument, (Expr, str)):
            raise UseError(
                f"{create.__name__}: expected numbers, because they determine the shape of the result. Received: "
                f"{argument}, whose value is known only when the program runs. For the indices along an axis of an "
                "expression use pel.arange(x.shape[0])"
            )
    try:
        values = create(*arguments, **settings)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        received = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in settings.items())])
        raise OptionError(f"{create.__name__}: {error}. Received: {received}") from error
    if dtype is not None or values.dtype.kind == "f":
        values = values.astype(as_dtype(dtype))
    return constant(values)


@register_function
def eye(n: Dim, m: Dim | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Expr:
    r"""Matrix with ones on a diagonal and zeros elsewhere; by default the identity matrix, :math:`I_n`.

    Parameters
    ----------
    n, m : int
        Number of rows and columns (by default ``m = n``). They may be sizes of expressions, such as ``x.shape[0]``.
    k : int
        Diagonal: 0 is the main diagonal, positive values are above it, negative values below it.
    dtype : dtype, optional
        Defaults to `config.floatx`.

    Returns
    -------
    Expr, shape (n, m)
        Matrix.

    Examples
    --------
    >>> pel.eye(2)
    [[1, 0], [0, 1]]
    """
    n, m = as_sizes((n, n if m is None else m))
    if has_known_axes((n, m)):
        is_diagonal = call_op("equal", shift(call_op("arange", n), k), call_op("arange", m))
        return call_op("cast", is_diagonal, dtype=as_dtype(dtype))
    return make_constant(np.eye, n, m, k, dtype=dtype)


def shift(rows: Expr, k: int) -> Expr:
    """Return the numbers of the columns of a diagonal, as a column."""
    return rows[:, None] + k if k else rows[:, None]


@register_function
def identity(n: Dim, dtype: DTypeLike | None = None) -> Expr:
    r"""Identity matrix, :math:`I_n`.

    Parameters
    ----------
    n : int
        Number of rows and columns, which may be the size of an expression.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> pel.identity(2)
    [[1, 0], [0, 1]]
    """
    return eye(n, dtype=dtype)


@register_function
def tri(n: Dim, m: Dim | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Expr:
    r"""Matrix with ones on and below a diagonal, :math:`y_{ij} = 1` for :math:`j \le i + k`, and zeros above it.

    Parameters
    ----------
    n : int
        Number of rows.
    m : int, optional
        Number of columns, by default ``n``.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> pel.tri(2)
    [[1, 0], [1, 1]]
    """
    n, m = as_sizes((n, n if m is None else m))
    if has_known_axes((n, m)):
        is_below = call_op("less_equal", call_op("arange", m), shift(call_op("arange", n), k))
        return call_op("cast", is_below, dtype=as_dtype(dtype))
    return make_constant(np.tri, n, m, k, dtype=dtype)


def _infer_one_hot(indices: Expr, num_classes: int, dtype: DType) -> Type:
    check_integer_indices(indices, "one_hot")
    return Type((*indices.shape, num_classes), dtype)


def _one_hot_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    dtype = settings.get("dtype")
    shown = "" if dtype is None or dtype == as_dtype(None) else f", dtype={dtype}"
    return ["one_hot(", (operands[0], 0), f", {settings.get('num_classes')}{shown})"]


def _check_num_classes(num_classes: object) -> int:
    if num_classes is None or isinstance(num_classes, Expr):
        received = "none" if num_classes is None else f"the expression {brief(num_classes)}"
        raise OptionError(
            "one_hot: expected the number of classes as an integer, because it is the length of the new axis. "
            f"Received: {received}. Write, for example, pel.one_hot(t, num_classes=10)"
        )
    return check_integer("num_classes", num_classes, 0, owner="one_hot")


@op(
    tex=r"\operatorname{{onehot}}({0:_})",
    text=_one_hot_text,
    infer=_infer_one_hot,
    normalize=lambda x, num_classes, dtype=None: {
        "num_classes": _check_num_classes(num_classes),
        "dtype": as_dtype(dtype),
    },
    differentiable=False,
    examples=lambda rng: [((np.array([[2, 0], [1, 1]]),), {"num_classes": 4})],
    value_range=fixed(0, 1),
)
def one_hot(
    xp: ArrayNamespace, x: NamespaceArray, num_classes: int | None = None, dtype: DTypeLike | None = None
) -> NamespaceArray:
    r"""One-hot encoding of integers along a new last axis, :math:`t_{k} = [x = k]`.

    Parameters
    ----------
    x : Expr or array of integers
        From 0 to ``num_classes - 1``. Any other integer gives a row of zeros.
    num_classes : int
        Length of the new axis.
    dtype : dtype, optional
        Defaults to `config.floatx`.

    Returns
    -------
    Expr
        Array with one more axis.

    Examples
    --------
    >>> pel.one_hot(pel.ivector("y", shape=("n",)), 10).shape
    ('n', 10)
    """
    # Class numbers may exceed a narrow dtype of the indices.
    assert num_classes is not None
    kind = x.dtype if num_classes - 1 <= np.iinfo(x.dtype).max else np.dtype("int64")
    return xp.equal(xp.expand_dims(x, -1), xp.arange(num_classes, dtype=kind)).astype(dtype)
