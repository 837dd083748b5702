"""The Lasagne network: convolutions, pooling and dropout on 32x32 color images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pellucid.course.networks.common.image_data import (
    load_colored_digits,
    load_image_folder,
    make_batch_indices,
    predict_in_batches,
    save_loss_and_maps,
    save_predictions,
    train_network,
)
from pellucid.course.networks.common.softmax_layer import predict_with_softmax_layer
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment
from pellucid.tracking.comparison import describe_better_classifier

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input
    from pellucid.run.function import Function

SOFTMAX_EPOCHS, SOFTMAX_RATE = 10, 0.001
"""The softmax layer has converged on the built-in images after these epochs."""


@experiment(
    "conv32",
    "A small convolutional network on color images",
    r"y_{i,c} = \phi \left( b_c + \sum_{k,d} x_{i+k,d} \, w_{k,d,c} \right), \quad \phi(a) = \max(a, 0.01 \, a)",
    r"v \leftarrow \mu v - \eta \, \nabla L, \qquad w \leftarrow w + \mu v - \eta \, \nabla L",
    chapters=(7,),
)
def conv32(
    run: RunContext,
    *,
    data: Annotated[Path | None, "folder or zip of images, one folder per class (default: built-in digits)"] = None,
    images: Annotated[int, Range(200), "maximum number of training images"] = 6400,
    test: Annotated[int, Range(100), "maximum number of test images"] = 2000,
    epochs: Annotated[int, Range(1), "epochs"] = 2,
    batch: Annotated[int, Range(1), "batch size"] = 128,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    momentum: Annotated[float, Range(0, 1), "momentum"] = 0.9,
    strength: Annotated[float, Range(0), "weight of the L2 penalty"] = 1e-4,
    drop: Annotated[float, Range(0, 0.95), "dropout rate before each dense layer"] = 0.5,
) -> ExperimentResult:
    """The filters of two convolutions look for the same patterns everywhere in an image. Pooling makes the result less
    dependent on the exact position, and two dense layers classify. Dropout and an L2 penalty are meant to reduce
    overfitting. The baseline is a softmax layer on the same pixels, which has a weight for each position.
    """
    import pellucid as pel
    from pellucid import nn
    from pellucid.nn.optimizers import SGD

    if data is None:
        samples = load_colored_digits(images, test, run.seed)
    else:
        samples = load_image_folder(data, images, test, run.seed)
    batch = min(batch, len(samples.x_train))
    network = Conv32Network(len(samples.class_names), drop, run.seed)
    penalty = strength * nn.regularizers.l2(pel.parameters(network.p))
    loss = pel.losses.sparse_categorical_crossentropy(network.y, network.p).mean() + penalty
    optimizer = SGD(rate, momentum=momentum, nesterov=True)
    batches = make_batch_indices(len(samples.x_train), epochs * (len(samples.x_train) // batch), batch, run.seed)
    losses = train_network(run, network, samples, loss, optimizer, batches)
    with run.clock("testing"):
        predictions = predict_in_batches(network.predict, samples.x_test)
    with run.clock("softmax layer"):
        baseline = predict_with_softmax_layer(samples, SOFTMAX_EPOCHS, SOFTMAX_RATE, run.seed)
    accuracy, softmax_accuracy = (float((answers == samples.y_test).mean()) for answers in (predictions, baseline))
    save_loss_and_maps(run, network, samples, losses)
    save_predictions(run, samples, predictions)
    milliseconds = 1000 * run.timings["training"] / len(losses)
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("softmax layer", softmax_accuracy),
        measures={
            "test_accuracy": accuracy,
            "softmax_accuracy": softmax_accuracy,
            "majority_accuracy": samples.majority_accuracy,
            "training_loss": float(losses[-20:].mean()),
            "images": len(samples.x_train),
            "classes": list(samples.class_names),
            "steps": len(losses),
            "milliseconds_per_step": milliseconds,
        },
        lines=[
            f"{len(samples.x_train):,} images of {len(samples.class_names)} classes, {len(losses):,} steps of {batch}",
            f"test accuracy {accuracy:.3f} on {len(predictions):,} images",
            f"{milliseconds:.1f} ms per step, including compilation",
        ],
        findings=[
            describe_better_classifier(
                "the convolutional network",
                predictions == samples.y_test,
                "the softmax layer",
                baseline == samples.y_test,
                "test images",
            )
        ],
    )


class Conv32Network:
    """The network of the workshop."""

    def __init__(self, classes: int, drop: float, seed: int) -> None:
        import pellucid as pel
        from pellucid import nn

        nn.set_random_seed(seed)
        self.x: Input = pel.tensor("x", ("n", 32, 32, 3), "uint8")
        self.y: Input = pel.ivector("y", shape=("n",))
        scaled = pel.cast(self.x) / 127.5 - 1  # zero-centered inputs
        h = nn.Conv2D(64, 3, activation=leaky_relu)(scaled)
        self.maps: Expr = h
        h = nn.Conv2D(32, 3, activation=leaky_relu)(h)
        h = nn.MaxPooling2D(3, strides=2)(h)
        h = nn.Dense(128, activation=leaky_relu, kernel_initializer="orthogonal")(nn.Dropout(drop)(nn.Flatten()(h)))
        self.p: Expr = nn.Dense(classes, activation="softmax")(nn.Dropout(drop)(h))
        self.predict: Function = pel.function([self.x], pel.inference(self.p).argmax(-1))


def leaky_relu(x: "Expr") -> "Expr":
    """Leaky ReLU with Lasagne's slope of 0.01."""
    import pellucid as pel

    result: Expr = pel.leaky_relu(x, 0.01)
    return result
