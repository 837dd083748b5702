"""Optimizers, losses, models, callbacks and files of Keras 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pellucid.compat.keras.utils import to_categorical

import pellucid as pel
from pellucid.compat.keras import backend as K
from pellucid.compat.keras import callbacks, layers, models, objectives, optimizers
from pellucid.compat.programs import RECORDER

pytestmark = pytest.mark.usefixtures("engine")

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype("float32")
Y = to_categorical(rng.integers(0, 2, 40), 2)


def make_model(**options: Any) -> Any:
    np.random.seed(1)
    model = models.Sequential([layers.Dense(6, input_dim=3, activation="tanh"), layers.Dense(2, activation="softmax")])
    given = {"optimizer": "sgd", "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**given, **options})
    return model


def run_steps(optimizer: Any, gradients: list[float]) -> list[float]:
    """Return the values of a parameter that begins at 1."""
    w, g, seen = pel.shared(1.0, "w"), pel.scalar("g"), []
    step = pel.function([g], updates=optimizer.apply([g], [w]))
    for gradient in gradients:
        step(gradient)
        seen.append(float(w.get_value()))
    return seen


GRADIENTS = [0.5, -1.0, 0.25, 2.0]


def follow(name: str) -> list[float]:
    """Return what the formulas of Keras 1 give, for optimizers with ``decay`` 0.1."""
    w, m, v, seen, e = 1.0, 0.0, 0.0, [], 1e-8
    for i, g in enumerate(GRADIENTS):
        decay, t = 1 / (1 + 0.1 * i), i + 1
        if name == "sgd":
            m = 0.9 * m - 0.1 * decay * g
            w += 0.9 * m - 0.1 * decay * g
        elif name in ("rmsprop", "adagrad"):
            v = 0.9 * v + 0.1 * g * g if name == "rmsprop" else v + g * g
            w -= 0.1 * decay * g / (np.sqrt(v) + e)
        elif name == "adadelta":
            v = 0.95 * v + 0.05 * g * g
            d = g * np.sqrt(m + e) / np.sqrt(v + e)
            m = 0.95 * m + 0.05 * d * d
            w -= decay * d
        elif name == "adamax":
            m, v = 0.9 * m + 0.1 * g, max(0.999 * v, abs(g))
            w -= 0.1 * decay / (1 - 0.9**t) * m / (v + e)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w -= 0.1 * decay * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + e)
        seen.append(w)
    return seen


@pytest.mark.parametrize("name", optimizers.NAMED)
def test_optimizers_have_the_formulas_of_keras_1(name: str) -> None:
    options: dict[str, Any] = {"sgd": {"momentum": 0.9, "nesterov": True}, "adadelta": {"lr": 1.0}}.get(name, {})
    optimizer = optimizers.NAMED[name](**{"lr": 0.1, "decay": 0.1, **options})
    np.testing.assert_allclose(run_steps(optimizer, GRADIENTS), follow(name), rtol=2e-5)


def test_defaults_and_settings_of_optimizers() -> None:
    expected = {
        "sgd": 0.01,
        "rmsprop": 0.001,
        "adagrad": 0.01,
        "adadelta": 1.0,
        "adam": 0.001,
        "adamax": 0.002,
    }
    assert {name: round(float(K.get_value(optimizers.get(name).lr)), 6) for name in optimizers.NAMED} == expected
    sgd = optimizers.SGD(lr=0.5, nesterov=True)  # without momentum, as Keras 1 allowed
    assert run_steps(sgd, [1.0]) == [0.5]
    K.set_value(sgd.lr, 0.25)
    assert sgd.get_config()["lr"] == 0.25
    sgd.lr = 0.125
    assert float(K.get_value(sgd.lr)) == 0.125
    clipped = optimizers.SGD(1.0, clipnorm=1.0)
    a, b = pel.shared(np.zeros(2, "float32"), "a"), pel.shared(np.zeros(2, "float32"), "b")
    pel.function([], updates=clipped.apply([pel.constant([3.0, 0.0]), pel.constant([0.0, 4.0])], [a, b]))()
    np.testing.assert_allclose([a.get_value(), b.get_value()], [[-0.6, 0], [0, -0.8]], rtol=1e-6)  # one norm for all
    with pytest.raises(pel.OptionError, match=r"no optimizer named 'sdg'\. Did you mean 'sgd'"):
        optimizers.get("sdg")
    with pytest.raises(pel.UseError, match=r"takes no argument 'rate'"):
        optimizers.Adam(rate=0.1)


def test_losses_have_the_formulas_of_keras_1() -> None:
    t, y = rng.choice([-1.0, 1.0], (5, 3)).astype("float32"), rng.uniform(0.1, 1, (5, 3)).astype("float32")
    norm = lambda a: a / np.linalg.norm(a, axis=1, keepdims=True)  # noqa: E731
    expected = {
        "hinge": np.maximum(1 - t * y, 0).mean(1), "squared_hinge": (np.maximum(1 - t * y, 0) ** 2).mean(1),
        "cosine": -(norm(t) * norm(y)).mean(1), "mse": ((t - y) ** 2).mean(1), "mape": 100 * abs((t - y) / t).mean(1),
        "poisson": (y - t * np.log(y + 1e-7)).mean(1),
        "msle": ((np.log(y + 1) - np.log(np.maximum(t, 1e-7) + 1)) ** 2).mean(1),
        "kld": (np.maximum(t, 1e-7) * np.log(np.maximum(t, 1e-7) / y)).sum(1),
    }  # fmt: skip
    a, b = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    for name, value in expected.items():
        np.testing.assert_allclose(pel.function([a, b], objectives.get(name)(a, b))(t, y), value, rtol=1e-4, atol=1e-5)
    with pytest.raises(pel.OptionError, match=r"no objective named 'mean_square_error'\. Did you mean"):
        make_model(loss="mean_square_error")
    with pytest.raises(pel.OptionError, match=r"no metric named 'precision'"):
        make_model(metrics=["precision"])


def test_training_is_that_of_todays_pellucid(capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    today = pel.Sequential([pel.nn.Input((3,)), pel.nn.Dense(6, "tanh"), pel.nn.Dense(2, "softmax")])
    today.compile(pel.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
    today.set_weights(model.get_weights())
    history = model.fit(X, Y, nb_epoch=3, batch_size=8, shuffle=False, verbose=0, validation_data=(X, Y)).history
    same = today.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, validation_data=(X, Y)).history
    np.testing.assert_allclose(history["loss"], same["loss"], rtol=1e-6)
    np.testing.assert_allclose(history["val_acc"], same["val_accuracy"], rtol=1e-6)
    assert capsys.readouterr().out == ""
    np.testing.assert_allclose(model.predict(X), today.predict(X), rtol=1e-6)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(today.evaluate(X, Y, verbose=0))
    assert model.metrics_names == ["loss", "acc"]


def test_verbosity_and_classes(capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    model.fit(X, Y, nb_epoch=2, validation_split=0.25)
    out = capsys.readouterr().out
    assert "Epoch 2/2" in out
    assert "val_acc" in out
    model.fit(X, Y, nb_epoch=1, verbose=0)
    assert capsys.readouterr().out == ""
    assert model.predict_classes(X, verbose=0).shape == (40,)


def test_numpy_seed_makes_runs_equal() -> None:
    losses = [make_model().fit(X, Y, nb_epoch=2, verbose=0).history["loss"] for _ in range(2)]
    assert losses[0] == losses[1]


def test_keras_2_spellings_and_columns_of_two_classes() -> None:
    model = models.Sequential()
    model.add(layers.Dense(1, input_dim=3, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", class_mode="binary")
    assert model.predict_classes(X, verbose=0).shape == (40, 1)
    assert len(model.fit(X, Y[:, 1], epochs=2, verbose=0).epoch) == 2
    with pytest.raises(pel.UseError, match="fit takes no argument 'nb_epochs'"):
        model.fit(X, Y[:, 1], nb_epochs=2)


def test_sample_and_class_weights() -> None:
    model = make_model(metrics=None)
    weights = np.where(Y[:, 1] > 0, 2.0, 1.0)
    losses = -np.log(model.predict(X)[Y > 0])
    assert model.evaluate(X, Y, sample_weight=weights, verbose=0) == pytest.approx((losses * weights).mean(), rel=1e-5)
    assert model.train_on_batch(X, Y, class_weight={0: 1.0, 1: 2.0}) == pytest.approx(
        (losses * weights).mean(), rel=1e-5
    )
    assert isinstance(model.test_on_batch(X, Y), float)


def test_generators() -> None:
    def batches() -> Any:
        while True:
            yield X[:10], Y[:10]

    model = make_model()
    history = model.fit_generator(
        batches(), samples_per_epoch=30, nb_epoch=2, verbose=0, validation_data=batches(), nb_val_samples=20
    )
    assert sorted(history.history) == ["acc", "loss", "val_acc", "val_loss"]
    assert model.evaluate_generator(batches(), val_samples=20) == pytest.approx(
        model.evaluate(X[:10], Y[:10], verbose=0)
    )
    assert model.predict_generator(batches(), 20).shape == (20, 2)
    with pytest.raises(pel.UseError, match=r"missing required arguments: samples_per_epoch, epochs"):
        model.fit_generator(batches())


def test_callbacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Losses(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.batches: list[Any] = []

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches.append((logs["size"], logs["loss"]))

    model = make_model(optimizer=optimizers.SGD(lr=1e-6))
    expected = [model.evaluate(X[i : i + 16], Y[i : i + 16], verbose=0)[0] for i in (0, 16, 32)]
    seen = Losses()
    given = [
        seen,
        callbacks.LearningRateScheduler(lambda epoch: 1e-6 / (epoch + 1)),
        callbacks.ModelCheckpoint(str(tmp_path / "w.{epoch:02d}.hdf5"), save_weights_only=True, verbose=1),
        callbacks.ModelCheckpoint(str(tmp_path / "m.{epoch:02d}.h5"), period=2),
    ]
    model.fit(X, Y, batch_size=16, nb_epoch=2, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=given)
    assert [size for size, _ in seen.batches] == [16, 16, 8] * 2
    np.testing.assert_allclose([loss for _, loss in seen.batches[:3]], expected, rtol=1e-3)
    assert sorted(p.name for p in tmp_path.glob("*.hdf5")) == ["w.00.hdf5", "w.01.hdf5"]
    assert [p.name for p in tmp_path.glob("*.h5")] == ["m.01.h5"]
    assert f"Epoch 1: saved {tmp_path / 'w.01.hdf5'}" in capsys.readouterr().out
    assert seen.params["nb_sample"] == 40


def test_patience_counts_as_in_keras_1() -> None:
    stop = callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=9.0)
    assert len(make_model().fit(X, Y, nb_epoch=9, verbose=0, callbacks=[stop]).epoch) == 3
    assert callbacks.EarlyStopping(monitor="val_acc").higher_is_better
    with pytest.raises(pel.ModelError, match=r"EarlyStopping: there is no metric 'val_loss'\. There is no validation"):
        make_model().fit(X, Y, nb_epoch=1, verbose=0, callbacks=[callbacks.EarlyStopping()])


def test_model_files(tmp_path: Path) -> None:
    model = make_model(optimizer=optimizers.Adam(lr=0.01))
    model.fit(X, Y, nb_epoch=2, verbose=0)
    model.save(tmp_path / "model.h5")
    again = models.load_model(tmp_path / "model.h5")
    for each in (model, again):
        np.random.seed(5)
        each.fit(X, Y, nb_epoch=1, verbose=0)
    np.testing.assert_array_equal(model.predict(X), again.predict(X))
    assert again.layers[0].output_shape == (None, 6)
    model.save_weights(tmp_path / "w.h5")
    with pytest.raises(pel.StorageError, match=r"exists\. Pass overwrite=True"):
        model.save_weights(tmp_path / "w.h5", overwrite=False)
    fresh = make_model()
    fresh.load_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(fresh.predict(X), model.predict(X))
    with pytest.raises(
        pel.NoSuchNameError, match=r"keras\.models\.model_from_yaml of Keras 1.* model\.save\(path\) and"
    ):
        models.model_from_yaml  # noqa: B018
    with pytest.raises(pel.StorageError, match="it has weights and no model"):
        models.load_model(tmp_path / "w.h5")
    other = models.Sequential([layers.Dense(7, input_dim=3), layers.Dense(2)])
    with pytest.raises(pel.ShapeError, match=r"has weights of shapes"):
        other.load_weights(tmp_path / "w.h5")
    with pytest.raises(pel.ShapeError, match=r"has weights of shapes .* Received: .* in "):
        models.Sequential([layers.Dense(7, input_dim=3)]).load_weights(tmp_path / "w.h5")
    with pytest.raises(pel.ModelError, match=r"has 4 weights\. Received: values for 1"):
        model.set_weights([np.zeros(2)])


def test_sequential_that_begins_with_merge(tmp_path: Path) -> None:
    rows, words = models.Sequential([layers.Dense(4, input_dim=3)]), models.Sequential()
    words.add(layers.Embedding(9, 4, input_length=2))
    words.add(layers.Flatten())
    both = models.Sequential([layers.Merge([rows, words], mode="concat"), layers.Dense(5)])
    model = models.Sequential()
    model.add(layers.Merge([both, rows], mode="concat"))
    model.add(layers.Dense(2, activation="softmax"))
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    given = [X, rng.integers(0, 9, (40, 2))]  # the input of rows, which both branches have, comes once
    shapes = [(3, 4), (4,), (9, 4), (12, 5), (5,), (9, 2), (2,)]
    assert [w.shape for w in model.get_weights()] == shapes
    W, b, table, W2, b2, W3, b3 = weights = [rng.normal(size=shape) for shape in shapes]
    model.set_weights(weights)
    h = X @ W + b
    z = np.hstack([np.hstack([h, table[given[1]].reshape(40, 8)]) @ W2 + b2, h]) @ W3 + b3
    np.testing.assert_allclose(model.predict_proba(given), np.exp(z) / np.exp(z).sum(1, keepdims=True), atol=1e-5)
    history = model.fit(given, Y, nb_epoch=2, verbose=0, validation_split=0.2).history
    assert history["loss"][1] < history["loss"][0]
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(models.load_model(tmp_path / "model.h5").predict(given), model.predict(given))


def test_merge_that_is_not_first_is_an_error() -> None:
    rows = models.Sequential([layers.Dense(4, input_dim=3)])
    for merged in (layers.Merge(mode="sum"), layers.Merge([rows, rows])):
        with pytest.raises(pel.UseError, match="expected a layer"):
            models.Sequential([layers.Dense(2, input_dim=2), merged])


def test_layers_frozen_after_compile_are_trained_until_the_next_compile() -> None:
    critic = make_model()
    critic.trainable = False
    noise = layers.Input((2,))
    both = models.Model(noise, critic(layers.Dense(3)(noise)))
    both.compile("sgd", "categorical_crossentropy")
    before = both.get_weights()
    both.train_on_batch(X[:, :2], Y)
    after = both.get_weights()
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [False] * 2 + [True] * 4
    critic.train_on_batch(X, Y)
    critic.fit(X, Y, nb_epoch=1, verbose=0)
    assert [np.array_equal(a, b) for a, b in zip(after, both.get_weights(), strict=True)] == [True] * 2 + [False] * 4


def test_slices_of_arrays_and_lists() -> None:
    assert models.slice_X(X, 30).shape == (10, 3)
    assert [part.tolist() for part in models.slice_X([X, Y], 1, 2)] == [X[1:2].tolist(), Y[1:2].tolist()]
    assert models.slice_X([X], [2, 0])[0].tolist() == X[[2, 0]].tolist()


def test_metrics_of_several_outputs() -> None:
    a, b = layers.Input((4,)), layers.Input((5, 2))
    merged = layers.merge([layers.Dense(3)(a), layers.Bidirectional(layers.LSTM(3))(b)], mode="concat")
    model = models.Model(input=[a, b], output=[layers.Dense(1, name="one")(merged), layers.Activation("tanh")(merged)])
    model.compile("sgd", ["mse", "mae"], metrics={"one": "mae"})
    assert model.metrics_names[1:] == ["one_loss", f"{model.output_names[1]}_loss", "one_mean_absolute_error"]
    inputs = [rng.normal(size=(6, 4)), rng.normal(size=(6, 5, 2))]
    weights = model.get_weights()
    before = model.predict(inputs)
    model.set_weights([0 * w for w in weights])
    model.set_weights(weights)
    for first, second in zip(model.predict(inputs), before, strict=True):
        np.testing.assert_array_equal(first, second)


def test_backend_functions() -> None:
    x = layers.Input((3,))
    dropped = layers.Dropout(0.5)(x)
    f = K.function([x, K.learning_phase()], [dropped])
    np.testing.assert_array_equal(f([X, 0])[0], X)
    assert (f([X, 1])[0] == 0).mean() == pytest.approx(0.5, abs=0.15)
    v = K.variable([1.0, 2.0])
    assert K.eval(K.sum(K.square(v))) == 5
    [g] = K.gradients(K.mean(K.square(v)), v)
    np.testing.assert_allclose(g.eval(), [1, 2])
    K.set_value(v, [3, 4])
    assert K.int_shape(x) == (None, 3)
    assert K.function([], [v * 2], updates=[(v, v + 1)])([])[0].tolist() == [6, 8]
    assert K.get_value(v).tolist() == [4, 5]
    y = K.placeholder(shape=(None, 2))
    values = K.function(
        [y], [K.concatenate([y, y]), K.l2_normalize(y, -1), K.argmax(y), K.batch_flatten(K.stack([y, y], axis=1))]
    )
    double, unit, index, flat = values([[[3.0, 4.0]]])
    assert (double.tolist(), index.tolist(), flat.tolist()) == ([[3.0, 4.0] * 2], [1], [[3.0, 4.0] * 2])
    np.testing.assert_allclose(unit, [[0.6, 0.8]], rtol=1e-6)
    assert K.random_normal((3, 2)).eval().shape == (3, 2)
    assert (K.backend(), K.floatx(), K.image_dim_ordering()) == ("tensorflow", "float32", "tf")


def test_losses_of_scripts_may_be_scalars_or_lists() -> None:
    model = make_model(loss=lambda y_true, y_pred: K.mean(K.square(y_true - y_pred), axis=-1), metrics=None)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(((model.predict(X) - Y) ** 2).mean(), rel=1e-5)
    model = make_model(loss=lambda y_true, y_pred: K.sum(y_true - y_pred), metrics=["mse"])
    assert list(model.fit(X, Y, nb_epoch=1, verbose=0).history) == ["loss", "mean_squared_error"]
    inputs = [layers.Input((2,)), layers.Input((2,))]
    with pytest.raises(pel.ModelError, match=r"expected one array for each input, "):
        models.Model(inputs, layers.merge(inputs)).predict(X[:1])


def test_accuracy_of_several_labels_counts_elements() -> None:
    model = models.Sequential([layers.Dense(4, input_dim=3, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    labels = rng.integers(0, 2, (40, 4))
    expected = ((model.predict(X) > 0.5) == labels).mean()
    assert model.evaluate(X, labels, verbose=0)[1] == pytest.approx(expected)
    assert model.metrics_names == ["loss", "acc"]


def test_penalties_of_activations_have_no_dropout_in_evaluation() -> None:
    penalty = layers.Dense(3, weights=[np.eye(3), np.zeros(3)], activity_regularizer="l2")
    model = models.Sequential([layers.Dropout(0.5, input_shape=(3,)), penalty])
    model.compile("sgd", "mse")
    expected = ((X - 1) ** 2).mean() + 0.01 * (X**2).sum()
    assert model.evaluate(X, np.ones_like(X), batch_size=40, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_programs_are_recorded_for_explanations() -> None:
    RECORDER.enabled = True
    try:
        model = make_model()
        model.fit(X, Y, nb_epoch=1, verbose=0)
        model.predict(X)
        K.function([model.input], [model.output])([X])
        assert [program.title for program in RECORDER.programs] == ["model.fit", "model.predict", "K.function"]
    finally:
        RECORDER.enabled = False
        RECORDER.programs.clear()
