"""The convolutional network by hand: gradient, agreement with the compiled network, and accuracy on digits."""

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.byhand import convolution
from pellucid.byhand.check import Array
from pellucid.byhand.convolution import ConvolutionParameters

SHAPES = [(3, (7, 8, 2), 3, 4, 5), (2, (6, 6, 1), 1, 2, 2), (4, (9, 6, 3), 5, 1, 3), (1, (5, 4, 2), 3, 3, 10)]
"""Examples; rows, columns and channels; size of the filters; number of filters; classes."""


def draw(rng: np.random.Generator, shape: Any) -> tuple[ConvolutionParameters, Array, Array]:
    examples, image, size, filters, classes = shape
    start = convolution.initialize(image, filters, size, classes)
    parameters = ConvolutionParameters(*(rng.standard_normal(part.shape) for part in start))
    return parameters, rng.standard_normal((examples, *image)), rng.integers(classes, size=examples)


class Graph:
    """The same network as a graph of pellucid, in float64."""

    def __init__(self, start: ConvolutionParameters, X: Array) -> None:
        self.X, self.y = pel.tensor4("X", (None, *X.shape[1:]), "float64"), pel.ivector("y", shape=(None,))
        K, b1, W2, b2 = self.parameters = [pel.shared(value, name) for name, value in start._asdict().items()]
        self.z = pel.conv(self.X, K) + b1
        self.pooled = pel.max_pool(pel.relu(self.z), 2)
        features = self.pooled.reshape((-1, len(start.W2)))
        p = pel.softmax(features @ W2 + b2)
        self.loss = pel.losses.sparse_categorical_crossentropy(self.y, p).mean()


def mean_loss(parameters: ConvolutionParameters, X: Array, y: Array) -> float:
    return convolution.loss(convolution.forward(parameters, X)[2], y)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_matches_finite_differences(rng: np.random.Generator, shape: Any) -> None:
    parameters, X, y = draw(rng, shape)
    grads, delta1 = convolution.gradient(parameters, X, y, *convolution.forward(parameters, X))
    analytic = {**grads._asdict(), "X": convolution.input_gradient(parameters.K, delta1)}
    values, step = {**parameters._asdict(), "X": X}, 1e-6

    def loss(name: str, place: tuple[int, ...], change: float) -> float:
        moved = {name: values[name].copy() for name in values}
        moved[name][place] += change
        return mean_loss(ConvolutionParameters(*(moved[part] for part in parameters._fields)), moved["X"], y)

    for name, value in values.items():
        assert analytic[name].shape == value.shape
        places = list(np.ndindex(value.shape))
        for place in rng.permutation(places)[:40]:
            rise = loss(name, tuple(place), step) - loss(name, tuple(place), -step)
            assert analytic[name][tuple(place)] == pytest.approx(rise / (2 * step), rel=1e-5, abs=1e-7), (name, place)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_the_graph(rng: np.random.Generator, shape: Any) -> None:
    parameters, X, y = draw(rng, shape)
    graph = Graph(parameters, X)
    results = [graph.z, graph.pooled, graph.loss, *pel.grad(graph.loss, [*graph.parameters, graph.X])]
    expected = pel.function([graph.X, graph.y], results, mode="numpy")(X, y)
    a, v, log_p = convolution.forward(parameters, X)
    grads, delta1 = convolution.gradient(parameters, X, y, a, v, log_p)
    received = [
        convolution.convolve(X, parameters.K, parameters.b1),
        convolution.pool(a),
        convolution.loss(log_p, y),
        *grads,
        convolution.input_gradient(parameters.K, delta1),
    ]
    for value, want in zip(received, expected, strict=True):
        np.testing.assert_allclose(value, np.broadcast_to(want, np.shape(value)), rtol=1e-10, atol=1e-10)


def test_a_convolution_is_a_sum_over_windows(rng: np.random.Generator) -> None:
    X, K, b = rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((2, 4, 3, 5)), rng.standard_normal(5)
    z = np.empty((2, 4, 3, 5))
    for n, i, j, f in np.ndindex(z.shape):
        z[n, i, j, f] = b[f] + (X[n, i : i + 2, j : j + 4] * K[..., f]).sum()
    np.testing.assert_allclose(convolution.convolve(X, K, b), z, rtol=1e-12)


