"""A convolutional network on MNIST, that of the TensorFlow tutorial for experts, and a small one by hand."""

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from pellucid.byhand import convolution as by_hand
from pellucid.course.networks.common.image_data import (
    ImageData,
    make_batch_indices,
    predict_in_batches,
    save_loss_and_maps,
    save_predictions,
    train_network,
)
from pellucid.course.networks.common.softmax_layer import predict_with_softmax_layer
from pellucid.optional_packages import require_packages
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment, pluralize
from pellucid.tracking.comparison import describe_better_classifier

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input
    from pellucid.nn.layers.convolution import Conv2D
    from pellucid.run.function import Function

SMALL_IMAGES, SMALL_EPOCHS, SMALL_BATCH, SMALL_RATE = 5000, 5, 20, 0.2
"""Training of the network by hand."""

EQUAL = 1e-6
"""Largest difference of two float64 weights that rounding explains."""


SOFTMAX_EPOCHS, SOFTMAX_RATE = 2, 0.01

CNN, SOFTMAX, BY_HAND = "the convolutional network", "the softmax layer", "the small network by hand"


@experiment(
    "mnist-cnn",
    "Handwritten digits with two convolutions",
    r"y_{i,c} = \operatorname{relu} \left( b_c + \sum_{k,d} x_{i+k,d} \, w_{k,d,c} \right)",
    r"m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad "
    r"w \leftarrow w - \eta \, \frac{\hat m}{\sqrt{\hat v} + \epsilon}",
    chapters=(7,),
)
def mnist_cnn(
    run: RunContext,
    *,
    steps: Annotated[int, Range(1), "training steps"] = 300,
    batch: Annotated[int, Range(1, 10_000), "batch size"] = 50,
    rate: Annotated[float, Range(0, open=True), "learning rate of Adam"] = 1e-3,
    drop: Annotated[float, Range(0, 0.95), "dropout rate of the 1,024 units"] = 0.5,
    test: Annotated[int, Range(100, 10_000), "test images"] = 10_000,
) -> ExperimentResult:
    """Two convolutions with pooling, 1,024 dense units and dropout, trained by Adam. Convolutions apply the same
    filters at every position, so a stroke need not be learned again for each of them. The baseline is a softmax layer,
    which must learn it again. A small convolutional network by hand, in NumPy, reads the same digits in 14x14 pixels;
    the graph of pellucid trains the same network. The tutorial takes 20,000 steps with a learning rate of 0.0001.
    """
    import pellucid as pel
    from pellucid.data import mnist
    from pellucid.nn.optimizers import Adam
    from pellucid.show.plots.plots import filters

    (x, y), (x_test, y_test) = mnist()
    data = ImageData(x, y, x_test[:test], y_test[:test], "0123456789")
    network = MnistCnnNetwork(drop, run.seed)
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean()
    batches = make_batch_indices(len(x), steps, batch, run.seed)
    losses = train_network(run, network, data, loss, Adam(rate), batches)
    with run.clock("testing"):
        predictions = predict_in_batches(network.predict, data.x_test)
    with run.clock("softmax layer"):
        baseline = predict_with_softmax_layer(data, SOFTMAX_EPOCHS, SOFTMAX_RATE, run.seed)
    small, difference, small_lines = train_small_network(run, data)
    right, softmax_right, small_right = (answers == data.y_test for answers in (predictions, baseline, small))
    accuracy = float(right.mean())
    milliseconds = 1000 * run.timings["training"] / steps
    save_loss_and_maps(run, network, data, losses)
    run.save_figure(
        "filters",
        "The 32 filters of the first convolution",
        filters(network.first.kernel.get_value(), columns=6),
        reading="Each tile is one 5x5 filter, green where its weights are positive and purple where they are negative.",
    )
    save_predictions(run, data, predictions)
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("softmax layer", float(softmax_right.mean())),
        measures={
            "test_accuracy": accuracy,
            "softmax_accuracy": softmax_right.mean(),
            "accuracy_by_hand": small_right.mean(),
            "largest_weight_difference": difference,
            "majority_accuracy": data.majority_accuracy,
            "training_loss": float(losses[-20:].mean()),
            "steps": steps,
            "milliseconds_per_step": milliseconds,
        },
        lines=[
            f"test accuracy {accuracy:.4f} on {len(predictions):,} digits after {pluralize(steps, 'step')} of {batch}",
            f"{milliseconds:.1f} ms per step, including compilation",
            *small_lines,
        ],
        findings=[
            describe_better_classifier(CNN, right, SOFTMAX, softmax_right, "test images"),
            describe_better_classifier(BY_HAND, small_right, SOFTMAX, softmax_right, "test images"),
            describe_better_classifier(CNN, right, BY_HAND, small_right, "test images"),
            describe_agreement(difference),
        ],
    )


