r"""Images made larger or smaller: one product with a matrix of weights for each axis, which are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.sliding_windows import as_tuple, told
from pellucid.graph.types import Type, shape_text

Array = np.ndarray[Any, Any]


METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def kernel_of(method: str, distance: Array) -> Array:
    """Return how much an element weighs at a distance; the cubic is Keys's with a = -1/2."""
    if method == "bilinear":
        weight: Array = np.maximum(0, 1 - distance)
    elif method == "bicubic":
        near = (1.5 * distance - 2.5) * distance * distance + 1
        far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
        weight = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    else:
        radius = int(method[-1])
        weight = np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0)
    return weight


def weights_of(method: str, old: int, new: int, antialias: bool) -> Array:
    """Return how much each old element weighs in each new one, shape (new, old), as float64.

    A new element lies where its middle is among the middles of the old ones. Weights add up to 1.
    """
    step = old / new
    middles = (np.arange(new) + 0.5) * step - 0.5
    width = max(step, 1) if antialias else 1
    weights = kernel_of(method, np.abs(middles[:, None] - np.arange(old)) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _settings(x: Expr, size: Any, interpolation: Any, antialias: Any) -> dict[str, Any]:
    sizes = sizes_of(x)
    return {
        "size": as_tuple(size, len(sizes), "size"),
        "interpolation": interpolation,
        "antialias": bool(antialias),
    }


def sizes_of(x: Expr, what: str = "resize") -> list[int]:
    """Return the sizes of the axes between the first and the last, which must be known."""
    sizes = [d for d in x.shape[1:-1] if isinstance(d, int)]
    if x.ndim < 3 or len(sizes) != x.ndim - 2 or 0 in sizes:
        raise ShapeError(
            f"{what}: expected images (batch, ..., channels) whose sizes are known. "
            f"Received: {x} of shape {shape_text(x.shape)}"
        )
    return sizes


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(2, 6, 5, 2))
    return [
        ((x,), {"size": (3, 7)}),
        ((x,), {"size": (4, 5), "interpolation": "bicubic", "antialias": True}),
        ((x,), {"size": (5, 4), "interpolation": "lanczos3"}),
    ]


def _cost(node: Expr, size: Any) -> Any:
    longest = max(d for d in node.inputs[0].shape[1:-1] if isinstance(d, int))
    return 2 * longest * (size(node) + size(node.inputs[0]))


@op(
    tex=r"\operatorname{{resize}}({0:_})",
    text=told("resize", interpolation="bilinear", antialias=False),
    compound=True,
    promotes=True,
    floats=True,
    infer=lambda x, size, **settings: Type((x.shape[0], *size, x.shape[-1]), x.dtype),
    normalize=_settings,
    examples=_examples,
    cost=_cost,
    behind="resize",
)
def resample(xp: Any, images: Any, size: Any = None, interpolation: Any = "bilinear", antialias: Any = False) -> Any:
    r"""Images of another size by a matrix of weights for each axis, :math:`A x B^\top`; `resize` writes it.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.resample(pel.tensor3("x", shape=("n", 28, 3)), 14).shape
    ('n', 14, 3)
    """
    x = images
    for axis, (old, new) in enumerate(zip(images.shape[1:-1], size, strict=True), start=1):
        if old != new:
            weights = weights_of(interpolation, old, new, antialias).T.astype(x.dtype)
            x = xp.moveaxis(xp.moveaxis(x, axis, -1) @ weights, -1, axis)
    return x


@public
def resize(images: Any, size: int | Sequence[int], interpolation: str = "bilinear", antialias: bool = False) -> Any:
    r"""Images of another size, :math:`y = A \, x \, B^\top` with weights :math:`A` for the rows and :math:`B` for the
    columns of every channel.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        With one, two or three axes between, whose sizes are known; integers are taken as `config.floatx` unless the
        method is ``"nearest"``.
    size : int or sequence of int
        The new size of each of these axes.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        How an element between others is made of them.
    antialias : bool
        Whether a smaller image takes the mean of what it leaves out, against moiré.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        Of the new size.

    Raises
    ------
    ShapeError
        If a size is not known.
    ValueError
        For another method; the nearest is named.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.resize(pel.tensor4("x", shape=("n", 28, 28, 3)), (14, 56)).shape
    ('n', 14, 56, 3)

    References
    ----------
    R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE Transactions on Acoustics, Speech,
    and Signal Processing 29 (1981).
    """
    if interpolation not in METHODS:
        raise OptionError(
            f"Expected interpolation to be one of {', '.join(METHODS)}. Received: "
            f"interpolation={interpolation!r}.{near_miss(interpolation, METHODS)}"
        )
    if interpolation != "nearest":
        return resample(images, size=size, interpolation=interpolation, antialias=antialias)
    x = as_expr(images)
    sizes = sizes_of(x)
    for axis, (old, new) in enumerate(zip(sizes, as_tuple(size, len(sizes), "size"), strict=True), start=1):
        middles = (np.arange(new) + 0.5) * (old / new)
        x = call("take", x, np.minimum(middles.astype(int), old - 1), axis=axis)
    return x
