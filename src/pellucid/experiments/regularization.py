"""L2 regularization on trial: many small networks on random subsamples of the moons, trained as one."""

from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.experiments.moons_sizes import mean_losses
from pellucid.experiments.runner import Outcome, Range, Run, Score, experiment
from pellucid.experiments.runner.pluralize import counted

POPULATION = 4000
"""How many points the subsamples are drawn from."""

JUDGED = 1000
"""At how many fresh points the estimates are held against the truth."""

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

Array = NDArray[Any]


def build(strength: float, hidden: int, rate: float, points: int, seed: int) -> Any:
    """Return a network of two inputs, hidden units, and the probability of one class.

    The experiment's loss is a sum over the points and a model's is a mean, so the rate is multiplied by their number
    and the strength divided by it.
    """
    import pellucid as pel
    from pellucid import nn

    rng = np.random.default_rng(seed)

    def weights(shape: tuple[int, ...], dtype: Any) -> Array:
        return np.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]), dtype)

    def dense(units: int, activation: str) -> Any:
        penalty = nn.regularizers.L2(strength / 2 / points)
        return nn.Dense(units, activation, kernel_initializer=weights, kernel_regularizer=penalty)

    model = pel.Sequential([nn.Input((2,)), dense(hidden, "tanh"), dense(1, "sigmoid")])
    model.compile(nn.optimizers.SGD(rate * points), "binary_crossentropy")
    return model


class Estimates:
    """What the networks of a sweep over strengths and subsamples say; each place is asked for once.

    Parameters
    ----------
    found
        The sweep.
    levels
        How many strengths there are.
    """

    def __init__(self, found: Any, levels: int) -> None:
        self.found, self.levels = found, levels
        self.known: dict[bytes, Array] = {}

    def probabilities(self, level: int, places: Array) -> Array:
        """Return what each network of a strength says at places of shape (m, 2): shape (subsamples, m)."""
        key = np.ascontiguousarray(places).tobytes()
        if key not in self.known:
            said = self.found.predict(places)
            self.known[key] = said.reshape(self.levels, -1, len(places))
        of_level: Array = self.known[key][level]
        return of_level


def true_probability(X: Array, noise: float) -> Array:
    r"""Return the probability of class 1 at points of shape (m, 2): how dense its moon is there, beside the other's.

    A moon is an arc with normal noise, so its density is p_k(x) = \int_0^1 N(x; a_k(u), \sigma^2 I) \, du.
    """
    t = np.linspace(0, np.pi, 200)
    arcs = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    exponents = [-((X[:, np.newaxis] - arc) ** 2).sum(axis=2) / (2 * noise**2) for arc in arcs]
    greatest = np.maximum(*(exponent.max(axis=1) for exponent in exponents))[:, np.newaxis]
    zero, one = (np.exp(exponent - greatest).mean(axis=1) for exponent in exponents)
    return np.asarray(one / (zero + one))


