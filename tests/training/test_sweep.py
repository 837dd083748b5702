"""Sweeps: every run is the model that is fitted alone, however many are trained together, and findings read well."""

from functools import partial
from importlib import import_module
from itertools import product

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.training.sweeps import batched_trainer
from pellucid.training.sweeps.batching import grouped
from pellucid.training.sweeps.runs import make_runs

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


def alone(settings, seed, x=X, y=Y, builder=build, **how):
    nn.set_random_seed(seed)
    model = builder(**settings)
    return model, model.fit(x, y, seed=seed, verbose=0, **how).history


def check_runs(found, numbers, builder=build, rows=None, **how):
    for number in numbers:
        run = found.runs[number]
        chosen = slice(None) if run.subsample is None else rows[run.subsample]
        model, history = alone(run.settings, run.seed, X[chosen], Y[chosen], builder, **how)
        assert sorted(history) == sorted(found.curves)
        for name, values in history.items():
            np.testing.assert_allclose(found.curves[name][number], values, rtol=2e-4, atol=1e-5, err_msg=str(run))
        for ours, theirs in zip(run.model.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-5, err_msg=str(run))


def test_widths_rates_strengths_and_seeds_are_one_program_and_each_run_is_the_model_fitted_alone():
    how = {"epochs": 3, "batch_size": 32, "validation_data": moons(30, seed=2)}
    found = pel.sweep(build, X, Y, hidden=[1, 4], rate=[0.1, 0.5], strength=[0.01, 0.02], seed=[0, 5], **how)
    assert len(found) == 16
    assert found.programs == 1
    check_runs(found, [1, 14], **how)


def test_units_that_are_padded_neither_act_nor_learn():
    """A sigmoid is 1/2 where there is nothing, so a padded unit would act and learn if nothing held it back."""
    options = {"global_clipnorm": 0.05, "weight_decay": 0.01}
    builder = partial(build, activation="sigmoid", optimizer=nn.optimizers.Adam, **options)
    found = pel.sweep(builder, X, Y, hidden=[(2, 5), (5, 2), (1, 1)], seed=3, epochs=4, batch_size=70)
    assert found.programs == 1
    check_runs(found, [2], builder, epochs=4, batch_size=70)


def test_dropout_draws_by_seed_and_not_by_width():
    found = pel.sweep(build, X, Y, hidden=2, dropout=0.5, seed=[0, 1], epochs=3, batch_size=70)
    assert found.programs == 1
    check_runs(found, [1], epochs=3, batch_size=70)
    assert groups_of(partial(build, dropout=0.5), hidden=[2, 3]) == [[0], [1]]  # draws depend on the shape


