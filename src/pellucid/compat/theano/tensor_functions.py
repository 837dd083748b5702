"""Functions of ``theano.tensor``, as tables from their names to functions of pellucid, and the methods of variables."""

import functools

import numpy as np

import pellucid as pel
from pellucid.compat.theano.variables import (
    TensorBase,
    TensorConstant,
    Variable,
    apply,
    apply_real,
    as_real,
    as_shape,
    as_size,
    as_tensor_variable,
    cast_alike,
    cast_expr,
    contains_variable,
    expr,
    get_dtype,
    get_length,
    make_constant,
    make_vector,
    unwrap,
    upcast,
    wrap,
)
from pellucid.graph.errors import OptionError, ShapeError, UseError

REAL_NAMES = """exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan arcsin arccos arctan arcsinh arccosh arctanh sinh
cosh tanh erf erfc erfcx erfinv gammaln deg2rad rad2deg arctan2 sigmoid softplus softsign reciprocal det
cholesky solve"""
REAL = {name: getattr(pel, name) for name in REAL_NAMES.split()} | {
    "inv": pel.reciprocal,
    "psi": pel.digamma,
    "tri_gamma": lambda x: pel.polygamma(1, x),
    "gamma": lambda x: pel.exp(pel.gammaln(x)),
    "xlogx": lambda x: pel.xlogy(x, x),
    "xlogy0": pel.xlogy,
    "matrix_inverse": pel.linalg.inv,
    "solve_lower_triangular": lambda a, b: pel.linalg.solve_triangular(a, b, lower=True),
    "solve_upper_triangular": lambda a, b: pel.linalg.solve_triangular(a, b, lower=False),
}
"""Functions of real numbers; integers become floating-point numbers."""

SAME_NAMES = """square trunc floor ceil maximum minimum mod power clip dot outer inner kron isnan isinf isclose
allclose"""
SAME = {name: getattr(pel, name) for name in SAME_NAMES.split()} | {
    "abs_": pel.abs,
    "neg": pel.negative,
    "sqr": pel.square,
    "sgn": pel.sign,
    "sub": pel.subtract,
    "int_div": pel.floor_divide,
    "floor_div": pel.floor_divide,
    "pow": pel.power,
    "eq": pel.equal,
    "neq": pel.not_equal,
    "lt": pel.less,
    "le": pel.less_equal,
    "gt": pel.greater,
    "ge": pel.greater_equal,
    **dict.fromkeys(("tensor_copy", "conj", "real"), lambda x: x),
}
"""Functions that compute in the common dtype of their operands; comparisons do too, and give booleans."""

FUNCTIONS = {name: functools.partial(apply_real, f) for name, f in REAL.items()}
FUNCTIONS |= {name: functools.partial(apply, f) for name, f in SAME.items()}
"""Functions of variables by name: elementwise ones, and those of the tables below."""


def add(*terms):
    return functools.reduce(functools.partial(apply, pel.add), terms)


def mul(*factors):
    return functools.reduce(functools.partial(apply, pel.multiply), factors)


def true_div(x, y):
    """Quotient; that of integers has the dtype ``floatX``."""
    dtype = upcast(expr(x).dtype, expr(y).dtype)
    return apply(pel.true_divide, x, y, dtype=dtype if dtype.startswith("float") else get_dtype("floatX"))


def choose_logical(logical, bitwise):
    """Return a function that is logical for booleans and bitwise for integers."""

    def compute(*operands):
        return apply(logical if upcast(*(expr(o).dtype for o in operands)) == "bool" else bitwise, *operands)

    return compute


def round(x, mode=None):
    """Nearest integers, of the same dtype; ``mode`` decides what happens halfway."""
    if mode in (None, "half_to_even"):
        return apply(pel.round, x)
    if mode != "half_away_from_zero":
        raise OptionError(f"round: expected mode 'half_to_even' or 'half_away_from_zero'. Received: {mode!r}")
    return apply(lambda x: pel.sign(x) * pel.floor(pel.abs(x) + 0.5), x)


def cast(x, dtype):
    return wrap(cast_expr(x, get_dtype(dtype)))


def switch(cond, ift, iff):
    """Elements of ``ift`` where the condition is true, and of ``iff`` elsewhere."""
    return apply(lambda a, b: pel.where(cast_expr(cond, "bool"), a, b), ift, iff)


