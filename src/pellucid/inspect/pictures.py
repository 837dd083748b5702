"""Pictures of a model, its training and its predictions, each with a description in words: ``pel.pictures``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.passes import inference
from pellucid.graph.types import is_float
from pellucid.inspect.layer_trace import LayerCall, trace_layers
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.layers import Layer
from pellucid.run.function_builder import function
from pellucid.show.plots import plots
from pellucid.show.plots.alt_text import (
    describe_boundary,
    describe_confusion,
    describe_curves,
    describe_filters,
    describe_histograms,
    describe_maps,
    describe_saliency,
)
from pellucid.show.plots.histogram_plot import histograms
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import make_mesh
from pellucid.show.plots.prediction_plots import confusion_matrix as draw_confusion
from pellucid.show.plots.prediction_plots import count_confusions, find_most_frequent_error
from pellucid.show.plots.saliency_plot import gradient_magnitude, saliency_map
from pellucid.training.metric_mode import is_higher_better
from pellucid.typing import Array, ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LayerChoice = str | int | Layer | None
"""A layer by name, index or itself; None for the first that fits."""

__all__ = [
    "Picture",
    "activation_histograms",
    "confusion_matrix",
    "decision_boundary",
    "feature_maps",
    "filters",
    "learning_curves",
    "saliency",
    "weight_histograms",
]


@overload
def learning_curves(history: Any, metric: str = "loss", *, ax: None = None) -> Picture: ...
@overload
def learning_curves(history: Any, metric: str = "loss", *, ax: Axes) -> Axes: ...
def learning_curves(history: Any, metric: str = "loss", *, ax: Axes | None = None) -> Picture | Axes:
    """Plot a metric over the epochs, on the training and the validation data.

    Parameters
    ----------
    history : History, Model or mapping from str to list
        The result of `Model.fit`, a trained model, or the values of each epoch by name.
    metric : str
        Name of the metric.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Raises
    ------
    ValueError
        For an unknown metric; the message suggests the nearest name.

    Examples
    --------
    >>> print(pel.pictures.learning_curves({"loss": [0.7, 0.4, 0.3]}))
    loss falls from 0.7 to 0.3, its minimum, over 3 epochs.
    """
    history = getattr(history, "history", history)
    curves = dict(getattr(history, "history", history) or {})
    if metric not in curves:
        raise OptionError(
            f"There is no metric {metric!r} in the history.{near_miss(metric, list(curves))} "
            f"Metrics: {', '.join(curves)}"
        )
    shown = {name: curves[name] for name in (metric, f"val_{metric}") if name in curves}
    labeled = {"training" if name == metric else "validation": values for name, values in shown.items()}
    reading = describe_curves(shown, higher_is_better=bool(is_higher_better(metric)))
    return to_picture(plots.learning_curves(labeled, "epoch", metric, ax=ax), reading, f"{metric} over the epochs")


@overload
def decision_boundary(model: ModelLike, x: ArrayLike, y: ArrayLike, *, ax: None = None) -> Picture: ...
@overload
def decision_boundary(model: ModelLike, x: ArrayLike, y: ArrayLike, *, ax: Axes) -> Axes: ...
def decision_boundary(model: ModelLike, x: ArrayLike, y: ArrayLike, *, ax: Axes | None = None) -> Picture | Axes:
    """Plot the predicted class of every point of the plane, and samples with their true classes.

    Parameters
    ----------
    model : Model
        A classifier of two features; its output is the probability of each class, or of class 1.
    x, y : arrays, shapes (n, 2) and (n,)
        Samples and their classes.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> x, y = pel.data.moons(60)
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((2,)), pel.nn.Dense(8, activation="tanh"), pel.nn.Dense(2, activation="softmax")]
    ... )
    >>> picture = pel.pictures.decision_boundary(model, x, y)
    >>> picture.save("boundary.png")
    """
    points, truth = np.asarray(x), np.asarray(y).reshape(-1).astype(int)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ModelError(
            f"A decision boundary needs two features: expected x of shape (n, 2). Received: {points.shape}"
        )
    _, _, grid = make_mesh(points.astype("float32"))

    def probabilities(x: Array) -> Array:
        predicted = model.predict(x.astype("float32"), batch_size=4096)
        return np.hstack([1 - predicted, predicted]) if predicted.shape[-1] == 1 else predicted

    reading = describe_boundary(probabilities(grid).argmax(axis=1), grid, probabilities(points).argmax(axis=1), truth)
    drawn = plots.decision_boundary(probabilities, points.astype("float32"), truth, ax=ax)
    return to_picture(drawn, reading, "decision boundary")


@overload
def confusion_matrix(
    model: ModelLike,
    x: ArrayLike,
    y: ArrayLike,
    class_names: Sequence[str] = (),
    *,
    cell: tuple[int, int] | None = None,
    images: ArrayLike | None = None,
    ax: None = None,
) -> Picture: ...
@overload
def confusion_matrix(
    model: ModelLike,
    x: ArrayLike,
    y: ArrayLike,
    class_names: Sequence[str] = (),
    *,
    cell: tuple[int, int] | None = None,
    images: ArrayLike | None = None,
    ax: Axes,
) -> Axes: ...
def confusion_matrix(
    model: ModelLike,
    x: ArrayLike,
    y: ArrayLike,
    class_names: Sequence[str] = (),
    *,
    cell: tuple[int, int] | None = None,
    images: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Picture | Axes:
    """Plot true against predicted classes, and the images of one cell.

    Parameters
    ----------
    model : Model
        A classifier; its output is the probability of each class.
    x, y : arrays
        Samples, and their labels, one-hot or as integers.
    class_names : sequence of str
        Names of the classes. By default their numbers.
    cell : (int, int), optional
        True and predicted class whose images are shown. By default the most frequent mistake.
    images : array, optional
        The samples as images, if ``x`` are not: shape (n, height, width) or (n, height, width, channels).
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> x, y = pel.data.moons(60)
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((2,)), pel.nn.Dense(8, activation="tanh"), pel.nn.Dense(2, activation="softmax")]
    ... )
    >>> picture = pel.pictures.confusion_matrix(model, x, y, ["upper", "lower"])
    >>> picture.save("confusion.png")
    """
    probabilities = model.predict(x)
    is_binary = probabilities.shape[-1] == 1
    predicted = (probabilities[:, 0] > 0.5).astype(int) if is_binary else probabilities.argmax(axis=-1)
    labels = np.asarray(y)
    is_one_hot = labels.shape == probabilities.shape and not is_binary
    labels = labels.argmax(axis=1) if is_one_hot else labels.reshape(-1).astype(int)
    count = max(2, probabilities.shape[-1])
    counts = count_confusions(labels, predicted, count)
    chosen = find_most_frequent_error(counts) if cell is None else cell
    if chosen is not None and not all(0 <= k < count for k in chosen):
        raise OptionError(
            f"Expected a cell (true class, predicted class) with classes from 0 to {count - 1}. Received: cell={chosen}"
        )
    shown = np.asarray(x if images is None else images)
    is_image = shown.ndim == 3 or (shown.ndim == 4 and shown.shape[-1] in (1, 3))
    cell_images = None
    if is_image and chosen is not None:
        cell_images = shown[(labels == chosen[0]) & (predicted == chosen[1])]
    drawn = draw_confusion(counts, class_names, images=cell_images, cell=chosen if is_image else None, ax=ax)
    return to_picture(drawn, describe_confusion(counts, class_names), "confusion matrix")


def find_layer_call(
    model: ModelLike, layer: str | int | Layer | None, what: str, fits: Callable[[LayerCall], bool]
) -> LayerCall:
    """Return the call of a layer given by name or index, or the first call that fits."""
    calls = trace_layers(model)
    if layer is None:
        first = next((call for call in calls if fits(call)), None)
        if first is None:
            raise ModelError(f"{model.name} has no layer with {what}")
        return first
    if isinstance(layer, int) and not isinstance(layer, bool) and -len(calls) <= layer < len(calls):
        return calls[layer]
    for call in calls:
        if layer in (call.layer.name, call.layer):
            return call
    names = [call.layer.name for call in calls]
    raise OptionError(f"{model.name} has no layer {layer!r}.{near_miss(str(layer), names)} Layers: {', '.join(names)}")


@overload
def filters(model: ModelLike, layer: LayerChoice = None, *, ax: None = None) -> Picture: ...
@overload
def filters(model: ModelLike, layer: LayerChoice = None, *, ax: Axes) -> Axes: ...
def filters(model: ModelLike, layer: LayerChoice = None, *, ax: Axes | None = None) -> Picture | Axes:
    """Plot the filters of a 2D convolution: positive weights green, negative ones purple.

    Parameters
    ----------
    model : Model
        A built model.
    layer : str or int, optional
        Name or index of the layer. By default the first 2D convolution.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((8, 8, 1)), pel.nn.Conv2D(2, 3, name="edges"), pel.nn.Flatten(), pel.nn.Dense(2)]
    ... )
    >>> picture = pel.pictures.filters(model, "edges")
    >>> picture.save("filters.png")
    """

    def has_filters(call: LayerCall) -> bool:
        return any(p.ndim == 4 for p in call.layer.parameters)

    call = find_layer_call(model, layer, "2D filters", has_filters)
    if not has_filters(call):
        raise ModelError(f"{call.layer.name}, a {type(call.layer).__name__}, has no 2D filters")
    kernel = next(p for p in call.layer.parameters if p.ndim == 4).get_value()
    return to_picture(plots.filters(kernel, ax=ax), describe_filters(kernel), f"filters of {call.layer.name}")


@overload
def feature_maps(
    model: ModelLike, image: ArrayLike, layer: LayerChoice = None, max_maps: int = 32, *, ax: None = None
) -> Picture: ...
@overload
def feature_maps(
    model: ModelLike, image: ArrayLike, layer: LayerChoice = None, max_maps: int = 32, *, ax: Axes
) -> Axes: ...
def feature_maps(
    model: ModelLike,
    image: ArrayLike,
    layer: LayerChoice = None,
    max_maps: int = 32,
    *,
    ax: Axes | None = None,
) -> Picture | Axes:
    """Plot the channels of a layer's output for one image, in inference mode.

    Parameters
    ----------
    model : Model
        A built model.
    image : array
        One sample, without the batch axis.
    layer : str or int, optional
        Name or index of the layer. By default the first with parameters whose output is a feature map.
    max_maps : int
        Number of maps to plot. The description covers all.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((8, 8, 1)), pel.nn.Conv2D(2, 3, name="edges"), pel.nn.Flatten(), pel.nn.Dense(2)]
    ... )
    >>> picture = pel.pictures.feature_maps(model, np.ones((8, 8, 1)), "edges")
    >>> picture.save("maps.png")
    """

    def has_maps(call: LayerCall) -> bool:
        return call.outputs[0].ndim == 4 and bool(call.layer.parameters)

    call = find_layer_call(model, layer, "feature maps", has_maps)
    output = call.outputs[0]
    if output.ndim != 4:
        raise ModelError(
            f"{call.layer.name} outputs {output.type}. Expected feature maps of shape (n, height, width, channels)"
        )
    maps = compute_values(model, [output], np.asarray(image)[None])[0][0]
    drawn = plots.feature_maps(maps[..., :max_maps], ax=ax)
    return to_picture(drawn, describe_maps(maps), f"feature maps of {call.layer.name}")


@overload
def saliency(
    model: ModelLike,
    images: ArrayLike,
    classes: ArrayLike | None = None,
    class_names: Sequence[str] = (),
    *,
    ax: None = None,
) -> Picture: ...
@overload
def saliency(
    model: ModelLike, images: ArrayLike, classes: ArrayLike | None = None, class_names: Sequence[str] = (), *, ax: Axes
) -> Axes: ...
def saliency(
    model: ModelLike,
    images: ArrayLike,
    classes: ArrayLike | None = None,
    class_names: Sequence[str] = (),
    *,
    ax: Axes | None = None,
) -> Picture | Axes:
    r"""Plot the gradient magnitude of a class score with respect to each pixel, :math:`|\partial s_k / \partial x|`.

    The score is the logit before the softmax or sigmoid, if there is one.

    Parameters
    ----------
    model : Model
        A classifier; its output is probabilities or logits of the classes.
    images : array
        Samples.
    classes : sequence of int, optional
        The class of each image whose score is used. By default the predicted class.
    class_names : sequence of str
        Names of the classes.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((8, 8, 1)), pel.nn.Conv2D(2, 3, name="edges"), pel.nn.Flatten(), pel.nn.Dense(2)]
    ... )
    >>> picture = pel.pictures.saliency(model, np.ones((2, 8, 8, 1)))
    >>> picture.save("saliency.png")

    References
    ----------
    K. Simonyan, A. Vedaldi and A. Zisserman, Deep Inside Convolutional Networks: Visualising Image Classification
    Models and Saliency Maps, ICLR 2014 workshop.
    """
    batch = np.asarray(images)
    image_input = model.inputs[0]
    if not isinstance(image_input, Input) or not is_float(image_input.dtype) or batch.ndim not in (3, 4):
        raise ModelError(
            f"{model.name}: expected images (n, height, width) or (n, height, width, channels). "
            f"Received: shape {batch.shape}"
        )
    [output] = inference(model.outputs[:1])
    scores = output.inputs[0] if output.op is not None and output.op.name in ("softmax", "sigmoid") else output
    if classes is not None:
        chosen = np.asarray(classes, int)
    elif scores.shape[-1] == 1:
        chosen = (model.predict(batch)[:, 0] > (0 if scores is output else 0.5)).astype(int)
    else:
        chosen = model.predict(batch).argmax(axis=-1)
    class_input = Input("classes", output.shape[:1], "int32")
    # Images are independent, so the gradient of the summed scores is the gradient of each.
    total = scores.sum()
    if scores.shape[-1] != 1:
        total = (scores * (class_input[:, None] == np.arange(int(scores.shape[-1])))).sum()
    compute = function([image_input, class_input], grad(total, image_input), on_unused_input="ignore")
    gradients = np.asarray(compute(batch.astype(image_input.dtype), chosen.astype("int32")))
    names = [class_names[k] if class_names else str(k) for k in chosen]
    sizes = np.array([gradient_magnitude(g) for g in gradients])
    drawn = saliency_map(batch, gradients, names, ax=ax)
    return to_picture(drawn, describe_saliency(sizes, names, batch), "saliency map")


@overload
def weight_histograms(model: ModelLike, *, ax: None = None) -> Picture: ...
@overload
def weight_histograms(model: ModelLike, *, ax: Axes) -> Axes: ...
def weight_histograms(model: ModelLike, *, ax: Axes | None = None) -> Picture | Axes:
    """Plot a histogram of each parameter.

    Parameters
    ----------
    model : Model
        A built model.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((8, 8, 1)), pel.nn.Conv2D(2, 3, name="edges"), pel.nn.Flatten(), pel.nn.Dense(2)]
    ... )
    >>> picture = pel.pictures.weight_histograms(model)
    >>> picture.save("weights.png")
    """
    _ = model.functional_graph  # raises an error if the model is not built
    parts = {p.name or "parameter": p.get_value() for p in model.parameters}
    if not parts:
        raise ModelError(f"{model.name} has no parameters")
    return to_picture(histograms(parts, "weight", ax=ax), describe_histograms(parts), "weights")


@overload
def activation_histograms(model: ModelLike, x: ArrayLike, *, ax: None = None) -> Picture: ...
@overload
def activation_histograms(model: ModelLike, x: ArrayLike, *, ax: Axes) -> Axes: ...
def activation_histograms(model: ModelLike, x: ArrayLike, *, ax: Axes | None = None) -> Picture | Axes:
    """Plot a histogram of each layer's output on some samples, in inference mode.

    Parameters
    ----------
    model : Model
        A built model.
    x : array
        Samples.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, a new figure is drawn and a `Picture` is returned.

    Returns
    -------
    Picture
        The figure and its description.

    Examples
    --------
    >>> x, y = pel.data.moons(60)
    >>> model = pel.Sequential(
    ...     [pel.nn.Input((2,)), pel.nn.Dense(8, activation="tanh"), pel.nn.Dense(2, activation="softmax")]
    ... )
    >>> picture = pel.pictures.activation_histograms(model, x)
    >>> picture.save("activations.png")
    """
    calls = [c for c in trace_layers(model) if is_float(c.outputs[0].dtype) and not is_reshape(c.outputs[0])]
    values = compute_values(model, [call.outputs[0] for call in calls], np.asarray(x))
    parts: Mapping[str, Array] = {call.layer.name: value for call, value in zip(calls, values, strict=True)}
    return to_picture(histograms(parts, "activation", ax=ax), describe_histograms(parts), "activations")


def to_picture(drawn: Figure | Axes, reading: str, title: str) -> Picture | Axes:
    """Return a new figure with its description, or the axes that the user has given."""
    from matplotlib.figure import Figure

    return Picture(drawn, reading, title) if isinstance(drawn, Figure) else drawn


def is_reshape(output: Expr) -> bool:
    """Return whether a layer returns its input, possibly with another shape, in inference mode."""
    output = inference(output)
    return output.op is None or output.op.name in ("reshape", "transpose")


def compute_values(model: ModelLike, outputs: Sequence[Expr], x: Array) -> list[Array]:
    """Return the values of layer outputs for some samples, in inference mode."""
    model_input = model.inputs[0]
    assert isinstance(model_input, Input)
    compute = function([model_input], inference(list(outputs)))
    return [np.asarray(value) for value in compute(x.astype(model_input.dtype))]
