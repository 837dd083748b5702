"""Functions on tensors of TensorFlow 0.x and 1.x: arithmetic, reductions, shapes, indexing."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.tensorflow.graph import (
    TRACES,
    NotStaticError,
    Spec,
    TensorMethods,
    UnknownShapeError,
    as_shape_inputs,
    convert,
    get_default_graph,
    make_op,
    read_shape,
    stack_exprs,
    static_int,
    static_value,
)
from pellucid.compat.tensorflow.types import TensorShape, as_dtype
from pellucid.graph.errors import DtypeError, ShapeError, UseError
from pellucid.graph.expr import Expr, constant
from pellucid.graph.operators import FUNCTIONS as OPS

KINDS = {"f": "floating-point numbers", "i": "integers", "b": "booleans"}


def define(type, count, fn, kinds="biuf", *, mixed=False, dtype=None):
    """Make a function of tensors of a function of expressions, whose first ``count`` parameters are the tensors.

    They have one dtype unless they are ``mixed``. ``kinds`` are NumPy's kinds of dtypes that the first may have.
    """
    names = list(inspect.signature(fn).parameters)

    def call(*args, name=None, **kwargs):
        if len(args) == len(names) + 1:  # the name is the last parameter of every function
            args, name = args[:-1], args[-1]
        given = dict(zip(names, args, strict=False)) | kwargs
        missing = [n for n in names[:count] if n not in given]
        wrong = [n for n in given if n not in names]
        if missing or wrong or len(args) > len(names):
            raise UseError(
                f"{type}: expected the arguments {', '.join(names)}, name. "
                + (f"Missing: {missing[0]}" if missing else f"Received: {(wrong or ['too many'])[0]}")
            )
        inputs = unify([given.pop(n) for n in names[:count]], mixed)
        check_kind(type, inputs[0], kinds)
        return make_op(type, lambda *exprs: fn(*exprs, **given), inputs, name, dtype=dtype)

    call.__name__ = call.__qualname__ = type
    return call


def check_kind(type, tensor, kinds):
    if tensor.dtype.numpy.kind not in kinds:
        allowed = " or ".join(text for kind, text in KINDS.items() if kind in kinds)
        raise DtypeError(f"{type}: expected {allowed}. Received: {tensor!r}. Cast it, as in tf.cast(x, tf.float32)")


def unify(values, mixed=False):
    """Return tensors of one dtype: numbers and arrays take that of the first tensor."""
    first = None if mixed else next((v for v in values if isinstance(v, TensorMethods)), None)
    kind = None if first is None else first.dtype
    tensors = [convert(v, None if isinstance(v, TensorMethods) else kind) for v in values]
    other = next((t for t in tensors if t.dtype != tensors[0].dtype), None)
    if other is not None and not mixed:
        raise DtypeError(
            f"Expected tensors of one dtype. Received: {tensors[0]!r} and {other!r}. TensorFlow casts no tensor by "
            f"itself: write tf.cast(x, tf.{tensors[0].dtype.name})"
        )
    return tensors


def read_axis(axis):
    """Return an axis or several as integers."""
    if isinstance(axis, TensorMethods):
        axis = static_value(convert(axis).abstract).tolist()
    if axis is None or isinstance(axis, (int, np.integer)):
        return axis
    return tuple(int(a) for a in axis)


def divide_integers(x, y):
    return x // y if x.dtype.kind in "iu" else x / y


def divide_truly(x, y):
    wide = "float32" if x.dtype.itemsize < 4 else "float64"
    return x / y if x.dtype.kind == "f" else pel.cast(x, wide) / pel.cast(y, wide)


def _make_unary(name):
    fn = getattr(pel, name)
    return define(name.capitalize(), 1, lambda x: fn(x), "f")


FLOAT_NAMES = (
    "exp log log1p expm1 sqrt sin cos tan asin acos atan sinh cosh asinh acosh atanh erf erfc digamma lgamma sigmoid "
    "tanh ceil floor rint softplus softsign"
)
TABLE: dict[str, Any] = {
    **{name: _make_unary(name) for name in FLOAT_NAMES.split()},
    "rsqrt": define("Rsqrt", 1, lambda x: 1 / pel.sqrt(x), "f"),
    "reciprocal inv": define("Reciprocal", 1, lambda x: 1 / x, "f"),
    "abs complex_abs": define("Abs", 1, lambda x: pel.abs(x), "iuf"),
    "negative neg": define("Neg", 1, lambda x: -x, "iuf"),
    "sign": define("Sign", 1, lambda x: pel.sign(x), "iuf"),
    "square": define("Square", 1, lambda x: pel.square(x), "iuf"),
    "round": define("Round", 1, lambda x: pel.round(x), "iuf"),
    "logical_not": define("LogicalNot", 1, lambda x: ~x, "b"),
    "is_nan": define("IsNan", 1, lambda x: pel.isnan(x), "f", dtype="bool"),
    "is_inf": define("IsInf", 1, lambda x: pel.isinf(x), "f", dtype="bool"),
    "is_finite": define("IsFinite", 1, lambda x: pel.isfinite(x), "f", dtype="bool"),
    "identity": define("Identity", 1, lambda input: input),
    "stop_gradient": define("StopGradient", 1, lambda input: pel.stop_gradient(input)),
    "diag": define("Diag", 1, lambda diagonal: pel.diag(diagonal), "iuf"),
    "diag_part matrix_diag_part": define("DiagPart", 1, lambda input: pel.diagonal(input, 0, -2, -1), "iuf"),
    "matrix_inverse": define("MatrixInverse", 1, lambda input: pel.linalg.inv(input), "f"),
    "matrix_determinant": define("MatrixDeterminant", 1, lambda input: pel.linalg.det(input), "f"),
    "matrix_solve": define("MatrixSolve", 2, lambda matrix, rhs: pel.linalg.solve(matrix, rhs), "f"),
    "cholesky": define("Cholesky", 1, lambda input: pel.linalg.cholesky(input), "f"),
    "trace": define("Trace", 1, lambda x: pel.trace(x), "iuf"),
    "add": define("Add", 2, lambda x, y: x + y, "iuf"),
    "subtract sub": define("Sub", 2, lambda x, y: x - y, "iuf"),
    "multiply mul": define("Mul", 2, lambda x, y: x * y, "iuf"),
    "div": define("div", 2, divide_integers, "iuf"),
    "divide truediv realdiv": define("truediv", 2, divide_truly, "iuf"),
    "floordiv floor_div": define("floordiv", 2, lambda x, y: x // y, "iuf"),
    "floormod mod": define("FloorMod", 2, lambda x, y: x % y, "iuf"),
    "pow": define("Pow", 2, lambda x, y: x**y, "iuf"),
    "maximum": define("Maximum", 2, lambda x, y: pel.maximum(x, y), "iuf"),
    "minimum": define("Minimum", 2, lambda x, y: pel.minimum(x, y), "iuf"),
    "squared_difference": define("SquaredDifference", 2, lambda x, y: pel.square(x - y), "iuf"),
    "atan2": define("Atan2", 2, lambda y, x: pel.arctan2(y, x), "f"),
    "equal": define("Equal", 2, lambda x, y: pel.equal(x, y), dtype="bool"),
    "not_equal": define("NotEqual", 2, lambda x, y: pel.not_equal(x, y), dtype="bool"),
    "less": define("Less", 2, lambda x, y: x < y, "iuf", dtype="bool"),
    "less_equal": define("LessEqual", 2, lambda x, y: x <= y, "iuf", dtype="bool"),
    "greater": define("Greater", 2, lambda x, y: x > y, "iuf", dtype="bool"),
    "greater_equal": define("GreaterEqual", 2, lambda x, y: x >= y, "iuf", dtype="bool"),
    "logical_and": define("LogicalAnd", 2, lambda x, y: x & y, "b"),
    "logical_or": define("LogicalOr", 2, lambda x, y: x | y, "b"),
    "logical_xor": define("LogicalXor", 2, lambda x, y: x ^ y, "b"),
    "transpose": define("transpose", 1, lambda a, perm=None: pel.transpose(a, read_axis(perm))),
    "expand_dims": define(
        "ExpandDims", 1, lambda input, axis=None, dim=None: pel.expand_dims(input, dim if axis is None else axis)
    ),
    "squeeze": define(
        "Squeeze", 1, lambda input, axis=None, squeeze_dims=None: squeeze_axes(input, read_axis(axis or squeeze_dims))
    ),
    "gather": define(
        "Gather", 2, lambda params, indices, validate_indices=None, axis=0: pel.take(params, indices, axis), mixed=True
    ),
    "gather_nd": define("GatherNd", 2, lambda params, indices: params[tuple(pel.moveaxis(indices, -1, 0))], mixed=True),
    "tile": define("Tile", 2, lambda input, multiples: pel.tile(input, static_value(multiples).tolist()), mixed=True),
    "pad": define(
        "Pad",
        2,
        lambda tensor, paddings, mode="CONSTANT", constant_values=0: pel.pad(
            tensor, [(int(a), int(b)) for a, b in static_value(paddings)], mode.lower(), constant_values
        ),
        mixed=True,
    ),
    "reverse": define("Reverse", 1, lambda tensor, axis=None, dims=None: pel.flip(tensor, read_flags(dims or axis))),
    "cumsum": define(
        "Cumsum",
        1,
        lambda x, axis=0, exclusive=False, reverse=False: accumulate("cumsum", x, axis, exclusive, reverse, 0),
    ),
    "cumprod": define(
        "Cumprod",
        1,
        lambda x, axis=0, exclusive=False, reverse=False: accumulate("cumprod", x, axis, exclusive, reverse, 1),
    ),
    "tensordot": define("Tensordot", 2, lambda a, b, axes=2: pel.tensordot(a, b, axes), "iuf"),
    "norm": define(
        "norm",
        1,
        lambda tensor, ord="euclidean", axis=None, keep_dims=False, keepdims=False: pel.linalg.vector_norm(
            tensor, axis=axis, ord=2 if ord in ("euclidean", "fro") else ord, keepdims=keep_dims or keepdims
        ),
        "f",
    ),
    "clip_by_value": define(
        "clip_by_value",
        3,
        lambda t, clip_value_min, clip_value_max: pel.minimum(pel.maximum(t, clip_value_min), clip_value_max),
    ),
    "clip_by_norm": define("clip_by_norm", 2, lambda t, clip_norm, axes=None: clip_length(t, clip_norm, axes, 1), "f"),
    "clip_by_average_norm": define(
        "clip_by_average_norm", 2, lambda t, clip_norm: clip_length(t, clip_norm, None, np.prod(read_sizes(t))), "f"
    ),
    "matmul batch_matmul": define(
        "MatMul",
        2,
        lambda a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False: (
            multiply_matrices(a, b, transpose_a or adjoint_a, transpose_b or adjoint_b)
        ),
        "iuf",
    ),
}  # fmt: skip


def squeeze_axes(x, axes):
    return pel.squeeze(x, axis=axes or tuple(i for i, d in enumerate(x.shape) if d == 1))


def read_flags(axis):
    """Return the axes of `reverse`: in 0.x, there is a boolean for each."""
    flags = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    booleans = all(isinstance(a, bool) for a in flags)
    return tuple(i for i, a in enumerate(flags) if a) if booleans else tuple(int(a) for a in flags)


def accumulate(name, x, axis, exclusive, reverse, fill):
    e = pel.flip(x, axis=axis) if reverse else x
    e = OPS["shift"](e, axis=axis, fill=fill) if exclusive else e
    e = pel.cast(OPS[name](e, axis=axis), x.dtype)
    return pel.flip(e, axis=axis) if reverse else e


def clip_length(t, limit, axes, count):
    length = pel.sqrt(pel.sum(t * t, axis=axes, keepdims=True)) / float(count)
    return t * limit / pel.maximum(length, limit)


def multiply_matrices(a, b, transpose_a, transpose_b):
    if a.ndim < 2 or b.ndim < 2:
        raise ShapeError(
            f"MatMul: expected matrices. Received: {a.ndim} and {b.ndim} axes. Use tf.expand_dims or tf.tensordot"
        )
    return pel.cast((a.mT if transpose_a else a) @ (b.mT if transpose_b else b), a.dtype)


FUNCTIONS = {name: fn for names, fn in TABLE.items() for name in names.split()}
globals().update(FUNCTIONS)


def _make_reduction(fn, kinds):
    def reduce(input_tensor, axis=None, keep_dims=None, name=None, reduction_indices=None, keepdims=None):
        x, axes, keep = (
            convert(input_tensor),
            read_axis(reduction_indices if axis is None else axis),
            bool(keep_dims or keepdims),
        )
        check_kind(fn.__name__, x, kinds)
        return make_op(
            fn.__name__.capitalize(), lambda e: pel.cast(fn(e, axis=axes, keepdims=keep), e.dtype), [x], name
        )

    return reduce


def mean(x, axis, keepdims):
    if x.dtype.kind == "f":
        return pel.mean(x, axis, keepdims)
    total = pel.sum(x, axis, keepdims)  # a mean of integers is rounded to 0
    return pel.sign(total) * (pel.abs(total) // pel.sum(pel.ones_like(x), axis, keepdims))


def logsumexp(x, axis, keepdims):
    return pel.log(pel.sum(pel.exp(x), axis, keepdims))


REDUCTIONS = {"sum": pel.sum, "max": pel.max, "min": pel.min, "prod": pel.prod, "mean": mean}
FUNCTIONS |= {f"reduce_{name}": _make_reduction(fn, "iuf") for name, fn in REDUCTIONS.items()}
FUNCTIONS |= {"reduce_all": _make_reduction(pel.all, "b"), "reduce_any": _make_reduction(pel.any, "b")}
FUNCTIONS["reduce_logsumexp"] = _make_reduction(logsumexp, "f")
globals().update(FUNCTIONS)


def _make_arg(type, fn):
    def arg(input, axis=None, name=None, dimension=None, output_type="int64"):
        chosen, kind = read_axis(dimension if axis is None else axis), as_dtype(output_type)
        return make_op(
            type, lambda x: pel.cast(fn(x, axis=chosen or 0), kind.numpy), [convert(input)], name, dtype=kind
        )

    return arg


argmax = arg_max = _make_arg("ArgMax", pel.argmax)
argmin = arg_min = _make_arg("ArgMin", pel.argmin)


def cast(x, dtype, name=None):
    kind, tensor = as_dtype(dtype), convert(x)
    return (
        tensor
        if tensor.dtype == kind
        else make_op("Cast", lambda e: pel.cast(e, kind.numpy), [tensor], name, dtype=kind)
    )


def _make_cast(dtype):
    return lambda x, name=None: cast(x, dtype, name)


to_float, to_double, to_int32, to_int64 = map(_make_cast, ("float32", "float64", "int32", "int64"))


def reshape(tensor, shape, name=None):
    sizes, listed = as_shape_inputs(shape)
    return make_op("Reshape", lambda e, *d: pel.reshape(e, read_shape(d, listed)), [convert(tensor), *sizes], name)


def fill(dims, value, name=None):
    sizes, listed = as_shape_inputs(dims)
    return make_op("Fill", lambda e, *d: pel.full(read_shape(d, listed), e), [convert(value), *sizes], name)


def _make_filled(type, number):
    return lambda shape, dtype="float32", name=None: fill(shape, convert(number, dtype), name or type)


def _make_filled_like(type, number):
    def make(tensor, dtype=None, name=None, optimize=True):
        x = convert(tensor)
        kind = as_dtype(dtype or x.dtype)
        return make_op(type, lambda e: pel.full_like(e, number, kind.numpy), [x], name, dtype=kind)

    return make


zeros, ones = _make_filled("zeros", 0), _make_filled("ones", 1)
zeros_like, ones_like = _make_filled_like("zeros_like", 0), _make_filled_like("ones_like", 1)


def make_constant_tensor(value, dtype=None, shape=None, name="Const", verify_shape=False):
    """Constant tensor; the last value fills the rest of a larger shape."""
    if shape is not None:
        flat, sizes = np.ravel(np.asarray(value)), [int(d) for d in TensorShape(shape)]
        count = int(np.prod(sizes, dtype=int)) - flat.size
        if count < 0 or (verify_shape and count):
            raise ShapeError(f"tf.constant: shape {tuple(sizes)} does not fit {flat.size} values")
        full = np.concatenate([flat, np.repeat(flat[-1:], count)]).reshape(sizes)
        value = full if isinstance(value, np.ndarray) else full.tolist()
    return convert(value, dtype, name)


def read_sizes(x):
    """Return the sizes of an expression; they are known when a session runs it."""
    if all(isinstance(d, int) for d in x.shape):
        return list(x.shape)
    if TRACES:
        raise UseError("The size of an axis depends on values, so tf.shape has no value")
    raise UnknownShapeError


def shape(input, name=None, out_type="int32"):
    x, kind = convert(input), as_dtype(out_type)
    known = x.static_shape
    if known.is_fully_defined():
        return convert(np.array(known.as_list(), kind.numpy), name=name or "Shape")
    spec = Spec([known.ndims], kind)
    return make_op("Shape", lambda e: constant(np.array(read_sizes(e), kind.numpy)), [x], name, outputs=[spec])


def size(input, name=None, out_type="int32"):
    return FUNCTIONS["reduce_prod"](shape(input, name, out_type))


def rank(input, name=None):
    return make_op("Rank", lambda e: constant(np.int32(e.ndim)), [convert(input)], name, dtype="int32")


def concat(values=None, axis=None, name="concat", concat_dim=None):
    """Concatenate tensors; 0.x gives the axis first."""
    if concat_dim is not None:
        values, axis = (axis if values is None else values), concat_dim
    elif isinstance(values, int) or isinstance(axis, (list, tuple)):
        values, axis = axis, values
    parts, along = unify(list(values) if isinstance(values, (list, tuple)) else [values]), read_axis(axis)
    return make_op("concat", lambda *xs: pel.concatenate(list(xs), axis=along), parts, name)


def split(value=None, num_or_size_splits=None, axis=0, num=None, name=None, *, split_dim=None, num_split=None):
    """Split a tensor; 0.x gives the axis and the number first."""
    if split_dim is not None:
        axis, num_or_size_splits = split_dim, num_split
    elif isinstance(value, int):
        value, axis = axis, value
    x, along = convert(value), read_axis(axis)
    fn: Callable[..., Expr] = slice_axis
    if isinstance(num_or_size_splits, int):
        fn, parts = take_part, [(i, num_or_size_splits) for i in range(num_or_size_splits)]
    else:
        ends = np.cumsum(num_or_size_splits).tolist()
        parts = list(zip([0, *ends], ends, strict=False))
    return [make_op("split", functools.partial(lambda e, p: fn(e, along, *p), p=p), [x], name) for p in parts]


def take_part(x, axis, i, n):
    length = x.shape[axis]
    if isinstance(length, int) and length % n:
        raise ShapeError(f"tf.split: axis {axis} has length {length}, which is not divisible by {n}")
    return slice_axis(x, axis, i * (length // n), (i + 1) * (length // n))


def slice_axis(x, axis, start, stop):
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)]


def stack(values, axis=0, name="stack"):
    return make_op("Pack", lambda *xs: stack_exprs(xs, axis), unify(list(values)), name)


def unstack(value, num=None, axis=0, name="unstack"):
    x = convert(value)
    count = num or (x.static_shape[axis].value if x.static_shape.ndims else None)
    if count is None:
        raise ShapeError(f"tf.unstack: the length of axis {axis} of {x!r} is not known. Give it: num=...")
    return [
        make_op("unstack", functools.partial(lambda e, i: pel.take(e, i, axis=axis), i=i), [x], name)
        for i in range(count)
    ]


pack, unpack = stack, unstack


def make_slice(input_, begin, size, name=None):
    """Slice of some sizes at an index, which may be a tensor; the size -1 is the rest."""
    sizes, listed = as_shape_inputs(size)

    def fn(e, start, *dims):
        lengths = read_shape(dims, listed)
        try:
            first = static_value(start)
        except (UnknownShapeError, NotStaticError):
            for axis, n in enumerate(lengths):
                e = pel.take(e, start[axis] + np.arange(n, dtype=np.int32), axis=axis)
            return e
        return e[tuple(slice(int(i), None if n == -1 else int(i) + n) for i, n in zip(first, lengths, strict=True))]

    return make_op("Slice", fn, [convert(input_), convert(begin), *sizes], name)


def strided_slice(input_, begin, end, strides=None, name=None):
    steps = [1] * len(begin) if strides is None else strides
    return get_item(convert(input_), tuple(slice(*part) for part in zip(begin, end, steps, strict=True)))


def get_item(self, key):
    """Index of integers, slices, `...`, tf.newaxis and tensors."""
    parts = key if isinstance(key, tuple) else (key,)
    bounds = [b for p in parts for b in ([p.start, p.stop, p.step] if isinstance(p, slice) else [p])]
    inputs = [convert(b) for b in bounds if isinstance(b, TensorMethods)]

    def fn(x, *exprs):
        rest, index = list(exprs), list[Any]()

        def read(bound):
            found = rest.pop(0) if isinstance(bound, TensorMethods) else bound
            return int(found) if hasattr(bound, "value") and not isinstance(bound, TensorMethods) else found

        for part in parts:
            if isinstance(part, slice):
                ends = [read(b) for b in (part.start, part.stop, part.step)]
                index.append(slice(*(static_int(b) if isinstance(b, Expr) else b for b in ends)))
            else:
                index.append(read(part))
        return x[tuple(index)]

    return make_op("strided_slice", fn, [convert(self), *inputs])


def one_hot(indices, depth, on_value=None, off_value=None, axis=-1, dtype=None, name=None):
    values = unify([1.0 if on_value is None else on_value, 0.0 if off_value is None else off_value])
    on, off = (cast(v, v.dtype if dtype is None else dtype) for v in values)

    def fn(a, b, i, n):
        hot = pel.expand_dims(i, -1) == constant(np.arange(static_int(n), dtype=i.dtype))
        return pel.where(pel.moveaxis(hot, -1, axis), a, b)

    return make_op("one_hot", fn, [on, off, convert(indices), convert(depth)], name)


def where(condition, x=None, y=None, name=None):
    """Choose elements, or rows if the condition is a vector."""
    if x is None or y is None:
        raise UseError("tf.where(condition) returns indices, whose number depends on values: not in pellucid.compat")

    def fn(a, b, c):
        return pel.where(pel.reshape(c, (*c.shape, *[1] * (a.ndim - 1))) if c.ndim == 1 < a.ndim else c, a, b)

    return make_op("Select", fn, [*unify([x, y]), convert(condition, "bool")], name)


select = where


def make_range(start, limit=None, delta=1, dtype=None, name="range"):
    first, last = (0, start) if limit is None else (start, limit)
    is_float = any(convert(v).dtype.is_floating for v in (first, last, delta))
    tensors = [cast(v, "float32") for v in (first, last, delta)] if is_float else unify([first, last, delta])

    def fn(*exprs):
        try:
            values = np.arange(*[static_value(e).item() for e in exprs])
        except UnknownShapeError:
            raise UnknownShapeError([None]) from None
        return constant(values.astype(as_dtype(dtype or tensors[0].dtype).numpy))

    return make_op("range", fn, tensors, name, dtype=dtype)


def linspace(start, stop, num, name=None):
    def fn(a, b, n):
        return a + (b - a) * constant(np.linspace(0, 1, static_int(n)).astype(a.dtype))

    return make_op("LinSpace", fn, [*unify([start, stop]), convert(num)], name)


lin_space = linspace


def eye(num_rows, num_columns=None, *, dtype="float32", name=None):
    sides = [convert(num_rows), convert(num_rows if num_columns is None else num_columns)]
    return make_op(
        "eye",
        lambda a, b: constant(np.eye(static_int(a), static_int(b), dtype=as_dtype(dtype).numpy)),
        sides,
        name,
        dtype=dtype,
    )


def add_n(inputs, name=None):
    return make_op("AddN", lambda *xs: functools.reduce(pel.add, xs), unify(list(inputs)), name)


def einsum(equation, *inputs, name=None):
    return make_op("Einsum", lambda *xs: pel.einsum(equation, *xs), unify(inputs), name)


def global_norm(t_list, name=None):
    known = unify([t for t in t_list if t is not None])
    return make_op(
        "global_norm", lambda *xs: pel.sqrt(functools.reduce(pel.add, [pel.sum(x * x) for x in xs])), known, name
    )


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    length = global_norm(t_list) if use_norm is None else convert(use_norm)
    inputs = [length, convert(clip_norm, length.dtype)]

    def fn(t, n, limit):
        return t * (limit * pel.minimum(1 / n, 1 / limit))

    return [
        None if t is None else make_op("clip_by_global_norm", fn, [convert(t), *inputs], name) for t in t_list
    ], length


def print_tensors(input_, data, message="", first_n=None, summarize=None, name=None):
    """Identity that prints the first elements of tensors at every run."""

    def fn(x, *shown):
        if TRACES:
            TRACES[-1].printed.append((message, shown))
        return x

    return make_op("Print", fn, [convert(input_), *map(convert, data)], name)


def make_tuple(tensors, name=None, control_inputs=None):
    """Return tensors that are computed after all of them and after some operations."""
    known = [t for t in tensors if t is not None]
    with get_default_graph().control_dependencies([*known, *(control_inputs or [])]):
        return [None if t is None else FUNCTIONS["identity"](t) for t in tensors]


OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floordiv", "mod": "floormod",
    "pow": "pow", "and": "logical_and", "or": "logical_or", "xor": "logical_xor", "matmul": "matmul",
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip


def _install(name, fn):
    setattr(TensorMethods, f"__{name}__", lambda self, other: fn(self, other))
    if name not in ("lt", "le", "gt", "ge"):
        setattr(TensorMethods, f"__r{name}__", lambda self, other: fn(other, self))


for _name, _function in OPERATORS.items():
    _install(_name, FUNCTIONS[_function])
for _name, _function in {"neg": "negative", "abs": "abs", "invert": "logical_not"}.items():
    setattr(TensorMethods, f"__{_name}__", lambda self, _f=FUNCTIONS[_function]: _f(self))
setattr(TensorMethods, "__getitem__", get_item)  # noqa: B010 - it needs functions of this module
PUBLIC = {
    "constant": make_constant_tensor, "slice": make_slice, "range": make_range, "Print": print_tensors,
    "tuple": make_tuple, "newaxis": None, "accumulate_n": add_n,
}  # fmt: skip
