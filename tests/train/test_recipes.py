"""Recipes of the built-in networks: their settings, the ensemble for tables, and the augmentation of images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.tracking import RunContext
from pellucid.train.fit.ensembles import EnsembleLoss, count_members
from pellucid.train.fit.networks import MAXIMUM_ENCODED, MEMBERS, get_layers
from pellucid.train.fit.recipes import PLAIN, RECIPES, resolve_settings
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.settings.settings import Settings
from pellucid.train.training_run import save_network, save_settings
from pellucid.training.callbacks.history import History

pytestmark = pytest.mark.usefixtures("interpret_functions")

CLASSES = ("low", "middle", "high")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table whose classes are steps of one of two numbers."""
    place = tmp_path_factory.mktemp("recipes")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 2))
    labels = np.digitize(numbers[:, 0], [-0.5, 0.4])
    rows = [f"{a:.4f},{b:.4f},{CLASSES[k]}" for (a, b), k in zip(numbers, labels, strict=True)]
    (place / "steps.csv").write_text("\n".join(["a,b,level", *rows]) + "\n")
    return place


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(place: Path) -> str:
    return str(place / "steps.csv")


@pytest.fixture(scope="module")
def ensemble(place: Path) -> tuple[PreparedRun, History]:
    """A small training of an ensemble, and its history; ``trained`` is the folder of the run."""
    # A batch has half of the rows.
    prepared = prepare_table(str(place / "steps.csv"), optimizer="adam", learning_rate=0.02, batch_size=140)
    x, y = prepared.get_part("training")
    validation = prepared.get_part("validation")
    history = prepared.model.fit(x, y, epochs=6, batch_size=140, validation_data=validation, verbose=0)
    (place / "trained").mkdir()
    save_settings(RunContext(place / "trained"), prepared, ())
    save_network(prepared, place / "trained", history)
    return prepared, history


def prepare_table(table: str, **settings: Any) -> PreparedRun:
    return prepare(Settings(table, epochs=2, **settings))


def test_the_loss_of_an_ensemble_is_that_of_its_members_in_training_and_of_their_mean_in_evaluation() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, 3, 4)).astype("float32")
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    y = np.array([0, 1, 2, 3, 0], "int32")
    t, predicted = pel.ivector("t", shape=("n",)), pel.tensor3("p", shape=("n", 3, 4))
    loss = EnsembleLoss(nn.losses.SparseCategoricalCrossentropy())(t, predicted)
    by_member = -np.log(p[np.arange(5), :, y])
    np.testing.assert_allclose(pel.function([t, predicted], loss)(y, p), by_member.mean(), rtol=1e-5)
    of_mean = -np.log(p.mean(axis=1)[np.arange(5), y])
    np.testing.assert_allclose(pel.function([t, predicted], pel.inference(loss))(y, p), of_mean.mean(), rtol=1e-5)


def test_predictions_are_the_mean_of_the_members(ensemble: tuple[PreparedRun, History]) -> None:
    prepared, _ = ensemble
    x = prepared.get_inputs("validation")
    members = prepared.model.predict(x)
    assert count_members(prepared.model) == MEMBERS
    assert f"weights, {MEMBERS} members, whose mean loss is minimized; Adam" in prepared.network_summary
    assert members.shape == (len(x), MEMBERS, 3)
    assert np.ptp(members, axis=1).max() > 0.01  # they differ
    np.testing.assert_allclose(prepared.make_final_model().predict(x), members.mean(axis=1), rtol=1e-5)


def test_the_bins_come_from_the_training_samples(table: str) -> None:
    prepared = prepare_table(table)
    encoding = next(layer for layer in prepared.model.layers if isinstance(layer, nn.PiecewiseLinearEncoding))
    rows = prepared.x[prepared.parts["training"]]
    standardized = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    expected = np.quantile(standardized, np.linspace(0, 1, encoding.bins + 1), axis=0)
    assert encoding.edges is not None
    np.testing.assert_allclose(np.array(encoding.edges).T, expected, rtol=1e-4, atol=1e-5)


def test_the_metrics_of_the_history_are_those_of_the_mean_prediction(ensemble: tuple[PreparedRun, History]) -> None:
    prepared, history = ensemble
    x, y = prepared.get_part("validation")
    p = prepared.make_final_model().predict(x)
    np.testing.assert_allclose(history.history["val_accuracy"][-1], (p.argmax(axis=1) == y).mean(), rtol=1e-6)
    np.testing.assert_allclose(history.history["val_loss"][-1], -np.log(p[np.arange(len(y)), y]).mean(), rtol=1e-5)


def test_an_ensemble_learns_steps(ensemble: tuple[PreparedRun, History]) -> None:
    _, history = ensemble
    assert history.history["val_loss"][-1] < 0.2 < 0.6 < history.history["val_loss"][0]
    assert history.history["val_accuracy"][-1] > 0.9


def test_fine_tuning_of_an_ensemble_keeps_the_bins_and_replaces_the_head(
    ensemble: tuple[PreparedRun, History], place: Path
) -> None:
    Path("two.csv").write_text((place / "steps.csv").read_text().replace("middle", "low"))
    old, _ = ensemble
    new = prepare_table("two.csv", weights=str(place / "trained"), unfreeze_after=1)
    assert "the head is replaced" in new.fine_tuning.summary[0]
    assert new.model.outputs[0].shape[1:] == (MEMBERS, 2)
    edges = [
        next(layer for layer in run.model.layers if isinstance(layer, nn.PiecewiseLinearEncoding)).edges
        for run in (old, new)
    ]
    assert edges[0] == edges[1]
    hidden = [[p.get_value() for layer in run.model.layers for p in layer.parameters][:-2] for run in (old, new)]
    assert all(map(np.array_equal, *hidden))
    new.fine_tuning.unfreeze(new.model, new.settings)
    [compiled] = new.model.compile_config.for_outputs(new.model.output_names)
    assert isinstance(compiled.loss, EnsembleLoss)


