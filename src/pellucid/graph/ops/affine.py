r"""Images turned, moved, stretched: each element taken from where an affine map sends it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.resize import sizes_of
from pellucid.graph.ops.sliding_windows import told
from pellucid.graph.types import Type, shape_text, unify

METHODS = ("bilinear", "nearest")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def _settings(images: Expr, transform: Expr, interpolation: Any, fill_mode: Any, fill_value: Any) -> dict[str, Any]:
    for what, value, known in (("interpolation", interpolation, METHODS), ("fill_mode", fill_mode, FILL_MODES)):
        if value not in known:
            raise OptionError(
                f"affine_transform: expected {what} to be one of {', '.join(map(repr, known))}. "
                f"Received: {what}={value!r}.{near_miss(str(value), known)}"
            )
    return {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": float(fill_value)}


def _type(images: Expr, transform: Expr, **settings: Any) -> Type:
    axes = len(sizes_of(images, "affine_transform"))
    batch = unify(images.shape[0], transform.shape[0]) if transform.ndim == 3 else images.shape[0]
    if transform.ndim not in (2, 3) or transform.shape[-2:] != (axes, axes + 1) or batch is None:
        raise ShapeError(
            f"affine_transform: expected a transform of shape ({axes}, {axes + 1}), or one such for each image. "
            f"Received: {transform}, of shape {shape_text(transform.shape)}, for {images}, of shape "
            f"{shape_text(images.shape)}"
        )
    return Type((batch, *images.shape[1:]), images.dtype)


def _inside(xp: Any, place: Any, size: int, fill_mode: str) -> Any:
    """Return the place in the image that a place beside it stands for."""
    if fill_mode == "wrap":
        return xp.remainder(place, np.int32(size))
    if fill_mode == "reflect":
        twice = xp.remainder(place, np.int32(2 * size))
        return xp.minimum(twice, np.int32(2 * size - 1) - twice)
    return xp.clip(place, np.int32(0), np.int32(size - 1))


def _sources(xp: Any, transform: Any, sizes: list[int]) -> list[Any]:
    """Return where each element comes from along each axis, shape (batch, elements)."""
    # Products and sums one by one: a matrix product may be done in fewer digits than a place in a large image needs.
    grid = np.indices(sizes).reshape(len(sizes), 1, -1).astype(transform.dtype)
    sources = []
    for row in range(len(sizes)):
        source = transform[:, row, -1, None]
        for column, places in enumerate(grid):
            source = source + transform[:, row, column, None] * places
        sources.append(source)
    return sources


def _corners(xp: Any, sources: list[Any]) -> list[tuple[list[Any], Any]]:
    """Return the places around each source, and how much each of them weighs."""
    lows = [xp.floor(source) for source in sources]
    parts = [source - low for source, low in zip(sources, lows, strict=True)]
    return [
        (
            [low + step if step else low for low, step in zip(lows, steps, strict=True)],
            math.prod(part if step else 1 - part for part, step in zip(parts, steps, strict=True)),
        )
        for steps in itertools.product((0, 1), repeat=len(sources))
    ]


def _taken(xp: Any, flat: Any, places: list[Any], sizes: list[int], fill_mode: str, fill_value: float) -> Any:
    """Return what images, whose elements stand in one row, have at places inside and beside them."""
    beside: Any = None
    index: Any = None
    for place, size in zip(places, sizes, strict=True):
        place = place.astype(np.int32)
        inside = _inside(xp, place, size, fill_mode)
        index = inside if index is None else index * np.int32(size) + inside
        beside = inside != place if beside is None else beside | (inside != place)
    value = xp.take_along_axis(flat, index[..., None], axis=1)
    return xp.where(beside[..., None], np.asarray(fill_value, flat.dtype), value) if fill_mode == "constant" else value


def _examples(rng: np.random.Generator) -> list[Any]:
    turn = np.array([[0.81, -0.57, 1.3173], [0.63, 0.72, -1.1319]]) + rng.normal(scale=0.1, size=(3, 2, 3))
    sequences, stretch = rng.normal(size=(3, 5, 2)), np.array([[1.23, -0.717]])
    return [
        ((rng.normal(size=(3, 4, 5, 2)), turn), {"fill_mode": "reflect"}),
        ((sequences, stretch), {"fill_value": 2.5}),
        ((sequences, stretch), {"fill_mode": "wrap", "interpolation": "nearest"}),
    ]


@op(
    tex=r"\operatorname{{affine}}({0:_},\, {1:_})",
    text=told("affine_transform", interpolation="bilinear", fill_mode="constant", fill_value=0),
    compound=True,
    promotes=True,
    floats=True,
    infer=_type,
    normalize=_settings,
    examples=_examples,
    cost=lambda node, size: 8 * size(node),
)
def affine_transform(
    xp: Any,
    images: Any,
    transform: Any,
    interpolation: Any = "bilinear",
    fill_mode: Any = "constant",
    fill_value: Any = 0.0,
) -> Any:
    r"""Images whose every element is taken from where an affine map sends its place, :math:`y_p = x_{A p + t}`.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        With one, two or three axes between, whose sizes are known; integers are taken as `config.floatx`.
    transform : Expr or array, shape (axes, axes + 1) or (batch, axes, axes + 1)
        The matrix :math:`A` and, in its last column, :math:`t`, in elements: for images
        :math:`(i, j) \mapsto (a_0 i + a_1 j + a_2,\; b_0 i + b_1 j + b_2)`, rows before columns, from a place in the
        result to a place in the image. One for all images, or one for each.
    interpolation : {"bilinear", "nearest"}
        How an element between others is made of them.
    fill_mode : {"constant", "nearest", "reflect", "wrap"}
        What lies beside an image: a number, the last element, the mirror image, the other end.
    fill_value : float
        The number for ``"constant"``.

    Returns
    -------
    Expr
        Of the shape of the images.

    Raises
    ------
    ShapeError
        If a size is not known, or the transform has another shape.
    ValueError
        For another method or fill mode; the nearest is named.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=(1, 4, 1))
    >>> pel.function([x], pel.affine_transform(x, [[1.0, 0.5]]))([[[1], [2], [4], [8]]]).ravel()
    array([1.5, 3. , 6. , 4. ], dtype=float32)

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman and K. Kavukcuoglu, Spatial Transformer Networks, NIPS 2015.
    """
    sizes, channels = list(images.shape[1:-1]), images.shape[-1]
    flat = xp.reshape(images, (images.shape[0], -1, channels))
    sources = _sources(xp, transform[None] if transform.ndim == 2 else transform, sizes)
    if interpolation == "nearest":
        made = _taken(xp, flat, [xp.floor(source + 0.5) for source in sources], sizes, fill_mode, fill_value)
    else:
        made = sum(
            _taken(xp, flat, places, sizes, fill_mode, fill_value) * weight[..., None]
            for places, weight in _corners(xp, sources)
        )
    return xp.reshape(made, (images.shape[0], *sizes, channels))
