r"""Affine transformations of images: rotation, translation, zoom and shear."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.formatters import call_text, format_operand
from pellucid.graph.ops.resize import get_spatial_sizes
from pellucid.graph.types import Type, unify

INTERPOLATIONS = ("bilinear", "nearest")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def _normalize_settings(
    images: Expr,
    transform: Expr,
    interpolation: Literal["nearest", "bilinear"],
    fill_mode: Literal["constant", "nearest", "wrap", "reflect"],
    fill_value: float,
) -> OpSettings:
    options = (("interpolation", interpolation, INTERPOLATIONS), ("fill_mode", fill_mode, FILL_MODES))
    for name, value, choices in options:
        if value not in choices:
            raise OptionError(
                f"affine_transform: expected {name} to be one of {', '.join(map(repr, choices))}. "
                f"Received: {name}={value!r}.{near_miss(str(value), choices)}"
            )
    return {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": float(fill_value)}


def _infer_type(images: Expr, transform: Expr, **settings: Any) -> Type:
    axes = len(get_spatial_sizes(images, "affine_transform"))
    batch = unify(images.shape[0], transform.shape[0]) if transform.ndim == 3 else images.shape[0]
    if transform.ndim not in (2, 3) or transform.shape[-2:] != (axes, axes + 1) or batch is None:
        raise ShapeError(
            f"affine_transform: expected a transform of shape ({axes}, {axes + 1}), or one per image. Received: "
            f"{format_operand(transform)}, for {format_operand(images)}"
        )
    return Type((batch, *images.shape[1:]), images.dtype)


def _fold_index(xp: ArrayNamespace, index: NamespaceArray, size: int, fill_mode: str) -> NamespaceArray:
    """Map an index outside an axis to one inside it."""
    if fill_mode == "wrap":
        return xp.remainder(index, np.int32(size))
    if fill_mode == "reflect":
        twice = xp.remainder(index, np.int32(2 * size))
        return xp.minimum(twice, np.int32(2 * size - 1) - twice)
    return xp.clip(index, np.int32(0), np.int32(size - 1))


def _source_coordinates(xp: ArrayNamespace, transform: NamespaceArray, sizes: list[int]) -> list[NamespaceArray]:
    """Return the source coordinate of each output element along each axis, shape (batch, elements)."""
    # Not a matrix product: its reduced precision (bfloat16 or TF32) would misplace pixels of a large image.
    grid = np.indices(sizes).reshape(len(sizes), 1, -1).astype(transform.dtype)
    sources = []
    for row in range(len(sizes)):
        source = transform[:, row, -1, None]
        for column, coordinates in enumerate(grid):
            source = source + transform[:, row, column, None] * coordinates
        sources.append(source)
    return sources


def _neighbors_and_weights(xp: ArrayNamespace, sources: list[NamespaceArray]) -> list[tuple[list[NamespaceArray], Any]]:
    """Return the grid points around each source coordinate and their interpolation weights."""
    lows = [xp.floor(source) for source in sources]
    fractions = [source - low for source, low in zip(sources, lows, strict=True)]
    return [
        (
            [low + step if step else low for low, step in zip(lows, steps, strict=True)],
            math.prod(f if step else 1 - f for f, step in zip(fractions, steps, strict=True)),
        )
        for steps in itertools.product((0, 1), repeat=len(sources))
    ]


def _sample(
    xp: ArrayNamespace,
    flat: NamespaceArray,
    points: list[NamespaceArray],
    sizes: list[int],
    fill_mode: str,
    fill_value: float,
) -> NamespaceArray:
    """Read flattened images at integer coordinates, which may lie outside the image."""
    outside: Any = None
    flat_index: Any = None
    for point, size in zip(points, sizes, strict=True):
        point = point.astype(np.int32)
        index = _fold_index(xp, point, size, fill_mode)
        flat_index = index if flat_index is None else flat_index * np.int32(size) + index
        outside = index != point if outside is None else outside | (index != point)
    value = xp.take_along_axis(flat, flat_index[..., None], axis=1)
    return xp.where(outside[..., None], np.asarray(fill_value, flat.dtype), value) if fill_mode == "constant" else value


def _examples(rng: np.random.Generator) -> list[Example]:
    rotation = np.array([[0.81, -0.57, 1.3173], [0.63, 0.72, -1.1319]]) + rng.normal(scale=0.1, size=(3, 2, 3))
    sequences, stretch = rng.normal(size=(3, 5, 2)), np.array([[1.23, -0.717]])
    return [
        ((rng.normal(size=(3, 4, 5, 2)), rotation), {"fill_mode": "reflect"}),
        ((sequences, stretch), {"fill_value": 2.5}),
        ((sequences, stretch), {"fill_mode": "wrap", "interpolation": "nearest"}),
    ]


@op(
    tex=r"\operatorname{{affine}}({0:_},\, {1:_})",
    text=call_text("affine_transform", interpolation="bilinear", fill_mode="constant", fill_value=0),
    composite=True,
    promotes=True,
    floats=True,
    infer=_infer_type,
    normalize=_normalize_settings,
    examples=_examples,
    cost=lambda node, size: 8 * size(node),
)
def affine_transform(
    xp: ArrayNamespace,
    images: NamespaceArray,
    transform: NamespaceArray,
    interpolation: Literal["nearest", "bilinear"] = "bilinear",
    fill_mode: Literal["constant", "nearest", "wrap", "reflect"] = "constant",
    fill_value: float = 0.0,
) -> NamespaceArray:
    r"""Affine transformation of images, :math:`y_p = x_{A p + t}`.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Images with one, two or three spatial axes of known sizes. Integers are cast to `config.floatx`.
    transform : Expr or array, shape (axes, axes + 1) or (batch, axes, axes + 1)
        Matrix :math:`A` with :math:`t` as its last column, in pixels. It maps an output index to an input index,
        rows before columns: :math:`(i, j) \mapsto (a_0 i + a_1 j + a_2,\; b_0 i + b_1 j + b_2)`. One for all
        images, or one per image.
    interpolation : {"bilinear", "nearest"}
        Interpolation method.
    fill_mode : {"constant", "nearest", "reflect", "wrap"}
        How points outside the image are filled: with a constant, the edge pixel, the mirror image or the opposite
        edge.
    fill_value : float
        Constant for ``fill_mode="constant"``.

    Returns
    -------
    Expr
        Same shape as ``images``.

    Raises
    ------
    ShapeError
        If a spatial size is unknown, or the transform has the wrong shape.
    ValueError
        If ``interpolation`` or ``fill_mode`` is not one of the choices.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=(1, 4, 1))
    >>> pel.function([x], pel.affine_transform(x, [[1.0, 0.5]]))([[[1], [2], [4], [8]]]).ravel()
    array([1.5, 3. , 6. , 4. ], dtype=float32)

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman and K. Kavukcuoglu, Spatial Transformer Networks, NIPS 2015.
    """
    sizes, channels = list(images.shape[1:-1]), images.shape[-1]
    flat = xp.reshape(images, (images.shape[0], -1, channels))
    sources = _source_coordinates(xp, transform[None] if transform.ndim == 2 else transform, sizes)
    if interpolation == "nearest":
        result = _sample(xp, flat, [xp.floor(source + 0.5) for source in sources], sizes, fill_mode, fill_value)
    else:
        result = sum(
            _sample(xp, flat, points, sizes, fill_mode, fill_value) * weight[..., None]
            for points, weight in _neighbors_and_weights(xp, sources)
        )
    return xp.reshape(result, (images.shape[0], *sizes, channels))
