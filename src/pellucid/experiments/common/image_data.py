"""What the experiments on images share: their data, halved into images to learn from and others, and their mistakes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.experiments.runner import Run

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, Input


@dataclass(frozen=True)
class Pictures:
    """Images of shape (n, 32, 32, 3), uint8, and their labels, int32: some to learn from, others to test on."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any
    class_names: Sequence[str]

    @property
    def larger_class(self) -> float:
        """The held-out accuracy of always answering the class that is most frequent in training."""
        most = np.bincount(self.y_train, minlength=len(self.class_names)).argmax()
        return float((self.y_test == most).mean())


def built_in_digits(images: int, test: int, seed: int) -> Pictures:
    """Return MNIST's digits as colour images of 32x32 pixels."""
    from pellucid.data import digits32

    x, y = digits32("train", images, seed)
    x_test, y_test = digits32("test", test, seed + 1)
    return Pictures(x, y, x_test, y_test, [str(digit) for digit in range(10)])


def from_folder(path: Path, images: int | None, test: int | None, seed: int, test_size: float = 0.25) -> Pictures:
    """Return the images of a folder, at most so many of each kind, by its own parts or else split at random."""
    from pellucid.data import DataError, image_folder, image_parts, split

    parts = image_parts(path)
    if {"train", "test"} <= set(parts):
        learn, other = image_folder(path, part="train"), image_folder(path, part="test")
        names, other_names = learn.class_names, other.class_names
        if names != other_names:
            raise DataError(f"{path}: train and test hold different classes, {names} and {other_names}")
        x, y, x_test, y_test = learn.images, learn.labels, other.images, other.labels
    else:
        data = image_folder(path)
        names = data.class_names
        refuse_too_few(path, data.labels, names, test_size)
        x, x_test, y, y_test = split(data.images, data.labels, test_size=test_size, seed=seed, stratify=data.labels)
    return Pictures(*some(x, y, images, seed), *some(x_test, y_test, test, seed), names)


def refuse_too_few(path: Path, labels: Any, names: Sequence[str], test_size: float) -> None:
    """Refuse images that cannot be split so that every class has some to learn from and some to test on."""
    from pellucid.data import DataError

    counts = np.bincount(labels, minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if count < 2:
            raise DataError(
                f"{path}: expected two or more images of every class, to learn from and to test on; received one of "
                f"{name!r}. Add images of it, or take it away"
            )
    tested = math.ceil(test_size * len(labels))
    if min(tested, len(labels) - tested) < len(names):
        raise DataError(
            f"{path}: a split of its {len(labels)} images into {len(labels) - tested} to learn from and {tested} to "
            f"test on leaves one without some of its {len(names)} classes. Add images"
        )


def some(x: Any, y: Any, count: int | None, seed: int) -> tuple[Any, Any]:
    """Return at most so many images, drawn at random."""
    chosen = np.random.default_rng(seed).permutation(len(x))[:count]
    return x[chosen], y[chosen]


def batches(images: int, steps: int, batch: int, seed: int) -> Any:
    """Return which images make each batch, in a new order whenever all have been seen: shape (steps, batch)."""
    rng = np.random.default_rng(seed)
    rounds = -(-steps * batch // images)
    order = np.concatenate([rng.permutation(images) for _ in range(rounds)])
    return order[: steps * batch].reshape(steps, batch).astype("int32")


def train(
    run: Run, inputs: "tuple[Input, Input]", data: tuple[Any, Any], loss: "Expr", optimizer: Any, order: Any
) -> Any:
    """Teach a network batch by batch, as one compiled loop over images that stay where they are.

    Parameters
    ----------
    run : Run
        Times it and shows how far it is.
    inputs, data : pair
        The expressions for images and labels, and all of the images and labels.
    loss : Expr
        What to make small.
    optimizer : object with updates
        How.
    order : array of int32, shape (steps, batch)
        Which images make each batch.

    Returns
    -------
    array, shape (steps,)
        The loss of every batch.
    """
    import pellucid as pel

    chosen = pel.ivector("chosen", shape=("n",))
    held = [pel.shared(d, i.name, dtype=i.dtype, trainable=False) for i, d in zip(inputs, data, strict=True)]
    givens = {i: pel.take(d, chosen, axis=0) for i, d in zip(inputs, held, strict=True)}
    step = pel.function([chosen], loss, updates=optimizer.updates(loss), givens=givens)
    with (
        run.learning("training", "steps") as noted,
        run.clock("training"),
        run.following("training", len(order)) as follow,
    ):
        losses = step.over(order, progress=follow)
        noted.extend(losses)
    return losses


def classify(predict: Any, images: Any, batch: int = 100) -> Any:
    """Return what a compiled function answers for many images, a batch at a time."""
    return np.concatenate([predict(images[i : i + batch]) for i in range(0, len(images), batch)])


def mistakes(run: Run, pictures: Pictures, answers: Any) -> None:
    """Save a picture of images and what they were taken for, the wrong ones first."""
    from pellucid.show.plots import image_grid

    wrong = answers != pictures.y_test
    order = np.random.default_rng(run.seed).permutation(len(wrong))
    shown = np.concatenate([order[wrong[order]][:16], order[~wrong[order]][:16]])[:24]
    names = pictures.class_names
    said = [f"{names[answers[i]]}\nnot {names[pictures.y_test[i]]}" if wrong[i] else names[answers[i]] for i in shown]
    run.figure(
        "answers",
        "Images it has not seen, and what it takes them for",
        image_grid(pictures.x_test[shown], said, columns=6, wrong=[bool(wrong[i]) for i in shown]),
        reading=f"{int(wrong.sum())} of {len(wrong)} images are taken for something else. The first tiles are such "
        "mistakes, named for what the network took them for and what they are; the rest are right.",
    )
