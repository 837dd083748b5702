r"""Ranges of numbers and coordinate grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr, promote_operands
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op, call_op_with_results
from pellucid.graph.ops.creation import make_constant
from pellucid.graph.ops.formatters import dim_to_latex, format_operand
from pellucid.graph.ops.symbolic_sizes import (
    as_sizes,
    has_known_axes,
    make_size_expression,
    make_template,
    shape_template,
    write_sizes,
)
from pellucid.graph.slice_sizes import count_steps
from pellucid.graph.types import Dim, Type, Unknown, as_dtype, check_size, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import ArrayLike, DTypeLike


@register_function
def arange(
    start: float | Dim, stop: float | Dim | None = None, step: float | Dim = 1, dtype: DTypeLike | None = None
) -> Expr:
    r"""Evenly spaced numbers in a half-open interval, :math:`a, a + d, a + 2 d, \ldots < b`.

    Parameters
    ----------
    start : number
        First number. If ``stop`` is omitted, this is the stop and the first number is 0. It may be the size of an
        expression, such as ``x.shape[0]``, if the others are sizes or integers.
    stop : number, optional
        End of the interval, which is not included.
    step : number
        Spacing.
    dtype : dtype, optional
        Defaults to int64 for integers and `config.floatx` for other numbers.

    Returns
    -------
    Expr
        Vector.

    Raises
    ------
    UseError
        If a bound is an expression.

    Examples
    --------
    >>> pel.arange(3)
    [0, 1, 2]
    >>> x = pel.vector("x", shape=("n",))
    >>> pel.function([x], pel.arange(2 * x.shape[0], 0, -1))([1.0, 1.0])
    array([4, 3, 2, 1])
    """
    first, last = (0, start) if stop is None else (start, stop)
    bounds = first, last, step = as_sizes((first, last, step))
    if has_known_axes(bounds):
        return make_symbolic_range(check_size(first), check_size(last), check_size(step), dtype)
    return make_constant(np.arange, first, last, step, dtype=dtype)


def make_symbolic_range(first: Dim, last: Dim, step: Dim, dtype: DTypeLike | None) -> Expr:
    """Return integers from one size up to another."""
    if not isinstance(step, int) or not step:
        raise OptionError(f"arange: expected a step that is an integer, and not 0. Received: step={step}")
    count = count_steps(first, last, step)
    numbers = call_op("arange_like", make_template((count,)), dtype=dtype)
    scaled = numbers if step == 1 else numbers * step
    return scaled if first == 0 else scaled + (first if isinstance(first, int) else make_size_expression(first, dtype))


@register_function
def linspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None
) -> Expr:
    r"""Evenly spaced numbers from start to stop, :math:`y_i = a + i (b - a) / (n - 1)`.

    Parameters
    ----------
    start, stop : Expr, array or number
        First and last number, of shapes that broadcast.
    num : int
        Number of values.
    endpoint : bool
        Whether ``stop`` is the last number. Otherwise the values end one step before it.
    dtype : dtype, optional
        Defaults to `config.floatx` for numbers and the common dtype of expressions.

    Returns
    -------
    Expr
        Array with ``num`` elements along the first axis.

    Examples
    --------
    >>> pel.linspace(0, 1, 5)
    [0, 0.25, 0.5, 0.75, 1]
    """
    if not (isinstance(start, Expr) or isinstance(stop, Expr)):
        return make_constant(np.linspace, start, stop, num, endpoint, dtype=dtype)
    first, last = promote_operands((start, stop), to_float=True)
    fraction = np.linspace(0, 1, num, endpoint, dtype=first.dtype).reshape(-1, *[1] * max(first.ndim, last.ndim))
    result = first * (1 - fraction) + last * fraction
    return result if dtype is None else call_op("cast", result, dtype=dtype)


@register_function
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: DTypeLike | None = None,
) -> Expr:
    r"""Numbers with evenly spaced logarithms, given by exponents, :math:`y_i = c^{a + i (b - a) / (n - 1)}`.

    Parameters
    ----------
    start : number
        Exponent of the first number.
    stop : number
        Exponent of the last number.
    num : int
        Number of elements.
    endpoint : bool
        Whether ``stop`` is the last number, or the first one after it.
    base : number
        :math:`c`, whose powers are returned.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> pel.logspace(0, 2, 3)
    [1, 10, 100]
    """
    return make_constant(np.logspace, start, stop, num, endpoint, base, dtype=dtype)


@register_function
def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None
) -> Expr:
    r"""Geometric progression from start to stop, :math:`y_i = a (b / a)^{i / (n - 1)}`.

    Parameters
    ----------
    start, stop : number
        First and last number, of one sign and not 0.
    num : int
        Number of elements.
    endpoint : bool
        Whether ``stop`` is the last number, or the first one after it.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> pel.geomspace(1, 100, 3)
    [1, 10, 100]
    """
    return make_constant(np.geomspace, start, stop, num, endpoint, dtype=dtype)


@register_function
def meshgrid(*xi: Operand, indexing: Literal["xy", "ij"] = "xy", sparse: bool = False) -> list[Expr]:
    r"""Coordinate arrays of a grid, one array for each axis.

    Parameters
    ----------
    *xi : Expr or array
        Coordinates along each axis, as vectors or numbers.
    indexing : {"xy", "ij"}
        Whether the first coordinate varies along the second axis (Cartesian) or along the first (matrix).
    sparse : bool
        Whether to return arrays with length 1 along the other axes, which broadcast to the grid.

    Returns
    -------
    list of Expr
        One array per coordinate, all of the shape of the grid unless ``sparse``.

    Raises
    ------
    ValueError
        If ``indexing`` is anything else.
    ShapeError
        If coordinates have more than one axis.

    Examples
    --------
    >>> X, Y = pel.meshgrid(pel.arange(3), pel.arange(2))
    >>> pel.function([], [X, Y])()
    [array([[0, 1, 2],
           [0, 1, 2]]), array([[0, 0, 0],
           [1, 1, 1]])]
    """
    if indexing not in ("xy", "ij"):
        raise OptionError(f"meshgrid: expected indexing to be 'xy' or 'ij'. Received: indexing={indexing!r}")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[:2][::-1]
    grids = []
    for axis, coordinates in zip(axes, xi, strict=True):
        vector = as_expr(coordinates)
        if vector.ndim > 1:
            raise ShapeError(
                f"meshgrid: expected coordinates of one axis. Received: {format_operand(vector)}. Flatten them with "
                "pel.ravel"
            )
        others = tuple(a for a in range(len(xi)) if a != axis)
        vector = vector if vector.ndim else call_op("expand_dims", vector, axis=0)
        grids.append(call_op("expand_dims", vector, axis=others) if others else vector)
    return grids if sparse else call_op_with_results("broadcast_arrays", *grids)


@register_function
def indices(dimensions: Sequence[int], dtype: DTypeLike | None = "int64") -> Expr:
    r"""Index arrays of a grid, :math:`y_{k, i_0, i_1, \ldots} = i_k`.

    Parameters
    ----------
    dimensions : sequence of int
        Lengths of the axes of the grid.
    dtype : str or dtype
        An integer dtype.

    Examples
    --------
    >>> pel.indices((2, 2))
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    return make_constant(np.indices, tuple(dimensions), dtype=dtype)


