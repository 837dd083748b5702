"""Evaluation of a trained network on the test set: metrics, baselines, findings and a summary."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.experiments.runner.context import RunContext
from pellucid.experiments.runner.result import ExperimentResult, Score, pluralize
from pellucid.experiments.user_data.baseline_comparison import (
    VERDICTS,
    Comparison,
    compare_classifiers,
    compare_regressors,
)
from pellucid.experiments.user_data.baselines import Baseline, fit_baselines
from pellucid.experiments.user_data.class_balance import is_imbalanced
from pellucid.experiments.user_data.decision import Decision
from pellucid.experiments.user_data.evaluation_pictures import draw_pictures
from pellucid.experiments.user_data.intervals import Interval
from pellucid.experiments.user_data.metrics import (
    LOWER_IS_BETTER,
    Evaluation,
    Metrics,
    evaluate_classification,
    evaluate_regression,
    get_metric_name,
)
from pellucid.experiments.user_data.result_findings import (
    can_weight,
    find_balance_problems,
    find_baseline_problems,
    find_class_problems,
)
from pellucid.experiments.user_data.result_summary import summarize
from pellucid.graph.errors import NonFiniteError
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.experiments.user_data.pipeline import PreparedRun
    from pellucid.model.interfaces import ModelLike
    from pellucid.training.callbacks.history import History

SHOWN_METRICS = (
    "accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "average_precision", "log_loss", "calibration_error", "mae",
    "rmse", "median_absolute_error", "r2",
)  # fmt: skip
"""Metrics of the table in the terminal; the record has all."""

SHOWN_GROUPS = 10
"""Number of classes or targets in the table, those with the lowest F1 or R² first."""


def evaluate(
    run: RunContext, prepared: "PreparedRun", model: "ModelLike", decision: Decision, history: "History"
) -> ExperimentResult:
    """Evaluate a trained network, which predicts in the units of the targets, on the test set."""
    dataset, rows = prepared.dataset, prepared.parts["test"]
    outputs = predict_finite(model, prepared.x[rows])
    truth, seed = dataset.targets[rows], prepared.settings.seed
    found = evaluate_outputs(outputs, truth, decision, dataset.class_names, dataset.target_names, seed)
    with run.clock("baselines"):
        baselines, skipped = fit_baselines(prepared)
    others = {
        name: evaluate_outputs(
            each.outputs, truth, each.decision, dataset.class_names, dataset.target_names, seed
        ).metrics
        for name, each in baselines.items()
    }
    metric = choose_metric(prepared)
    comparisons = compare_with_baselines(metric, found.metrics, outputs, decision, baselines, others, truth, seed)
    constant = [each for each in comparisons if baselines[each.baseline].is_constant]
    findings = list(find_baseline_problems(constant))
    if dataset.class_names:
        findings = [*find_class_problems(found.groups, can_weight(prepared)), *findings]
    summary = summarize(found, metric, comparisons, findings, len(rows))
    losses = history.history["val_loss"]
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0
    best_baseline = choose_best(metric, others)
    run.timings |= {**prepared.timings, "epochs": sum(history.seconds)}
    return ExperimentResult(
        Score(f"test {get_metric_name(metric)}", found.metrics[metric], found.intervals.get(metric)),
        baseline=Score(best_baseline, others[best_baseline][metric]),
        measures={
            "task": dataset.task,
            "classes": dataset.class_names,
            "samples": {part: len(indices) for part, indices in prepared.parts.items()},
            "checksum": dataset.checksum,
            "model": prepared.name,
            "weights": prepared.weights,
            "epochs": len(history.epoch),
            "best_epoch": history.epoch[best] + 1,
            "best_validation_loss": losses[best],
            "class_weights": name_class_weights(prepared),
            "decision": decision.describe(dataset.class_names),
            "metric": metric,
            "test": found.metrics,
            "intervals": found.intervals,
            "per_class" if dataset.class_names else "per_target": found.groups,
            "baselines": others,
            "skipped_baselines": skipped,
            "comparisons": [{**asdict(each), "verdict": VERDICTS[each.verdict]} for each in comparisons],
            "findings": [asdict(each) for each in (*findings, *find_balance_problems(prepared))],
            "summary": summary,
        },
        lines=[
            *summary,
            f"on {len(rows):,} held-out test samples:",
            *format_metrics({f"this network ({prepared.name})": found.metrics, **others}, found.intervals),
            *(f"{name}: skipped, {reason}" for name, reason in skipped.items()),
            *format_groups(found.groups),
            *describe_decision(prepared, decision),
            f"{pluralize(len(history.epoch), 'epoch')} in {sum(history.seconds):.1f} s; "
            f"best epoch: {history.epoch[best] + 1}",
        ],
        draw=lambda: draw_pictures(run, prepared, outputs, decision, history),
    )


def predict_finite(model: "ModelLike", x: Array) -> Array:
    """Return the outputs of a network; raise `NonFiniteError` if they are not finite."""
    outputs: Array = model.predict(x)
    wrong = ~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    if wrong.any():
        raise NonFiniteError(
            f"The outputs of the network are not finite for {int(wrong.sum()):,} of {len(x):,} samples. Look for "
            "extreme inputs in them, or train again with a smaller --learning-rate"
        )
    return outputs


def evaluate_outputs(
    outputs: Array, truth: Array, decision: Decision, class_names: Sequence[str], target_names: Sequence[str], seed: int
) -> Evaluation:
    """Return the metrics of outputs, shape (n, k), for class indices or values."""
    if not class_names:
        return evaluate_regression(truth, outputs, target_names, seed)
    predicted = decision.choose_classes(outputs)
    return evaluate_classification(truth, predicted, outputs, class_names, decision.positive, seed)


def choose_metric(prepared: "PreparedRun") -> str:
    """Return the key of the main metric; accuracy only if no class is rare, because it hides rare classes."""
    dataset = prepared.dataset
    if not dataset.class_names:
        return "mae"
    return "balanced_accuracy" if is_imbalanced(prepared.training_labels, dataset.outputs) else "accuracy"


def choose_best(metric: str, baselines: Mapping[str, Metrics]) -> str:
    """Return the name of the baseline with the best value of a metric.

    Examples
    --------
    >>> choose_best("accuracy", {"constant": {"accuracy": 0.5}, "linear": {"accuracy": 0.75}})
    'linear'
    """
    return (min if metric in LOWER_IS_BETTER else max)(baselines, key=lambda name: baselines[name][metric])


def compare_with_baselines(
    metric: str,
    metrics: Metrics,
    outputs: Array,
    decision: Decision,
    baselines: Mapping[str, Baseline],
    others: Mapping[str, Metrics],
    truth: Array,
    seed: int,
) -> list[Comparison]:
    """Compare a network with every baseline by the main metric."""
    found = []
    for name, baseline in baselines.items():
        if metric in LOWER_IS_BETTER:
            verdict, test = compare_regressors(truth, outputs, baseline.outputs)
        else:
            predictions = decision.choose_classes(outputs), baseline.decision.choose_classes(baseline.outputs)
            verdict, test = compare_classifiers(metric, truth, *predictions, seed)
        found.append(Comparison(name, metric, metrics[metric], others[name][metric], verdict, test))
    return found


def name_class_weights(prepared: "PreparedRun") -> dict[str, float] | None:
    weights, names = prepared.class_weights, prepared.dataset.class_names
    return None if weights is None else {names[k]: weight for k, weight in weights.items()}


def describe_decision(prepared: "PreparedRun", decision: Decision) -> list[str]:
    """Return a line about the threshold, if there is one."""
    if decision.threshold is None or decision.positive is None:
        return []
    name, setting = prepared.dataset.class_names[decision.positive], prepared.settings.threshold
    how = f", chosen by {setting} on the validation set" if isinstance(setting, str) else ""
    return [f"{name} is predicted from a probability of {decision.threshold:.4g} on{how}"]


def format_metrics(columns: Mapping[str, Metrics], intervals: Mapping[str, Interval]) -> list[str]:
    r"""Return a table with a row for each metric of the first column, whose intervals are given.

    Examples
    --------
    >>> columns = {"network": {"accuracy": 0.9, "roc_auc": 0.25}, "majority": {"accuracy": 0.5}}
    >>> print("\n".join(format_metrics(columns, {"accuracy": (0.8, 0.95)})))
              network  95% interval  majority
    accuracy      0.9   0.8 to 0.95       0.5
    ROC AUC      0.25
    """
    first, *others = columns
    cells = [["", first, "95% interval", *others]]
    for key in SHOWN_METRICS:
        if key in columns[first]:
            ends = "{:.3g} to {:.3g}".format(*intervals[key]) if key in intervals else ""
            values = [format_number(columns[name].get(key)) for name in columns]
            cells.append([get_metric_name(key), values[0], ends, *values[1:]])
    return align_columns(cells)


def format_groups(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of classes or targets, the worst first; empty for one target."""
    if not groups:
        return []
    columns = ("samples", "predicted", "precision", "recall", "f1") if "recall" in groups[0] else ("mae", "rmse", "r2")
    key = columns[-1]
    worst = sorted(groups, key=lambda group: group.get(key, 0.0))[:SHOWN_GROUPS]
    cells = [["class" if key == "f1" else "target", *map(get_metric_name, columns)]]
    cells += [[str(group["name"])[:40], *(format_number(group.get(name)) for name in columns)] for group in worst]
    hidden, last = len(groups) - len(worst), format_number(worst[-1].get(key))
    return [
        *align_columns(cells),
        *([f"and {hidden:,} more with {get_metric_name(key)} {last} or more"] if hidden else []),
    ]


def format_number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def align_columns(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        padded = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(padded).rstrip())
    return lines