# Reductions


def widen(dtype):
    """Return the dtype of a sum: integers of 64 bits for smaller ones."""
    kind = np.dtype(dtype).kind
    return "uint64" if kind == "u" else "int64" if kind in "ib" else str(dtype)


def make_reduction(function, choose_dtype):
    """Return a reduction whose result has the dtype that ``choose_dtype`` returns for that of the operand."""

    def reduce_axes(x, axis=None, dtype=None, op=False, keepdims=False, acc_dtype=None):
        kept = get_dtype(dtype) if dtype else choose_dtype(expr(x).dtype)
        source = cast_expr(x, get_dtype(acc_dtype) if acc_dtype else kept)
        return cast(function(source, axis=axis, keepdims=keepdims), kept)

    return reduce_axes


sum, mean = make_reduction(pel.sum, widen), make_reduction(pel.mean, as_real)


def prod(x, axis=None, dtype=None, keepdims=False, acc_dtype=None, no_zeros_in_input=False):
    """Product over axes. That of a shape is a size."""
    elements = get_elements(as_tensor_variable(x))
    if elements and axis in (None, 0, -1) and not keepdims:
        return mul(*elements)
    return make_reduction(pel.prod, widen)(x, axis, dtype, keepdims=keepdims, acc_dtype=acc_dtype)


def find_extremum(function):
    def compute(x, axis=None, keepdims=False):
        if isinstance(axis, list | tuple):
            axis = axis[0] if len(axis) == 1 else None
        return cast(function(expr(x), axis=axis, keepdims=keepdims), "int64")

    return compute


argmax, argmin = find_extremum(pel.argmax), find_extremum(pel.argmin)


def norm(x, L=2, axis=None, keepdims=False):
    """Norm of order ``L`` of all elements, or along an axis."""
    return wrap(pel.vector_norm(cast_expr(x, as_real(expr(x).dtype)), axis, L, keepdims))


def compute_matrix_norm(x, ord):
    return wrap(pel.norm(expr(x), float(ord) if str(ord).endswith("inf") else ord))


def make_deviation(function):
    return lambda x, axis=None, ddof=0, keepdims=False, corrected=False: wrap(
        function(cast_expr(x, as_real(expr(x).dtype)), axis, ddof, keepdims)
    )


def lift(function):
    """Return a function of a variable with the other arguments of pellucid's function."""
    return lambda x, *args, **options: wrap(function(expr(x), *args, **options))


FUNCTIONS |= {name: make_deviation(getattr(pel, name)) for name in ("var", "std")}
LIFTED = "max min ptp all any cumsum cumprod diff swapaxes squeeze tril triu diag diagonal trace flatnonzero"
FUNCTIONS |= {name: lift(getattr(pel, name)) for name in LIFTED.split()} | {
    "max_and_argmax": lambda x, *args, **options: [f(x, *args, **options) for f in (FUNCTIONS["max"], argmax)],
}


# Shapes


def get_elements(x):
    """Return the elements of a vector that is made of scalars or constant; None for another variable."""
    if isinstance(x, TensorConstant) and x.ndim == 1:
        return [make_constant(v) for v in x.data]
    return x.elements


def flatten(x, ndim=None, outdim=None):
    """The same elements with ``ndim`` axes: the last one joins all others."""
    e, count = expr(x), ndim or outdim or 1
    if not 1 <= count <= max(e.ndim, 1):
        raise ShapeError(f"flatten of {x}: expected from 1 to {e.ndim} dimensions. Received: {count}")
    return wrap(pel.reshape(e, (*e.shape[: count - 1], -1)))


def dimshuffle(x, *pattern):
    """Reorder axes, and insert ones of length 1, written as ``"x"``."""
    e = expr(x)
    order = list(pattern[0]) if len(pattern) == 1 and isinstance(pattern[0], list | tuple) else list(pattern)
    kept = [int(p) % max(e.ndim, 1) for p in order if p != "x"]
    dropped = tuple(a for a in range(e.ndim) if a not in kept)
    if len(set(kept)) != len(kept) or any(p != "x" and not -e.ndim <= p < e.ndim for p in order):
        raise ShapeError(f"dimshuffle of {x}, of {e.ndim} dimensions: received the pattern {tuple(order)}")
    if any(e.shape[a] != 1 for a in dropped):
        raise ShapeError(
            f"dimshuffle of {x}: only dimensions of length 1 can be left out. Received: the pattern {tuple(order)}, "
            f"for the shape {e.shape}. Use T.addbroadcast(x, {dropped[0]}) first if its length is 1"
        )
    moved = (*kept, *dropped)
    e = e if moved == tuple(range(e.ndim)) else pel.transpose(e, moved)
    e = pel.squeeze(e, axis=tuple(range(len(kept), e.ndim))) if dropped else e
    inserted = tuple(i for i, p in enumerate(order) if p == "x")
    return wrap(pel.expand_dims(e, axis=inserted) if inserted else e)


