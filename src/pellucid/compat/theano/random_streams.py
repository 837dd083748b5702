"""Random numbers of Theano, drawn by a generator of pellucid.

The numbers differ from Theano's, whose bits no other generator has; their distributions are the same.
"""

import functools
import itertools
import math

import pellucid as pel
from pellucid.compat.theano.variables import as_shape, as_tensor_variable, cast_expr, get_dtype, wrap
from pellucid.graph.errors import UseError


class StreamState:
    """State of a stream, with the methods of `numpy.random.RandomState` that set it."""

    def __init__(self, words):
        self._words = words

    def seed(self, seed):
        self._words = pel.random.Generator(seed=seed).get_state()

    def get_state(self):
        return self._words

    def set_state(self, state):
        self._words = state


class StreamVariable:
    """The state of a stream as a shared variable."""

    def __init__(self, generator):
        self.generator = generator

    def get_value(self, borrow=False):
        return StreamState(self.generator.get_state())

    def set_value(self, value, borrow=False):
        self.generator.set_state(value.get_state())


def make_draw(method, names, defaults):
    """Return a method of `RandomStreams` that draws real numbers with two parameters."""

    def draw(self, size=(), *values, ndim=None, dtype=None, nstreams=None, **options):
        given = dict(zip(names, defaults, strict=True)) | dict(zip(names, values, strict=False)) | options
        unknown = set(given) - set(names)
        if unknown:
            raise UseError(f"{method}: expected {' and '.join(names)}. Received: {', '.join(sorted(unknown))}")
        kept = get_dtype(dtype)
        low, high = (v if isinstance(v, int | float) else cast_expr(v, kept) for v in given.values())
        return self._draw(lambda g, shape: getattr(g, method)(low, high, shape, dtype=kept), size, ndim, kept)

    return draw


class RandomStreams:
    """Random streams with a seed. Each variable that it returns has its own stream, which every call advances."""

    def __init__(self, seed=None, **options):
        self.default_instance_seed, self._generators = seed, []
        self._seeds = itertools.count(hash_seed(seed))

    def seed(self, seed=None):
        """Restart all streams."""
        seeds = itertools.count(hash_seed(self.default_instance_seed if seed is None else seed))
        for generator in self._generators:
            generator.seed(next(seeds))

    @property
    def state_updates(self):
        """Pairs of a stream and None: functions update the streams by themselves."""
        return [(StreamVariable(generator), None) for generator in self._generators]

    def updates(self):
        return self.state_updates

    def _draw(self, draw, size, ndim, dtype):
        generator = pel.random.Generator(seed=next(self._seeds))
        self._generators.append(generator)
        variable = wrap(draw(generator, None if size is None or size == () else as_shape(size, ndim)))
        variable = wrap(cast_expr(variable, get_dtype(dtype)))
        variable.rng = StreamVariable(generator)
        return variable

    uniform = make_draw("uniform", ("low", "high"), (0.0, 1.0))
    normal = make_draw("normal", ("avg", "std"), (0.0, 1.0))
    truncated_normal = make_draw("truncated_normal", ("avg", "std"), (0.0, 1.0))

    def binomial(self, size=(), n=1, p=0.5, ndim=None, dtype="int64", prob=None, nstreams=None):
        """Number of successes in ``n`` trials."""
        q = p if prob is None else prob
        q = q if isinstance(q, int | float) else as_tensor_variable(q).expr

        def draw(g, shape):
            if n == 1:
                return g.bernoulli(q, shape)
            return pel.sum(pel.cast(g.bernoulli(q, (int(n), *(shape or ()))), "int64"), axis=0)

        return self._draw(draw, size, ndim, dtype)

    def random_integers(self, size=(), low=0, high=1, ndim=None, dtype="int64"):
        """Integers from ``low`` to ``high``, both included."""
        a, b = cast_expr(low, "int64"), cast_expr(high, "int64")
        return self._draw(lambda g, shape: g.integers(a, b + 1, shape), size, ndim, dtype)

    def choice(self, size=1, a=2, replace=True, p=None, ndim=None, dtype="int64", nstreams=None):
        """Elements of ``range(a)`` or of a vector."""
        population = pel.arange(a) if isinstance(a, int) else as_tensor_variable(a).expr
        weights = None if p is None else as_tensor_variable(p).expr
        return self._draw(lambda g, shape: g.choice(population, shape, replace, weights), size, ndim, dtype)

    def permutation(self, size=(), n=1, ndim=None, dtype="int64"):
        """A permutation of ``range(n)``, or several."""
        shape = tuple(map(int, as_shape(size))) if size not in ((), None) else ()

        def draw(g, _):
            rows = [pel.argsort(g.uniform(size=(n,))) for _ in range(math.prod(shape))]
            return pel.reshape(pel.stack(rows), (*shape, n))

        return self._draw(draw, None, ndim, dtype)

    def shuffle_row_elements(self, input):
        """A variable with the elements of each row shuffled."""
        x = as_tensor_variable(input).expr

        def draw(g, _):
            return pel.take_along_axis(x, pel.argsort(g.uniform(like=pel.cast(x, "float64")), axis=-1), axis=-1)

        return self._draw(draw, None, None, x.dtype)

    def multinomial(self, size=None, n=1, pvals=None, ndim=None, dtype="int64", nstreams=None):
        """Counts of ``n`` draws from each row of probabilities."""
        p = as_tensor_variable(pvals).expr

        def draw(g, shape):
            labels = g.categorical(pel.log(p), size=(int(n), *(p.shape[:-1] if p.ndim > 1 else shape or ())))
            return pel.sum(pel.cast(pel.equal(labels[..., None], pel.arange(p.shape[-1])), "int64"), axis=0)

        return self._draw(draw, size, ndim, dtype)


class MRG_RandomStreams(RandomStreams):
    """The random streams of GPUs, which are the same here."""


def hash_seed(seed):
    """Return a seed as an integer; lists of integers are allowed."""
    if isinstance(seed, list | tuple):
        return functools.reduce(lambda total, s: (total * 1000003 + int(s)) % 2**31, seed, 0)
    return 0 if seed is None else int(seed)


def draw_from_state(method):
    """Return a function of `theano.tensor.raw_random`, which takes a state and returns it with the numbers."""

    def draw(random_state, size=(), *arguments, **options):
        if not isinstance(random_state, RandomStreams):
            raise UseError(f"{method}: expected a state, as random_state_type() makes it. Received: {random_state!r}")
        return random_state, getattr(random_state, method)(size, *arguments, **options)

    return draw
