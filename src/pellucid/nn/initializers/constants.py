"""Initializers that draw nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.types import shape_text
from pellucid.nn.initializers.base import Array, Initializer


class Constant(Initializer):
    """Every element the same number, or each the one that is given.

    Parameters
    ----------
    value : float or array
        The number; or an array of the shape of the parameter.

    Raises
    ------
    ShapeError
        If an array has another shape than the parameter.

    Examples
    --------
    >>> Constant(0.1)((2,))
    array([0.1, 0.1], dtype=float32)
    >>> Constant([1.0, 2.0])((2,))
    array([1., 2.], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return an array of the number, or the array."""
        value = np.array(self.value)
        if value.ndim and value.shape != shape:
            raise ShapeError(
                f"Expected an array of the shape of the parameter, {shape_text(shape)}. Received: one of shape "
                f"{shape_text(value.shape)}"
            )
        return value if value.ndim else np.full(shape, self.value, np.float64)


class Zeros(Initializer):
    """Every element 0."""

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """Every element 1."""

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return ones."""
        return np.ones(shape)


class Identity(Initializer):
    r"""The identity matrix times a number, :math:`g \, I`; what is not square has zeros in the rest.

    Raises
    ------
    ShapeError
        For a shape of other than two axes.

    Examples
    --------
    >>> Identity(gain=2.0)((2, 3))
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)

    References
    ----------
    Q. V. Le, N. Jaitly and G. E. Hinton, A Simple Way to Initialize Recurrent Networks of Rectified Linear Units,
    arXiv:1504.00941.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return the matrix."""
        if len(shape) != 2:
            raise ShapeError(f"An identity matrix has two axes. Received: shape={shape_text(shape)}")
        return self.gain * np.eye(*shape)
