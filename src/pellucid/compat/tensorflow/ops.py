"""Functions of `tf` and `tf.nn` on tensors: tables of functions of pellucid's expressions, and Python's operators."""

import functools
import inspect
from collections import namedtuple

import numpy as np

import pellucid as pel
from pellucid.compat.tensorflow import graph as graphs
from pellucid.compat.tensorflow.graph import Tensor, TensorShape, as_dtype, convert, make_op, read_shape
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr, constant
from pellucid.graph.ops.sliding_windows import resolve_padding

TopK = namedtuple("TopK", ["values", "indices"])
KINDS = {"f": "floating-point numbers", "i": "integers", "b": "booleans"}


def bind(function, signature, args, kwargs):
    try:
        return signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise UseError(f"{function}{signature}: {error}") from None


def define(type, count, fn, kinds="biuf", dtype=None, *, mixed=False, sizes=None, infer=lambda shape, *_: shape):
    """Return a function of tensors for a function of expressions, whose first ``count`` parameters are the tensors.

    They have one dtype unless they are ``mixed``; ``kinds`` are NumPy's kinds of dtypes that the first may have.
    ``sizes`` is the parameter that is a shape: it may be or contain tensors, and `fn` receives integers. Tensors in
    other parameters are expressions for `fn`. ``dtype`` is that of the result if the rank is unknown. If ``sizes`` are
    partly known, ``infer`` returns the shape of the result for them, with None for others, and the first expression.
    """
    parameters = inspect.signature(fn).parameters
    optional = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    signature = inspect.Signature([*parameters.values(), optional])

    def call(*args, **kwargs):
        given = bind(type, signature, args, kwargs)
        name, inputs = given.pop("name", None), unify([given.pop(n) for n in list(parameters)[:count]], mixed)
        if inputs and inputs[0].dtype.kind not in kinds:
            allowed = " or ".join(text for kind, text in KINDS.items() if kind in kinds)
            raise DtypeError(f"{type}: expected {allowed}. Received: {inputs[0]!r}. Cast it: tf.cast(x, tf.float32)")
        shape = given.pop(sizes, None)
        has_tensors = isinstance(shape, (list, tuple)) and any(isinstance(d, Tensor) for d in shape)
        dims = [] if shape is None else [convert(d) for d in (shape if has_tensors else [shape])]
        kind = given.get("dtype", dtype)
        options = {n: convert(v, None if count else kind) for n, v in given.items() if isinstance(v, Tensor)}

        def compute(*exprs):
            ends = count + len(dims)
            known = {**given, **dict(zip(options, exprs[ends:], strict=True))}
            try:
                known |= {sizes: read_shape(exprs[count:ends])} if dims else {}
            except graphs.ValueNeededError as error:
                raise graphs.ValueNeededError(infer(error.args[0], *exprs[:1])) from None
            return fn(*exprs[:count], **known)

        return make_op(type, compute, [*inputs, *dims, *options.values()], name, dtype=kind)

    return call


def unify(values, mixed=False):
    """Return tensors of one dtype: numbers and arrays take that of the first tensor."""
    kind = next((v.dtype for v in values if isinstance(v, Tensor) and not mixed), None)
    tensors = [convert(v, None if isinstance(v, Tensor) else kind) for v in values]
    for t in () if mixed else tensors:
        if t.dtype != tensors[0].dtype:
            message = f"Expected tensors of one dtype. Received: {tensors[0]!r} and {t!r}."
            raise DtypeError(f"{message} TensorFlow casts no tensor by itself: tf.cast(x, tf.{tensors[0].dtype})")
    return tensors


def read_axis(*axes):
    """Return the first of several arguments that is given, as one integer or several."""
    axis = next((a for a in axes if a is not None), None)
    if isinstance(axis, Expr):
        axis = read_shape([axis]) if axis.ndim else read_shape([axis])[0]
    return axis if axis is None or isinstance(axis, (int, np.integer)) else tuple(int(a) for a in axis)