def test_the_gradient_by_the_images_is_a_full_correlation_with_the_flipped_kernel(rng: np.random.Generator) -> None:
    K, delta = rng.standard_normal((3, 2, 2, 4)), rng.standard_normal((2, 5, 6, 4))
    padded = np.pad(delta, [(0, 0), (2, 2), (1, 1), (0, 0)])
    flipped = K[::-1, ::-1].swapaxes(2, 3)
    full = convolution.convolve(padded, flipped, np.zeros(2))
    np.testing.assert_allclose(convolution.input_gradient(K, delta), full, rtol=1e-12, atol=1e-12)


def test_of_equal_maxima_the_first_receives_the_gradient_as_in_the_graph(rng: np.random.Generator) -> None:
    a, dm = rng.integers(2, size=(3, 5, 7, 2)).astype(float), rng.standard_normal((3, 2, 3, 2))
    x = pel.tensor4("x", a.shape, "float64")
    expected = pel.function([x], pel.grad((pel.max_pool(x, 2) * dm).sum(), x), mode="numpy")(a)
    np.testing.assert_array_equal(convolution.pool_gradient(a, dm), expected)
    assert not expected[:, -1].any()  # the row that the windows do not reach


def test_training_equals_the_compiled_network_step_by_step(rng: np.random.Generator) -> None:
    X, y = rng.random((50, 8, 8, 2)), rng.integers(4, size=50)
    start = convolution.initialize((8, 8, 2), filters=3, size=3, classes=4, seed=1)
    graph = Graph(start, X)
    updates = pel.optimizers.SGD(0.2).updates(graph.loss, graph.parameters)
    step = pel.function([graph.X, graph.y], graph.loss, updates=updates)
    batches = list(convolution.draw_batches(50, 10, 4, seed=2))
    for rows, (parameters, value) in zip(batches, convolution.descend(start, X, y, batches, 0.2), strict=True):
        assert value == pytest.approx(float(step(X[rows], y[rows])), rel=1e-10)
        for part, variable in zip(parameters, graph.parameters, strict=True):
            np.testing.assert_allclose(part, variable.get_value(), rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array, Array, Array]:
    (x, y), (x_test, y_test) = pel.data.mnist()
    small, small_test = (
        images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))[..., np.newaxis] / 255 for images in (x[:4000], x_test)
    )
    return small, y[:4000].astype(int), small_test, y_test.astype(int)


def test_it_reads_many_held_out_digits(digits: tuple[Array, Array, Array, Array]) -> None:
    X, y, X_new, y_new = digits
    parameters, losses = convolution.train(X[:1000], y[:1000], epochs=3, learning_rate=0.3)
    assert losses.shape == (150,)
    assert losses[-20:].mean() < 0.4 < 2 < losses[0]
    assert (convolution.predict(parameters, X_new[:500]) == y_new[:500]).mean() > 0.85


@pytest.mark.slow
def test_it_reads_held_out_digits(digits: tuple[Array, Array, Array, Array]) -> None:
    X, y, X_new, y_new = digits
    parameters, losses = convolution.train(X, y)
    assert losses.shape == (1000,)
    assert losses[-100:].mean() < 0.3 < 2 < losses[0]
    assert (convolution.predict(parameters, X_new) == y_new).mean() > 0.93