def range_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    """Print the indices along an axis in LaTeX, by the name of its size if it has one."""
    operand = operands[0]
    if isinstance(operand, Expr) and operand.op is shape_template.op:
        return [r"\operatorname{arange}(", *write_sizes(operand.inputs, operand.settings, is_latex=True), ")"]
    dim = operand.shape[settings.get("axis", 0)] if isinstance(operand, Expr) else None
    if dim is None or isinstance(dim, Unknown):
        return [r"\operatorname{arange}(\operatorname{size}(", (operand, 0), "))"]
    return [rf"\operatorname{{arange}}({dim_to_latex(dim)})"]


def format_range(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    """Print ``arange(n)`` for a computed length."""
    operand, dtype = operands[0], settings.get("dtype")
    if isinstance(operand, Expr) and operand.op is shape_template.op:
        end = ")" if dtype == "int64" else f", dtype={dtype})"
        return ["arange(", *write_sizes(operand.inputs, operand.settings, is_latex=False), end]
    axis = "" if not settings.get("axis") else f", axis={settings['axis']}"
    return ["arange_like(", (operand, 0), f"{axis}, dtype={dtype})"]


@op(
    infer=lambda x, axis, dtype: Type((x.shape[axis],), dtype),
    normalize=lambda x, axis, dtype: {
        "axis": normalize_axis(axis, x.ndim, "arange_like", x),
        "dtype": np.dtype("int64") if dtype is None else as_dtype(dtype),
    },
    differentiable=False,
    tex=range_tex,
    text=format_range,
    examples=lambda rng: [((np.zeros((3, 4)),), {"axis": 1}), ((np.zeros(5),), {"axis": -1, "dtype": "uint32"})],
    behind="arange",
)
def arange_like(xp: ArrayNamespace, x: NamespaceArray, axis: int = 0, dtype: DTypeLike | None = None) -> NamespaceArray:
    r"""Indices :math:`0, 1, \ldots, n - 1` along an axis of length :math:`n` of an array.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int
        Axis whose length is used.
    dtype : str or dtype, optional
        By default int64.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], arange_like(x) * x)([1.0, 1.0, 1.0])
    array([0., 1., 2.])
    """
    return xp.arange(x.shape[axis], dtype=dtype)
