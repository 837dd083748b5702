"""Functions of ``theano.tensor`` that are not elementwise: reductions, shapes, joining, indexing, creation, products."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.theano.tensor.elementwise import FUNCTIONS, cast, mul, switch
from pellucid.compat.theano.variables import (
    TensorVariable,
    Variable,
    apply,
    apply_float,
    as_shape,
    as_size,
    as_tensor_variable,
    cast_expr,
    get_dtype,
    get_length,
    make_constant,
    make_vector,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import DtypeError, ShapeError, UseError

eq = FUNCTIONS["eq"]

Axis = Any
"""An axis, a sequence of axes, or None for all."""


def as_axes(axis: Axis) -> Any:
    return tuple(map(int, axis)) if isinstance(axis, list | tuple) else None if axis is None else int(axis)


def widen(dtype: str) -> str:
    """Return the dtype of a sum: integers of 64 bits for smaller ones."""
    kind = np.dtype(dtype).kind
    return "uint64" if kind == "u" else "int64" if kind in "ib" else dtype


def reduce_as(function: Callable[..., Any], x: Any, axis: Axis, keepdims: bool, dtype: str, **settings: Any) -> Any:
    expr = cast_expr(as_tensor_variable(x), dtype)
    return wrap(function(expr, axis=as_axes(axis), keepdims=keepdims, **settings))


def sum(
    input: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> TensorVariable:
    """Sum over axes. ``acc_dtype`` is the dtype in which it is computed."""
    kept = get_dtype(dtype) if dtype else widen(as_tensor_variable(input).dtype)
    return cast(reduce_as(pel.sum, input, axis, keepdims, get_dtype(acc_dtype) if acc_dtype else kept), kept)


def prod(
    input: Any,
    axis: Axis = None,
    dtype: Any = None,
    keepdims: bool = False,
    acc_dtype: Any = None,
    no_zeros_in_input: bool = False,
) -> TensorVariable:
    """Product over axes."""
    x = as_tensor_variable(input)
    kept = get_dtype(dtype) if dtype else widen(x.dtype)
    elements = get_elements(x)
    if elements and axis in (None, 0, -1) and not keepdims:
        return cast(mul(*elements), kept)
    return cast(reduce_as(pel.prod, input, axis, keepdims, get_dtype(acc_dtype) if acc_dtype else kept), kept)


def get_real_dtype(x: Any, dtype: Any = None) -> str:
    own = as_tensor_variable(x).dtype
    return get_dtype(dtype) if dtype else own if own.startswith("float") else "float64"


def mean(
    input: Any, axis: Axis = None, dtype: Any = None, op: bool = False, keepdims: bool = False, acc_dtype: Any = None
) -> TensorVariable:
    """Mean over axes; that of integers is float64."""
    kept = get_real_dtype(input, dtype)
    return cast(reduce_as(pel.mean, input, axis, keepdims, get_dtype(acc_dtype) if acc_dtype else kept), kept)


def var(
    input: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> TensorVariable:
    """Variance over axes."""
    return reduce_as(pel.var, input, axis, keepdims, get_real_dtype(input), ddof=ddof)  # type: ignore[no-any-return]


def std(
    input: Any, axis: Axis = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> TensorVariable:
    """Standard deviation over axes."""
    return reduce_as(pel.std, input, axis, keepdims, get_real_dtype(input), ddof=ddof)  # type: ignore[no-any-return]


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Maximum over axes."""
    return reduce_as(pel.max, x, axis, keepdims, as_tensor_variable(x).dtype)  # type: ignore[no-any-return]


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Minimum over axes."""
    return reduce_as(pel.min, x, axis, keepdims, as_tensor_variable(x).dtype)  # type: ignore[no-any-return]


def argmax(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Index of the maximum."""
    return find_extremum(pel.argmax, x, axis, keepdims)