def multiply_matrices(a, b, transpose_a=False, transpose_b=False):
    if min(a.ndim, b.ndim) < 2:
        raise ShapeError(f"MatMul: expected matrices. Received: {a.ndim} and {b.ndim} axes. Use tf.expand_dims")
    return pel.cast((a.mT if transpose_a else a) @ (b.mT if transpose_b else b), a.dtype)


def get_shape(input, out_type="int32"):
    if all(isinstance(d, int) for d in input.shape):
        return constant(np.array(input.shape, as_dtype(out_type)))
    if not graphs.TRACES:  # a session knows more sizes
        raise graphs.ValueNeededError([input.ndim])
    return pel.stack([pel.cast(pel.size(input, axis=i), as_dtype(out_type)) for i in range(input.ndim)])


def one_hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype=None):
    kind = as_dtype(dtype or type(on_value))
    hot = pel.expand_dims(indices, -1) == pel.arange(*read_shape([depth]), dtype=indices.dtype)
    return pel.where(pel.moveaxis(hot, -1, axis), kind.type(on_value), kind.type(off_value))


def draw(method, size, dtype, seed, **parameters):
    """Return random numbers of the generator of the current operation; their bits are pellucid's."""
    if not graphs.TRACES:
        raise graphs.ValueNeededError([d if isinstance(d, int) else None for d in size])
    return getattr(graphs.TRACES[-1].get_generator(seed), method)(**parameters, size=size, dtype=as_dtype(dtype))


def draw_uniform(shape, minval=0, maxval=1, dtype="float32", seed=None):
    if as_dtype(dtype).kind in "iu":
        return draw("integers", shape, dtype, seed, low=minval, high=maxval)
    low, high = (as_expr(bound, as_dtype(dtype)) for bound in (minval, maxval))
    return low + (high - low) * draw("random", shape, dtype, seed)


def read_window(sizes, data_format="NHWC"):
    """Return the height and width of sizes of four axes, channels last."""
    if data_format not in (None, "NHWC"):
        raise OptionError(f"Expected data_format='NHWC', channels last. Received: {data_format!r}. Use tf.transpose")
    values = [int(n) for n in sizes] if isinstance(sizes, (list, tuple, np.ndarray)) else []
    if len(values) != 4 or values[0] != 1 or values[3] != 1:
        raise OptionError(f"Expected sizes of four axes, such as [1, 2, 2, 1]. Received: {sizes!r}")
    return values[1], values[2]


def read_padding(padding):
    if padding not in ("SAME", "VALID"):
        raise OptionError(f"Expected padding='SAME' or 'VALID'. Received: {padding!r}")
    return padding.lower()


def convolve(input, filter, strides=None, padding="VALID", use_cudnn_on_gpu=True, data_format="NHWC"):
    return pel.conv(input, filter, read_window(strides, data_format), read_padding(padding))


def transpose_convolution(value, filter, output_shape, strides=None, padding="SAME", data_format="NHWC"):
    """Return the gradient of a convolution with respect to its input, which has the shape ``output_shape``."""
    steps, like = read_window(strides, data_format), pel.zeros(output_shape, value.dtype)
    pads = resolve_padding(read_padding(padding), like.shape[1:3], filter.shape[:2], steps, (1, 1))
    return pel.conv_input_gradient(value, filter, like, steps, pads, (1, 1))


def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=None, seq_dim=None, batch_dim=None):
    """Reverse the elements of each sequence up to its length."""
    axis, batch = read_axis(seq_axis, seq_dim, 0), read_axis(batch_axis, batch_dim, 0)
    steps = pel.arange(pel.size(input, axis=axis), dtype="int64")
    lengths = pel.expand_dims(pel.cast(seq_lengths, "int64"), -1)
    places = pel.where(steps < lengths, lengths - 1 - steps, steps)  # for each sequence and step
    rows = pel.moveaxis(input, (batch, axis), (0, 1))
    found = rows[pel.expand_dims(pel.arange(pel.size(input, axis=batch)), -1), places]
    return pel.moveaxis(found, (0, 1), (batch, axis))


