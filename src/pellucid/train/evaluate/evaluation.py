"""Evaluation of a trained network on the test set: metrics, baselines, findings and a summary."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from pellucid.tracking.context import RunContext
from pellucid.tracking.result import ExperimentResult, Score, pluralize
from pellucid.train.evaluate.baseline_comparison import (
    VERDICTS,
    Comparison,
    compare_classifiers,
    compare_regressors,
)
from pellucid.train.evaluate.baselines import Baseline, describe_sample, fit_baselines
from pellucid.train.evaluate.decision import Decision
from pellucid.train.evaluate.evaluated_predictions import (
    NETWORK,
    ScoredPredictions,
    choose_metric,
    describe_details,
    evaluate_outputs,
    get_predictions,
    predict_part,
)
from pellucid.train.evaluate.metrics import (
    LOWER_IS_BETTER,
    Evaluation,
    Metrics,
    get_metric_name,
)
from pellucid.train.report.evaluation_pictures import draw_pictures
from pellucid.train.report.result_findings import (
    can_weight,
    find_baseline_problems,
    find_class_problems,
    find_threshold_problems,
)
from pellucid.train.report.result_summary import list_sentences, summarize
from pellucid.train.report.result_tables import format_result
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.graph.finding import Finding
    from pellucid.model.interfaces import ModelLike
    from pellucid.train.fit.cross_validation import CrossValidation
    from pellucid.train.prepare.prepared_run import PreparedRun
    from pellucid.training.callbacks.history import History


def evaluate(
    run: RunContext,
    prepared: "PreparedRun",
    model: "ModelLike",
    decision: Decision,
    history: "History",
    validation: "CrossValidation | None" = None,
) -> ExperimentResult:
    """Evaluate a trained network, which predicts in the units of the targets, on the test set.

    The main score is that of the cross-validation, if there is one.
    """
    dataset = prepared.dataset
    outputs = predict_part(prepared, model, "test")
    with run.clock("baselines"):
        baselines, skipped = fit_baselines(prepared)
    test = measure_test_set(prepared, outputs, decision, baselines)
    main = validation.summarize(dataset.targets) if validation else test
    metric = choose_metric(prepared)
    comparisons = compare_with_baselines(metric, main, prepared.settings.seed)
    findings = [*list_findings(prepared, main, comparisons), *find_threshold_problems(prepared, decision)]
    doubtful = find_doubtful_labels(prepared, validation)
    summary = [
        *list_sentences(prepared.data_findings, "failure"),  # they decide whether the score means anything
        *summarize(main, metric, comparisons, findings),
    ]
    losses = history.history["val_loss"]
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    best_baseline = choose_best(metric, main.baselines)
    label = f"{'cross-validated' if validation else 'test'} {get_metric_name(metric)}"
    if history.reading is not None:
        run.timings |= {"waiting for data": history.reading.waited, "training steps": history.reading.total}
    run.timings |= {**prepared.timings, "epochs": sum(history.seconds)}
    return ExperimentResult(
        Score(label, main.evaluation.metrics[metric], main.evaluation.intervals.get(metric)),
        baseline=Score(best_baseline, main.baselines[best_baseline][metric]),
        measures={
            "task": dataset.task,
            "classes": dataset.class_names,
            "samples": {part: len(indices) for part, indices in prepared.parts.items()},
            "checksum": dataset.checksum,
            "model": prepared.name,
            "weights": prepared.weights,
            "fine_tuning": prepared.fine_tuning.describe() if prepared.fine_tuning else None,
            "epochs": len(history.epoch),
            "best_epoch": history.epoch[best] + 1,
            "best_validation_loss": losses[best],
            "class_weights": name_class_weights(prepared),
            "decision": decision.describe(dataset.class_names),
            "metric": metric,
            "test": test.evaluation.metrics,
            **describe_details(test.evaluation, bool(dataset.class_names)),
            "baselines": test.baselines,
            "skipped_baselines": skipped,
            "notes": [*prepared.storage_notes, *describe_sample(prepared)],
            "cross_validation": validation.describe(dataset.targets, bool(dataset.class_names)) if validation else None,
            "comparisons": [{**asdict(each), "verdict": VERDICTS[each.verdict]} for each in comparisons],
            "findings": [asdict(each) for each in (*findings, *prepared.data_findings, *doubtful)],
            "summary": summary,
        },
        lines=[
            *summary,
            *(format_result(prepared, main, validation.deviations) if validation else ()),
            *format_result(prepared, test),
            *(f"{name}: skipped, {reason}" for name, reason in skipped.items()),
            *describe_decision(prepared, decision),
            *(f"{each.severity}: {each.what}. {each.fix}." for each in doubtful),
            *describe_sample(prepared),
            *describe_reading(prepared, history),
            f"{pluralize(len(history.epoch), 'epoch')} in {sum(history.seconds):.1f} s; "
            f"best epoch: {history.epoch[best] + 1}",
        ],
        draw=lambda: draw_pictures(run, prepared, outputs, decision, history),
    )


def find_doubtful_labels(prepared: "PreparedRun", validation: "CrossValidation | None") -> "list[Finding]":
    """Return a finding if the predictions of a cross-validation show that labels are possibly wrong."""
    if validation is None or not prepared.dataset.class_names:
        return []
    from pellucid.train.check.label_errors import find_label_errors

    predictions = validation.predictions
    return list(find_label_errors(prepared.dataset, predictions.rows, predictions.outputs[NETWORK]))


def measure_test_set(
    prepared: "PreparedRun", outputs: Array, decision: Decision, baselines: Mapping[str, Baseline]
) -> ScoredPredictions:
    """Return the metrics of the network and the baselines on the test set; ``outputs`` are those of the network."""
    dataset = prepared.dataset
    names, truth = dataset.class_names, np.array(prepared.get_targets("test"))
    predicted = {NETWORK: get_predictions(outputs, decision, names)}
    predicted |= {name: get_predictions(each.outputs, each.decision, names) for name, each in baselines.items()}

    def measure(name: str, outputs: Array, seed: int | None = None) -> Evaluation:
        return evaluate_outputs(outputs, predicted[name], truth, prepared.positive, names, dataset.target_names, seed)

    return ScoredPredictions(
        measure(NETWORK, outputs, prepared.settings.seed),
        {name: measure(name, each.outputs).metrics for name, each in baselines.items()},
        truth,
        predicted,
        f"{len(truth):,} test samples",
    )


def choose_best(metric: str, baselines: Mapping[str, Metrics]) -> str:
    """Return the name of the baseline with the best value of a metric.

    Examples
    --------
    >>> choose_best("accuracy", {"constant": {"accuracy": 0.5}, "linear": {"accuracy": 0.75}})
    'linear'
    """
    return (min if metric in LOWER_IS_BETTER else max)(baselines, key=lambda name: baselines[name][metric])


def compare_with_baselines(metric: str, result: ScoredPredictions, seed: int) -> list[Comparison]:
    """Compare a network with every baseline by the main metric; the first one is constant."""
    found, own = [], result.predicted[NETWORK]
    for name, metrics in result.baselines.items():
        if metric in LOWER_IS_BETTER:
            verdict, test = compare_regressors(result.truth, own, result.predicted[name])
        else:
            verdict, test = compare_classifiers(metric, result.truth, own, result.predicted[name], seed)
        found.append(Comparison(name, metric, result.evaluation.metrics[metric], metrics[metric], verdict, test))
    return found


def list_findings(
    prepared: "PreparedRun", result: ScoredPredictions, comparisons: Sequence[Comparison]
) -> "list[Finding]":
    """Return the findings about a result, those about classes first."""
    findings = list(find_baseline_problems(comparisons[:1]))
    if prepared.dataset.class_names:
        groups, advice = result.evaluation.groups, (can_weight(prepared), not result.has_folds)
        findings = [*find_class_problems(groups, *advice), *findings]
    return findings


def name_class_weights(prepared: "PreparedRun") -> dict[str, float] | None:
    weights, names = prepared.class_weights, prepared.dataset.class_names
    return None if weights is None else {names[k]: weight for k, weight in weights.items()}


def describe_reading(prepared: "PreparedRun", history: "History") -> list[str]:
    """Return a line that says whether reading or the network limited the speed, if data were read from a file."""
    reading = history.reading
    if prepared.arranged is None or reading is None:
        return []
    bottleneck = "reading the data" if reading.is_bottleneck else "the network"
    return [
        f"bottleneck: {bottleneck}; the training steps waited {reading.waited:.1f} of {reading.total:.1f} s for data, "
        f"which were written to the file in {prepared.timings['reading']:.1f} s before"
    ]


def describe_decision(prepared: "PreparedRun", decision: Decision) -> list[str]:
    """Return a line about the threshold, if there is one."""
    if decision.threshold is None or decision.positive is None:
        return []
    name, setting = prepared.dataset.class_names[decision.positive], prepared.settings.threshold
    how = f", chosen by {setting} on the validation set" if isinstance(setting, str) else ""
    return [f"{name} is predicted from a probability of {decision.threshold:.4g} on{how}"]
