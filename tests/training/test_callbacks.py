"""Callbacks: the order and arguments of the hooks, and the built-in callbacks."""

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.model.errors import ModelError
from pellucid.nn.optimizers import SGD
from pellucid.training.callbacks.base import HOOKS, overrides_hook
from pellucid.training.callbacks.keras_hooks import as_callback_list

pytestmark = pytest.mark.usefixtures("interpret_functions")

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


class Recorder(callbacks.Callback):
    """Records every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, list[str]]] = []


def make_recording_hook(name: str) -> Callable[..., None]:
    def hook(self: Recorder, *args: Any) -> None:
        *number, logs = args
        self.calls.append((name.removeprefix("on_"), number[0] if number else None, sorted(logs)))

    return hook


for name in HOOKS:
    setattr(Recorder, name, make_recording_hook(name))


def simulate_run(callback: Any, values: list[float], name: str = "loss") -> list[dict[str, Any]]:
    """Call the hooks of a callback as a run with these metric values does; return the logs of the epochs."""
    optimizer = SGD(0.2)
    optimizer.use_shared_learning_rate()
    model: Any = SimpleNamespace(stop_training=False, get_weights=list, set_weights=list, optimizer=optimizer)
    callback.set_model(model)
    callback.set_params({"metrics": ["loss", "accuracy", "val_loss", "val_accuracy"]})
    callback.on_train_begin({})
    all_logs: list[dict[str, Any]] = []
    for epoch, value in enumerate(values):
        all_logs.append({name: value})
        callback.on_epoch_end(epoch, all_logs[-1])
        if model.stop_training:
            break
    callback.on_train_end(all_logs[-1])
    return all_logs


@pytest.mark.usefixtures("compile_functions")
def test_the_order_of_all_hooks(data: Data, make: Make) -> None:
    recorder, model = Recorder(), make()
    x, y = data
    model.fit(x[:64], y[:64], batch_size=32, validation_data=(x[:32], y[:32]), callbacks=[recorder])
    measures = ["accuracy", "loss"]
    assert recorder.calls == [
        ("train_begin", None, []),
        ("epoch_begin", 0, []),
        ("train_batch_begin", 0, []),
        ("train_batch_end", 0, measures),
        ("train_batch_begin", 1, []),
        ("train_batch_end", 1, measures),
        ("test_begin", None, []),
        ("test_batch_begin", 0, []),
        ("test_batch_end", 0, measures),
        ("test_end", None, measures),
        ("epoch_end", 0, [*measures, "val_accuracy", "val_loss"]),
        ("train_end", None, [*measures, "val_accuracy", "val_loss"]),
    ]
    recorder.calls.clear()
    model.predict(x[:64], callbacks=[recorder])
    assert [call[:2] for call in recorder.calls] == [
        ("predict_begin", None),
        ("predict_batch_begin", 0),
        ("predict_batch_end", 0),
        ("predict_batch_begin", 1),
        ("predict_batch_end", 1),
        ("predict_end", None),
    ]
    recorder.calls.clear()
    model.evaluate(x[:64], y[:64], callbacks=recorder)
    assert [call[0] for call in recorder.calls][::5] == ["test_begin", "test_end"]


@pytest.mark.usefixtures("compile_functions")
def test_batch_callbacks_do_not_change_the_results(data: Data, make: Make) -> None:
    seen: list[float] = []
    recorder = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    model, other = make(), make()
    history = model.fit(*data, batch_size=48, epochs=3, seed=1, callbacks=[recorder]).history
    assert history == other.fit(*data, batch_size=48, epochs=3, seed=1).history
    assert len(seen) == 3 * 4
    assert seen[3::4] == history["loss"]
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_interval(data: Data, make: Make) -> None:
    class EveryThird(callbacks.Callback):
        batch_interval = 3  # type: ignore[assignment]

        def __init__(self) -> None:
            self.steps: list[int] = []

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            self.steps.append(self.model.step)

    recorder = EveryThird()
    make().fit(*data, epochs=2, callbacks=[recorder])
    assert recorder.steps == [3, 6, 9]


def test_params_describe_the_run(data: Data, make: Make) -> None:
    recorder = callbacks.Callback()
    model = make()
    model.fit(*data, epochs=2, validation_split=0.2, callbacks=[recorder])
    assert recorder.model is model
    assert recorder.params == {
        "epochs": 2,
        "steps": 4,
        "verbose": "auto",
        "metrics": ["loss", "accuracy", "val_loss", "val_accuracy"],
    }


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_train_batch_end"])
def test_stop_training(data: Data, make: Make, hook: str) -> None:
    model = make()

    def stop(number: int, logs: Any) -> None:
        model.stop_training = number == 1

    history = model.fit(*data, epochs=9, callbacks=[callbacks.LambdaCallback(**{hook: stop})])
    assert (len(history.epoch), model.step) == ((2, 10) if hook == "on_epoch_end" else (1, 2))
    assert len(model.fit(*data, epochs=2).epoch) == 2


def test_a_given_history_is_returned(data: Data, make: Make) -> None:
    history, model = callbacks.History(), make()
    assert model.fit(*data, epochs=2, callbacks=[history]) is history is model.history
    assert history.epoch == [0, 1]


@pytest.mark.parametrize(
    ("values", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1, 0], {"patience": 1}, 6, 5),
        ([5, 4, 4.5, 4.2, 1, 0], {"patience": 2}, 4, 1),
        ([5, 4, 4.5, 3, 3.5, 3.2], {"patience": 2}, 6, 3),
        ([5, 4.95, 4.9, 4, 1, 0], {"patience": 2, "min_delta": 0.2}, 3, 0),
        ([1, 2, 3, 4, 4, 4], {"patience": 2, "mode": "max"}, 6, 3),
        ([1, 9, 9, 9, 9, 9], {"patience": 1, "start_from_epoch": 3}, 5, 3),
        ([5, 4, 3, 2, 1, 0], {"patience": 2, "baseline": 2.5}, 6, 5),
        ([5, 4, 3.5, 3, 2.9, 0], {"patience": 3, "baseline": 1}, 6, 5),
        ([5, 4, 4, 4, 4, 4], {"patience": 2, "baseline": 1}, 3, 1),
    ],
)
def test_early_stopping_agrees_with_keras(
    values: list[float], settings: dict[str, Any], epochs: int, best: int
) -> None:
    stopping = callbacks.EarlyStopping("loss", **settings)
    assert (len(simulate_run(stopping, values)), stopping.best_epoch) == (epochs, best)


def test_early_stopping_restores_the_best_weights(data: Data, make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    model, weights = make(), []
    set_losses = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: (weights.append(model.get_weights()), logs.update(loss=[3, 1, 2, 2, 2][epoch]))
    )
    stopping = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True, verbose=1)
    model.fit(*data, epochs=9, callbacks=[set_losses, stopping])
    assert len(weights) == 4
    np.testing.assert_array_equal(model.get_weights()[0], weights[1][0])
    assert capsys.readouterr().out == "Epoch 4: early stopping\nRestored the weights of the best epoch, 2\n"


@pytest.mark.parametrize("name", ["accuracy", "val_accuracy"])
def test_the_direction_follows_from_the_metric(name: str) -> None:
    stopping = callbacks.EarlyStopping(name, patience=1)
    assert len(simulate_run(stopping, [0.1, 0.5, 0.9, 0.8, 0.7], name)) == 4
    assert stopping.best == 0.9


def test_reduce_lr_on_plateau() -> None:
    reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=1, min_lr=0.06)
    rates = [logs["learning_rate"] for logs in simulate_run(reduce, [5] * 10)]
    assert rates == [0.2] * 3 + [0.1] * 2 + [0.06] * 5


def test_the_learning_rate_is_not_reduced_during_a_cooldown() -> None:
    """As in Keras: the last epoch of the cooldown counts again, so a cooldown of 1 changes nothing."""
    for cooldown, epochs in ((0, 1), (1, 1), (3, 3)):
        reduce = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, cooldown=cooldown)
        rates = [logs["learning_rate"] for logs in simulate_run(reduce, [5] * 9)]
        assert rates == [0.2] * 2 + [0.2 / 2 ** (1 + epoch // epochs) for epoch in range(7)]


def test_a_new_learning_rate_is_used_by_the_steps(data: Data) -> None:
    x = np.ones((4, 1), "float32")
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(SGD(0.5), lambda t, y: -y[:, 0])
    rates = [0.25, 1.0, 0.125]
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rates[epoch])
    history = model.fit(x, np.zeros(4), epochs=3, callbacks=[schedule]).history
    assert model.get_weights()[0].item() == sum(rates)
    assert history["learning_rate"] == rates
    model.optimizer.learning_rate = 2.0
    model.fit(x, np.zeros(4))
    assert model.get_weights()[0].item() == sum(rates) + 2.0


@pytest.mark.usefixtures("compile_functions")
def test_terminate_on_nan(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile(SGD(1e30), "mse")
    x, y = data
    with pytest.warns(pel.TrainingWarning):
        history = model.fit(x, y.astype(float), epochs=50, callbacks=[callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1
    with (
        pytest.warns(pel.TrainingWarning),
        pytest.raises(pel.NonFiniteError, match=r"The loss of batch \d+, or of one before it, is nan.*smaller"),
    ):
        model.fit(x, y.astype(float), callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def test_csv_log(data: Data, make: Make, tmp_path: Path) -> None:
    path, model = tmp_path / "log.csv", make()
    history = model.fit(
        *data, epochs=3, validation_split=0.1, validation_freq=2, callbacks=[callbacks.CSVLogger(path)]
    ).history
    model.fit(*data, epochs=4, initial_epoch=3, callbacks=[callbacks.CSVLogger(path, append=True)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    assert [float(row["loss"]) for row in rows[:3]] == history["loss"]
    assert [row["val_loss"] for row in rows] == ["NA", str(history["val_loss"][0]), "NA", "NA"]
    model.fit(*data, callbacks=[callbacks.CSVLogger(path, separator=";")])
    assert path.read_text().splitlines()[0] == "epoch;loss;accuracy"


def test_the_state_of_a_callback_is_restored() -> None:
    for kind in (callbacks.EarlyStopping, callbacks.ReduceLROnPlateau):
        first, second = kind("loss", patience=3), kind("loss", patience=3)
        simulate_run(first, [1, 2, 3])
        simulate_run(second, [9])
        second.set_state(first.get_state())
        assert (second.best, second.wait) == (first.best, first.wait) == (1, 2)
    weights = callbacks.EarlyStopping("loss", restore_best_weights=True)
    weights.best_weights = [np.ones(2), np.zeros(3)]
    restored = callbacks.EarlyStopping("loss", restore_best_weights=True)
    restored.set_state(weights.get_state())
    assert restored.best is None
    assert restored.best_weights is not None
    np.testing.assert_array_equal(restored.best_weights[0], np.ones(2))


@pytest.mark.parametrize("kind", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
def test_unknown_metrics_are_rejected(data: Data, make: Make, kind: Any) -> None:
    model = make()
    before = model.get_weights()[0]
    with pytest.raises(ModelError, match=r"no metric 'acuracy'.* Did you mean 'accuracy'.*Metrics: loss, accuracy"):
        model.fit(*data, callbacks=[kind("acuracy")])
    with pytest.raises(ModelError, match=r"no metric 'val_loss'. There is no validation: give fit validation_data"):
        model.fit(*data, callbacks=[kind()])
    with pytest.raises(ValueError, match=r"expected mode to be 'auto', 'min' or 'max'. Received: mode='smallest'"):
        kind("loss", mode="smallest")
    np.testing.assert_array_equal(before, model.get_weights()[0])


def test_a_custom_metric_has_no_direction(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile("sgd", "mse", metrics=[lambda t, y: y[:, 0]])
    with pytest.raises(ModelError, match=r"does not know whether higher '<lambda>' is better.*mode='max'"):
        model.fit(data[0], data[1].astype(float), callbacks=[callbacks.EarlyStopping("<lambda>")])


def test_learning_rates_that_cannot_be_set_are_rejected(data: Data) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile(SGD(pel.schedules.ExponentialDecay(0.1, 10, 0.5)), "mse")
    x, y = data[0], data[1].astype(float)
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    for callback in (halve, callbacks.ReduceLROnPlateau("loss")):
        with pytest.raises(ModelError, match=r"is a schedule.*Create the optimizer with a number"):
            model.fit(x, y, callbacks=[callback])
    model.compile("sgd", "mse")
    with pytest.raises(
        ValueError, match=r"expected the schedule to return a number of 0 or more. Received: 'fast' in epoch 0"
    ):
        model.fit(x, y, callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: "fast")])
    with pytest.raises(ValueError, match=r"expected a function of the epoch and the learning rate. Received: 3"):
        callbacks.LearningRateScheduler(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Expected factor to be a number in \[0, 1\). Received: factor=1"):
        callbacks.ReduceLROnPlateau(factor=1)


def test_values_that_are_not_callbacks_are_rejected(data: Data, make: Make) -> None:
    model = make()
    with pytest.raises(
        TypeError, match=r"Expected a callback, an object with hooks .* Received: .*History.*; write History\(\)"
    ):
        model.fit(*data, callbacks=[callbacks.History])
    with pytest.raises(TypeError, match=r"Expected callbacks to be a list. Received: callbacks=3"):
        model.fit(*data, callbacks=3)
    with pytest.raises(TypeError, match=r"there is no hook 'on_epoch_ends'.* Did you mean 'on_epoch_end'"):
        callbacks.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match=r"expected on_epoch_end to be a function. Received: 3"):
        callbacks.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match=r"EarlyStoping.* Did you mean 'EarlyStopping'"):
        callbacks.EarlyStoping  # noqa: B018


class Hooks:
    """An object with hooks that derives from no class of pellucid."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append("train begin")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append((epoch, sorted(logs), self.model.step, self.params["epochs"]))
        logs["extra"] = 7.0

    def on_test_end(self, logs: Any = None) -> None:
        self.calls.append("test end")

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("predict", batch))


