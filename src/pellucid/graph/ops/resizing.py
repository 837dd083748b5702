r"""Images made larger or smaller: one product with a matrix of weights for each axis, which are known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.windows import as_tuple
from pellucid.graph.types import Type, as_float, shape_text

Array = np.ndarray[Any, Any]


def _triangle(distance: Array) -> Array:
    weight: Array = np.maximum(0, 1 - distance)
    return weight


def _cubic(distance: Array) -> Array:
    """Keys's cubic with a = -1/2."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


def _lanczos(radius: int) -> Any:
    def kernel(distance: Array) -> Array:
        return np.where(distance < radius, np.sinc(distance) * np.sinc(distance / radius), 0)

    return kernel


KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
METHODS = ("nearest", *KERNELS)


def weights_of(method: str, old: int, new: int, antialias: bool) -> Array:
    """Return how much each old element weighs in each new one, shape (new, old), as float64.

    A new element lies where its middle is among the middles of the old ones. Weights add up to 1.
    """
    step = old / new
    middles = (np.arange(new) + 0.5) * step - 0.5
    if method == "nearest":
        chosen: Array = np.eye(old)[np.minimum(np.floor(middles + 0.5), old - 1).astype(int)]
        return chosen
    width = max(step, 1) if antialias else 1
    weights: Array = KERNELS[method](np.abs(middles[:, None] - np.arange(old)) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _settings(x: Expr, size: Any, interpolation: Any, antialias: Any) -> dict[str, Any]:
    if interpolation not in METHODS:
        raise ValueError(
            f"Expected interpolation to be one of {', '.join(METHODS)}. Received: "
            f"interpolation={interpolation!r}.{near_miss(interpolation, METHODS)}"
        )
    sizes = [d for d in x.shape[1:-1] if isinstance(d, int)]
    if x.ndim < 3 or len(sizes) != x.ndim - 2 or 0 in sizes:
        raise ShapeError(
            "resize: expected images (batch, ..., channels) whose sizes are known. "
            f"Received: {x} of shape {shape_text(x.shape)}"
        )
    return {
        "size": as_tuple(size, len(sizes), "size"),
        "interpolation": interpolation,
        "antialias": bool(antialias),
    }


def _type(x: Expr, size: tuple[int, ...], interpolation: str, antialias: bool) -> Type:
    return Type((x.shape[0], *size, x.shape[-1]), x.dtype if interpolation == "nearest" else as_float(x.dtype))


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(2, 6, 5, 2))
    return [
        ((x,), {"size": (3, 7)}),
        ((x,), {"size": (4, 5), "interpolation": "bicubic", "antialias": True}),
        ((x,), {"size": 4, "interpolation": "nearest"}),
        ((rng.integers(0, 9, (1, 4, 1)),), {"size": 2}),
    ]


def _cost(node: Expr, size: Any) -> Any:
    longest = max(d for d in node.inputs[0].shape[1:-1] if isinstance(d, int))
    return 2 * longest * (size(node) + size(node.inputs[0]))


@op(
    tex=r"\operatorname{{resize}}({0:_})",
    compound=True,
    infer=_type,
    normalize=_settings,
    examples=_examples,
    cost=_cost,
)
def resize(xp: Any, images: Any, size: Any = None, interpolation: Any = "bilinear", antialias: Any = False) -> Any:
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
    x = images if interpolation == "nearest" else images.astype(as_float(images.dtype))
    for axis, (old, new) in enumerate(zip(images.shape[1:-1], size, strict=True), start=1):
        weights = weights_of(interpolation, old, new, antialias)
        if interpolation == "nearest":
            x = xp.take(x, weights.argmax(axis=1), axis=axis)
        elif old != new:
            x = xp.moveaxis(xp.moveaxis(x, axis, -1) @ weights.T.astype(x.dtype), -1, axis)
    return x
