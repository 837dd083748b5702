"""Orthogonal and sparse initializers."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.types import format_shape
from pellucid.nn.initializers.base import Initializer
from pellucid.nn.random_seed import get_weight_generator
from pellucid.typing import Array

__all__ = ["Orthogonal", "Sparse"]


class Orthogonal(Initializer):
    """Random orthogonal matrix times ``gain``. All axes but the last form the rows; the vectors of the shorter side
    are orthonormal, :math:`W^T W = g^2 I` or :math:`W W^T = g^2 I`.

    Parameters
    ----------
    gain : float
        :math:`g`.
    seed : int, optional
        Seed for the same values at every call.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    Examples
    --------
    >>> W = Orthogonal(seed=0)((4, 2))
    >>> (W.T @ W).round(3)
    array([[ 1., -0.],
           [-0.,  1.]], dtype=float32)

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, ICLR 2014.
    """

    gain: float
    seed: int | None

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal: expected a shape of two or more axes. Received: shape={format_shape(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = get_weight_generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q = q * np.sign(np.diag(r))  # makes the distribution uniform over orthogonal matrices
        return self.gain * (q.T if rows < columns else q).reshape(shape)


class Sparse(Initializer):
    r"""Sparse matrix with a fraction ``sparsity`` of non-zero elements per column, drawn from
    :math:`\mathcal{N}(0, \sigma^2)`, as in Lasagne.

    Parameters
    ----------
    sparsity : float
        Fraction of non-zero elements in each column, in (0, 1].
    std : float
        :math:`\sigma`.
    seed : int, optional
        Seed for the same values at every call.

    Raises
    ------
    ShapeError
        If the shape does not have two axes.

    Examples
    --------
    >>> int(np.count_nonzero(Sparse(sparsity=0.25, seed=0)((8, 3))))
    6

    References
    ----------
    J. Martens, Deep learning via Hessian-free optimization, ICML 2010.
    """

    seed: int | None
    sparsity: float
    std: float

    def __init__(self, sparsity: float = 0.1, std: float = 0.01, seed: int | None = None) -> None:
        if not 0 < sparsity <= 1:
            raise OptionError(f"Expected sparsity in (0, 1]. Received: sparsity={sparsity!r}")
        self.sparsity, self.std, self.seed = sparsity, std, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise ShapeError(f"Sparse: expected a shape of two axes. Received: shape={format_shape(shape)}")
        rng = get_weight_generator(self.seed)
        first = np.broadcast_to(np.arange(shape[0])[:, None] < int(self.sparsity * shape[0]), shape)
        return np.where(rng.permuted(first, axis=0), self.std * rng.standard_normal(shape), 0.0)
