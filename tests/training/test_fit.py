"""`fit` computes the same numbers as a loop written by hand, and its means weight every sample equally."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.errors import TrainingWarning
from pellucid.model.errors import ModelError
from pellucid.nn.optimizers import SGD, Adam
from pellucid.training import train_step

pytestmark = pytest.mark.usefixtures("interpret_functions")

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


def have_equal_weights(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def train_with_loop(
    model: pel.Sequential, x: np.ndarray, y: np.ndarray, batch: int, epochs: int, seed: int
) -> list[float]:
    """Train with a loop over the model's expressions; return the loss of every epoch."""
    data, labels = pel.shared(x, "data", trainable=False), pel.shared(y, "labels", trainable=False)
    index, target = pel.ivector("index", shape=("n",)), pel.ivector("target", shape=("n",))
    output = model.outputs[0]
    loss = pel.losses.sparse_categorical_crossentropy(target, output).mean()
    step = pel.function(
        [index],
        [loss, nn.metrics.accuracy(target, output).mean()],
        updates=SGD(0.2).updates(loss),
        givens={model.inputs[0]: data[index], target: labels[index]},
    )
    means = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(x)).astype("int32")
        complete = len(x) // batch * batch
        losses, _ = step.over(order[:complete].reshape(-1, batch))
        total = losses.astype(float).sum() * batch
        if complete < len(x):
            total += float(step.over(order[None, complete:])[0][0]) * (len(x) - complete)
        means.append(total / len(x))
    return means


@pytest.mark.usefixtures("compile_functions")
@pytest.mark.parametrize(("batch", "dropout"), [(32, 0.2), (48, 0.0)])
def test_fit_is_bit_identical_to_a_hand_written_loop(data: Data, make: Make, batch: int, dropout: float) -> None:
    model, other = make(dropout), make(dropout)
    history = model.fit(*data, batch_size=batch, epochs=4, seed=11).history
    losses = train_with_loop(other, *data, batch, 4, 11)
    assert have_equal_weights(model.get_weights(), other.get_weights())
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)


# Without and with a smaller batch at the end of an epoch.
@pytest.mark.usefixtures("compile_functions")
@pytest.mark.parametrize(("batch", "dropout"), [(32, 0.2), (24, 0.0)])
def test_epochs_without_callbacks_have_the_same_result(data: Data, make: Make, batch: int, dropout: float) -> None:
    alone, together = make(dropout), make(dropout)
    seen: list[int] = []
    callback = pel.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: seen.append(epoch))
    one = alone.fit(*data, batch_size=batch, epochs=30, seed=4, callbacks=[callback])
    many = together.fit(*data, batch_size=batch, epochs=30, seed=4)
    assert seen == list(range(30))
    assert have_equal_weights(alone.get_weights(), together.get_weights())
    assert one.history == many.history
    assert (alone.step, len(many.seconds)) == (together.step, 30)
    assert have_equal_weights(many.at(together.step - 1).get_weights(), one.at(alone.step - 1).get_weights())


