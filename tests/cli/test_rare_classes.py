"""Rare classes: findings, class weights and decision thresholds, through the commands."""

import io
import json
import tomllib
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.train import print_failures
from pellucid.train import Settings
from pellucid.train.evaluate.decision import Decision, choose_threshold, parse_threshold
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.report.result_findings import find_threshold_problems
from pellucid.train.settings.toml_reader import read_settings
from pellucid.train.training_run import fit_model
from tests.cli.conftest import save_untrained

Output = pytest.CaptureFixture[str]
QUICK = ["--model", "linear", "--epochs", "4", "--batch-size", "64", "--learning-rate", "0.05"]


def test_a_probability_equal_to_the_threshold_is_positive() -> None:
    scores = np.array([[0.5, 0.5], [0.75, 0.25]])
    assert Decision(1, 0.5).choose_classes(scores).tolist() == [1, 0]
    assert Decision(0, 0.75).choose_classes(scores).tolist() == [1, 0]


def write_table(file: str, rare: int, frequent: int, shift: float) -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(["fraud", "ok"], [rare, frequent])
    x = rng.normal(size=(rare + frequent, 3)) + shift * (kinds == "fraud")[:, None]
    order = rng.permutation(len(kinds))
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{kind}" for (a, b, c), kind in zip(x[order], kinds[order], strict=True)]
    Path(file).write_text("\n".join(["a,b,c,kind", *lines]) + "\n")


