"""Data, training loop and pictures of the image classification experiments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pellucid.tracking import RunContext

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input
    from pellucid.nn.optimizers import Optimizer
    from pellucid.run.function import Function
    from pellucid.typing import Array


@dataclass(frozen=True)
class ImageData:
    """Training and test images, uint8, and their labels, int32."""

    x_train: "Array"
    y_train: "Array"
    x_test: "Array"
    y_test: "Array"
    class_names: Sequence[str]

    @property
    def majority_class(self) -> int:
        """The most frequent class of the training set."""
        return int(np.bincount(self.y_train, minlength=len(self.class_names)).argmax())

    @property
    def majority_accuracy(self) -> float:
        """Test accuracy of always predicting the most frequent class of the training set."""
        return float((self.y_test == self.majority_class).mean())


def load_colored_digits(train: int, test: int, seed: int) -> ImageData:
    """Return MNIST digits as 32x32 color images."""
    from pellucid.data import digits32

    x, y = digits32("train", train, seed)
    x_test, y_test = digits32("test", test, seed + 1)
    return ImageData(x, y, x_test, y_test, "0123456789")


def load_image_folder(path: Path, train: int | None, test: int | None, seed: int, test_size: float = 0.25) -> ImageData:
    """Return the training and test parts of a folder, or a random stratified split, at most of the given sizes."""
    from pellucid.train.read.dataset import split_dataset
    from pellucid.train.read.loaders.image_loader import load
    from pellucid.train.settings.settings import Settings

    dataset = load(Settings(str(path)))
    parts = split_dataset(dataset, {"test": test_size}, seed)
    images, _ = dataset.fit_inputs(parts["training"])
    rng = np.random.default_rng(seed)
    rows, test_rows = rng.permutation(parts["training"])[:train], rng.permutation(parts["test"])[:test]
    labels = dataset.targets
    return ImageData(images[rows], labels[rows], images[test_rows], labels[test_rows], dataset.class_names)


def make_batch_indices(samples: int, steps: int, batch: int, seed: int) -> "Array":
    """Return the samples of each batch, shape (steps, batch): all samples, reshuffled in every epoch.

    >>> make_batch_indices(4, steps=2, batch=2, seed=0).ravel().tolist()
    [2, 0, 1, 3]
    """
    rng = np.random.default_rng(seed)
    epochs = -(-steps * batch // samples)
    order = np.concatenate([rng.permutation(samples) for _ in range(epochs)])
    return order[: steps * batch].reshape(steps, batch).astype("int32")


class ImageNetwork(Protocol):
    """A network for images ``x`` and labels ``y``: feature maps, class probabilities, and predicted classes."""

    x: "Input"
    y: "Input"
    maps: "Expr"
    p: "Expr"
    predict: "Function"


def train_network(
    run: RunContext, network: ImageNetwork, data: ImageData, loss: "Expr", optimizer: "Optimizer", batches: "Array"
) -> "Array":
    """Train as one compiled loop over batches of images that are stored on the device; return the loss of each batch.

    ``batches`` are indices of training images, shape (steps, batch).
    """
    import pellucid as pel

    indices = pel.ivector("indices", shape=("n",))
    givens = {}
    for variable, values in ((network.x, data.x_train), (network.y, data.y_train)):
        stored = pel.shared(values, variable.name, dtype=variable.dtype, trainable=False)
        givens[variable] = pel.take(stored, indices, axis=0)
    step = pel.function([indices], loss, updates=optimizer.updates(loss), givens=givens)
    with (
        run.learning_curve("training", "steps") as curve,
        run.clock("training"),
        run.loop_progress("training", len(batches)) as progress,
    ):
        losses = step.over(batches, progress=progress)
        curve.extend(losses)
    result: Array = losses
    return result


def predict_in_batches(predict: "Function", images: "Array", batch: int = 100) -> "Array":
    return np.concatenate([predict(images[i : i + batch]) for i in range(0, len(images), batch)])


def save_loss_and_maps(run: RunContext, network: ImageNetwork, data: ImageData, losses: "Array") -> None:
    """Save pictures of the training loss, and of the feature maps of the first convolution for one test image."""
    import pellucid as pel
    from pellucid.show.plots.plots import feature_maps, learning_curves

    classes = len(data.class_names)
    run.save_figure(
        "loss",
        "Training loss",
        learning_curves({"one batch": losses}, "step", "mean loss per image"),
        reading=f"The loss of each batch: {losses[0]:.2f} at the first step, {losses[-20:].mean():.2f} on average over "
        f"the last 20 steps. Guessing among {classes} classes has a loss of log {classes} = {math.log(classes):.2f}.",
    )
    maps = pel.function([network.x], pel.inference(network.maps))(data.x_test[:1])[0, ..., :32]
    run.save_figure(
        "feature-maps",
        "Feature maps of the first convolution for one image",
        feature_maps(maps, columns=6),
        reading=f"Each tile is the output of one of the first {maps.shape[-1]} filters for the same image, bright "
        "where the filter responds.",
    )


def describe_tiles(errors: int, shown: int) -> str:
    """Return which of the shown images are errors.

    >>> describe_tiles(16, 24)
    'The first 16 images are errors, with the predicted and the true class above them; the others are correct.'
    """
    if errors == 0:
        return "All shown images are correct, with the predicted class above them."
    which = f"The first {errors} images are" if errors > 1 else "The first image is an"
    noun = "errors" if errors > 1 else "error"
    others = "; the others are correct" if errors < shown else ""
    return f"{which} {noun}, with the predicted and the true class above {'them' if errors > 1 else 'it'}{others}."


def save_predictions(run: RunContext, data: ImageData, predictions: "Array") -> None:
    """Save a picture of test images with their predicted classes, errors first."""
    from pellucid.show.plots.plots import image_grid

    wrong = predictions != data.y_test
    order = np.random.default_rng(run.seed).permutation(len(wrong))
    errors, correct = order[wrong[order]][:16], order[~wrong[order]][:16]
    shown = np.concatenate([errors, correct])[:24]
    names = data.class_names
    labels = [
        f"{names[predictions[i]]}\nnot {names[data.y_test[i]]}" if wrong[i] else names[predictions[i]] for i in shown
    ]
    run.save_figure(
        "answers",
        "Test images and predicted classes",
        image_grid(data.x_test[shown], labels, columns=6, wrong=[bool(wrong[i]) for i in shown]),
        reading=f"{int(wrong.sum()):,} of {len(wrong):,} test images are misclassified. "
        + describe_tiles(len(errors), len(shown)),
    )
