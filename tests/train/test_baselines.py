"""Baselines of a training run, findings, and the summary that compares them."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.cli import main
from pellucid.cli.output import format_result
from pellucid.tracking import RunContext
from pellucid.train import Settings
from pellucid.train.evaluate import baselines
from pellucid.train.evaluate.baseline_comparison import Comparison, compare_classifiers
from pellucid.train.evaluate.evaluated_predictions import ScoredPredictions
from pellucid.train.evaluate.evaluation import evaluate
from pellucid.train.evaluate.metrics import evaluate_classification
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.report.result_findings import find_baseline_problems, find_class_problems
from pellucid.train.report.result_summary import summarize
from pellucid.train.training_run import fit_model, save_network

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def checkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Points whose class a tree finds, and a linear network does not."""
    x = np.random.default_rng(0).uniform(-1, 1, size=(600, 2))
    file = tmp_path_factory.mktemp("checkers") / "checkers.npz"
    np.savez(file, x=x, y=(x[:, 0] * x[:, 1] > 0).astype(int))
    return file


def test_a_tree_that_wins_comes_first_in_the_summary(checkers: Path, tmp_path: Path) -> None:
    prepared = prepare(Settings(str(checkers), model="linear", epochs=1, batch_size=420))
    history = fit_model(prepared, tmp_path, 0)
    model, decision = save_network(prepared, tmp_path, history)
    result = evaluate(RunContext(tmp_path), prepared, model, decision, history)
    measures: Any = result.measures
    tree, network = measures["baselines"]["gradient-boosted trees"]["accuracy"], measures["test"]["accuracy"]
    assert tree > network + 0.2
    values = f"accuracy {tree:.4g} against {network:.4g}"
    first = f"Gradient-boosted trees are better than this network: {values}, beyond chance (McNemar's test)."
    assert measures["summary"][0] == first
    assert format_result("", result).splitlines()[:2] == ["", f"  {first}"]
    [comparison] = [each for each in measures["comparisons"] if each["baseline"] == "gradient-boosted trees"]
    assert comparison["verdict"] == "worse"


