"""``theano.tensor.raw_random``: random numbers with the state of a generator as an argument.

A state is a `RandomStreams`; a function returns it with the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.shared_randomstreams import RandomStreams
from pellucid.graph.errors import UseError


def random_state_type(name: str | None = None) -> RandomStreams:
    """State of a generator."""
    return RandomStreams()


def make_draw(method: str) -> Callable[..., Any]:
    def draw(random_state: Any, size: Any = None, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        if not isinstance(random_state, RandomStreams):
            raise UseError(
                f"raw_random.{method}: expected a state, as random_state_type() makes it. Received: {random_state!r}"
            )
        return random_state, getattr(random_state, method)(size if size is not None else (), *arguments, **options)

    draw.__name__ = method
    draw.__doc__ = f"The state, and numbers as `RandomStreams.{method}` draws them."
    return draw


uniform, normal, binomial, random_integers, permutation, multinomial, choice = map(
    make_draw, ("uniform", "normal", "binomial", "random_integers", "permutation", "multinomial", "choice")
)
add_missing_name_errors(globals(), "theano.tensor.raw_random")
