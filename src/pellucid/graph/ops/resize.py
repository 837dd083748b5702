r"""Resizing of images, as a product with a constant matrix of interpolation weights for each axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text, format_operand
from pellucid.graph.ops.sliding_windows import as_tuple
from pellucid.graph.types import Type

if TYPE_CHECKING:
    from pellucid.typing import Array, Interpolation, Sizes


METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def evaluate_kernel(method: str, distance: Array) -> Array:
    """Evaluate an interpolation kernel at distances; the cubic is Keys's with a = -1/2."""
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


def compute_resize_weights(method: str, old: int, new: int, antialias: bool) -> Array:
    """Return the weights of the old elements in the new ones, shape (new, old), as float64 with rows that sum to 1."""
    step = old / new
    centers = (np.arange(new) + 0.5) * step - 0.5
    width = max(step, 1) if antialias else 1
    weights = evaluate_kernel(method, np.abs(centers[:, None] - np.arange(old)) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _normalize_settings(
    x: Expr, size: Sizes, interpolation: Literal["nearest", "bilinear"], antialias: bool
) -> OpSettings:
    sizes = get_spatial_sizes(x)
    return {"size": as_tuple(size, len(sizes), "size"), "interpolation": interpolation, "antialias": bool(antialias)}


def get_spatial_sizes(x: Expr, what: str = "resize") -> list[int]:
    """Return the spatial sizes of a batch of images, which must be known."""
    sizes = [d for d in x.shape[1:-1] if isinstance(d, int)]
    if x.ndim < 3 or len(sizes) != x.ndim - 2 or 0 in sizes:
        raise ShapeError(
            f"{what}: expected images (batch, ..., channels) of known sizes. Received: {format_operand(x)}"
        )
    return sizes


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.normal(size=(2, 6, 5, 2))
    return [
        ((x,), {"size": (3, 7)}),
        ((x,), {"size": (4, 5), "interpolation": "bicubic", "antialias": True}),
        ((x,), {"size": (5, 4), "interpolation": "lanczos3"}),
    ]


def _get_cost(node: Expr, size: Any) -> Any:
    longest = max(d for d in node.inputs[0].shape[1:-1] if isinstance(d, int))
    return 2 * longest * (size(node) + size(node.inputs[0]))


@op(
    tex=r"\operatorname{{resize}}({0:_})",
    text=call_text("resize", interpolation="bilinear", antialias=False),
    composite=True,
    promotes=True,
    floats=True,
    infer=lambda x, size, **settings: Type((x.shape[0], *size, x.shape[-1]), x.dtype),
    normalize=_normalize_settings,
    examples=_draw_examples,
    cost=_get_cost,
    behind="resize",
)
def resample(
    xp: ArrayNamespace,
    images: NamespaceArray,
    size: tuple[int, ...] | None = None,
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> NamespaceArray:
    r"""Resize images by a weight matrix for each axis, :math:`A x B^\top`. See `resize`.

    Parameters
    ----------
    images : Expr or array
        (batch, height, width, channels).
    size : pair of int
        New height and width.
    interpolation : str
        As for `resize`.
    antialias : bool
        Whether smaller images are low-pass filtered.

    Examples
    --------
    >>> pel.resample(pel.tensor3("x", shape=("n", 28, 3)), 14).shape
    ('n', 14, 3)
    """
    x = images
    for axis, (old, new) in enumerate(zip(images.shape[1:-1], size or (), strict=True), start=1):
        if old != new:
            weights = compute_resize_weights(interpolation, old, new, antialias).T.astype(x.dtype)
            x = xp.moveaxis(xp.moveaxis(x, axis, -1) @ weights, -1, axis)
    return x


@register_function
def resize(
    images: Operand,
    size: Sizes,
    interpolation: Interpolation = "bilinear",
    antialias: bool = False,
) -> Expr:
    r"""Resize images, :math:`y = A \, x \, B^\top` with weights :math:`A` for the rows and :math:`B` for the columns of
    every channel.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Images with one, two or three spatial axes of known sizes. Integers are cast to `config.floatx`, except for
        ``"nearest"``.
    size : int or sequence of int
        New size of each spatial axis.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        Interpolation method.
    antialias : bool
        Widen the kernel when the image shrinks, which averages over the removed pixels.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        Images of the new size.

    Raises
    ------
    ShapeError
        If a size is unknown.
    ValueError
        If the method does not exist.

    Examples
    --------
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
    sizes = get_spatial_sizes(x)
    for axis, (old, new) in enumerate(zip(sizes, as_tuple(size, len(sizes), "size"), strict=True), start=1):
        centers = (np.arange(new) + 0.5) * (old / new)
        x = call_op("take", x, np.minimum(centers.astype(int), old - 1), axis=axis)
    return x
