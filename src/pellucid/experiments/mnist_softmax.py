"""One softmax layer on handwritten digits: how far ten weighted sums of the pixels go."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
from pellucid.experiments.runner.pluralize import counted

SHOWN = 24
"""How many mistakes are drawn at most."""


class Network:
    """The layer as expressions; all images lie in a shared variable as bytes, and are scaled in the graph.

    Parameters
    ----------
    images
        Shape (n, 784), dtype uint8.
    labels
        Shape (n,), dtype int32.
    rate
        Of the descent.
    """

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


def by_hand(images: NDArray[Any], labels: NDArray[Any], batches: NDArray[Any], rate: float) -> NDArray[Any]:
    """Return the weights after the same descent as a loop in NumPy."""
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
    "One softmax layer reads handwritten digits",
    r"\hat{y} = \mathrm{softmax}(x W + b)",
    r"L = -\sum_n \log \hat{y}_{n, y_n}",
    r"\frac{\partial L}{\partial W} = x^T (\hat{y} - Y),"
    r" \quad \frac{\partial L}{\partial b} = \sum_n (\hat{y}_n - Y_n)",
)
def mnist_softmax(
    run: Run,
    *,
    steps: Annotated[int, Range(1), "steps of gradient descent"] = 1000,
    batch: Annotated[int, Range(1, 60_000), "images in a step"] = 100,
    rate: Annotated[float, Range(0, open=True), "length of a step, as a multiple of the gradient"] = 0.01,
) -> Outcome:
    """For each of the ten digits the layer weighs every pixel and adds up; the largest sum wins, and the softmax makes
    probabilities of the sums. All begins at zero, yet one pass and a half over the training images brings nine of ten
    test images right. Its weights can be looked at as pictures: where ink speaks for a digit, and where against it.
    """
    from threadpoolctl import threadpool_limits

    from pellucid.data import mnist

    (images, labels), (test_images, test_labels) = mnist()
    flat, targets = images.reshape(len(images), -1), labels.astype("int32")
    test = test_images.reshape(len(test_images), -1)
    batches = shuffled(len(flat), steps, batch, run.seed)
    network = Network(flat, targets, rate)
    untrained = float((network.predict(test) == test_labels).mean())
    with (
        run.learning("by graph", "steps", values_of=lambda totals: totals / batch) as noted,
        run.following("training", steps) as follow,
        run.clock("by graph") as clock,
    ):
        losses = network.step.over(batches, progress=follow) / batch
    noted.extend(losses)
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(
            f"the loss is {losses[-1]} after {counted(steps, 'step')} at rate {rate}; take a smaller rate"
        )
    seconds = clock.seconds - network.step.compile_seconds
    # On a busy machine, threads wait for one another in such small products a hundred times longer than they compute.
    with threadpool_limits(1), run.clock("by hand") as hand_clock:
        weights = by_hand(flat, targets, batches, rate)

    said = network.predict(test)
    accuracy = float((said == test_labels).mean())
    majority = float((test_labels == np.bincount(labels).argmax()).mean())
    gap = float(np.abs(network.W.get_value() - weights).max())
    draw_pictures(run, network, losses, test_images, test_labels, said)
    return Outcome(
        Score("test accuracy", accuracy),
        baseline=Score("always the most frequent digit", majority),
        measures={
            "test_accuracy": accuracy,
            "test_accuracy_untrained": untrained,
            "majority": majority,
            "accuracy_of_digit": {str(digit): (said == digit)[test_labels == digit].mean() for digit in range(10)},
            "last_loss": losses[-1],
            "largest_gap_of_weights": gap,
            "seconds_by_hand": hand_clock.seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(test):,} images after {steps:,} batches of {batch}",
            f"mean loss of an image: {losses[0]:.3f} at first, which is log 10, and {losses[-10:].mean():.3f} at last",
            f"{counted(steps, 'step')} in NumPy, on one core: {hand_clock.seconds:.2f} s; as one compiled program: "
            f"{seconds:.2f} s (and {network.step.compile_seconds:.2f} s to compile)",
            f"the weights of the two differ by {gap:.0e} at most",
        ],
    )


def shuffled(count: int, steps: int, batch: int, seed: int) -> NDArray[np.int32]:
    """Return the rows of each batch, shape (steps, batch): every image once, then all again in another order.

    >>> shuffled(4, steps=2, batch=2, seed=0).ravel().tolist() == [2, 0, 1, 3]
    True
    """
    rng = np.random.default_rng(seed)
    rounds = -(-steps * batch // count)
    order = np.concatenate([rng.permutation(count) for _ in range(rounds)])
    return order[: steps * batch].reshape(steps, batch).astype("int32")


def draw_pictures(
    run: Run,
    network: Network,
    losses: NDArray[Any],
    images: NDArray[Any],
    labels: NDArray[Any],
    said: NDArray[Any],
) -> None:
    """Save the weights as pictures, the learning curve, and some mistakes."""
    from pellucid.show.plots import filters, image_grid, learning_curves

    run.figure(
        "weights",
        "The weights of the ten digits, 0 to 9",
        filters(network.W.get_value().reshape(28, 28, 1, 10), columns=5),
        reading="Ten pictures of 28 by 28 weights, for the digits 0 to 4 and below them 5 to 9. Orange is where ink "
        "speaks for the digit, blue where it speaks against it. The zero shows a ring of orange around a blue middle, "
        "since there is never ink in the middle of a zero.",
    )
    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    run.figure(
        "loss",
        "The loss of each batch",
        learning_curves(
            {"one batch": losses, f"mean of {window}": (np.arange(window, len(losses) + 1), smooth)}, "step"
        ),
        reading=f"The mean loss of an image falls from {losses[0]:.2f}, which is that of guessing among ten, to "
        f"{smooth[-1]:.2f}. Single batches scatter around their running mean, for each holds other images.",
    )
    wrong = np.flatnonzero(said != labels)[:SHOWN]
    if len(wrong):
        run.figure(
            "mistakes",
            "Digits it got wrong",
            image_grid(images[wrong], [f"{labels[row]}, said {said[row]}" for row in wrong], columns=8),
            reading=f"The first {len(wrong)} test images that it got wrong, each with its digit and what was said. "
            "Some are hard for people too; others only stand where the weights do not expect them.",
        )