def argmin(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Index of the minimum."""
    return find_extremum(pel.argmin, x, axis, keepdims)


def find_extremum(function: Callable[..., Any], x: Any, axis: Axis, keepdims: bool) -> TensorVariable:
    axes = as_axes(axis)
    if isinstance(axes, tuple):
        axes = axes[0] if len(axes) == 1 else None
    return cast(wrap(function(as_tensor_variable(x).expr, axis=axes, keepdims=keepdims)), "int64")


def max_and_argmax(a: Any, axis: Axis = None, keepdims: bool = False) -> list[TensorVariable]:
    """Maximum and its index."""
    return [max(a, axis, keepdims), argmax(a, axis, keepdims)]


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Whether all elements are true."""
    return reduce_as(pel.all, x, axis, keepdims, "bool")  # type: ignore[no-any-return]


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Whether any element is true."""
    return reduce_as(pel.any, x, axis, keepdims, "bool")  # type: ignore[no-any-return]


def ptp(a: Any, axis: Axis = None) -> TensorVariable:
    """Maximum minus minimum."""
    return max(a, axis) - min(a, axis)  # type: ignore[no-any-return]


def norm(x: Any, L: Any = 2, axis: Axis = None, keepdims: bool = False) -> TensorVariable:
    """Norm of order ``L`` of all elements, or along an axis."""
    e = cast_expr(as_tensor_variable(x), get_real_dtype(x))
    if L == 0:
        return wrap(pel.sum(pel.cast(e != 0, e.dtype), axis=as_axes(axis), keepdims=keepdims))
    if math.isinf(L):
        return wrap((pel.max if L > 0 else pel.min)(pel.abs(e), axis=as_axes(axis), keepdims=keepdims))
    powers = pel.sum(pel.square(e) if L == 2 else pel.abs(e) ** L, axis=as_axes(axis), keepdims=keepdims)
    return wrap(pel.sqrt(powers) if L == 2 else powers ** (1.0 / L))


def cumsum(x: Any, axis: int | None = None) -> TensorVariable:
    """Cumulative sum."""
    return wrap(pel.cumsum(as_tensor_variable(x).expr, axis=axis))


def cumprod(x: Any, axis: int | None = None) -> TensorVariable:
    """Cumulative product."""
    return wrap(pel.cumprod(as_tensor_variable(x).expr, axis=axis))


def diff(x: Any, n: int = 1, axis: int = -1) -> TensorVariable:
    """Differences of neighbors."""
    return wrap(pel.diff(as_tensor_variable(x).expr, n, axis))


# Shapes


def get_elements(x: TensorVariable) -> list[TensorVariable] | None:
    """Return the elements of a vector that is made of scalars or constant; None for another variable."""
    if x.elements is None and x.ndim == 1 and hasattr(x.expr, "value"):
        return [make_constant(v) for v in x.expr.value]
    return x.elements


def shape(x: Any) -> TensorVariable:
    """Lengths of the axes."""
    return as_tensor_variable(x).shape


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> TensorVariable:
    """The same elements in another shape; -1 is computed."""
    return wrap(pel.reshape(as_tensor_variable(x).expr, as_shape(newshape, ndim)))


def flatten(x: Any, ndim: int | None = None, outdim: int | None = None) -> TensorVariable:
    """The same elements with ``ndim`` axes: the last one joins all others."""
    x, count = as_tensor_variable(x), ndim or outdim or 1
    if not 1 <= count <= builtins.max(x.ndim, 1):
        raise ShapeError(f"flatten of {x}: expected from 1 to {x.ndim} dimensions. Received: {count}")
    return wrap(pel.reshape(x.expr, (*x.expr.shape[: count - 1], -1))) if count != x.ndim else x


def dimshuffle(x: Any, *pattern: Any) -> TensorVariable:
    """Reorder axes, and insert ones of length 1, written as ``"x"``."""
    x = as_tensor_variable(x)
    order = list(pattern[0]) if len(pattern) == 1 and isinstance(pattern[0], list | tuple) else list(pattern)
    kept = [int(p) for p in order if p != "x"]
    dropped = tuple(a for a in range(x.ndim) if a not in [k % builtins.max(x.ndim, 1) for k in kept])
    if builtins.any(not -x.ndim <= k < x.ndim for k in kept) or len(set(kept)) != len(kept):
        raise ShapeError(f"dimshuffle of {x}, of {x.ndim} dimensions: received the pattern {tuple(order)}")
    if builtins.any(x.expr.shape[a] != 1 for a in dropped):
        raise ShapeError(
            f"dimshuffle of {x}: only dimensions of length 1 can be left out. Received: the pattern {tuple(order)}, for "
            f"the shape {x.expr.shape}. Use T.addbroadcast(x, {dropped[0]}) first if its length is 1"
        )
    e = pel.transpose(x.expr, (*kept, *dropped)) if (*kept, *dropped) != tuple(range(x.ndim)) else x.expr
    e = pel.squeeze(e, axis=tuple(range(len(kept), x.ndim))) if dropped else e
    inserted = tuple(i for i, p in enumerate(order) if p == "x")
    return wrap(pel.expand_dims(e, axis=inserted) if inserted else e)


def transpose(x: Any, *axes: Any) -> TensorVariable:
    """Axes in another order, by default reversed."""
    order = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], list | tuple)) else axes or None
    return wrap(pel.transpose(as_tensor_variable(x).expr, order))


def swapaxes(y: Any, axis1: int, axis2: int) -> TensorVariable:
    """Two axes exchanged."""
    return wrap(pel.swapaxes(as_tensor_variable(y).expr, axis1, axis2))


def shape_padleft(t: Any, n_ones: int = 1) -> TensorVariable:
    """New axes of length 1 in front."""
    x = as_tensor_variable(t)
    return dimshuffle(x, ["x"] * n_ones + list(range(x.ndim)))


def shape_padright(t: Any, n_ones: int = 1) -> TensorVariable:
    """New axes of length 1 at the end."""
    x = as_tensor_variable(t)
    return dimshuffle(x, list(range(x.ndim)) + ["x"] * n_ones)


def shape_padaxis(t: Any, axis: int) -> TensorVariable:
    """New axis of length 1."""
    return wrap(pel.expand_dims(as_tensor_variable(t).expr, axis=axis))


def addbroadcast(x: Any, *axes: int) -> TensorVariable:
    """The same variable, some axes of which have length 1 and broadcast."""
    x = as_tensor_variable(x)
    sizes = [1 if a in axes or a - x.ndim in axes else d for a, d in enumerate(x.expr.shape)]
    return x if tuple(sizes) == tuple(x.expr.shape) else wrap(pel.reshape(x.expr, tuple(sizes)))


def unbroadcast(x: Any, *axes: int) -> TensorVariable:
    """The same variable: an axis broadcasts here whenever its length is known to be 1."""
    return as_tensor_variable(x)


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> TensorVariable:
    """The same variable, with these axes of length 1."""
    return addbroadcast(x, *(axis for axis, b in enumerate(broadcastable) if b))


def squeeze(x: Any, axis: Axis = None) -> TensorVariable:
    """Without the axes that are known to have length 1."""
    x = as_tensor_variable(x)
    ones = tuple(a for a, d in enumerate(x.expr.shape) if d == 1) if axis is None else as_axes(axis)
    return wrap(pel.squeeze(x.expr, axis=ones)) if ones != () else x


def concatenate(tensor_list: Any, axis: Any = 0) -> TensorVariable:
    """Tensors joined along an axis."""
    parts = [as_tensor_variable(t) for t in tensor_list]
    if len({p.ndim for p in parts}) > 1:
        dims = ", ".join(str(p.ndim) for p in parts)
        raise UseError(f"Join() can only join tensors with the same number of dimensions. Received: {dims} dimensions")
    elements = [get_elements(p) for p in parts]
    if builtins.all(e is not None for e in elements):
        return make_vector([one for e in elements for one in e or ()])
    dtype = upcast(*(p.dtype for p in parts))
    return wrap(pel.concatenate([cast_expr(p, dtype) for p in parts], axis=int(as_size(axis))))


def join(axis: Any, *tensors_list: Any) -> TensorVariable:
    """Tensors joined along an axis, which comes first."""
    is_list = len(tensors_list) == 1 and isinstance(tensors_list[0], list | tuple)
    return concatenate(tensors_list[0] if is_list else tensors_list, axis)


def stack(*tensors: Any, axis: int = 0) -> TensorVariable:
    """Tensors along a new axis: ``stack([a, b], axis)``, or ``stack(a, b)`` as in older versions."""
    if isinstance(tensors[0], list | tuple):
        axis = tensors[1] if len(tensors) > 1 else axis
        tensors = tuple(tensors[0])
    parts = [as_tensor_variable(t) for t in tensors]
    if builtins.all(p.ndim == 0 for p in parts):
        return make_vector(parts)
    dtype = upcast(*(p.dtype for p in parts))
    return wrap(pel.stack([cast_expr(p, dtype) for p in parts], axis=axis))


def horizontal_stack(*args: Any) -> TensorVariable:
    """Matrices side by side."""
    return concatenate(args, axis=1)


def vertical_stack(*args: Any) -> TensorVariable:
    """Matrices one above the other."""
    return concatenate(args, axis=0)


def stacklists(arg: Any) -> TensorVariable:
    """Nested lists of variables as one variable."""
    return stack([stacklists(a) for a in arg]) if isinstance(arg, list | tuple) else as_tensor_variable(arg)


def split(x: Any, splits_size: Any, n_splits: int, axis: int = 0) -> list[TensorVariable]:
    """Parts of given lengths along an axis."""
    x, parts, start = as_tensor_variable(x), [], make_constant(0)
    for k in range(n_splits):
        stop = start + as_tensor_variable(splits_size)[k]
        parts.append(x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)])
        start = stop
    return parts


def tile(x: Any, reps: Any, ndim: int | None = None) -> TensorVariable:
    """Copies side by side."""
    return wrap(pel.tile(as_tensor_variable(x).expr, as_shape(reps, ndim)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> TensorVariable:
    """Each element several times."""
    count = unwrap(repeats)
    count = as_size(repeats) if isinstance(repeats, Variable) and repeats.expr.ndim == 0 else count
    return wrap(pel.repeat(as_tensor_variable(x).expr, getattr(count, "value", count), axis))


def roll(x: Any, shift: Any, axis: int | None = None) -> TensorVariable:
    """Elements moved along an axis; those that leave it enter at the other end."""
    x = as_tensor_variable(x)
    if not isinstance(shift, Variable):
        return wrap(pel.roll(x.expr, int(shift), axis))
    flat = x.flatten() if axis is None else x
    length = get_length(flat, axis or 0)
    rolled = take(flat, (arange(length) - shift) % length, axis=axis or 0)
    return reshape(rolled, x.shape, x.ndim) if axis is None else rolled


# Indexing


def convert_index(part: Any) -> Any:
    if isinstance(part, slice):
        return slice(*(None if b is None else as_size(b) for b in (part.start, part.stop, part.step)))
    if isinstance(part, list) and builtins.any(isinstance(p, Variable) for p in part):
        part = as_tensor_variable(part)
    if isinstance(part, np.ndarray | list) and np.asarray(part).dtype == bool:
        return np.asarray(part)
    if isinstance(part, Variable):
        return part.expr if part.expr.ndim or not hasattr(part.expr, "value") else int(part.expr.value)
    return part


def convert_indices(x: TensorVariable, index: Any) -> tuple[Any, ...]:
    """Return the parts of an index as pellucid takes them; masks become positions."""
    parts: list[Any] = []
    if isinstance(index, list) and builtins.any(isinstance(p, slice) for p in index):
        index = tuple(index)  # as older versions of NumPy took it
    for part in map(convert_index, index if isinstance(index, tuple) else (index,)):
        if str(getattr(part, "dtype", "")) == "bool" and getattr(part, "ndim", 0) and not isinstance(part, np.ndarray):
            parts.extend(pel.nonzero(part))
        else:
            parts.append(part)
    if len([p for p in parts if p is not None and p is not Ellipsis]) > x.ndim:
        raise IndexError(f"{x} has {x.ndim} dimensions. Received: an index of {len(parts)} parts")
    return tuple(parts)


def getitem(x: TensorVariable, index: Any) -> TensorVariable:
    """Part of a variable; `set_subtensor` and `inc_subtensor` know where it is."""
    if isinstance(index, str):
        raise UseError(f"{x}: expected integers, slices or variables as an index. Received: {index!r}")
    if x.elements is not None and isinstance(index, int | np.integer | slice):
        found = x.elements[index]  # type: ignore[index]
        return make_vector(found) if isinstance(found, list) else found
    result = wrap(x.expr[convert_indices(x, index)])
    if result.expr.op is not None:
        result.subtensor = (x, index)
    return result


def make_grid(x: TensorVariable, parts: Sequence[Any]) -> tuple[Any, ...]:
    """Return index arrays for an index with slices of computed bounds, which pellucid cannot assign to."""
    if not builtins.any(
        isinstance(p, slice) and builtins.any(isinstance(b, pel.Expr) for b in (p.start, p.stop, p.step)) for p in parts
    ):
        return tuple(parts)
    if Ellipsis in [p for p in parts if not isinstance(p, pel.Expr | np.ndarray)] or None in [
        p for p in parts if p is None
    ]:
        raise UseError("set_subtensor: slices with computed bounds cannot be combined with ... or None")
    full = [*parts, *[slice(None)] * (x.ndim - len(parts))]
    count = builtins.sum(isinstance(p, slice) for p in full)
    grid, place = [], 0
    for axis, part in enumerate(full):
        if isinstance(part, slice):
            place += 1
            part = pel.expand_dims(pel.arange(x.expr.shape[axis])[part], axis=tuple(range(1, 1 + count - place)))
        elif getattr(part, "ndim", 0):
            raise UseError("set_subtensor: slices with computed bounds cannot be combined with index arrays")
        grid.append(part)
    return tuple(grid)


def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> TensorVariable:
    """The whole variable with the part ``x`` replaced by ``y``."""
    return update_subtensor("set_subtensor", x, y)


def inc_subtensor(
    x: Any, y: Any, inplace: bool = False, set_instead_of_inc: bool = False, tolerate_inplace_aliasing: bool = False
) -> TensorVariable:
    """The whole variable with ``y`` added to the part ``x``."""
    return update_subtensor("set_subtensor" if set_instead_of_inc else "inc_subtensor", x, y)


def update_subtensor(name: str, x: Any, y: Any) -> TensorVariable:
    if not isinstance(x, TensorVariable) or x.subtensor is None:
        raise UseError(f"{name}: expected a part of a variable, as in {name}(x[1:3], y). Received: {x}")
    base, index = x.subtensor
    value = as_tensor_variable(y)
    place = base.expr.at[make_grid(base, convert_indices(base, index))]
    return wrap((place.set if name == "set_subtensor" else place.add)(cast_expr(value, base.dtype)))


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> TensorVariable:
    """Elements at some indices."""
    return wrap(pel.take(as_tensor_variable(a).expr, unwrap(indices), axis=axis, mode=mode))  # type: ignore[arg-type]


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> TensorVariable:
    """Elements of the choices that ``a`` numbers."""
    numbers, options = as_tensor_variable(a), list(enumerate(choices))
    return functools.reduce(
        lambda rest, pair: switch(eq(numbers, pair[0]), pair[1], rest), options[-2::-1], options[-1][1]
    )  # type: ignore[no-any-return]


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """Indices of the elements that are not zero, one vector for each axis or a matrix."""
    found = pel.nonzero(as_tensor_variable(a).expr)
    return wrap(pel.stack(found)) if return_matrix else tuple(map(wrap, found))


def flatnonzero(a: Any) -> TensorVariable:
    """Indices of the elements of the flattened variable that are not zero."""
    return wrap(pel.flatnonzero(as_tensor_variable(a).expr))


def nonzero_values(a: Any) -> TensorVariable:
    """Elements that are not zero."""
    x = as_tensor_variable(a)
    return wrap(pel.ravel(x.expr)[pel.flatnonzero(x.expr)])


def sort(x: Any, axis: int | None = -1, kind: str = "quicksort", order: None = None) -> TensorVariable:
    """Sorted elements. All kinds give the same result."""
    return wrap(pel.sort(as_tensor_variable(x).expr, axis=axis))


def argsort(x: Any, axis: int | None = -1, kind: str = "quicksort", order: None = None) -> TensorVariable:
    """Indices that sort."""
    return wrap(pel.argsort(as_tensor_variable(x).expr, axis=axis))


def unique(ar: Any) -> TensorVariable:
    """Sorted distinct elements."""
    ordered = pel.sort(pel.ravel(as_tensor_variable(ar).expr))
    return wrap(ordered[pel.nonzero(pel.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]]))])


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> TensorVariable:
    """Number, or sum of the weights, of the elements of each value."""
    labels = as_tensor_variable(x).expr
    length = pel.max(labels) + 1 if minlength is None else pel.maximum(pel.max(labels) + 1, unwrap(minlength))
    weight = pel.ones_like(labels, dtype="int64") if weights is None else as_tensor_variable(weights).expr
    return wrap(pel.zeros((pel.cast(length, "int64"),), dtype=weight.dtype).at[labels].add(weight))


# Creation


def zeros(shape: Any, dtype: Any = None) -> TensorVariable:
    """Zeros of a shape."""
    return wrap(pel.zeros(as_shape(shape), get_dtype(dtype)))


def ones(shape: Any, dtype: Any = None) -> TensorVariable:
    """Ones of a shape."""
    return wrap(pel.ones(as_shape(shape), get_dtype(dtype)))


def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> TensorVariable:
    """Zeros of the shape of another variable."""
    x = as_tensor_variable(model)
    return wrap(pel.zeros_like(x.expr, dtype=get_dtype(dtype) if dtype else x.dtype))


def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> TensorVariable:
    """Ones of the shape of another variable."""
    x = as_tensor_variable(model)
    return wrap(pel.ones_like(x.expr, dtype=get_dtype(dtype) if dtype else x.dtype))


def fill(a: Any, b: Any) -> TensorVariable:
    """``b`` broadcast to the shape of ``a``."""
    return wrap(pel.broadcast_like(as_tensor_variable(b).expr, as_tensor_variable(a).expr))


def alloc(value: Any, *shape: Any) -> TensorVariable:
    """A value broadcast to a shape."""
    return wrap(pel.full(as_shape(shape), as_tensor_variable(value).expr))


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> TensorVariable:
    """Matrix with ones on a diagonal."""
    return wrap(pel.eye(as_size(n), None if m is None else as_size(m), as_size(k), get_dtype(dtype)))


def identity_like(x: Any) -> TensorVariable:
    """Identity matrix of the shape of another matrix."""
    x = as_tensor_variable(x)
    return eye(x.shape[0], x.shape[1], dtype=x.dtype)


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> TensorVariable:
    """Ones on and below a diagonal."""
    return wrap(pel.tri(as_size(N), None if M is None else as_size(M), as_size(k), get_dtype(dtype)))


def tril(m: Any, k: int = 0) -> TensorVariable:
    """Lower triangle."""
    return wrap(pel.tril(as_tensor_variable(m).expr, k))


def triu(m: Any, k: int = 0) -> TensorVariable:
    """Upper triangle."""
    return wrap(pel.triu(as_tensor_variable(m).expr, k))


def diag(v: Any, k: int = 0) -> TensorVariable:
    """Diagonal matrix of a vector, or diagonal of a matrix."""
    return wrap(pel.diag(as_tensor_variable(v).expr, k))


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> TensorVariable:
    """Diagonal of two axes."""
    return wrap(pel.diagonal(as_tensor_variable(a).expr, offset, axis1, axis2))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> TensorVariable:
    """Numbers from ``start`` up to ``stop``."""
    start, stop = (0, start) if stop is None else (start, stop)
    bounds = [as_tensor_variable(b) for b in (start, stop, step)]
    kept = get_dtype(dtype) if dtype else widen(upcast(*(b.dtype for b in bounds)))
    if builtins.all(hasattr(b, "data") for b in bounds):
        return make_constant(np.arange(*(b.data for b in bounds), dtype=kept))
    if builtins.any(b.expr.dtype.kind == "f" for b in bounds):
        first, last, by = (cast_expr(b, "float64") for b in bounds)
        count = pel.cast(pel.ceil((last - first) / by), "int64")
        return cast(wrap(first + by * pel.cast(pel.arange(count), "float64")), kept)
    return cast(wrap(pel.arange(*(as_size(b) for b in bounds))), kept)


class Grid:
    """Coordinates of a grid, as `numpy.mgrid` and `numpy.ogrid` give them: ``mgrid[0:5, 0:3]``."""

    def __init__(self, grid: Any) -> None:
        self._grid = grid

    def __getitem__(self, index: Any) -> list[TensorVariable]:
        found = self._grid[index]
        return [make_constant(found)] if isinstance(index, slice) else [make_constant(part) for part in found]


mgrid, ogrid = Grid(np.mgrid), Grid(np.ogrid)


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> TensorVariable:
    """Rows with a one at the index of the class."""
    labels = as_tensor_variable(y).expr
    return wrap(pel.cast(pel.equal(labels[:, None], pel.arange(as_size(nb_class))[None, :]), get_dtype(dtype)))


def fill_diagonal(a: Any, val: Any) -> TensorVariable:
    """Matrix with a value on its diagonal."""
    x = as_tensor_variable(a)
    rows = pel.arange(pel.minimum(pel.size(x.expr, axis=0), pel.size(x.expr, axis=1)))
    return wrap(x.expr.at[rows, rows].set(cast_expr(as_tensor_variable(val), x.dtype)))


# Products


def dot(a: Any, b: Any) -> TensorVariable:
    """Product of vectors and matrices."""
    return apply(pel.dot, a, b)


def outer(x: Any, y: Any) -> TensorVariable:
    """Outer product of vectors."""
    return apply(pel.outer, x, y)


def tensordot(a: Any, b: Any, axes: Any = 2) -> TensorVariable:
    """Sum of products over axes of both."""
    return apply(lambda x, y: pel.tensordot(x, y, axes), a, b)


def batched_dot(a: Any, b: Any) -> TensorVariable:
    """Product for each element of the first axis."""
    x, y = as_tensor_variable(a), as_tensor_variable(b)
    left, right = "ij"[: x.ndim - 1], "jk"[: y.ndim - 1]
    if x.ndim > 3 or y.ndim > 3:
        return batched_tensordot(a, b, [[x.ndim - 1], [builtins.max(y.ndim - 2, 1)]])
    left = left if x.ndim == 3 else left.replace("i", "j")
    kept = "".join(c for c in left + right if (left + right).count(c) == 1)
    return apply(lambda x, y: pel.einsum(f"n{left},n{right}->n{kept}", x, y), a, b)


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> TensorVariable:
    """`tensordot` for each element of the first axis."""
    a, b = as_tensor_variable(x), as_tensor_variable(y)
    if isinstance(axes, int):
        axes = [list(range(a.ndim - axes, a.ndim)), list(range(1, axes + 1))]
    left, right = ([axis] if isinstance(axis, int) else list(axis) for axis in axes)
    letters = iter("abcdefghijklmopqrstuvwxyz")
    names = ["n", *(next(letters) for _ in range(a.ndim - 1))]
    others = ["n", *(names[left[right.index(k)]] if k in right else next(letters) for k in range(1, b.ndim))]
    kept = [c for c in names[1:] + others[1:] if (names + others).count(c) == 1]
    pattern = f"{''.join(names)},{''.join(others)}->n{''.join(kept)}"
    return apply(lambda x, y: pel.einsum(pattern, x, y), a, b)


def matrix_inverse(x: Any) -> TensorVariable:
    """Inverse of a matrix."""
    return apply_float(pel.linalg.inv, x)
