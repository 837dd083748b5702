"""The two-moons network by hand: known losses, gradient, and edge of stability."""

from typing import Any

import numpy as np
import pytest

from pellucid.byhand import moons
from pellucid.byhand.check import Array
from pellucid.byhand.moons import MoonsParameters


@pytest.fixture(scope="module")
def data() -> tuple[Array, Array]:
    from sklearn.datasets import make_moons

    X, y = make_moons(200, noise=0.20, random_state=0)
    return X, y


def flat(parameters: MoonsParameters) -> Array:
    return np.concatenate([part.ravel() for part in parameters])


def unflat(values: Array, like: MoonsParameters) -> MoonsParameters:
    ends = np.cumsum([part.size for part in like])[:-1]
    return MoonsParameters(*(v.reshape(part.shape) for v, part in zip(np.split(values, ends), like, strict=True)))


def summed_loss(parameters: MoonsParameters, X: Array, y: Array, strength: float) -> float:
    return moons.loss(parameters, moons.forward(parameters, X)[1], y, strength)


def slopes(parameters: MoonsParameters, X: Array, y: Array, strength: float) -> Array:
    return flat(moons.gradient(parameters, X, y, *moons.forward(parameters, X), strength))


def sharpness(parameters: MoonsParameters, X: Array, y: Array) -> float:
    """The largest eigenvalue of the Hessian of the summed loss, from central differences of its gradient."""
    here, step = flat(parameters), 1e-5
    rows = [
        slopes(unflat(here + d, parameters), X, y, 0.01) - slopes(unflat(here - d, parameters), X, y, 0.01)
        for d in step * np.eye(len(here))
    ]
    hessian = np.array(rows) / (2 * step)
    return float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[-1])


def test_the_known_losses(data: tuple[Array, Array]) -> None:
    _, losses = moons.train(*data, epochs=1001)
    assert losses.shape == (1002,)
    assert losses.dtype == np.float64
    np.testing.assert_allclose(
        losses[[0, 1, 1000, 1001]],
        [0.5839404777234, 0.4323866315255, 0.0689481948353, 0.0689465381198],
        rtol=0,
        atol=1e-11,
    )
    assert [f"{losses[k]:.6f}" for k in (1, 1001)] == ["0.432387", "0.068947"]


def test_data_and_weights_are_those_of_the_tutorial(data: tuple[Array, Array]) -> None:
    from sklearn.datasets import make_moons

    np.random.seed(0)  # noqa: NPY002
    X, y = make_moons(200, noise=0.20)
    np.testing.assert_array_equal(X, data[0])
    np.testing.assert_array_equal(y, data[1])
    np.random.seed(0)  # noqa: NPY002
    start = moons.initialize(hidden=5)
    np.testing.assert_array_equal(start.W1, np.random.randn(2, 5) / np.sqrt(2))  # noqa: NPY002
    np.testing.assert_array_equal(start.W2, np.random.randn(5, 2) / np.sqrt(5))  # noqa: NPY002
    assert start.b1.shape == (1, 5)
    assert start.b2.shape == (1, 2)
    assert not start.b1.any()
    assert not start.b2.any()


@pytest.mark.parametrize(("inputs", "hidden", "classes"), [(2, 3, 2), (4, 1, 3), (1, 6, 5)])
def test_the_gradient_matches_finite_differences(
    rng: np.random.Generator, inputs: int, hidden: int, classes: int
) -> None:
    X, y = rng.standard_normal((7, inputs)), rng.integers(classes, size=7)
    parameters = MoonsParameters(
        *(rng.standard_normal(part.shape) for part in moons.initialize(inputs, hidden, classes))
    )
    here, step, strength = flat(parameters), 1e-6, 0.3
    numerical = [
        (
            summed_loss(unflat(here + d, parameters), X, y, strength)
            - summed_loss(unflat(here - d, parameters), X, y, strength)
        )
        / (2 * step)
        for d in step * np.eye(len(here))
    ]
    np.testing.assert_allclose(slopes(parameters, X, y, strength), numerical, rtol=1e-6, atol=1e-8)


def test_it_trains_at_the_edge_of_stability(data: tuple[Array, Array]) -> None:
    run = [parameters for parameters, _ in moons.descend(moons.initialize(), *data, epochs=1000)]
    assert sharpness(run[894], *data) < 200 < sharpness(run[895], *data)
    assert sharpness(run[1000], *data) == pytest.approx(206.64, abs=0.02)


@pytest.mark.slow
def test_it_ends_by_alternating_between_two_solutions(data: tuple[Array, Array]) -> None:
    parameters, losses = moons.train(*data)
    np.testing.assert_allclose(sorted(losses[-2:]), [0.070758, 0.071316], atol=2e-6)
    assert np.mean(moons.predict(parameters, data[0]) == data[1]) >= 0.97


