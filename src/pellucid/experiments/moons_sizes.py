"""The moons network with more and fewer hidden units: from a straight line to a curve around single points."""

from typing import Annotated

from pellucid.byhand import moons as by_hand
from pellucid.experiments.frame import Outcome, Range, Run, Score, UsageError, experiment
from pellucid.experiments.frame.words import counted
from pellucid.experiments.moons import HELD_OUT, Network, straight_line


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
    from pellucid.data import moons as draw
    from pellucid.show.plots import boundary_grid, learning_curves

    twice = [size for size in dict.fromkeys(sizes) if sizes.count(size) > 1]
    if twice:
        raise UsageError(f"sizes: expected each size once; received {twice[0]} more than once. Keep one of them")
    X, y = draw(points, noise=noise, seed=run.seed, dtype="float64")
    X_new, y_new = draw(HELD_OUT, noise=noise, seed=run.seed + 1, dtype="float64")
    networks, losses = {}, {}
    for size in sizes:
        network = networks[size] = Network(by_hand.initialize(hidden=size, seed=run.seed), rate, strength)
        with (
            run.learning(f"{size} hidden", values_of=lambda totals: totals / points) as noted,
            run.following(f"{size} hidden", passes) as follow,
            run.clock("training"),
        ):
            losses[size] = network.step.repeat(passes, X, y, progress=follow) / points
        noted.extend(losses[size])
    training = {size: network.accuracy(X, y) for size, network in networks.items()}
    held_out = {size: network.accuracy(X_new, y_new) for size, network in networks.items()}
    line = straight_line(X, y, X_new, y_new)
    best = max(held_out, key=lambda size: held_out[size])
    run.figure(
        "boundaries",
        "The same points, more and more hidden units",
        boundary_grid(
            {f"{size} hidden: {held_out[size]:.3f} held out": net.probabilities for size, net in networks.items()}, X, y
        ),
        reading="One panel for each network, over the same points. "
        + "; ".join(
            f"with {counted(size, 'unit')} it gets {training[size]:.1%} of these points right "
            f"and {held_out[size]:.1%} of others"
            for size in networks
        )
        + ". One unit draws a straight line, and each further unit lets the line bend once more.",
    )
    if len(networks) > 1:
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
            "seconds_to_compile": sum(network.step.compile_seconds for network in networks.values()),
        },
        lines=[
            "hidden  parameters    loss  training  held out",
            *(
                f"{size:6}  {5 * size + 2:10}  {losses[size][-1]:.4f}  {training[size]:8.3f}  {held_out[size]:8.3f}"
                for size in networks
            ),
            f"a straight line gets {line:.3f} of the held-out points right",
        ],
    )
