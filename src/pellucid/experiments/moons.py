"""The 2-3-2 network on two moons, by hand in NumPy and by graph in one compiled program."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.byhand import logistic
from pellucid.byhand import moons as by_hand
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
from pellucid.experiments.runner.pluralize import counted

COMPARED = 1001
"""The passes up to which two runs are compared: the workshop's "iteration 1000", which it counts from 0."""

HELD_OUT = 2000


class Network:
    """The network as expressions, and the functions compiled from them.

    Parameters
    ----------
    start
        The weights to begin with; the network computes in their dtype.
    rate, strength
        Of the descent and of the L2 regularization.
    """

    def __init__(self, start: by_hand.Parameters, rate: float, strength: float) -> None:
        import pellucid as pel

        self.X = pel.matrix("X", shape=("n", 2), dtype=start.W1.dtype)
        self.y = pel.ivector("y", shape=("n",))
        W1, b1, W2, b2 = self.parameters = [pel.shared(value, name) for name, value in start._asdict().items()]
        hidden = pel.tanh(self.X @ W1 + b1)
        p = pel.softmax(hidden @ W2 + b2)
        surprise = pel.losses.sparse_categorical_crossentropy(self.y, p)
        loss = surprise.sum() + strength / 2 * ((W1**2).sum() + (W2**2).sum())
        self.slopes = pel.grad(loss, self.parameters)
        self.objective, self.names = loss, {hidden: "a1", self.X @ W1 + b1: "z1", hidden @ W2 + b2: "z2"}
        updates = pel.optimizers.SGD(rate).updates(loss, self.parameters)
        self.step = pel.function([self.X, self.y], loss, updates=updates)
        # Asked for a few times, of a few points: by NumPy, that is done before XLA is even imported.
        self.loss = pel.function([self.X, self.y], loss, mode="numpy")
        self.probabilities = pel.function([self.X], p, mode="numpy")

    def derivation(self, X: NDArray[Any], y: NDArray[Any]) -> str:
        """Return a page on which the gradient is derived, with the numbers of some points."""
        import pellucid as pel

        derivation = pel.derive(self.objective, self.parameters, {self.X: X, self.y: y}, names=self.names)
        page: str = derivation.html("The gradient of the network, step by step")
        return page

    def accuracy(self, X: NDArray[Any], y: NDArray[Any]) -> float:
        """Return the share of points whose class is the more probable one."""
        return float((self.probabilities(X).argmax(axis=1) == y).mean())

    def curvature(self, X: NDArray[Any], y: NDArray[Any], rounds: int = 200) -> float:
        r"""Return the largest eigenvalue of the loss's Hessian, by power iteration: v \leftarrow Hv / |Hv|."""
        import pellucid as pel

        rng = np.random.default_rng(0)
        direction = [pel.shared(rng.standard_normal(part.shape).astype(part.dtype)) for part in self.parameters]
        along = sum((slope * v).sum() for slope, v in zip(self.slopes, direction, strict=True))
        turned = pel.grad(along, self.parameters)
        length = pel.sqrt(sum((part**2).sum() for part in turned))
        updates = {v: part / length for v, part in zip(direction, turned, strict=True)}
        return float(pel.function([self.X, self.y], length, updates=updates).repeat(rounds, X, y)[-1])


def straight_line(X: NDArray[Any], y: NDArray[Any], X_new: NDArray[Any], y_new: NDArray[Any]) -> float:
    """Return the held-out accuracy of a logistic regression, which can only draw a straight line."""
    return float((logistic.predict(logistic.train(X, y), X_new) == y_new).mean())


