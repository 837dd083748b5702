"""Softmax regression on MNIST, trained by hand in NumPy and by graph."""

from typing import Annotated

import numpy as np

from pellucid.course.networks.common.image_data import ImageData, make_batch_indices, save_predictions
from pellucid.course.networks.common.softmax_layer import SoftmaxLayer
from pellucid.optional_packages import require_packages
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment, pluralize
from pellucid.tracking.comparison import describe_better_classifier
from pellucid.typing import Array

EQUAL = 1e-4
"""Largest difference of two float32 weights that rounding explains."""


def train_by_hand(images: Array, labels: Array, batches: Array, rate: float) -> Array:
    """Return the weights after the same gradient descent as a loop in NumPy."""
    W, b = np.zeros((784, 10), "float32"), np.zeros(10, "float32")
    for batch in batches:
        x = images[batch].astype("float32") / 255
        z = x @ W + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        delta = p / p.sum(axis=1, keepdims=True)
        delta[np.arange(len(batch)), labels[batch]] -= 1
        W -= np.float32(rate) * (x.T @ delta)
        b -= np.float32(rate) * delta.sum(axis=0)
    return W


@experiment(
    "mnist-softmax",
    "One softmax layer for handwritten digits",
    r"\hat{y} = \mathrm{softmax}(x W + b)",
    r"L = -\sum_n \log \hat{y}_{n, y_n}",
    r"\frac{\partial L}{\partial W} = x^T (\hat{y} - Y),"
    r" \quad \frac{\partial L}{\partial b} = \sum_n (\hat{y}_n - Y_n)",
    chapters=(7,),
)
def mnist_softmax(
    run: RunContext,
    *,
    steps: Annotated[int, Range(1), "steps of gradient descent"] = 1000,
    batch: Annotated[int, Range(1, 60_000), "batch size"] = 100,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
) -> ExperimentResult:
    """For each of the ten digits the layer computes a weighted sum of all pixels, and the softmax converts the ten sums
    to probabilities. All weights start at zero. After training they can be viewed as pictures: which pixels are
    evidence for a digit, and which against it.
    """
    with require_packages("The experiment mnist-softmax"):
        from threadpoolctl import threadpool_limits

    from pellucid.data import mnist

    (images, labels), (test_images, test_labels) = mnist()
    flat, targets = images.reshape(len(images), -1), labels.astype("int32")
    test = test_images.reshape(len(test_images), -1)
    batches = make_batch_indices(len(flat), steps, batch, run.seed)
    network = SoftmaxLayer(flat, targets, rate)
    untrained = float((network.predict(test) == test_labels).mean())
    with (
        run.learning_curve("by graph", "steps", get_values=lambda totals: totals / batch) as curve,
        run.loop_progress("training", steps) as progress,
        run.clock("by graph") as clock,
    ):
        losses = network.step.over(batches, progress=progress) / batch
    curve.extend(losses)
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(
            f"the loss is {losses[-1]} after {pluralize(steps, 'step')} with rate {rate}; use a smaller rate"
        )
    seconds = clock.seconds - network.step.compile_seconds
    # One BLAS thread: on a busy machine, threads spend more time waiting for one another than on such small products.
    with threadpool_limits(1), run.clock("by hand") as hand_clock:
        weights = train_by_hand(flat, targets, batches, rate)

    predictions = network.predict(test)
    accuracy = float((predictions == test_labels).mean())
    data = ImageData(images, labels, test_images, test_labels, "0123456789")
    difference = float(np.abs(network.W.get_value() - weights).max())
    draw_pictures(run, network, losses)
    save_predictions(run, data, predictions)
    recall = {str(digit): (predictions == digit)[test_labels == digit].mean() for digit in range(10)}
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("majority class", data.majority_accuracy),
        measures={
            "test_accuracy": accuracy,
            "test_accuracy_untrained": untrained,
            "majority_accuracy": data.majority_accuracy,
            "accuracy_of_digit": recall,
            "last_loss": losses[-1],
            "largest_weight_difference": difference,
            "seconds_by_hand": hand_clock.seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(test):,} images after {steps:,} batches of {batch}",
            f"mean loss per image: {losses[0]:.3f} at first, {losses[-10:].mean():.3f} over the last 10 steps",
            f"{pluralize(steps, 'step')} in NumPy, on one core: {hand_clock.seconds:.2f} s; as one compiled program: "
            f"{seconds:.2f} s (and {network.step.compile_seconds:.2f} s to compile)",
            f"largest difference between the weights of the two: {difference:.0e}",
        ],
        findings=[
            describe_better_classifier(
                "the softmax layer",
                predictions == test_labels,
                "the majority class",
                test_labels == data.majority_class,
                "test images",
            ),
            describe_agreement(difference),
        ],
    )


def describe_agreement(difference: float) -> str:
    """Return whether the loop in NumPy and the compiled program end with the same weights.

    >>> describe_agreement(8e-07)
    'The loop in NumPy and the compiled program end with the same weights, up to 8e-07.'
    """
    verdict = "the same weights, up to" if difference < EQUAL else "different weights; the largest difference is"
    return f"The loop in NumPy and the compiled program end with {verdict} {difference:.0e}."


def draw_pictures(run: RunContext, network: SoftmaxLayer, losses: Array) -> None:
    """Save the weights and the learning curve."""
    from pellucid.show.plots.plots import filters, learning_curves

    run.save_figure(
        "weights",
        "The weights of the digits 0 to 9",
        filters(network.W.get_value().reshape(28, 28, 1, 10), columns=5, names="0123456789"),
        reading="Ten pictures of 28 by 28 weights, one for each digit. Green weights are positive: ink there is "
        "evidence for the digit. Purple weights are negative: ink there is evidence against it.",
    )
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    run.save_figure(
        "loss",
        "The loss of each batch",
        learning_curves(
            {"one batch": losses, f"mean of {window}": (np.arange(window, len(losses) + 1), smooth)},
            "step",
            "mean loss per image",
        ),
        reading=f"The mean loss per image is {losses[0]:.2f} in the first batch and {smooth[-1]:.2f} on average over "
        f"the last {window} batches. Guessing among ten digits has a loss of log 10 = {np.log(10):.2f}.",
    )
