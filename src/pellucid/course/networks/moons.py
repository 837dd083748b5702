"""A 2-3-2 network on two moons, by hand in NumPy and by graph as one compiled program."""

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from pellucid.byhand import logistic
from pellucid.byhand import moons as by_hand
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment, pluralize
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

COMPARED = 1001
"""The pass up to which two runs are compared: the workshop's "iteration 1000", counted from 0."""

HELD_OUT = 2000

EQUAL = 1e-4
"""Largest relative difference of two losses that rounding explains. In float32 it is 1e-6 after 1,000 passes."""

MOONS = "upper moon", "lower moon"
"""Names of the two classes."""


class MoonsNetwork:
    """The network, and the functions compiled from it. It computes in the dtype of the initial weights ``start``."""

    def __init__(self, start: by_hand.MoonsParameters, rate: float, strength: float) -> None:
        import pellucid as pel

        self.X = pel.matrix("X", shape=("n", 2), dtype=start.W1.dtype)
        self.y = pel.ivector("y", shape=("n",))
        W1, b1, W2, b2 = self.parameters = [pel.shared(value, name) for name, value in start._asdict().items()]
        hidden = pel.tanh(self.X @ W1 + b1)
        p = pel.softmax(hidden @ W2 + b2)
        cross_entropy = pel.losses.sparse_categorical_crossentropy(self.y, p)
        loss = cross_entropy.sum() + strength / 2 * ((W1**2).sum() + (W2**2).sum())
        self.gradients: list[Expr] = pel.grad(loss, self.parameters)
        self.cost, self.names = loss, {hidden: "a1", self.X @ W1 + b1: "z1", hidden @ W2 + b2: "z2"}
        updates = pel.optimizers.SGD(rate).updates(loss, self.parameters)
        self.step = pel.function([self.X, self.y], loss, updates=updates)
        # Called a few times on a few points: NumPy is done before XLA is even imported.
        self.loss = pel.function([self.X, self.y], loss, mode="numpy")
        self.probabilities = pel.function([self.X], p, mode="numpy")

    def classify(self, X: Array) -> Array:
        """Return the class with the higher probability of each point."""
        return np.asarray(self.probabilities(X).argmax(axis=1))

    def compute_curvature(self, X: Array, y: Array, iterations: int = 200) -> float:
        r"""Return the largest eigenvalue of the Hessian of the loss, by power iteration: v \leftarrow Hv / |Hv|."""
        import pellucid as pel

        rng = np.random.default_rng(0)
        direction = [pel.shared(rng.standard_normal(part.shape).astype(part.dtype)) for part in self.parameters]
        directional_derivative = sum(
            ((g * v).sum() for g, v in zip(self.gradients, direction, strict=True)), pel.constant(0.0)
        )
        product = pel.grad(directional_derivative, self.parameters)  # Hv
        norm = pel.sqrt(sum((part**2).sum() for part in product))
        updates = {v: part / norm for v, part in zip(direction, product, strict=True)}
        return float(pel.function([self.X, self.y], norm, updates=updates).repeat(iterations, X, y)[-1])


def classify_by_line(X: Array, y: Array, X_new: Array) -> Array:
    """Return the classes of new points by a logistic regression."""
    return np.asarray(logistic.predict(logistic.train(X, y), X_new))


