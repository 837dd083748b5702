"""`pellucid train --sweep`: grids, successive halving, the run of the winner, resuming, and refused values."""

import csv
import itertools
import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.data import DataError
from pellucid.tracking import RunContext
from pellucid.train import Settings
from pellucid.train.fit import sweep as sweep_module
from pellucid.train.fit.sweep import plan_rungs, run_sweep
from pellucid.train.fit.sweep_grid import draw_trials, make_trial, parse_grid
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.training_run import fit_model
from tests.cli.conftest import write_flats
from tests.cli.photos import draw_images

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    return tmp_path


SWEEP = [
    "train",
    "moons",
    "--model",
    "mlp",
    "--epochs",
    "8",
    "--sweep",
    "learning_rate=0.0001,0.003,0.02",
    "units=4,16",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sweep") / "run"
    assert main([*SWEEP, "--out", str(place), "--quiet"]) == 0
    return place


def get_measures(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())["measures"]


def test_the_better_half_continues_at_every_rung(run: Path) -> None:
    sweep = get_measures(run)["sweep"]
    assert sweep["rungs"] == [
        {"trials": 6, "start": 0, "end": 2},
        {"trials": 3, "start": 2, "end": 4},
        {"trials": 2, "start": 4, "end": 8},
    ]
    assert [each["epochs"] for each in sweep["trials"]] == [8, 8, 4, 2, 2, 2]
    best_at = {end: [min(each["curve"][:end]) for each in sweep["trials"]] for end in (2, 4, 8)}
    for end, kept in ((2, 3), (4, 2), (8, 1)):  # in the order of the ranking
        survivors, others = best_at[end][:kept], best_at[end][kept : {2: 6, 4: 3, 8: 2}[end]]
        assert max(survivors) <= min(others)
    assert sweep["trials"][0]["trial"] == sweep["winner"]
    assert sweep["programs"] == [1, 1, 1]


def test_the_folder_is_that_of_the_winner(run: Path) -> None:
    sweep, table = get_measures(run)["sweep"], tomllib.loads((run / "experiment.toml").read_text())
    values = sweep["trials"][0]["values"]
    assert "sweep" not in table
    assert table["optimizer"]["learning_rate"] == values["learning_rate"]
    assert [layer["units"] for layer in table["layers"]] == [values["units"], values["units"], 2]
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    curve = sweep["trials"][0]["curve"]
    np.testing.assert_allclose([float(row["val_loss"]) for row in rows], curve[: len(rows)], rtol=1e-4)
    again = prepare(Settings(**read(run / "experiment.toml")))
    fit_model(again, Path("again"), 0)
    for one, other in zip(pel.load_model(run / "model.pel").get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_table_and_the_report_show_all_trials(run: Path) -> None:
    rows = list(csv.DictReader((run / "sweep.csv").read_text().splitlines()))
    assert list(rows[0]) == [
        "trial", "learning_rate", "units", "rung", "epochs", "best_epoch", "validation_loss", "validation_accuracy",
    ]  # fmt: skip
    assert sorted(int(row["trial"]) for row in rows) == [1, 2, 3, 4, 5, 6]
    assert float(rows[0]["validation_loss"]) == min(float(row["validation_loss"]) for row in rows)
    page = (run / "report.html").read_text()
    assert "Of 6 trials, the sweep chose learning_rate=" in page
    assert "That loss is optimistic" in page
    assert "Successive halving with factor 2: 6 trials up to epoch 2" in page
    assert "sweep.png" in [each["file"] for each in json.loads((run / "record.json").read_text())["pictures"]]
    assert sorted(each.name for each in run.iterdir() if "sweep" in each.name) == ["sweep.csv", "sweep.png"]


@pytest.mark.slow
def test_a_rung_continues_weights_and_optimizer() -> None:
    """Two rungs give what one sweep over all epochs gives."""
    x, y = pel.data.moons(200)

    def build(learning_rate: float) -> Any:
        layers = [pel.nn.Input((2,)), pel.nn.Dense(8, activation="tanh"), pel.nn.Dropout(0.2)]
        model = pel.Sequential([*layers, pel.nn.Dense(2, activation="softmax")])
        model.compile(pel.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
        return model

    rates, options = [0.001, 0.03], {"batch_size": 48, "validation_data": (x, y), "verbose": 0}
    whole = pel.sweep(build, x, y, epochs=5, learning_rate=rates, **options)
    first = pel.sweep(build, x, y, epochs=2, learning_rate=rates, **options)
    models = [trial.model for trial in first.trials]
    rest = pel.sweep(lambda k: models[k], x, y, epochs=5, initial_epoch=2, k=[0, 1], **options)
    for name, values in whole.curves.items():
        np.testing.assert_allclose(np.hstack([first.curves[name], rest.curves[name]]), values, rtol=1e-5)
    with pytest.raises(pel.OptionError, match=r"expected initial_epoch to be less than epochs. Received: 5 and 5"):
        pel.sweep(build, x, y, epochs=5, initial_epoch=5, learning_rate=rates, **options)


def get_settings(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a command."""
    found: list[Settings] = []

    def keep(settings: Settings, *given: Any, **options: Any) -> int:
        found.append(settings)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr("pellucid.cli.train.execute", keep)
        assert main([*words]) == 0
    return found[0]


@pytest.mark.slow
def test_an_interrupted_sweep_continues_with_the_next_rung(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, rungs = get_settings(SWEEP, monkeypatch), []
    assert (settings.sweep, settings.epochs) == (["learning_rate=0.0001,0.003,0.02", "units=4,16"], 8)
    train_rung, lines = sweep_module.train_rung, list[str]()

    def stop(networks: Any, rung: Any, *arguments: Any) -> int:
        if len(rungs) == 2:
            raise KeyboardInterrupt
        rungs.append(rung)
        return train_rung(networks, rung, *arguments)

    Path("cut").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(sweep_module, "train_rung", stop)
        with pytest.raises(
            KeyboardInterrupt, match="interrupted in rung 3 of 3 of the sweep; the scores of 2 rungs are"
        ):
            run_sweep(RunContext(Path("cut")), settings, 0, lines.extend)
    assert "6 up to epoch 2; 3 up to epoch 4; 2 up to epoch 8" in lines[0]
    assert len(Path("cut/sweep.csv").read_text().splitlines()) == 7
    assert tomllib.loads(Path("cut/experiment.toml").read_text())["sweep"] == {"settings": settings.sweep}
    again = Settings(**read(Path("cut/experiment.toml")))
    monkeypatch.setattr(sweep_module, "train_rung", lambda *given: rungs.append(given[1]) or train_rung(*given))
    winner, result = run_sweep(RunContext(Path("cut")), again, 0, lines.extend)
    assert "resuming from the last rung" in lines
    assert [rung.trials for rung in rungs] == [6, 3, 2]
    expected = get_measures(run)["sweep"]
    assert [each.number for each in result.ranking] == [each["trial"] for each in expected["trials"]]
    for found, trial in zip(result.ranking, expected["trials"], strict=True):
        np.testing.assert_array_equal(found.curves["val_loss"], trial["curve"])
    assert winner.optimizer == Settings(**read(run / "experiment.toml")).optimizer


@pytest.mark.slow
@pytest.mark.parametrize("rung", [1, 2])
def test_an_interrupted_sweep_resumes_with_the_same_result(
    run: Path, rung: int, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    train_rung, calls = sweep_module.train_rung, []

    def stop(*arguments: Any) -> int:
        calls.append(1)
        if len(calls) == rung + 1:
            raise KeyboardInterrupt
        return train_rung(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(sweep_module, "train_rung", stop)
        assert main([*SWEEP, "--out", "cut"]) == 130
    output = capsys.readouterr()
    assert "6 up to epoch 2; 3 up to epoch 4; 2 up to epoch 8" in output.out
    assert f"interrupted in rung {rung + 1} of 3 of the sweep" in output.err
    assert "To resume: pellucid resume cut" in output.err
    assert len(Path("cut/sweep.csv").read_text().splitlines()) == 7
    table = tomllib.loads(Path("cut/experiment.toml").read_text())["sweep"]
    assert table == {"settings": ["learning_rate=0.0001,0.003,0.02", "units=4,16"]}
    assert main(["resume", "cut"]) == 0
    assert "resuming from the last rung" in capsys.readouterr().out
    assert get_measures(Path("cut"))["sweep"] == get_measures(run)["sweep"]
    for one, other in zip(*(pel.load_model(f / "model.pel").get_weights() for f in (run, Path("cut"))), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_winner_can_be_interrupted_too(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.training.callbacks.early_stopping import TerminateOnNaN

    def stop(self: object, epoch: int, logs: object = None) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(TerminateOnNaN, "on_epoch_begin", stop, raising=False)
        assert main([*SWEEP, "--out", "cut", "--quiet"]) == 130
    assert main(["resume", "cut", "--quiet"]) == 0
    assert get_measures(Path("cut"))["sweep"] == get_measures(run)["sweep"]
    assert not Path("cut/sweep-state.pel").exists()


def test_a_state_of_another_sweep_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: Any) -> int:
        raise KeyboardInterrupt

    train_rung = sweep_module.train_rung
    calls: list[int] = []

    def stop_later(*arguments: Any) -> int:
        calls.append(1)
        return train_rung(*arguments) if len(calls) == 1 else stop()

    monkeypatch.setattr(sweep_module, "train_rung", stop_later)
    assert main([*SWEEP, "--out", "cut", "--quiet"]) == 130
    file = Path("cut/experiment.toml")
    file.write_text(file.read_text().replace("units=4,16", "units=4,17"))
    with pytest.raises(DataError, match=r"expected the state of this sweep, received that of another. Remove the file"):
        pel.train.train(Settings(**read(file)), Path("cut"))


def read(file: Path) -> dict[str, Any]:
    from pellucid.train.settings.toml_reader import read_settings

    return read_settings(file)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("learning_rate=0.001,0.01", [0.001, 0.01]),
        ("learning_rate=0.0001..0.1:4", [0.0001, 0.001, 0.01, 0.1]),
        ("units=16..256:5", [16, 32, 64, 128, 256]),
        ("width=0.5..2.0:3", [0.5, 1.0, 2.0]),
        ("optimizer.momentum=0..0.9:4:linear", [0, 0.3, 0.6, 0.9]),
        ("layers.0.activation=relu,tanh", ["relu", "tanh"]),
        ("augment=none,mirror", ["none", "mirror"]),
        ("model=linear,mlp", ["linear", "mlp"]),
    ],
)
def test_values_are_lists_or_ranges(text: str, values: list[Any]) -> None:
    [found] = parse_grid([text]).values()
    assert found == pytest.approx(values) if isinstance(values[0], float) else found == values


def test_random_trials_are_a_seeded_part_of_the_grid() -> None:
    grid = {"a": list(range(5)), "b": ["x", "y"]}
    everything = draw_trials(grid, None, 0)
    assert len(everything) == 10
    drawn = draw_trials(grid, 4, 0)
    assert len({tuple(each.values()) for each in drawn}) == 4
    assert [each for each in everything if each in drawn] == drawn == draw_trials(grid, 4, 0)
    assert draw_trials(grid, 4, 1) != drawn
    assert draw_trials(grid, 99, 0) == everything


@pytest.mark.parametrize(("trials", "epochs"), [(2, 1), (3, 1), (8, 100), (9, 3), (1000, 20)])
def test_rungs_end_with_all_epochs(trials: int, epochs: int) -> None:
    rungs = plan_rungs(trials, epochs)
    assert rungs[0].trials == trials
    assert rungs[-1].end == epochs
    assert all(a.end == b.start < b.end and b.trials == -(-a.trials // 2) for a, b in itertools.pairwise(rungs))


def test_trials_have_the_settings_of_their_values() -> None:
    draw_images(Path("photos"))
    base = Settings("photos", options={"size": 8}, epochs=2)
    prepared = prepare(base)
    values = {
        "model": "cnn", "width": 0.25, "augment": "mirror", "optimizer": "sgd", "learning_rate": 0.5, "batch_size": 7,
        "optimizer.momentum": 0.9, "layers.-1.kernel_initializer": "zeros",
    }  # fmt: skip
    settings = make_trial(1, values, prepared, base).settings
    assert settings.optimizer == {"kind": "SGD", "learning_rate": 0.5, "momentum": 0.9}
    assert settings.batch_size == 7
    assert settings.layers is not None
    block = ["Conv2D", "BatchNormalization", "ReLU"]
    kinds = [each["kind"] for each in settings.layers]
    last = ["GlobalAveragePooling2D", "Dropout", "Dense"]
    assert kinds == ["RandomFlip", "RandomTranslation", *block, "MaxPooling2D", *block, *last]
    assert [each["filters"] for each in settings.layers if "filters" in each] == [6, 12]
    assert settings.layers[-1] == {"kind": "Dense", "units": 2, "activation": "softmax", "kernel_initializer": "zeros"}


def test_trials_have_the_recipe_of_their_network() -> None:
    base = Settings("moons", epochs=2)
    prepared = prepare(base)
    found = [
        make_trial(1, values, prepared, base).settings
        for values in ({"learning_rate": 0.01}, {"model": "mlp"}, {"optimizer.weight_decay": 0.5})
    ]
    optimizers: list[Any] = [each.optimizer for each in found]
    assert [each.batch_size for each in found] == [128, 32, 128]
    assert [each["kind"] for each in optimizers] == ["AdamW", "Adam", "AdamW"]
    assert [each["learning_rate"]["initial_learning_rate"] for each in optimizers[::2]] == [0.01, 0.002]
    assert optimizers[2]["weight_decay"] == 0.5


def test_widths_of_an_ensemble_are_those_of_all_hidden_layers() -> None:
    base = Settings("moons", epochs=2)
    settings = make_trial(1, {"units": 16}, prepare(base), base).settings
    assert settings.layers is not None
    assert [each["units"] for each in settings.layers if "units" in each] == [16, 16]
    assert settings.layers[-1]["output_shape"][-1] == 2


@pytest.mark.slow
def test_graphs_and_batch_sizes_take_several_programs() -> None:
    write_flats(Path("flats.csv"))
    words = ["train", "flats.csv", "--epochs", "2", "--sweep", "model=linear,mlp", "--sweep", "batch_size=16,32"]
    assert main([*words, "--out", "run", "--quiet"]) == 0
    sweep = get_measures(Path("run"))["sweep"]
    assert sweep["programs"] == [4, 2]
    assert sweep["trials"][0]["validation_accuracy"] is None
    assert "accuracy" not in Path("run/sweep.csv").read_text().split("validation_accuracy")[0]


def test_a_sweep_is_a_section_of_an_experiment_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.toml").write_text(
        'pellucid = 1\n[data]\nsource = "moons"\n[training]\nepochs = 1\n[sweep]\n'
        'settings = ["learning_rate=0.001..0.1:5"]\ntrials = 3\n'
    )
    settings = get_settings(["train", "mine.toml", "--model", "linear"], monkeypatch)
    assert (settings.sweep, settings.trials, settings.model) == (["learning_rate=0.001..0.1:5"], 3, "linear")
    monkeypatch.setattr(sweep_module, "train_rung", train_none)
    _, result = run_sweep(RunContext(Path()), settings, 0, print)
    assert len(result.trials) == 3


def train_none(networks: Any, rung: Any, result: Any, verbose: Any) -> int:
    """Give the trials of a rung a loss without training them."""
    for number in networks:
        result.trials[number - 1].curves["val_loss"] = [float(number)] * rung.end
    return 1


REFUSED: list[tuple[list[str], str]] = [
    (["--sweep", "learning_rate"], "sweep: expected KEY=VALUE,VALUE,... or KEY=LOW..HIGH:COUNT"),
    (["--sweep", "learning_rate=0.1,0.2", "moons"], "received 'moons'. Write the data before --sweep"),
    (["--sweep", "learning_rate=0.1"], "sweep: expected at least two combinations of values; received one. Add values"),
    (["--sweep", "learning_rate=0.1,0.1"], "sweep: learning_rate: 0.1 is given twice. Remove one of them"),
    (["--sweep", "units=8,16", "units=32,64"], "sweep: units is given twice. Write all its values once"),
    (["--sweep", "learningrate=1,2"], "sweep: unknown key 'learningrate'. Did you mean 'learning_rate'?"),
    (["--sweep", "seed=1,2"], "sweep: seed cannot be swept: all trials share the split of the data"),
    (["--sweep", "training.epochs=1,2"], "sweep: training.epochs cannot be swept: the number of epochs is the same"),
    (["--sweep", "data.target=a,b"], "sweep: data.target cannot be swept: all trials share the data and their split"),
    (["--sweep", "loss=mse,mae"], "sweep: loss cannot be swept: values of other losses cannot be compared"),
    (["--sweep", "devices=1,2"], "sweep: devices cannot be swept."),
    (["--sweep", "learning_rate=0..1:3"], "above 0 if it is logarithmic, with at least 2 values; received '0..1:3'"),
    (["--sweep", "learning_rate=0.1..1"], "expected a range such as 0.001..0.1:5 (logarithmic) or 0..0.5:6:linear"),
    (["--sweep", "width=1,2", "units=8,16"], "sweep: width and units exclude each other"),
    (["--sweep", "width=0,1"], "sweep: width: expected a factor above 0; received 0. This is the trial with width=0"),
    (["--sweep", "units=a,b"], "sweep: units: expected a number of units; received 'a'"),
    (
        ["--sweep", "width=1,2", "model=linear,mlp"],
        "sweep: width: expected a network with hidden layers; received none",
    ),
    (["--sweep", "model=mlp,mpl"], "sweep: model: no built-in network 'mpl'. Did you mean 'mlp'?"),
    (["--sweep", "layers.0.unit=3,4"], "unknown key 'unit'. Did you mean 'units'?"),
    (["--sweep", "layers.9.units=3,4"], "expected an index from 0 to 2 in layers; received '9'"),
    (["--sweep", "batch_size=0,32"], "batch_size: expected an integer, 1 or more; received 0"),
    (
        ["--sweep", "units=1..2000:1500:linear"],
        "expected at most 1,000 combinations; received 1,500. Draw some at random",
    ),
    (["--sweep", "units=4,8", "--folds", "3"], "sweep: not available with --folds. Sweep without it"),
    (["--sweep", "units=4,8", "--weights", "x"], "sweep: not available with --weights. Sweep over networks"),
    (["--sweep", "units=4,8", "--class-weights", "balanced"], "sweep: not available with --class-weights. Sweep"),
    (["--trials", "3"], "trials: only for a sweep. Add --sweep with values, or omit it"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_the_error_names_cause_and_fix(options: list[str], message: str, capsys: Output) -> None:
    assert main(["train", "moons", "--model", "mlp", "--epochs", "2", "--out", "new", *options]) in (1, 2)
    assert message in capsys.readouterr().err.replace("\n", " ")
    assert not Path("new").exists()


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.tracking import UsageError
    from pellucid.train.fit.sweep_grid import check_sweep

    monkeypatch.setattr("pellucid.run.distributed.process_group.num_processes", lambda: 2)
    with pytest.raises(UsageError, match=r"sweep: not available with --distributed. Sweep in one process"):
        check_sweep(Settings("moons", sweep=["units=4,8"]))


def test_trials_that_diverge_are_ranked_last() -> None:
    settings = Settings("moons", model="linear", optimizer="sgd", epochs=1, batch_size=1000)
    winner, result = run_sweep(
        RunContext(Path()), replace(settings, sweep=["learning_rate=1e30,0.01"]), 0, lambda lines: None
    )
    assert [each.number for each in result.ranking] == [2, 1]
    assert winner.optimizer == {"kind": "SGD", "learning_rate": 0.01}


def test_a_sweep_in_which_all_trials_diverge_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def diverge(networks: Any, rung: Any, result: Any, verbose: Any) -> int:
        for number in networks:
            result.trials[number - 1].curves["val_loss"] = [np.nan] * rung.end
        return 1

    monkeypatch.setattr(sweep_module, "train_rung", diverge)
    words = ["train", "moons", "--model", "linear", "--epochs", "1", "--sweep", "learning_rate=1e30,1e32"]
    assert main([*words, "--out", "none", "--quiet"]) == 1
    assert "sweep: no trial has a finite validation loss. Choose smaller learning rates" in capsys.readouterr().err


@pytest.mark.slow
def test_trials_of_ensembles_that_diverge_are_ranked_last(capsys: Output) -> None:
    write_flats(Path("flats.csv"))
    words = ["train", "flats.csv", "--epochs", "2", "--optimizer", "sgd", "--sweep"]
    assert main([*words, "learning_rate=1e30,0.01", "--out", "run", "--quiet"]) == 0
    assert [each["trial"] for each in get_measures(Path("run"))["sweep"]["trials"]] == [2, 1]
    assert main([*words, "learning_rate=1e30,1e32", "--out", "none", "--quiet"]) == 1
