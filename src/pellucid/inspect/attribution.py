r"""Attribution of single predictions to features and image regions: integrated gradients and occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.passes import inference
from pellucid.graph.traversal import replace_all
from pellucid.graph.types import is_float
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.layers import Normalization
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.typing import Array

FIRST_POINTS, MAXIMUM_POINTS = 32, 1024
"""Points of the numerical integral. They are doubled until the contributions add up."""

RELATIVE_TOLERANCE, ROUNDING = 1e-3, 1e-5
"""Allowed error of the sum of contributions, relative to the difference and to the predictions."""

MAXIMUM_BATCH_BYTES = 1 << 26
"""Memory for the points that are evaluated at a time."""

PATCHES_PER_SIDE = 4
"""Number of covered squares that fit into the shorter side of the image."""


@dataclass(frozen=True)
class Attribution:
    """Contributions of all features to some predictions.

    Attributes
    ----------
    contributions : array, shape of the samples
        Part of every feature in the difference from the prediction at the baseline.
    predictions, baseline_predictions : array, shape (n,)
        Explained output of the samples, and of the baseline.
    """

    contributions: Array
    predictions: Array
    baseline_predictions: Array

    @property
    def errors(self) -> Array:
        """Difference minus the sum of the contributions, from numerical integration and rounding."""
        total = self.contributions.reshape(len(self.contributions), -1).sum(axis=1)
        return np.asarray(self.predictions - self.baseline_predictions - total)


def integrated_gradients(model: ModelLike, x: Array, baseline: Array, targets: Array) -> Attribution:
    r"""Attribute predictions to features, :math:`(x_i - b_i) \int_0^1 \partial f / \partial x_i (b + t (x - b)) \, dt`.

    The contributions add up to :math:`f(x) - f(b)`. The integral is computed by Gauss-Legendre quadrature.

    Parameters
    ----------
    model : Model
        A model with one input and one output of shape (n, k).
    x : array
        Samples. Integers are treated as real numbers.
    baseline : array
        The sample b from which predictions are explained, or a number.
    targets : array of int, shape (n,)
        Index of the output that is explained, for each sample.

    Returns
    -------
    Attribution
        Contributions, float64, and predictions.

    Raises
    ------
    ModelError
        If the model has several inputs, or its output is not differentiable with respect to the input.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(1, kernel_initializer="ones")])
    >>> found = integrated_gradients(model, np.array([[3.0, 5.0]], "float32"), np.ones(2), np.zeros(1, int))
    >>> print(found.contributions, found.errors)
    [[2. 4.]] [0.]

    References
    ----------
    M. Sundararajan, A. Taly and Q. Yan, Axiomatic Attribution for Deep Networks, ICML 2017.
    """
    compute = compile_gradient(model)
    start = np.broadcast_to(np.asarray(baseline, np.float64), x.shape[1:])
    difference = x.astype(np.float64) - start
    chosen = np.asarray(targets, np.int32)
    predictions = evaluate_rows(compute, x.astype(np.float64), chosen)[0]
    baseline_predictions = evaluate_rows(compute, np.broadcast_to(start, x.shape), chosen)[0]
    contributions = np.zeros(x.shape)
    rows = np.arange(len(x))
    scale = np.maximum(abs(predictions), abs(baseline_predictions))
    allowed = RELATIVE_TOLERANCE * abs(predictions - baseline_predictions) + ROUNDING * scale
    points = FIRST_POINTS
    while len(rows) and points <= MAXIMUM_POINTS:
        mean_gradient = integrate_gradient(compute, start, difference[rows], chosen[rows], points)
        contributions[rows] = difference[rows] * mean_gradient
        found = Attribution(contributions, predictions, baseline_predictions)
        rows = rows[abs(found.errors[rows]) > allowed[rows]]
        points *= 2
    return Attribution(contributions, predictions, baseline_predictions)


def compile_gradient(model: ModelLike) -> Function:
    """Return a function from samples and output indices to the outputs and their gradients, one of each a sample."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"{model.name}: expected one input and one output. Received: {', '.join(model.input_names)}")
    [model_input], [output] = model.inputs, inference(model.outputs)
    dtype = model_input.dtype if is_float(model_input.dtype) else "float32"
    sample = Input("sample", model_input.shape, dtype)
    index = Input("index", model_input.shape[:1], "int32")
    try:
        [scores] = replace_all([output], {model_input: sample})
        chosen: Expr = (scores * (index[:, None] == np.arange(int(scores.shape[-1])))).sum(axis=-1)
        gradient = grad(chosen.sum(), sample)  # samples are independent of each other
    except PellucidError as error:
        raise ModelError(f"{model.name}: no gradient with respect to its input: {error}") from error
    return function([sample, index], [chosen, gradient])


