"""Softmax regression on MNIST, trained by hand in NumPy and by graph."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.experiments.runner import ExperimentResult, Range, RunContext, Score, experiment, pluralize

MAXIMUM_SHOWN = 24


class MnistSoftmaxNetwork:
    """A softmax layer. All images, uint8 of shape (n, 784), are in a shared variable and scaled in the graph."""

    def __init__(self, images: NDArray[Any], labels: NDArray[Any], rate: float) -> None:
        import pellucid as pel

        all_images = pel.shared(images, "images", trainable=False)
        all_labels = pel.shared(labels, "labels", trainable=False)
        batch, pixels = pel.ivector("batch", shape=("n",)), pel.tensor("pixels", ("m", 784), "uint8")
        self.W, self.b = pel.shared(np.zeros((784, 10), "float32"), "W"), pel.shared(np.zeros(10, "float32"), "b")

        def probabilities(pixels: Any) -> Any:
            return pel.softmax(pixels.astype("float32") / 255 @ self.W + self.b)

        p = probabilities(all_images[batch])
        loss = pel.losses.sparse_categorical_crossentropy(all_labels[batch], p).sum()
        self.step = pel.function([batch], loss, updates=pel.optimizers.SGD(rate).updates(loss))
        self.predict = pel.function([pixels], probabilities(pixels).argmax(axis=-1))


def train_by_hand(images: NDArray[Any], labels: NDArray[Any], batches: NDArray[Any], rate: float) -> NDArray[Any]:
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
    "One softmax layer classifies handwritten digits",
    r"\hat{y} = \mathrm{softmax}(x W + b)",
    r"L = -\sum_n \log \hat{y}_{n, y_n}",
    r"\frac{\partial L}{\partial W} = x^T (\hat{y} - Y),"
    r" \quad \frac{\partial L}{\partial b} = \sum_n (\hat{y}_n - Y_n)",
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
    from threadpoolctl import threadpool_limits

    from pellucid.data import mnist
    from pellucid.experiments.common.image_data import ImageData, make_batch_indices

    (images, labels), (test_images, test_labels) = mnist()
    flat, targets = images.reshape(len(images), -1), labels.astype("int32")
    test = test_images.reshape(len(test_images), -1)
    batches = make_batch_indices(len(flat), steps, batch, run.seed)
    network = MnistSoftmaxNetwork(flat, targets, rate)
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
    majority_accuracy = ImageData(images, labels, test_images, test_labels, "0123456789").majority_accuracy
    difference = float(np.abs(network.W.get_value() - weights).max())
    draw_pictures(run, network, losses, test_images, test_labels, predictions)
    recall = {str(digit): (predictions == digit)[test_labels == digit].mean() for digit in range(10)}
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("majority class", majority_accuracy),
        measures={
            "test_accuracy": accuracy,
            "test_accuracy_untrained": untrained,
            "majority_accuracy": majority_accuracy,
            "accuracy_of_digit": recall,
            "last_loss": losses[-1],
            "largest_weight_difference": difference,
            "seconds_by_hand": hand_clock.seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(test):,} images after {steps:,} batches of {batch}",
            f"mean loss per image: {losses[0]:.3f} at first (log 10), {losses[-10:].mean():.3f} over the last 10 steps",
            f"{pluralize(steps, 'step')} in NumPy, on one core: {hand_clock.seconds:.2f} s; as one compiled program: "
            f"{seconds:.2f} s (and {network.step.compile_seconds:.2f} s to compile)",
            f"largest difference between the weights of the two: {difference:.0e}",
        ],
    )


def draw_pictures(
    run: RunContext,
    network: MnistSoftmaxNetwork,
    losses: NDArray[Any],
    images: NDArray[Any],
    labels: NDArray[Any],
    predictions: NDArray[Any],
) -> None:
    """Save the weights, the learning curve, and misclassified digits."""
    from pellucid.show.plots import filters, image_grid, learning_curves

    run.save_figure(
        "weights",
        "The weights of the digits 0 to 9",
        filters(network.W.get_value().reshape(28, 28, 1, 10), columns=5),
        reading="Ten pictures of 28 by 28 weights, for the digits 0 to 4 in the first row and 5 to 9 in the second. "
        "Orange weights are positive: ink there is evidence for the digit. Blue weights are negative.",
    )
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    run.save_figure(
        "loss",
        "The loss of each batch",
        learning_curves(
            {"one batch": losses, f"mean of {window}": (np.arange(window, len(losses) + 1), smooth)}, "step"
        ),
        reading=f"The mean loss per image is {losses[0]:.2f} in the first batch, as for guessing among ten digits, and "
        f"{smooth[-1]:.2f} on average over the last {window} batches.",
    )
    wrong = np.flatnonzero(predictions != labels)[:MAXIMUM_SHOWN]
    if len(wrong):
        run.save_figure(
            "mistakes",
            "Misclassified digits",
            image_grid(images[wrong], [f"{labels[i]}, predicted {predictions[i]}" for i in wrong], columns=8),
            reading=f"The first {len(wrong)} misclassified test images, each with its true and its predicted digit.",
        )
