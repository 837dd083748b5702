"""Random numbers of TensorFlow 1, new ones at every run. Their bits are pellucid's, not TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.compat.tensorflow.graph import (
    TRACES,
    Tensor,
    UnknownShapeError,
    as_shape_inputs,
    convert,
    get_default_graph,
    make_op,
    read_shape,
)
from pellucid.compat.tensorflow.types import as_dtype
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr


def _make_distribution(type: str, names: tuple[str, str], draw: Callable[..., Any]) -> Callable[..., Tensor]:
    """Return a function of a shape, two parameters, a dtype and a seed."""

    def make(shape: Any, *args: Any, name: str | None = None, **kwargs: Any) -> Tensor:
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

        def fn(*exprs: Expr) -> Any:
            size = read_shape(exprs[:-2], listed)
            if not TRACES:
                raise UnknownShapeError(size)
            return draw(TRACES[-1].get_generator(seed), size, kind, *exprs[-2:])

        made: Tensor = make_op(type, fn, [*sizes, *bounds], name, dtype=kind)
        return made

    make.__name__ = type
    return make


def _draw_uniform(rng: Any, size: tuple[int, ...], kind: Any, low: Expr, high: Expr) -> Any:
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


def _make_random_choice(type: str, draw: Callable[..., Any], dtype: str | None) -> Callable[..., Tensor]:
    """Return a function of a tensor that a generator draws from."""

    def make(value: Any, *args: Any, seed: int | None = None, name: str | None = None) -> Tensor:
        x = convert(value)

        def fn(e: Expr) -> Any:
            if not TRACES:
                raise UnknownShapeError(
                    [d if isinstance(d, int) else None for d in e.shape[:1]] + list(args or e.shape[1:])
                )
            return draw(TRACES[-1].get_generator(seed), e, *args)

        made: Tensor = make_op(type, fn, [x], name, dtype=dtype or x.dtype)
        return made

    return make


random_shuffle = _make_random_choice("RandomShuffle", lambda rng, x: rng.permutation(x), None)
multinomial = _make_random_choice(
    "Multinomial",
    lambda rng, logits, count: rng.categorical(logits, size=(count, *logits.shape[:1])).T,
    "int64",
)


def set_random_seed(seed: int) -> None:
    """Set the seed of the default graph: runs of new sessions draw the same numbers, which are not TensorFlow's."""
    get_default_graph().seed = seed
