"""Readers of Resize and Upsample: a weight matrix or a selection of elements along each resized axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.types import Dim
from pellucid.interop.onnx.reader import MAX_FOLDED_ELEMENTS, OnnxNode, reads
from pellucid.interop.onnx.symbolic import P
from pellucid.typing import Array


def get_source_coordinates(
    mode: str, old: int, new: int, scale: float, begin: float, end: float, length: float
) -> Array:
    """Return the source coordinate of each new element."""
    x = np.arange(new, dtype=np.float64)
    if mode == "align_corners":
        return x * (old - 1) / (length - 1) if length != 1 else np.zeros(new)
    if mode == "asymmetric":
        return x / scale
    if mode == "pytorch_half_pixel":
        return (x + 0.5) / scale - 0.5 if length > 1 else np.zeros(new)
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


ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda p: np.ceil(p - 0.5),
    "round_prefer_ceil": lambda p: np.floor(p + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def linear(d: Array) -> Array:
    """Triangle kernel."""
    return np.asarray(np.maximum(0, 1 - abs(d)))


def cubic(a: float) -> Callable[[Array], Array]:
    """Return the cubic convolution kernel of R. G. Keys (1981)."""

    def kernel(d: Array) -> Array:
        d = abs(d)
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        return np.where(d <= 1, near, np.where(d < 2, far, 0))

    return kernel


def get_weights(
    n: OnnxNode, at: Array, old: int, kernel: Callable[[Array], Array], reach: int, scale: float, outside: bool
) -> Array:
    """Return the interpolation matrix: a kernel around each source coordinate, wider when downsampling."""
    stretch = min(scale, 1.0)
    wide = int(np.ceil(reach / stretch))
    n.spend(8 * len(at) * 2 * wide, "the weights of the interpolation")
    first = np.floor(at).astype(int) - wide + 1
    near = first[:, None] + np.arange(2 * wide)
    found = kernel((near - at[:, None]) * stretch)
    if outside:
        found = np.where((near >= 0) & (near < old), found, 0)
    total = found.sum(axis=1, keepdims=True)
    matrix = np.zeros((len(at), old))
    np.add.at(matrix, (np.arange(len(at))[:, None], np.clip(near, 0, old - 1)), found / np.where(total == 0, 1, total))
    return matrix


class ResizeSpec:
    """Resized axes with their new sizes, scales and regions of interest."""

    def __init__(self, n: OnnxNode, x: Expr) -> None:
        upsample = n.kind == "Upsample" or n.opset < 11
        self.axes: list[int] = [int(a) % x.ndim for a in n.get("axes", range(x.ndim))]
        at_scales = 1 if upsample else 2
        scales = n.get("scales") if "scales" in n.attributes else n.get_constant(at_scales, []).ravel()
        olds = [x.shape[a] for a in self.axes]
        if len(scales):
            self.scales: list[float] = [float(s) for s in scales]
            self.sizes: list[int | str] = [
                int(np.floor(d * s)) if isinstance(d, int) else d for d, s in zip(olds, self.scales, strict=True)
            ]
            self.lengths: list[float] = [
                d * s if isinstance(d, int) else 0.0 for d, s in zip(olds, self.scales, strict=True)
            ]
        else:
            self.sizes, self.scales = self.get_sizes_and_scales(n, olds)
            self.lengths = [0.0 if isinstance(s, str) else float(s) for s in self.sizes]
        roi = n.get_constant(1, []).ravel() if not upsample else np.array([])
        whole = len(roi) != 2 * len(self.axes)
        half = len(self.axes)
        self.roi: list[tuple[float, float]] = [
            (0.0, 1.0) if whole else (float(roi[i]), float(roi[i + half])) for i in range(half)
        ]

    def get_sizes_and_scales(self, n: OnnxNode, olds: Sequence[Dim]) -> tuple[list[Any], list[float]]:
        """Return sizes and scales from the input ``sizes``; a named size must not change."""
        sizes: list[Any] = n.get_dims(3)
        scales: list[float] = []
        for new, old in zip(sizes, olds, strict=True):
            scales.append(1.0)
            if new != old:
                known_new, known_old = n.require_known([new, old], "a size that is resized")
                scales[-1] = known_new / known_old
        policy = n.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            scale = min(scales) if policy == "not_larger" else max(scales)
            scales = [scale] * len(scales)
            sizes = [int(np.floor(scale * old + 0.5)) for old in n.require_known(olds, "the sizes to resize")]
        return sizes, scales


@reads("Resize", "Upsample")
def resize(n: OnnxNode, x: Expr, *others: Expr | None) -> Expr:
    """Resize separably, one axis after the other."""
    spec = ResizeSpec(n, x)
    mode = n.get("mode", "nearest")
    default = "half_pixel" if n.kind == "Resize" and n.opset >= 11 else "asymmetric"
    transform = n.get("coordinate_transformation_mode", default)
    rows = zip(spec.axes, spec.sizes, spec.scales, spec.lengths, spec.roi, strict=True)
    for axis, new, scale, length, (begin, end) in rows:
        old = x.shape[axis]
        if scale == 1 and new == old and transform != "tf_crop_and_resize":
            continue
        old, new = n.require_known([old, new], f"the size of axis {axis}, which is resized,")
        if not 0 <= new * old <= MAX_FOLDED_ELEMENTS:
            raise n.error(f"axis {axis} is resized from {old} to {new}, which is too large")
        n.spend(4 * new + new * old, "the interpolation matrix")
        at = get_source_coordinates(transform, old, new, scale, begin, end, length)
        x = resize_axis(n, x, axis, at, scale, mode, transform)
    return x


def resize_axis(n: OnnxNode, x: Expr, axis: int, at: Array, scale: float, mode: str, transform: str) -> Expr:
    """Resize one axis; with ``tf_crop_and_resize``, outside elements become ``extrapolation_value``."""
    old = int(x.shape[axis])
    beyond = (at < 0) | (at > old - 1) if transform == "tf_crop_and_resize" else np.zeros(len(at), bool)
    if mode == "nearest":
        default = "floor" if n.kind == "Upsample" or n.opset < 11 else "round_prefer_floor"
        chosen = np.clip(ROUNDINGS[n.get("nearest_mode", default)](at), 0, old - 1).astype(np.int64)
        result = P.take(x, constant(chosen), axis=axis)
    else:
        smaller = scale if n.get("antialias", 0) else 1.0
        kernel = cubic(float(n.get("cubic_coeff_a", -0.75))) if mode == "cubic" else linear
        outside = bool(n.get("exclude_outside", 0))
        matrix = get_weights(n, at, old, kernel, 2 if mode == "cubic" else 1, smaller, outside)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype("float32")
        number = x if x.dtype == dtype else P.cast(x, dtype)
        result = P.moveaxis(P.moveaxis(number, axis, -1) @ constant(matrix.T.astype(dtype)), -1, axis)
        result = result if result.dtype == x.dtype else P.cast(result, x.dtype)
    if not beyond.any():
        return result
    where = beyond.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    filled = constant(np.asarray(n.get("extrapolation_value", 0.0)).astype(x.dtype))
    return P.where(constant(where), filled, result)