def test_the_same_seed_gives_the_same_run(data: tuple[Array, Array]) -> None:
    first, again = moons.train(*data, epochs=50, seed=3), moons.train(*data, epochs=50, seed=3)
    np.testing.assert_array_equal(flat(first[0]), flat(again[0]))
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], moons.train(*data, epochs=50, seed=4)[1])


def test_the_run_keeps_the_dtype_of_its_inputs(data: tuple[Array, Array]) -> None:
    X, y = data
    parameters, losses = moons.train(X.astype(np.float32), y, epochs=100)
    assert {part.dtype for part in (*parameters, losses)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(losses, moons.train(X, y, epochs=100)[1], rtol=1e-5)


def test_large_scores_stay_finite() -> None:
    parameters = MoonsParameters(np.ones((1, 1)), np.zeros((1, 1)), np.array([[1000.0, -1000.0]]), np.zeros((1, 2)))
    X, y = np.array([[50.0]]), np.array([1])
    assert summed_loss(parameters, X, y, 0.0) == 2000.0
    assert moons.gradient(parameters, X, y, *moons.forward(parameters, X), 0.0).b2.tolist() == [[1.0, -1.0]]


def test_more_classes_than_two(rng: np.random.Generator) -> None:
    y = rng.integers(3, size=60)
    X = np.eye(3)[y] + 0.1 * rng.standard_normal((60, 3))
    parameters, _ = moons.train(X, y, classes=3, epochs=300)
    np.testing.assert_array_equal(moons.predict(parameters, X), y)


def test_zero_epochs_keep_the_initial_weights(data: tuple[Array, Array]) -> None:
    parameters, losses = moons.train(*data, epochs=0)
    np.testing.assert_array_equal(flat(parameters), flat(moons.initialize()))
    assert losses.shape == (1,)


def test_progress_is_called_after_every_epoch(data: tuple[Array, Array]) -> None:
    calls: list[tuple[int, float]] = []
    _, losses = moons.train(*data, epochs=3, progress=lambda done, loss: calls.append((done, loss)))
    assert calls == [(k, losses[k]) for k in (1, 2, 3)]


def test_an_interrupt_ends_the_run_and_a_generator_keeps_its_parameters(data: tuple[Array, Array]) -> None:
    def interrupt(done: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moons.train(*data, progress=interrupt)
    walk = moons.descend(moons.initialize(), *data)
    reached = [next(walk) for _ in range(11)][-1]
    np.testing.assert_array_equal(flat(reached[0]), flat(moons.train(*data, epochs=10)[0]))


X, Y = np.zeros((4, 2)), np.zeros(4, int)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": X.astype(int)}, TypeError, r"X: expected floats, received int64; .* pass X\.astype\(float\)"),
        ({"X": X[0]}, ValueError, r"X: expected shape \(examples, inputs\), received \(2,\); check the order"),
        ({"X": X[:0], "y": Y[:0]}, ValueError, r"X: expected at least one value .*, received shape \(0, 2\)"),
        ({"X": np.where(np.eye(4, 2), np.nan, X)}, ValueError, r"X: expected finite values, received nan at \(0, 0\)"),
        ({"y": Y[:3]}, ValueError, r"y: expected shape \(4,\), one label per example, received \(3,\)"),
        ({"y": Y[:, None]}, ValueError, r"y: expected shape \(4,\), one label per example, received \(4, 1\)"),
        ({"y": Y.astype(float)}, TypeError, r"y: expected integers, received float64; pass y\.astype\(int\)"),
        ({"y": Y + 2}, ValueError, r"y: expected classes from 0 to 1, received 2 at 0; .*, or pass classes=3"),
        ({"y": Y - 1}, ValueError, r"y: expected classes from 0 to 1, received -1 at 0; count classes from 0$"),
        ({"hidden": 0}, ValueError, r"hidden: expected a finite number of at least 1, received 0"),
        ({"epochs": -1}, ValueError, r"epochs: expected a finite number of at least 0, received -1"),
        ({"learning_rate": np.nan}, ValueError, r"learning_rate: expected a finite number of at least 0, received nan"),
        ({"strength": -1.0}, ValueError, r"strength: expected a finite number of at least 0, received -1\.0"),
        (
            {"learning_rate": 1e9},
            FloatingPointError,
            r"the loss is (inf|nan) in epoch \d+; use a smaller learning rate than 1000000000\.0",
        ),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        moons.train(**{"X": X, "y": Y, "epochs": 100} | arguments)


def test_predict_checks_the_number_of_inputs() -> None:
    with pytest.raises(ValueError, match=r"X: expected shape \(examples, 2\), received \(1, 3\)"):
        moons.predict(moons.initialize(), np.zeros((1, 3)))
