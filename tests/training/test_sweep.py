"""Sweeps: every trial equals the model trained alone, in any batch, and results are described."""

import threading
from copy import deepcopy
from functools import partial
from importlib import import_module
from itertools import product

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.training.sweeps import batched_trainer
from pellucid.training.sweeps.batching import batch_trials
from pellucid.training.sweeps.trials import TrialBuilder, list_choices

X, Y = moons(70, seed=1)


def build(hidden=3, rate=0.1, strength=0.01, activation="tanh", optimizer=nn.optimizers.SGD, dropout=0.0, **options):
    sizes = hidden if isinstance(hidden, tuple) else (hidden,)
    penalty = nn.regularizers.L2(strength)
    layers = [nn.Input((2,)), *(nn.Dense(size, activation, kernel_regularizer=penalty) for size in sizes)]
    if dropout:
        layers.append(nn.Dropout(dropout))
    model = pel.Sequential([*layers, nn.Dense(2, activation="softmax")])
    model.compile(optimizer(rate, **options), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit_alone(settings, seed, x=X, y=Y, builder=build, **how):
    nn.set_random_seed(seed)
    model = builder(**settings)
    return model, model.fit(x, y, seed=seed, verbose=0, **how).history


def check_trials(found, numbers, builder=build, rows=None, **how):
    for number in numbers:
        trial = found.trials[number]
        chosen = slice(None) if trial.subsample is None else rows[trial.subsample]
        model, history = fit_alone(trial.settings, trial.seed, X[chosen], Y[chosen], builder, **how)
        assert sorted(history) == sorted(found.curves)
        for name, values in history.items():
            np.testing.assert_allclose(found.curves[name][number], values, rtol=2e-4, atol=1e-5, err_msg=str(trial))
        for ours, theirs in zip(trial.model.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5, err_msg=str(trial))


# Training and validation end with a smaller batch.
HOW = {"epochs": 5, "batch_size": 32, "validation_data": moons(38, seed=2)}


@pytest.fixture(scope="module")
def found():
    return pel.sweep(build, X, Y, hidden=[1, 3], rate=[0.1, 0.5], seed=range(2), **HOW)


def test_one_program_for_widths_rates_and_seeds(found):
    assert len(found) == 8
    assert found.programs == 1
    assert {each.partition(":")[0] for each in found.backends} <= {"C loops", "XLA"}
    assert found.backends
    check_trials(found, [3], **HOW)  # whose network is padded


@pytest.mark.slow
def test_padded_units_have_no_effect():
    """The sigmoid of a padded 0 is 1/2, so without masks a padded unit would change results."""
    options = {"global_clipnorm": 0.05, "weight_decay": 0.01}
    builder = partial(build, activation="sigmoid", optimizer=nn.optimizers.Adam, **options)
    found = pel.sweep(builder, X, Y, hidden=[(2, 5), (5, 2), (1, 1)], seed=3, epochs=4, batch_size=70)
    assert found.programs == 1
    check_trials(found, [2], builder, epochs=4, batch_size=70)


@pytest.mark.slow
def test_dropout_depends_on_the_seed_and_penalties_on_their_strength():
    settings = {"hidden": 2, "dropout": 0.5, "strength": [0.01, 0.2], "seed": [0, 1]}
    found = pel.sweep(build, X, Y, **settings, epochs=3, batch_size=70)
    assert found.programs == 1
    check_trials(found, [3], epochs=3, batch_size=70)
    assert batch_numbers(partial(build, dropout=0.5), hidden=[2, 3]) == [[0], [1]]  # draws depend on the shape


@pytest.mark.slow
def test_subsamples():
    rng = np.random.default_rng(0)
    rows = [rng.choice(70, 20, replace=False) for _ in range(3)] + [np.arange(10)]
    how = {"epochs": 4, "initial_epoch": 2, "batch_size": 10}
    found = pel.sweep(build, X, Y, rows=rows, rate=[0.1, 0.3], seed=4, **how)
    assert found.programs == 2  # the last subsample is shorter, and one batch
    assert found.table["rows"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    check_trials(found, [5, 7], rows=rows, **how)


def test_subsamples_of_inputs_by_name():
    def regression():
        a, b = nn.Input((1,), name="a"), nn.Input((1,), name="b")
        model = pel.Model([a, b], nn.Dense(1)(nn.Concatenate()([a, b])))
        model.compile("sgd", "mse")
        return model

    x = {"a": [[1.0], [2.0], [3.0]], "b": [[0.0], [1.0], [0.0]]}
    assert len(pel.sweep(regression, x, np.ones((3, 1)), rows=[[0, 1], [1, 2]], batch_size=2)) == 2


def batch_numbers(builder, work=1.0, **settings):
    trials = TrialBuilder(builder, False, X, Y).make_trials(list_choices(settings, 0, None))
    return [batch.numbers for batch in batch_trials(trials, work)]


def test_width_of_a_softmax_is_not_padded():
    assert batch_numbers(build, hidden=[2, 3]) == [[0, 1]]
    assert batch_numbers(partial(build, activation="softmax"), hidden=[2, 3]) == [[0], [1]]


def test_separate_program_if_padding_is_slower():
    assert batch_numbers(build, hidden=[1, 2, 400]) == [[0, 1, 2]]
    assert batch_numbers(build, work=1e7, hidden=[1, 2, 400]) == [[0, 1], [2]]


def test_separate_programs_for_different_graphs():
    assert batch_numbers(build, strength=[0.0, 0.01, 0.1]) == [[0], [1, 2]]  # a penalty of 0 is left out
    assert batch_numbers(build, activation=["tanh", "relu"], rate=[0.1, 0.2]) == [[0, 1], [2, 3]]


def test_setting_with_one_value():
    found = pel.sweep(build, X, Y, hidden=3, activation="relu", epochs=1, batch_size=70)
    assert len(found) == 1
    assert found.table["activation"].tolist() == ["relu"]


def test_table(found):
    table = found.table
    assert [tuple(row) for row in zip(*(table[k] for k in ("hidden", "rate", "seed")), strict=True)] == list(
        product([1, 3], [0.1, 0.5], [0, 1])
    )
    assert table["loss"].tolist() == found.curves["loss"][:, -1].tolist()
    assert table["best_accuracy"].tolist() == found.curves["accuracy"].max(axis=1).tolist()
    assert (table["seconds"] > 0).all()
    assert found.best == int(table["val_loss"].argmin())
    assert str(found).splitlines()[0].split() == ["trial", *table]
    assert "has the lowest final val_loss" in found.reading
    assert "is lowest for rate=0.5" in found.reading
    assert "Trials that differ only in the seed have a median standard deviation of" in found.reading


def test_best_model(found):
    model = found.model()
    assert model is found.trials[found.best].model
    loss, _ = model.evaluate(*HOW["validation_data"])
    assert loss == pytest.approx(found.table["val_loss"].min(), rel=1e-5)
    copy = deepcopy(model)  # other tests read the trials
    history = copy.fit(X, Y, batch_size=32, epochs=1, verbose=0).history  # it can go on learning
    assert history["loss"][0] < found.curves["loss"][found.best, -1] * 1.2
    with pytest.raises(pel.OptionError, match=r"number of a trial, from 0 to 7. Received: trial=8"):
        found.model(8)


def test_plot(found):
    figure = found.plot()
    above, below = figure.axes
    assert above.get_xlabel() == "hidden"
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["val_loss", "loss"]
    assert sum(len(dots.get_offsets()) for dots in above.collections if len(dots.get_offsets()) == 8) == 16
    assert len(below.lines) == 2
    assert found.plot("seed", ["accuracy"]).axes[0].get_ylabel() == "accuracy"
    with pytest.raises(pel.NoSuchNameError, match=r"no setting 'hiden'. Did you mean 'hidden'\?"):
        found.plot("hiden")
    with pytest.raises(pel.NoSuchNameError, match=r"no metric 'los'. Did you mean"):
        found.plot(metrics=["los"])


def test_diverged_trial_is_never_the_best():
    def regression(rate):
        model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
        model.compile(nn.optimizers.SGD(rate), "mse")
        return model

    found = pel.sweep(regression, X, Y[:, None].astype("f4"), rate=[1e30, 0.1], epochs=4, batch_size=70)
    assert not np.isfinite(found.curves["loss"][0, -1])
    assert found.best == 1
    assert "1 of the trials ended with a loss of NaN or infinity" in found.reading


def test_invalid_arguments():
    def narrow(hidden):
        return build(hidden)

    with pytest.raises(
        pel.UseError, match=r"narrow takes no setting 'hiden'. Did you mean 'hidden'\? It takes: hidden"
    ):
        pel.sweep(narrow, X, Y, hiden=[1])
    with pytest.raises(pel.UseError, match="narrow requires hidden: pass a value or several values"):
        pel.sweep(narrow, X, Y)
    with pytest.raises(pel.UseError, match="expected a function that builds a compiled model"):
        pel.sweep(build(), X, Y)
    with pytest.raises(pel.OptionError, match="at least one value of hidden"):
        pel.sweep(build, X, Y, hidden=[])
    with pytest.raises(pel.OptionError, match=r"each value of hidden once. Received: 3 more than once"):
        pel.sweep(build, X, Y, hidden=[3, 1, 3])
    with pytest.raises(pel.ModelError, match=r"expected build\(hidden=3\) to return a model. Received: None"):
        pel.sweep(lambda hidden: None, X, Y, hidden=3)
    with pytest.raises(pel.ModelError, match=r"is not compiled. Call model.compile"):
        pel.sweep(lambda: pel.Sequential([nn.Dense(1)]), X, Y)
    with pytest.raises(pel.OptionError, match=r"expected rows from 0 to 69, .* Received: rows\[0\] from 1 to 70"):
        pel.sweep(build, X, Y, rows=[[1, 70]])
    with pytest.raises(pel.OptionError, match="each a list of sample indices"):
        pel.sweep(build, X, Y, rows=[Y > 0])
    with pytest.raises(pel.NoSuchNameError, match=r"there is no metric 'val_loss' to monitor"):
        pel.sweep(build, X, Y, monitor="val_loss")


def test_sweep_keeps_the_global_random_state():
    nn.set_random_seed(3)
    first = nn.initializers.RandomNormal()((2,))
    nn.set_random_seed(3)
    TrialBuilder(build, False, X, Y).make_trials(list_choices({}, [0, 1], None))
    assert (nn.initializers.RandomNormal()((2,)) == first).all()


def test_predict(found):
    predictions = found.predict(X[:5])
    assert predictions.shape == (8, 5, 2)
    for trial, own in zip(found.trials[::5], predictions[::5], strict=True):
        np.testing.assert_allclose(own, trial.model.predict(X[:5]), rtol=1e-5)


def test_progress_covers_all_batches():
    calls = []
    pel.sweep(
        build, X, Y, activation=["tanh", "relu"], epochs=6, batch_size=70, progress=lambda *a: calls.append(a[:2])
    )
    done = [a[0] for a in calls]
    assert done == sorted(done)
    assert done[-1] == 6
    assert {a[1] for a in calls} == {6}


def test_compilation_can_be_interrupted(monkeypatch):
    module = import_module("pellucid.training.sweeps.sweep")
    compiled = []

    def interrupted(trainers):
        compiled.extend(batched_trainer.compile_trainers(trainers))
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(batched_trainer.BatchedTrainer, "train", lambda *given: pytest.fail("trained"))
    monkeypatch.setattr(module, "compile_trainers", interrupted)
    with pytest.raises(pel.Interrupted) as stopped:
        pel.sweep(build, X, Y, activation=["tanh", "relu"], epochs=2, batch_size=32)
    assert len(stopped.value.history) == 0
    assert len(compiled) == 2


def test_a_program_is_trained_while_the_next_is_compiled(monkeypatch):
    first_is_trained, waited = threading.Event(), []
    make, train = batched_trainer.BatchedTrainer.__init__, batched_trainer.BatchedTrainer.train

    def make_slow(self, batch, *given):
        make(self, batch, *given)
        if batch.trials[0].settings["activation"] == "relu":
            self.pending_compilations.append(lambda: waited.append(first_is_trained.wait(30)))

    def note_training(self, on_epoch):
        result = train(self, on_epoch)
        first_is_trained.set()
        return result

    monkeypatch.setattr(batched_trainer, "count_cores", lambda: 2)
    monkeypatch.setattr(batched_trainer.BatchedTrainer, "__init__", make_slow)
    monkeypatch.setattr(batched_trainer.BatchedTrainer, "train", note_training)
    pel.sweep(build, X, Y, activation=["tanh", "relu"], epochs=2, batch_size=32)
    assert waited == [True]


def test_interrupted_sweep_keeps_its_results(monkeypatch):
    from pellucid.run import xla

    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)

    def stop(done, epochs, trials):
        if done == 7 and trials[0].settings["activation"] == "relu":
            raise KeyboardInterrupt

    with pytest.raises(pel.Interrupted) as stopped:
        pel.sweep(build, X, Y, activation=["tanh", "relu", "sigmoid"], epochs=12, batch_size=70, progress=stop)
    started = stopped.value.history
    assert [trial.settings["activation"] for trial in started.trials] == ["tanh", "relu"]
    finished = np.isfinite(started.curves["loss"]).sum(axis=1).tolist()
    assert finished[0] == 12
    assert 0 < finished[1] < 12
    assert started.best == 0
    first = started.curves["loss"][1, 0]
    assert started.trials[1].model.evaluate(X, Y)[0] < first