def tile_shape(multiples, x):
    pairs = zip(x.shape, multiples or [None] * x.ndim, strict=True)
    return [d * m if isinstance(d, int) and m is not None else None for d, m in pairs]


def clip_norm(t, clip_norm, axes=None):
    """Return a tensor scaled so that its norm along axes is at most ``clip_norm``."""
    squares = pel.sum(pel.square(t), axis=read_axis(axes), keepdims=True)
    norm = pel.sqrt(pel.where(squares > 0, squares, 1))  # whose gradient is finite at 0
    return t * clip_norm / pel.maximum(pel.where(squares > 0, norm, squares), clip_norm)


def normalize_rows(x, dim=None, epsilon=1e-12, axis=None):
    squares = pel.sum(pel.square(x), axis=read_axis(axis, dim), keepdims=True)
    return x / pel.sqrt(pel.maximum(squares, epsilon))


pad = lambda tensor, paddings, mode="CONSTANT": pel.pad(tensor, np.reshape(paddings, (-1, 2)).tolist(), mode.lower())
# A vector of conditions chooses rows.
select = lambda c, x, y: pel.where(pel.reshape(c, (-1, *[1] * (x.ndim - 1))) if c.ndim == 1 < x.ndim else c, x, y)
find_extreme = lambda fn: (
    lambda input, axis=None, dimension=None, output_type="int64": pel.cast(
        fn(input, axis=read_axis(axis, dimension, 0)), as_dtype(output_type)
    )
)
pool = lambda fn: (
    lambda value, ksize=None, strides=None, padding="VALID", data_format="NHWC": fn(
        value, read_window(ksize, data_format), read_window(strides), read_padding(padding)
    )
)
make_normal = lambda method: (
    lambda shape, mean=0.0, stddev=1.0, dtype="float32", seed=None: (
        as_expr(mean, as_dtype(dtype)) + as_expr(stddev, as_dtype(dtype)) * draw(method, shape, dtype, seed)
    )
)
# The cast rounds means of integers to 0, as in TensorFlow.
reduce = lambda fn: (
    lambda input_tensor, axis=None, keep_dims=None, reduction_indices=None, keepdims=None: pel.cast(
        fn(input_tensor, axis=read_axis(axis, reduction_indices), keepdims=bool(keep_dims or keepdims)),
        input_tensor.dtype,
    )
)
make_line = lambda start, stop, num: pel.linspace(start, stop, num, dtype="float32")
make_filled = lambda fn: lambda shape, dtype="float32": fn(shape, as_dtype(dtype))
divide = lambda x, y: x / y if x.dtype.kind == "f" else pel.cast(x, "float64") / pel.cast(y, "float64")
clip_value = lambda t, clip_value_min, clip_value_max: pel.minimum(pel.maximum(t, clip_value_min), clip_value_max)
normalize_locally = lambda input, depth_radius=5, bias=1, alpha=1, beta=0.5: pel.local_response_normalization(
    input, 2 * depth_radius + 1, bias, alpha, beta
)
gather = lambda params, indices, axis=0: pel.take(params, indices, axis)
gather_elements = lambda params, indices: params[tuple(indices[..., i] for i in range(indices.shape[-1]))]
squeeze = lambda input, axis=None, squeeze_dims=None: pel.squeeze(input, read_axis(axis, squeeze_dims))
expand_dims = lambda input, axis=None, dim=None: pel.expand_dims(input, read_axis(axis, dim))
get_scores = lambda z, t: pel.take_along_axis(z, pel.expand_dims(t, -1), axis=-1)  # of the target classes
# In 0.x, the arguments are positional, in this order.
choose_scores = lambda logits, labels: -get_scores(pel.log_softmax(logits), labels)[..., 0]
cross_entropy = lambda logits, labels, dim=-1: (
    -pel.sum(pel.cast(labels, logits.dtype) * pel.log_softmax(logits, dim), axis=dim)
)
binary_cross_entropy = lambda logits, labels: labels * pel.softplus(-logits) + (1 - labels) * pel.softplus(logits)
draw_mask = lambda x, keep, noise_shape=None, seed=None: (
    x / keep * pel.floor(keep + draw("random", noise_shape or x.shape, x.dtype, seed)) if graphs.TRACES else x
)
drop_some = define("dropout", 2, draw_mask, "f", sizes="noise_shape")
SIMPLE = {
    "1 f": "exp log log1p expm1 sqrt sin cos tan asin acos atan erf lgamma sigmoid tanh ceil floor softplus softsign",
    "1 f bool": "is_nan=isnan is_finite=isfinite",
    "1 iuf": "abs negative,neg sign square round relu diag",
    "1 biuf": "stop_gradient zeros_like ones_like",
    "1 b": "logical_not",
    "2 f": "atan2=arctan2",
    "2 iuf": "add,bias_add subtract,sub multiply,mul pow floordiv=floor_divide floormod,mod=remainder maximum minimum",
    "2 iuf bool": "less less_equal greater greater_equal",
    "2 biuf bool": "equal not_equal",
    "2 b": "logical_and logical_or logical_xor",
}
"""Functions with the arguments of pellucid's, by number of tensors and kinds of dtypes: NAME,ALIAS=NAME_IN_PELLUCID."""
REDUCTIONS = {**dict.fromkeys(["sum", "max", "min", "prod", "mean"], "iuf"), "all": "b", "any": "b", "logsumexp": "f"}
TABLE = {
    **{f"reduce_{n}": define(n.title(), 1, reduce(getattr(pel, n)), kinds) for n, kinds in REDUCTIONS.items()},
    "identity": define("Identity", 1, lambda input: input),
    "rsqrt": define("Rsqrt", 1, lambda x: 1 / pel.sqrt(x), "f"),
    "reciprocal inv": define("Reciprocal", 1, lambda x: 1 / x, "f"),
    "div": define("div", 2, lambda x, y: x // y if x.dtype.kind in "iu" else x / y, "iuf"),
    "divide truediv realdiv": define("truediv", 2, divide, "iuf"),
    "squared_difference": define("SquaredDifference", 2, lambda x, y: pel.square(x - y), "iuf"),
    "clip_by_value": define("clip_by_value", 3, clip_value),
    "clip_by_norm": define("clip_by_norm", 2, clip_norm, "f"),
    "matmul batch_matmul": define("MatMul", 2, multiply_matrices, "iuf"),
    "argmax arg_max": define("ArgMax", 1, find_extreme(pel.argmax), dtype="int64"),
    "argmin arg_min": define("ArgMin", 1, find_extreme(pel.argmin), dtype="int64"),
    "reshape": define("Reshape", 1, lambda tensor, shape: pel.reshape(tensor, shape), sizes="shape"),
    "transpose": define("transpose", 1, lambda a, perm=None: pel.transpose(a, read_axis(perm))),
    "expand_dims": define("ExpandDims", 1, expand_dims),
    "squeeze": define("Squeeze", 1, squeeze),
    "shape": define("Shape", 1, get_shape, dtype="int32"),
    "gather embedding_lookup": define("Gather", 2, gather, mixed=True),
    "gather_nd": define("GatherNd", 2, gather_elements, mixed=True),
    "boolean_mask": define("boolean_mask", 2, lambda tensor, mask: find_true(mask, tensor), mixed=True),
    "tile": define("Tile", 1, lambda input, multiples: pel.tile(input, multiples), sizes="multiples", infer=tile_shape),
    "pad": define("Pad", 1, pad, sizes="paddings", infer=lambda paddings, x: [None] * x.ndim),
    "cumsum": define("Cumsum", 1, lambda x, axis=0: pel.cumsum(x, axis), "iuf"),
    "tensordot": define("Tensordot", 2, lambda a, b, axes=2: pel.tensordot(a, b, axes), "iuf"),
    "one_hot": define("one_hot", 2, one_hot, dtype="float32", mixed=True),
    "select": define("Select", 3, select, "b", mixed=True),
    "size": define("Size", 1, lambda input, out_type="int32": pel.size(input, dtype=out_type), dtype="int32"),
    "rank": define("Rank", 1, lambda input: constant(np.int32(input.ndim)), dtype="int32"),
    "reverse": define("ReverseV2", 1, lambda tensor, axis: pel.flip(tensor, read_axis(axis))),
    "lin_space linspace": define("LinSpace", 0, make_line),
    "eye": define(
        "eye", 0, lambda num_rows, num_columns=None, dtype="float32": pel.eye(num_rows, num_columns, 0, dtype)
    ),
    "zeros": define("zeros", 0, make_filled(pel.zeros), dtype="float32", sizes="shape"),
    "ones": define("ones", 0, make_filled(pel.ones), dtype="float32", sizes="shape"),
    "random_uniform": define("random_uniform", 0, draw_uniform, dtype="float32", sizes="shape"),
    "random_normal": define("random_normal", 0, make_normal("normal"), dtype="float32", sizes="shape"),
    "truncated_normal": define("truncated_normal", 0, make_normal("truncated_normal"), dtype="float32", sizes="shape"),
    "relu6": define("Relu6", 1, lambda features: pel.minimum(pel.relu(features), 6), "iuf"),
    "elu": define("Elu", 1, lambda features: pel.nn.activations.elu(features), "f"),
    "leaky_relu": define("LeakyRelu", 1, lambda x, alpha=0.2: pel.where(x > 0, x, alpha * x), "f"),
    "softmax": define("Softmax", 1, lambda logits, dim=-1, axis=None: pel.softmax(logits, read_axis(axis, dim)), "f"),
    "log_softmax": define("LogSoftmax", 1, lambda logits, dim=-1: pel.log_softmax(logits, dim), "f"),
    "l2_loss": define("L2Loss", 1, lambda t: pel.sum(pel.square(t)) / 2, "f"),
    "conv2d": define("Conv2D", 2, convolve, "f"),
    "conv2d_transpose": define("conv2d_transpose", 2, transpose_convolution, "f", sizes="output_shape"),
    "reverse_sequence": define("ReverseSequence", 2, reverse_sequence, mixed=True),
    "l2_normalize": define("l2_normalize", 1, normalize_rows, "f"),
    "max_pool": define("MaxPool", 1, pool(pel.max_pool), "f"),
    "avg_pool": define("AvgPool", 1, pool(pel.average_pool), "f"),
    "in_top_k": define("InTopK", 2, lambda z, t, k: pel.sum(z > get_scores(z, t), -1) < k, "f", "bool", mixed=True),
    "lrn local_response_normalization": define("LRN", 1, normalize_locally, "f"),
    "sparse_softmax_cross_entropy_with_logits": define("SparseSoftmaxCrossEntropy", 2, choose_scores, "f", mixed=True),
    "sigmoid_cross_entropy_with_logits": define("logistic_loss", 2, binary_cross_entropy, "f"),
    "softmax_cross_entropy_with_logits": define("CrossEntropy", 2, cross_entropy, "f", mixed=True),
}
FUNCTIONS = {name: fn for names, fn in TABLE.items() for name in names.split()}


call_one, call_two = lambda fn: lambda x: fn(x), lambda fn: lambda x, y: fn(x, y)
for _key, _text in SIMPLE.items():
    (_count, *_options) = _key.split()
    for _names, _, _ours in (part.partition("=") for part in _text.split()):
        (_name, *_aliases), _call = _names.split(","), call_one if _count == "1" else call_two
        _made = define(_name.title().replace("_", ""), int(_count), _call(getattr(pel, _ours or _name)), *_options)
        FUNCTIONS |= dict.fromkeys([_name, *_aliases], _made)


def dropout(x, keep_prob=None, noise_shape=None, seed=None, name=None, rate=None):
    keep = keep_prob if rate is None else 1 - rate
    if keep is None or (isinstance(keep, (int, float)) and not 0 < keep <= 1):
        raise OptionError(f"tf.nn.dropout: expected keep_prob in (0, 1], the fraction to keep. Received: {keep!r}")
    dropped = drop_some(x := convert(x), keep, noise_shape, seed, name)
    dropped.abstract = x.abstract  # also if keep_prob is a placeholder of unknown shape
    return dropped


def cast(x, dtype, name=None):
    kind, x = as_dtype(dtype), convert(x)
    return x if x.dtype == kind else make_op("Cast", lambda e: pel.cast(e, kind), [x], name, dtype=kind)


def make_constant(value, dtype=None, shape=None, name="Const"):
    if shape is not None:
        value, sizes = graphs.as_array(value, dtype and as_dtype(dtype)), tuple(int(d) for d in TensorShape(shape))
        if value.size not in (1, np.prod(sizes)):
            raise ShapeError(f"tf.constant: shape {sizes} does not fit {value.size} values")
        value = np.full(sizes, value.reshape(sizes if value.size > 1 else ()))
    return convert(value, dtype, name)


def concat(values=None, axis=None, name="concat", concat_dim=None):
    """Concatenate tensors; 0.x gives the axis first."""
    if isinstance(values, int) or isinstance(axis, (list, tuple)):
        values, axis = axis, values
    axis = read_axis(concat_dim, axis)
    return make_op("concat", lambda *xs: pel.concatenate(xs, axis=axis), unify(list(values)), name)


def split(value=None, num_or_size_splits=None, axis=0, num=None, name="split", split_dim=None, num_split=None):
    """Split a tensor; 0.x gives the axis and the number first."""
    if isinstance(value, int):
        value, axis = axis, value
    axis, parts = read_axis(split_dim, axis), num_or_size_splits or num_split
    ends, n = (parts, parts) if isinstance(parts, int) else (np.cumsum(parts)[:-1].tolist(), len(parts))

    def fn(e):
        if not (graphs.TRACES or isinstance(e.shape[axis], int)):  # the length is known when the graph runs
            raise graphs.ValueNeededError(
                [d if isinstance(d, int) and i != axis else None for i, d in enumerate(e.shape)]
            )
        return pel.split(e, ends, axis)

    return make_op("split", fn, [convert(value)], name, count=n)


def unstack(value, num=None, axis=0, name="unstack"):
    x = convert(value)
    n = num or (x.shape[axis].value if x.shape.ndims else None)
    if n is None:
        raise ShapeError(f"tf.unstack: the length of axis {axis} of {x!r} is not known. Give it: num=...")
    return make_op("unstack", lambda e: [pel.take(e, i, axis=axis) for i in range(n)], [x], name, count=n)


def top_k(input, k=1, sorted=True, name=None):
    """Return the largest elements of each row in descending order, and where they are."""
    find = lambda e: [(found := pel.top_k(e, k))[0], pel.cast(found[1], "int32")]
    return TopK(*make_op("TopKV2", find, [convert(input)], name, count=2))


def moments(x, axes, shift=None, name="moments", keep_dims=False):
    """Return the mean and the variance over axes."""
    options = {"axis": read_axis(axes), "keepdims": keep_dims}
    return tuple(make_op(name, lambda e: [pel.mean(e, **options), pel.var(e, **options)], [convert(x)], count=2))


def find_true(condition, tensor=None):
    """Return the indices of the true elements of a condition, or these elements of a tensor."""
    if not graphs.TRACES:  # how many there are depends on the values
        raise graphs.ValueNeededError(
            [None] * (1 + tensor.ndim - condition.ndim) if tensor is not None else [None, condition.ndim]
        )
    found = pel.nonzero(condition)
    return pel.stack(found, axis=1) if tensor is None else tensor[found]


def where(condition, x=None, y=None, name=None):
    """Choose elements by a condition; without two tensors, return the indices of its true elements."""
    if x is None and y is None:
        return make_op("Where", find_true, unify([condition]), name, dtype="int64")
    return FUNCTIONS["select"](condition, *(e for e in (x, y) if e is not None), name=name)


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    rate = FUNCTIONS["rsqrt"](convert(variance) + variance_epsilon)
    rate = rate if scale is None else rate * scale
    return x * rate - mean * rate + (0.0 if offset is None else offset)


def get_slice(input_, begin, size, name=None):
    """Return the part that begins at some indices; a size of -1 is everything up to the end."""
    starts, sizes = (unstack(n) if isinstance(n, Tensor) else list(n) for n in (begin, size))
    parts = [slice(b, None if isinstance(n, int) and n == -1 else b + n) for b, n in zip(starts, sizes, strict=True)]
    return get_item(convert(input_), tuple(parts))


def get_item(self, key):
    parts = key if isinstance(key, tuple) else (key,)
    bounds = [b for p in parts for b in ((p.start, p.stop, p.step) if isinstance(p, slice) else (p,))]

    def fn(x, *exprs):
        rest = iter(exprs)
        read = lambda b: next(rest) if isinstance(b, Tensor) else b
        index = [slice(read(p.start), read(p.stop), read(p.step)) if isinstance(p, slice) else read(p) for p in parts]
        return x[tuple(index)]

    return make_op("strided_slice", fn, [convert(self), *(b for b in bounds if isinstance(b, Tensor))])


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    norm = FUNCTIONS["global_norm"](t_list) if use_norm is None else use_norm
    scale = clip_norm * FUNCTIONS["minimum"](1 / norm, 1 / clip_norm)
    return [None if t is None else t * scale for t in t_list], norm


def make_range(start, limit=None, delta=1, name=None):
    bounds = [0, start, delta] if limit is None else [start, limit, delta]
    if not any(isinstance(b, Tensor) for b in bounds):
        return convert(np.arange(*bounds).tolist(), name=name)
    tensors = unify(bounds)
    outputs, compute = [([None], tensors[0].dtype)], lambda *es: pel.arange(*read_shape(es), dtype=es[0].dtype)
    return make_op("Range", compute, tensors, name, outputs=outputs)


FUNCTIONS |= {
    **{fn.__name__: fn for fn in (dropout, cast, concat, split, unstack, clip_by_global_norm, top_k, moments, where)},
    "batch_normalization": batch_normalization, "slice": get_slice, "range": make_range,
    "constant": make_constant, "unpack": unstack, "newaxis": None,
    "stack": lambda values, axis=0, name=None: make_op("Pack", lambda *xs: pel.stack(xs, axis), unify(values), name),
    "fill": lambda dims, value, name=None: FUNCTIONS["zeros"](dims, convert(value).dtype) + value,
    "add_n": lambda inputs, name=None: functools.reduce(FUNCTIONS["add"], inputs),
    "global_norm": lambda t_list, name=None: FUNCTIONS["sqrt"](
        functools.reduce(FUNCTIONS["add"], [2 * FUNCTIONS["l2_loss"](t) for t in t_list if t is not None])
    ),
    **{f"to_{kind}": functools.partial(cast, dtype=kind) for kind in ("float", "double", "int32", "int64")},
}  # fmt: skip
FUNCTIONS["pack"] = FUNCTIONS["stack"]
FUNCTIONS["softmax_cross_entropy_with_logits_v2"] = FUNCTIONS["softmax_cross_entropy_with_logits"]
OPERATORS = "add sub mul truediv floordiv mod pow matmul and=logical_and or=logical_or xor=logical_xor "
for _text in f"{OPERATORS} lt=less le=less_equal gt=greater ge=greater_equal neg abs invert=logical_not".split():
    _name, _, _function = _text.partition("=")
    _fn = FUNCTIONS[_function or _name]
    setattr(Tensor, f"__{_name}__", lambda self, *other, fn=_fn: fn(self, *other))
    setattr(Tensor, f"__r{_name}__", lambda self, other, fn=_fn: fn(other, self))
setattr(Tensor, "__getitem__", get_item)  # noqa: B010 - it needs functions of this module