def evaluate_rows(compute: Function, x: Array, targets: Array) -> tuple[Array, Array]:
    """Return outputs and gradients as float64, computed in batches."""
    dtype = compute.program.inputs[0].dtype
    count = max(1, MAXIMUM_BATCH_BYTES // max(1, x[:1].nbytes))
    parts = [compute(x[i : i + count].astype(dtype), targets[i : i + count]) for i in range(0, len(x), count)]
    outputs, gradients = (np.concatenate([part[k] for part in parts]).astype(np.float64) for k in range(2))
    return outputs, gradients


def integrate_gradient(compute: Function, start: Array, difference: Array, targets: Array, points: int) -> Array:
    """Return the mean gradient on the line from the baseline to each sample."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    positions, weights = (nodes + 1) / 2, weights / 2
    along = positions.reshape(-1, *[1] * start.ndim)
    found = []
    for step, target in zip(difference, targets, strict=True):
        _, gradients = evaluate_rows(compute, start + along * step, np.full(points, target, np.int32))
        found.append(np.tensordot(weights, gradients, axes=1))
    return np.array(found)


class Scorer:
    """Outputs of a model with scores: log-odds of the probabilities of a softmax or sigmoid, or else the outputs.

    Log-odds change where a probability is so close to 1 that it does not.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1, "sigmoid", kernel_initializer="ones")])
    >>> outputs, scores = Scorer(model).compute(np.array([[30.0]], "float32"), 0)
    >>> print(outputs, scores)
    [[1.]] [30.]
    """

    def __init__(self, model: ModelLike) -> None:
        [model_input], [output] = model.inputs, inference(model.outputs)
        assert isinstance(model_input, Input)
        last = output.op.name if output.op is not None else ""
        self.are_log_odds: bool = last == "sigmoid" or (last == "softmax" and output.shape[-1] != 1)
        self.is_softmax: bool = last == "softmax"
        self.function: Function = function([model_input], [output, output.inputs[0] if self.are_log_odds else output])

    def compute(self, x: Array, target: int) -> tuple[Array, Array]:
        """Return all outputs, and the scores of one of them, as float64."""
        outputs, logits = (
            np.asarray(v, np.float64) for v in self.function(x.astype(self.function.program.inputs[0].dtype))
        )
        if not (self.are_log_odds and self.is_softmax):
            return outputs, logits[:, target]
        others = np.delete(logits, target, axis=1)
        largest = others.max(axis=1)
        return outputs, logits[:, target] - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1))


@dataclass(frozen=True)
class OcclusionResult:
    """Predictions of one image with a part of it covered.

    Attributes
    ----------
    image : array
        The image.
    prediction, score : float
        Explained output for the whole image, and its score: the log-odds of a probability, or else the output.
    are_log_odds : bool
        Whether scores are log-odds.
    tops, lefts : array of int
        Positions of the covered squares.
    size : int
        Height and width of the squares.
    predictions, scores : array, shape (len(tops), len(lefts))
        Output and score with each square covered.
    changes_class : array of bool
        Whether the class with the largest output changes.
    """

    image: Array
    prediction: float
    score: float
    are_log_odds: bool
    tops: Array
    lefts: Array
    size: int
    predictions: Array
    scores: Array
    changes_class: Array

    @property
    def effects(self) -> Array:
        """How far the score drops where a pixel is covered, the mean over the squares that cover it."""
        total, count = np.zeros(self.image.shape[:2]), np.zeros(self.image.shape[:2])
        for row, top in enumerate(self.tops):
            for column, left in enumerate(self.lefts):
                place = slice(top, top + self.size), slice(left, left + self.size)
                total[place] += self.score - self.scores[row, column]
                count[place] += 1
        return np.asarray(total / count)


def occlude(scorer: Scorer, image: Array, target: int, fill: Array | None = None) -> OcclusionResult:
    """Cover squares of an image one after another, and predict each time.

    Parameters
    ----------
    scorer : Scorer
        Of a model with one input and one output of shape (n, k).
    image : array, shape (height, width) or (height, width, channels)
        The image.
    target : int
        Index of the explained output.
    fill : array, optional
        Color of the squares. By default the mean color of the image.

    Returns
    -------
    OcclusionResult
        Predictions for squares a quarter as large as the shorter side, which overlap by half.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((4, 4)), nn.Flatten(), nn.Dense(1, kernel_initializer="ones")])
    >>> image = np.zeros((4, 4), "float32")
    >>> image[2, 1] = 2.0
    >>> found = occlude(Scorer(model), image, 0, np.zeros(()))
    >>> print(found.prediction, np.argwhere(found.effects > 0))
    2.0 [[2 1]]

    References
    ----------
    M. D. Zeiler and R. Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014.
    """
    height, width = image.shape[:2]
    size = max(1, min(height, width) // PATCHES_PER_SIDE)
    tops, lefts = (place_patches(side, size) for side in (height, width))
    color = image.mean(axis=(0, 1)) if fill is None else fill
    covered = np.repeat(image[None], len(tops) * len(lefts) + 1, axis=0)
    for number, (top, left) in enumerate((top, left) for top in tops for left in lefts):
        covered[number + 1, top : top + size, left : left + size] = color
    outputs, scores = scorer.compute(covered, target)
    classes = outputs.argmax(axis=-1)
    shape = len(tops), len(lefts)
    return OcclusionResult(
        image,
        float(outputs[0, target]),
        float(scores[0]),
        scorer.are_log_odds,
        tops,
        lefts,
        size,
        outputs[1:, target].reshape(shape),
        scores[1:].reshape(shape),
        (classes[1:] != classes[0]).reshape(shape),
    )


def place_patches(side: int, size: int) -> Array:
    """Return where squares begin that overlap by half and cover a whole side.

    Examples
    --------
    >>> place_patches(10, 4)
    array([0, 2, 4, 6])
    """
    starts = list(range(0, side - size + 1, max(1, size // 2)))
    return np.array(starts if starts[-1] == side - size else [*starts, side - size])


def find_training_mean(model: ModelLike, sample_shape: Sequence[int]) -> Array | None:
    """Return the mean of the training samples, as far as a first layer that normalizes inputs has it."""
    layer = model.layers[0] if model.layers else None
    if not isinstance(layer, Normalization):
        return None
    mean = np.asarray(layer.statistics["mean"], np.float64)
    mean = mean.reshape(mean.shape[1:]) if mean.ndim > len(sample_shape) else mean
    return np.broadcast_to(mean, tuple(sample_shape))
