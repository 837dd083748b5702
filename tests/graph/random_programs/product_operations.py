"""Products, linear algebra, windows of images, and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .operations import operation

if TYPE_CHECKING:
    from .generation import Generator


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
    x = g.make_finite((2, *size, 2), literal=g.rng.random() < 0.5)
    kernel = g.make_finite((*window, 2 // groups, 2))
    settings = f"strides={g.choose([1, 1, 2])}, padding={g.choose(['valid', 'same'])!r}, groups={groups}"
    if g.rng.random() < 0.2 and max(window) < 3:
        settings += ", dilation=2"
    return f"pel.conv({x}, {kernel}, {settings})"


@operation
def conv_transpose(g: Generator) -> str:
    x, kernel = g.make_finite((2, 3, 2), literal=g.rng.random() < 0.5), g.make_finite((2, 3, 2))
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
