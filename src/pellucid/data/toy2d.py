"""Two-dimensional toy data sets with two or more classes, with scikit-learn's distributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pellucid.errors import OptionError
from pellucid.optional_packages import require_packages
from pellucid.typing import Array

Points = tuple[Array, npt.NDArray[np.int32]]


def moons(n: int = 200, noise: float = 0.20, seed: int = 0, dtype: str | None = None) -> Points:
    """Two interleaving half circles: (cos t, sin t) and (1 - cos t, 1/2 - sin t), 0 <= t <= π.

    Parameters
    ----------
    n : int
        Number of points, half of them in each class.
    noise : float
        Standard deviation of the normal noise on both coordinates.
    seed : int
        Seed of the noise and the order; seed 0 gives the same points as ``numpy.random.seed(0)``.
    dtype : str or None
        Dtype of the points; None is ``pellucid.config.floatx``.

    Returns
    -------
    X : ndarray of shape (n, 2)
        The points.
    y : ndarray of shape (n,)
        Their classes 0 and 1, dtype int32.

    Raises
    ------
    OptionError
        If ``n`` is below 1 or ``noise`` is negative.

    Examples
    --------
    >>> X, y = moons()
    >>> X.shape, X.dtype.name, np.bincount(y)
    ((200, 2), 'float32', array([100, 100]))
    """
    if n < 1 or not noise >= 0:
        raise OptionError(f"moons: expected n of 1 or more and noise of 0 or more. Received: n={n}, noise={noise}")
    # Not sklearn.datasets.make_moons: importing scikit-learn takes longer than the whole run of a small network.
    random = np.random.RandomState(seed)
    angles = [np.linspace(0, np.pi, half) for half in (n // 2, n - n // 2)]
    outer, inner = (np.stack([np.cos(t), np.sin(t)], axis=1) for t in angles)
    points = np.concatenate([outer, 1 - inner - [0, 0.5]])
    classes = np.repeat([0, 1], [len(outer), len(inner)])
    order = np.arange(n)
    random.shuffle(order)
    return _cast((points[order] + random.normal(scale=noise, size=points.shape), classes[order]), dtype)


def circles(n: int = 200, noise: float = 0.10, factor: float = 0.5, seed: int = 0, dtype: str | None = None) -> Points:
    """Two concentric circles: (cos t, sin t) and factor * (cos t, sin t).

    Parameters
    ----------
    n : int
        Number of points, half of them in each class.
    noise : float
        Standard deviation of the normal noise on both coordinates.
    factor : float
        Radius of the inner circle, from 0 to 1.
    seed : int
        Seed of the noise and the order.
    dtype : str or None
        Dtype of the points; None is ``pellucid.config.floatx``.

    Returns
    -------
    X : ndarray of shape (n, 2)
        The points.
    y : ndarray of shape (n,)
        Their classes, 0 outside and 1 inside, dtype int32.

    Examples
    --------
    >>> X, y = circles(100, noise=0.0)
    >>> np.linalg.norm(X[y == 1], axis=1).round(2).max()
    np.float32(0.5)
    """
    with require_packages("pel.data.circles"):
        from sklearn.datasets import make_circles

    return _cast(make_circles(n, noise=noise, factor=factor, random_state=seed), dtype)


def blobs(n: int = 200, classes: int = 3, spread: float = 1.0, seed: int = 0, dtype: str | None = None) -> Points:
    """Isotropic Gaussian clusters: center + spread * N(0, 1), one center per class.

    Parameters
    ----------
    n : int
        Number of points, divided evenly among the classes.
    classes : int
        Number of clusters.
    spread : float
        Standard deviation of each cluster.
    seed : int
        Seed of the centers and the points.
    dtype : str or None
        Dtype of the points; None is ``pellucid.config.floatx``.

    Returns
    -------
    X : ndarray of shape (n, 2)
        The points.
    y : ndarray of shape (n,)
        Their classes from 0, dtype int32.

    Examples
    --------
    >>> X, y = blobs(90, classes=3)
    >>> X.shape, np.bincount(y)
    ((90, 2), array([30, 30, 30]))
    """
    with require_packages("pel.data.blobs"):
        from sklearn.datasets import make_blobs

    return _cast(make_blobs(n, centers=classes, cluster_std=spread, random_state=seed), dtype)


def _cast(points_and_classes: tuple[Array, Array], dtype: str | None) -> Points:
    if dtype is None:
        from pellucid.graph.config import config

        dtype = config.floatx
    points, classes = points_and_classes
    return points.astype(dtype), classes.astype(np.int32)
