"""Constructors of inputs and shared variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Input, Shared
from pellucid.graph.types import Dim
from pellucid.graph.unsupported_functions import hint_at_arguments

DeclaredShape = Sequence[Dim | None] | None


def tensor(name: str | None = None, shape: Sequence[Dim | None] = (), dtype: Any = None) -> Input:
    """Make an input of any number of dimensions.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None
        Dimensions: sizes, names of sizes that are known when it runs, None for unknown sizes.
    dtype : dtype, optional
        By default `config.floatx`.

    Returns
    -------
    Input
        A new input. Inputs are compared by identity, not by name.

    Examples
    --------
    >>> tensor("x", ("n", 28, 28)).ndim
    3
    """
    return Input(name, shape, dtype)


def _make_input(name: str | None, shape: DeclaredShape, dtype: Any, ndim: int, kind: str) -> Input:
    if shape is not None and (not hasattr(shape, "__len__") or len(shape) != ndim):
        raise ShapeError(
            f"pel.{kind} has {ndim} dimension{'s' * (ndim != 1)}. Received: shape={shape!r}. "
            f"Write pel.{kind}(name, shape=(...)); pel.tensor takes a shape of any length"
        )
    return Input(name, [None] * ndim if shape is None else shape, dtype)


def scalar(name: str | None = None, dtype: Any = None) -> Input:
    """Make a scalar input.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> scalar("x").shape
    ()
    """
    return Input(name, (), dtype)


def vector(name: str | None = None, shape: DeclaredShape = None, dtype: Any = None) -> Input:
    """Make an input of one dimension.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> vector("x", shape=("n",)).shape
    ('n',)
    """
    return _make_input(name, shape, dtype, 1, "vector")


def matrix(name: str | None = None, shape: DeclaredShape = None, dtype: Any = None) -> Input:
    """Make an input of two dimensions.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> matrix("X", shape=("n", 2)).shape
    ('n', 2)
    """
    return _make_input(name, shape, dtype, 2, "matrix")


def tensor3(name: str | None = None, shape: DeclaredShape = None, dtype: Any = None) -> Input:
    """Make an input of three dimensions.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> tensor3("x", shape=("n", "t", 2)).shape
    ('n', 't', 2)
    """
    return _make_input(name, shape, dtype, 3, "tensor3")


def tensor4(name: str | None = None, shape: DeclaredShape = None, dtype: Any = None) -> Input:
    """Make an input of four dimensions, such as a batch of images, channels last.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> tensor4("x", shape=("n", 32, 32, 3)).shape
    ('n', 32, 32, 3)
    """
    return _make_input(name, shape, dtype, 4, "tensor4")


def iscalar(name: str | None = None) -> Input:
    """Make a scalar input of 32-bit integers.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.

    Examples
    --------
    >>> iscalar("i").dtype
    dtype('int32')
    """
    return Input(name, (), "int32")


def ivector(name: str | None = None, shape: DeclaredShape = None) -> Input:
    """Make a vector input of 32-bit integers, such as labels.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).

    Examples
    --------
    >>> ivector("y", shape=("n",)).dtype
    dtype('int32')
    """
    return _make_input(name, shape, "int32", 1, "ivector")


def imatrix(name: str | None = None, shape: DeclaredShape = None) -> Input:
    """Make a matrix input of 32-bit integers.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None, optional
        Dimensions: sizes, names of sizes, None for unknown sizes (the default).

    Examples
    --------
    >>> imatrix("y", shape=("n", 3)).dtype
    dtype('int32')
    """
    return _make_input(name, shape, "int32", 2, "imatrix")


@hint_at_arguments
def shared(
    value: Any, name: str | None = None, *, dtype: Any = None, trainable: bool = True, regularizable: bool = True
) -> Shared:
    """Make a variable that keeps its value between calls, such as a parameter.

    Parameters
    ----------
    value : array, list or number
        Initial value. NumPy arrays keep their dtype; Python numbers and lists get `config.floatx`.
    name : str, optional
        Name in printed formulas.
    dtype : dtype, optional
        Another dtype.
    trainable, regularizable : bool
        Whether optimizers update it, and whether weight penalties include it.

    Returns
    -------
    Shared
        With methods `get_value` and `set_value`.

    Examples
    --------
    >>> shared([0.2, 0.7], name="W").get_value()
    array([0.2, 0.7], dtype=float32)
    """
    return Shared(value, name, dtype=dtype, trainable=trainable, regularizable=regularizable)