def train_small_network(run: RunContext, data: ImageData) -> tuple[Any, float, list[str]]:
    """Train the network by hand, and the same one by graph, on digits of 14x14 pixels in float64.

    Returns the predictions of the test images, the largest difference between the weights of the two, and lines.
    """
    with require_packages("The experiment mnist-cnn"):
        from threadpoolctl import threadpool_limits

    import pellucid as pel

    X, X_test = average_pixels(data.x_train[:SMALL_IMAGES]), average_pixels(data.x_test)
    y = data.y_train[:SMALL_IMAGES].astype("int32")
    batches = np.array(list(by_hand.draw_batches(len(X), SMALL_BATCH, SMALL_EPOCHS, run.seed)))
    start = by_hand.initialize(X.shape[1:], seed=run.seed)
    # One BLAS thread: on a busy machine, threads spend more time waiting for one another than on such small products.
    with threadpool_limits(1), run.progress("by hand", len(batches)) as advance, run.clock("by hand") as hand_clock:
        for weights, _ in by_hand.descend(start, X, y, batches, SMALL_RATE):  # noqa: B007 (the last ones are used)
            advance()
    rows, images, labels = pel.ivector("rows"), pel.shared(X, "X", trainable=False), pel.shared(y, "y", trainable=False)
    K, b1, W2, b2 = parameters = [pel.shared(value, name) for name, value in start._asdict().items()]
    pooled = pel.max_pool(pel.relu(pel.conv(pel.take(images, rows, axis=0), K) + b1), 2)
    p = pel.softmax(pooled.reshape((-1, len(start.W2))) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(pel.take(labels, rows, axis=0), p).mean()
    step = pel.function([rows], loss, updates=pel.optimizers.SGD(SMALL_RATE).updates(loss, parameters))
    with run.loop_progress("by graph", len(batches)) as progress, run.clock("by graph") as clock:
        step.over(batches.astype("int32"), progress=progress)
    pairs = zip(parameters, weights, strict=True)
    difference = max(float(np.abs(variable.get_value() - part).max()) for variable, part in pairs)
    seconds = clock.seconds - step.compile_seconds
    line = (
        f"{len(batches):,} steps of the small network by hand in NumPy: {hand_clock.seconds:.2f} s; as one compiled "
        f"program: {seconds:.2f} s (and {step.compile_seconds:.2f} s to compile)"
    )
    return by_hand.predict(weights, X_test), difference, [line]


def average_pixels(images: Any) -> Any:
    """Return 28x28 images as 14x14 means of 2x2 pixels, from 0 to 1, with one channel."""
    return images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))[..., np.newaxis] / 255


def describe_agreement(difference: float) -> str:
    """Return whether the small network by hand and by graph end with the same weights.

    >>> describe_agreement(2e-14)
    'The small network ends with the same weights by hand and by graph, up to 2e-14.'
    """
    verdict = "the same weights by hand and by graph, up to" if difference < EQUAL else "weights that differ by up to"
    return f"The small network ends with {verdict} {difference:.0e}."


class MnistCnnNetwork:
    """Two convolutions, each with pooling, and two dense layers."""

    def __init__(self, drop: float, seed: int) -> None:
        import pellucid as pel
        from pellucid import nn

        nn.set_random_seed(seed)
        kernel, bias = nn.initializers.TruncatedNormal(stddev=0.1), nn.initializers.Constant(0.1)
        common: dict[str, Any] = {"activation": "relu", "kernel_initializer": kernel, "bias_initializer": bias}
        self.x: Input = pel.tensor("x", ("n", 28, 28), "uint8")
        self.y: Input = pel.ivector("y", shape=("n",))
        scaled = pel.expand_dims(pel.cast(self.x) / 255, -1)
        self.first: Conv2D = nn.Conv2D(32, 5, padding="same", **common)
        self.maps: Expr = self.first(scaled)
        h = nn.MaxPooling2D(2)(self.maps)
        h = nn.MaxPooling2D(2)(nn.Conv2D(64, 5, padding="same", **common)(h))
        h = nn.Dropout(drop)(nn.Dense(1024, **common)(nn.Flatten()(h)))
        self.p: Expr = nn.Dense(10, **{**common, "activation": "softmax"})(h)
        self.predict: Function = pel.function([self.x], pel.inference(self.p).argmax(-1))
