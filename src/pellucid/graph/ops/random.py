r"""Random numbers for expressions: a `Generator` with NumPy's names, one explicit seed, and a state to save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.decomposition import symbolic as xp
from pellucid.graph.errors import (
    DtypeError,
    NoSuchNameError,
    OptionError,
    ShapeError,
    UseError,
    near_miss,
    tell_near_misses,
)
from pellucid.graph.expr import Expr, Shared, as_expr, constant
from pellucid.graph.ops.distribution_parameters import as_size, asked_for, is_number, moved, opened
from pellucid.graph.ops.loop_counters import counters
from pellucid.graph.ops.random_ops import dropout, fold_in
from pellucid.graph.ops.threefry import SPAWN, derived
from pellucid.graph.types import as_dtype, is_float, shape_text

BOUND = 2.0
"""How many standard deviations a truncated normal distribution reaches, as in Keras."""


class Generator:
    r"""A stream of random numbers with one explicit seed; its methods, named as NumPy's, write draws into a graph.

    The state is a shared variable: a function that draws advances it by one step at every call, and it is read, set
    and saved like any other (`get_state`, `set_state`, or ``rng.state`` itself). The same seed and the same program
    give the same numbers, in NumPy and in XLA. A draw that the step of a loop writes is another one at every step.
    Gradients flow through what a draw is scaled and shifted by, not through the draw.

    Every method that draws takes ``size``, a shape, or ``like``, an expression whose shape is taken; without both the
    shape is that of the parameters together. Real numbers are of ``dtype``; without it of the parameters' dtype, or
    `config.floatx`.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> rng = pel.random.Generator(seed=3)
    >>> f = pel.function([], rng.normal(size=(2,)))
    >>> first = f(), f()
    >>> rng.seed(3)
    >>> [bool((a == f()).all()) for a in first]
    [True, True]

    References
    ----------
    L. Devroye, Non-Uniform Random Variate Generation, Springer 1986, chapter II (inverse distribution functions).
    """

    def __init__(self, seed: Any = 0) -> None:
        self.state = Shared(np.zeros(3, np.uint32), "state", trainable=False, regularizable=False)
        self.state.default_update = self.state + constant(np.array([0, 0, 1], np.uint32))
        self.draws = 0
        self.children = 0
        self.seed(seed)

    if not TYPE_CHECKING:  # a type checker is to find misspelt names by itself

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in ("state", "draws", "children"):
                raise AttributeError(name)
            raise NoSuchNameError(f"A pel.random.Generator has no {name!r}.{near_miss(name, dir(type(self)))}")

    def seed(self, seed: Any) -> None:
        """Begin again from a seed, at step 0."""
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise OptionError(f"Expected a seed from 0 to 2**64 - 1. Received: seed={seed!r}")
        seed = int(seed)
        self.state.set_value(np.array([seed >> 32, seed & 0xFFFFFFFF, 0], np.uint32))

    def get_state(self) -> np.ndarray[Any, Any]:
        """Return the seed's two words and the step, of uint32 and shape (3,), to be saved with the rest."""
        return self.state.get_value()

    def set_state(self, state: Any) -> None:
        """Go on from a state that `get_state` returned."""
        self.state.set_value(state)

    def spawn(self, count: int) -> list[Generator]:
        """Return generators of their own, independent of this one and of one another.

        Their seeds follow from this one's seed and from how many were spawned before.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        list of Generator
        """
        made = []
        for _ in range(count):
            self.children += 1
            high, low = derived(np, self.get_state(), np.array([self.children], np.uint32), SPAWN)
            made.append(Generator(int(high[0]) << 32 | int(low[0])))
        return made

    def next_stream(self) -> int:
        """Return the number of a new draw."""
        self.draws += 1
        return self.draws

    def current_state(self) -> Expr:
        """Return the state to draw from: inside the step of a loop, that of the step."""
        state: Expr = self.state
        for counter in counters():
            state = fold_in(state, counter)
        return state

    def _draw(self, op: str, parameters: Sequence[Any], size: Any, like: Any, dtype: Any = None) -> Any:
        """Write a draw of the shape that was asked for, or that the parameters have together."""
        like, dtype = asked_for(parameters, size, like, dtype)
        return getattr(xp, op)(self.current_state(), like, stream=self.next_stream(), dtype=dtype)

    def random(self, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the uniform distribution on :math:`[0, 1)`."""
        return self._draw("random_uniform", (), size, like, dtype)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the uniform distribution on :math:`[a, b)`."""
        u = self._draw("random_uniform", (low, high), size, like, dtype)
        return moved(u, low, high if is_number(low, 0.0) else high - low)

    def standard_normal(self, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the standard normal distribution :math:`\mathcal{N}(0, 1)`."""
        return self._draw("random_normal", (), size, like, dtype)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the normal distribution, :math:`\mu + \sigma z` with :math:`z \sim \mathcal{N}(0, 1)`."""
        return moved(self._draw("random_normal", (loc, scale), size, like, dtype), loc, scale)

    def truncated_normal(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None
    ) -> Any:
        r"""Draw from the normal distribution within two standard deviations, :math:`|z| \le 2`, by its inverse
        distribution function :math:`z = \sqrt 2 \operatorname{erf}^{-1}((2 u - 1) \operatorname{erf} \sqrt 2)`.
        """
        u = self._draw("random_uniform", (loc, scale), size, like, dtype)
        z = math.sqrt(2) * xp.erfinv((2 * u - 1) * math.erf(BOUND / math.sqrt(2)))
        return moved(xp.clip(z, -BOUND, BOUND), loc, scale)

    def exponential(self, scale: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the exponential distribution of mean :math:`\beta`, as :math:`-\beta \log(1 - u)`."""
        return moved(-xp.log1p(-self._draw("random_uniform", (scale,), size, like, dtype)), 0.0, scale)

    def gumbel(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None) -> Any:
        r"""Draw from the Gumbel distribution, as :math:`\mu - \beta \log(-\log u)`."""
        u = opened(self._draw("random_uniform", (loc, scale), size, like, dtype))
        return moved(-xp.log(-xp.log(u)), loc, scale)

    def laplace(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, *, like: Any = None, dtype: Any = None
    ) -> Any:
        r"""Draw from the Laplace distribution, as
        :math:`\mu - \beta \operatorname{sgn}(v) \log(1 - 2 |v|)` with :math:`v = u - 1/2`.
        """
        v = opened(self._draw("random_uniform", (loc, scale), size, like, dtype)) - 0.5
        return moved(-xp.sign(v) * xp.log1p(-2 * abs(v)), loc, scale)

    def bernoulli(self, p: Any = 0.5, size: Any = None, *, like: Any = None) -> Any:
        r"""Draw booleans that hold with probability :math:`p`.

        Raises
        ------
        ValueError
            If :math:`p` is a number that is no probability.
        """
        if isinstance(p, (int, float)) and not 0 <= p <= 1:
            raise OptionError(f"bernoulli: expected a probability from 0 to 1. Received: p={p}")
        return self._draw("random_uniform", (p,), size, like) < p

    def integers(
        self,
        low: Any,
        high: Any = None,
        size: Any = None,
        *,
        like: Any = None,
        dtype: Any = "int64",
        endpoint: bool = False,
    ) -> Any:
        r"""Draw integers that are equally likely, from ``low`` up to but without ``high``; from 0 up to but without
        ``low`` if there is no ``high``: :math:`a + \lfloor u (b - a) \rfloor` with 53 bits of :math:`u`.

        Raises
        ------
        ValueError
            If there is nothing to draw from.
        """
        low, high = (0, low) if high is None else (low, high)
        if any(is_float(as_expr(bound).dtype) for bound in (low, high) if not isinstance(bound, int)):
            raise DtypeError(f"integers: expected bounds that are integers. Received: low={low}, high={high}")
        if isinstance(low, int) and isinstance(high, int) and not 0 < high + endpoint - low <= 2**53:
            raise OptionError(
                f"integers: expected from 1 to 2**53 numbers to draw from. Received: low={low}, high={high}"
            )
        span = (high + 1 if endpoint else high) - low
        u = self._draw("random_uniform", (low, high), size, like, "float64")
        whole = xp.floor(u * (span if isinstance(span, int) else xp.cast(span, "float64")))
        return moved(xp.cast(whole, dtype), low, 1)

    def categorical(self, logits: Any = None, *, p: Any = None, size: Any = None) -> Any:
        r"""Draw classes, of probabilities that stand along the last axis or of their logarithms: the class of the
        greatest :math:`p_k / e_k` with :math:`e_k` exponential, which is Gumbel's :math:`\log p_k + g_k`.

        Parameters
        ----------
        logits : Expr, optional
            Logarithms of probabilities, up to a constant; shape (..., classes).
        p : Expr, optional
            Probabilities instead, up to a factor.
        size : shape, optional
            Of the result; without it that of the parameters but for the last axis.

        Returns
        -------
        Expr of int64
        """
        if (logits is None) == (p is None):
            raise UseError("categorical: expected logits or p, one of them")
        weights = as_expr(p if logits is None else logits)
        noise = self._noise(weights, size)
        scores = weights / noise if logits is None else weights - xp.log(noise)
        return xp.argmax(scores, axis=-1)

    def _noise(self, weights: Expr, size: Any) -> Any:
        """Draw from the exponential distribution, without zero, for every class of every draw."""
        real = weights.dtype if is_float(weights.dtype) else as_dtype(None)
        if not weights.ndim:
            raise ShapeError(f"Expected the probabilities of all classes along the last axis. Received: {weights}")
        if size is not None and not isinstance(weights.shape[-1], int):
            raise ShapeError(
                f"To draw size={size}, the number of classes must be known. Received: {weights}, of shape "
                f"{shape_text(weights.shape)}; declare its shape"
            )
        shape = None if size is None else (*as_size(size), weights.shape[-1])
        return -xp.log(opened(self.random(shape, like=weights if size is None else None, dtype=real)))

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """Return the numbers from 0 up to but without ``x`` in random order, or ``x`` with an axis in random order."""
        if isinstance(x, (int, np.integer)):
            return xp.argsort(self.random(int(x), dtype="float64"))
        return xp.take(x, xp.argsort(self._keys(x, axis)), axis=axis)

    def shuffle(self, x: Any, axis: int = 0) -> Any:
        """Return ``x`` with an axis in random order, which is `permutation`: expressions never change in place."""
        return self.permutation(as_expr(x), axis)

    def choice(self, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0) -> Any:
        """Choose from the numbers below ``a``, or from ``a`` along an axis.

        Parameters
        ----------
        a : int or Expr
            What to choose from.
        size : shape, optional
            How many; one without it.
        replace : bool
            Whether the same may be chosen again.
        p : Expr, optional
            How likely each is, up to a factor; shape (count,). Without it all are equally likely.
        axis : int
            Along which to choose.

        Returns
        -------
        Expr
            Chosen numbers of int64 and shape ``size``, or what stands there in ``a``.

        Raises
        ------
        ShapeError
            If more are to be chosen than there are, without replacement.
        """
        whole = isinstance(a, (int, np.integer))
        count = int(a) if whole else as_expr(a).shape[axis]
        shape = as_size(size)
        if replace:
            many = count if isinstance(count, int) else xp.size(a, axis=axis, dtype="int64")
            places = self.integers(0, many, shape) if p is None else self.categorical(p=p, size=shape)
        else:
            wanted = math.prod(shape)
            if isinstance(count, int) and wanted > count:
                raise ShapeError(
                    f"choice: {wanted} cannot be chosen of {count} without replacement. Choose fewer, or replace=True"
                )
            keys = self.random(count, dtype="float64") if whole else self._keys(a, axis)
            order = xp.argsort(keys if p is None else -(as_expr(p) / self._noise(as_expr(p), None)))
            places = xp.reshape(order[:wanted], shape)
        return places if whole else xp.take(a, places, axis=axis)

    def dropout(self, x: Any, rate: float) -> Any:
        r"""Set elements to zero at random while training; see `pellucid.dropout`."""
        return dropout(x, self.current_state(), rate=rate, stream=self.next_stream())

    def _keys(self, x: Any, axis: int) -> Any:
        """Draw a number for every place along an axis."""
        return self.random(like=xp.arange_like(x, axis=axis), dtype="float64")


tell_near_misses(
    globals(), "pel.random", " A generator draws: rng = pel.random.Generator(seed), and then rng.normal(size=(3,)), say"
)