@experiment(
    "moons",
    "A 2-3-2 network on two moons",
    r"a_1 = \tanh(X W_1 + b_1), \quad \hat{y} = \mathrm{softmax}(a_1 W_2 + b_2)",
    r"L = -\sum_n \log \hat{y}_{n, y_n}"
    r" + \frac{\lambda}{2} \left( {\lVert W_1 \rVert}^2 + {\lVert W_2 \rVert}^2 \right)",
    r"\theta \leftarrow \theta - \eta \, \frac{\partial L}{\partial \theta}",
    chapters=(3, 4),
)
def moons(
    run: RunContext,
    *,
    passes: Annotated[int, Range(1), "steps of gradient descent on all points"] = 20_000,
    rate: Annotated[float, Range(0, open=True), "learning rate"] = 0.01,
    strength: Annotated[float, Range(0), "strength of the L2 regularization"] = 0.01,
    hidden: Annotated[int, Range(1, 1000), "hidden units"] = 3,
    dtype: Annotated[Literal["float64", "float32"], "dtype of all computations"] = "float64",
    points: Annotated[int, Range(20), "training points"] = 200,
    noise: Annotated[float, Range(0), "standard deviation of the noise"] = 0.2,
) -> ExperimentResult:
    """Each hidden unit is a straight line in the plane, and the output layer combines them into one curve between the
    moons. The same gradient descent runs twice from the same weights: by hand, with backpropagation in NumPy, and by
    graph, where the gradient is derived from the loss and all passes are one compiled program. Gradient descent is
    stable where the largest eigenvalue of the Hessian is below 2 / rate. Beyond that, at the edge of stability, every
    pass amplifies differences along the eigenvector, rounding errors too. The two runs are therefore compared up to
    pass 1,001 only, and the run reports the eigenvalue at pass 1,000.
    """
    import pellucid as pel
    from pellucid.data import moons as draw
    from pellucid.tracking.comparison import describe_better_classifier

    X, y = draw(points, noise=noise, seed=run.seed, dtype=dtype)
    X_new, y_new = draw(HELD_OUT, noise=noise, seed=run.seed + 1, dtype=dtype)
    start = by_hand.initialize(hidden=hidden, seed=run.seed, dtype=dtype)

    with run.run_in_subprocess(
        "by hand",
        passes,
        lambda progress: by_hand.train(X, y, hidden, passes, rate, strength, run.seed, progress=progress)[1],
    ) as get_hand_losses:
        network = MoonsNetwork(start, rate, strength)
        shown = {network.X: X[:4], network.y: y[:4]}
        derivation = pel.derive(network.cost, network.parameters, shown, names=network.names)
        run.save_page(
            "derivation",
            "The gradient, derived step by step, with the numbers of four points before training",
            derivation.html("The gradient of the network, step by step"),
        )
        graph, curvature, seconds = train_by_graph(run, network, X, y, passes)
        right, line_right = network.classify(X_new) == y_new, classify_by_line(X, y, X_new) == y_new
        accuracy, held_out, line = (float(hits.mean()) for hits in (network.classify(X) == y, right, line_right))
        run.save_text("program", "The compiled program, derived from the loss", repr(network.step))
        hand, hand_seconds = get_hand_losses()

    ratio = hand_seconds / seconds
    compared = min(passes, COMPARED)
    differences = np.abs(graph / hand - 1)
    return ExperimentResult(
        Score("held-out accuracy", held_out),
        baseline=Score("logistic regression", line),
        measures={
            "loss_by_hand": {str(done): hand[done] for done in sorted({1, compared, passes})},
            "loss_by_graph": {str(done): graph[done] for done in sorted({1, compared, passes})},
            "difference_while_compared": differences[: compared + 1].max(),
            "difference_overall": differences.max(),
            "largest_eigenvalue": curvature,
            "stable_below": 2 / rate,
            "last_losses_by_hand": hand[-2:],
            "last_losses_by_graph": graph[-2:],
            "training_accuracy": accuracy,
            "held_out_accuracy": held_out,
            "logistic_regression": line,
            "seconds_by_hand": hand_seconds,
            "seconds_by_graph": seconds,
            "seconds_to_compile": network.step.compile_seconds,
            "times_as_fast": ratio,
        },
        lines=[
            *format_losses(hand, graph, compared),
            *format_agreement(differences, compared, curvature, rate),
            f"{pluralize(passes, 'pass')} by hand in NumPy: {hand_seconds:.2f} s; as one compiled program: "
            f"{seconds:.3f} s, {ratio:.2g} times as fast (and {network.step.compile_seconds:.2f} s to compile)",
            f"training accuracy {accuracy:.3f} on {points} points",
            f"held-out accuracy {held_out:.3f} on {HELD_OUT} points",
        ],
        findings=[
            describe_better_classifier("the network", right, "logistic regression", line_right, "held-out points"),
            describe_agreement(differences[: compared + 1].max(), compared),
        ],
        draw=lambda: draw_pictures(run, network, X, y, hand, graph),
    )


def train_by_graph(
    run: RunContext, network: MoonsNetwork, X: Array, y: Array, passes: int
) -> tuple[Array, float, float]:
    """Train; return the losses after 0, 1, ... passes, the curvature, and the seconds without compilation.

    Training pauses at pass 1,000, or at the end of a shorter run, to compute the curvature there.
    """
    first = min(passes, COMPARED - 1)
    mean = 1 / len(X)
    with (
        run.learning_curve("by graph", get_values=lambda totals: totals * mean) as curve,
        run.loop_progress("by graph", passes) as progress,
    ):
        with run.clock("by graph") as clock:
            early = network.step.repeat(first, X, y, progress=progress)
        curve.extend(early * mean)
        seconds, curvature = clock.seconds, network.compute_curvature(X, y)
        with run.clock("by graph") as clock:
            late = network.step.repeat(passes - first, X, y, progress=lambda done, *rest: progress(first + done, *rest))
        curve.extend(late * mean)
    losses = np.concatenate([early, late, [network.loss(X, y)]]) / len(X)
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(f"the loss is {losses[-1]} after {pluralize(passes, 'pass')}; use a smaller rate")
    return losses, curvature, seconds + clock.seconds - network.step.compile_seconds


