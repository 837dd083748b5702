"""Bias and variance under L2 regularization: many small networks on random subsamples of the moons."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np

from pellucid.course.networks.moons import MOONS
from pellucid.course.networks.moons_sizes import get_mean_losses
from pellucid.tracking import ExperimentResult, Range, RunContext, Score, experiment, pluralize
from pellucid.tracking.comparison import compare_with_noise
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.model.sequential import Sequential
    from pellucid.nn.layers import Dense
    from pellucid.training.sweeps.result import Sweep
    from pellucid.typing import DTypeLike

POPULATION = 4000
"""Number of points from which the subsamples are drawn."""

TEST_POINTS = 1000
"""Number of new points at which estimates are compared with the true probability."""

MAXIMUM_BOUNDARIES = 30

RESAMPLES = 100
"""Number of resamples from which standard errors are estimated."""

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def build(strength: float, hidden: int, rate: float, points: int, seed: int) -> "Sequential":
    """Return a network with two inputs and the probability of class 1.

    The experiment's loss is a sum over the points and a model's is a mean, so the rate is multiplied by their number
    and the strength divided by it.
    """
    import pellucid as pel
    from pellucid import nn

    rng = np.random.default_rng(seed)

    def weights(shape: tuple[int, ...], dtype: "DTypeLike") -> Array:
        return np.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]), dtype)

    def dense(units: int, activation: str) -> "Dense":
        penalty = nn.regularizers.L2(strength / 2 / points)
        return nn.Dense(units, activation, kernel_initializer=weights, kernel_regularizer=penalty)

    model: Sequential = pel.Sequential([nn.Input((2,)), dense(hidden, "tanh"), dense(1, "sigmoid")])
    model.compile(nn.optimizers.SGD(rate * points), "binary_crossentropy")
    return model


class SweepPredictions:
    """Cached predictions of a sweep over strengths and subsamples."""

    def __init__(self, sweep: "Sweep", strengths: int) -> None:
        self._sweep, self._strengths = sweep, strengths
        self._cache: dict[bytes, Array] = {}

    def get_probabilities(self, index: int, points: Array) -> Array:
        """Return the predictions of all networks with one strength at points of shape (m, 2): (subsamples, m)."""
        key = np.ascontiguousarray(points).tobytes()
        if key not in self._cache:
            self._cache[key] = self._sweep.predict(points).reshape(self._strengths, -1, len(points))
        probabilities: Array = self._cache[key][index]
        return probabilities


def compute_true_probability(X: Array, noise: float) -> Array:
    r"""Return the true probability of class 1 at points of shape (m, 2): its density, divided by that of both classes.

    A moon is an arc with normal noise, so its density is p_k(x) = \int_0^1 N(x; a_k(u), \sigma^2 I) \, du.
    """
    t = np.linspace(0, np.pi, 200)
    arcs = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    exponents = [-((X[:, np.newaxis] - arc) ** 2).sum(axis=2) / (2 * noise**2) for arc in arcs]
    # Subtracting the maximum keeps both densities from underflowing to zero far away from the moons.
    maximum = np.maximum(*(exponent.max(axis=1) for exponent in exponents))[:, np.newaxis]
    zero, one = (np.exp(exponent - maximum).mean(axis=1) for exponent in exponents)
    return np.asarray(one / (zero + one))


@experiment(
    "regularization",
    "Bias and variance under L2 regularization",
    r"\min_\theta \; -\sum_n \log p_\theta(y_n \mid x_n)"
    r" + \frac{\lambda}{2} \left( {\lVert W_1 \rVert}^2 + {\lVert W_2 \rVert}^2 \right)",
    r"\mathbb{E} {(\hat{p} - p)}^2 = {(\mathbb{E} \hat{p} - p)}^2 + \mathrm{var}(\hat{p})",
    chapters=(5,),
)
def regularization(
    run: RunContext,
    *,
    strengths: Annotated[tuple[float, ...], Range(0, 30, open=True), "L2 strengths"] = STRENGTHS,
    subsamples: Annotated[int, Range(2, 1000), "random subsamples, one network each for every strength"] = 60,
    points: Annotated[int, Range(2, POPULATION), "points per subsample"] = 40,
    hidden: Annotated[int, Range(1, 200), "hidden units"] = 8,
    passes: Annotated[int, Range(1), "steps of gradient descent on all points"] = 4000,
    rate: Annotated[float, Range(0, 0.05, open=True), "learning rate"] = 0.02,
    noise: Annotated[float, Range(0.05, 1), "standard deviation of the noise"] = 0.3,
) -> ExperimentResult:
    """A network trained on few points depends on which points they are: its estimates have a variance. A penalty on
    large weights pulls all estimates toward a smooth function, which can reduce the variance and cause a bias. The true
    probability is known here, because the densities of two moons with normal noise can be computed. So the same
    network is trained on many random subsamples at each of several strengths, and its estimates are compared with the
    true probability. The squared error is squared bias plus variance.
    """
    import pellucid as pel
    from pellucid.data import moons as draw

    strengths_sorted = np.unique(strengths)
    X, y = draw(POPULATION, noise=noise, seed=run.seed)
    rng = np.random.default_rng(run.seed)
    rows = np.stack([rng.choice(POPULATION, points, replace=False) for _ in range(subsamples)])
    with (
        run.learning_curve("training", get_values=get_mean_losses) as curve,
        run.loop_progress("training", passes) as progress,
        run.clock("training"),
    ):
        sweep = pel.sweep(
            partial(build, hidden=hidden, rate=rate, points=points),
            X,
            y[:, np.newaxis],
            strength=strengths_sorted,
            rows=rows,
            seed=run.seed,
            epochs=passes,
            batch_size=points,
            progress=progress,
        )
    curve.extend(get_mean_losses(sweep))
    losses = sweep.curves["loss"][:, -1]
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"the loss is {losses[~np.isfinite(losses)][0]} after {pluralize(passes, 'pass')} with rate {rate}; "
            "use a smaller rate"
        )
    predictions = SweepPredictions(sweep, len(strengths_sorted))

    X_new, _ = draw(TEST_POINTS, noise=noise, seed=run.seed + 1)
    estimates = np.array([predictions.get_probabilities(i, X_new) for i in range(len(strengths_sorted))])
    true = compute_true_probability(X_new, noise)
    bias, variance = compute_bias_and_variance(estimates, true)
    error = bias + variance
    best, constant_error = int(error.argmin()), float(((true - 0.5) ** 2).mean())
    if len(strengths_sorted) > 1:
        draw_trends(run, predictions, strengths_sorted, noise, bias, variance)
    draw_boundaries(run, predictions, strengths_sorted, best, noise, X[:300], y[:300])
    return ExperimentResult(
        Score(f"mean squared error of the probability, strength {strengths_sorted[best]:g}", float(error[best])),
        baseline=Score(f"strength {strengths_sorted[0]:g}", float(error[0])),
        measures={
            "strengths": strengths_sorted,
            "squared_bias": bias,
            "variance": variance,
            "squared_error": error,
            "best_strength": strengths_sorted[best],
            "error_of_constant_one_half": constant_error,
            "last_loss_of_a_network": losses.mean() * points,
            "networks": len(sweep),
        },
        lines=[
            "strength  squared bias  variance  squared error",
            *(
                f"{strength:8g}  {bias[i]:12.4f}  {variance[i]:8.4f}  {error[i]:13.4f}"
                for i, strength in enumerate(strengths_sorted)
            ),
            f"means over {TEST_POINTS:,} new points; squared error of the constant 1/2: {constant_error:.4f}",
            f"{len(sweep)} networks of {pluralize(hidden, 'hidden unit')}, {pluralize(passes, 'pass')} each, as "
            f"{pluralize(sweep.programs, 'compiled program')}: {run.timings['training']:.1f} s",
        ],
        findings=describe_trade_off(strengths_sorted, estimates, true, run.seed),
    )


def describe_trade_off(strengths: Array, estimates: Array, true: Array, seed: int) -> list[str]:
    """Return how bias and variance change from the lowest to the highest strength, and where their sum is lowest.

    ``estimates`` has the shape (strengths, subsamples, points). Standard errors come from resampling the subsamples.
    """
    if len(strengths) < 2:
        return ["With a single strength, there is nothing to compare."]
    rng, subsamples = np.random.default_rng(seed), estimates.shape[1]
    resamples = rng.integers(subsamples, size=(RESAMPLES, subsamples))
    resampled = np.array([compute_bias_and_variance(estimates[:, rows], true) for rows in resamples])
    bias, variance = compute_bias_and_variance(estimates, true)

    def compare(values: Array, resampled_values: Array, index: int) -> int:
        changes = resampled_values[:, index] - resampled_values[:, 0]
        return compare_with_noise(values[index] - values[0], float(changes.std()))

    signs = compare(variance, resampled[:, 1], -1), compare(bias, resampled[:, 0], -1)
    phrases = {1: "rises", -1: "falls", 0: "does not change beyond chance"}
    best = int((bias + variance).argmin())
    lowest = f"Their sum is lowest at strength {strengths[best]:g}"
    verdict = {-1: ".", 0: f", with no difference beyond chance from strength {strengths[0]:g}."}
    return [
        f"From strength {strengths[0]:g} to {strengths[-1]:g}, variance {phrases[signs[0]]} ({variance[0]:.4f} to "
        f"{variance[-1]:.4f}) and squared bias {phrases[signs[1]]} ({bias[0]:.4f} to {bias[-1]:.4f}): regularization "
        f"{'trades' if signs == (-1, 1) else 'does not trade'} variance for bias here.",
        f"{lowest}, the lowest: more regularization does not help here."
        if best == 0
        else lowest + verdict[compare(bias + variance, resampled.sum(axis=1), best)],
    ]


def compute_bias_and_variance(estimates: Array, true: Array) -> tuple[Array, Array]:
    """Return squared bias and variance of each strength, means over the points."""
    bias = ((estimates.mean(axis=1) - true) ** 2).mean(axis=1)
    return bias, estimates.var(axis=1).mean(axis=1)


def draw_trends(
    run: RunContext, predictions: SweepPredictions, strengths: Array, noise: float, bias: Array, variance: Array
) -> None:
    """Save the estimates at one point, and bias and variance in the whole plane, over the strengths."""
    from pellucid.show.plots.plots import bias_and_variance, learning_curves

    point = np.array([[0.5, 0.6]], dtype="float32")
    estimates = np.array([predictions.get_probabilities(i, point)[:, 0] for i in range(len(strengths))])
    true = float(compute_true_probability(point, noise)[0])
    run.save_figure(
        "spread",
        "Estimates at one point, by strength",
        bias_and_variance(
            strengths,
            estimates,
            true,
            x_label="L2 strength",
            y_label="probability of the lower moon",
            truth_label="true probability",
        ),
        reading=f"Each dot is the estimate of one network at the point ({point[0, 0]:.1f}, {point[0, 1]:.1f}), where "
        f"the true probability is {true:.2f}, the dashed line. At the lowest strength the mean is "
        f"{estimates[0].mean():.2f} and the standard deviation {estimates[0].std():.2f}; at the highest "
        f"{estimates[-1].mean():.2f} and {estimates[-1].std():.2f}. Below: squared bias and variance at this point, "
        "and their sum.",
    )
    error = bias + variance
    curves = {"sum": (strengths, error), "squared bias": (strengths, bias), "variance": (strengths, variance)}
    run.save_figure(
        "trade-off",
        "Bias and variance over the whole plane",
        learning_curves(curves, "L2 strength", "squared error", logarithmic=True),
        reading=f"Means over {TEST_POINTS:,} new points; both axes are logarithmic. From the lowest to the highest "
        f"strength the variance goes from {variance[0]:.4f} to {variance[-1]:.4f} and the squared bias from "
        f"{bias[0]:.4f} to {bias[-1]:.4f}. Their sum is lowest at strength {strengths[error.argmin()]:g}.",
    )


def draw_boundaries(
    run: RunContext, predictions: SweepPredictions, strengths: Array, best: int, noise: float, X: Array, y: Array
) -> None:
    """Save the decision boundaries at the lowest, the best and the highest strength."""
    from pellucid.show.plots.plots import boundary_ensembles

    def predict(index: int, points: Array) -> Array:
        return predictions.get_probabilities(index, points)[:MAXIMUM_BOUNDARIES]

    chosen = np.unique([0, best, len(strengths) - 1])
    run.save_figure(
        "boundaries",
        "Decision boundaries of the subsamples",
        boundary_ensembles(
            {f"strength {strengths[index]:g}": partial(predict, index) for index in chosen},
            X,
            y,
            truth=lambda Z: compute_true_probability(Z, noise),
            columns=2,
            class_names=MOONS,
        ),
        reading="One panel per strength, with some points of the population. Each thin line is the decision boundary "
        f"of the network of one subsample ({MAXIMUM_BOUNDARIES} at most); the thick line is the true boundary.",
    )
