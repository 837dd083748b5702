"""`diagnose` finds the one problem planted in a healthy network, and reports nothing for the healthy network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect.diagnostics import measurements
from pellucid.inspect.diagnostics.diagnosis import get_stability_limit
from pellucid.run.function_builder import function
from pellucid.training.callbacks.history import History
from tests.model.workshop import branching

CLASSES = 3


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "function", partial(function, mode="numpy"))


def blobs(count: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return points of three well separated classes."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % CLASSES
    centers = np.array([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    return (centers[y] + 0.4 * rng.normal(size=(count, 2))).astype("float32"), y


def network(activation: str = "relu", depth: int = 2, rate: float = 0.1, **settings: Any) -> Any:
    """Return a small compiled classifier."""
    nn.set_random_seed(0)
    hidden = [nn.Dense(8, activation=activation, name=f"hidden{i}", **settings) for i in range(1, depth + 1)]
    model = pel.Sequential([nn.Input((2,)), *hidden, nn.Dense(CLASSES, activation="softmax", name="out")])
    model.compile(nn.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model


def trained(steps: int = 100, **settings: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a network after some steps of gradient descent, and its data."""
    model, (x, y) = network(**settings), blobs()
    loss = model.symbolic_loss()
    target = next(e for e in pel.ancestors(loss) if e.name == "y")
    step = pel.function([model.inputs[0], target], updates=pel.optimizers.SGD(0.1).updates(loss), mode="numpy")
    for _ in range(steps):
        step(x, y.astype("int32"))
    return model, x, y


def names(diagnosis: Any) -> list[str]:
    return sorted({f.name for f in diagnosis})


def test_healthy_network_has_no_findings_before_and_after_training() -> None:
    x, y = blobs()
    assert not list(pel.diagnose(network(), x, y))
    for activation in ("relu", "tanh"):
        model, x, y = trained(activation=activation)
        found = pel.diagnose(model, x, y)
        assert not list(found), found
        assert str(found) == "No problems found (120 samples checked)."
    assert found.eigenvalue is not None
    assert 0 < found.eigenvalue < found.stability_limit == pytest.approx(20, rel=1e-6)
    assert [row.layer for row in found.layers] == ["hidden1", "hidden2", "out"]
    assert len(found.highest_losses) == 5
    assert found.highest_losses[0][1] >= found.highest_losses[4][1] > 0
    assert "largest eigenvalue of the Hessian" in found.table()


def test_dead_units() -> None:
    model, x, y = trained(50)
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel, np.where(np.arange(8) < 5, -100.0, bias)])
    found = pel.diagnose(model, x, y)
    [dead] = [f for f in found if f.name == "dead units"]
    assert dead.where == "hidden1"
    assert dead.what == "62% of its units output 0 for every sample."


def test_dead_units_of_a_bounded_relu() -> None:
    model, x, y = trained(5, activation="relu6")
    layer = model.layers[0]
    layer.set_weights([layer.get_weights()[0], np.full_like(layer.get_weights()[1], -100)])
    assert "dead units" in names(pel.diagnose(model, x, y, curvature=False))


def test_saturated_activations() -> None:
    model, x, y = trained(50, activation="tanh")
    model.layers[1].set_weights([w * 50 for w in model.layers[1].get_weights()])
    found = pel.diagnose(model, x, y, curvature=False)
    assert ("saturated activations", "hidden2") in {(f.name, f.where) for f in found}
    assert all(f.where != "hidden1" for f in found if f.name == "saturated activations")


def test_vanishing_gradients() -> None:
    x, y = blobs()
    found = pel.diagnose(network("sigmoid", depth=8), x, y, curvature=False)
    vanishing = [f.where for f in found if f.name == "vanishing gradient"]
    assert "hidden1" in vanishing
    assert "out" not in vanishing
    assert "hidden8" not in vanishing


def test_exploding_gradients() -> None:
    x, y = blobs()
    big = nn.initializers.RandomNormal(stddev=30.0, seed=0)
    found = pel.diagnose(network("relu", depth=6, kernel_initializer=big), x, y, curvature=False)
    assert "exploding gradient" in names(found)


@pytest.mark.parametrize(("rate", "name"), [(50.0, "updates too large"), (1e-9, "updates too small")])
def test_update_sizes(rate: float, name: str) -> None:
    x, y = blobs()
    found = pel.diagnose(network(rate=rate), x, y, curvature=False)
    assert name in names(found)
    assert {f.where for f in found if f.name == name} <= {"hidden1", "hidden2", "out"}


def test_curvature_beyond_the_stability_limit() -> None:
    nn.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32") * np.array([1, 1, 8], "float32")
    model = pel.Sequential([nn.Input((3,)), nn.Dense(1, use_bias=False, name="line")])
    model.compile(nn.optimizers.SGD(0.06, momentum=0.5), "mse")
    model.layers[0].set_weights([np.array([[0.9], [0.0], [0.0]], "float32")])
    found = pel.diagnose(model, x, x[:, :1])
    wanted = np.linalg.eigvalsh(2 * x.T.astype("float64") @ x / len(x))[-1]
    assert found.eigenvalue == pytest.approx(wanted, rel=1e-4)
    assert found.stability_limit == pytest.approx(50, rel=1e-6)
    assert names(found) == ["learning rate too high for the curvature"]
    assert "steps are stable below 50" in str(found)