def format_losses(hand: Array, graph: Array, compared: int) -> list[str]:
    """Return lines with the losses of both runs after the first, the last compared, and the last pass."""
    names = {done: pluralize(done, "pass") for done in (compared, len(hand) - 1)}
    if compared == COMPARED:
        names[compared] += " (the workshop counts from 0: its 1,000)"
    names[1] = "the first pass"
    width = max(map(len, names.values())) + len("loss after ")
    return [
        f"{'loss after ' + names[done]:{width}}  {hand[done]:.6f} by hand, {graph[done]:.6f} by graph"
        for done in sorted(names)
    ]


def describe_agreement(difference: float, compared: int) -> str:
    """Return whether the two runs compute the same losses.

    >>> describe_agreement(1e-15, 1001)
    'Backpropagation by hand and the derived gradient give the same losses: the largest relative difference up to pass \
1,001 is 1e-15.'
    """
    verdict = "the same losses" if difference < EQUAL else "different losses"
    return (
        f"Backpropagation by hand and the derived gradient give {verdict}: the largest relative difference up to pass "
        f"{compared:,} is {difference:.0e}."
    )


def format_agreement(differences: Array, compared: int, curvature: float, rate: float) -> list[str]:
    """Return lines with the relative difference of the two runs, and the reason to compare them only so far."""
    passes = len(differences) - 1
    maximum = differences[: compared + 1].max()
    line = f"largest relative difference of the losses by hand and by graph up to pass {compared:,}: {maximum:.0e}"
    if passes <= compared:
        return [line]
    edge = f"largest eigenvalue of the Hessian at pass {COMPARED - 1:,}: {curvature:.1f}; 2 / rate: {2 / rate:g}"
    if curvature > 2 / rate:
        reason = f"above it, each pass multiplies a difference by {1 - rate * curvature:.2f}, rounding errors too"
    else:
        reason = "below it, differences shrink"
    return [line, f"up to the last pass: {differences.max():.1g}; {edge}", f"  {reason}"]


def draw_pictures(run: RunContext, network: MoonsNetwork, X: Array, y: Array, hand: Array, graph: Array) -> None:
    """Save the decision boundary, the losses, the difference of the runs, and the losses of the last passes."""
    from pellucid.show.plots.plots import decision_boundary, learning_curves

    passes = np.arange(len(hand))
    run.save_figure(
        "boundary",
        "Decision boundary of the network",
        decision_boundary(network.probabilities, X, y, class_names=MOONS),
        reading="Two moons of points, and the curve where both classes have probability 1/2. The darker the shade, the "
        f"higher the probability of a class. {(network.classify(X) == y).mean():.1%} of the points are on their side.",
    )
    run.save_figure(
        "loss",
        "Training loss",
        learning_curves(
            {"by hand": (passes[1:], hand[1:]), "by graph": (passes[1:], graph[1:])},
            "passes",
            "mean loss",
            logarithmic=True,
        ),
        reading=f"Both axes are logarithmic. After the first pass the mean loss is {hand[1]:.3f} by hand and "
        f"{graph[1]:.3f} by graph; after the last it is {hand[-1]:.3f} and {graph[-1]:.3f}.",
    )
    differences = np.abs(graph / hand - 1)
    run.save_figure(
        "difference",
        "Relative difference of the two runs",
        learning_curves(
            {"difference": (passes[1:], np.where(differences > 0, differences, np.nan)[1:])},
            "passes",
            "relative difference",
            logarithmic=True,
        ),
        reading="The relative difference between the losses by hand and by graph; both axes are logarithmic. It is at "
        f"most {differences[: COMPARED + 1].max():.1g} up to pass {min(len(hand) - 1, COMPARED):,}, and at most "
        f"{differences.max():.1g} up to the last.",
    )
    last = slice(-min(len(hand), 40), None)
    run.save_figure(
        "last-passes",
        f"Zoom: the last {len(hand[last])} passes",
        learning_curves(
            {"by hand": (passes[last], hand[last]), "by graph": (passes[last], graph[last])}, "passes", "mean loss"
        ),
        reading=f"The losses of the last passes on a linear scale. The last two are {hand[-2]:.6f} and {hand[-1]:.6f} "
        f"by hand, {graph[-2]:.6f} and {graph[-1]:.6f} by graph.",
    )