def test_subsamples_are_what_runs_learn_from():
    rng = np.random.default_rng(0)
    rows = [rng.choice(70, 20, replace=False) for _ in range(3)] + [np.arange(10)]
    found = pel.sweep(build, X, Y, rows=rows, rate=[0.1, 0.3], seed=4, epochs=3, batch_size=10)
    assert found.programs == 2  # the last subsample is shorter, and one batch
    assert found.table["rows"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    check_runs(found, [5, 7], rows=rows, epochs=3, batch_size=10)


def groups_of(builder, work=1.0, **settings):
    runs = make_runs(builder, settings, 0, None, X, Y)
    return [group.numbers for group in grouped(runs, work)]


def test_a_width_that_softmax_runs_over_is_not_padded():
    assert groups_of(build, hidden=[2, 3]) == [[0, 1]]
    assert groups_of(partial(build, activation="softmax"), hidden=[2, 3]) == [[0], [1]]


def test_a_width_that_costs_more_than_a_program_gets_its_own():
    assert groups_of(build, hidden=[1, 2, 400]) == [[0, 1, 2]]
    assert groups_of(build, work=1e7, hidden=[1, 2, 400]) == [[0, 1], [2]]


def test_what_changes_the_graph_makes_another_program():
    assert groups_of(build, strength=[0.0, 0.01, 0.1]) == [[0], [1, 2]]  # a penalty of 0 is left out
    assert groups_of(build, activation=["tanh", "relu"], rate=[0.1, 0.2]) == [[0, 1], [2, 3]]


def test_a_setting_of_one_value_need_not_be_in_a_list():
    found = pel.sweep(build, X, Y, hidden=3, activation="relu", epochs=1, batch_size=70)
    assert len(found) == 1
    assert found.table["activation"].tolist() == ["relu"]


@pytest.fixture(scope="module")
def found():
    held_out = (X[:9], Y[:9])
    return pel.sweep(
        build, X, Y, hidden=[1, 3], rate=[0.1, 0.5], seed=range(2), epochs=5, batch_size=70, validation_data=held_out
    )


def test_the_table_has_a_row_for_each_run(found):
    table = found.table
    assert [tuple(row) for row in zip(*(table[k] for k in ("hidden", "rate", "seed")), strict=True)] == list(
        product([1, 3], [0.1, 0.5], [0, 1])
    )
    assert table["loss"].tolist() == found.curves["loss"][:, -1].tolist()
    assert table["best_accuracy"].tolist() == found.curves["accuracy"].max(axis=1).tolist()
    assert (table["seconds"] > 0).all()
    assert found.best == int(table["val_loss"].argmin())
    assert str(found).splitlines()[0].split() == ["run", *table]
    assert "The least val_loss at the end is" in found.reading
    assert "for rate=0.5, the least" in found.reading
    assert "Runs that differ in the seed alone have a standard deviation of" in found.reading


def test_the_best_model_is_a_model(found):
    model = found.model()
    assert model is found.runs[found.best].model
    loss, _ = model.evaluate(X[:9], Y[:9])
    assert loss == pytest.approx(found.table["val_loss"].min(), rel=1e-5)
    history = model.fit(X, Y, epochs=1, verbose=0).history  # and it can go on learning
    assert history["loss"][0] < found.curves["loss"][found.best, -1] * 1.2
    with pytest.raises(pel.OptionError, match=r"number of a run, from 0 to 7. Received: run=8"):
        found.model(8)


def test_the_picture_shows_every_run(found):
    figure = found.plot()
    above, below = figure.axes
    assert above.get_xlabel() == "hidden"
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["val_loss", "loss"]
    assert sum(len(dots.get_offsets()) for dots in above.collections if len(dots.get_offsets()) == 8) == 16
    assert len(below.lines) == 2
    assert found.plot("seed", ["accuracy"]).axes[0].get_ylabel() == "accuracy"
    with pytest.raises(pel.NoSuchNameError, match=r"no setting 'hiden'. Did you mean 'hidden'\?"):
        found.plot("hiden")
    with pytest.raises(pel.NoSuchNameError, match=r"no measure 'los'. Did you mean"):
        found.plot(measures=["los"])


def test_a_run_that_diverges_is_told_and_never_the_best():
    def regression(rate):
        model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
        model.compile(nn.optimizers.SGD(rate), "mse")
        return model

    found = pel.sweep(regression, X, Y[:, None].astype("f4"), rate=[1e30, 0.1], epochs=4, batch_size=70)
    assert not np.isfinite(found.curves["loss"][0, -1])
    assert found.best == 1
    assert "1 of the runs ended with a loss that is no number" in found.reading


def test_what_is_wrong_is_said_in_the_users_words():
    def narrow(hidden):
        return build(hidden)

    with pytest.raises(
        pel.UseError, match=r"narrow takes no setting 'hiden'. Did you mean 'hidden'\? It takes: hidden"
    ):
        pel.sweep(narrow, X, Y, hiden=[1])
    with pytest.raises(pel.UseError, match="narrow needs hidden: give a value, or several"):
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
    with pytest.raises(pel.OptionError, match="each a list of row numbers"):
        pel.sweep(build, X, Y, rows=[Y > 0])
    with pytest.raises(pel.NoSuchNameError, match=r"nothing is measured that is named 'val_loss'"):
        pel.sweep(build, X, Y, monitor="val_loss")


def test_a_sweep_leaves_the_process_random_numbers_alone():
    nn.set_random_seed(3)
    first = nn.initializers.RandomNormal()((2,))
    nn.set_random_seed(3)
    make_runs(build, {}, [0, 1], None, X, Y)
    assert (nn.initializers.RandomNormal()((2,)) == first).all()


def test_all_models_predict_at_once(found):
    said = found.predict(X[:5])
    assert said.shape == (8, 5, 2)
    for run, own in zip(found.runs[::5], said[::5], strict=True):
        np.testing.assert_allclose(own, run.model.predict(X[:5]), rtol=1e-5)


def test_progress_is_told_as_if_all_went_on_together():
    told = []
    pel.sweep(build, X, Y, activation=["tanh", "relu"], epochs=6, batch_size=70, progress=lambda *a: told.append(a[:2]))
    done = [a[0] for a in told]
    assert done == sorted(done)
    assert done[-1] == 6
    assert {a[1] for a in told} == {6}


def test_loops_are_compiled_before_any_runs_and_ctrl_c_is_heard_then(monkeypatch):
    module = import_module("pellucid.training.sweeps.sweep")
    compiled = []

    def interrupted(teams):
        batched_trainer.compile_together(teams)
        compiled.extend(team.run for team in teams)
        raise KeyboardInterrupt

    monkeypatch.setattr(batched_trainer.Team, "train", lambda *given: pytest.fail("trained"))
    monkeypatch.setattr(module, "compile_together", interrupted)
    with pytest.raises(pel.Interrupted) as stopped:
        pel.sweep(build, X, Y, activation=["tanh", "relu"], epochs=2, batch_size=32)
    assert len(stopped.value.history) == 0
    assert len(compiled) == 2


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    from pellucid.run import xla

    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)

    def stop(done, epochs, runs):
        if done == 7 and runs[0].settings["activation"] == "relu":
            raise KeyboardInterrupt

    with pytest.raises(pel.Interrupted) as stopped:
        pel.sweep(build, X, Y, activation=["tanh", "relu", "sigmoid"], epochs=12, batch_size=70, progress=stop)
    begun = stopped.value.history
    assert [run.settings["activation"] for run in begun.runs] == ["tanh", "relu"]
    finished = np.isfinite(begun.curves["loss"]).sum(axis=1).tolist()
    assert finished[0] == 12
    assert 0 < finished[1] < 12
    assert begun.best == 0
    first = begun.curves["loss"][1, 0]
    assert begun.runs[1].model.evaluate(X, Y)[0] < first