@experiment(
    "moons",
    "A 2-3-2 network learns two moons",
    r"a_1 = \tanh(X W_1 + b_1), \quad \hat{y} = \mathrm{softmax}(a_1 W_2 + b_2)",
    r"L = -\sum_n \log \hat{y}_{n, y_n}"
    r" + \frac{\lambda}{2} \left( {\lVert W_1 \rVert}^2 + {\lVert W_2 \rVert}^2 \right)",
    r"\theta \leftarrow \theta - \eta \, \frac{\partial L}{\partial \theta}",
)
def moons(
    run: Run,
    *,
    passes: Annotated[int, Range(1), "steps of gradient descent, each on all points"] = 20_000,
    rate: Annotated[float, Range(0, open=True), "length of a step, as a multiple of the gradient"] = 0.01,
    strength: Annotated[float, Range(0), "strength of the L2 regularization"] = 0.01,
    hidden: Annotated[int, Range(1, 1000), "units in the hidden layer"] = 3,
    dtype: Annotated[Literal["float64", "float32"], "what to compute in"] = "float64",
    points: Annotated[int, Range(20), "points to learn from"] = 200,
    noise: Annotated[float, Range(0), "how far points stray from their moon"] = 0.2,
) -> Outcome:
    """Three hidden units are three straight lines, and the output layer bends them into one curve between the moons.
    The same descent runs twice from the same weights: by hand, where backpropagation is written out in NumPy, and by
    graph, where the gradient is derived from the loss and all passes are one compiled program. At rate 0.01 the
    network trains at the edge of stability: gradient descent is stable where the largest eigenvalue of the loss's
    Hessian is below 2 / rate = 200, and training drives it to 206.6 by pass 1,000. From then on every pass enlarges
    what lies along that eigenvector, the last bit of rounding too, so the two runs are held together up to there and no
    further. Both end by jumping between the same two nearby solutions, and rounding decides on which of them they stop.
    """
    from pellucid.data import moons as draw

    X, y = draw(points, noise=noise, seed=run.seed, dtype=dtype)
    X_new, y_new = draw(HELD_OUT, noise=noise, seed=run.seed + 1, dtype=dtype)
    start = by_hand.initialize(hidden=hidden, seed=run.seed, dtype=dtype)

    with run.beside(
        "by hand",
        passes,
        lambda follow: by_hand.train(X, y, hidden, passes, rate, strength, run.seed, progress=follow)[1],
    ) as losses_by_hand:
        network = Network(start, rate, strength)
        run.page(
            "derivation",
            "The gradient, derived step by step, with the numbers of four points before training",
            network.derivation(X[:4], y[:4]),
        )
        graph, curvature, seconds = descend(run, network, X, y, passes)
        accuracy, held_out = network.accuracy(X, y), network.accuracy(X_new, y_new)
        line = straight_line(X, y, X_new, y_new)
        run.text(
            "program",
            "The compiled program: what was derived from the loss is what one writes by hand",
            repr(network.step),
        )
        hand, hand_seconds = losses_by_hand()

    ratio = hand_seconds / seconds
    compared = min(passes, COMPARED)
    gaps = np.abs(graph / hand - 1)
    return Outcome(
        Score("held-out accuracy", held_out),
        baseline=Score("logistic regression's held-out accuracy", line),
        measures={
            "loss_by_hand": {str(done): hand[done] for done in sorted({1, compared, passes})},
            "loss_by_graph": {str(done): graph[done] for done in sorted({1, compared, passes})},
            "gap_while_compared": gaps[: compared + 1].max(),
            "gap_overall": gaps.max(),
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
            *loss_table(hand, graph, compared),
            *agreement(gaps, compared, curvature, rate),
            f"{counted(passes, 'pass')} by hand in NumPy: {hand_seconds:.2f} s; as one compiled program: "
            f"{seconds:.3f} s, {ratio:.2g} times as fast (and {network.step.compile_seconds:.2f} s to compile)",
            f"training accuracy {accuracy:.3f} on {points} points",
            f"held-out accuracy {held_out:.3f} on {HELD_OUT} others",
        ],
        pictures=lambda: draw_pictures(run, network, X, y, hand, graph),
    )


def descend(
    run: Run, network: Network, X: NDArray[Any], y: NDArray[Any], passes: int
) -> tuple[NDArray[Any], float, float]:
    """Train; return the losses after 0, 1, ... passes, the curvature at pass 1,000, and the seconds without compiling.

    It stops at pass 1,000 to look at the curvature there, or at the end of a shorter run.
    """
    first = min(passes, COMPARED - 1)
    mean = 1 / len(X)
    with (
        run.learning("by graph", values_of=lambda totals: totals * mean) as noted,
        run.following("by graph", passes) as follow,
    ):
        with run.clock("by graph") as clock:
            early = network.step.repeat(first, X, y, progress=follow)
        noted.extend(early * mean)
        seconds, curvature = clock.seconds, network.curvature(X, y)
        with run.clock("by graph") as clock:
            late = network.step.repeat(passes - first, X, y)
    losses = np.concatenate([early, late, [network.loss(X, y)]]) / len(X)
    if not np.isfinite(losses[-1]):
        raise FloatingPointError(f"the loss is {losses[-1]} after {counted(passes, 'pass')}; take a smaller rate")
    return losses, curvature, seconds + clock.seconds - network.step.compile_seconds


