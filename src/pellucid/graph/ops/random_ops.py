r"""Counter-based random ops behind `pellucid.random.Generator`.

Every draw is Threefry-2x32 of a key and a counter. The key is derived from the seed and the stream number of the draw,
the counter from the step and the index in the array. The NumPy interpreter and XLA therefore draw the same bits, any
step can be recomputed, and draws share no mutable state. The state is three 32-bit words: the seed's two, and the step,
which each call of a function that draws increments.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import DtypeError, OptionError
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example, PrintedOperand, Template, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.range_rules import fixed
from pellucid.graph.types import DType, Type, as_dtype, format_shape, is_float

if TYPE_CHECKING:
    from pellucid.typing import DTypeLike


ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

DRAW, FOLD, SPAWN = 0x70656C, 0x666F6C64, 0x7370776E
"""Tags of derived keys ("pel", "fold", "spwn"), which separate keys of different purposes."""


Words = tuple[NamespaceArray, NamespaceArray]
"""Two 32-bit words for each of several random numbers."""


def threefry(key: Words, counter: Words) -> Words:
    """Encrypt two 32-bit counters with a key of two 32-bit words, in 20 rounds.

    References
    ----------
    J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
    """
    words = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    a, b = counter[0] + words[0], counter[1] + words[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            a = a + b
            b = (b << np.uint32(rotation)) | (b >> np.uint32(32 - rotation))
            b = a ^ b
        a = a + words[(block + 1) % 3]
        b = b + words[(block + 2) % 3] + np.uint32(block + 1)
    return a, b


def derive_key(xp: ArrayNamespace, state: Any, number: Any, purpose: int) -> Words:
    """Derive a key from a seed, a number and a purpose. The words are arrays, because scalars warn on overflow."""
    return threefry((state[0:1], state[1:2]), (number, xp.full(1, purpose, np.uint32)))


def draw_words(xp: ArrayNamespace, state: NamespaceArray, stream: int, count: int) -> Words:
    key = derive_key(xp, state, xp.full(1, stream, np.uint32), DRAW)
    index = xp.arange(count, dtype=np.uint32)
    return threefry(key, (index, state[2:3] + xp.zeros(count, np.uint32)))


def count_random_bits(dtype: DType) -> int:
    """Return the number of random bits in a float: its significand, so that no sample is rounded up to 1."""
    return {"float16": 11, "bfloat16": 8, "float32": 24}.get(np.dtype(dtype).name, 53)


def to_unit_interval(high: NamespaceArray, low: NamespaceArray, dtype: DTypeLike | None) -> NamespaceArray:
    """Convert random words to floats in [0, 1) with the number of bits of `count_random_bits`."""
    if np.dtype(dtype).itemsize <= 4:
        bits = count_random_bits(np.dtype(dtype))
        return ((high >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)).astype(dtype)
    integer = (high >> np.uint32(5)).astype(np.float64) * 2.0**26 + (low >> np.uint32(6)).astype(np.float64)
    return integer * 2.0**-53


def _draw_text(name: str) -> Template:
    """Print a draw with its stream number and its shape, ``uniform_1((2, 3))``."""

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        like = operands[1]
        return [f"{name}_{settings['stream']}({format_shape(like.shape) if isinstance(like, Expr) else '…'})"]

    return text


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    state = np.array([1, 2, 3], np.uint32)
    return [((state, np.zeros((3, 5), bool)), {}), ((state, np.zeros((4,), bool)), {"stream": 7, "dtype": "float64"})]


_random_op = functools.partial(
    op,
    infer=lambda state, like, stream, dtype: Type(like.shape, np.dtype(dtype)),
    normalize=lambda state, like, stream, dtype: {"stream": int(stream), "dtype": as_dtype(dtype)},
    differentiable=False,
    examples=_draw_examples,
    behind="random.Generator",
)


@_random_op(
    tex=r"\mathcal{{U}}(0, 1)",
    text=_draw_text("uniform"),
    cost=lambda node, size: 100 * size(node),
    value_range=fixed(0, 1),
)
def random_uniform(
    xp: ArrayNamespace, state: NamespaceArray, like: NamespaceArray, stream: int = 0, dtype: DTypeLike | None = None
) -> NamespaceArray:
    r"""Random numbers from the uniform distribution on :math:`[0, 1)`.

    Usually called through ``pel.random.Generator(seed).uniform(...)``, which keeps the state. The shape is that of
    ``like``. Draws with different ``stream`` numbers are independent.

    Parameters
    ----------
    state : Expr or array
        State of a generator, uint32 of shape (3,).
    like : Expr or array
        Only its shape is used.
    stream : int
        Number of the draw; different streams are independent.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> rng = pel.random.Generator(7)
    >>> f = pel.function([], rng.uniform(size=(2,)))
    >>> (f() != f()).all()
    np.True_
    """
    count = math.prod(like.shape)
    high, low = draw_words(xp, state, stream, count)
    return to_unit_interval(high, low, dtype).reshape(like.shape)


@_random_op(tex=r"\mathcal{{N}}(0, 1)", text=_draw_text("normal"), cost=lambda node, size: 130 * size(node))
def random_normal(
    xp: ArrayNamespace, state: NamespaceArray, like: NamespaceArray, stream: int = 0, dtype: DTypeLike | None = None
) -> NamespaceArray:
    r"""Random numbers from the standard normal distribution, by the Box-Muller transform
    :math:`\sqrt{-2 \log u} \, (\cos 2 \pi v, \sin 2 \pi v)`.

    Parameters
    ----------
    state : Expr or array
        State of a generator, uint32 of shape (3,).
    like : Expr or array
        Only its shape is used.
    stream : int
        Number of the draw; different streams are independent.
    dtype : str or dtype, optional
        `config.floatx` by default.

    Examples
    --------
    >>> rng = pel.random.Generator(7)
    >>> pel.function([], rng.normal(size=(2, 3)))().shape
    (2, 3)

    References
    ----------
    G. E. P. Box and M. E. Muller, A Note on the Generation of Random Normal Deviates, 1958.
    """
    count = math.prod(like.shape)
    half = (count + 1) // 2
    first, second = draw_words(xp, state, stream, 2 * half)
    working = np.dtype(dtype if np.dtype(dtype).itemsize >= 4 else np.float32)
    u = 1 - to_unit_interval(first[:half], second[:half], working)  # in (0, 1], for a finite logarithm
    v = to_unit_interval(first[half:], second[half:], working)
    radius = xp.sqrt(-2 * xp.log(u))
    angle = v * np.asarray(2 * np.pi, working)
    both = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])
    return both[:count].reshape(like.shape).astype(dtype)


@op(
    infer=lambda state, number: state.type,
    differentiable=False,
    examples=lambda rng: [((np.array([1, 2, 3], np.uint32), np.array(5, np.uint32)), {})],
    cost=100,
    behind="random.Generator",
)
def fold_in(xp: ArrayNamespace, state: NamespaceArray, number: NamespaceArray) -> NamespaceArray:
    r"""Random state derived from a state and a number, independent for each number.

    Draws inside the step of a loop fold in the loop counter, so that they differ at every step. See `pellucid.scan`.

    Parameters
    ----------
    state : Expr or array
        State of a generator, uint32 of shape (3,).
    number : Expr or int
        Integer scalar.

    Examples
    --------
    >>> rng, i = pel.random.Generator(7), pel.scalar("i", dtype="uint32")
    >>> fold_in(rng.state, i)
    fold_in(state, i)
    """
    key = derive_key(xp, state, xp.reshape(xp.asarray(number), 1), FOLD)
    return xp.concatenate([*key, state[2:3]])


def _normalize_dropout(x: Expr, state: Expr, rate: float, stream: int) -> OpSettings:
    if not 0 <= rate < 1:
        raise OptionError(f"dropout: expected a rate in [0, 1). Received: rate={rate}")
    if not is_float(x.dtype):
        raise DtypeError(
            f"dropout: expected real numbers. Received: {x}, which is {x.dtype}; "
            f"cast it first: pel.cast({x}, 'float32')"
        )
    return {"rate": float(rate), "stream": int(stream)}


@op(
    tex=r"\operatorname{{dropout}}({0:_})",
    infer=lambda x, state, rate, stream: x.type,
    normalize=_normalize_dropout,
    grad=lambda g, y, x, state, rate, stream: (call_op("dropout", g, state, rate=rate, stream=stream), None),
    inference=lambda x, state, rate, stream: x,
    examples=lambda rng: [((rng.normal(size=(4, 5)), np.array([1, 2, 3], np.uint32)), {"rate": 0.5})],
    cost=lambda node, size: 102 * size(node),
    behind="random.Generator",
)
def dropout(
    xp: ArrayNamespace, x: NamespaceArray, state: NamespaceArray, rate: float = 0.5, stream: int = 0
) -> NamespaceArray:
    r"""Dropout: set elements to zero at random during training and scale the others to keep the mean,
    :math:`x \, m / (1 - r)` with :math:`m = [u \ge r]`. At inference the result is :math:`x`.

    Parameters
    ----------
    x : Expr
        Real input of any shape.
    state : Expr of uint32, shape (3,)
        Seed and step of a `pellucid.random.Generator`.
    rate : float
        Fraction of elements that are set to zero, in [0, 1).
    stream : int
        Stream number of the draw.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ValueError
        If the rate is outside [0, 1).
    DtypeError
        If ``x`` is not real.

    Examples
    --------
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> pel.inference(rng.dropout(x, 0.5))
    x

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting, JMLR 15 (2014).
    """
    high, _ = draw_words(xp, state, stream, math.prod(x.shape))
    # An element is kept if its random word is at least rate * 2^32: one integer comparison, no conversion to floats.
    keep = (high >= np.uint32(min(round(rate * 2**32), 2**32 - 1))).reshape(x.shape)
    return xp.where(keep, x * np.asarray(1 / (1 - rate), x.dtype), np.zeros((), x.dtype))


def _normalize_variable_dropout(x: Expr, state: Expr, rate: Expr, stream: int) -> OpSettings:
    if rate.ndim or not is_float(rate.dtype):
        raise OptionError(f"dropout: expected a scalar rate. Received: {rate}, which is {rate.type}")
    return {"stream": _normalize_dropout(x, state, 0.0, stream)["stream"]}


@op(
    tex=r"\operatorname{{dropout}}_{{{2:_}}}({0:_})",
    infer=lambda x, state, rate, stream: x.type,
    normalize=_normalize_variable_dropout,
    grad=lambda g, y, x, state, rate, stream: (
        call_op("variable_dropout", g, state, rate, stream=stream),
        None,
        call_op("cast", call_op("sum", g * y), dtype=rate.dtype) / (1 - rate),
    ),
    inference=lambda x, state, rate, stream: x,
    examples=lambda rng: [((rng.normal(size=(4, 5)), np.array([1, 2, 3], np.uint32), np.asarray(0.5)), {})],
    cost=lambda node, size: 102 * size(node),
    behind="random.Generator",
)
def variable_dropout(
    xp: ArrayNamespace, x: NamespaceArray, state: NamespaceArray, rate: NamespaceArray, stream: int = 0
) -> NamespaceArray:
    r"""Dropout with a computed rate, :math:`x \, m / (1 - r)` with :math:`m = [u \ge r]`.

    It draws the bits of `dropout`. The gradient with respect to the rate is that of the scale :math:`1 / (1 - r)`; the
    mask has none.

    Parameters
    ----------
    x : Expr
        Real input of any shape.
    state : Expr of uint32, shape (3,)
        Seed and step of a `pellucid.random.Generator`.
    rate : Expr, shape ()
        Fraction of elements that are set to zero. Values outside [0, 1) are clipped.
    stream : int
        Stream number of the draw.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ValueError
        If the rate is not a scalar.
    DtypeError
        If ``x`` is not real.

    Examples
    --------
    >>> x, rate, rng = pel.vector("x"), pel.shared(0.5, "rate", trainable=False), pel.random.Generator(0)
    >>> pel.inference(rng.dropout(x, rate))
    x
    """
    high, _ = draw_words(xp, state, stream, math.prod(x.shape))
    limited = xp.clip(xp.asarray(rate).astype(np.float64), 0.0, 1 - 2.0**-32)
    keep = high >= xp.minimum(xp.round(limited * 2.0**32), 2.0**32 - 1).astype(np.uint32)
    return xp.where(keep.reshape(x.shape), x * (1 / (1 - limited)).astype(x.dtype), np.zeros((), x.dtype))
