"""Convolution: a kernel to edit, over an image, with the feature map and the sum of products behind each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.activations import relu
from pellucid.graph.ops.convolution import conv
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape
from pellucid.live.views.base import FigureContext, View
from pellucid.run.function_builder import function
from pellucid.typing import Array, ArrayLike, Json

if TYPE_CHECKING:
    from pellucid.show.plots.picture import Picture

__all__ = ["Convolution", "convolution"]


STRIDES, PADDINGS = (1, 2), ("valid", "same")

PERCENT = 100
"""Pixels are rounded to two decimals, so that the page can write them out."""


class Convolution(View):
    kind = "convolution"

    def __init__(
        self,
        images: ArrayLike,
        kernels: Mapping[str, Sequence[Sequence[float]]],
        names: Sequence[str] | None,
        title: str,
    ) -> None:
        super().__init__(title)
        self.images: Array = check_images(images)
        self.kernels: dict[str, Array] = {name: np.asarray(kernel, "float64") for name, kernel in kernels.items()}
        shapes = {kernel.shape for kernel in self.kernels.values()}
        if len(shapes) != 1 or any(len(shape) != 2 for shape in shapes):
            raise ShapeError(
                "pel.live.convolution: expected kernels of one shape (height, width). Received: shapes "
                f"{', '.join(map(format_shape, shapes)) or 'of no kernel'}"
            )
        self.names: list[str] = (
            [f"image {k + 1}" for k in range(len(self.images))] if names is None else list(map(str, names))
        )
        if len(self.names) != len(self.images):
            raise ShapeError(
                f"pel.live.convolution: expected {len(self.images)} names, one for each image. Received: "
                f"{len(self.names)}"
            )

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        height, width = self.images.shape[1:]
        rows, columns = next(iter(self.kernels.values())).shape
        x, kernel = Input("x", (height, width), "float64"), Input("kernel", (rows, columns), "float64")
        flip, rectify = Input("flip", (), "bool"), Input("rectify", (), "bool")
        arguments = {
            i: context.functions.add_array(context.name(str(i)), shape=i.shape, dtype=i.dtype, role="input")
            for i in (x, kernel, flip, rectify)
        }
        modes: list[Json] = []
        for stride in STRIDES:
            for padding in PADDINGS:
                outputs = convolve(x, kernel, flip, rectify, stride, padding)
                part = context.name(f"{padding} {stride}")
                modes.append(
                    {
                        "stride": stride,
                        "padding": padding,
                        "function": context.functions.add_outputs(part, outputs, arguments),
                        "shape": list(outputs[-1].shape),
                        "before": [
                            count_zeros_before(n, k, stride, padding) for n, k in ((height, rows), (width, columns))
                        ],
                    }
                )
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "image": [height, width],
            "kernel": [rows, columns],
            "presets": [{"name": name, "values": values.ravel().tolist()} for name, values in self.kernels.items()],
            "names": self.names,
        }
        percent = np.round(self.images * (PERCENT / 255)).astype("uint8")
        own: dict[str, Json] = {
            "modes": modes,
            "argument": arguments[x],
            "kernel": arguments[kernel],
            "flip": arguments[flip],
            "rectify": arguments[rectify],
            "images": context.functions.add_array(context.name("images"), percent, role="constant"),
        }
        return shared, own

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        from pellucid.show.plots.picture import Picture
        from pellucid.show.plots.plots import image_grid

        x = self.images[0] / 255
        kernels = np.stack(list(self.kernels.values()), axis=-1)[:, :, None]
        maps = np.asarray(function([], conv(x[None, :, :, None], kernels, padding="same"), mode="numpy")())[0]
        limits = np.abs(maps).max(axis=(0, 1))
        shown = [x, *np.moveaxis((maps / np.where(limits > 0, limits, 1) + 1) / 2, -1, 0)]
        drawn = image_grid(np.array(shown), [self.names[0], *self.kernels], columns=4, title=self.title)
        sizes = ", ".join(f"{name} up to {limit:.2f}" for name, limit in zip(self.kernels, limits, strict=True))
        text = f"{self.names[0]} and its feature maps. Sizes of their numbers: {sizes}. Gray is 0."
        return Picture(drawn, text, self.title)


def convolve(x: Input, kernel: Input, flip: Input, rectify: Input, stride: int, padding: str) -> list[Expr]:
    """Return the kernel that is used, the sums over its windows, and the feature map."""
    used = where(flip, kernel[::-1, ::-1], kernel)
    maps = conv(x.reshape((1, *x.shape, 1)), used.reshape((*kernel.shape, 1, 1)), strides=stride, padding=padding)
    sums = maps[0, :, :, 0]
    return [used, sums, where(rectify, relu(sums), sums)]


def count_zeros_before(size: int, kernel: int, stride: int, padding: str) -> int:
    """Return the number of zeros in front of an axis."""
    if padding == "valid":
        return 0
    outputs = -(-size // stride)
    return max((outputs - 1) * stride + kernel - size, 0) // 2


def check_images(images: ArrayLike) -> Array:
    values = np.asarray(images)
    if values.ndim != 3 or values.dtype != np.uint8 or 0 in values.shape:
        raise ShapeError(
            "pel.live.convolution: expected images of shape (m, height, width) and dtype uint8. Received: shape "
            f"{format_shape(values.shape)}, dtype {values.dtype}"
        )
    return values


def convolution(
    images: ArrayLike,
    kernels: Mapping[str, Sequence[Sequence[float]]],
    *,
    names: Sequence[str] | None = None,
    title: str = "Convolution",
) -> Convolution:
    r"""A kernel to edit, over an image: :math:`y_{i,j} = \sum_{k,l} x_{s i + k,\, s j + l} \; w_{k,l}`.

    The page shows the feature map, and for one of its numbers the window and the sum of products. It can flip the
    kernel (convolution instead of cross-correlation), apply a relu, and change stride and padding. Images can be
    drawn, too.

    Parameters
    ----------
    images : array of uint8, shape (m, height, width)
        Images; 0 is 0 and 255 is 1. The page rounds them to two decimals.
    kernels : dict from str to array, shape (rows, columns)
        Kernels to begin with, by name; the first one is shown.
    names : sequence of str, optional
        Names of the images.
    title : str
        Title of the view.

    Returns
    -------
    Convolution

    Raises
    ------
    ShapeError
        If the images are no gray images of bytes, or the kernels differ in shape.

    Examples
    --------
    >>> images, _ = pel.data.mnist("test")
    >>> pel.live.convolution(images[:3], {"edge": [[1, 0, -1]] * 3}).kind
    'convolution'
    """
    return Convolution(images, kernels, names, title)
