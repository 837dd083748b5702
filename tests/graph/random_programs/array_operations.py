"""Operations that reduce, rearrange and index arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .operations import add_operation, operation

if TYPE_CHECKING:
    from .generation import Generator


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
for _name in (
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
):
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
    side = g.choose(["left", "right"])
    return f"pel.searchsorted(pel.sort({g.pick_array(ranks=(1,))}), {g.pick_float()}, side={side!r})"


@operation
def top_k(g: Generator) -> str:
    x = g.pick_array()
    axis = g.axis(x)
    return f"pel.top_k({x}, {g.rng.integers(1, g.shape(x)[axis] + 1)}, {axis})[{g.choose([0, 0, 1])}]"