@pytest.mark.slow
def test_class_weights_apply_to_an_ensemble(table: str) -> None:
    weighted = prepare_table(table, class_weights={"low": 50.0})
    weighted.model.fit(*weighted.get_part("training"), epochs=5, class_weight=weighted.class_weights, verbose=0)
    plain = prepare_table(table)
    plain.model.fit(*plain.get_part("training"), epochs=5, verbose=0)
    low = weighted.dataset.class_names.index("low")
    shares = [run.make_final_model().predict(run.x)[:, low].mean() for run in (weighted, plain)]
    assert shares[0] > shares[1] + 0.1


@pytest.mark.slow
def test_an_ensemble_learns_steps_and_is_fine_tuned(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Fine-tuning keeps the bins and replaces the head."""
    assert main(["train", table, "--epochs", "40", "--out", "one", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["measures"]["model"] == "ensemble"
    assert record["result"]["value"] > 0.9
    text = Path(table).read_text()
    Path("two.csv").write_text(text.replace("middle", "low"))
    words = ["--weights", "one", "--epochs", "2", "--unfreeze-after", "1", "--out", "two"]
    assert main(["train", "two.csv", *words]) == 0
    assert "the head is replaced" in capsys.readouterr().out
    networks = [pel.load_model(f"{run}/model.pel") for run in ("one", "two")]
    edges = [
        next(layer for layer in each.layers if isinstance(layer, nn.PiecewiseLinearEncoding)).edges for each in networks
    ]
    assert edges[0] == edges[1]
    assert networks[1].outputs[0].shape[1:] == (2,)


@pytest.mark.slow
def test_an_ensemble_repeats_bit_for_bit(table: str) -> None:
    assert main(["train", table, "--epochs", "3", "--out", "one", "--quiet"]) == 0
    assert main(["train", "one/experiment.toml", "--out", "two", "--quiet"]) == 0
    first, second = (pel.load_model(f"{run}/model.pel").get_weights() for run in ("one", "two"))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_many_features_have_fewer_bins() -> None:
    bins = [get_layers(Settings("wide.csv"), (n,), 2, "classification")[1][0]["bins"] for n in (10, 500, 4_000)]
    assert bins == [16, MAXIMUM_ENCODED // 500, 2]
    flatten, encoding, *_ = get_layers(Settings("x.npz", model="ensemble"), (28, 28), 10, "classification")[1]
    assert (flatten["kind"], encoding["bins"]) == ("Flatten", MAXIMUM_ENCODED // 784)


def test_settings_replace_parts_of_a_recipe() -> None:
    recipe = RECIPES["ensemble"]
    default = resolve_settings(Settings("x.csv"), recipe, 10_000)
    assert isinstance(default.optimizer, dict)
    assert (default.batch_size, default.optimizer["kind"], default.learning_rate) == (128, "AdamW", None)
    assert default.optimizer["learning_rate"]["warmup_target"] == recipe.peak_rate
    faster = resolve_settings(Settings("x.csv", learning_rate=0.01), recipe, 10_000)
    assert isinstance(faster.optimizer, dict)
    assert faster.optimizer["learning_rate"]["warmup_target"] == 0.01
    decay = resolve_settings(Settings("x.csv", optimizer={"weight_decay": 0.5}), recipe, 10_000)
    assert decay.optimizer == {**default.optimizer, "weight_decay": 0.5}
    constant = resolve_settings(Settings("x.csv", optimizer="sgd", learning_rate=0.1), recipe, 10_000)
    assert (constant.optimizer, constant.learning_rate) == ("sgd", 0.1)
    again = resolve_settings(default, PLAIN, 10)  # the settings of a finished run stay as they are
    assert again == default


def test_a_training_of_a_few_steps_has_no_warm_up() -> None:
    few = resolve_settings(Settings("x.csv", epochs=1), RECIPES["ensemble"], 100)
    assert isinstance(few.optimizer, dict)
    assert few.optimizer["learning_rate"] == {"kind": "CosineDecay", "initial_learning_rate": 0.002, "decay_steps": 1}


def test_color_images_are_mirrored_and_gray_ones_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (20, 8, 8, 3)).astype("uint8")
    gray = np.repeat(color[..., :1], 3, axis=3)
    labels = np.arange(20) % 2
    kinds = {}
    for name, x in (("color", color), ("gray", gray), ("plane", gray[..., 0])):
        np.savez(tmp_path / f"{name}.npz", x=x, y=labels)
        prepared = prepare(Settings(str(tmp_path / f"{name}.npz"), epochs=1))
        assert prepared.name == "cnn"
        kinds[name] = [layer["kind"] for layer in prepared.layers if layer["kind"].startswith("Random")]
    assert kinds == {
        "color": ["RandomFlip", "RandomTranslation"],
        "gray": ["RandomTranslation"],
        "plane": ["RandomTranslation"],
    }
    prepared = prepare(Settings(str(tmp_path / "color.npz"), epochs=1, augment="none"))
    assert not [layer for layer in prepared.layers if layer["kind"].startswith("Random")]