def loss_table(hand: NDArray[Any], graph: NDArray[Any], compared: int) -> list[str]:
    """Return the losses of both runs at the passes one talks about."""
    names = {done: counted(done, "pass") for done in (compared, len(hand) - 1)}
    if compared == COMPARED:
        names[compared] += " (the workshop counts from 0: its 1,000)"
    names[1] = "the first pass"
    width = max(map(len, names.values())) + len("loss after ")
    return [
        f"{'loss after ' + names[done]:{width}}  {hand[done]:.6f} by hand, {graph[done]:.6f} by graph"
        for done in sorted(names)
    ]


def agreement(gaps: NDArray[Any], compared: int, curvature: float, rate: float) -> list[str]:
    """Return how far the two runs agree, and why they are compared no further."""
    passes = len(gaps) - 1
    together = (
        f"by hand and by graph, losses differ by {gaps[: compared + 1].max():.0e} of them up to pass {compared:,}"
    )
    if passes <= compared:
        return [together]
    edge = f"the Hessian's largest eigenvalue is {curvature:.1f} at pass {COMPARED - 1:,}, and 2 / rate is {2 / rate:g}"
    if curvature > 2 / rate:
        why = f"each pass then multiplies a difference by {1 - rate * curvature:.2f}, the last bit of rounding too"
    else:
        why = "below it, differences shrink as long as it stays there"
    return [f"{together}; up to the end, by {gaps.max():.0e}", f"  compared no further, for {edge}: {why}"]


def draw_pictures(
    run: Run, network: Network, X: NDArray[Any], y: NDArray[Any], hand: NDArray[Any], graph: NDArray[Any]
) -> None:
    """Save what the network learnt, how its loss fell, and the losses of the last passes."""
    from pellucid.show.plots import decision_boundary, learning_curves

    passes = np.arange(len(hand))
    run.figure(
        "boundary",
        "What the network learnt",
        decision_boundary(network.probabilities, X, y),
        reading="Two moons of points and the curve where the network is undecided between them. Away from the curve "
        "the shade deepens: there the network is sure. Where the curve bends, one hidden unit hands over to the next.",
    )
    run.figure(
        "loss",
        "Its loss, pass after pass",
        learning_curves(
            {"by hand": (passes[1:], hand[1:]), "by graph": (passes[1:], graph[1:])}, "passes", logarithmic=True
        ),
        reading=f"Both axes are logarithmic. The mean loss falls from {hand[1]:.3f} to {hand[-1]:.3f}, and the curve "
        "of the compiled program lies on that of the loop in NumPy. A spike is where the descent, its step too long "
        "for the curvature it has reached, is thrown out of its valley and finds back.",
    )
    gaps = np.abs(graph / hand - 1)
    run.figure(
        "difference",
        "How far the two runs are apart",
        learning_curves(
            {"difference": (passes[1:], np.where(gaps > 0, gaps, np.nan)[1:])},
            "passes",
            "of the loss",
            logarithmic=True,
        ),
        reading="The difference between the losses by hand and by graph, as a share of the loss; both axes are "
        f"logarithmic. It begins with the last bit of rounding and is {gaps[: COMPARED + 1].max():.0e} at most up to "
        f"pass {min(len(hand) - 1, COMPARED):,}. Once the curvature is beyond the edge of stability, each pass "
        "enlarges it.",
    )
    last = slice(-min(len(hand), 40), None)
    run.figure(
        "last-passes",
        "The last passes from near",
        learning_curves({"by hand": (passes[last], hand[last]), "by graph": (passes[last], graph[last])}, "passes"),
        reading=f"The losses of the last passes on a scale of their own: by hand they end with {hand[-2]:.6f} and "
        f"{hand[-1]:.6f}, by graph with {graph[-2]:.6f} and {graph[-1]:.6f}. At the edge of stability a run does not "
        "come to rest: it jumps between two solutions, one pass here and the next there.",
    )
