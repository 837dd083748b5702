"""What every initializer is: something that makes an array of a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.types import as_dtype
from pellucid.nn.did_you_mean import Spelt

Array = np.ndarray[Any, Any]
Shape = Sequence[int]


class Initializer(Spelt):
    """What makes the first value of a parameter: called with a shape and a dtype, it returns an array."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """Return an array of this shape, of `config.floatx` unless a dtype is given."""
        return np.asarray(self.draw(tuple(shape)), as_dtype(dtype))

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return an array of this shape, of any precision."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it draws")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"
