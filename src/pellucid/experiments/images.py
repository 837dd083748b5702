"""The Keras classifier for a folder of images: a dense network on the pixels themselves."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np

from pellucid.experiments.common.image_data import Pictures, from_folder, mistakes
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment


@experiment(
    "images",
    "A folder of images, told apart by their pixels",
    r"h_1 = \operatorname{relu}(W_1 x + b_1), \quad h_2 = \operatorname{relu}(W_2 h_1 + b_2), \quad "
    r"p = \operatorname{softmax}(W_3 h_2 + b_3)",
    r"L = -\frac{1}{2} \sum_k \left( t_k \log p_k + (1 - t_k) \log(1 - p_k) \right)",
)
def images(
    run: Run,
    *,
    data: Annotated[Path | None, "a folder or zip of images; two kinds of digits, written as PNG, without it"] = None,
    epochs: Annotated[int, Range(1), "passes over the images"] = 50,
    batch: Annotated[int, Range(1), "images a step"] = 128,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    test_size: Annotated[float, Range(0.05, 0.95), "share of the images kept for the test"] = 0.25,
) -> Outcome:
    """Every image is brought to 32x32 pixels and read as a row of 3,072 numbers, which three dense layers weigh.
    The network knows nothing of neighbouring pixels, so it beats guessing but not a convolution.
    """
    pictures = read(run, data, test_size)
    classes = len(pictures.class_names)
    model = network(classes, rate, run.seed)
    x, x_test = flat(pictures.x_train), flat(pictures.x_test)
    t, t_test = np.eye(classes, dtype="float32")[pictures.y_train], np.eye(classes, dtype="float32")[pictures.y_test]
    with (
        run.learning("training", "epochs", values_of=lambda history: history.history.get("loss", [])),
        run.clock("training"),
    ):
        history = model.fit(
            x, t, epochs=epochs, batch_size=batch, validation_data=(x_test, t_test), seed=run.seed, verbose=0
        ).history
    answers = model.predict(x_test).argmax(-1)
    accuracy = float((answers == pictures.y_test).mean())
    draw(run, history)
    mistakes(run, pictures, answers)
    return Outcome(
        Score("held-out accuracy", accuracy),
        baseline=Score("always the larger class", pictures.larger_class),
        measures={
            "held_out_accuracy": accuracy,
            "training_accuracy": history["accuracy"][-1],
            "larger_class": pictures.larger_class,
            "images": len(x),
            "classes": list(pictures.class_names),
            "epochs": epochs,
        },
        lines=[
            f"{len(x)} images of {', '.join(pictures.class_names)} to learn from, {len(x_test)} to test on",
            f"held-out accuracy {accuracy:.3f}, training accuracy {history['accuracy'][-1]:.3f}",
        ],
    )


def read(run: Run, data: Path | None, test_size: float) -> Pictures:
    """Read the folder given, or write a folder of digits and read that."""
    if data is not None:
        return from_folder(data, None, None, run.seed, test_size)
    from pellucid.data import write_digit_folder

    with TemporaryDirectory() as parent:
        folder = write_digit_folder(Path(parent) / "digits", seed=run.seed)
        return from_folder(folder, None, None, run.seed, test_size)


def flat(x: Any) -> Any:
    """Return images as rows of numbers from 0 to 1."""
    return (x.reshape(len(x), -1) / 255).astype("float32")


def network(classes: int, rate: float, seed: int) -> Any:
    """Return the workshop's 3072-768-384-k network, compiled."""
    import pellucid as pel
    from pellucid import nn
    from pellucid.nn.optimizers import SGD

    nn.set_random_seed(seed)
    model = pel.Sequential(
        [
            nn.Input((3072,)),
            nn.Dense(768, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(384, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(optimizer=SGD(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def draw(run: Run, history: Any) -> None:
    """Save the learning curves."""
    from pellucid.show.plots import learning_curves

    curves = {"training": history["accuracy"], "held out": history["val_accuracy"]}
    run.figure(
        "accuracy",
        "Accuracy while it learns",
        learning_curves(curves, "epoch", "accuracy"),
        reading=f"The accuracy after each epoch, on the images it learns from, up to {max(history['accuracy']):.2f}, "
        f"and on those it does not, up to {max(history['val_accuracy']):.2f}. Where the first goes on "
        "rising and the second does not, the network is learning its images by heart.",
    )
