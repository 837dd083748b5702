"""The moons network with different numbers of hidden units."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import numpy as np

from pellucid.byhand import moons as by_hand
from pellucid.course.networks.moons import HELD_OUT, MOONS, classify_by_line
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, UsageError, experiment, pluralize
from pellucid.tracking.comparison import capitalize, compare_on_same_samples, describe_overfitting
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential
    from pellucid.nn.layers import Dense
    from pellucid.training.sweeps.result import Sweep


def build(hidden: int, rate: float, strength: float, points: int, seed: int) -> "Sequential":
    """Return the network of the moons experiment as a model, with the workshop's initial weights.

    The workshop's loss is a sum over the points and a model's is a mean, so the rate is multiplied by their number and
    the strength divided by it.
    """
    import pellucid as pel
    from pellucid import nn

    start = by_hand.initialize(hidden=hidden, seed=seed)

    def dense(units: int, activation: str, weights: Array) -> "Dense":
        penalty = nn.regularizers.L2(strength / 2 / points)
        return nn.Dense(units, activation, kernel_initializer=lambda *_, **__: weights, kernel_regularizer=penalty)

    layers = [dense(hidden, "tanh", start.W1), dense(2, "softmax", start.W2)]
    model: Sequential = pel.Sequential([nn.Input((2,), dtype="float64"), *layers])
    model.compile(nn.optimizers.SGD(rate * points), "sparse_categorical_crossentropy")
    return model


@experiment(
    "moons-sizes",
    "How many hidden units two moons need",
    r"\hat{y} = \mathrm{softmax}\left( \tanh(X W_1 + b_1) W_2 + b_2 \right), \quad W_1 \in \mathbb{R}^{2 \times h}",
    r"2h + h + 2h + 2 = 5h + 2 \text{ parameters}",
    chapters=(3,),
)
def moons_sizes(
    run: RunContext,
    *,
    sizes: Annotated[tuple[int, ...], Range(1, 1000), "hidden units, one network each"] = (1, 2, 3, 4, 5, 20, 50),
    passes: Annotated[int, Range(1), "steps of gradient descent on all points"] = 20_000,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    strength: Annotated[float, Range(0), "strength of the L2 regularization"] = 0.01,
    points: Annotated[int, Range(20), "training points"] = 200,
    noise: Annotated[float, Range(0), "standard deviation of the noise"] = 0.2,
) -> ExperimentResult:
    """With one hidden unit the decision boundary is a straight line. More units can bend it, if gradient descent finds
    weights that do. A large network can also fit points that noise moved into the wrong moon. Held-out accuracy tells
    which of the two it did.
    """
    import pellucid as pel
    from pellucid.data import moons as draw
    from pellucid.show.plots.plots import boundary_grid, learning_curves

    duplicates = [size for size in dict.fromkeys(sizes) if sizes.count(size) > 1]
    if duplicates:
        raise UsageError(f"sizes: expected each size once; received {duplicates[0]} more than once. Keep one of them")
    X, y = draw(points, noise=noise, seed=run.seed, dtype="float64")
    X_new, y_new = draw(HELD_OUT, noise=noise, seed=run.seed + 1, dtype="float64")
    with (
        run.learning_curve("the networks", get_values=get_mean_losses) as curve,
        run.loop_progress("the networks", passes) as progress,
        run.clock("training"),
    ):
        sweep = pel.sweep(
            partial(build, rate=rate, strength=strength, points=points),
            X,
            y,
            hidden=sizes,
            seed=run.seed,
            epochs=passes,
            batch_size=points,
            progress=progress,
        )
    curve.extend(get_mean_losses(sweep))
    losses = dict(zip(sizes, sweep.curves["loss"], strict=True))
    right = dict(zip(sizes, sweep.predict(X_new).argmax(2) == y_new, strict=True))
    training_right = dict(zip(sizes, sweep.predict(X).argmax(2) == y, strict=True))
    training, held_out = ({size: float(hits.mean()) for size, hits in each.items()} for each in (training_right, right))
    line = float((classify_by_line(X, y, X_new) == y_new).mean())
    best, largest = max(held_out, key=lambda size: held_out[size]), max(sizes)
    run.save_figure(
        "boundaries",
        "Decision boundaries by number of hidden units",
        boundary_grid(
            {
                f"{pluralize(size, 'unit')}: {held_out[size]:.3f} held out": partial(
                    sweep.model(i).predict, batch_size=57600
                )
                for i, size in enumerate(sizes)
            },
            X,
            y,
            columns=2,
            class_names=MOONS,
        ),
        reading="One panel per network, over the same points. Training and held-out accuracy: "
        + "; ".join(f"{training[size]:.1%} and {held_out[size]:.1%} with {pluralize(size, 'unit')}" for size in sizes)
        + ".",
    )
    if len(sizes) > 1:
        accuracies = {
            name: (sorted(accuracy), [accuracy[size] for size in sorted(accuracy)])
            for name, accuracy in (("training", training), ("held out", held_out))
        }
        run.save_figure(
            "accuracies",
            "Training and held-out accuracy",
            learning_curves(accuracies, "hidden units", "accuracy", reference=("logistic regression", line)),
            reading="Two curves over the number of hidden units. With the most units, "
            f"{pluralize(largest, 'unit')}, training accuracy is {training[largest]:.3f} and accuracy on "
            f"{HELD_OUT:,} held-out points {held_out[largest]:.3f}. The highest held-out accuracy is "
            f"{held_out[best]:.3f}, with {pluralize(best, 'unit')}.",
        )
    return ExperimentResult(
        Score(f"best held-out accuracy, with {pluralize(best, 'unit')}", held_out[best]),
        baseline=Score("logistic regression", line),
        measures={
            "training_accuracy": training,
            "held_out_accuracy": held_out,
            "last_loss": {size: history[-1] for size, history in losses.items()},
            "logistic_regression": line,
            "programs": sweep.programs,
        },
        lines=[
            "hidden  parameters    loss  training  held out",
            *(
                f"{size:6}  {5 * size + 2:10}  {losses[size][-1]:.4f}  {training[size]:8.3f}  {held_out[size]:8.3f}"
                for size in sizes
            ),
            f"logistic regression: held-out accuracy {line:.3f}",
            f"{pluralize(len(sizes), 'network')}, {pluralize(passes, 'pass')} each, trained as "
            f"{pluralize(sweep.programs, 'compiled program')}: {run.timings['training']:.1f} s",
        ],
        findings=[
            *describe_growth("held-out accuracy", right),
            *describe_growth("training accuracy", training_right),
            describe_overfitting(
                training[largest], points, held_out[largest], HELD_OUT, f"with {pluralize(largest, 'unit')}, "
            ),
        ],
    )


def describe_growth(accuracy: str, right: Mapping[int, Array]) -> list[str]:
    """Return between which sizes an accuracy rises, falls or does not change.

    ``right`` tells for each number of units which points are classified correctly.

    >>> one, two = np.arange(100) < 50, np.arange(100) < 90
    >>> describe_growth("accuracy", {1: one, 2: two, 5: two})
    ['Accuracy rises from 1 to 2 units.', 'It does not change beyond chance from 2 to 5 units.']
    """
    steps: dict[int, list[str]] = {1: [], -1: [], 0: []}
    sizes = sorted(right)
    for small, large in pairwise(sizes):
        steps[compare_on_same_samples(right[large], right[small])].append(f"from {small} to {large}")
    phrases = {1: "rises", -1: "falls", 0: "does not change beyond chance"}
    sentences = [f"{phrases[sign]} {join(ranges)} units." for sign, ranges in steps.items() if ranges]
    return [f"{'It' if number else capitalize(accuracy)} {sentence}" for number, sentence in enumerate(sentences)]


def join(words: Sequence[str]) -> str:
    """Return a list as text.

    >>> join(["a"]), join(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def get_mean_losses(sweep: "Sweep") -> list[float]:
    """Return the mean loss of the networks of a sweep after each pass that all of them have finished."""
    curves = sweep.curves.get("loss", np.empty((1, 0)))
    means: list[float] = curves[:, np.isfinite(curves).all(axis=0)].mean(axis=0).tolist()
    return means