def test_the_run_keeps_the_dtype_of_its_inputs(digits: tuple[Array, Array, Array, Array]) -> None:
    X, y = digits[0][:400], digits[1][:400]
    parameters, losses = convolution.train(X.astype(np.float32), y, epochs=2)
    assert {part.dtype for part in (*parameters, losses)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(losses, convolution.train(X, y, epochs=2)[1], rtol=1e-3)


def test_every_epoch_has_every_example_once() -> None:
    batches = list(convolution.draw_batches(7, 3, 2, seed=3))
    assert [len(rows) for rows in batches] == [3, 3, 1, 3, 3, 1]
    first, second = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    assert sorted(first) == sorted(second) == list(range(7))
    assert first.tolist() != second.tolist()


def test_the_initial_weights_keep_the_scale_of_their_inputs(rng: np.random.Generator) -> None:
    start = convolution.initialize((20, 20, 3), filters=100, size=5)
    assert start.K.std() == pytest.approx(np.sqrt(2 / 75), rel=0.05)
    assert start.W2.std() == pytest.approx(np.sqrt(1 / 6400), rel=0.05)
    assert not start.b1.any()
    assert not start.b2.any()
    assert not np.array_equal(start.K, convolution.initialize((20, 20, 3), 100, 5, seed=1).K)


X, Y = np.zeros((4, 6, 6, 1)), np.zeros(4, int)


def test_large_scores_stay_finite() -> None:
    parameters = convolution.initialize((6, 6, 1), filters=1, size=3, classes=2)
    parameters = parameters._replace(b2=np.array([1000.0, -1000.0]))
    a, v, log_p = convolution.forward(parameters, X)
    assert convolution.loss(log_p, Y + 1) == 2000.0
    assert convolution.gradient(parameters, X, Y + 1, a, v, log_p)[0].b2.tolist() == [1.0, -1.0]


def test_the_same_seed_gives_the_same_run(rng: np.random.Generator) -> None:
    images, labels = rng.random((30, 6, 6, 1)), rng.integers(10, size=30)
    losses = [convolution.train(images, labels, size=3, epochs=2, seed=seed)[1] for seed in (3, 3, 4)]
    np.testing.assert_array_equal(losses[0], losses[1])
    assert not np.array_equal(losses[0], losses[2])


def test_progress_is_called_after_every_step_and_may_end_the_run() -> None:
    calls: list[tuple[int, float]] = []
    arguments: dict[str, Any] = {"size": 3, "epochs": 2, "batch": 3}
    _, losses = convolution.train(X, Y, **arguments, progress=lambda done, loss: calls.append((done, loss)))
    assert calls == [(k + 1, losses[k]) for k in range(4)]

    def interrupt(done: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convolution.train(X, Y, **arguments, progress=interrupt)


def test_zero_epochs_keep_the_initial_weights() -> None:
    parameters, losses = convolution.train(X, Y, size=3, epochs=0)
    for part, want in zip(parameters, convolution.initialize((6, 6, 1), size=3), strict=True):
        np.testing.assert_array_equal(part, want)
    assert losses.shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": X.astype(int)}, TypeError, r"X: expected floats, received int64; .* pass X\.astype\(float\)"),
        (
            {"X": X[..., 0]},
            ValueError,
            r"X: expected shape \(examples, rows, columns, channels\), received \(4, 6, 6\)",
        ),
        ({"X": X[:0], "y": Y[:0]}, ValueError, r"X: expected at least one value .*, received shape \(0, 6, 6, 1\)"),
        ({"X": X + np.nan}, ValueError, r"X: expected finite values, received nan at \(0, 0, 0, 0\)"),
        ({"y": Y[:3]}, ValueError, r"y: expected shape \(4,\), one label per example, received \(3,\)"),
        ({"y": Y.astype(float)}, TypeError, r"y: expected integers, received float64"),
        ({"y": Y + 10}, ValueError, r"y: expected classes from 0 to 9, received 10 at 0; .*, or pass classes=11"),
        ({"size": 6}, ValueError, r"rows: expected a finite number of at least 7, received 6"),
        ({"X": X[:, :, :3], "size": 3}, ValueError, r"columns: expected a finite number of at least 4, received 3"),
        ({"size": 0}, ValueError, r"size: expected a finite number of at least 1, received 0"),
        ({"filters": 0}, ValueError, r"filters: expected a finite number of at least 1, received 0"),
        ({"batch": 0}, ValueError, r"batch: expected a finite number of at least 1, received 0"),
        ({"epochs": -1}, ValueError, r"epochs: expected a finite number of at least 0, received -1"),
        ({"learning_rate": np.nan}, ValueError, r"learning_rate: expected .* of at least 0, received nan"),
        (
            {"X": X + 1, "learning_rate": 1e200},
            FloatingPointError,
            r"the loss is (inf|nan) in step \d; use a smaller learning rate than 1e\+200",
        ),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        convolution.train(**{"X": X, "y": Y, "size": 3, "batch": 2} | arguments)


def test_predict_checks_channels_and_size_of_the_images() -> None:
    parameters = convolution.initialize((6, 6, 1), size=3)
    with pytest.raises(ValueError, match=r"X: expected shape \(examples, rows, columns, 1\), received \(1, 6, 6, 2\)"):
        convolution.predict(parameters, np.zeros((1, 6, 6, 2)))
    message = r"X: expected images that give 32 features, received images of 28 x 28 pixels, which give 1352; pass"
    with pytest.raises(ValueError, match=message):
        convolution.predict(parameters, np.zeros((1, 28, 28, 1)))
