r"""Random number generator for expressions, with the methods of NumPy's ``Generator``, a seed and a saved state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY
from pellucid.graph.decomposition import symbolic as xp
from pellucid.graph.errors import (
    DtypeError,
    NoSuchNameError,
    OptionError,
    ShapeError,
    UseError,
    near_miss,
    suggest_near_misses,
)
from pellucid.graph.expr import Expr, Operand, Shared, as_expr, constant
from pellucid.graph.ops.closure_conversion import get_loop_counters
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.random_ops import SPAWN, count_random_bits, derive_key, dropout, fold_in, variable_dropout
from pellucid.graph.ops.symbolic_sizes import as_sizes
from pellucid.graph.types import Dim, NamedDim, Shape, as_dtype, common_dtype, is_float, multiply_sizes
from pellucid.graph.validation import is_integer

if TYPE_CHECKING:
    from pellucid.typing import Array, DTypeLike


__all__ = ["Generator"]


def resolve_shape_and_dtype(
    parameters: Sequence[Any], size: Any, like: Any, dtype: DTypeLike | None
) -> tuple[Operand, DTypeLike | None]:
    """Return an expression of the shape of the sample (from ``size``, ``like`` or the parameters) and its dtype."""
    if size is None and any(isinstance(p, tuple) for p in parameters):
        raise UseError(
            f"Pass the shape by name, size={parameters[0]!r}. The first arguments are the parameters of the "
            "distribution, as in NumPy"
        )
    exprs = [as_expr(p) for p in parameters if not isinstance(p, (int, float))]
    if like is None and (size is not None or not exprs):
        like = xp.zeros(as_size(size), dtype=bool)
    elif like is None:
        like = exprs[0] if len(exprs) == 1 or exprs[0] is exprs[1] else exprs[0] + exprs[1]
    if dtype is None and any(is_float(e.dtype) for e in exprs):
        dtype = common_dtype([e.dtype for e in exprs if is_float(e.dtype)], [])
    return like, dtype


def is_python_number(value: object, number: float) -> bool:
    """Whether a parameter is a Python number equal to ``number``."""
    return isinstance(value, (int, float)) and value == number


def scale_and_shift(z: Expr, loc: Any, scale: Any) -> Expr:
    """Return ``loc + scale * z``, without the operations that would change nothing."""
    scaled = z if is_python_number(scale, 1.0) else scale * z
    return scaled if is_python_number(loc, 0.0) else loc + scaled


def exclude_zero(u: Expr) -> Expr:
    """Replace 0 in a sample from [0, 1) by half the spacing of the samples, so that its logarithm is finite."""
    positive: Expr = xp.maximum(u, 2.0 ** -(count_random_bits(u.dtype) + 1))
    return positive


def as_size(size: Dim | Sequence[Dim] | None) -> Shape:
    """Convert NumPy's ``size`` argument to a shape; sizes of expressions are allowed."""
    size = as_sizes(size)
    dims = () if size is None else tuple(size) if isinstance(size, (list, tuple)) else (size,)
    if not all(isinstance(d, NamedDim) or (is_integer(d) and d >= 0) for d in dims):
        raise ShapeError(
            f"Expected size to be an integer of 0 or more, a size such as x.shape[0], or a tuple of them. Received: "
            f"size={size!r}. For the shape of an expression use like=expression"
        )
    return tuple(d if isinstance(d, NamedDim) else int(d) for d in dims)


TRUNCATION = 2.0
"""Bound of the truncated normal distribution in standard deviations, as in Keras."""


