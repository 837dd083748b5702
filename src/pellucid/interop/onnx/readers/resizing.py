"""Arrays of another size: a matrix of weights for each axis that changes, or a choice of elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import LARGEST_FOLDED, Node, reads

Array = np.ndarray[Any, Any]


def places(mode: str, old: int, new: int, scale: float, begin: float, end: float, length: float) -> Array:
    """Return where in the old axis each new element lies."""
    x = np.arange(new, dtype=np.float64)
    if mode == "align_corners":
        return x * (old - 1) / (length - 1) if length != 1 else np.zeros(new)
    if mode == "asymmetric":
        return x / scale
    if mode == "pytorch_half_pixel":
        return (x + 0.5) / scale - 0.5 if length > 1 else np.full(new, -0.5) * 0
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale
    if mode == "tf_crop_and_resize":
        if length > 1:
            return begin * (old - 1) + x * (end - begin) * (old - 1) / (length - 1)
        return np.full(new, 0.5 * (begin + end) * (old - 1))
    if mode == "half_pixel_symmetric":
        adjusted = new / length
        return old / 2 * (1 - adjusted) + (x + 0.5) / scale - 0.5
    return (x + 0.5) / scale - 0.5


def rounding(mode: str) -> Callable[[Array], Array]:
    """Return how a place becomes an element."""
    ways: dict[str, Callable[[Array], Array]] = {
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    return ways[mode]


def linear(d: Array) -> Array:
    """A tent."""
    return np.asarray(np.maximum(0, 1 - abs(d)))


def cubic(a: float) -> Callable[[Array], Array]:
    """R. G. Keys's piecewise polynomial."""

    def of(d: Array) -> Array:
        d = abs(d)
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    return of


def weights(at: Array, old: int, kernel: Callable[[Array], Array], reach: int, scale: float, outside: bool) -> Array:
    """Return the matrix that makes new elements of old ones: a kernel around each place, wider for a smaller array."""
    stretch = min(scale, 1.0)
    wide = int(np.ceil(reach / stretch))
    first = np.floor(at).astype(int) - wide + 1
    matrix = np.zeros((len(at), old))
    for row, (place, start) in enumerate(zip(at, first, strict=True)):
        near = np.arange(start, start + 2 * wide)
        found = kernel((near - place) * stretch)
        inside = (near >= 0) & (near < old)
        if outside:
            found = np.where(inside, found, 0)
        total = found.sum()
        np.add.at(matrix[row], np.clip(near, 0, old - 1), found / total if total else found)
    return matrix


class Sizes:
    """The axes that change, their new sizes and scales, and what part of the old is meant."""

    def __init__(self, n: Node, x: Expr) -> None:
        upsample = n.kind == "Upsample" or n.opset < 11
        self.axes = [int(a) % x.ndim for a in n.get("axes", range(x.ndim))]
        at_scales = 1 if upsample else 2
        told = n.get("scales") if "scales" in n.attributes else n.known(at_scales, []).ravel()
        olds = [x.shape[a] for a in self.axes]
        if len(told):
            self.scales = [float(s) for s in told]
            self.sizes = [
                int(np.floor(d * s)) if isinstance(d, int) else d for d, s in zip(olds, self.scales, strict=True)
            ]
        else:
            self.sizes, self.scales = self.by_sizes(n, x, olds)
        self.lengths = [d * s if isinstance(d, int) else 0 for d, s in zip(olds, self.scales, strict=True)]
        if not len(told):
            self.lengths = [0.0 if isinstance(s, str) else float(s) for s in self.sizes]
        roi = n.known(1, []).ravel() if not upsample else np.array([])
        whole = len(roi) != 2 * len(self.axes)
        half = len(self.axes)
        self.roi = [(0.0, 1.0) if whole else (float(roi[i]), float(roi[i + half])) for i in range(half)]

    def by_sizes(self, n: Node, x: Expr, olds: list[Any]) -> tuple[list[Any], list[float]]:
        """Return sizes and scales from told sizes, perhaps with one scale for all; a name stands for what it is."""
        sizes = [s if isinstance(s, str) else int(s) for s in n.sizes(3).ravel()]
        scales = []
        for new, old in zip(sizes, olds, strict=True):
            if new != old and not (isinstance(new, int) and isinstance(old, int)):
                raise n.error(f"the sizes of what is resized are not known: {x.type} to {sizes}")
            scales.append(1.0 if new == old else float(new) / float(old))
        policy = n.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            scale = min(scales) if policy == "not_larger" else max(scales)
            scales = [scale] * len(scales)
            sizes = [int(np.floor(scale * int(old) + 0.5)) for old in olds]
        return sizes, scales


@reads("Resize", "Upsample")
def resize(n: Node, x: Expr, *others: Any) -> Any:
    """Each axis that changes by itself."""
    told = Sizes(n, x)
    mode = n.get("mode", "nearest")
    way = n.get(
        "coordinate_transformation_mode", "half_pixel" if n.kind == "Resize" and n.opset >= 11 else "asymmetric"
    )
    for axis, new, scale, length, (begin, end) in zip(
        told.axes, told.sizes, told.scales, told.lengths, told.roi, strict=True
    ):
        old = x.shape[axis]
        if scale == 1 and new == old and way != "tf_crop_and_resize":
            continue
        if not isinstance(old, int) or not isinstance(new, int):
            raise n.error(f"the size of axis {axis}, which is resized, is not known: {x.type}")
        if not 0 <= new * old <= LARGEST_FOLDED:
            raise n.error(f"axis {axis} is resized from {old} to {new}, which is too large")
        at = places(way, old, new, scale, begin, end, length)
        x = resized(n, x, axis, at, scale, mode, way)
    return x


def resized(n: Node, x: Expr, axis: int, at: Array, scale: float, mode: str, way: str) -> Any:
    """Resize one axis; with crops, what lies outside is a number of the file's."""
    old = int(x.shape[axis])
    beyond = (at < 0) | (at > old - 1) if way == "tf_crop_and_resize" else np.zeros(len(at), bool)
    if mode == "nearest":
        simple = "floor" if n.kind == "Upsample" or n.opset < 11 else "round_prefer_floor"
        chosen = np.clip(rounding(n.get("nearest_mode", simple))(at), 0, old - 1).astype(np.int64)
        made = P.take(x, constant(chosen), axis=axis)
    else:
        smaller = scale if n.get("antialias", 0) else 1.0
        kernel = cubic(float(n.get("cubic_coeff_a", -0.75))) if mode == "cubic" else linear
        outside = bool(n.get("exclude_outside", 0))
        matrix = weights(at, old, kernel, 2 if mode == "cubic" else 1, smaller, outside)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype("float32")
        number = x if x.dtype == dtype else P.cast(x, dtype)
        made = P.moveaxis(P.moveaxis(number, axis, -1) @ constant(matrix.T.astype(dtype)), -1, axis)
        made = made if made.dtype == x.dtype else P.cast(made, x.dtype)
    if not beyond.any():
        return made
    where = beyond.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    filled = constant(np.asarray(n.get("extrapolation_value", 0.0)).astype(x.dtype))
    return P.where(constant(where), filled, made)
