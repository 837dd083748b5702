"""A dense network on the pixels of an image folder: the Keras classifier of the workshop."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from pellucid.course.networks.common.image_data import ImageData, load_image_folder, save_predictions
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment
from pellucid.tracking.comparison import describe_better_classifier, describe_overfitting, describe_trend

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential


@experiment(
    "images",
    "A dense network classifies a folder of images",
    r"h_1 = \operatorname{relu}(W_1 x + b_1), \quad h_2 = \operatorname{relu}(W_2 h_1 + b_2), \quad "
    r"p = \operatorname{softmax}(W_3 h_2 + b_3)",
    r"L = -\frac{1}{2} \sum_k \left( t_k \log p_k + (1 - t_k) \log(1 - p_k) \right)",
    chapters=(9,),
)
def images(
    run: RunContext,
    *,
    data: Annotated[Path | None, "folder or zip of images (default: the digits 3 and 8, written as PNG)"] = None,
    epochs: Annotated[int, Range(1), "epochs"] = 50,
    batch: Annotated[int, Range(1), "batch size"] = 128,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    test_size: Annotated[float, Range(0.05, 0.95), "fraction of the images in the test set"] = 0.25,
) -> ExperimentResult:
    """Every image is resized to 32x32 pixels and read as a vector of 3,072 numbers, the input of three dense layers.
    The network does not know which pixels are neighbors; the convolutional networks of the course do.
    """
    samples = load_images(run, data, test_size)
    classes = len(samples.class_names)
    model = build_model(classes, rate, run.seed)
    x, x_test = flatten_and_scale(samples.x_train), flatten_and_scale(samples.x_test)
    t, t_test = np.eye(classes, dtype="float32")[samples.y_train], np.eye(classes, dtype="float32")[samples.y_test]
    with (
        run.learning_curve("training", "epochs", get_values=lambda history: history.history.get("loss", [])),
        run.clock("training"),
    ):
        history = model.fit(
            x, t, epochs=epochs, batch_size=batch, validation_data=(x_test, t_test), seed=run.seed, verbose=0
        ).history
    predictions = model.predict(x_test).argmax(-1)
    accuracy = float((predictions == samples.y_test).mean())
    # The history has the mean over each epoch, during which the weights change.
    training_accuracy = float((model.predict(x).argmax(-1) == samples.y_train).mean())
    draw_accuracy(run, history)
    save_predictions(run, samples, predictions)
    return ExperimentResult(
        Score("test accuracy", accuracy),
        baseline=Score("majority class", samples.majority_accuracy),
        measures={
            "test_accuracy": accuracy,
            "training_accuracy": training_accuracy,
            "majority_accuracy": samples.majority_accuracy,
            "images": len(x),
            "classes": list(samples.class_names),
            "epochs": epochs,
        },
        lines=[
            f"{len(x)} training images and {len(x_test)} test images of {', '.join(samples.class_names)}",
            f"test accuracy {accuracy:.3f}, training accuracy {training_accuracy:.3f}",
        ],
        findings=[
            describe_better_classifier(
                "the network",
                predictions == samples.y_test,
                "the majority class",
                samples.y_test == samples.majority_class,
                "test images",
            ),
            describe_overfitting(training_accuracy, len(x), accuracy, len(x_test)),
            describe_trend("training accuracy", history["accuracy"]),
            describe_trend("test accuracy", history["val_accuracy"]),
        ],
    )


def load_images(run: RunContext, data: Path | None, test_size: float) -> ImageData:
    if data is not None:
        return load_image_folder(data, None, None, run.seed, test_size)
    from pellucid.data import write_digit_folder

    with TemporaryDirectory() as parent:
        folder = write_digit_folder(Path(parent) / "digits", seed=run.seed)
        return load_image_folder(folder, None, None, run.seed, test_size)


def flatten_and_scale(x: Any) -> Any:
    """Return images as vectors of numbers from 0 to 1."""
    return (x.reshape(len(x), -1) / 255).astype("float32")


def build_model(classes: int, rate: float, seed: int) -> "Sequential":
    """Return the workshop's 3072-768-384-k network, compiled."""
    import pellucid as pel
    from pellucid import nn
    from pellucid.nn.optimizers import SGD

    nn.set_random_seed(seed)
    model: Sequential = pel.Sequential(
        [
            nn.Input((3072,)),
            nn.Dense(768, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(384, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(optimizer=SGD(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def draw_accuracy(run: RunContext, history: Mapping[str, list[float]]) -> None:
    from pellucid.show.plots.plots import learning_curves

    run.save_figure(
        "accuracy",
        "Training and test accuracy",
        learning_curves({"training": history["accuracy"], "test": history["val_accuracy"]}, "epoch", "accuracy"),
        reading=f"The accuracy after each epoch: at most {max(history['accuracy']):.2f} on the training images and "
        f"{max(history['val_accuracy']):.2f} on the test images.",
    )
