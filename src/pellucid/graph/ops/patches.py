r"""Patches: what each window sees, as one row of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.sliding_windows import (
    as_tuple,
    counts_of,
    overlapped,
    padded,
    padding_pairs,
    taps,
    told,
    window_count,
)
from pellucid.graph.types import Dim, Type, Unknown, normalize_axes, shape_text


def _settings(x: Expr, size: Any, strides: Any, dilation: Any, padding: Any) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1:
        raise ShapeError(
            f"extract_patches: expected (batch, ..., channels). Received: {x} of shape {shape_text(x.shape)}"
        )
    window, inner = as_tuple(size, axes, "size"), as_tuple(dilation, axes, "dilation")
    steps = window if strides is None else as_tuple(strides, axes, "strides")
    return {
        "size": window,
        "strides": steps,
        "dilation": inner,
        "padding": padding_pairs(padding, x.shape[1:-1], window, steps, inner),
    }


def _type(x: Expr, size: Any, strides: Any, dilation: Any, padding: Any) -> Type:
    spatial = [
        window_count(n, k, s, p, d, f"extract_patches of {x}")
        for n, k, s, p, d in zip(x.shape[1:-1], size, strides, padding, dilation, strict=True)
    ]
    channels = x.shape[-1]
    row: Dim = channels * math.prod(size) if isinstance(channels, int) else Unknown()
    return Type((x.shape[0], *spatial, row), x.dtype)


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(2, 6, 5, 3))
    return [
        ((x,), {"size": 2}),
        ((x,), {"size": (3, 2), "strides": (2, 1), "padding": "same"}),
        ((x,), {"size": 2, "strides": 1, "dilation": (1, 3)}),
    ]


@op(
    tex=r"\mathrm{{patches}}({0:_})",
    text=told("extract_patches", dilation=1, padding=0),
    infer=_type,
    normalize=_settings,
    grad=lambda g, y, x, **settings: call("overlap_patches", g, x, **settings),
    examples=_examples,
    cost=0,
)
def extract_patches(
    xp: Any, images: Any, size: Any = 3, strides: Any = None, dilation: Any = 1, padding: Any = "valid"
) -> Any:
    r"""What each window sees, :math:`y_{n,i} = (x_{n,\, s i + r k})_k`: a convolution is the product of this with the
    kernel.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Of one, two or three axes between.
    size : int or tuple of int
        The size of the window.
    strides : int or tuple of int, optional
        Its step; its own size without it.
    dilation : int or tuple of int
        The step inside it.
    padding : {"valid", "same"} or pairs of int
        None, or a border of zeros.

    Returns
    -------
    Expr, shape (batch, ..., window elements times channels)
        One row for each window; its places in order, at each of them the channels.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.extract_patches(pel.tensor4("x", shape=("n", 28, 28, 3)), 4).shape
    ('n', 7, 7, 48)
    """
    counts = counts_of(images, size, strides, padding, dilation)
    return xp.concatenate(list(taps(xp, padded(xp, images, padding), size, strides, dilation, counts)), axis=-1)


def _overlap_examples(rng: np.random.Generator) -> list[Any]:
    made = [(x, extract_patches(as_expr(x), **settings)) for (x,), settings in _examples(rng)]
    return [((rng.normal(size=y.shape), x), y.settings) for x, y in made]


@op(
    text=told("overlap_patches", dilation=1, padding=0),
    infer=lambda g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, g, like, **settings: (extract_patches(u, **settings), None),
    examples=_overlap_examples,
    cost=lambda node, size: size(node.inputs[0]),
    behind="extract_patches",
)
def overlap_patches(
    xp: Any, g: Any, like: Any, size: Any = (), strides: Any = (), dilation: Any = (), padding: Any = ()
) -> Any:
    r"""Patches put back where they came from, and added where they overlap: the transpose of `extract_patches`.

    Parameters
    ----------
    g : Expr
        Patches.
    like : Expr
        What they came from, of which only the shape is used.
    size, strides, dilation, padding : tuples
        The settings of the patches, written out.

    Returns
    -------
    Expr
        Of the shape of ``like``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.extract_patches(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    parts = xp.split(g, math.prod(size), axis=-1)
    return overlapped(xp, parts, like.shape[1:-1], size, strides, padding, dilation)


@public
def sliding_window_view(x: Any, window_shape: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    r"""Every window that fits, its elements along new last axes, :math:`y_{i,k} = x_{i + k}`.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    window_shape : int or sequence of int
        How long the window is along each of the axes.
    axis : int or sequence of int, optional
        Along which axes; all of them without it.

    Returns
    -------
    Expr
        With one axis more for each of those, which are as much shorter as the window is longer than 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.function([x], pel.sliding_window_view(x, 3))([1, 2, 3, 4])
    array([[1., 2., 3.],
           [2., 3., 4.]], dtype=float32)
    """
    x = as_expr(x)
    axes = normalize_axes(axis, x.ndim, "sliding_window_view", x)
    for along, length in zip(axes, as_tuple(window_shape, len(axes), "window_shape"), strict=True):
        size = x.shape[along]
        if isinstance(size, int) and size < length:
            raise ShapeError(f"sliding_window_view: a window of {length} does not fit into axis {along} of {x}")
        whole = (slice(None),) * along
        shifted = [x[(*whole, slice(k, None if k == length - 1 else k - length + 1))] for k in range(length)]
        x = call("stack", shifted, axis=-1)
    return x
