"""The operations that random programs are drawn from. Each draws its operands and returns a line of Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .generation import Generator

Draw = Callable[["Generator"], "str | None"]


NOT_DIFFERENTIABLE = {"stop_gradient", "clip_gradient", "scale_gradient", "while_loop_without_gradient"}
"""Operations whose gradient differs from the derivative on purpose."""


@dataclass(frozen=True)
class Operation:
    """A way to extend a program by one line.

    Attributes
    ----------
    draw : function
        Returns code on the generator's variables, or None if they do not fit.
    """

    name: str
    draw: Draw

    @property
    def differentiable(self) -> bool:
        return self.name not in NOT_DIFFERENTIABLE


OPERATIONS: dict[str, Operation] = {}


def operation(draw: Draw) -> Draw:
    OPERATIONS[draw.__name__] = Operation(draw.__name__, draw)
    return draw


def add_operation(name: str, draw: Draw) -> None:
    OPERATIONS[name] = Operation(name, draw)


FLOAT_FUNCTIONS = [
    "tanh",
    "sinh",
    "cosh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "sqrt",
    "cbrt",
    "exp",
    "expm1",
    "log",
    "log1p",
    "exp2",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinc",
    "sech",
    "log_cosh",
    "sigmoid",
    "softplus",
    "softsign",
    "leaky_relu",
    "log1mexp",
    "exprel",
    "log1prel",
    "gammaln",
    "digamma",
    "logit",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "ndtri",
    "ndtr",
    "log_ndtr",
    "reciprocal",
    "degrees",
    "radians",
    "nan_to_num",
]
REAL_FUNCTIONS = ["square", "negative", "abs", "floor", "ceil", "trunc", "rint", "sign", "relu", "positive"]
TESTS = ["isnan", "isfinite", "isinf", "signbit"]
BINARY_FUNCTIONS = [
    "add",
    "subtract",
    "multiply",
    "true_divide",
    "power",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "heaviside",
    "xlogy",
    "xlog1py",
    "arctan2",
    "hypot",
    "divide_no_nan",
    "floor_divide",
    "remainder",
    "fmod",
]
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isclose"]

for _name in FLOAT_FUNCTIONS:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_float()})")
for _name in REAL_FUNCTIONS:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_real()})")
for _name in TESTS:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_float()})")
for _name in BINARY_FUNCTIONS:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair()})")
for _name in COMPARISONS:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair()})")
for _name in ["logical_and", "logical_or", "logical_xor"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair(g.pick_boolean)})")
for _name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_pair(g.pick_integer)})")
for _name in ["left_shift", "right_shift"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.pick_integer()}, {g.rng.integers(0, 4)})")
add_operation("logical_not", lambda g: f"pel.logical_not({g.pick_boolean()})")
add_operation("invert", lambda g: f"pel.invert({g.choose([g.pick_integer, g.pick_boolean])()})")
add_operation("polygamma", lambda g: f"pel.polygamma({g.rng.integers(1, 3)}, {g.pick_float()})")
add_operation("round", lambda g: f"pel.round({g.pick_real()}, {g.choose([0, 0, 1, 2, -1])})")
add_operation("power_by_number", lambda g: f"{g.pick_float()} ** {g.choose([0, 1, 2, 3, -1, -2, 0.5, 1.5])}")
add_operation("cast", lambda g: f"pel.cast({g.pick_real()}, {g.choose(['float64', g.dtype, 'int32', 'int64'])!r})")
add_operation("integer_arithmetic", lambda g: f"{g.pick_integer()} {g.choose('+-*')} {g.pick_integer()}")
add_operation("integer_quotient", lambda g: f"{g.pick_integer()} {g.choose(['//', '%', '/'])} {g.choose([2, 3, -4])}")
add_operation("stop_gradient", lambda g: f"pel.stop_gradient({g.pick_float()})")
add_operation("clip_gradient", lambda g: f"pel.clip_gradient({g.pick_float()}, -0.5, 0.5)")
add_operation("scale_gradient", lambda g: f"pel.scale_gradient({g.pick_float()}, -2)")


@operation
def arithmetic(g: Generator) -> str:
    x, y = g.pick_pair().split(", ")
    return f"{x} {g.choose('+-*/')} {y}"


@operation
def shared_square(g: Generator) -> str:
    """Use a variable several times."""
    x = g.pick_float()
    return g.choose([f"{x} * {x} + {x}", f"{x} / (1 + {x} ** 2)", f"({x} - 1) * ({x} + 1)", f"pel.exp(-{x}) * {x}"])


@operation
def clip(g: Generator) -> str:
    return f"pel.clip({g.pick_real()}, {g.choose([-1, -0.5, None])}, {g.choose([0.5, 1])})"


@operation
def clip_to_bounds(g: Generator) -> str:
    x = g.pick_float()
    return f"pel.clip({x}, {g.pick_like(x)}, {g.pick_like(x)})"


@operation
def where(g: Generator) -> str:
    x, y = g.pick_pair().split(", ")
    array = y if y.startswith(("x", "v")) else x
    condition = g.choose([f"{x} > {g.choose([0, 0.5, y])}", f"{x} <= {y}", g.pick_boolean_for(array)])
    return f"pel.where({condition}, {x}, {y})"


@operation
def guarded_function(g: Generator) -> str:
    """Select between a function and a number where the function is undefined."""
    x = g.pick_float()
    name, number = g.choose([("log", 0), ("sqrt", 1), ("reciprocal", 0.5)])
    return f"pel.where({x} > 0, pel.{name}({x}), {number})"


for _name in ["sum", "mean", "max", "min", "prod", "logsumexp", "ptp"]:
    add_operation(
        _name, lambda g, f=_name: f"pel.{f}({g.reduce(g.pick_float if f in ('logsumexp', 'mean') else g.pick_real)})"
    )
for _name in ["var", "std"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.reduce(g.pick_array)}, ddof={g.choose([0, 0, 1])})")
for _name in ["any", "all"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.reduce(g.pick_boolean)})")
add_operation("count_nonzero", lambda g: f"pel.count_nonzero({g.reduce(g.pick_real)})")
add_operation("median", lambda g: f"pel.median({g.reduce(g.pick_array)})")
add_operation("quantile", lambda g: f"pel.quantile({g.reduce(g.pick_array)}, q={g.choose([0.0, 0.25, 0.5, 0.9])})")
add_operation("vector_norm", lambda g: f"pel.vector_norm({g.reduce(g.pick_array)}, ord={g.choose([1, 2, 3])})")
for _name in ["argmax", "argmin"]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.with_axis(g.pick_array())})")
for _name in [
    "softmax",
    "log_softmax",
    "log1m_softmax",
    "standardize",
    "rms_normalize",
    "cumsum",
    "cumprod",
    "sort",
    "argsort",
    "flip",
]:
    add_operation(_name, lambda g, f=_name: f"pel.{f}({g.with_axis(g.pick_array())})")
add_operation("sort_descending", lambda g: f"pel.sort({g.with_axis(g.pick_array())}, descending=True)")
add_operation("local_response_normalization", lambda g: f"pel.local_response_normalization({g.pick_known()}, n=3)")
add_operation("size", lambda g: f"pel.size({g.pick_real()})")
add_operation("arange_like", lambda g: f"pel.arange_like({g.with_axis(g.pick_array())}) * 0.5")


@operation
def logsumexp_weighted(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.logsumexp_weighted({x}, pel.exp({g.pick_like(x)}), axis={g.axis(x)})"


@operation
def masked_softmax(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.masked_softmax({g.pick_boolean_for(x)}, {x}, axis={g.axis(x)})"


@operation
def sparse_crossentropy(g: Generator) -> str:
    x = g.pick_array(known_last=True)
    shape = g.shape(x)
    return f"pel.sparse_crossentropy({g.make_integer(shape[:-1], 0, shape[-1])}, {x})"


@operation
def attention(g: Generator) -> str:
    b, q, k, h, d = g.sizes(5)
    query, key = g.make_float((b, q, h, d)), g.make_float((b, k, h, d))
    mask = g.choose(["", f", {g.make_boolean((b, 1, 1, k))}"])
    return f"pel.attention_output(pel.attention_weights({query}, {key}{mask}), {g.make_float((b, k, h, d))})"


@operation
def reshape(g: Generator) -> str:
    x = g.pick_real()
    size = g.count(x)
    shapes = [(size,), (1, size), (size, 1), (-1,)]
    shapes += [(d, -1) for d in (2, 3, 4) if size % d == 0] + [(-1, 1, d) for d in (2, 3) if size % d == 0]
    return f"pel.reshape({x}, {g.choose(shapes)})"


@operation
def reshape_like(g: Generator) -> str | None:
    x = g.pick_array()
    return f"pel.reshape_like(pel.ravel({x}), {x})"


@operation
def expand_dims(g: Generator) -> str | None:
    x = g.pick_real()
    return f"pel.expand_dims({x}, {g.rng.integers(0, g.ndim(x) + 1)})" if g.ndim(x) < 4 else None


@operation
def squeeze(g: Generator) -> str | None:
    x = g.pick_real()
    ones = [a for a, n in enumerate(g.shape(x)) if n == 1]
    return f"pel.squeeze({x}, {g.choose(ones)})" if ones else None


@operation
def broadcast_to(g: Generator) -> str | None:
    x = g.pick_real()
    shape = tuple(int(g.choose([2, 3])) if n == 1 else n for n in g.shape(x))
    return f"pel.broadcast_to({x}, {(int(g.choose([1, 2])), *shape)})" if len(shape) < 4 else None


@operation
def broadcast_like(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.broadcast_like({g.pick_smaller(x)}, {x})"


@operation
def transpose(g: Generator) -> str:
    x = g.pick_real()
    axes = g.rng.permutation(g.ndim(x)).tolist()
    return f"pel.transpose({x}, {g.choose([None, tuple(axes)]) if g.ndim(x) else None})"


@operation
def swap_axes(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.{g.choose(['swapaxes', 'moveaxis'])}({x}, {g.axis(x)}, {g.axis(x)})"


@operation
def roll(g: Generator) -> str:
    return f"pel.roll({g.with_axis(g.pick_array(), f'{g.rng.integers(-3, 4)}')})"


@operation
def concatenate(g: Generator) -> str:
    x = g.pick_array()
    parts = g.choose([f"[{x}, {x}]", f"[{x}, {g.pick_like(x)}]", f"[{g.pick_like(x)}, 2 * {x}, {x}]"])
    return f"pel.{g.choose(['concatenate', 'stack'])}({parts}, {g.axis(x)})"


@operation
def split(g: Generator) -> str | None:
    x = g.pick_known()
    axis = g.axis(x)
    n = g.shape(x)[axis]
    if n < 2:
        return None
    parts = 2 if n % 2 == 0 else n
    return f"pel.split({x}, {parts}, axis={axis})[{g.rng.integers(0, parts)}]"


@operation
def repeat(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.repeat({x}, {g.choose([1, 2, 3])}, axis={g.axis(x)})"


@operation
def tile(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.tile({x}, {g.choose([2, (2,), tuple(g.rng.integers(1, 3, g.ndim(x)).tolist())])})"


@operation
def pad(g: Generator) -> str:
    x = g.pick_array()
    mode = g.choose(["constant", "edge", "reflect", "symmetric", "wrap"])
    most = min(3, min(g.shape(x)) - (mode == "reflect"))
    widths = [tuple(w) for w in g.rng.integers(0, max(most, 0) + 1, (g.ndim(x), 2)).tolist()]
    return f"pel.pad({x}, {widths}, mode={mode!r})"


@operation
def diagonal(g: Generator) -> str | None:
    x = g.pick_array(ranks=(2, 3))
    first, second = g.rng.permutation(g.ndim(x))[:2].tolist()
    offset = int(g.choose([0, 0, 1, -1]))
    if offset >= g.shape(x)[second] or -offset >= g.shape(x)[first]:
        return None
    return f"pel.{g.choose(['diagonal', 'trace'])}({x}, {offset}, {first}, {second})"


@operation
def diagonal_matrix(g: Generator) -> str:
    return f"pel.diagonal_matrix({g.pick_array(ranks=(1, 2))}, {g.choose([0, 0, 1, -1])})"


@operation
def triangle(g: Generator) -> str:
    return f"pel.{g.choose(['tril', 'triu'])}({g.pick_array(ranks=(2, 3))}, {g.choose([0, 1, -1])})"


@operation
def diff(g: Generator) -> str | None:
    x = g.pick_known()
    axis = g.axis(x)
    return f"pel.diff({x}, axis={axis})" if g.shape(x)[axis] > 1 else None


@operation
def index(g: Generator) -> str:
    x = g.pick_array()
    items = []
    for n in g.shape(x):
        stop = int(g.rng.integers(1, n + 1))
        items.append(g.choose([":", ":", "::-1", f":{stop}", f"{stop - 1}:", f"{-stop}", f"{stop - 1}", "::2"]))
    if g.rng.random() < 0.2:
        place = int(g.rng.integers(len(items)))
        items = [*items[:place], "None", *items[place:]] if g.rng.random() < 0.5 else [*items[:place], "..."]
    return f"{x}[{', '.join(items)}]"


@operation
def gather(g: Generator) -> str:
    x = g.pick_array()
    axis = g.axis(x)
    n = g.shape(x)[axis]
    if axis == 0 and g.rng.random() < 0.5:
        return f"{x}[{g.make_integer(g.choose([(3,), (2, 2), ()]), -n, n)}]"
    return f"pel.take({x}, {g.make_integer(g.choose([(3,), (2, 2), ()]), 0, n)}, axis={axis})"


@operation
def gather_pairs(g: Generator) -> str:
    x = g.pick_array(ranks=(2, 3, 4))
    n, m = g.shape(x)[:2]
    return g.choose(
        [
            f"{x}[{g.make_integer((3,), 0, n)}, {g.make_integer((3,), 0, m)}]",
            f"{x}[:, {g.make_integer((2,), 0, m)}]",
            f"{x}[{g.make_integer((2, 1), 0, n)}, {g.make_integer((3,), 0, m)}]",
        ]
    )


@operation
def take_along_axis(g: Generator) -> str:
    x = g.pick_array()
    axis = g.axis(x)
    shape = list(g.shape(x))
    n, shape[axis] = shape[axis], 2
    return f"pel.take_along_axis({x}, {g.make_integer(shape, 0, n)}, {axis})"


@operation
def put_along_axis(g: Generator) -> str:
    x = g.pick_array()
    axis = g.axis(x)
    shape = list(g.shape(x))
    n, shape[axis] = shape[axis], 1
    return f"pel.put_along_axis({x}, {g.make_integer(shape, 0, n)}, {g.choose([1.5, -0.5])}, {axis})"


@operation
def update_at(g: Generator) -> str:
    x = g.pick_array()
    n = g.shape(x)[0]
    method = g.choose(["add", "set", "multiply", "max", "min"])
    place = g.choose([f"{g.rng.integers(0, n)}", ":1", g.make_integer((3,), 0, n)])
    rows = {":1": (1,), "0": ()}.get(place, (3,) if place.startswith("x") else ())
    values = g.choose(["0.5", g.make_float((*rows, *g.shape(x)[1:]))])
    return f"pel.at({x})[{place}].{method}({values})"


@operation
def set_rows(g: Generator) -> str:
    """Set rows, some of them twice; the last one stays."""
    x = g.pick_array()
    rows = g.make_float((3, *g.shape(x)[1:]))
    return f"pel.at({x})[{g.make_integer((3,), 0, g.shape(x)[0])}].set({rows})"


@operation
def one_hot(g: Generator) -> str:
    return f"pel.one_hot({g.make_integer(g.sizes(2), 0, 4)}, 4) * 0.5"


@operation
def searchsorted(g: Generator) -> str:
    return f"pel.searchsorted(pel.sort({g.pick_array(ranks=(1,))}), {g.pick_float()}, side={g.choose(['left', 'right'])!r})"


@operation
def top_k(g: Generator) -> str:
    x = g.pick_array()
    axis = g.axis(x)
    return f"pel.top_k({x}, {g.rng.integers(1, g.shape(x)[axis] + 1)}, {axis})[{g.choose([0, 0, 1])}]"


@operation
def matmul(g: Generator) -> str:
    n, k, m, b = g.sizes(4)
    left = g.choose([(k,), (n, k), (b, n, k), (1, n, k)])
    right = g.choose([(k,), (k, m), (b, k, m), (2, 1, k, m)])
    return f"{g.get_float(left)} @ {g.get_float(right)}"


@operation
def contraction(g: Generator) -> str:
    n, k, m, b = g.sizes(4)
    x, y, z = g.get_float((n, k)), g.get_float((k, m)), g.get_float((b, n, k))
    v, w = g.get_float((k,)), g.get_float((n,))
    return g.choose(
        [
            f"pel.einsum('ij,jk->ik', {x}, {y})",
            f"pel.einsum('ij,jk->ki', {x}, {y})",
            f"pel.einsum('bij,jk->bk', {z}, {y})",
            f"pel.einsum('bij,ij->b', {z}, {x})",
            f"pel.einsum('ij,ij,j->i', {x}, {x}, {v})",
            f"pel.einsum('bij,j,i->', {z}, {v}, {w})",
            f"pel.tensordot({z}, {v}, 1)",
            f"pel.tensordot({z}, {x}, 2)",
            f"pel.tensordot({z}, {y}, 1)",
            f"pel.tensordot({x}, {z}, ([0, 1], [1, 2]))",
            f"pel.matvec({z}, {v})",
            f"pel.vecmat({w}, {z})",
            f"pel.vecdot({z}, {x})",
            f"pel.dot({z}, {v})",
            f"pel.dot({z}, {y})",
            f"pel.inner({x}, {z})",
            f"pel.vdot({x}, {x})",
            f"{x} @ ({y} @ {g.get_float((m,))})",
            f"pel.matrix_transpose({z}) @ {x}",
        ]
    )


@operation
def outer(g: Generator) -> str:
    return f"pel.outer({g.pick_array(ranks=(1,))}, {g.pick_array(ranks=(1,))})"


@operation
def kron(g: Generator) -> str:
    n, m = g.sizes(2)
    shapes = g.choose([((n,), (m,)), ((n, m), (2, 2)), ((n, m), (m,))])
    return f"pel.kron({g.get_float(shapes[0])}, {g.get_float(shapes[1])})"


@operation
def cross(g: Generator) -> str:
    n = g.sizes(1)[0]
    left, right = g.choose([(3,), (n, 3)]), g.choose([(3,), (n, 3)])
    return f"pel.cross({g.get_float(left, literal=True)}, {g.get_float(right, literal=True)})"


@operation
def solve(g: Generator) -> str:
    n = int(g.choose([1, 2, 3]))
    a = g.choose([g.make_regular((n, n)), g.make_regular((2, n, n))])
    return f"pel.solve({a}, {g.get_float(g.choose([(n,), (n, 2)]))})"


@operation
def inverse(g: Generator) -> str:
    n = int(g.choose([1, 2, 3]))
    name = g.choose(["inv", "det", "logabsdet", "signdet", "slogdet"])
    code = f"pel.{name}({g.make_regular(g.choose([(n, n), (2, n, n)]))})"
    return f"{code}[{g.choose([0, 1])}]" if name == "slogdet" else code


@operation
def cholesky(g: Generator) -> str:
    n = int(g.choose([1, 2, 3]))
    x = g.get_float((n, n))
    return f"pel.cholesky({x} @ {x}.T + 2 * pel.eye({n}, dtype={g.dtype!r}))"


@operation
def solve_triangular(g: Generator) -> str:
    n = int(g.choose([1, 2, 3]))
    lower = bool(g.choose([True, False]))
    a = g.make_regular((n, n))
    return f"pel.solve_triangular({a}, {g.get_float(g.choose([(n,), (n, 2)]))}, lower={lower})"


@operation
def matrix_power(g: Generator) -> str:
    n = int(g.choose([2, 3]))
    return f"pel.matrix_power({g.make_regular((n, n))}, {g.choose([0, 1, 2, 3, -1])})"


@operation
def matrix_norm(g: Generator) -> str:
    return f"pel.norm({g.pick_array(ranks=(2,))}, {g.choose(['1', '-1', 'None', 'np.inf'])})"


@operation
def conv(g: Generator) -> str:
    spatial = int(g.choose([1, 2]))
    groups = int(g.choose([1, 1, 2]))
    size = tuple(int(g.choose([3, 4, 5])) for _ in range(spatial))
    window = tuple(int(g.choose([1, 2, 3])) for _ in range(spatial))
    x = g.make_float((2, *size, 2), literal=g.rng.random() < 0.5)
    kernel = g.make_float((*window, 2 // groups, 2), literal=True)
    settings = f"strides={g.choose([1, 1, 2])}, padding={g.choose(['valid', 'same'])!r}, groups={groups}"
    if g.rng.random() < 0.2 and max(window) < 3:
        settings += ", dilation=2"
    return f"pel.conv({x}, {kernel}, {settings})"


@operation
def conv_transpose(g: Generator) -> str:
    x, kernel = g.make_float((2, 3, 2), literal=g.rng.random() < 0.5), g.make_float((2, 3, 2), literal=True)
    return f"pel.conv_transpose({x}, {kernel}, strides={g.choose([1, 2, 3])})"


@operation
def pool(g: Generator) -> str:
    name = g.choose(["max_pool", "sum_pool", "average_pool"])
    x = g.make_float(g.choose([(2, 4, 3), (1, 4, 5, 2)]), literal=g.rng.random() < 0.5)
    settings = g.choose(["2", "2, strides=1", "3, strides=2", "2, padding='same'", "3, strides=1, padding='same'"])
    code = f"pel.{name}({x}, {settings})"
    return g.choose([code, f"pel.tanh({code})"])


@operation
def extract_patches(g: Generator) -> str:
    x = g.make_float(g.choose([(2, 4, 3), (1, 4, 5, 2)]), literal=g.rng.random() < 0.5)
    return f"pel.extract_patches({x}, 2, strides={g.choose([1, 2])}, padding={g.choose(['valid', 'same'])!r})"


@operation
def resize(g: Generator) -> str:
    x = g.make_finite((1, 3, 4, 2))
    return f"pel.resize({x}, {g.choose([(2, 2), (5, 3), (6, 8)])}, interpolation={g.choose(['bilinear', 'nearest'])!r})"


@operation
def affine_transform(g: Generator) -> str:
    return f"pel.affine_transform({g.make_finite((1, 3, 4, 2))}, {g.make_finite((2, 3))} + 0.37)"


SCAN_STEPS = [
    "lambda a, h: pel.tanh(a + h)",
    "lambda a, h: a * h + 0.5 * a",
    "lambda a, h: pel.where(a > 0, h * 0.5 + a, h - a)",
    "lambda a, h: pel.maximum(a, h * 0.9)",
]


@operation
def scan(g: Generator) -> str:
    x = g.pick_array(ranks=(1, 2, 3))
    step, init = g.choose(SCAN_STEPS), g.make_float(g.shape(x)[1:])
    reverse = g.choose(["", ", reverse=True"])
    return f"pel.{g.choose(['scan', 'scan', 'reduce'])}({step}, {x}, {init}{reverse})"


@operation
def scan_with_captured(g: Generator) -> str:
    n, m = g.sizes(2)
    x, w = g.get_float((n, m)), g.get_float((m, m))
    return f"pel.scan(lambda a, h: pel.tanh(a + {w} @ h), {x}, {g.make_float((m,))})"


@operation
def map_rows(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.map(lambda r: r * pel.sin(r).sum(), {x})"


@operation
def cond(g: Generator) -> str:
    x = g.pick_float()
    return f"pel.cond({x}.sum() > 0.25, lambda a: a * 2, lambda a: pel.tanh(a) - a, {x})"


@operation
def while_loop(g: Generator) -> str:
    loop = f"lambda a, i: i < 3, lambda a, i: (a * 0.5 + 1, i + 1), ({g.pick_float()}, pel.cast(0.0, {g.dtype!r}))"
    return f"pel.while_loop({loop}, maximum=4)[0]"


@operation
def while_loop_without_gradient(g: Generator) -> str:
    loop = f"lambda a, i: i < 3, lambda a, i: (a * 0.5 + 1, i + 1), ({g.pick_float()}, pel.cast(0.0, {g.dtype!r}))"
    return f"pel.stop_gradient(pel.while_loop({loop})[0])"


@operation
def recurrence(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.recurrence({x}, {g.pick_like(x)}, axis={g.axis(x)}, reverse={g.choose([True, False])})"


@operation
def shift(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.shift({x}, axis={g.axis(x)}, steps={g.choose([1, -1, 2])}, fill=0.5)"


@operation
def attach_mask(g: Generator) -> str:
    x = g.pick_array(ranks=(2,))
    return f"pel.attach_mask({x}, {x} > 0)"


@operation
def training_only(g: Generator) -> str:
    x = g.pick_array()
    return f"pel.training_only({x}, 2 * {x})"
