"""Pictures of a model and of what it does, each with a reading in words: ``pel.pictures``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.inference import inference
from pellucid.graph.types import is_float
from pellucid.inspect.layer_trace import Step, steps_of
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.run.function_builder import function
from pellucid.show import plots
from pellucid.show.alt_text import read_boundary, read_confusion, read_curves
from pellucid.show.alt_text_arrays import read_filters, read_histograms, read_maps, read_saliency
from pellucid.show.confusion_plot import confusion_matrix as draw_confusion
from pellucid.show.confusion_plot import counts_of, worst_cell
from pellucid.show.figure import Picture
from pellucid.show.histogram_plot import histograms
from pellucid.show.plot_style import mesh
from pellucid.show.saliency_plot import magnitude, saliency_map

Array = np.ndarray[Any, Any]

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


def learning_curves(history: Any, measure: str = "loss") -> Picture:
    """Draw how a measure changed from epoch to epoch, on training data and on what was held out.

    Parameters
    ----------
    history : History, Model or mapping from str to list
        What `Model.fit` returned, the model itself, or curves by name.
    measure : str
        Which.

    Returns
    -------
    Picture
        With a reading.

    Raises
    ------
    ValueError
        If it was not measured; the nearest is named.

    Examples
    --------
    >>> print(pel.pictures.learning_curves({"loss": [0.7, 0.4, 0.3]}))
    loss falls from 0.7 to 0.3, its least, over 3 epochs.
    """
    held = getattr(history, "history", history)
    curves = dict(getattr(held, "history", held) or {})
    if measure not in curves:
        raise OptionError(
            f"{measure!r} was not measured.{near_miss(measure, list(curves))} There are: {', '.join(curves)}"
        )
    shown = {name: curves[name] for name in (measure, f"val_{measure}") if name in curves}
    called = {"training" if name == measure else "held out": values for name, values in shown.items()}
    return Picture(plots.learning_curves(called, "epoch", measure), read_curves(shown), f"{measure} while it learns")


def decision_boundary(model: Model, x: Any, y: Any) -> Picture:
    """Draw what a model says everywhere in the plane, and points with their classes.

    Parameters
    ----------
    model : Model
        Of two inputs, which puts out probabilities of classes, or one number that is above one half for class 1.
    x, y : arrays, shapes (n, 2) and (n,)
        Points and their classes.

    Returns
    -------
    Picture
        With a reading.
    """
    points, truth = np.asarray(x), np.asarray(y).reshape(-1).astype(int)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ModelError(f"A boundary is drawn in the plane: expected x of shape (n, 2). Received: {points.shape}")
    across, up = mesh(points)
    places = np.column_stack([across.ravel(), up.ravel()]).astype("float32")

    def probabilities(at: Array) -> Array:
        said = model.predict(at.astype("float32"), batch_size=4096)
        return np.hstack([1 - said, said]) if said.shape[-1] == 1 else said

    reading = read_boundary(probabilities(places).argmax(axis=1), places, probabilities(points).argmax(axis=1), truth)
    return Picture(
        plots.decision_boundary(probabilities, points.astype("float32"), truth), reading, "decision boundary"
    )


def confusion_matrix(
    model: Model,
    x: Any,
    y: Any,
    class_names: Sequence[str] = (),
    *,
    cell: tuple[int, int] | None = None,
    images: Any = None,
) -> Picture:
    """Draw what a model takes for what, and the images behind one cell.

    Parameters
    ----------
    model : Model
        Which puts out probabilities of classes.
    x, y : arrays
        Samples, and their labels or one-hot columns.
    class_names : sequence of str
        Of the classes; their numbers without.
    cell : (int, int), optional
        What is looked into: a class and what it is taken for. Without it the commonest mistake.
    images : array, optional
        The samples as images, where ``x`` are none: shape (n, height, width) or (n, height, width, channels).

    Returns
    -------
    Picture
        With a reading.
    """
    said = model.predict(x)
    answers = (said[:, 0] > 0.5).astype(int) if said.shape[-1] == 1 else said.argmax(axis=-1)
    labels = np.asarray(y)
    labels = (
        labels.argmax(axis=1) if labels.shape == said.shape and said.shape[-1] > 1 else labels.reshape(-1).astype(int)
    )
    count = max(2, said.shape[-1])
    counts = counts_of(labels, answers, count)
    chosen = worst_cell(counts) if cell is None else cell
    if chosen is not None and not all(0 <= k < count for k in chosen):
        raise OptionError(f"Expected a cell of two classes from 0 to {count - 1}. Received: cell={chosen}")
    shown = np.asarray(x if images is None else images)
    is_image = shown.ndim == 3 or (shown.ndim == 4 and shown.shape[-1] in (1, 3))
    behind = None
    if is_image and chosen is not None:
        behind = shown[(labels == chosen[0]) & (answers == chosen[1])]
    drawn = draw_confusion(counts, class_names, images=behind, cell=chosen if is_image else None)
    return Picture(drawn, read_confusion(counts, class_names), "what is taken for what")


def layer_of(model: Model, layer: Any, what: str, wanted: Any) -> Step:
    """Return a layer's step by its name or place, or the first that is wanted."""
    found = steps_of(model)
    if layer is None:
        fitting = [step for step in found if wanted(step)]
        if not fitting:
            raise ModelError(f"{model.name} has no layer with {what}")
        return fitting[0]
    if isinstance(layer, int) and not isinstance(layer, bool) and -len(found) <= layer < len(found):
        return found[layer]
    for step in found:
        if layer in (step.layer.name, step.layer):
            return step
    names = [step.layer.name for step in found]
    raise OptionError(f"{model.name} has no layer {layer!r}.{near_miss(str(layer), names)} Layers: {', '.join(names)}")


