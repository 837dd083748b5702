"""Scikit-learn estimators: scikit-learn's own checks, and typical uses."""

import functools
import pickle

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.data import moons
from pellucid.interop.estimators import network_cache

pytestmark = pytest.mark.usefixtures("interpret_functions")

QUICK = {
    "check_classifiers_one_label_sample_weights",
    "check_dict_unchanged",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_regressor_multioutput",
    "check_sample_weight_equivalence_on_dense_data",
}
"""Checks of scikit-learn that take a second; another test runs all of them."""

X, Y = moons(80, seed=0)
small = functools.partial(pel.Classifier, 8, "tanh", learning_rate=0.05, epochs=60, random_state=0)


def get_name(check):
    return (check.func if isinstance(check, functools.partial) else check).__name__


@pytest.mark.slow
@pytest.mark.parametrize("made", [pel.Classifier, pel.Regressor])
def test_fast_checks_of_scikit_learn(made):
    from sklearn.utils.estimator_checks import estimator_checks_generator

    found = [(e, check) for e, check in estimator_checks_generator(made(4, epochs=20)) if get_name(check) in QUICK]
    assert len({get_name(check) for _, check in found}) >= len(QUICK) - 1  # some are for one of the two alone
    for estimator, check in found:
        check(estimator)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("made", [pel.Classifier, pel.Regressor])
def test_all_checks_of_scikit_learn(made):
    """No check fails; those that need pandas or SciPy's array interface may be skipped."""
    from sklearn.utils.estimator_checks import check_estimator

    logs = check_estimator(made(), on_skip=None, on_fail=None)
    assert [log["check_name"] for log in logs if log["status"] in ("failed", "xfail")] == []
    skipped = {log["check_name"] for log in logs if log["status"] == "skipped"}
    assert skipped <= {
        "check_array_api_input",
        "check_classifier_data_not_an_array",
        "check_regressor_data_not_an_array",
        "check_sample_weights_pandas_series",
    }
    assert sum(log["status"] == "passed" for log in logs) > 40