@pytest.mark.usefixtures("compile_functions")
def test_xla_trains_like_c(data: Data, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    by_c, by_xla = make(), make()
    expected = by_c.fit(*data, batch_size=48, epochs=3, seed=4)
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    found = by_xla.fit(*data, batch_size=48, epochs=3, seed=4)
    assert [backend.partition(":")[0] for backend in found.backends] == ["XLA"]
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)
    for a, b in zip(by_xla.get_weights(), by_c.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_set_random_seed_makes_runs_bit_identical(data: Data, make: Make) -> None:
    first = make(0.2)
    first.fit(*data, epochs=2)
    second = make(0.2)
    second.fit(*data, epochs=2)
    assert have_equal_weights(first.get_weights(), second.get_weights())


def test_the_seed_determines_the_sample_order(data: Data, make: Make) -> None:
    model = make()
    start = model.get_weights()
    ends = []
    for seed in (5, 5, 6):
        model.set_weights(start)
        model.fit(*data, seed=seed)
        ends.append(model.get_weights())
    assert have_equal_weights(ends[0], ends[1])
    assert not have_equal_weights(ends[0], ends[2])


@pytest.mark.usefixtures("compile_functions")
def test_two_fits_equal_one_longer_fit(data: Data, make: Make) -> None:
    long, short = make(), make()
    long.fit(*data, epochs=2, shuffle=False)
    for _ in range(2):
        short.fit(*data, epochs=1, shuffle=False)
    assert have_equal_weights(long.get_weights(), short.get_weights())


def test_optimizer_state_persists_between_fits(data: Data, make: Make) -> None:
    x, y = data
    once, twice = make(optimizer=Adam(0.01)), make(optimizer=Adam(0.01))
    once.fit(x, y, epochs=2, shuffle=False)
    twice.fit(x, y, epochs=1, shuffle=False)
    twice.predict(x[:1])
    twice.fit(x.astype("float64"), y.astype("int64"), epochs=1, shuffle=False)
    assert have_equal_weights(once.get_weights(), twice.get_weights())


def test_fit_learns(data: Data, make: Make) -> None:
    model = make(optimizer=SGD(0.5))
    history = model.fit(*data, epochs=40, batch_size=32, seed=0).history
    assert history["loss"][-1] < 0.2 < 0.4 < history["loss"][0]
    assert model.evaluate(*data)[1] > 0.95


def test_means_weight_every_sample_equally(data: Data, make: Make) -> None:
    model = make(optimizer=SGD(0.0))
    x, y = data
    history = model.fit(x, y, batch_size=64, validation_data=(x[:65], y[:65]), seed=0).history
    p = pel.function(model.inputs, pel.inference(model.outputs[0]), mode="numpy")(x)
    chosen = -np.log(p[np.arange(len(y)), y].astype(float))
    right = p.argmax(1) == y
    np.testing.assert_allclose(history["loss"], [chosen.mean()], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], [right.mean()], rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"], [chosen[:65].mean()], rtol=1e-5)
    np.testing.assert_allclose(history["val_accuracy"], [right[:65].mean()], rtol=1e-6)


@pytest.mark.usefixtures("compile_functions")
@pytest.mark.parametrize("size", [7, 1000])
def test_evaluate_does_not_depend_on_the_batch(data: Data, make: Make, size: int) -> None:
    model = make(dropout=0.5)
    loss, accuracy = model.evaluate(*data, batch_size=size)
    assert model.evaluate(*data, return_dict=True) == pytest.approx({"loss": loss, "accuracy": accuracy}, rel=1e-5)


def test_evaluate_without_metrics_is_a_number(data: Data, make: Make) -> None:
    model = make()
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(model.evaluate(*data), float)


def test_evaluate_prints_on_request(data: Data, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    loss, accuracy = make().evaluate(*data, verbose=1)
    assert capsys.readouterr().out == f"loss {loss:.4f}  accuracy {accuracy:.4f}\n"


def test_validation_split_keeps_the_end_and_trains_on_the_rest(data: Data, make: Make) -> None:
    x, y = data
    model, other = make(), make()
    history = model.fit(x, y, validation_split=0.2, seed=2).history
    wanted = other.fit(x[:128], y[:128], validation_data=(x[128:], y[128:]), seed=2).history
    assert have_equal_weights(model.get_weights(), other.get_weights())
    assert history == wanted
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]


def test_regularization_is_part_of_the_loss(data: Data) -> None:
    layer = nn.Dense(2, activation="softmax", kernel_regularizer=nn.regularizers.L2(0.1))
    model = pel.Sequential([nn.Input((2,)), layer])
    model.compile(SGD(0.0), "sparse_categorical_crossentropy")
    plain = pel.Sequential([nn.Input((2,)), layer])
    penalty = 0.1 * np.square(model.get_weights()[0]).sum()
    bare = -np.log(plain.predict(data[0])[np.arange(160), data[1]]).mean()
    np.testing.assert_allclose(model.evaluate(*data), bare + penalty, rtol=1e-5)
    np.testing.assert_allclose(model.fit(*data).history["loss"], [bare + penalty], rtol=1e-5)


@pytest.mark.usefixtures("compile_functions")
def test_a_program_as_in_keras(rng: np.random.Generator) -> None:
    x_train, x_test, x_new = (rng.random((n, 12)) for n in (40, 20, 3))
    y_train, y_test = (np.eye(2)[rng.integers(0, 2, n)] for n in (40, 20))
    model = pel.Sequential(
        [
            nn.Input((12,)),
            nn.Dense(8, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(6, activation="relu", kernel_initializer="random_uniform"),
            nn.Dense(2, activation="softmax"),
        ]
    )
    model.compile(optimizer=SGD(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=3, batch_size=128, validation_data=(x_test, y_test))
    assert len(history.history["val_accuracy"]) == 3
    assert len(model.evaluate(x_test, y_test)) == 2
    np.testing.assert_allclose(model.predict(x_new).sum(1), 1, rtol=1e-5)


@pytest.mark.usefixtures("compile_functions")
def test_a_convolution_on_bytes_learns_with_an_unnamed_input(rng: np.random.Generator) -> None:
    nn.set_random_seed(0)
    y = rng.integers(0, 2, 60)
    x = (rng.integers(0, 20, (60, 8, 8, 1)) + 100 * y[:, None, None, None]).astype("uint8")
    model = pel.Sequential([nn.Conv2D(4, 3), nn.MaxPooling2D(2), nn.Flatten(), nn.Dense(2, activation="softmax")])
    model.compile(Adam(0.01), "sparse_categorical_crossentropy", metrics=["acc"])
    assert model.fit(x, y, batch_size=10, epochs=30, seed=0).history["acc"][-1] > 0.95


def test_one_column_is_binary_classification(data: Data) -> None:
    nn.set_random_seed(0)
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, activation="sigmoid")])
    model.compile(SGD(1.0), "binary_crossentropy", metrics=["accuracy"])
    x, y = data
    assert model.fit(x, y.astype(bool), epochs=30, seed=0).history["accuracy"][-1] > 0.95
    assert model.evaluate(x, y.astype(float)) == model.evaluate(x, y)