def test_stability_limit_separates_convergence_from_divergence() -> None:
    sgd = nn.optimizers.SGD
    assert get_stability_limit(sgd(0.1)) == pytest.approx(20)
    assert get_stability_limit(sgd(0.1, momentum=0.9)) == pytest.approx(38)
    assert get_stability_limit(sgd(0.1, momentum=0.9, nesterov=True)) == pytest.approx(38 / 2.8)
    assert get_stability_limit(nn.optimizers.Adam(0.1)) is None
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        limit = get_stability_limit(sgd(0.1, momentum=momentum, nesterov=nesterov))
        for share, stays in ((0.99, True), (1.01, False)):
            w = pel.shared(1.0, "w", dtype="float64")
            optimizer = sgd(0.1, momentum=momentum, nesterov=nesterov)
            step = pel.function([], updates=optimizer.updates(share * limit / 2 * w**2), mode="numpy")
            for _ in range(900):
                step()
            assert (abs(float(w.get_value())) < 1) == stays


def test_label_errors() -> None:
    model, x, y = trained(150)
    wrong = y.copy()
    wrong[[7, 40, 92]] = (wrong[[7, 40, 92]] + 1) % CLASSES
    found = pel.diagnose(model, x, wrong)
    assert {i for i, _, _ in found.label_errors} == {7, 40, 92}
    assert all(given == wrong[i] and likely == y[i] for i, given, likely in found.label_errors)
    assert "likely label errors" in names(found)
    assert {i for i, _ in found.highest_losses[:3]} == {7, 40, 92}


def test_class_imbalance() -> None:
    model, x, y = trained(50)
    kept = np.concatenate([np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:1]])
    found = pel.diagnose(model, x[kept], y[kept], curvature=False)
    [rare] = [f for f in found if f.name == "class imbalance"]
    assert rare.where == "class 2 (1 sample)"


def test_labels_of_an_ignored_class() -> None:
    model, x, y = trained(50)
    model.compile("sgd", pel.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    y = np.where(np.arange(len(y)) % 4, y, -1)
    assert names(pel.diagnose(model, x, y)) == []
    assert names(pel.diagnose(model, x, np.full_like(y, -1), curvature=False)) == ["updates too small"]


def test_outliers_of_a_regression() -> None:
    nn.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(80, 2)).astype("float32")
    y = x[:, :1].copy()
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, name="line")])
    model.compile(nn.optimizers.SGD(0.01), "mse")
    assert not list(pel.diagnose(model, x, y))
    y[33] = 300.0
    [found] = [f for f in pel.diagnose(model, x, y, curvature=False) if f.name == "outliers"]
    assert found.where == "sample 33"


def test_outliers_of_large_data_are_named_by_their_place_in_all_samples() -> None:
    nn.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(90, 2)).astype("float32")
    y = x[:, :1].copy()
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, name="line")])
    model.compile(nn.optimizers.SGD(0.01), "mse")
    y[[71, 83]] = 300.0
    [found] = [f for f in pel.diagnose(model, x, y, samples=85, curvature=False) if f.name == "outliers"]
    assert set(found.where.split(", ")) <= {"sample 71", "sample 83"}


def test_overfitting_in_the_history() -> None:
    model, x, y = trained(50)
    model.history = History()
    down = [1.0 / (1 + i) for i in range(12)]
    model.history.history = {"loss": down, "val_loss": [1.0 / (1 + i) for i in range(12)]}
    assert not list(pel.diagnose(model, x, y, curvature=False))
    model.history.history = {"loss": down, "val_loss": [1.0, 0.6, 0.5, 0.55, 0.6, 0.66, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0]}
    [found] = pel.diagnose(model, x, y, curvature=False)
    assert (found.name, found.where) == ("overfitting", "epochs 4 to 12")


def test_non_finite_weights_and_gradients() -> None:
    model, x, y = trained(5)
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([np.where(np.arange(8) == 2, np.nan, kernel), bias])
    found = pel.diagnose(model, x, y)
    assert {"non-finite weights", "non-finite gradient"} <= set(names(found))
    assert "2 of its 16 elements are NaN or infinite" in str(found)


def test_model_with_several_outputs() -> None:
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(64, 6, 6, 1)).astype("float32"), rng.normal(size=(64, 4)).astype("float32")]
    model, y = branching(), [np.arange(64) % 3, rng.normal(size=(64, 1)).astype("float32")]
    found = pel.diagnose(model, x, y)
    assert not list(found), found
    assert sorted(row.layer for row in found.layers) == sorted(
        ["conv", "flat", "same", "drop", "same", "both", "kind", "size"]
    )


def test_html_and_invalid_arguments() -> None:
    model, x, y = trained(5)
    page = pel.diagnose(model, x, y, curvature=False)._repr_html_()
    assert "<p>No problems found" in page
    assert "<details>" in page
    with pytest.raises(pel.OptionError, match=r"Expected samples to be an integer of 1 or more\. Received: samples=0"):
        pel.diagnose(model, x, y, samples=0)
    with pytest.raises(pel.OptionError, match="Expected seed to be an integer of 0 or more"):
        pel.diagnose(model, x, y, seed=-1)
    with pytest.raises(pel.ModelError, match="is not compiled"):
        pel.diagnose(pel.Sequential([nn.Input((2,)), nn.Dense(1)]), x, y)