def addbroadcast(x, *axes):
    """The same variable, some axes of which have length 1 and broadcast."""
    e = expr(x)
    sizes = tuple(1 if a in axes or a - e.ndim in axes else d for a, d in enumerate(e.shape))
    return as_tensor_variable(x) if sizes == tuple(e.shape) else wrap(pel.reshape(e, sizes))


def concatenate(tensor_list, axis=0):
    """Tensors joined along an axis."""
    parts = [as_tensor_variable(t) for t in tensor_list]
    if len({p.ndim for p in parts}) > 1:
        dims = ", ".join(str(p.ndim) for p in parts)
        raise UseError(f"Join() can only join tensors with the same number of dimensions. Received: {dims} dimensions")
    elements = [get_elements(p) for p in parts]
    if all(e is not None for e in elements):
        return make_vector([one for e in elements for one in e])
    return wrap(pel.concatenate(cast_alike(*parts), axis=int(unwrap_constant(axis))))


def unwrap_constant(value):
    return value.data if isinstance(value, TensorConstant) else unwrap(value)


def stack(*tensors, axis=0):
    """Tensors along a new axis: ``stack([a, b], axis)``, or ``stack(a, b)`` as in older versions."""
    if isinstance(tensors[0], list | tuple):
        tensors, axis = tensors[0], tensors[1] if len(tensors) > 1 else axis
    stacked = as_tensor_variable(list(map(as_tensor_variable, tensors)))
    return stacked if axis == 0 else wrap(pel.moveaxis(stacked.expr, 0, axis))


def split(x, splits_size, n_splits, axis=0):
    """Parts of given lengths along an axis."""
    x, start, parts = as_tensor_variable(x), make_constant(0), []
    for k in range(n_splits):
        stop = start + as_tensor_variable(splits_size)[k]
        parts.append(x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)])
        start = stop
    return parts


def repeat(x, repeats, axis=None):
    count = as_size(repeats) if isinstance(repeats, Variable) and repeats.expr.ndim == 0 else unwrap_constant(repeats)
    return wrap(pel.repeat(expr(x), count, axis))


def roll(x, shift, axis=None):
    """Elements moved along an axis; those that leave it enter at the other end."""
    if not isinstance(shift, Variable):
        return wrap(pel.roll(expr(x), int(shift), axis))
    flat = flatten(x) if axis is None else as_tensor_variable(x)
    length = get_length(flat, axis or 0)
    rolled = flat.take((arange(length) - shift) % length, axis=axis or 0)
    return rolled.reshape(x.shape, x.ndim) if axis is None else rolled


FUNCTIONS |= {
    "shape": lambda x: as_tensor_variable(x).shape,
    "reshape": lambda x, newshape, ndim=None: wrap(pel.reshape(expr(x), as_shape(newshape, ndim))),
    "transpose": lambda x, *order, axes=None: wrap(
        pel.transpose(expr(x), order[0] if len(order) == 1 and not isinstance(order[0], int) else order or axes)
    ),
    "shape_padleft": lambda t, n_ones=1: dimshuffle(t, ["x"] * n_ones + list(range(expr(t).ndim))),
    "shape_padright": lambda t, n_ones=1: dimshuffle(t, list(range(expr(t).ndim)) + ["x"] * n_ones),
    "shape_padaxis": lambda t, axis: wrap(pel.expand_dims(expr(t), axis=axis)),
    "unbroadcast": lambda x, *axes: as_tensor_variable(x),
    "patternbroadcast": lambda x, broadcastable: addbroadcast(x, *(a for a, b in enumerate(broadcastable) if b)),
    "specify_shape": lambda x, shape: wrap(pel.reshape(expr(x), as_shape(shape))),
    "join": lambda axis, *parts: concatenate(parts[0] if isinstance(parts[0], list | tuple) else parts, axis),
    "horizontal_stack": lambda *parts: concatenate(parts, axis=1),
    "vertical_stack": lambda *parts: concatenate(parts, axis=0),
    "tile": lambda x, reps, ndim=None: wrap(pel.tile(expr(x), as_shape(reps, ndim))),
}


