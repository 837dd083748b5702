"""The moons network with more and fewer hidden units: from a straight line to a curve around single points."""

from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.byhand import moons as by_hand
from pellucid.experiments.moons import HELD_OUT, straight_line
from pellucid.experiments.runner import Outcome, Range, Run, Score, UsageError, experiment
from pellucid.experiments.runner.pluralize import counted


def build(hidden: int, rate: float, strength: float, points: int, seed: int) -> Any:
    """Return the network of the moons experiment as a model, with the workshop's first weights.

    The workshop's loss is a sum over the points and a model's is a mean, so the rate is multiplied by their number and
    the strength divided by it.
    """
    import pellucid as pel
    from pellucid import nn

    start = by_hand.initialize(hidden=hidden, seed=seed)

    def dense(units: int, activation: str, weights: NDArray[Any]) -> Any:
        penalty = nn.regularizers.L2(strength / 2 / points)
        return nn.Dense(units, activation, kernel_initializer=lambda *_, **__: weights, kernel_regularizer=penalty)

    layers = [dense(hidden, "tanh", start.W1), dense(2, "softmax", start.W2)]
    model = pel.Sequential([nn.Input((2,), dtype="float64"), *layers])
    model.compile(nn.optimizers.SGD(rate * points), "sparse_categorical_crossentropy")
    return model


@experiment(
    "moons-sizes",
    "How many hidden units two moons need",
    r"\hat{y} = \mathrm{softmax}\left( \tanh(X W_1 + b_1) W_2 + b_2 \right), \quad W_1 \in \mathbb{R}^{2 \times h}",
    r"2h + h + 2h + 2 = 5h + 2 \text{ parameters}",
)
def moons_sizes(
    run: Run,
    *,
    sizes: Annotated[tuple[int, ...], Range(1, 1000), "hidden units, one network each"] = (1, 2, 3, 4, 5, 20, 50),
    passes: Annotated[int, Range(1), "steps of gradient descent, each on all points"] = 20_000,
    rate: Annotated[float, Range(0, open=True), "length of a step, as a multiple of the gradient"] = 0.01,
    strength: Annotated[float, Range(0), "strength of the L2 regularization"] = 0.01,
    points: Annotated[int, Range(20), "points to learn from"] = 200,
    noise: Annotated[float, Range(0), "how far points stray from their moon"] = 0.2,
) -> Outcome:
    """One hidden unit can only draw a straight line, two draw a bend, and three follow the moons. With many more the
    network also follows points that noise threw into the wrong moon: its training accuracy goes on rising while its
    accuracy on points it has not seen does not. Only the second tells how good a network is.
    """
    import pellucid as pel
    from pellucid.data import moons as draw
    from pellucid.show.plots import boundary_grid, learning_curves

    twice = [size for size in dict.fromkeys(sizes) if sizes.count(size) > 1]
    if twice:
        raise UsageError(f"sizes: expected each size once; received {twice[0]} more than once. Keep one of them")
    X, y = draw(points, noise=noise, seed=run.seed, dtype="float64")
    X_new, y_new = draw(HELD_OUT, noise=noise, seed=run.seed + 1, dtype="float64")
    with (
        run.learning("the networks", values_of=mean_losses) as noted,
        run.following("the networks", passes) as follow,
        run.clock("training"),
    ):
        found = pel.sweep(
            partial(build, rate=rate, strength=strength, points=points),
            X,
            y,
            hidden=sizes,
            seed=run.seed,
            epochs=passes,
            batch_size=points,
            progress=follow,
        )
    noted.extend(mean_losses(found))
    losses = dict(zip(sizes, found.curves["loss"], strict=True))
    training, held_out = (
        {size: float(share) for size, share in zip(sizes, (found.predict(at).argmax(2) == wanted).mean(1), strict=True)}
        for at, wanted in ((X, y), (X_new, y_new))
    )
    line = straight_line(X, y, X_new, y_new)
    best = max(held_out, key=lambda size: held_out[size])
    run.figure(
        "boundaries",
        "The same points, more and more hidden units",
        boundary_grid(
            {
                f"{size} hidden: {held_out[size]:.3f} held out": partial(found.model(i).predict, batch_size=57600)
                for i, size in enumerate(sizes)
            },
            X,
            y,
        ),
        reading="One panel for each network, over the same points. "
        + "; ".join(
            f"with {counted(size, 'unit')} it gets {training[size]:.1%} of these points right "
            f"and {held_out[size]:.1%} of others"
            for size in sizes
        )
        + ". One unit draws a straight line, and each further unit lets the line bend once more.",
    )
    if len(sizes) > 1:
        accuracies = {
            "training": (list(training), list(training.values())),
            "held out": (list(held_out), list(held_out.values())),
        }
        run.figure(
            "accuracies",
            "Accuracy on the points it learnt from, and on others",
            learning_curves(accuracies, "hidden units", "accuracy", reference=("a straight line", line)),
            reading="Two curves over the number of hidden units. Training accuracy ends at "
            f"{training[max(training)]:.3f} with {counted(max(training), 'unit')}; accuracy on {HELD_OUT} other "
            f"points ends at {held_out[max(held_out)]:.3f} and is highest, {held_out[best]:.3f}, "
            f"with {counted(best, 'unit')}.",
        )
    return Outcome(
        Score(f"held-out accuracy, the best, with {counted(best, 'unit')}", held_out[best]),
        baseline=Score("logistic regression's held-out accuracy", line),
        measures={
            "training_accuracy": training,
            "held_out_accuracy": held_out,
            "last_loss": {size: history[-1] for size, history in losses.items()},
            "logistic_regression": line,
            "programs": found.programs,
        },
        lines=[
            "hidden  parameters    loss  training  held out",
            *(
                f"{size:6}  {5 * size + 2:10}  {losses[size][-1]:.4f}  {training[size]:8.3f}  {held_out[size]:8.3f}"
                for size in sizes
            ),
            f"a straight line gets {line:.3f} of the held-out points right",
            f"{counted(len(sizes), 'network')}, {counted(passes, 'pass')} each, trained as {found.programs_text}: "
            f"{run.timings['training']:.1f} s",
        ],
    )


def mean_losses(found: Any) -> list[float]:
    """Return the mean loss of the networks of a sweep after each pass that all of them have made."""
    curves = found.curves.get("loss", np.empty((1, 0)))
    together: list[float] = curves[:, np.isfinite(curves).all(axis=0)].mean(axis=0).tolist()
    return together