def test_any_object_with_hooks_is_a_callback(data: Data, make: Make) -> None:
    model, hooks = make(), Hooks()
    history = model.fit(*data, batch_size=80, epochs=2, validation_split=0.5, callbacks=hooks).history
    one = (["accuracy", "loss", "val_accuracy", "val_loss"], 2)
    assert hooks.calls == ["train begin", 0, "test end", (0, one[0], 1, 2), 0, "test end", (1, one[0], 2, 2)]
    assert history["extra"] == [7, 7]
    assert hooks.model is model
    hooks.calls.clear()
    model.evaluate(*data, batch_size=80, callbacks=[hooks])
    model.predict(data[0], batch_size=80, callbacks=(hooks,))
    assert hooks.calls == ["test end", ("predict", 0), ("predict", 1)]
    functions = SimpleNamespace(on_epoch_end=lambda epoch, logs: setattr(functions.model, "stop_training", True))
    assert len(model.fit(*data, batch_size=80, epochs=3, callbacks=[functions]).epoch) == 1


def test_setters_and_older_names_of_hooks(data: Data, make: Make) -> None:
    class Setters:
        def set_model(self, model: Any) -> None:
            self.given = [model]

        def set_params(self, params: Any) -> None:
            self.epochs, self.batches = params["epochs"], []

        def on_batch_end(self, batch: int, logs: Any) -> None:
            self.batches.append(batch)

    class Older(callbacks.Callback):
        on_batch_end = Setters.on_batch_end
        batches: list[int]

    setters, older, model = Setters(), Older(), make()
    older.batches = []
    model.fit(*data, batch_size=80, epochs=2, callbacks=[setters, older])
    assert (setters.given, setters.epochs, setters.batches) == ([model], 2, [0, 1, 0, 1])
    assert older.batches == [0, 1, 0, 1]
    assert not hasattr(setters, "model")