# Indexing


def convert_part(part):
    """Return a part of an index as pellucid takes it."""
    if isinstance(part, slice):
        return slice(*(None if b is None else as_size(b) for b in (part.start, part.stop, part.step)))
    if isinstance(part, list) and contains_variable(part):
        part = as_tensor_variable(part)
    if isinstance(part, TensorConstant):
        part = part.data if part.ndim else int(part.data)
    return np.asarray(part) if isinstance(part, list) else unwrap(part)


def convert_index(x, index):
    """Return the parts of an index; masks become positions."""
    if isinstance(index, list) and any(isinstance(p, slice) for p in index):
        index = tuple(index)  # as older versions of NumPy took it
    parts = []
    for part in map(convert_part, index if isinstance(index, tuple) else (index,)):
        is_mask = isinstance(part, pel.Expr) and part.dtype == bool and part.ndim
        parts.extend(pel.nonzero(part) if is_mask else [part])
    if len([p for p in parts if p is not None and p is not Ellipsis]) > x.ndim:
        raise IndexError(f"{x} has {x.ndim} dimensions. Received: an index of {len(parts)} parts")
    return tuple(parts)


def getitem(x, index):
    """Part of a variable; `set_subtensor` and `inc_subtensor` know where it is."""
    if isinstance(index, str):
        raise UseError(f"{x}: expected integers, slices or variables as an index. Received: {index!r}")
    is_plain = isinstance(index, int | np.integer | slice)
    bounds = [getattr(index, "start", 0), getattr(index, "stop", 0)]
    if x.elements is not None and is_plain and not contains_variable(bounds):
        found = x.elements[index]
        return make_vector(found) if isinstance(found, list) else found
    result = wrap(x.expr[convert_index(x, index)])
    if result.expr.op is not None:
        result.subtensor = (x, index)
    return result


def has_computed_bounds(part):
    return isinstance(part, slice) and any(isinstance(b, pel.Expr) for b in (part.start, part.stop, part.step))


def make_grid(x, parts):
    """Return index arrays for an index with slices of computed bounds, which pellucid cannot assign to."""
    if not any(map(has_computed_bounds, parts)):
        return parts
    if not all(isinstance(p, slice | int) or getattr(p, "ndim", 1) == 0 for p in parts):
        raise UseError("set_subtensor: slices with computed bounds can be combined with slices and integers only")
    full = [*parts, *[slice(None)] * (x.ndim - len(parts))]
    count, place, grid = len([p for p in full if isinstance(p, slice)]), 0, []
    for axis, part in enumerate(full):
        if isinstance(part, slice):
            place += 1
            part = pel.expand_dims(pel.arange(x.expr.shape[axis])[part], axis=tuple(range(1, 1 + count - place)))
        grid.append(part)
    return tuple(grid)


def update_subtensor(name, x, y):
    """Return the variable of which ``x`` is a part, with the part replaced or increased."""
    if not isinstance(x, TensorBase) or x.subtensor is None:
        raise UseError(f"{name}: expected a part of a variable, as in {name}(x[1:3], y). Received: {x}")
    base, index = x.subtensor
    place = base.expr.at[make_grid(base, convert_index(base, index))]
    return wrap((place.set if name == "set_subtensor" else place.add)(cast_expr(y, base.dtype)))


def choose(a, choices, out=None, mode="raise"):
    """Elements of the choices that ``a`` numbers."""
    *others, found = choices
    for k, choice in reversed(list(enumerate(others))):
        found = switch(FUNCTIONS["eq"](a, k), choice, found)
    return found


def nonzero(a, return_matrix=False):
    found = pel.nonzero(expr(a))
    return wrap(pel.stack(found)) if return_matrix else tuple(map(wrap, found))


def unique(ar):
    """Sorted distinct elements."""
    ordered = pel.sort(pel.ravel(expr(ar)))
    is_first = pel.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])
    return wrap(ordered[pel.nonzero(is_first)])


