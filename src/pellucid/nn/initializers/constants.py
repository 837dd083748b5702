"""Constant initializers: constants, zeros, ones and the identity matrix."""

from __future__ import annotations

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.types import format_shape
from pellucid.nn.initializers.base import Initializer
from pellucid.typing import Array, ArrayLike

__all__ = ["Constant", "Identity", "Ones", "Zeros"]


class Constant(Initializer):
    """Constant values.

    Parameters
    ----------
    value : float or array
        A number, or an array of the shape of the parameter.

    Raises
    ------
    ShapeError
        If the shape of the array differs from that of the parameter.

    Examples
    --------
    >>> Constant(0.1)((2,))
    array([0.1, 0.1], dtype=float32)
    >>> Constant([1.0, 2.0])((2,))
    array([1., 2.], dtype=float32)
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value

    def draw(self, shape: tuple[int, ...]) -> Array:
        value = np.array(self.value)
        if value.ndim and value.shape != shape:
            raise ShapeError(
                f"Expected an array of the parameter's shape {format_shape(shape)}. Received: an array of shape "
                f"{format_shape(value.shape)}"
            )
        return value if value.ndim else np.full(shape, self.value, np.float64)


class Zeros(Initializer):
    """Zeros.

    Examples
    --------
    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def draw(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


class Ones(Initializer):
    """Ones.

    Examples
    --------
    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def draw(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


class Identity(Initializer):
    r"""Scaled identity matrix, :math:`g \, I`, padded with zeros if it is not square.

    Parameters
    ----------
    gain : float
        :math:`g`.

    Raises
    ------
    ShapeError
        If the shape does not have two axes.

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
        if len(shape) != 2:
            raise ShapeError(f"Identity: expected a shape of two axes. Received: shape={format_shape(shape)}")
        return self.gain * np.eye(*shape)
