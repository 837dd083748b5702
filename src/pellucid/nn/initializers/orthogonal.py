"""Initializers that make a matrix of a kind."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.types import shape_text
from pellucid.nn.initializers.base import Array, Initializer
from pellucid.nn.random_seed import weight_generator


class Orthogonal(Initializer):
    r"""A random orthogonal matrix times ``gain``: all axes but the last are taken for rows, and the shorter side's
    vectors are orthonormal, :math:`W^T W = g^2 I` or :math:`W W^T = g^2 I`.

    Raises
    ------
    ShapeError
        For a shape of fewer than two axes.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks, ICLR 2014.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw a normal matrix and keep its orthogonal factor."""
        if len(shape) < 2:
            raise ShapeError(f"An orthogonal matrix has two axes or more. Received: shape={shape_text(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        normal = weight_generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(normal)
        q = q * np.sign(np.diag(r))  # without it some orthogonal matrices are likelier than others
        return self.gain * (q.T if rows < columns else q).reshape(shape)


class Sparse(Initializer):
    r"""A matrix whose columns have few elements that are not 0: ``sparsity`` of them, drawn from
    :math:`\mathcal{N}(0, \sigma^2)`, as Lasagne has it.

    Parameters
    ----------
    sparsity : float
        The share of the elements of every column that are not 0, above 0 and at most 1.
    std : float
        :math:`\sigma`.
    seed : int, optional
        A seed of its own.

    Raises
    ------
    ShapeError
        For a shape of other than two axes.

    Examples
    --------
    >>> int(np.count_nonzero(Sparse(sparsity=0.25, seed=0)((8, 3))))
    6

    References
    ----------
    J. Martens, Deep learning via Hessian-free optimization, ICML 2010.
    """

    def __init__(self, sparsity: float = 0.1, std: float = 0.01, seed: int | None = None) -> None:
        if not 0 < sparsity <= 1:
            raise OptionError(f"Expected a sparsity above 0 and at most 1. Received: sparsity={sparsity!r}")
        self.sparsity, self.std, self.seed = sparsity, std, seed

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Draw normal numbers and keep a few of every column."""
        if len(shape) != 2:
            raise ShapeError(f"A sparse matrix has two axes. Received: shape={shape_text(shape)}")
        rng = weight_generator(self.seed)
        first = np.broadcast_to(np.arange(shape[0])[:, None] < int(self.sparsity * shape[0]), shape)
        return np.where(rng.permuted(first, axis=0), self.std * rng.standard_normal(shape), 0.0)