def bincount(x, weights=None, minlength=None, assert_nonneg=False):
    """Number, or sum of the weights, of the elements of each value."""
    labels = expr(x)
    length = pel.cast(pel.max(labels), "int64") + 1
    length = length if minlength is None else pel.maximum(length, as_size(minlength))
    weight = pel.ones_like(labels, dtype="int64") if weights is None else expr(weights)
    return wrap(pel.zeros(length, dtype=weight.dtype).at[labels].add(weight))


FUNCTIONS |= {
    "set_subtensor": lambda x, y, inplace=False, **options: update_subtensor("set_subtensor", x, y),
    "inc_subtensor": lambda x, y, inplace=False, set_instead_of_inc=False, **options: update_subtensor(
        "set_subtensor" if set_instead_of_inc else "inc_subtensor", x, y
    ),
    "take": lambda a, indices, axis=None, mode="raise": wrap(pel.take(expr(a), unwrap_constant(indices), axis, mode)),
    "nonzero_values": lambda a: wrap(pel.ravel(expr(a))[pel.flatnonzero(expr(a))]),
    "sort": lambda x, axis=-1, kind="quicksort", order=None: wrap(pel.sort(expr(x), axis)),
    "argsort": lambda x, axis=-1, kind="quicksort", order=None: wrap(pel.argsort(expr(x), axis)),
    "compress": lambda condition, x, axis=None: as_tensor_variable(x).take(nonzero(condition)[0], axis=axis),
}


# Creation and products


def arange(start, stop=None, step=1, dtype=None):
    """Numbers from ``start`` up to ``stop``."""
    start, stop = (0, start) if stop is None else (start, stop)
    bounds = [as_tensor_variable(b) for b in (start, stop, step)]
    kept = get_dtype(dtype) if dtype else widen(upcast(*(b.dtype for b in bounds)))
    if all(isinstance(b, TensorConstant) for b in bounds):
        return make_constant(np.arange(*(b.data for b in bounds), dtype=kept))
    if all(b.expr.dtype.kind in "iu" for b in bounds):
        return cast(wrap(pel.arange(*map(as_size, bounds))), kept)
    first, last, by = (cast_expr(b, "float64") for b in bounds)
    count = pel.cast(pel.ceil((last - first) / by), "int64")
    return cast(wrap(first + by * pel.cast(pel.arange(count), "float64")), kept)


def fill_diagonal(a, val):
    """Matrix with a value on its diagonal."""
    e = expr(a)
    rows = pel.arange(pel.minimum(pel.size(e, axis=0), pel.size(e, axis=1)))
    return wrap(e.at[rows, rows].set(cast_expr(val, e.dtype)))


class Grid:
    """Coordinates of a grid, as `numpy.mgrid` and `numpy.ogrid` give them: ``mgrid[0:5, 0:3]``."""

    def __init__(self, grid):
        self._grid = grid

    def __getitem__(self, index):
        return [make_constant(p) for p in ([self._grid[index]] if isinstance(index, slice) else self._grid[index])]


def batched_tensordot(x, y, axes=2):
    """`tensordot` for each element of the first axis."""
    a, b = expr(x), expr(y)
    if isinstance(axes, int):
        axes = [range(a.ndim - axes, a.ndim), range(1, axes + 1)]
    left, right = ([axis] if isinstance(axis, int) else list(axis) for axis in axes)
    letters = iter("abcdefghijklmopqrstuvwxyz")
    names = ["n", *(next(letters) for _ in range(a.ndim - 1))]
    others = ["n", *(names[left[right.index(k)]] if k in right else next(letters) for k in range(1, b.ndim))]
    kept = [c for c in names[1:] + others[1:] if (names + others).count(c) == 1]
    pattern = f"{''.join(names)},{''.join(others)}->n{''.join(kept)}"
    return apply(lambda x, y: pel.einsum(pattern, x, y), x, y)


def make_diagonal(function, rows, columns, k, dtype):
    """Return a matrix that a diagonal determines; it is square if the number of columns is None."""
    columns = rows if columns is None else columns
    return wrap(function(as_size(rows), as_size(columns), as_size(k), get_dtype(dtype)))


def make_like(function):
    return lambda model, dtype=None, opt=False: wrap(function(expr(model), dtype and get_dtype(dtype)))