def test_regression_with_a_function_as_loss_and_metric(rng: np.random.Generator) -> None:
    x = rng.normal(size=(100, 3))
    y = x @ [1.0, -2.0, 0.5]

    def squared(y_true: pel.Expr, y_pred: pel.Expr) -> pel.Expr:
        return (y_true - y_pred[:, 0]) ** 2

    model = pel.Sequential([nn.Dense(1)])
    model.compile(SGD(0.1), squared, metrics=["mse", squared])
    history = model.fit(x, y, epochs=30, seed=0).history
    assert history["squared"] == pytest.approx(history["mse"], rel=1e-5)
    assert history["loss"][-1] < 1e-4


def test_a_float64_model_keeps_its_precision(data: Data) -> None:
    x, y = data
    model = pel.Sequential([nn.Input((2,), dtype="float64"), nn.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x.astype("float64"), y)
    assert model.predict(x).dtype == np.float64
    assert {w.dtype for w in model.get_weights()} == {np.dtype("float64")}


def test_data_may_be_lists(make: Make) -> None:
    model = make()
    model.fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    assert model.predict([[0.0, 1.0]]).shape == (1, 2)


def test_data_are_not_modified(data: Data, make: Make) -> None:
    x, y = data
    before = x.copy(), y.copy()
    make().fit(x, y, epochs=2)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.usefixtures("compile_functions")
def test_a_nan_loss_is_reported_once(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile(SGD(1e30), "mse")
    x, y = data
    with pytest.warns(TrainingWarning, match=r"The loss became (inf|nan) in step 2 of 5 of epoch 1.*smaller") as caught:
        history = model.fit(x, y.astype(float), epochs=3, seed=0)
    assert len(caught) == 1
    assert history.epoch == [0, 1, 2]
    assert not np.isfinite(history.history["loss"][-1])


@pytest.mark.usefixtures("compile_functions")
def test_the_number_of_kept_programs_is_limited(data: Data, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_step, "MAX_PROGRAMS", 2)
    x, y = data
    model = make()
    for count in (2, 3, 4, 5):
        model.evaluate(x[:count], y[:count], batch_size=1)
    (only,) = model.train_steps.values()
    assert [key[1][0] for key in only.programs] == [(4, 2), (5, 2)]


def test_both_kinds_of_validation(data: Data, make: Make) -> None:
    with pytest.raises(ModelError, match="either validation_split or validation_data"):
        make().fit(*data, validation_split=0.1, validation_data=data)
    with pytest.raises(ModelError, match=r"validation_data to be a pair \(x, y\).*Received: a NumPy array of shape"):
        make().fit(*data, validation_data=data[0])  # type: ignore[arg-type]
    with pytest.raises(pel.ShapeError, match=r"Received: validation x of shape \(160, 1\)"):
        make().fit(*data, validation_data=(data[0][:, :1], data[1]))


@pytest.mark.parametrize("epochs", [range(2, 5, 2), np.array([2, 4]), {2, 4}, 2])
def test_the_epochs_of_validations_are_any_collection(data: Data, make: Make, epochs: Any) -> None:
    history = make().fit(*data, batch_size=160, epochs=5, validation_split=0.2, validation_freq=epochs)
    assert [epoch for epoch, row in enumerate(history.rows, 1) if "val_loss" in row] == [2, 4]
    with pytest.raises(ValueError, match=r"validation_freq to be an integer of 1 or more. Received: .*'often'"):
        make().fit(*data, validation_freq="often")


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, "half"])
def test_a_validation_split_out_of_range_is_rejected(data: Data, make: Make, share: object) -> None:
    with pytest.raises(ValueError, match=r"validation_split to be a number in \[0, 1\). Received"):
        make().fit(*data, validation_split=share)