@pytest.mark.parametrize("made", [pel.Classifier, pel.Regressor])
def test_estimators_keep_the_conventions_of_scikit_learn(made):
    from sklearn.exceptions import NotFittedError

    network = made(2, "tanh", epochs=2, random_state=0)
    assert network.get_params()["hidden_layer_sizes"] == 2
    assert set(vars(network)) == set(network.get_params())
    assert network.set_params(alpha=0.5).alpha == 0.5
    with pytest.raises(NotFittedError):
        network.predict(X)
    before = network.get_params()
    assert network.fit(X, Y) is network
    assert network.get_params() == before
    assert network.n_features_in_ == 2
    assert network.predict(X).shape == (80,)
    np.testing.assert_allclose(network.predict(X[::-1]), network.predict(X)[::-1], rtol=1e-6)
    predicted = network.predict(X)
    np.testing.assert_array_equal(network.fit(X, Y).predict(X), predicted)  # it starts anew
    with pytest.raises(ValueError, match=r"X has 1 features, but .* is expecting 2 features"):
        network.predict(X[:, :1])
    for x, y, message in (
        (X[:, 0], Y, "Expected 2D array, got 1D array"),
        (X[:0], Y[:0], "0 sample"),
        (np.where(X > 1, np.nan, X), Y, "Input X contains NaN"),
        (X, Y[:-1], "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            network.fit(x, y)
    with pytest.raises(ValueError, match=r"Sample weights must be|sample_weight.shape"):
        network.fit(X, Y, sample_weight=np.ones(79))


def test_a_classifier_of_one_class_predicts_it():
    assert small(epochs=1).fit(X, np.full(80, "only")).predict(X[:3]).tolist() == ["only"] * 3


@pytest.mark.usefixtures("compile_functions")
def test_grid_search_over_numbers_compiles_one_network():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network_cache._cache.clear()
    network = make_pipeline(StandardScaler(), small(epochs=5))
    grid = {"classifier__alpha": [0.0, 0.01], "classifier__learning_rate": [0.01, 0.1]}
    search = GridSearchCV(network, grid, cv=2).fit(X, Y)
    assert len(network_cache._cache) == 1
    assert set(search.best_params_) == set(grid)
    assert search.predict(X).shape == (80,)
    (cached,) = network_cache._cache.values()
    (objective,) = cached.model.train_steps.values()
    assert len(objective.programs) == 1
    (program,) = objective.programs.values()
    assert len(program.function.backend.compiled) == 2  # for the halves, and for all points at the end


def test_cross_validation():
    from sklearn.model_selection import cross_val_score

    assert cross_val_score(small(), X, Y, cv=3).mean() > 0.85


def test_pickle_and_clone():
    from sklearn.base import clone

    network = small().fit(X, Y)
    loaded = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(loaded.predict_proba(X), network.predict_proba(X))
    np.testing.assert_allclose(network.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    copy = clone(network)
    assert not hasattr(copy, "state_")
    assert copy.get_params() == network.get_params()


def test_estimators_with_one_network_are_independent():
    first, second = small(epochs=10).fit(X, Y), small(epochs=10, random_state=1)
    before = first.predict_proba(X)
    second.fit(X, 1 - Y)
    np.testing.assert_array_equal(first.predict_proba(X), before)
    assert not np.allclose(second.predict_proba(X), before)


def test_string_labels():
    names = np.array(["left", "right"])[Y]
    network = small().fit(X, names)
    assert network.classes_.tolist() == ["left", "right"]
    assert set(network.predict(X)) == {"left", "right"}
    assert network.score(X, names) > 0.85


def test_sample_and_class_weights_equal_repeated_samples():
    repeated = np.repeat(np.arange(80), 1 + 2 * Y)
    by_class = small(epochs=15, class_weight={1: 3.0}).fit(X, Y)
    by_sample = small(epochs=15).fit(X, Y, sample_weight=1 + 2 * Y)
    by_hand = small(epochs=15).fit(X[repeated], Y[repeated])
    np.testing.assert_allclose(by_class.predict_proba(X), by_sample.predict_proba(X), rtol=1e-5)
    np.testing.assert_allclose(by_class.predict_proba(X), by_hand.predict_proba(X), rtol=1e-3)


def test_partial_fit_continues_training():
    whole = small(epochs=3).fit(X, Y)
    parts = small()
    for _ in range(3):
        parts.partial_fit(X, Y, classes=[0, 1])
    assert parts.n_iter_ == 3
    stopping = small(early_stopping=True).partial_fit(X, Y)
    assert (stopping.n_iter_, set(stopping.history_)) == (1, {"loss"})
    np.testing.assert_allclose(parts.history_["loss"], whole.history_["loss"], rtol=1e-5)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"y to contain the classes \[0 1\] only. Received: .*5"):
        parts.partial_fit(X[:2], [0, 5])
    with pytest.raises(ValueError, match="Expected the classes of the first call"):
        parts.partial_fit(X, Y, classes=[0, 1, 2])


def test_early_stopping():
    network = small(epochs=500, early_stopping=True, n_iter_no_change=3, learning_rate=0.3).fit(X, Y)
    losses = network.history_["val_loss"]
    assert network.n_iter_ == len(losses) < 500
    assert len(losses) - 1 - int(np.argmin(losses)) == 3


def test_mini_batches():
    assert small(epochs=30, batch_size=16).fit(X, Y).score(X, Y) > 0.85


def test_dtype():
    assert small(epochs=2).fit(X.astype("f8"), Y).predict_proba(X.astype("f8")).dtype == np.float64
    assert small(epochs=2).fit(X.astype("f4"), Y).predict_proba(X.astype("f4")).dtype == np.float32


def test_trained_model():
    network = small(epochs=3).fit(X, Y)
    np.testing.assert_allclose(network.model_.predict(X), network.predict_proba(X), rtol=1e-5)


def test_regressor_with_several_targets():
    from sklearn.base import clone
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    x = np.linspace(-1, 1, 60)[:, None]
    y = np.concatenate([np.sin(3 * x), x**2], axis=1)
    network = pel.Regressor(16, "tanh", learning_rate=0.1, epochs=120, random_state=0).fit(x, y)
    assert network.predict(x).shape == (60, 2)
    assert network.score(x, y) > 0.9
    far = TransformedTargetRegressor(clone(network), transformer=StandardScaler()).fit(x, 1e4 + 1e3 * y)
    assert far.score(x, 1e4 + 1e3 * y) > 0.9


def test_optimizer_object():
    network = small(epochs=30, optimizer=nn.optimizers.SGD(0.5, momentum=0.9), learning_rate=None).fit(X, Y)
    assert network.score(X, Y) > 0.8
    decaying = nn.optimizers.SGD(nn.schedules.ExponentialDecay(0.5, 100, 0.5))
    assert small(epochs=2, optimizer=decaying, learning_rate=None).fit(X, Y).n_iter_ == 2
    with pytest.raises(ValueError, match="has a learning rate schedule"):
        small(optimizer=decaying).fit(X, Y)


def own(n_features, loss="binary_crossentropy", last="sigmoid", units=1):
    model = pel.Sequential([nn.Input((n_features,)), nn.Dense(6, activation="tanh"), nn.Dense(units, activation=last)])
    model.compile(nn.optimizers.SGD(1.0), loss=loss)
    return model


@pytest.mark.parametrize(
    "build",
    [
        own,
        functools.partial(own, loss="categorical_crossentropy", last="softmax", units=2),
        functools.partial(own, loss="sparse_categorical_crossentropy", last="softmax", units=2),
    ],
)
def test_custom_model(build):
    network = pel.Classifier(model=build, epochs=150, random_state=0).fit(X, Y)
    assert network.score(X, Y) > 0.8
    loaded = pickle.loads(pickle.dumps(network))
    np.testing.assert_allclose(loaded.predict_proba(X), network.predict_proba(X), rtol=1e-6)


def test_invalid_arguments():
    with pytest.raises(ValueError, match="so alpha has no effect"):
        pel.Classifier(model=own, alpha=1.0).fit(X, Y)
    with pytest.raises(pel.ModelError, match=r"for each of 3 classes. Received: one that outputs 1 column"):
        pel.Classifier(model=own).fit(X, np.arange(80) % 3)
    with pytest.raises(pel.ModelError, match=r"outputs 2 columns, like y. Received: one that outputs 1"):
        pel.Regressor(model=functools.partial(own, loss="mse")).fit(X, np.zeros((80, 2)))
    with pytest.raises(TypeError, match=r"Expected model to return a compiled Model. Received: None"):
        pel.Classifier(model=lambda: None).fit(X, Y)
    with pytest.raises(ValueError, match="hidden_layer_sizes to be an integer of 1 or more"):
        pel.Classifier((3, 0)).fit(X, Y)
    with pytest.raises(ValueError, match=r"alpha to be a number of 0 or more. Received: alpha=-1"):
        pel.Classifier(alpha=-1).fit(X, Y)
    with pytest.raises(ValueError, match="at least one sample weight above 0"):
        pel.Classifier(class_weight={0: 0.0, 1: 0.0}).fit(X, Y)
    with pytest.raises(ValueError, match=r"Did you mean 'adam'\?"):
        pel.Classifier(optimizer="adamm").fit(X, Y)
