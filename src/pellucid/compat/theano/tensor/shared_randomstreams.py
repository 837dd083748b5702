"""Random numbers of Theano, drawn by a generator of pellucid.

The numbers differ from Theano's, whose bits no other generator has; their distributions are the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import (
    TensorSharedVariable,
    TensorVariable,
    as_shape,
    as_tensor_variable,
    cast_expr,
    get_dtype,
    wrap,
)
from pellucid.graph.errors import UseError


class StreamState:
    """State of a stream, with the methods of `numpy.random.RandomState` that set it."""

    def __init__(self, words: Any) -> None:
        self._words = words

    def seed(self, seed: int) -> None:
        """Restart with a seed."""
        self._words = pel.random.Generator(seed=seed).get_state()

    def get_state(self) -> Any:
        """The state."""
        return self._words

    def set_state(self, state: Any) -> None:
        """Replace the state."""
        self._words = state


class StreamVariable:
    """The state of a stream as a shared variable."""

    def __init__(self, generator: pel.random.Generator) -> None:
        self.generator = generator

    def get_value(self, borrow: bool = False) -> StreamState:
        """Return a copy of the state."""
        return StreamState(self.generator.get_state())

    def set_value(self, value: StreamState, borrow: bool = False) -> None:
        """Replace the state."""
        self.generator.set_state(value.get_state())


class RandomStreams:
    """Random streams with a seed. Each variable that it returns has its own stream, updated by every call."""

    def __init__(self, seed: Any = None, **options: Any) -> None:
        self.default_instance_seed = seed
        self._streams: list[tuple[TensorSharedVariable, Any]] = []
        self._seeds = itertools.count(0 if seed is None else hash_seed(seed))

    def _make_stream(self) -> pel.random.Generator:
        generator = pel.random.Generator(seed=next(self._seeds))
        self._streams.append((wrap(generator.state), generator))  # type: ignore[arg-type]
        return generator

    def seed(self, seed: Any = None) -> None:
        """Restart all streams."""
        seeds = itertools.count(
            hash_seed(self.default_instance_seed if seed is None else seed)
            if seed is not None or self.default_instance_seed is not None
            else 0
        )
        for _, generator in self._streams:
            generator.seed(next(seeds))

    @property
    def state_updates(self) -> list[tuple[Any, Any]]:
        """Pairs of a stream and None: functions update the streams by themselves."""
        return [(StreamVariable(generator), None) for _, generator in self._streams]

    def updates(self) -> list[tuple[Any, Any]]:
        """The same as `state_updates`."""
        return self.state_updates

    def _draw(self, draw: Any, size: Any, ndim: int | None, dtype: Any) -> TensorVariable:
        generator = self._make_stream()
        shape = None if size is None or size == () else as_shape(size, ndim)
        variable = wrap(cast_expr(wrap(draw(generator, shape)), get_dtype(dtype)))
        variable.rng = StreamVariable(generator)
        return variable

    def uniform(
        self,
        size: Any = (),
        low: Any = 0.0,
        high: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Uniformly distributed numbers."""
        a, b, kept = *convert_parameters(low, high, dtype=dtype), get_dtype(dtype)
        return self._draw(lambda g, shape: g.uniform(a, b, shape, dtype=kept), size, ndim, kept)

    def normal(
        self,
        size: Any = (),
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Normally distributed numbers."""
        a, b, kept = *convert_parameters(avg, std, dtype=dtype), get_dtype(dtype)
        return self._draw(lambda g, shape: g.normal(a, b, shape, dtype=kept), size, ndim, kept)

    def truncated_normal(
        self,
        size: Any,
        avg: Any = 0.0,
        std: Any = 1.0,
        ndim: int | None = None,
        dtype: Any = None,
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Normally distributed numbers within two standard deviations."""
        a, b, kept = *convert_parameters(avg, std, dtype=dtype), get_dtype(dtype)
        return self._draw(lambda g, shape: g.truncated_normal(a, b, shape, dtype=kept), size, ndim, kept)

    def binomial(
        self,
        size: Any = (),
        n: int = 1,
        p: Any = 0.5,
        ndim: int | None = None,
        dtype: Any = "int64",
        prob: Any = None,
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Number of successes in ``n`` trials."""
        (q,) = convert_parameters(p if prob is None else prob)

        def draw(g: Any, shape: Any) -> Any:
            if n == 1:
                return g.bernoulli(q, shape)
            return pel.sum(pel.cast(g.bernoulli(q, (int(n), *(shape or ()))), "int64"), axis=0)

        return self._draw(draw, size, ndim, dtype)

    def random_integers(
        self, size: Any = (), low: Any = 0, high: Any = 1, ndim: int | None = None, dtype: Any = "int64"
    ) -> TensorVariable:
        """Integers from ``low`` to ``high``, both included."""
        a, b = (as_tensor_variable(v).expr for v in (low, high))
        return self._draw(
            lambda g, shape: g.integers(pel.cast(a, "int64"), pel.cast(b, "int64") + 1, shape), size, ndim, dtype
        )

    def choice(
        self,
        size: Any = 1,
        a: Any = 2,
        replace: bool = True,
        p: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Elements of ``range(a)`` or of a vector."""
        population = pel.arange(a) if isinstance(a, int) else as_tensor_variable(a).expr
        weights = None if p is None else as_tensor_variable(p).expr
        return self._draw(lambda g, shape: g.choice(population, shape, replace, weights), size, ndim, dtype)

    def permutation(self, size: Any = (), n: int = 1, ndim: int | None = None, dtype: Any = "int64") -> TensorVariable:
        """A permutation of ``range(n)``, or several."""
        count = 1
        shape = as_shape(size) if size not in ((), None) else ()
        for length in shape:
            count *= int(length)

        def draw(g: Any, _: Any) -> Any:
            rows = [pel.argsort(g.uniform(size=(n,))) for _ in range(count)]
            return rows[0] if not shape else pel.reshape(pel.stack(rows), (*shape, n))

        return self._draw(draw, size, ndim, dtype)

    def shuffle_row_elements(self, input: Any) -> TensorVariable:
        """A variable with the elements of each row shuffled."""
        x = as_tensor_variable(input).expr
        order = pel.argsort(self._make_stream().uniform(like=pel.cast(x, "float64")), axis=-1)
        return wrap(pel.take_along_axis(x, order, axis=-1))

    def multinomial(
        self,
        size: Any = None,
        n: int = 1,
        pvals: Any = None,
        ndim: int | None = None,
        dtype: Any = "int64",
        nstreams: Any = None,
        **options: Any,
    ) -> TensorVariable:
        """Counts of ``n`` draws from each row of probabilities."""
        p = as_tensor_variable(pvals).expr
        labels = pel.arange(p.shape[-1])

        def draw(g: Any, shape: Any) -> Any:
            drawn = [g.categorical(pel.log(p), size=None if p.ndim > 1 else shape) for _ in range(int(n))]
            return sum(pel.cast(pel.equal(d[..., None], labels), "int64") for d in drawn)

        return self._draw(draw, size, ndim, dtype)

    def poisson(self, *arguments: Any, **options: Any) -> TensorVariable:
        """Refused: pellucid has no Poisson distribution."""
        raise UseError(
            "RandomStreams has no poisson in pellucid.compat. Draw the numbers with NumPy and pass them as an input"
        )


def hash_seed(seed: Any) -> int:
    """Return a seed as an integer; lists of integers are allowed."""
    return int(seed) if not isinstance(seed, Sequence) else sum(int(s) * 1000003**k for k, s in enumerate(seed)) % 2**31


def convert_parameters(*values: Any, dtype: Any = None) -> list[Any]:
    """Return the parameters of a distribution as expressions of real numbers."""
    kept = get_dtype(dtype)
    return [v if isinstance(v, int | float) else cast_expr(as_tensor_variable(v), kept) for v in values]


add_missing_name_errors(globals(), "theano.tensor.shared_randomstreams")