@pytest.mark.parametrize("base", [object, callbacks.Callback])
def test_misspelled_hooks_are_reported(data: Data, make: Make, base: type) -> None:
    class Misspelled(base):
        def on_epoch_begin(self, epoch: int, logs: Any) -> None: ...

        def on_epoch_ends(self, epoch: int, logs: Any) -> None: ...

    message = r"Misspelled: 'on_epoch_ends' is not a hook, .* does not call it\. Did you mean 'on_epoch_end'\?"
    with pytest.warns(pel.TrainingWarning, match=message) as caught:
        make().fit(*data, callbacks=[Misspelled()])
    assert caught[0].filename == __file__
    only = SimpleNamespace(on_epoch_ends=print)
    for given in (only, [only]):
        with pytest.raises(pel.UseError, match=r"which has 'on_epoch_ends'\. Did you mean 'on_epoch_end'\?"):
            make().fit(*data, callbacks=given)


@pytest.mark.peer
def test_callbacks_of_keras(data: Data, make: Make, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")

    class Own(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[Any] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs.append((epoch, sorted(logs), self.model.step, self.params["epochs"]))

    batches: list[int] = []
    own, model = Own(), make()
    by_function = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    log, history = keras.callbacks.CSVLogger(str(tmp_path / "log.csv")), keras.callbacks.History()
    given = [own, by_function, schedule, log, history, keras.callbacks.TerminateOnNaN()]
    found = model.fit(*data, batch_size=80, epochs=2, callbacks=given)
    assert own.epochs == [(epoch, ["accuracy", "loss"], 2 * epoch + 2, 2) for epoch in (0, 1)]
    assert batches == [0, 1, 0, 1]
    assert model.optimizer.learning_rate == pytest.approx(0.05)
    assert history.history["loss"] == found.history["loss"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    stopping = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100.0, restore_best_weights=True)
    assert len(make().fit(*data, epochs=9, callbacks=[stopping]).epoch) == 2


@pytest.mark.peer
@pytest.mark.usefixtures("compile_functions")
def test_a_callback_of_keras_without_batch_hooks_does_not_cut_the_programs(data: Data, make: Make) -> None:
    keras = pytest.importorskip("keras")
    [adapted] = as_callback_list(keras.callbacks.Callback())
    assert adapted.batch_interval is None
    assert not any(overrides_hook(adapted, hook) for hook in HOOKS)
