"""`pellucid train --weights`: copied, replaced and frozen layers, learning rates, and refused settings."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.train import merge_settings
from pellucid.data import DataError, DataWarning
from pellucid.tracking import RunContext, UsageError
from pellucid.train import Settings, train
from pellucid.train.fit.fine_tuning import FineTuning
from pellucid.train.fit.fine_tuning_phases import PhasedStopping
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.training_run import fit_model, save_network, save_settings
from tests.cli.conftest import save_untrained, write_flats
from tests.cli.photos import draw_images

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    return tmp_path


def write_clusters(path: Path, classes: int, count: int, seed: int = 0, shift: float = 0.0) -> Path:
    """Write points around centers on a circle, 5 dimensions of which are noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    angle = 2 * np.pi * y / classes + shift
    x = np.concatenate([np.stack([np.cos(angle), np.sin(angle)], 1) * 3, np.zeros((count, 5))], 1)
    np.savez(path, x=(x + rng.normal(size=x.shape)).astype("float32"), y=y)
    return path


def fit(settings: Settings, folder: Path) -> float:
    """Train a network and save it as a run without a report; return its accuracy on the test set."""
    folder.mkdir()
    prepared = prepare(settings)
    save_settings(RunContext(folder), prepared, ())
    model, _ = save_network(prepared, folder, fit_model(prepared, folder, 0))
    x, y = prepared.get_part("test")
    return float((model.predict(x).argmax(axis=1) == y).mean()) if prepared.dataset.class_names else np.nan


