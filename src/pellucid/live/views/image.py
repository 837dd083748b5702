"""Image: an example, a drawing or an opened file as input, with the prediction, its reason and the feature maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Expr, Input, Shared, is_compatible_shape
from pellucid.graph.ops.logic import equal
from pellucid.graph.ops.reductions import argmax
from pellucid.graph.types import format_shape
from pellucid.live.image_layers import ImageLayer, find_image_layers
from pellucid.live.views.base import FigureContext, View, check_function, get_output
from pellucid.live.views.scores import ScoreOutputs, explain_scores
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.typing import Array, ArrayLike, DTypeLike, Json

if TYPE_CHECKING:
    from pellucid.show.plots.picture import Picture

__all__ = ["Image", "image"]


MNIST_FIT = 20 / 28
"""Part of an image of MNIST that a digit fills."""

STILL_IMAGES = 16
"""Number of images in a still picture."""

INK = 0.1
"""Pixels at least this far from the background, as a part of the range, belong to the figure."""


@dataclass(frozen=True)
class Examples:
    """Example images of a page: their array and that of their classes, by name, and their values."""

    array: str | None = None
    labels: str | None = None
    values: Array | None = None
    are_points: bool = False


class Image(View):
    images: ArrayLike | None
    labels: ArrayLike | None

    pad: bool
    score: bool
    shape: Sequence[int] | None

    kind = "image"

    def __init__(
        self,
        predict: Function,
        images: ArrayLike | None,
        labels: ArrayLike | None,
        shape: Sequence[int] | None,
        value_range: tuple[float, float] | None,
        pad: bool,
        score: bool,
        title: str,
    ) -> None:
        super().__init__(title)
        self.predict: Function = check_function("image", predict)
        self.images, self.labels, self.shape, self.pad, self.score = images, labels, shape, pad, score
        self.value_range: tuple[float, float] | None = None if value_range is None else check_range(value_range)
        if images is None and labels is not None:
            raise UseError("pel.live.image: expected images for the labels. Received: labels alone")

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        x = self.get_input()
        examples = self.add_examples(x, context)
        sample = infer_sample_shape(x, examples.values)
        shape = resolve_image_shape(sample, self.shape)
        output = get_output(self.predict)
        scores = explain_scores("image", output, x, context.class_names)
        layers = find_image_layers(output)
        argument = context.functions.add_array(context.name("image"), shape=(1, *sample), dtype=x.dtype, role="input")
        outputs = [*scores.outputs, *(layer.output for layer in layers)]
        name = context.functions.add_outputs(context.name("prediction"), outputs, {x: argument})
        low, high = self.value_range or find_range(x, examples.values)
        correct = compare_with_labels(scores, x, examples, context) if self.score else None
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "image": list(shape),
            "range": [low, high],
            "scores": scores.to_json(),
            "points": examples.are_points,
            "pad": describe_figures(examples.values, shape, low, high) if self.pad else None,
        }
        first = len(scores.outputs)
        own: dict[str, Json] = {
            "function": name,
            "argument": argument,
            "scores": 0,
            "saliency": None if scores.saliency is None else 1,
            "maps": [describe_layer(layer, first + k, context) for k, layer in enumerate(layers)],
            "images": examples.array,
            "labels": examples.labels,
            "correct": correct,
        }
        return shared, own

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        from pellucid.show.plots.picture import Picture
        from pellucid.show.plots.plots import image_grid

        if not self.score:
            return None
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        program = self.predict.program
        interpreted = function(list(program.inputs), list(program.original_outputs), mode="numpy")
        predicted = interpreted(images)[0].argmax(axis=1)  # compiling would take longer
        wrong = predicted != labels
        height, width, channels = resolve_image_shape(images.shape[1:], self.shape)
        low, high = self.value_range or find_range(self.get_input(), images)
        shown = (images[:STILL_IMAGES].reshape(-1, height, width, channels).astype(float) - low) / (high - low)
        titles = [f"read as {p}" for p in predicted[:STILL_IMAGES]]
        drawn = image_grid(shown, titles, title=self.title, wrong=wrong[:STILL_IMAGES].tolist())
        text = (
            f"{(~wrong).sum()} of {len(wrong)} images are predicted correctly. The picture shows {len(shown)} of them."
        )
        return Picture(drawn, text, self.title)

    def get_input(self) -> Input:
        inputs = self.predict.program.inputs
        if len(inputs) != 1 or not 2 <= inputs[0].ndim <= 4:
            received = ", ".join(f"{i} of shape {format_shape(i.shape)}" for i in inputs)
            raise ShapeError(
                "pel.live.image: expected a function of one batch of images, shape (n, height, width), (n, height, "
                f"width, channels) or (n, pixels). Received: a function of ({received})"
            )
        return inputs[0]

    def add_examples(self, x: Input, context: FigureContext) -> Examples:
        """Return the images of the view, or those that the figure has for the input."""
        if self.images is None:
            if x not in context.inputs:
                if not self.pad:
                    raise UseError(f"pel.live.image: expected images, data of the figure for {x}, or pad=True")
                return Examples()
            labels = None if context.targets is None else context.inputs.get(context.targets)
            return Examples(context.inputs[x], labels, context.data[x], x is context.features)
        array, values = add_values(self.images, x.dtype, "images", context)
        if self.labels is None:
            return Examples(array, None, values)
        labels, classes = add_values(self.labels, np.int32, "labels", context)
        if classes.shape != values.shape[:1]:
            raise ShapeError(
                f"pel.live.image: expected one label for each of {len(values)} images. Received: labels of shape "
                f"{format_shape(classes.shape)}"
            )
        return Examples(array, labels, values)


def compare_with_labels(scores: ScoreOutputs, x: Input, examples: Examples, context: FigureContext) -> str:
    """Return the name of a function that tells which examples are predicted correctly."""
    if examples.array is None or examples.labels is None or examples.are_points or scores.kind != "probabilities":
        raise UseError(
            "pel.live.image: expected images, labels and probabilities of classes for score=True. Received: "
            f"images={examples.array is not None}, labels={examples.labels is not None}, a prediction of kind "
            f"{scores.kind}"
        )
    y = Input("y", ("n",), "int32")
    outputs = [equal(argmax(scores.prediction, axis=1), y)]
    return context.functions.add_outputs(context.name("correct"), outputs, {x: examples.array, y: examples.labels})


def add_values(values: ArrayLike, dtype: DTypeLike, part: str, context: FigureContext) -> tuple[str, Array]:
    """Return the name of an array of the page and its values; a shared variable is not stored twice."""
    if isinstance(values, Shared):
        return context.functions.add_leaf(values), np.asarray(values.storage)
    array = cast_to_dtype(values, np.dtype(dtype), f"pel.live.image, {part}")
    return context.functions.add_array(context.name(part), array, role="constant"), array


def infer_sample_shape(x: Input, values: Array | None) -> tuple[int, ...]:
    """Return the shape of one image as the function receives it."""
    declared = x.shape[1:]
    shape = declared if values is None else values.shape[1:]
    known = [n for n in shape if isinstance(n, int)]
    if not is_compatible_shape(shape, declared):
        raise ShapeError(
            f"pel.live.image: expected images of shape {format_shape(declared)} for {x}. Received: images of shape "
            f"{format_shape(shape)}"
        )
    if len(known) < len(shape):
        raise ShapeError(
            f"pel.live.image: expected an input of known size. Received: {x} of shape {format_shape(x.shape)}. Give "
            "images, or an input such as pel.tensor4('x', shape=('n', 28, 28, 1))"
        )
    return tuple(known)


def resolve_image_shape(sample: tuple[int, ...], shape: Sequence[int] | None) -> tuple[int, int, int]:
    """Return height, width and channels. A vector without ``shape`` is a square."""
    size = math.prod(sample)
    side = math.isqrt(size)
    found: tuple[int, ...] = sample if shape is None else tuple(shape)
    if len(found) == 1 and side * side == size:
        found = (side, side)
    if len(found) == 2:
        found = (*found, 1)
    if len(found) != 3 or found[2] not in (1, 3) or math.prod(found) != size:
        raise ShapeError(
            f"pel.live.image: expected shape=(height, width) or (height, width, 3) with {size} numbers, or images of "
            f"this shape. Received: samples of shape {format_shape(sample)} and shape={shape!r}"
        )
    return found[0], found[1], found[2]


def find_range(x: Input, values: Array | None) -> tuple[float, float]:
    """Return the values of black and white: 0 and 255 for integers, else those of the examples, or 0 and 1."""
    if x.dtype.kind in "iu":
        return 0.0, 255.0
    if values is None or values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + 1.0)


def check_range(value_range: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(n) for n in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise OptionError(f"pel.live.image: expected value_range=(black, white). Received: {value_range!r}")
    return low, high


def describe_figures(values: Array | None, shape: tuple[int, int, int], low: float, high: float) -> dict[str, Json]:
    """Return which part of an image the figures of the examples fill, and whether they are dark on light.

    The border of the images tells the background.
    """
    if values is None or len(values) == 0 or shape[2] != 1:
        return {"fit": MNIST_FIT, "inverted": False}
    levels = (values.reshape(-1, *shape[:2]).astype(float) - low) / (high - low)
    border = np.concatenate([levels[:, [0, -1]].ravel(), levels[:, :, [0, -1]].ravel()])
    inverted = bool(np.median(border) > 0.5)
    ink = (1 - levels if inverted else levels) >= INK
    extents = [np.ptp(np.nonzero(rows)[0]) + 1 for each in ink for rows in (each.any(0), each.any(1)) if rows.any()]
    if not extents:
        return {"fit": MNIST_FIT, "inverted": inverted}
    larger = np.reshape(extents, (-1, 2)).max(axis=1)
    return {"fit": float(np.median(larger)) / min(shape[:2]), "inverted": inverted}


def describe_layer(layer: ImageLayer, output: int, context: FigureContext) -> dict[str, Json]:
    return {
        "name": layer.name,
        "output": output,
        "shape": check_map_shape(layer.output),
        "kernel": None if layer.kernel is None else context.functions.add_leaf(layer.kernel),
        "bias": None if layer.bias is None else context.functions.add_leaf(layer.bias),
    }


def check_map_shape(output: Expr) -> list[int]:
    sizes = [n for n in output.shape[1:] if isinstance(n, int)]
    if len(sizes) != 3:
        raise ShapeError(
            f"pel.live.image: expected feature maps of known size. Received: {format_shape(output.shape)}. Give the "
            "input known sizes, as in pel.tensor4('x', shape=('n', 28, 28, 1))"
        )
    return sizes


def image(
    predict: Function,
    images: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    *,
    shape: Sequence[int] | None = None,
    value_range: tuple[float, float] | None = None,
    pad: bool = False,
    score: bool = False,
    title: str = "Image",
) -> Image:
    r"""Image as input of a network, with the prediction, the feature maps, and why.

    The page shows the probabilities of the classes; the output of each convolutional and pooling layer, with the
    kernels of the map that is clicked; and the gradient of the winning score with respect to the pixels,
    :math:`\partial s_{\max} / \partial x`.

    With ``pad``, one can draw, or open, drop or paste an image file. Drawings are cropped, scaled and moved as in
    MNIST: the longer side of a drawing fills the part of the image that the figures of the examples fill (20 of 28
    pixels without examples), and its center of mass is in the middle. For networks with one channel, files are treated
    in the same way, light on dark or dark on light as in the examples. For networks with three channels, they are
    cropped around their middle.

    Parameters
    ----------
    predict : Function
        A function of a batch of images, shape (n, height, width), (n, height, width, channels) or (n, pixels), with one
        or three channels. If its output is a softmax, a sigmoid or the argmax of one, the scores are its operand.
    images : array or Shared, optional
        Example images; by default the data of the figure for the input.
    labels : array of int or Shared, optional
        Classes of the examples.
    shape : (int, int) or (int, int, int), optional
        Height, width and channels of images that are vectors; by default they are squares.
    value_range : (float, float), optional
        Values of black and white. By default 0 and 255 for integers, the range of the examples for floats, and 0 and 1
        without examples.
    pad : bool
        Whether one can draw and open files.
    score : bool
        Whether the page predicts all images at once and counts those that are predicted correctly.
    title : str
        Title of the view.

    Returns
    -------
    Image

    Raises
    ------
    UseError, ShapeError, OptionError
        If there are no images, or they do not fit the function.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 8, 8, 1))
    >>> kernel = pel.shared(np.ones((3, 3, 1, 2), "float32"), "kernel")
    >>> scores = pel.max_pool(pel.conv(x, kernel), 6).reshape((-1, 2))
    >>> pel.live.image(pel.function([x], pel.softmax(scores)), pad=True).kind
    'image'
    """
    return Image(predict, images, labels, shape, value_range, pad, score, title)