@pytest.fixture(scope="module")
def place(interpret_functions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tables, and a run with class weights and a threshold on the second."""
    place = tmp_path_factory.mktemp("rare")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        write_table("six.csv", 6, 1994, 0.0)
        write_table("some.csv", 40, 560, 1.0)
        words = ["train", "some.csv", "--class-weights", "balanced", "--threshold", "recall=0.9", "--out", "weighted"]
        assert main([*words, *QUICK, "--quiet"]) == 0
    return place


@pytest.fixture(scope="module")
def missed(place: Path) -> str:
    """The output of a run that never predicts the rare class, in the folder ``missed``."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as here, redirect_stdout(output):
        here.chdir(place)
        assert main(["train", "six.csv", *QUICK, "--out", "missed"]) == 0
    return output.getvalue()


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def read_record(folder: str) -> Any:
    return json.loads(Path(folder, "record.json").read_text())


def test_a_class_that_is_never_predicted_is_a_failure(missed: str) -> None:
    assert "warning: rare among 1,400 training samples: fraud (4)." in missed
    assert "--class-weights balanced gives all classes equal shares of the loss" in missed
    assert "failure: the network never predicts fraud: its only test sample is missed." in missed
    assert "failure: the network is no better than always predicting the most frequent class: balanced" in missed
    assert "test balanced accuracy 0.5, 95% interval" in missed
    record = read_record("missed")
    measures = record["measures"]
    assert measures["test"]["accuracy"] == pytest.approx(299 / 300)
    assert record["result"]["label"] == "test balanced accuracy"
    assert record["result"]["value"] == measures["test"]["balanced_accuracy"] == 0.5
    assert record["result"]["interval"] == measures["intervals"]["balanced_accuracy"]
    severities = {each["name"]: each["severity"] for each in measures["findings"]}
    assert severities == {
        "class never predicted": "failure",
        "no better than a constant": "failure",
        "recall not measured": "warning",
        "rare classes": "warning",
    }


def test_failures_are_printed_even_if_the_output_is_quiet(missed: str, capsys: Output) -> None:
    record: Any = SimpleNamespace(measures=read_record("missed")["measures"])
    print_failures(record)
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("failure: the network never predicts fraud")
    assert [line.partition(":")[0] for line in errors.splitlines()] == ["failure", "failure"]  # no warnings


def test_balanced_weights_are_those_of_scikit_learn(place: Path) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    measures = read_record("weighted")["measures"]
    labels = np.repeat(["fraud", "ok"], [28, 392])
    expected = compute_class_weight("balanced", classes=np.array(["fraud", "ok"]), y=labels)
    assert measures["class_weights"] == pytest.approx(dict(zip(["fraud", "ok"], expected, strict=True)))
    assert tomllib.loads(Path("weighted/experiment.toml").read_text())["training"]["class_weights"] == "balanced"


def test_a_class_of_small_weight_is_hardly_learned(tmp_path: Path) -> None:
    features = np.genfromtxt("some.csv", delimiter=",", skip_header=1, usecols=(0, 1, 2), dtype="float32")
    settings = Settings("some.csv", model="linear", epochs=60, batch_size=420, learning_rate=0.3)
    prepared = prepare(replace(settings, class_weights={"fraud": 0.001}))
    fit_model(prepared, tmp_path, 0)
    # Without weights it is near the fraction of frauds, 0.07.
    assert prepared.model.predict(features)[:, 0].mean() < 0.02


def test_the_validation_loss_has_the_weights_of_classes() -> None:
    prepared = prepare(Settings("some.csv", class_weights={"fraud": 7.0}))
    assert prepared.class_weights == {0: 7.0, 1: 1.0}
    _, y, weights = prepared.get_validation_data()
    assert weights.tolist() == np.where(y == 0, 7.0, 1.0).tolist()


def test_a_threshold_is_saved_and_used_by_test_and_predict(place: Path, capsys: Output) -> None:
    threshold = json.loads(Path("weighted/data.json").read_text())["decision"]
    assert threshold == read_record("weighted")["measures"]["decision"]
    assert threshold["class"] == "fraud"
    assert main(["predict", "weighted", "some.csv", "--json"]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    for each in predictions:
        assert (each["class"] == "fraud") == (each["probabilities"]["fraud"] >= threshold["threshold"])
        assert each["probability"] == each["probabilities"][each["class"]]
    warnings.simplefilter("default", pel.data.DataWarning)  # it was trained on most of them
    assert main(["test", "weighted", "some.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    frauds = next(each for each in found["per_class"] if each["name"] == "fraud")
    assert frauds["predicted"] == sum(each["class"] == "fraud" for each in predictions)
    assert found["decision"] == threshold


def test_a_threshold_reaches_its_goal_on_the_validation_set(place: Path) -> None:
    from sklearn.metrics import recall_score

    prepared = prepare(Settings("some.csv", threshold="recall=0.9"))
    x, y = prepared.get_part("validation")
    threshold = json.loads(Path("weighted/data.json").read_text())["decision"]["threshold"]
    chosen = pel.load_model("weighted/model.pel").predict(x)[:, 0] >= threshold
    assert recall_score(y == 0, chosen) >= 0.9
    higher = pel.load_model("weighted/model.pel").predict(x)[:, 0] > threshold + 0.02
    assert higher.sum() == chosen.sum() or recall_score(y == 0, higher) <= recall_score(y == 0, chosen)


def test_rules_choose_the_best_threshold_of_all() -> None:
    from sklearn.metrics import f1_score, precision_score, recall_score

    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.2
    p = np.clip(rng.normal(0.3 + 0.3 * positive, 0.2), 0.01, 0.99)
    every = np.unique(p)
    best = max(f1_score(positive, p >= each) for each in every)
    assert f1_score(positive, p >= choose_threshold(parse_threshold("best-f1"), p, positive)[0]) == best
    highest = max(each for each in every if recall_score(positive, p >= each) >= 0.7)
    at, _ = choose_threshold(parse_threshold("recall=0.7"), p, positive)
    assert ((p >= at) == (p >= highest)).all()
    lowest = min(each for each in every if precision_score(positive, p >= each) >= 0.7)
    at, _ = choose_threshold(parse_threshold("precision=0.7"), p, positive)
    assert ((p >= at) == (p >= lowest)).all()
    never = choose_threshold(parse_threshold("precision=1"), np.array([0.4, 0.9]), np.array([True, False]))
    assert never == (0.2, False)  # precision 0.5 is the highest one


def test_thresholds_that_miss_their_goal_or_rest_on_one_sample_are_findings() -> None:
    for rule, reached, name in (
        ("recall=0.9", True, "threshold of one sample"),  # of 6 validation samples, a tenth is less than one
        ("precision=0.9", False, "goal not reached"),
    ):
        prepared = prepare(Settings("some.csv", threshold=rule))
        [finding] = find_threshold_problems(prepared, Decision(0, 0.5, reached))
        assert (finding.name, finding.severity) == (name, "warning")
    assert list(find_threshold_problems(prepare(Settings("some.csv", threshold=0.3)), Decision(0, 0.3))) == []


def test_weights_and_thresholds_of_a_file_are_read(tmp_path: Path) -> None:
    lines = ["pellucid = 1", 'model = "linear"', "[data]", f'source = "{Path("some.csv").resolve()}"', "[training]"]
    lines += ["epochs = 1", "threshold = 0.25", 'positive_class = "ok"', "class_weights = { fraud = 5, ok = 0.5 }"]
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    prepared = save_untrained(Settings(**read_settings(tmp_path / "mine.toml")), tmp_path / "run")
    again = prepare(Settings(**read_settings(tmp_path / "run" / "experiment.toml")))
    for each in (prepared, again):
        assert each.class_weights == {0: 5.0, 1: 0.5}
        decision = each.choose_decision(lambda part: pytest.fail("A number needs no predictions"))
        assert decision.describe(each.dataset.class_names) == {"class": "ok", "threshold": 0.25}


@pytest.mark.slow
def test_weights_and_thresholds_of_a_run_are_repeated(tmp_path: Path, capsys: Output) -> None:
    words = ["--class-weights", "fraud=5,ok=0.5", "--threshold", "0.25", "--positive-class", "ok"]
    assert main(["train", "some.csv", *QUICK, *words, "--json", "--out", str(tmp_path / "run")]) == 0
    measures = json.loads(capsys.readouterr().out)["measures"]
    assert measures["class_weights"] == {"fraud": 5.0, "ok": 0.5}
    assert measures["decision"] == {"class": "ok", "threshold": 0.25}
    again = [str(tmp_path / "run" / "experiment.toml"), "--json", "--out", str(tmp_path / "again")]
    assert main(["train", *again]) == 0
    assert json.loads(capsys.readouterr().out)["measures"] == measures


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--threshold", "1.5"], "threshold: expected a number between 0 and 1, best-f1, or a goal such as recall=0.9"),
        (["--threshold", "recall=2"], "or precision=0.9; received 'recall=2'"),
        (["--class-weights", "balance"], "class_weights: expected 'balanced' or pairs NAME=VALUE separated by"),
        (["--positive-class", "frad"], "positive_class: expected fraud or ok; received 'frad'. Did you mean 'fraud'?"),
    ],
)
def test_invalid_weights_and_thresholds_are_usage_errors(words: list[str], message: str, capsys: Output) -> None:
    status = main(["train", "some.csv", *words])
    assert (status, message in capsys.readouterr().err) == (2, True), message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weights": {"frauds": 2}}, "class_weights: no class 'frauds'. Did you mean 'fraud'?"),
        ({"class_weights": {"fraud": 0}}, "class_weights: fraud: expected a number, more than 0; received 0"),
        ({"task": "regression", "options": {"target": "a"}, "class_weights": "balanced"}, "only for classification"),
        ({"options": {"target": "a"}, "threshold": 0.3}, "threshold: expected data with two classes; received a regr"),
    ],
)
def test_weights_and_thresholds_fit_the_data(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(pel.PellucidError) as error:
        prepare(Settings("some.csv", **settings))
    assert message in str(error.value)


def test_a_threshold_needs_probabilities_and_validation_samples(tmp_path: Path) -> None:
    x, y = np.arange(24.0).reshape(12, 2), np.array(["a", "b"] * 6)
    np.savez(tmp_path / "parts.npz", x_train=x, y_train=y, x_val=x[::2], y_val=y[::2], x_test=x, y_test=y)
    with pytest.raises(
        pel.data.DataError, match="expected validation samples of class 'b', which choose the threshold"
    ):
        prepare(Settings(str(tmp_path / "parts.npz"), threshold="best-f1"))
    layers = [{"kind": "Dense", "units": 2, "activation": "sigmoid"}]
    with pytest.raises(pel.ModelError, match="expected class probabilities from a softmax; received the output of sig"):
        prepare(Settings("some.csv", threshold=0.3, layers=layers))


def test_a_damaged_threshold_is_refused(place: Path, tmp_path: Path, capsys: Output) -> None:
    description = json.loads(Path("weighted/data.json").read_text())
    description["decision"]["threshold"] = 7
    (tmp_path / "model.pel").write_bytes(Path("weighted/model.pel").read_bytes())
    (tmp_path / "data.json").write_text(json.dumps(description))
    assert main(["predict", str(tmp_path), "some.csv"]) == 1
    assert "expected a threshold between 0 and 1 for two classes" in capsys.readouterr().err
