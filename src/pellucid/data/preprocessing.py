"""Label encoding, one-hot encoding and train/test splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError
from pellucid.optional_packages import require_packages
from pellucid.typing import Array, ArrayLike


def split(*arrays: ArrayLike, test_size: float = 0.25, seed: int = 0, stratify: ArrayLike | None = None) -> list[Any]:
    """Split arrays at random into a training and a test part.

    Parameters
    ----------
    *arrays : array_like of shape (n, ...)
        Arrays that are all split in the same way.
    test_size : float or int
        Fraction or number of test samples.
    seed : int
        Seed of the permutation.
    stratify : array_like of shape (n,) or None
        Classes whose proportions are kept in both parts.

    Returns
    -------
    list
        ``X_train, X_test, y_train, y_test`` for the arrays X and y.

    Raises
    ------
    ValueError
        From scikit-learn, if the lengths differ or a part would be empty.

    Examples
    --------
    >>> X_train, X_test, y_train, y_test = split(np.arange(8), np.arange(8) % 2)
    >>> X_test, y_test
    (array([6, 2]), array([0, 0]))

    References
    ----------
    scikit-learn's ``sklearn.model_selection.train_test_split``.
    """
    with require_packages("A stratified split"):
        from sklearn.model_selection import train_test_split

    parts: list[Any] = train_test_split(*arrays, test_size=test_size, random_state=seed, stratify=stratify)
    return parts


def encode_labels(labels: ArrayLike) -> tuple[npt.NDArray[np.int32], tuple[Any, ...]]:
    """Encode class names as integers, in sorted order.

    Parameters
    ----------
    labels : array_like of shape (n,)
        The class of each sample.

    Returns
    -------
    codes : ndarray of shape (n,)
        Dtype int32, from 0.
    class_names : tuple
        The sorted classes: ``class_names[code]`` is the label.

    Examples
    --------
    >>> encode_labels(["dog", "cat", "dog"])
    (array([1, 0, 1], dtype=int32), ('cat', 'dog'))

    References
    ----------
    scikit-learn's ``sklearn.preprocessing.LabelEncoder``.
    """
    with require_packages("Encoding labels"):
        from sklearn.preprocessing import LabelEncoder

    encoder = LabelEncoder()
    codes = encoder.fit_transform(labels)
    return codes.astype(np.int32), tuple(encoder.classes_.tolist())


def one_hot(labels: ArrayLike, num_classes: int | None = None, dtype: str | None = None) -> Array:
    """One-hot encoding: element (i, k) is 1 where labels[i] = k, otherwise 0.

    Parameters
    ----------
    labels : array_like of int, of any shape
        Classes from 0.
    num_classes : int or None
        Number of classes; None is one more than the largest label.
    dtype : str or None
        Dtype of the result; None is ``pellucid.config.floatx``.

    Returns
    -------
    ndarray of shape (*labels.shape, num_classes)
        The encoded labels.

    Raises
    ------
    DataError
        If labels are not integers or out of range.

    Examples
    --------
    >>> one_hot([2, 0], dtype="int32")
    array([[0, 0, 1],
           [1, 0, 0]], dtype=int32)
    """
    from pellucid.graph.config import config

    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"Expected integer labels, received dtype {labels.dtype}; use encode_labels.")
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and not (labels.min() >= 0 and labels.max() < num_classes):
        raise DataError(f"Expected labels from 0 to {num_classes - 1}, received {labels.min()} to {labels.max()}.")
    rows: Array = np.eye(num_classes, dtype=dtype or config.floatx)
    return np.take(rows, labels, axis=0)