def test_a_missing_package_is_named_before_training(
    checkers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert main(["train", str(checkers), "--out", str(tmp_path / "run")]) == 1
    assert "The evaluation needs threadpoolctl, which is not installed. Install it: pip" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_baselines_see_the_same_samples_as_the_network(checkers: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import accuracy_score

    prepared = prepare(Settings(str(checkers)))
    found, skipped = baselines.fit_baselines(prepared)
    assert skipped == {}
    x, y = prepared.x, prepared.dataset.targets
    training, test = prepared.parts["training"], prepared.parts["test"]
    peer = HistGradientBoostingClassifier(random_state=0).fit(x[training].astype(float), y[training])
    own = found["gradient-boosted trees"].outputs.argmax(axis=1)
    assert accuracy_score(y[test], own) == accuracy_score(y[test], peer.predict(x[test].astype(float)))
    again, _ = baselines.fit_baselines(prepared)
    for name, baseline in found.items():
        np.testing.assert_array_equal(baseline.outputs, again[name].outputs)


def test_baselines_of_several_targets_are_those_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.metrics import mean_absolute_error
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    np.savez(tmp_path / "two.npz", x=x, y=x[:, :2] ** 2 + 3)
    prepared = prepare(Settings(str(tmp_path / "two.npz")))
    found, _ = baselines.fit_baselines(prepared)
    y = prepared.dataset.targets
    training, test = prepared.parts["training"], prepared.parts["test"]
    linear = make_pipeline(StandardScaler(), Ridge()).fit(prepared.x[training].astype(float), y[training])
    expected = mean_absolute_error(y[test], linear.predict(prepared.x[test].astype(float)))
    assert mean_absolute_error(y[test], found["linear regression"].outputs) == pytest.approx(expected)
    assert found["mean"].outputs[0] == pytest.approx(y[training].mean(axis=0), rel=1e-5)
    assert found["gradient-boosted trees"].outputs.shape == y[test].shape


@pytest.mark.parametrize(
    ("name", "limit", "skipped", "reason"),
    [
        ("MAXIMUM_TREE_INPUTS", 1, "gradient-boosted trees", "2 inputs, more than 1"),
        ("MAXIMUM_TREE_OUTPUTS", 1, "gradient-boosted trees", "2 outputs, more than 1"),
        ("MAXIMUM_TREE_WORK", 100, "gradient-boosted trees", "1,680 samples x inputs x outputs, more than 100"),
        ("MAXIMUM_LINEAR_WORK", 100, "logistic regression", "1,680 samples x inputs x outputs, more than 100"),
    ],
)
def test_baselines_of_large_data_are_skipped_with_a_reason(
    name: str, limit: int, skipped: str, reason: str, checkers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, name, limit)
    found, reasons = baselines.fit_baselines(prepare(Settings(str(checkers))))
    assert reasons == {skipped: reason}
    assert set(found) == {"most frequent class", "logistic regression", "gradient-boosted trees"} - {skipped}


def test_balanced_accuracies_are_compared_by_a_paired_bootstrap() -> None:
    truth = np.repeat([0, 1], [180, 20])
    blind, seeing = np.zeros(200, int), truth.copy()
    seeing[180:184] = 0
    assert compare_classifiers("balanced_accuracy", truth, seeing, blind, 0) == (1, "paired bootstrap")
    assert compare_classifiers("balanced_accuracy", truth, blind, seeing, 0) == (-1, "paired bootstrap")
    # One sample of a class decides nothing.
    lonely = np.repeat([0, 1], [199, 1])
    assert compare_classifiers("balanced_accuracy", lonely, lonely, blind, 0) == (0, "paired bootstrap")


CONSTANT = Comparison("most frequent class", "accuracy", 0.9, 0.5, 1, "McNemar's test")
LINEAR = replace(CONSTANT, baseline="logistic regression", baseline_value=0.8)
TREES = replace(CONSTANT, baseline="gradient-boosted trees", baseline_value=0.85)
OUTCOMES = [
    (
        [CONSTANT, LINEAR, TREES],
        "This network is better than all baselines, beyond chance (McNemar's test): accuracy 0.9",
    ),
    (
        [CONSTANT, LINEAR, replace(TREES, verdict=0)],
        "This network is ahead of gradient-boosted trees, but not beyond ch",
    ),
    (
        [CONSTANT, replace(TREES, baseline_value=0.95, verdict=-1)],
        "Gradient-boosted trees are better than this network",
    ),
    (
        [CONSTANT, replace(TREES, baseline_value=0.95, verdict=0)],
        "Gradient-boosted trees are ahead of this network, but",
    ),
    (
        [CONSTANT, replace(TREES, baseline_value=0.9, verdict=0)],
        "This network is as good as gradient-boosted trees, with",
    ),
    ([CONSTANT, LINEAR], "This network is better than logistic regression, beyond chance"),
    ([CONSTANT], "This network is better than the most frequent class, beyond chance"),
]


@pytest.mark.parametrize(("comparisons", "sentence"), OUTCOMES)
def test_the_summary_says_what_the_numbers_say(comparisons: list[Comparison], sentence: str) -> None:
    truth = np.arange(40) % 2
    scores = np.where(truth[:, None] == np.arange(2), 0.95, 0.05)
    found = evaluate_classification(truth, truth, scores, ["a", "b"], 1, 0)
    result = ScoredPredictions(found, {}, truth, {}, "40 test samples")
    first, precision, confidence = summarize(result, "accuracy", comparisons, [])
    assert first.startswith(sentence)
    assert precision == "The accuracy is precise: its 95% interval from 40 test samples is 0.912 to 1."
    assert confidence.startswith("No sign that the network is over- or underconfident: its mean probability of the mo")


def test_overconfidence_and_underconfidence_are_found() -> None:
    truth = np.arange(100) % 2
    wrong = np.where(np.arange(100) < 30, 1 - truth, truth)
    for probability, verdict in ((0.95, 1), (0.7, 0), (0.55, -1)):
        scores = np.where(wrong[:, None] == np.arange(2), probability, 1 - probability)
        found = evaluate_classification(truth, wrong, scores, ["a", "b"], 1, None)
        assert found.confidence is not None
        assert (found.confidence.verdict, found.confidence.right) == (verdict, 0.7)


def test_failures_come_before_a_better_network_and_after_a_better_tree() -> None:
    truth = np.arange(40) % 2
    found = evaluate_classification(truth, truth, np.eye(2)[truth], ["a", "b"], 1, 0)
    result = ScoredPredictions(found, {}, truth, {}, "40 test samples")
    useless = list(find_baseline_problems([replace(CONSTANT, baseline_value=0.9, verdict=0)]))
    assert [each.severity for each in useless] == ["failure"]
    better = summarize(result, "accuracy", [CONSTANT, TREES], useless)
    assert better[0].startswith("failure: the network is no better than always predicting the most frequent class")
    worse = summarize(result, "accuracy", [CONSTANT, replace(TREES, baseline_value=0.95, verdict=0)], useless)
    assert worse[1] == better[0]


def test_a_network_that_may_only_be_lucky_is_a_warning() -> None:
    [finding] = find_baseline_problems([replace(CONSTANT, baseline_value=0.85, verdict=0)])
    assert (finding.severity, finding.what[:60]) == (
        "warning",
        "the network is not better beyond chance than always predicti",
    )
    assert list(find_baseline_problems([CONSTANT])) == []


def test_a_class_that_is_missed_is_a_failure_only_if_it_is_not_chance() -> None:
    group = {"name": "a", "samples": 2, "predicted": 0, "recall": 0.0, "recall_interval": (0.0, 0.4)}
    others = [{**group, "name": name, "predicted": 5} for name in "bc"]
    [few] = find_class_problems([group, *others], False, False)
    [more] = find_class_problems([{**group, "samples": 3}, *others], False, False)
    assert (few.severity, more.severity) == ("warning", "failure")
    assert few.what.endswith("which may be chance with so few")
