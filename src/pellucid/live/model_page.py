"""Trained models as pages: images to draw or open, features to set, or sequences, with the prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, Input, is_compatible_shape
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.passes import inference
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.live.interactive_figure import Figure
from pellucid.live.views.base import View
from pellucid.live.views.feature_inputs import MAX_FEATURES, feature_inputs
from pellucid.live.views.image import image
from pellucid.live.views.sequence import sequence
from pellucid.model.errors import ModelError
from pellucid.nn.layers import Normalization, Rescaling
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.run.wasm.module import FunctionSource, generate_code
from pellucid.typing import Array, FilePath

if TYPE_CHECKING:
    from pellucid.model.model import Model


MAX_PARAMETER_BYTES = 1 << 25
"""Maximum size of the parameters of a page; base64 makes them a third larger."""

MAX_IMAGES = 100
"""Number of example images in a page."""

MAX_EXAMPLES = 1000
"""Number of other examples in a page."""

DEVIATIONS = 3
"""Half the range of a feature in standard deviations, if only its mean and variance are known."""


@dataclass(frozen=True)
class PageOptions:
    """Arguments of `Model.to_page`, checked."""

    examples: Array | None
    labels: Array | None
    class_names: list[str] | None
    feature_names: list[str] | None
    image_shape: tuple[int, ...] | None


def save_model_page(
    model: Model,
    path: FilePath,
    title: str | None,
    examples: Any,
    class_names: Sequence[str] | None,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
) -> None:
    """Write a model as a page; see `Model.to_page`."""
    figure = make_model_figure(model, title, examples, class_names, feature_names, image_shape)
    try:
        figure.save(path)
    except UseError as error:
        raise explain_failure(model, error) from error


def make_model_figure(
    model: Model,
    title: str | None = None,
    examples: Any = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Figure:
    """Return the figure in which a model predicts; the arguments are those of `Model.to_page`."""
    check_model(model)
    predict = make_predictor(model)
    x = predict.program.inputs[0]
    options = check_options(model, x, examples, class_names, feature_names, image_shape)
    view = choose_view(model, predict, options)
    return Figure(
        views=[view],
        title=model.name if title is None else title,
        description=describe_model(model),
        features=options.feature_names,
        classes=options.class_names,
    )


def check_model(model: Model) -> None:
    """Check that a model is built, with one input and one output, and not too large for a page."""
    model.check_built()
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"{model.name}.to_page: expected a model with one input and one output. Received: inputs "
            f"{', '.join(model.input_names)}; outputs {', '.join(model.output_names)}"
        )
    size = sum(v.storage.nbytes for v in model.functional_graph.variables)
    if size > MAX_PARAMETER_BYTES:
        raise ModelError(
            f"{model.name}.to_page: expected at most {MAX_PARAMETER_BYTES // 10**6} MB of parameters. Received: "
            f"{size / 10**6:.0f} MB. Use model.export('model.onnx') for larger models"
        )


def make_predictor(model: Model) -> Function:
    """Return the inference form as a function of one input; logits become probabilities if the loss takes logits."""
    [x], [output] = model.inputs, inference(model.outputs)
    if takes_logits(model):
        output = softmax(output) if output.shape[-1] != 1 else sigmoid(output)
    raw = Input(x.name or "x", x.shape, x.dtype)
    return function([raw], output, givens={x: raw}, on_unused_input="ignore")


def takes_logits(model: Model) -> bool:
    if not model.is_compiled:
        return False
    [config] = model.compile_config.for_outputs(model.output_names)
    return bool(getattr(config.loss, "settings", {}).get("from_logits"))


def check_options(
    model: Model,
    x: Input,
    examples: Any,
    class_names: Sequence[str] | None,
    feature_names: Sequence[str] | None,
    image_shape: Sequence[int] | None,
) -> PageOptions:
    values, labels = examples if isinstance(examples, tuple) and len(examples) == 2 else (examples, None)
    if feature_names is None and hasattr(values, "columns"):  # a data frame
        feature_names = [str(name) for name in values.columns]
    if values is not None:
        values = cast_to_dtype(np.asarray(values), x.dtype, f"{model.name}.to_page, examples")
        if len(values) == 0 or not is_compatible_shape(values.shape[1:], x.shape[1:]):
            raise ShapeError(
                f"{model.name}.to_page: expected examples of shape {format_shape(x.shape)}. Received: shape "
                f"{format_shape(values.shape)}"
            )
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != values.shape[:1] or labels.dtype.kind not in "biuf":
            raise ShapeError(
                f"{model.name}.to_page: expected examples=(x, y) with one number in y for each sample. Received: y of "
                f"shape {format_shape(labels.shape)}, dtype {labels.dtype}"
            )
    if class_names is not None:
        check_class_names(model, class_names)
    return PageOptions(
        values,
        labels,
        None if class_names is None else list(map(str, class_names)),
        None if feature_names is None else list(map(str, feature_names)),
        None if image_shape is None else tuple(image_shape),
    )


def check_class_names(model: Model, class_names: Sequence[str]) -> None:
    count = model.outputs[0].shape[-1]
    expected = 2 if count == 1 else count
    if isinstance(expected, int) and len(class_names) != expected:
        raise ShapeError(
            f"{model.name}.to_page: expected {expected} class names, one for each class. Received: {len(class_names)}"
        )


def choose_view(model: Model, predict: Function, options: PageOptions) -> View:
    """Return the view for the shape of a sample: an image, a row of features, or a sequence."""
    x, output = predict.program.inputs[0], predict.program.original_outputs[0]
    sample = x.shape[1:]
    is_recurrent = any(e.op is not None and e.op.name == "scan_loop" for e in topological([output]))
    if len(sample) == 2 and is_recurrent and options.image_shape is None:
        return sequence(predict, examples=take(options.examples, MAX_EXAMPLES), names=options.feature_names)
    if len(sample) in (2, 3) or options.image_shape is not None:
        few = take(options.examples, MAX_IMAGES), take(options.labels, MAX_IMAGES)
        limits = find_pixel_range(model, options.examples)
        return image(predict, *few, shape=options.image_shape, pad=True, value_range=limits)
    if len(sample) == 1:
        check_feature_count(model, sample[0])
        few = take(options.examples, MAX_EXAMPLES), take(options.labels, MAX_EXAMPLES)
        ranges = find_feature_ranges(model, sample[0]) if options.examples is None else None
        return feature_inputs(predict, *few, names=options.feature_names, ranges=ranges)
    raise ShapeError(
        f"{model.name}.to_page: expected samples that are images, rows of features or sequences, of one to three axes. "
        f"Received: samples of shape {format_shape(sample)}"
    )


def check_feature_count(model: Model, count: Any) -> None:
    if not isinstance(count, int) or count <= MAX_FEATURES:
        return
    side = math.isqrt(count)
    example = f"({side}, {side})" if side * side == count else "(height, width)"
    raise ShapeError(
        f"{model.name}.to_page: expected up to {MAX_FEATURES} features. Received: {count} features. If they are the "
        f"pixels of images, pass image_shape={example}"
    )


def take(values: Array | None, count: int) -> Array | None:
    return None if values is None else values[:count]


def find_pixel_range(model: Model, examples: Array | None) -> tuple[float, float] | None:
    """Return the values of black and white that a model was trained on, as far as its first layer tells; or None."""
    layer = model.layers[0] if model.layers else None
    if examples is not None:
        return None
    if isinstance(layer, Rescaling):
        return (0.0, 255.0) if float(np.max(layer.scale)) <= 0.01 else None
    if isinstance(layer, Normalization):
        mean, variance = (np.max(layer.statistics[name]) for name in ("mean", "variance"))
        return (0.0, 255.0) if mean + np.sqrt(variance) > 2 else None
    return None


def find_feature_ranges(model: Model, width: Any) -> list[tuple[float, float]] | None:
    """Return the ranges of features that the first layer normalizes, three standard deviations to both sides."""
    layer = model.layers[0] if model.layers else None
    if not isinstance(layer, Normalization) or not isinstance(width, int):
        return None
    mean, variance = (np.broadcast_to(layer.statistics[n].ravel(), width) for n in ("mean", "variance"))
    reach = DEVIATIONS * np.sqrt(np.where(variance > 0, variance, 1.0))
    return [(float(f"{m - r:.4g}"), float(f"{m + r:.4g}")) for m, r in zip(mean, reach, strict=True)]


def describe_model(model: Model) -> str:
    count = sum(int(np.prod(p.storage.shape)) for p in model.parameters)
    layers = ", ".join(f"{layer.name} ({type(layer).__name__})" for layer in model.layers)
    return f"The trained network {model.name} with {count:,} parameters: {layers}."


def explain_failure(model: Model, error: UseError) -> Exception:
    """Return an error that names the first layer that cannot be compiled, if there is one."""
    reason = error.__cause__ or error
    for node in model.functional_graph.nodes:
        if not can_compile(model.inputs, inference(node.outputs)):
            return ModelError(
                f"{model.name}.to_page: the layer {node.layer.name} ({type(node.layer).__name__}) cannot be compiled "
                f"for a web page: {reason}. Replace the layer, or use model.export('{model.name}.onnx')"
            )
    return error


def can_compile(inputs: Sequence[Any], outputs: Sequence[Expr]) -> bool:
    """Whether expressions can be compiled for one sample."""
    f = function(list(inputs), list(outputs), on_unused_input="ignore").copy(delete_updates=True)
    types = tuple((tuple(n if isinstance(n, int) else 1 for n in i.shape), str(i.dtype)) for i in f.program.inputs)
    try:
        generate_code([FunctionSource(f.program, "layer", types)])
    except UseError:
        return False
    return True