@pytest.fixture(scope="module")
def place(interpret_functions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: of three clusters, of a table, and of images. Their networks are not trained."""
    place = tmp_path_factory.mktemp("place")
    write_flats(place / "flats.csv")
    draw_images(place / "photos")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        write_clusters(Path("three.npz"), 3, 120)
        save_untrained(Settings("three.npz", model="mlp", seed=1), Path("three"))
        save_untrained(Settings("flats.csv", model="mlp"), Path("flats"))
        save_untrained(Settings("photos", model="cnn", options={"size": 8}), Path("images"))
    return place


def fine_tune(data: Path | str, source: Path, **options: Any) -> Any:
    return prepare(Settings(str(data), weights=str(source), epochs=options.pop("epochs", 3), **options))


def get_values(model: Any) -> list[Any]:
    return [p.get_value() for layer in model.layers for p in layer.parameters]


def test_equal_classes_keep_all_weights_and_statistics(place: Path) -> None:
    old = pel.load_model(place / "three" / "model.pel")
    prepared = fine_tune(write_clusters(Path("more.npz"), 3, 60, seed=1, shift=0.2), place / "three")
    for one, other in zip(get_values(old), get_values(prepared.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert prepared.fine_tuning.head == "keep"
    assert prepared.name == "mlp"
    assert prepared.fine_tuning.summary[0] == f"fine-tuning {place / 'three'}: the head is kept"


def test_other_classes_replace_the_head_only(place: Path) -> None:
    old = pel.load_model(place / "three" / "model.pel")
    prepared = fine_tune(write_clusters(Path("four.npz"), 4, 80), place / "three")
    before, after = get_values(old), get_values(prepared.model)
    for one, other in zip(before[:-2], after[:-2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert [each.shape for each in after[-2:]] == [(64, 4), (4,)]
    assert prepared.fine_tuning.summary == [
        f"fine-tuning {place / 'three'}: the head is replaced: its weights are new (3 classes (0, 1, 2) there, 4 "
        "classes (0, 1, 2, 3) here)",
        "  layer    kind   weights  trained  rate",
        "  dense    Dense  copied   yes      1",
        "  dense_1  Dense  copied   yes      1",
        "  dense_2  Dense  new      yes      1",
    ]


def test_a_new_head_can_be_asked_for(place: Path) -> None:
    old = pel.load_model(place / "three" / "model.pel")
    prepared = fine_tune(place / "three.npz", place / "three", head="replace")
    assert (get_values(old)[-2] != get_values(prepared.model)[-2]).any()
    assert prepared.model.outputs[0].op.name == "softmax"


def test_another_task_gets_a_linear_head(place: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 7)).astype("float32")
    np.savez("numbers.npz", x=x, y=x @ np.ones((7, 2), "float32"))
    prepared = fine_tune("numbers.npz", place / "three")
    assert prepared.fine_tuning.difference == "classes there, numbers here"
    assert prepared.model.outputs[0].shape[1:] == (2,)
    assert prepared.layers[-1] == {"kind": "Dense", "name": "dense_2", "units": 2}


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [(1, ["dense"]), ("dense_1", ["dense", "dense_1"]), ("all-but-head", ["dense", "dense_1"]), (0, [])],
)
def test_layers_are_frozen_from_the_first_on(place: Path, freeze: int | str, frozen: list[str]) -> None:
    prepared = fine_tune(place / "three.npz", place / "three", freeze=freeze)
    assert [layer.name for layer in prepared.model.layers[1:] if not layer.trainable] == frozen
    assert [layer.trained for layer in prepared.fine_tuning.layers] == ["no"] * len(frozen) + ["yes"] * (
        3 - len(frozen)
    )


@pytest.mark.parametrize("freeze", [1, pytest.param("all-but-head", marks=pytest.mark.slow)])
def test_frozen_layers_do_not_change(place: Path, freeze: int | str) -> None:
    prepared = fine_tune(place / "three.npz", place / "three", freeze=freeze, optimizer=ONE_STEP)
    changed = [name for name, change in take_step(prepared).items() if change.any()]
    assert changed == [layer.name for layer in prepared.model.layers[1:] if layer.trainable]


ONE_STEP = {"kind": "SGD", "learning_rate": 0.1}


def take_step(prepared: PreparedRun) -> dict[str, Any]:
    """Take one training step, and return the changes of the kernels by layer."""
    before = {layer.name: layer.get_weights() for layer in prepared.model.layers[1:]}
    prepared.model.fit(*prepared.get_part("training"), epochs=1, batch_size=1000, seed=0, verbose=0)
    return {layer.name: layer.get_weights()[0] - before[layer.name][0] for layer in prepared.model.layers[1:]}


def test_layer_rates_scale_the_first_step_of_each_layer(place: Path) -> None:
    plain, named = (
        take_step(fine_tune(place / "three.npz", place / "three", optimizer=ONE_STEP, **options))
        for options in ({}, {"layer_rates": {"dense": 0.0, "dense_2": 3.0}})
    )
    for name, factor in {"dense": 0.0, "dense_1": 1.0, "dense_2": 3.0}.items():
        np.testing.assert_allclose(named[name], factor * plain[name], rtol=1e-3, atol=1e-6)
    decayed = fine_tune(place / "three.npz", place / "three", layer_rates=0.5).model
    multipliers = {"dense/kernel": 0.25, "dense/bias": 0.25, "dense_1/kernel": 0.5, "dense_1/bias": 0.5}
    assert decayed.optimizer.options["multipliers"] == multipliers


@pytest.mark.slow
def test_a_decay_of_layer_rates_scales_the_first_step_of_each_layer(place: Path) -> None:
    plain, decayed = (
        take_step(fine_tune(place / "three.npz", place / "three", optimizer=ONE_STEP, **options))
        for options in ({}, {"layer_rates": 0.5})
    )
    for name, factor in {"dense": 0.25, "dense_1": 0.5, "dense_2": 1.0}.items():
        np.testing.assert_allclose(decayed[name], factor * plain[name], rtol=1e-3, atol=1e-6)


def test_frozen_batch_normalization_keeps_its_moving_averages(place: Path) -> None:
    normalization = pel.nn.BatchNormalization(name="averages")
    layers = [pel.nn.Input((7,)), pel.nn.Dense(2), normalization, pel.nn.Dense(3, activation="softmax")]
    pel.Sequential(layers).save("norm.pel")
    for freeze in ("all-but-head", None):
        prepared = fine_tune(place / "three.npz", Path("norm.pel"), freeze=freeze)
        layer = prepared.model.get_layer("averages")
        before = layer.get_weights()
        prepared.model.fit(*prepared.get_part("training"), epochs=1, batch_size=1000, seed=0, verbose=0)
        same = [(a == b).all() for a, b in zip(before, layer.get_weights(), strict=True)]
        assert all(same) if freeze else not any(same), freeze


UNFREEZE = ["--head", "replace", "--unfreeze-after", "1", "--layer-rates", "0.5", "--epochs", "3"]


@pytest.fixture(scope="module")
def whole(place: Path) -> Path:
    """A run in two phases."""
    words = ["train", str(place / "three.npz"), "--weights", str(place / "three"), *UNFREEZE]
    assert main([*words, "--out", str(place / "whole"), "--quiet"]) == 0
    return place / "whole"


def test_the_files_of_a_run_say_how_it_was_fine_tuned(whole: Path) -> None:
    table = json.loads((whole / "record.json").read_text())["measures"]["fine_tuning"]["layers"]
    assert [each["trained"] for each in table] == ["from epoch 2", "from epoch 2", "yes"]
    assert [each["rate"] for each in table] == [0.25, 0.5, 1.0]
    assert "Fine-tuned from " in (whole / "report.html").read_text()
    section = tomllib.loads((whole / "experiment.toml").read_text())["fine_tuning"]
    assert section["head"] == "replace"
    assert len(section["weights_checksum"]) == 64
    rows = (whole / "history.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


@pytest.mark.parametrize("epoch", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_either_phase_is_resumed_bit_for_bit(whole: Path, epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.train.training_run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    settings = Settings(**read(str(whole / "experiment.toml")))
    prepared = prepare(settings)
    with monkeypatch.context() as patched:
        stop_in_epoch(epoch, patched)
        with pytest.raises(KeyboardInterrupt, match=f"interrupted in epoch {epoch + 1} of 3"):
            fit_model(prepared, Path("run"), 0)
    resumed = prepare(settings, resuming=True)
    history = fit_model(resumed, Path("run"), 0)
    assert history.epoch == [0, 1, 2]
    expected = pel.load_model(whole / "model.pel").get_weights()
    for one, other in zip(expected, resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_layers_are_unfrozen_and_resumed_bit_for_bit(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["train", str(whole / "experiment.toml"), "--out", "again", "--quiet"]) == 0
    monkeypatch.setattr("pellucid.train.training_run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    for name, epoch in (("first", 0), ("second", 2)):  # interrupted in each of the two phases
        with monkeypatch.context() as patched:
            stop_in_epoch(epoch, patched)
            assert main(["train", str(whole / "experiment.toml"), "--out", name, "--quiet"]) == 130
        assert main(["resume", name, "--quiet"]) == 0
    for name in ("again", "first", "second"):
        for one, other in zip(
            pel.load_model(whole / "model.pel").get_weights(),
            pel.load_model(f"{name}/model.pel").get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_a_second_phase_remembers_the_best_epoch_and_not_the_epochs_without_progress() -> None:
    model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1, use_bias=False)])
    stopping = PhasedStopping(restore_best_weights=True, patience=2)
    stopping.set_model(model)
    stopping.set_params({"metrics": ["loss", "val_loss"]})

    def run(losses: dict[int, float]) -> float:
        """Run a phase whose weight is the number of the epoch, and return the weight at its end."""
        stopping.on_train_begin()
        for epoch, loss in losses.items():
            model.set_weights([np.full((1, 1), epoch, "float32")])
            stopping.on_epoch_end(epoch, {"loss": loss, "val_loss": loss})
        stopping.on_train_end()
        return float(model.get_weights()[0].item())

    assert run({0: 3.0, 1: 1.0, 2: 2.0}) == 1
    model.stop_training = False
    assert run({3: 2.0}) == 1
    assert not model.stop_training
    assert run({5: 0.5, 6: 2.0, 7: 2.0}) == 5
    assert model.stop_training


@pytest.mark.slow
def test_the_best_epoch_of_both_phases_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are those of the head's training if the training of all layers makes the network worse."""
    unfreeze = FineTuning.unfreeze

    def unfreeze_with_large_rate(self: FineTuning, model: Any, settings: Settings) -> None:
        unfreeze(self, model, replace(settings, optimizer={"kind": "SGD", "learning_rate": 30.0}))

    monkeypatch.setattr(FineTuning, "unfreeze", unfreeze_with_large_rate)
    prepared = fine_tune(place / "three.npz", place / "three", unfreeze_after=1, epochs=2)
    losses = fit_model(prepared, Path("run"), 0).history["val_loss"]
    assert losses[1] > losses[0]
    x, y = prepared.get_part("validation")
    assert prepared.model.evaluate(x, y, return_dict=True)["loss"] == pytest.approx(losses[0], rel=1e-5)


def stop_in_epoch(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C at the start of an epoch."""
    from pellucid.training.callbacks.early_stopping import TerminateOnNaN

    def stop(self: object, epoch: int, logs: object = None) -> None:
        if epoch == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(TerminateOnNaN, "on_epoch_begin", stop, raising=False)


def save_experiment(prepared: PreparedRun, folder: str) -> str:
    """Write the experiment file of a run that is not trained, and return its path."""
    Path(folder).mkdir()
    save_settings(RunContext(Path(folder)), prepared, ())
    return f"{folder}/experiment.toml"


def test_changed_weights_are_reported(place: Path) -> None:
    shutil.copytree(place / "three", "source")
    file = save_experiment(fine_tune(place / "three.npz", Path("source")), "tuned")
    model = pel.load_model("source/model.pel")
    model.set_weights([each + 1 for each in model.get_weights()])
    model.save("source/model.pel")
    with pytest.warns(DataWarning, match="source: the weights have changed since the experiment was written. Results"):
        prepare(Settings(**read(file)))
    with pytest.raises(DataError, match="Restore them to resume the run"):
        prepare(Settings(**read(file)), resuming=True)


def read(file: str) -> dict[str, Any]:
    from pellucid.train.settings.toml_reader import read_settings

    return read_settings(Path(file))


@pytest.mark.slow
def test_fine_tuning_is_better_than_training_from_scratch_on_few_samples() -> None:
    """A network of clean digits learns noisy ones from three samples each, better than a new network."""
    from sklearn.datasets import load_digits

    digits, rng = load_digits(), np.random.default_rng(0)
    x, y = digits.images.astype("float32"), digits.target
    np.savez("old.npz", x=x[:900], y=y[:900])
    noisy = np.clip(x + rng.normal(0, 3, x.shape), 0, 16).astype("float32")
    new = np.arange(900, len(x))
    few = np.concatenate([new[y[new] == digit][:4] for digit in range(10)])  # one of four validates
    rest = np.setdiff1d(new, few)
    np.savez("new.npz", x_train=noisy[few], y_train=y[few], x_test=noisy[rest], y_test=y[rest])
    fit(Settings("old.npz", task="classification", model="mlp", epochs=10), Path("old"))
    settings = Settings("new.npz", task="classification", epochs=60, batch_size=8, patience=0)
    scratch = fit(replace(settings, model="mlp"), Path("scratch"))
    tuned = fit(replace(settings, weights="old"), Path("tuned"))
    assert tuned > scratch + 0.1


def test_model_files_and_weight_files_are_sources(place: Path) -> None:
    model = pel.load_model(place / "three" / "model.pel")
    expected = get_values(model)
    model.save("copy.pel")
    model.save_weights("w.npz")
    model.save_weights("w.safetensors")
    for file in ("copy.pel", "w.npz", "w.safetensors"):
        prepared = fine_tune(place / "three.npz", Path(file), model=None if file == "copy.pel" else "mlp")
        for one, other in zip(expected[2:], get_values(prepared.model)[2:], strict=True):
            np.testing.assert_array_equal(one, other)
    prepared = fine_tune(write_clusters(Path("four.npz"), 4, 80), Path("w.npz"), model="mlp", head="replace")
    np.testing.assert_array_equal(get_values(prepared.model)[2], expected[2])
    assert get_values(prepared.model)[-1].shape == (4,)


def test_a_model_without_scaling_receives_raw_inputs(place: Path) -> None:
    layers = [pel.nn.Input((7,)), pel.nn.Dense(4, activation="tanh"), pel.nn.Dense(3, activation="softmax")]
    own = pel.Sequential(layers)
    own.compile("sgd", "sparse_categorical_crossentropy")
    own.save("own.pel")
    own.export("own.keras", "keras")
    x = np.load(place / "three.npz")["x"]
    for file in ("own.pel", "own.keras"):
        prepared = fine_tune(place / "three.npz", Path(file))
        np.testing.assert_allclose(prepared.model.predict(x), own.predict(x), rtol=1e-5, atol=1e-6)


def test_a_state_dict_of_pytorch_is_a_source(place: Path) -> None:
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    sizes = [(128, 7), (64, 128), (5, 64)]
    state = {}
    for index, size in enumerate(sizes):
        state[f"{2 * index}.weight"] = rng.normal(size=size).astype("float32")
        state[f"{2 * index}.bias"] = rng.normal(size=size[0]).astype("float32")
    save_file(state, "torch.safetensors")
    prepared = fine_tune(place / "three.npz", Path("torch.safetensors"), model="mlp", head="replace")
    np.testing.assert_array_equal(prepared.model.get_layer("dense").get_weights()[0], state["0.weight"].T)


def test_columns_of_a_table_are_those_of_the_run(place: Path) -> None:
    lines = (place / "flats.csv").read_text().splitlines()
    header, rows = lines[0].split(","), [line.split(",") for line in lines[1:]]
    order = [3, 1, 0, 2]  # another order, and a column that the run does not have
    more = [",".join([*(row[k] for k in order), "9"]) for row in [header, *rows[:40]]]
    Path("more.csv").write_text("\n".join([more[0][:-1] + "extra", *more[1:]]) + "\n")
    prepared = fine_tune("more.csv", place / "flats")
    old = json.loads((place / "flats" / "data.json").read_text())
    assert prepared.description["inputs"] == old["inputs"]
    assert prepared.description["target"] == "price"
    assert prepared.description["skipped"] == {"extra": f"not an input of {place / 'flats'}"}
    again = prepare(Settings(**read(save_experiment(prepared, "t"))))
    np.testing.assert_array_equal(again.x, prepared.x)
    assert again.description == prepared.description


@pytest.mark.slow
def test_a_fine_tuned_network_of_a_table_is_repeated(place: Path) -> None:
    words = ["train", str(place / "flats.csv"), "--weights", str(place / "flats"), "--epochs", "1", "--quiet"]
    assert main([*words, "--out", "t"]) == 0
    assert main(["train", "t/experiment.toml", "--out", "u", "--quiet"]) == 0


BRANCHES = """
pellucid = 1
[[inputs]]
name = "size"
columns = ["rooms", "age"]
[[inputs]]
name = "where"
columns = ["place"]
[[layers]]
kind = "Dense"
name = "a"
units = 4
inputs = "size"
[[layers]]
kind = "Dense"
units = 3
name = "b"
inputs = "where"
[[layers]]
kind = "Concatenate"
inputs = ["a", "b"]
[[layers]]
kind = "Dense"
units = 1
"""


@pytest.mark.slow
def test_networks_with_branches_are_fine_tuned(place: Path) -> None:
    Path("net.toml").write_text(BRANCHES)
    words = ["train", str(place / "flats.csv"), "--epochs", "2", "--quiet"]
    assert main([*words, "--model", "net.toml", "--out", "old"]) == 0
    assert main([*words, "--weights", "old", "--freeze", "a", "--out", "new"]) == 0
    old, new = (pel.load_model(f"{name}/model.pel") for name in ("old", "new"))
    np.testing.assert_array_equal(old.get_layer("a").get_weights()[0], new.get_layer("a").get_weights()[0])
    assert (old.get_layer("b").get_weights()[0] != new.get_layer("b").get_weights()[0]).any()
    assert main(["train", "new/experiment.toml", "--out", "again", "--quiet"]) == 0
    for one, other in zip(new.get_weights(), pel.load_model("again/model.pel").get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    old.save("alone.pel")
    with pytest.raises(UsageError, match=r"alone.pel: expected the folder of the run.*received only its model. Name"):
        fine_tune(place / "flats.csv", Path("alone.pel"))


def test_functional_models_and_layers_of_users(place: Path) -> None:
    x = pel.nn.Input((7,), name="seven")
    hidden = pel.nn.Dense(5, activation="relu", name="first")(x)
    both = pel.nn.Concatenate(name="both")([hidden, x])
    model = pel.Model(x, pel.nn.Dense(3, activation="softmax", name="last")(both))
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save("graph.pel")
    prepared = fine_tune(place / "three.npz", Path("graph.pel"))
    values = np.load(place / "three.npz")["x"]
    np.testing.assert_allclose(prepared.model.predict(values), model.predict(values), rtol=1e-5, atol=1e-6)

    class Twice(pel.nn.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    own = pel.Sequential([pel.nn.Input((7,)), Twice(), pel.nn.Dense(3, activation="softmax")])
    own.compile("sgd", "sparse_categorical_crossentropy")
    own.save("own.pel")
    with pytest.raises(
        UsageError, match=r"weights: own.pel: .*Twice, is not a built-in layer.*Add --model with the lay"
    ):
        fine_tune(place / "three.npz", Path("own.pel"))
    two = pel.Model(x, [hidden, pel.nn.Dense(3)(hidden)])
    two.save("two.pel")
    with pytest.raises(
        UsageError, match=r"two.pel: expected a network with one input and one output; received several"
    ):
        fine_tune(place / "three.npz", Path("two.pel"))


@pytest.mark.slow
def test_folds_are_fine_tuned_too(place: Path) -> None:
    words = ["train", str(place / "three.npz"), "--weights", str(place / "three"), "--freeze", "all-but-head"]
    assert main([*words, "--folds", "2", "--epochs", "1", "--out", "folds", "--quiet"]) == 0
    first = pel.load_model("folds/folds/1/model.pel").layers[1].get_weights()[0]
    np.testing.assert_array_equal(first, pel.load_model(place / "three" / "model.pel").layers[1].get_weights()[0])


def test_images_are_resized_and_augmented_as_in_the_run(place: Path) -> None:
    draw_images(Path("big"), side=20)
    prepared = fine_tune("big", place / "images", augment="mirror")
    assert prepared.x.shape[1:] == (8, 8, 3)
    assert [each["kind"] for each in prepared.layers][:3] == ["RandomFlip", "RandomTranslation", "Conv2D"]


REFUSED: list[tuple[list[str], str]] = [
    (["--weights", "nowhere"], "weights: nowhere: no such file or folder"),
    (["--weights", "{place}/tree"], "no such file or folder. Did you mean '{place}/three'?"),
    (["--weights", "notes.txt"], "weights: notes.txt: expected the folder of a run, a model (.pel, .keras) or weights"),
    (["--weights", "{place}"], "expected the folder of a run, with model.pel and data.json; received another folder"),
    (["--weights", "damaged.pel"], "damaged.pel"),
    (["--weights", "damaged.npz", "--model", "mlp"], "Cannot read damaged.npz"),
    (["--weights", "{place}/flats"], "three.npz: expected a table, like the training data of {place}/flats"),
    (["--weights", "{place}/three", "--model", "linear"], "expected a network with 1 layer that have weights"),
    (["--weights", "{place}/three", "--freeze", "dense1"], "freeze: no layer 'dense1'. Did you mean 'dense_1'?"),
    (
        ["--weights", "{place}/three", "--freeze", "3"],
        "freeze: expected at most 2, or a layer before the head 'dense_2'",
    ),
    (["--weights", "{place}/three", "--freeze", "dense_2"], "so that a layer is left to train; received 'dense_2'"),
    (
        ["--weights", "{place}/three", "--layer-rates", "2"],
        "layer_rates: expected a factor between 0 and 1; received 2",
    ),
    (["--weights", "{place}/three", "--layer-rates", "dens=1"], "no layer with weights 'dens'. Did you mean 'dense'?"),
    (
        ["--weights", "{place}/three", "--layer-rates", "dense=-1"],
        "layer_rates: expected a number, 0 or more, for 'dense'",
    ),
    (["--weights", "{place}/three", "--layer-rates", "dense=low"], "for 'dense'; received 'low'"),
    (["--weights", "{place}/three", "--unfreeze-after", "9", "--epochs", "9"], "expected fewer than the 9 epochs"),
    (["--weights", "{place}/three", "--head", "kept"], "head: expected one of keep, replace; received 'kept'"),
    (["--freeze", "1"], "freeze: only for fine-tuning. Add --weights with a run or a model file, or omit it"),
    (["--unfreeze-after", "1"], "unfreeze_after: only for fine-tuning"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_the_error_names_cause_and_fix(place: Path, options: list[str], message: str, capsys: Output) -> None:
    Path("notes.txt").write_text("notes")
    Path("damaged.pel").write_bytes((place / "three" / "model.pel").read_bytes()[:-100])
    Path("damaged.npz").write_bytes(b"PK no archive")
    words = [each.format(place=place) for each in options]
    assert main(["train", str(place / "three.npz"), "--out", "new", *words]) in (1, 2)
    assert message.format(place=place) in capsys.readouterr().err.replace("\n", " ")
    assert not Path("new").exists()


def test_heads_that_cannot_be_kept_or_replaced_are_refused(place: Path) -> None:
    four = write_clusters(Path("four.npz"), 4, 80)
    with pytest.raises(
        UsageError, match=r"head: expected the targets of .*three to keep its head; received others: 3 cl"
    ):
        fine_tune(four, place / "three", head="keep")
    layers = [pel.nn.Input((7,)), pel.nn.Reshape((7, 1)), pel.nn.LSTM(3), pel.nn.Softmax()]
    odd = pel.Sequential(layers)
    odd.compile("sgd", "sparse_categorical_crossentropy")
    odd.save("odd.pel")
    with pytest.raises(UsageError, match=r"head: expected the head of odd.pel to be a Dense layer.*received LSTM"):
        fine_tune(four, Path("odd.pel"))


def test_layers_of_another_shape_or_kind_are_named(place: Path) -> None:
    softmax = '[[layers]]\nkind = "Dense"\nunits = 3\nactivation = "softmax"\n'
    first = '[[layers]]\nkind = "Dense"\nunits = 128\n'
    for second, message in (
        (
            'kind = "Dense"\nunits = 32\n',
            r"layer 2 with weights \(dense_1\): expected kernel of shape \(128, 32\).*\(128, 64\) in",
        ),
        (
            'kind = "BatchNormalization"\n',
            r"layer 2 .*: expected a BatchNormalization layer.*received a Dense layer in",
        ),
        ('kind = "Dense"\nunits = 64\nuse_bias = false\n', r"layer 2 .*: expected 1 array of weights; received 2 in"),
    ):
        Path("net.toml").write_text(f"pellucid = 1\n{first}[[layers]]\n{second}{softmax}")
        settings = merge_settings(str(place / "three.npz"), "net.toml", {"weights": str(place / "three"), "epochs": 2})
        with pytest.raises(UsageError, match=message):
            prepare(Settings(**settings))


def test_inputs_of_another_shape_or_columns_are_refused(place: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez("wide.npz", x=rng.normal(size=(30, 9)), y=np.arange(30) % 3)
    with pytest.raises(DataError, match=r"wide.npz: expected samples of shape \(7,\), as in training, received \(9,\)"):
        fine_tune("wide.npz", place / "three")
    with pytest.raises(
        DataError, match=r"expected samples of shape \(8, 8, 3\), as in training, received \(16, 16, 3\)"
    ):
        fine_tune(place / "photos", place / "images", options={"size": 16})
    text = (place / "flats.csv").read_text()
    Path("renamed.csv").write_text(text.replace("rooms", "room", 1))
    with pytest.raises(
        DataError, match=r"columns of .*flats \(rooms, place, age\), received none named 'rooms'. Did you"
    ):
        fine_tune("renamed.csv", place / "flats")
    with pytest.raises(DataError, match=r"of which 'age' is the target here. Rename or add the column, or choose"):
        fine_tune(place / "flats.csv", place / "flats", options={"target": "age"})
    with pytest.raises(UsageError, match=r"columns: the kinds of columns are those of .*flats. Omit the setting"):
        fine_tune(place / "flats.csv", place / "flats", options={"columns": {"age": "skip"}})


@pytest.mark.slow
def test_from_python(place: Path) -> None:
    settings = Settings(str(place / "three.npz"), weights=str(place / "three"), freeze="all-but-head", epochs=1)
    record = train(settings, Path("python"), verbose=0)
    assert record is not None
    assert record.measures["fine_tuning"]["layers"][0]["trained"] == "no"