def test_a_validation_split_without_samples_is_rejected(data: Data, make: Make) -> None:
    with pytest.raises(ModelError, match=r"validation_split=0.5 of 1 samples leaves 0 for training and 1"):
        make().fit(data[0][:1], data[1][:1], validation_split=0.5)


@pytest.mark.usefixtures("compile_functions")
def test_sequences_of_any_length(rng: np.random.Generator) -> None:
    nn.set_random_seed(0)
    bits = rng.integers(0, 2, (64, 6, 2))
    model = pel.Sequential(
        [
            nn.Input((None, 2)),
            nn.SimpleRNN(8, return_sequences=True),
            nn.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(bits, bits[:, :, :1] ^ bits[:, :, 1:], epochs=3, seed=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.predict(bits[:, :3]).shape == (64, 3, 1)


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_weights_multiply_the_losses_of_their_classes(data: Data, make: Make, one_hot: bool) -> None:
    x, y = data
    model = make(optimizer=SGD(0.5))
    model.compile(SGD(0.5), f"{'' if one_hot else 'sparse_'}categorical_crossentropy")
    losses = -np.log(model.predict(x).astype(float)[np.arange(len(y)), y])
    start, targets, own = (
        model.get_weights(),
        np.eye(2, dtype="float32")[y] if one_hot else y,
        np.linspace(0, 1, len(y)),
    )
    ends = []
    for options, weights in (
        ({}, np.ones(len(y))),
        ({"class_weight": {1: 3.0}}, np.where(y, 3.0, 1.0)),
        ({"sample_weight": np.where(y, 3.0, 1.0)}, np.where(y, 3.0, 1.0)),
        ({"class_weight": {0: 0.5, 1: 3.0}, "sample_weight": own}, own * np.where(y, 3.0, 0.5)),
    ):
        model.set_weights(start)
        history = model.fit(x, targets, batch_size=len(x), **options).history
        np.testing.assert_allclose(history["loss"], [(weights * losses).mean()], rtol=1e-5)
        ends.append(model.get_weights())
    assert not np.allclose(ends[0][0], ends[1][0], rtol=1e-3)
    np.testing.assert_allclose(ends[1][0], ends[2][0], rtol=1e-6)


@pytest.mark.usefixtures("compile_functions")
def test_targets_that_are_the_input_are_stored_once(rng: np.random.Generator) -> None:
    x = rng.random((40, 6), dtype="float32")
    histories, stored = [], []
    for targets in (x, x.copy()):
        nn.set_random_seed(0)
        model = pel.Sequential([nn.Input((6,)), nn.Dense(2), nn.Dense(6, activation="sigmoid")])
        model.compile("adam", "mse")
        histories.append(model.fit(x, targets, batch_size=20, epochs=2, seed=0, verbose=0).history)
        model.fit(x, 1 - x, batch_size=20, seed=0, verbose=0)
        (step,) = model.train_steps.values()
        stored.append([len(program.data) for program in step.programs.values()])
    assert histories[0] == histories[1]
    assert stored == [[1, 2], [2]]