def filters(model: Model, layer: Any = None) -> Picture:
    """Draw the filters of a convolution in two dimensions: orange above zero, blue below.

    Parameters
    ----------
    model : Model
        Whose.
    layer : str or int, optional
        Its name or place; the first convolution without it.

    Returns
    -------
    Picture
        With a reading.
    """

    def has_kernel(step: Step) -> bool:
        return any(p.ndim == 4 for p in step.layer.parameters)

    step = layer_of(model, layer, "filters in two dimensions", has_kernel)
    if not has_kernel(step):
        raise ModelError(f"{step.layer.name}, a {type(step.layer).__name__}, has no filters in two dimensions")
    kernel = next(p for p in step.layer.parameters if p.ndim == 4).get_value()
    return Picture(plots.filters(kernel), read_filters(kernel), f"filters of {step.layer.name}")


def feature_maps(model: Model, image: Any, layer: Any = None, most: int = 32) -> Picture:
    """Draw what the channels of a layer answer to one image, once training is over.

    Parameters
    ----------
    model : Model
        Whose.
    image : array
        One sample, without the batch.
    layer : str or int, optional
        Its name or place; the first with parameters that puts out maps without it.
    most : int
        So many maps are drawn; the reading is about all.

    Returns
    -------
    Picture
        With a reading.
    """
    step = layer_of(model, layer, "maps", lambda step: step.made[0].ndim == 4 and bool(step.layer.parameters))
    made = step.made[0]
    if made.ndim != 4:
        raise ModelError(f"{step.layer.name} puts out {made.type}, which are no maps (n, height, width, channels)")
    maps = values_of(model, [made], np.asarray(image)[None])[0][0]
    return Picture(plots.feature_maps(maps[..., :most]), read_maps(maps), f"what {step.layer.name} answers")


def saliency(model: Model, images: Any, classes: Any = None, class_names: Sequence[str] = ()) -> Picture:
    r"""Draw how much an answer changes with every pixel, :math:`|\partial s_k / \partial x|` of the score before the
    softmax where there is one.

    Parameters
    ----------
    model : Model
        Which puts out probabilities or scores of classes.
    images : array
        Some samples.
    classes : sequence of int, optional
        Whose answer is looked at, for each image; what the model takes it for without.
    class_names : sequence of str
        Of the classes.

    Returns
    -------
    Picture
        With a reading.

    References
    ----------
    K. Simonyan, A. Vedaldi and A. Zisserman, Deep Inside Convolutional Networks: Visualising Image Classification
    Models and Saliency Maps, ICLR 2014 workshop.
    """
    batch = np.asarray(images)
    given = model.inputs[0]
    if not isinstance(given, Input) or not is_float(given.dtype) or batch.ndim not in (3, 4):
        raise ModelError(
            f"{model.name}: expected images (n, height, width) or (n, height, width, channels). "
            f"Received: shape {batch.shape}"
        )
    [output] = inference(model.outputs[:1])
    score = output.inputs[0] if output.op is not None and output.op.name in ("softmax", "sigmoid") else output
    chosen = model.predict(batch).argmax(axis=-1) if classes is None else np.asarray(classes, int)
    picked = Input("classes", output.shape[:1], "int32")
    total = score.sum()
    if score.shape[-1] != 1:
        rows = score * (picked[:, None] == np.arange(int(score.shape[-1])))
        total = rows.sum()
    slopes = function([given, picked], grad(total, given), on_unused_input="ignore")
    gradients = np.asarray(slopes(batch.astype(given.dtype), chosen.astype("int32")))
    names = [class_names[k] if class_names else str(k) for k in chosen]
    sizes = np.array([magnitude(one) for one in gradients])
    return Picture(saliency_map(batch, gradients, names), read_saliency(sizes, names, batch), "what answers hang on")


def weight_histograms(model: Model) -> Picture:
    """Draw how the numbers of every parameter are spread.

    Parameters
    ----------
    model : Model
        Built.

    Returns
    -------
    Picture
        With a reading.
    """
    _ = model.connections  # which says so if it is not built
    parts = {p.name or "parameter": p.get_value() for p in model.parameters}
    if not parts:
        raise ModelError(f"{model.name} has no parameters")
    return Picture(histograms(parts, "weight"), read_histograms(parts), "weights")


def activation_histograms(model: Model, x: Any) -> Picture:
    """Draw how what every layer puts out is spread, on some samples, once training is over.

    Parameters
    ----------
    model : Model
        Built.
    x : array
        Samples.

    Returns
    -------
    Picture
        With a reading.
    """
    found = [step for step in steps_of(model) if is_float(step.made[0].dtype) and not only_moves(step.made[0])]
    values = values_of(model, [step.made[0] for step in found], np.asarray(x))
    parts: Mapping[str, Any] = {step.layer.name: value for step, value in zip(found, values, strict=True)}
    return Picture(histograms(parts, "activation"), read_histograms(parts), "activations")


def only_moves(made: Expr) -> bool:
    """Tell whether a layer puts out the numbers that it is given, in another form."""
    after = inference(made)
    return after.op is None or after.op.name in ("reshape", "transpose")


def values_of(model: Model, stages: Sequence[Expr], x: Array) -> list[Array]:
    """Return what stages of a model are for some samples, once training is over."""
    given = model.inputs[0]
    assert isinstance(given, Input)
    made = function([given], inference(list(stages)))(x.astype(given.dtype))
    return [np.asarray(value) for value in made]