@experiment(
    "regularization",
    "What L2 regularization costs and what it buys",
    r"\min_\theta \; -\sum_n \log p_\theta(y_n \mid x_n)"
    r" + \frac{\lambda}{2} \left( {\lVert W_1 \rVert}^2 + {\lVert W_2 \rVert}^2 \right)",
    r"\mathbb{E} {(\hat{p} - p)}^2 = {(\mathbb{E} \hat{p} - p)}^2 + \mathrm{var}(\hat{p})",
)
def regularization(
    run: Run,
    *,
    strengths: Annotated[tuple[float, ...], Range(0, 30, open=True), "L2 strengths"] = STRENGTHS,
    subsamples: Annotated[int, Range(2, 1000), "random subsamples, each learnt from once for every strength"] = 60,
    points: Annotated[int, Range(2, POPULATION), "points in a subsample"] = 40,
    hidden: Annotated[int, Range(1, 200), "units in the hidden layer"] = 8,
    passes: Annotated[int, Range(1), "steps of gradient descent, each on all points"] = 4000,
    rate: Annotated[float, Range(0, 0.05, open=True), "length of a step, as a multiple of the gradient"] = 0.02,
    noise: Annotated[float, Range(0.05, 1), "how far points stray from their moon"] = 0.3,
) -> Outcome:
    """A network that learns from few points says something else for every handful of them: its estimate has a spread.
    A penalty on large weights holds it back, which makes the spread smaller, and pulls every answer towards a smooth
    one, which is a bias. Here the truth is known, for two moons with normal noise have densities one can compute: so
    the same network learns from many random subsamples at each of several strengths, and its probabilities are held
    against the true ones. The squared error is squared bias plus variance; one grows with the strength, the other
    shrinks, and the best strength lies between. All these networks are a sweep, trained by one compiled loop.
    """
    import pellucid as pel
    from pellucid.data import moons as draw

    levels = np.unique(strengths)
    X, y = draw(POPULATION, noise=noise, seed=run.seed)
    rng = np.random.default_rng(run.seed)
    rows = np.stack([rng.choice(POPULATION, points, replace=False) for _ in range(subsamples)])
    with (
        run.learning("training", values_of=mean_losses) as noted,
        run.following("training", passes) as follow,
        run.clock("training"),
    ):
        found = pel.sweep(
            partial(build, hidden=hidden, rate=rate, points=points),
            X,
            y[:, np.newaxis],
            strength=levels,
            rows=rows,
            seed=run.seed,
            epochs=passes,
            batch_size=points,
            progress=follow,
        )
    noted.extend(mean_losses(found))
    losses = found.curves["loss"][:, -1]
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"the loss is {losses[~np.isfinite(losses)][0]} after {counted(passes, 'pass')} at rate {rate}; "
            "take a smaller rate"
        )
    networks = Estimates(found, len(levels))

    X_new, _ = draw(JUDGED, noise=noise, seed=run.seed + 1)
    estimates = np.array([networks.probabilities(level, X_new) for level in range(len(levels))])
    true = true_probability(X_new, noise)
    bias = ((estimates.mean(axis=1) - true) ** 2).mean(axis=1)
    variance = estimates.var(axis=1).mean(axis=1)
    error = bias + variance
    best, ignorance = int(error.argmin()), float(((true - 0.5) ** 2).mean())
    if len(levels) > 1:
        draw_trends(run, networks, levels, noise, bias, variance)
    draw_boundaries(run, networks, levels, best, noise, X[:300], y[:300])
    return Outcome(
        Score(f"mean squared error of the probability at the best strength, {levels[best]:g}", float(error[best])),
        baseline=Score(f"at the weakest, {levels[0]:g}", float(error[0])),
        measures={
            "strengths": levels,
            "squared_bias": bias,
            "variance": variance,
            "squared_error": error,
            "best_strength": levels[best],
            "error_of_always_one_half": ignorance,
            "last_loss_of_a_network": losses.mean() * points,
            "networks": len(found),
        },
        lines=[
            "strength  squared bias  variance  squared error",
            *(
                f"{level:8g}  {bias[i]:12.4f}  {variance[i]:8.4f}  {error[i]:13.4f}{'  the least' * (i == best)}"
                for i, level in enumerate(levels)
            ),
            f"means over {JUDGED:,} fresh points; to say 1/2 everywhere has a squared error of {ignorance:.4f}",
            f"{len(found)} networks of {counted(hidden, 'hidden unit')}, {counted(passes, 'pass')} each, as "
            f"{found.programs_text}: {run.timings['training']:.1f} s",
        ],
    )


def draw_trends(run: Run, networks: Estimates, levels: Array, noise: float, bias: Array, variance: Array) -> None:
    """Save the estimates at one place, and bias and variance everywhere, over the strengths."""
    from pellucid.show.plots import learning_curves, spread_and_bias

    place = np.array([[0.5, 0.6]], dtype="float32")
    estimates = np.array([networks.probabilities(level, place)[:, 0] for level in range(len(levels))])
    true = float(true_probability(place, noise)[0])
    run.figure(
        "spread",
        "The estimates at one place, strength by strength",
        spread_and_bias(
            levels, estimates, true, across="L2 strength", up="probability of the second moon", known="the truth"
        ),
        reading=f"Each dot is what one network says at the point ({place[0, 0]:.1f}, {place[0, 1]:.1f}), where the "
        f"truth is {true:.2f}, the dashed line. At the weakest strength their mean is {estimates[0].mean():.2f} and "
        f"their standard deviation {estimates[0].std():.2f}; at the strongest {estimates[-1].mean():.2f} and "
        f"{estimates[-1].std():.2f}. Below, squared bias and variance at this point, and their sum.",
    )
    curves = {"bias, squared": (levels, bias), "variance": (levels, variance), "sum": (levels, bias + variance)}
    run.figure(
        "trade-off",
        "Bias and variance over the whole plane",
        learning_curves(curves, "L2 strength", "squared error", logarithmic=True),
        reading=f"The same three, as means over {JUDGED:,} fresh points, both axes logarithmic. From the weakest "
        f"strength to the strongest the variance goes from {variance[0]:.4f} to {variance[-1]:.4f} and the squared "
        f"bias from {bias[0]:.4f} to {bias[-1]:.4f}; their sum is least at {levels[(bias + variance).argmin()]:g}.",
    )


def draw_boundaries(run: Run, networks: Estimates, levels: Array, best: int, noise: float, X: Array, y: Array) -> None:
    """Save the boundaries at the weakest, the best and the strongest strength."""
    from pellucid.show.boundary_ensembles import boundary_bundles

    chosen = np.unique([0, best, len(levels) - 1])
    run.figure(
        "boundaries",
        "The boundaries that the subsamples led to",
        boundary_bundles(
            {f"strength {levels[level]:g}": partial(first_thirty, networks, level) for level in chosen},
            X,
            y,
            truth=lambda Z: true_probability(Z, noise),
        ),
        reading="A green line for each of thirty subsamples at most, over some points of the population; the black "
        "line is the true boundary. Where the penalty is weak the lines wind around the points of their own "
        "subsamples; the stronger it is, the straighter they become, until none can follow the moons any more.",
    )


def first_thirty(networks: Estimates, level: int, places: Array) -> Array:
    """Return the probabilities of no more networks than a picture can hold."""
    return networks.probabilities(level, places)[:30]