class Generator:
    r"""Random number generator. Its methods add random draws to the graph and have the names of NumPy's generator.

    The state is a shared variable. Each call of a function that draws advances it by one step. Read, set or save it
    with `get_state` and `set_state`, or as ``rng.state``. The same seed and the same program give the same numbers in
    NumPy and in XLA. A draw inside the step of a loop gives different numbers at every step. Gradients flow through
    the location and scale of a draw, not through the draw itself.

    Every distribution takes a shape ``size``, or ``like``, an expression with the shape of the result. Without either
    the shape is the broadcast shape of the parameters. ``dtype`` is the dtype of real results, by default that of the
    parameters, or `config.floatx`.

    Parameters
    ----------
    seed : int
        Seed from 0 to 2**64 - 1.

    Examples
    --------
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
        self.state: Shared = Shared(np.zeros(3, np.uint32), "state", trainable=False, regularizable=False)
        self.state.default_update = self.state + constant(np.array([0, 0, 1], np.uint32))
        self.draws: int = 0
        self.children: int = 0
        self.seed(seed)

    if not TYPE_CHECKING:  # __getattr__ would hide misspelled names from a type checker

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in ("state", "draws", "children"):
                raise AttributeError(name)
            raise NoSuchNameError(f"A pel.random.Generator has no {name!r}.{near_miss(name, dir(type(self)))}")

    def seed(self, seed: Any) -> None:
        """Set the seed and restart at step 0.

        Parameters
        ----------
        seed : int
            From 0 to 2**64 - 1.
        """
        if not is_integer(seed) or not 0 <= seed < 2**64:
            raise OptionError(f"Expected a seed from 0 to 2**64 - 1. Received: seed={seed!r}")
        seed = int(seed)
        self.state.set_value(np.array([seed >> 32, seed & 0xFFFFFFFF, 0], np.uint32))

    def get_state(self) -> Array:
        """Return the state: the two words of the seed and the step, as uint32 of shape (3,)."""
        return self.state.get_value()

    def set_state(self, state: Array) -> None:
        """Continue from a state that `get_state` returned.

        Parameters
        ----------
        state : array, uint32 of shape (3,)
            A result of `get_state`.
        """
        self.state.set_value(state)

    def spawn(self, count: int) -> list[Generator]:
        """Return new generators, independent of this one and of each other.

        Their seeds are derived from this generator's seed and the number of generators spawned before.

        Parameters
        ----------
        count : int
            Number of new generators.

        Returns
        -------
        list of Generator
            The new generators.
        """
        generators = []
        for _ in range(count):
            self.children += 1
            high, low = derive_key(NUMPY, self.get_state(), np.array([self.children], np.uint32), SPAWN)
            generators.append(Generator(int(high[0]) << 32 | int(low[0])))
        return generators

    def next_stream(self) -> int:
        """Return the stream number of a new draw."""
        self.draws += 1
        return self.draws

    def current_state(self) -> Expr:
        """Return the state of a draw, which inside a loop includes the loop counters."""
        state: Expr = self.state
        for counter in get_loop_counters():
            state = fold_in(state, counter)
        return state

    def _draw(
        self,
        op: str,
        parameters: Sequence[Operand],
        size: Dim | Sequence[Dim] | None,
        like: Operand | None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        like, dtype = resolve_shape_and_dtype(parameters, size, like, dtype)
        sample: Expr = getattr(xp, op)(self.current_state(), like, stream=self.next_stream(), dtype=dtype)
        return sample

    def random(
        self, size: Dim | Sequence[Dim] | None = None, *, like: Operand | None = None, dtype: DTypeLike | None = None
    ) -> Expr:
        """Draw from the uniform distribution on :math:`[0, 1)`.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        return self._draw("random_uniform", (), size, like, dtype)

    def uniform(
        self,
        low: Operand = 0.0,
        high: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        """Draw from the uniform distribution on :math:`[a, b)`.

        Parameters
        ----------
        low, high : Expr or number
            :math:`a` and :math:`b`.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        u = self._draw("random_uniform", (low, high), size, like, dtype)
        return scale_and_shift(u, low, high if is_python_number(low, 0.0) else as_expr(high) - low)

    def standard_normal(
        self, size: Dim | Sequence[Dim] | None = None, *, like: Operand | None = None, dtype: DTypeLike | None = None
    ) -> Expr:
        r"""Draw from the standard normal distribution :math:`\mathcal{N}(0, 1)`.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        return self._draw("random_normal", (), size, like, dtype)

    def normal(
        self,
        loc: Operand = 0.0,
        scale: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        r"""Draw from the normal distribution, :math:`\mu + \sigma z` with :math:`z \sim \mathcal{N}(0, 1)`.

        Parameters
        ----------
        loc : Expr or number
            Location :math:`\mu`.
        scale : Expr or number
            Scale, greater than 0.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        return scale_and_shift(self._draw("random_normal", (loc, scale), size, like, dtype), loc, scale)

    def truncated_normal(
        self,
        loc: Operand = 0.0,
        scale: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        r"""Draw from the normal distribution within two standard deviations, :math:`|z| \le 2`, by its inverse
        distribution function :math:`z = \sqrt 2 \operatorname{erf}^{-1}((2 u - 1) \operatorname{erf} \sqrt 2)`.

        Parameters
        ----------
        loc : Expr or number
            Location :math:`\mu`.
        scale : Expr or number
            Scale, greater than 0.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        u = self._draw("random_uniform", (loc, scale), size, like, dtype)
        z = math.sqrt(2) * xp.erfinv((2 * u - 1) * math.erf(TRUNCATION / math.sqrt(2)))
        return scale_and_shift(xp.clip(z, -TRUNCATION, TRUNCATION), loc, scale)

    def exponential(
        self,
        scale: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        r"""Draw from the exponential distribution of mean :math:`\beta`, as :math:`-\beta \log(1 - u)`.

        Parameters
        ----------
        scale : Expr or number
            Mean :math:`\beta`.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        return scale_and_shift(-xp.log1p(-self._draw("random_uniform", (scale,), size, like, dtype)), 0.0, scale)

    def gumbel(
        self,
        loc: Operand = 0.0,
        scale: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        r"""Draw from the Gumbel distribution, as :math:`\mu - \beta \log(-\log u)`.

        Parameters
        ----------
        loc : Expr or number
            Location :math:`\mu`.
        scale : Expr or number
            Scale, greater than 0.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        u = exclude_zero(self._draw("random_uniform", (loc, scale), size, like, dtype))
        return scale_and_shift(-xp.log(-xp.log(u)), loc, scale)

    def laplace(
        self,
        loc: Operand = 0.0,
        scale: Operand = 1.0,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = None,
    ) -> Expr:
        r"""Draw from the Laplace distribution, as
        :math:`\mu - \beta \operatorname{sgn}(v) \log(1 - 2 |v|)` with :math:`v = u - 1/2`.

        Parameters
        ----------
        loc : Expr or number
            Location :math:`\mu`.
        scale : Expr or number
            Scale, greater than 0.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        """
        v = exclude_zero(self._draw("random_uniform", (loc, scale), size, like, dtype)) - 0.5
        return scale_and_shift(-xp.sign(v) * xp.log1p(-2 * abs(v)), loc, scale)

    def bernoulli(
        self, p: Operand = 0.5, size: Dim | Sequence[Dim] | None = None, *, like: Operand | None = None
    ) -> Expr:
        """Draw booleans that are true with probability :math:`p`.

        Parameters
        ----------
        p : Expr or float
            Probability :math:`p`.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.

        Raises
        ------
        ValueError
            If :math:`p` is a number outside [0, 1].
        """
        if isinstance(p, (int, float)) and not 0 <= p <= 1:
            raise OptionError(f"bernoulli: expected a probability from 0 to 1. Received: p={p}")
        return self._draw("random_uniform", (p,), size, like) < p

    def integers(
        self,
        low: Operand,
        high: Operand | None = None,
        size: Dim | Sequence[Dim] | None = None,
        *,
        like: Operand | None = None,
        dtype: DTypeLike | None = "int64",
        endpoint: bool = False,
    ) -> Expr:
        r"""Draw integers uniformly from [low, high), or from [0, low) without ``high``:
        :math:`a + \lfloor u (b - a) \rfloor` with 53 bits of :math:`u`.

        Parameters
        ----------
        low, high : Expr or int
            Bounds, ``high`` excluded; with one bound, from 0 to it.
        size : int or tuple of int, optional
            Shape of the result. By default that of ``like`` or of the parameters.
        like : Expr, optional
            Expression whose shape the result gets.
        dtype : dtype, optional
            By default `config.floatx`, or the dtype of the parameters.
        endpoint : bool
            Whether ``high`` is included.

        Raises
        ------
        ValueError
            If the range is empty or too large.
        """
        bounds: tuple[Any, Any] = (0, low) if high is None else (low, high)
        low, high = (int(bound) if is_integer(bound) else bound for bound in bounds)
        if any(is_float(as_expr(bound).dtype) for bound in (low, high) if not isinstance(bound, int)):
            raise DtypeError(f"integers: expected bounds that are integers. Received: low={low}, high={high}")
        if isinstance(low, int) and isinstance(high, int) and not 0 < high + endpoint - low <= 2**53:
            raise OptionError(f"integers: expected a range of 1 to 2**53 integers. Received: low={low}, high={high}")
        span = (high + 1 if endpoint else high) - low
        u = self._draw("random_uniform", (low, high), size, like, "float64")
        offset = xp.floor(u * (span if isinstance(span, int) else xp.cast(span, "float64")))
        return scale_and_shift(xp.cast(offset, dtype), low, 1)

    def categorical(
        self, logits: Operand | None = None, *, p: Operand | None = None, size: Dim | Sequence[Dim] | None = None
    ) -> Expr:
        r"""Draw class indices from probabilities, or their logarithms, along the last axis.

        The result is the class with the maximum of :math:`p_k / e_k` with :math:`e_k` exponential, or of
        :math:`\log p_k + g_k` (the Gumbel-max trick).

        Parameters
        ----------
        logits : Expr, optional
            Unnormalized log-probabilities of shape (..., classes).
        p : Expr, optional
            Unnormalized probabilities of shape (..., classes).
        size : shape, optional
            Shape of the result; by default that of the parameters without the last axis.

        Returns
        -------
        Expr of int64
            Class indices.

        Raises
        ------
        UseError
            If not exactly one of ``logits`` and ``p`` is given.
        """
        if (logits is None) == (p is None):
            raise UseError(f"categorical: expected either logits or p. Received: {'none' if p is None else 'both'}")
        weights = as_expr(p if logits is None else logits)
        noise = self._noise(weights, size)
        scores = weights / noise if logits is None else weights - xp.log(noise)
        chosen: Expr = xp.argmax(scores, axis=-1)
        return chosen

    def _noise(self, weights: Expr, size: Dim | Sequence[Dim] | None) -> Expr:
        """Draw positive exponential noise for every class of every draw."""
        real = weights.dtype if is_float(weights.dtype) else as_dtype(None)
        if not weights.ndim:
            raise ShapeError(f"Expected probabilities of classes along the last axis. Received: {weights}, a scalar")
        if size is not None and not isinstance(weights.shape[-1], int):
            raise ShapeError(
                f"Expected a known number of classes to draw size={size}. Received: {format_operand(weights)}. Declare "
                "its shape"
            )
        classes = weights.shape[-1]
        shape = None if size is None or isinstance(classes, str) else (*as_size(size), classes)
        noise: Expr = -xp.log(exclude_zero(self.random(shape, like=weights if size is None else None, dtype=real)))
        return noise

    def permutation(self, x: Operand, axis: int = 0) -> Expr:
        """Shuffle the integers from 0 to ``x - 1``, or an array along an axis.

        Parameters
        ----------
        x : int or Expr
            Number of integers, or an array.
        axis : int
            Axis that is shuffled.
        """
        if isinstance(x, (int, np.integer)):
            order: Expr = xp.argsort(self.random(int(x), dtype="float64"))
            return order
        shuffled: Expr = xp.take(x, xp.argsort(self._keys(x, axis)), axis=axis)
        return shuffled

    def shuffle(self, x: Operand, axis: int = 0) -> Expr:
        """Shuffle an array along an axis. Unlike in NumPy, the shuffled array is returned.

        Parameters
        ----------
        x : Expr or array
            The array.
        axis : int
            Axis that is shuffled.
        """
        return self.permutation(as_expr(x), axis)

    def choice(
        self,
        a: Operand,
        size: Dim | Sequence[Dim] | None = None,
        replace: bool = True,
        p: Operand | None = None,
        axis: int = 0,
    ) -> Expr:
        """Choose random elements of an array along an axis, or random integers below ``a``.

        Parameters
        ----------
        a : int or Expr
            Array to choose from, or an integer for ``arange(a)``.
        size : shape, optional
            Shape of the result (default one element).
        replace : bool
            Whether an element may be chosen several times.
        p : Expr, optional
            Unnormalized probabilities of shape (count,) (default uniform).
        axis : int
            Axis to choose along.

        Returns
        -------
        Expr
            Integers of int64 and shape ``size``, or the elements of ``a`` at these indices.

        Raises
        ------
        ShapeError
            If ``size`` exceeds the number of elements without replacement.
        """
        count = int(a) if isinstance(a, (int, np.integer)) else as_expr(a).shape[axis]
        from_range = isinstance(a, (int, np.integer))
        shape = as_size(size)
        if replace:
            high = count if isinstance(count, int) else xp.size(a, axis=axis, dtype="int64")
            indices = self.integers(0, high, shape) if p is None else self.categorical(p=p, size=shape)
        else:
            wanted = multiply_sizes(*shape)
            if isinstance(count, int) and isinstance(wanted, int) and wanted > count:
                raise ShapeError(
                    f"choice: cannot choose {wanted} of {count} elements without replacement. Choose fewer, or set "
                    "replace=True"
                )
            keys = self.random(int(count), dtype="float64") if from_range else self._keys(a, axis)
            order = xp.argsort(keys if p is None else -(as_expr(p) / self._noise(as_expr(p), None)))
            indices = xp.reshape(order[:wanted], shape)
        return indices if from_range else xp.take(a, indices, axis=axis)

    def dropout(self, x: Operand, rate: Expr | float) -> Expr:
        """Set elements to zero at random during training. See `pellucid.dropout`.

        The rate is a number in [0, 1), or a scalar expression, whose values outside [0, 1) are clipped.

        Parameters
        ----------
        x : Expr
            Any shape.
        rate : float or Expr
            Fraction of elements that become 0.
        """
        if isinstance(rate, Expr):
            return variable_dropout(x, self.current_state(), xp.cast(rate, "float64"), stream=self.next_stream())
        return dropout(x, self.current_state(), rate=rate, stream=self.next_stream())

    def _keys(self, x: Operand, axis: int) -> Expr:
        """Draw a random sort key for every index of an axis."""
        return self.random(like=xp.arange_like(x, axis=axis), dtype="float64")


suggest_near_misses(
    globals(), "pel.random", " Draw with a generator: rng = pel.random.Generator(seed), then rng.normal(size=(3,))"
)