FUNCTIONS |= {
    "zeros": lambda shape, dtype=None: wrap(pel.zeros(as_shape(shape), get_dtype(dtype))),
    "ones": lambda shape, dtype=None: wrap(pel.ones(as_shape(shape), get_dtype(dtype))),
    "zeros_like": make_like(pel.zeros_like),
    "ones_like": make_like(pel.ones_like),
    "fill": lambda a, b: wrap(pel.broadcast_like(expr(b), expr(a))),
    "alloc": lambda value, *shape: wrap(pel.full(as_shape(shape), expr(value))),
    "eye": lambda n, m=None, k=0, dtype=None: make_diagonal(pel.eye, n, m, k, dtype),
    "identity_like": lambda x: FUNCTIONS["eye"](*as_tensor_variable(x).shape, dtype=expr(x).dtype),
    "tri": lambda N, M=None, k=0, dtype=None: make_diagonal(pel.tri, N, M, k, dtype),
    "bartlett": lambda M: make_constant(np.bartlett(M)),
    "to_one_hot": lambda y, nb_class, dtype=None: cast(expr(y)[:, None] == pel.arange(as_size(nb_class)), dtype),
    "constant": lambda x, name=None, ndim=None, dtype=None: as_tensor_variable(
        make_constant(x, dtype, name), ndim=ndim
    ),
    "tensordot": lambda a, b, axes=2: apply(lambda x, y: pel.tensordot(x, y, axes), a, b),
    "batched_dot": lambda a, b: batched_tensordot(a, b, [[expr(a).ndim - 1], [max(expr(b).ndim - 2, 1)]]),
    "matrix_dot": lambda *args: functools.reduce(FUNCTIONS["dot"], args),
    "and_": choose_logical(pel.logical_and, pel.bitwise_and),
    "or_": choose_logical(pel.logical_or, pel.bitwise_or),
    "xor": choose_logical(pel.logical_xor, pel.bitwise_xor),
    "invert": choose_logical(pel.logical_not, pel.invert),
    "iround": lambda x, mode=None: cast(round(x, mode), "int64"),
    **dict.fromkeys(("as_tensor_variable", "as_tensor", "stacklists"), as_tensor_variable),
    "mgrid": Grid(np.mgrid),
    "ogrid": Grid(np.ogrid),
}
DEFINED = """add mul true_div round cast switch sum mean prod argmax argmin norm flatten dimshuffle addbroadcast
concatenate stack split repeat roll choose nonzero unique bincount arange fill_diagonal batched_tensordot"""
FUNCTIONS |= {name: globals()[name] for name in DEFINED.split()}

OPERATORS = "neg=neg abs=abs_ invert=invert lt=lt le=le gt=gt ge=ge"
"""Operators and their functions."""
REFLECTED_OPERATORS = """add=add sub=sub mul=mul truediv=true_div div=true_div floordiv=int_div mod=mod pow=pow and=and_
or=or_ xor=xor matmul=dot"""
"""Operators that have a reflected form, such as ``__radd__``, and their functions."""
METHODS = """sum prod mean var std max min argmax argmin all any ptp norm cumsum cumprod reshape flatten dimshuffle
transpose swapaxes squeeze take choose nonzero nonzero_values sort argsort repeat diagonal dot clip round
trunc zeros_like ones_like exp log sqrt conj fill tile diag trace compress"""


def make_operator(function, reflected=False):
    def operate(self, other):
        if not isinstance(other, Variable | np.ndarray | np.generic | bool | int | float | list | tuple):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    return operate


def attach_methods():
    """Give variables their operators and methods."""
    methods = {name: lambda *a, f=FUNCTIONS[name], **k: f(*a, **k) for name in METHODS.split()}
    for operator, name in (pair.split("=") for pair in OPERATORS.split()):
        methods[f"__{operator}__"] = lambda *a, f=FUNCTIONS[name]: f(*a)
    for operator, name in (pair.split("=") for pair in REFLECTED_OPERATORS.split()):
        methods[f"__{operator}__"] = make_operator(FUNCTIONS[name])
        methods[f"__r{operator}__"] = make_operator(FUNCTIONS[name], reflected=True)
    methods |= {"__getitem__": getitem, "__pos__": lambda x: x, "__divmod__": lambda x, y: (x // y, x % y)}
    methods |= {"astype": cast, "copy": lambda x, **options: x}
    for name, method in methods.items():
        setattr(TensorBase, name, method)


attach_methods()
