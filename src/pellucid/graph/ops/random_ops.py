r"""Random numbers as functions of a seed and a step: the ops behind `pellucid.random.Generator`.

Every draw is Threefry-2x32 of a key (made of the seed and the number of the draw in its stream) and a counter (made
of the step and the place in the array), so the NumPy interpreter and XLA draw the same bits, and any step can be
entered again. The state of a stream is three 32-bit words: the seed's two, and the step, which is one more after
every call of a function that draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.threefry import FOLD, derived, unit, words
from pellucid.graph.printing import Piece, Text
from pellucid.graph.types import Type, as_dtype, is_float, shape_text


def _written(name: str) -> Text:
    """Write a draw by its number and its shape: ``uniform_1((2, 3))``."""

    def text(operands: tuple[Any, ...], settings: Mapping[str, Any]) -> list[Piece]:
        like = operands[1]
        return [f"{name}_{settings['stream']}({shape_text(like.shape) if isinstance(like, Expr) else '…'})"]

    return text


def _like(state: Expr, like: Expr, stream: int, dtype: Any) -> Type:
    return Type(like.shape, np.dtype(dtype))


def _settings(state: Expr, like: Expr, stream: int, dtype: Any) -> dict[str, Any]:
    return {"stream": int(stream), "dtype": as_dtype(dtype)}


def _examples(rng: np.random.Generator) -> list[Any]:
    state = np.array([1, 2, 3], np.uint32)
    return [((state, np.zeros((3, 5), bool)), {}), ((state, np.zeros((4,), bool)), {"stream": 7, "dtype": "float64"})]


@op(
    tex=r"\mathcal{{U}}(0, 1)",
    text=_written("uniform"),
    infer=_like,
    normalize=_settings,
    differentiable=False,
    examples=_examples,
    cost=lambda node, size: 100 * size(node),
    behind="random.Generator",
)
def random_uniform(xp: Any, state: Any, like: Any, stream: Any = 0, dtype: Any = None) -> Any:
    r"""Random numbers from the uniform distribution on :math:`[0, 1)`, of the shape of ``like``.

    Most people write ``pel.random.Generator(seed).uniform(...)``, which keeps the state.

    Parameters
    ----------
    state : Expr of uint32, shape (3,)
        Seed and step.
    like : Expr
        Of which only the shape is used.
    stream : int
        The number of the draw; draws of different numbers are independent.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        Of the shape of ``like``.

    Examples
    --------
    >>> import pellucid as pel
    >>> rng = pel.random.Generator(7)
    >>> f = pel.function([], rng.uniform(size=(2,)))
    >>> (f() != f()).all()
    np.True_
    """
    count = math.prod(like.shape)
    high, low = words(xp, state, stream, count)
    return unit(high, low, dtype).reshape(like.shape)


@op(
    tex=r"\mathcal{{N}}(0, 1)",
    text=_written("normal"),
    infer=_like,
    normalize=_settings,
    differentiable=False,
    examples=_examples,
    cost=lambda node, size: 130 * size(node),
    behind="random.Generator",
)
def random_normal(xp: Any, state: Any, like: Any, stream: Any = 0, dtype: Any = None) -> Any:
    r"""Random numbers from the standard normal distribution, of the shape of ``like``, by Box and Muller's
    :math:`\sqrt{-2 \log u} \, (\cos 2 \pi v, \sin 2 \pi v)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> rng = pel.random.Generator(7)
    >>> pel.function([], rng.normal(size=(2, 3)))().shape
    (2, 3)

    References
    ----------
    G. E. P. Box and M. E. Muller, A Note on the Generation of Random Normal Deviates, 1958.
    """
    count = math.prod(like.shape)
    half = (count + 1) // 2
    first, second = words(xp, state, stream, 2 * half)
    working = np.dtype(dtype if np.dtype(dtype).itemsize >= 4 else np.float32)
    u = 1 - unit(first[:half], second[:half], working)
    v = unit(first[half:], second[half:], working)
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
def fold_in(xp: Any, state: Any, number: Any) -> Any:
    r"""Another random state, made of one and a number: that of the number's own, independent stream.

    This is how a draw inside the step of a loop differs from step to step; see `pellucid.scan`.

    Parameters
    ----------
    state : Expr of uint32, shape (3,)
        Seed and step.
    number : Expr of uint32, shape ()
        Such as the number of a step.

    Returns
    -------
    Expr of uint32, shape (3,)

    Examples
    --------
    >>> import pellucid as pel
    >>> rng, i = pel.random.Generator(7), pel.scalar("i", dtype="uint32")
    >>> fold_in(rng.state, i)
    fold_in(state, i)
    """
    key = derived(xp, state, xp.reshape(xp.asarray(number), 1), FOLD)
    return xp.concatenate([*key, state[2:3]])


def _dropout_grad(g: Any, y: Any, x: Any, state: Any, rate: float, stream: int) -> tuple[Any, None]:
    return dropout(g, state, rate=rate, stream=stream), None


def _dropout_settings(x: Expr, state: Expr, rate: float, stream: int) -> dict[str, Any]:
    if not 0 <= rate < 1:
        raise OptionError(f"dropout: expected a rate from 0 up to but without 1. Received: rate={rate}")
    if not is_float(x.dtype):
        raise DtypeError(
            f"dropout: expected real numbers, which it scales. Received: {x}, which is {x.dtype}; "
            f"cast it first: pel.cast({x}, 'float32')"
        )
    return {"rate": float(rate), "stream": int(stream)}


@op(
    tex=r"\operatorname{{dropout}}({0:_})",
    infer=lambda x, state, rate, stream: x.type,
    normalize=_dropout_settings,
    grad=_dropout_grad,
    inference=lambda x, state, rate, stream: x,
    examples=lambda rng: [((rng.normal(size=(4, 5)), np.array([1, 2, 3], np.uint32)), {"rate": 0.5})],
    cost=lambda node, size: 102 * size(node),
    behind="random.Generator",
)
def dropout(xp: Any, x: Any, state: Any, rate: Any = 0.5, stream: Any = 0) -> Any:
    r"""Elements set to zero at random while training, the rest scaled so that the mean stays:
    :math:`x \, m / (1 - r)` with :math:`m = [u \ge r]`; for inference, :math:`x` itself.

    Parameters
    ----------
    x : Expr
        Of any shape.
    state : Expr of uint32, shape (3,)
        Seed and step, as a `pellucid.random.Generator` keeps them.
    rate : float
        The share that is set to zero, from 0 up to but without 1.
    stream : int
        The number of the draw.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> pel.inference(rng.dropout(x, 0.5))
    x

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting, JMLR 15 (2014).
    """
    high, _ = words(xp, state, stream, math.prod(x.shape))
    # A word is kept if it is at least rate * 2^32: the mask costs one comparison and no real numbers.
    keep = (high >= np.uint32(min(round(rate * 2**32), 2**32 - 1))).reshape(x.shape)
    return xp.where(keep, x * np.asarray(1 / (1 - rate), x.dtype), np.zeros((), x.dtype))
