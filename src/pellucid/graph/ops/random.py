r"""Random numbers as functions of a seed and a step.

Every draw is Threefry-2x32 of a key (made of the seed and the number of the draw in its stream) and a counter (made
of the step and the place in the array), so the NumPy interpreter and XLA draw the same bits, and any step can be
entered again. The state of a stream is three 32-bit words: the seed's two, and the step, which is one more after
every call of a function that draws.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Shared, constant
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.types import Type, as_dtype

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(xp: Any, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Mix two 32-bit counters under a key of two 32-bit words, in twenty rounds.

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


def words(xp: Any, state: Any, stream: int, count: int) -> tuple[Any, Any]:
    """Draw two arrays of so many 32-bit words."""
    key = threefry(xp, (state[0:1], state[1:2]), (xp.full(1, stream, np.uint32), xp.full(1, 0x70656C, np.uint32)))
    place = xp.arange(count, dtype=np.uint32)
    return threefry(xp, key, (place, state[2:3] + xp.zeros(count, np.uint32)))


def unit(high: Any, low: Any, dtype: Any) -> Any:
    """Turn random words into real numbers in [0, 1), of 24 bits for float32 and 53 for float64."""
    if np.dtype(dtype).itemsize <= 4:
        # As many bits as the dtype holds exactly, so that none rounds up to 1.
        bits = {"float16": 11, "bfloat16": 8}.get(np.dtype(dtype).name, 24)
        return ((high >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)).astype(dtype)
    whole = (high >> np.uint32(5)).astype(np.float64) * 2.0**26 + (low >> np.uint32(6)).astype(np.float64)
    return whole * 2.0**-53


def _like(state: Expr, like: Expr, stream: int, dtype: Any) -> Type:
    return Type(like.shape, np.dtype(dtype))


def _settings(state: Expr, like: Expr, stream: int, dtype: Any) -> dict[str, Any]:
    return {"stream": int(stream), "dtype": as_dtype(dtype)}


def _examples(rng: np.random.Generator) -> list[Any]:
    state = np.array([1, 2, 3], np.uint32)
    return [((state, np.zeros((3, 5), bool)), {}), ((state, np.zeros((4,), bool)), {"stream": 7, "dtype": "float64"})]


@op(
    tex=r"\mathcal{{U}}(0, 1)",
    infer=_like,
    normalize=_settings,
    differentiable=False,
    examples=_examples,
    cost=lambda node, size: 100 * size(node),
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
    >>> f = pel.function([], rng.uniform((2,)))
    >>> (f() != f()).all()
    np.True_
    """
    count = math.prod(like.shape)
    high, low = words(xp, state, stream, count)
    return unit(high, low, dtype).reshape(like.shape)


@op(
    tex=r"\mathcal{{N}}(0, 1)",
    infer=_like,
    normalize=_settings,
    differentiable=False,
    examples=_examples,
    cost=lambda node, size: 130 * size(node),
)
def random_normal(xp: Any, state: Any, like: Any, stream: Any = 0, dtype: Any = None) -> Any:
    r"""Random numbers from the standard normal distribution, of the shape of ``like``, by Box and Muller's
    :math:`\sqrt{-2 \log u} \, (\cos 2 \pi v, \sin 2 \pi v)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> rng = pel.random.Generator(7)
    >>> pel.function([], rng.normal((2, 3)))().shape
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


def _dropout_grad(g: Any, y: Any, x: Any, state: Any, rate: float, stream: int) -> tuple[Any, None]:
    return dropout(g, state, rate=rate, stream=stream), None


def _dropout_settings(x: Expr, state: Expr, rate: float, stream: int) -> dict[str, Any]:
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: expected a rate from 0 up to but without 1. Received: rate={rate}")
    return {"rate": float(rate), "stream": int(stream)}


@op(
    tex=r"\operatorname{{dropout}}({0:_})",
    infer=lambda x, state, rate, stream: x.type,
    normalize=_dropout_settings,
    grad=_dropout_grad,
    inference=lambda x, state, rate, stream: x,
    examples=lambda rng: [((rng.normal(size=(4, 5)), np.array([1, 2, 3], np.uint32)), {"rate": 0.5})],
    cost=lambda node, size: 102 * size(node),
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


class Generator:
    """A stream of random numbers with one explicit seed; its methods write draws into a graph.

    The state is a shared variable: a function that draws advances it by one step at every call, and it can be read,
    set and saved like any other.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> rng = pel.random.Generator(seed=3)
    >>> noise = rng.normal((2,))
    >>> f = pel.function([], noise)
    >>> first = f(), f()
    >>> rng.seed(3)
    >>> [bool((a == f()).all()) for a in first]
    [True, True]
    """

    def __init__(self, seed: int = 0) -> None:
        self.state = Shared(np.zeros(3, np.uint32), "state", trainable=False, regularizable=False)
        self.state.default_update = self.state + constant(np.array([0, 0, 1], np.uint32))
        self.draws = 0
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin again from a seed, at step 0."""
        if not 0 <= seed < 2**64:
            raise ValueError(f"Expected a seed from 0 to 2**64 - 1. Received: seed={seed}")
        self.state.set_value(np.array([seed >> 32, seed & 0xFFFFFFFF, 0], np.uint32))

    def next_stream(self) -> int:
        """Return the number of a new draw."""
        self.draws += 1
        return self.draws

    def _draw(self, name: str, shape: Any, like: Any, dtype: Any) -> Any:
        pattern = call("zeros", shape, dtype=bool) if like is None else like
        return call(name, self.state, pattern, stream=self.next_stream(), dtype=dtype)

    def uniform(
        self, shape: Any = (), low: float = 0.0, high: float = 1.0, *, like: Any = None, dtype: Any = None
    ) -> Any:
        r"""Draw from the uniform distribution on :math:`[a, b)`, of a shape or of the shape of an expression."""
        u = self._draw("random_uniform", shape, like, dtype)
        return u if (low, high) == (0.0, 1.0) else low + (high - low) * u

    def normal(
        self, shape: Any = (), loc: float = 0.0, scale: float = 1.0, *, like: Any = None, dtype: Any = None
    ) -> Any:
        r"""Draw from the normal distribution :math:`\mathcal{N}(\mu, \sigma^2)`, of a shape or like an expression."""
        z = self._draw("random_normal", shape, like, dtype)
        return z if (loc, scale) == (0.0, 1.0) else loc + scale * z

    def bernoulli(self, shape: Any = (), p: float = 0.5, *, like: Any = None) -> Any:
        r"""Draw booleans that hold with probability :math:`p`."""
        return self._draw("random_uniform", shape, like, None) < p

    def dropout(self, x: Any, rate: float) -> Any:
        r"""Set elements to zero at random while training; see `pellucid.dropout`."""
        return dropout(x, self.state, rate=rate, stream=self.next_stream())
