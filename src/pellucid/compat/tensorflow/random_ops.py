"""Random numbers of TensorFlow 1, new ones at every run. Their bits are pellucid's, not TensorFlow's."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

from typing import Any

from pellucid.compat.tensorflow.graph import (
    TRACES,
    UnknownShapeError,
    as_shape_inputs,
    convert,
    get_default_graph,
    make_op,
    read_shape,
)
from pellucid.compat.tensorflow.types import as_dtype
from pellucid.graph.errors import OptionError


def _make_distribution(type, names, draw):
    """Return a function of a shape, two parameters, a dtype and a seed."""

    def make(shape, *args, name=None, **kwargs):
        parameters = {names[0]: 0, names[1]: 1, "dtype": "float32", "seed": None}
        given = dict(zip(parameters, args, strict=False)) | kwargs
        if set(given) - set(parameters):
            raise OptionError(f"{type} takes the arguments shape, {', '.join(parameters)} and name. Received: {given}")
        values: dict[str, Any] = parameters | given
        first, second, dtype, seed = values.values()
        kind = as_dtype(dtype)
        if kind.is_integer and second in (1, None) and names[1] not in given and len(args) < 2:
            raise OptionError(f"{type}: must specify {names[1]} for integer dtype {kind.name}")
        sizes, listed = as_shape_inputs(shape)
        bounds = [convert(first, kind), convert(1 if second is None else second, kind)]

        def fn(*exprs):
            size = read_shape(exprs[:-2], listed)
            if not TRACES:
                raise UnknownShapeError(size)
            return draw(TRACES[-1].get_generator(seed), size, kind, *exprs[-2:])

        return make_op(type, fn, [*sizes, *bounds], name, dtype=kind)

    make.__name__ = type
    return make


def _draw_uniform(rng, size, kind, low, high):
    if kind.is_integer:
        return rng.integers(0, high - low, size=size, dtype=kind.numpy) + low
    return low + (high - low) * rng.random(size, dtype=kind.numpy)


random_uniform = _make_distribution("random_uniform", ("minval", "maxval"), _draw_uniform)
random_normal = _make_distribution(
    "random_normal", ("mean", "stddev"), lambda rng, size, kind, m, s: m + s * rng.normal(size=size, dtype=kind.numpy)
)
truncated_normal = _make_distribution(
    "truncated_normal",
    ("mean", "stddev"),
    lambda rng, size, kind, m, s: m + s * rng.truncated_normal(size=size, dtype=kind.numpy),
)


def _make_random_choice(type, draw, dtype):
    """Return a function of a tensor that a generator draws from."""

    def make(value, *args, seed=None, name=None):
        x = convert(value)

        def fn(e):
            if not TRACES:
                raise UnknownShapeError(
                    [d if isinstance(d, int) else None for d in e.shape[:1]] + list(args or e.shape[1:])
                )
            return draw(TRACES[-1].get_generator(seed), e, *args)

        return make_op(type, fn, [x], name, dtype=dtype or x.dtype)

    return make


random_shuffle = _make_random_choice("RandomShuffle", lambda rng, x: rng.permutation(x), None)
multinomial = _make_random_choice(
    "Multinomial", lambda rng, logits, count: rng.categorical(logits, size=(count, *logits.shape[:1])).T, "int64"
)


def set_random_seed(seed):
    """Set the seed of the default graph: runs of new sessions draw the same numbers, which are not TensorFlow's."""
    get_default_graph().seed = seed
