"""Base class of initializers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from pellucid.graph.expr import Operand
from pellucid.graph.types import as_dtype
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.typing import Array, ArrayLike, DTypeLike

__all__ = ["Initializer"]

Shape = Sequence[int]

InitializerFunction = Callable[..., ArrayLike]
"""Function ``initializer(shape, dtype=...)`` that returns initial values."""

InitializerLike: TypeAlias = "InitializerFunction | Operand"
"""What `pellucid.nn.initializers.get` takes: a name, a function, a number, an array or an expression."""


class Initializer(StrictArguments):
    """Base class: a callable from shape and dtype to an array of initial values.

    Examples
    --------
    >>> class Halves(Initializer):
    ...     def draw(self, shape):
    ...         return np.full(shape, 0.5)
    >>> Halves()((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> Array:
        """Return initial values of this shape, by default of dtype `config.floatx`."""
        return np.asarray(self.draw(tuple(shape)), as_dtype(dtype))

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return values of this shape, in any precision.

        Parameters
        ----------
        shape : tuple of int
            Shape of the result.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement draw(shape)")
