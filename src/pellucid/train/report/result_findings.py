"""Findings about the classes of a data set and the result of a training, with severity, effect and fix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.finding import Finding
from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.result import pluralize
from pellucid.train.evaluate.decision import Decision, parse_threshold
from pellucid.train.prepare.class_balance import FEW_SAMPLES, RARE_FRACTION, find_rare_classes, is_imbalanced

if TYPE_CHECKING:
    from pellucid.train.check.checked_data import CheckedData
    from pellucid.train.evaluate.baseline_comparison import Comparison
    from pellucid.train.prepare.prepared_run import PreparedRun

ENOUGH_TO_BE_MISSED = 3
"""A class is predicted for none of n samples by chance in (1 - s/n)^n, about exp(-s), of the cases if s samples are of
this class, and predictions are as frequent as classes: less than 5 % from 3 samples on."""

CONSTANTS = {"most frequent class": "always predicting the most frequent class", "mean": "always predicting the mean"}

WIDEST_INTERVAL = 0.5
"""A recall whose interval is wider says nothing."""


def find_balance_problems(prepared: "PreparedRun | CheckedData") -> list[Finding]:
    """Return a finding if classes have few training samples, and no weights are given."""
    dataset = prepared.dataset
    if not dataset.class_names:
        return []
    counts = prepared.training_counts
    rare = find_rare_classes(counts)
    if not len(rare):
        return []
    listed = join_parts([f"{dataset.class_names[k]} ({counts[k]:,})" for k in rare])
    limit = f"fewer than {RARE_FRACTION:.0%} of the most frequent class, or fewer than {FEW_SAMPLES}"
    weighting = "--class-weights balanced gives all classes equal shares of the loss. " if can_weight(prepared) else ""
    threshold = "--threshold best-f1 chooses when the rare one is predicted." if dataset.outputs == 2 else ""
    return [
        Finding(
            "rare classes",
            join_parts([dataset.class_names[k] for k in rare]),
            f"rare among {counts.sum():,} training samples: {listed}. That is {limit}",
            "A network that never predicts a rare class can still have a high accuracy.",
            f"Collect more samples. {weighting}{threshold}".rstrip(". "),
        )
    ]


def can_weight(prepared: "PreparedRun | CheckedData") -> bool:
    """Tell whether class weights may help: some classes are rarer than others, and no weights are given."""
    is_skewed = is_imbalanced(prepared.training_counts)
    return is_skewed and prepared.class_weights is None


def find_class_problems(
    groups: Sequence[Mapping[str, Any]], advise_weights: bool, advise_folds: bool
) -> Iterator[Finding]:
    """Yield findings about classes that are never predicted, or whose recall is not known.

    Examples
    --------
    >>> fraud = {"name": "fraud", "samples": 6, "predicted": 0, "recall": 0.0, "recall_interval": (0.0, 0.39)}
    >>> [finding] = find_class_problems([fraud, {**fraud, "name": "ok", "predicted": 2000}], True, True)
    >>> print(finding.severity, finding.what)
    failure the network never predicts fraud: all 6 test samples of it are missed
    """
    missed = [group for group in groups if group["samples"] and not group["predicted"]]
    if missed:
        samples = sum(group["samples"] for group in missed)
        is_certain = len(groups) == 2 or max(group["samples"] for group in missed) >= ENOUGH_TO_BE_MISSED
        few = "" if is_certain else ", which may be chance with so few"
        one = len(missed) == 1
        yield Finding(
            "class never predicted",
            join_parts([group["name"] for group in missed]),
            f"the network never predicts {join_parts([group['name'] for group in missed])}: all "
            f"{pluralize(samples, 'test sample')} of {'it' if one else 'them'} are missed{few}"
            if samples > 1
            else f"the network never predicts {missed[0]['name']}: its only test sample is missed",
            "For these classes the network is useless, whatever its accuracy is.",
            f"Train with {'--class-weights balanced, ' if advise_weights else ''}more samples of "
            f"{'this class' if one else 'these classes'}{', --threshold best-f1' if len(groups) == 2 else ''}, or "
            "longer (--epochs)",
            severity="failure" if is_certain else "warning",
        )
    vague = [
        group
        for group in groups
        if group["samples"] and group["recall_interval"][1] - group["recall_interval"][0] > WIDEST_INTERVAL
    ]
    if vague:
        listed = join_parts([f"{group['name']} ({group['samples']})" for group in vague])
        yield Finding(
            "recall not measured",
            join_parts([group["name"] for group in vague]),
            f"too few test samples to know the recall of {listed}: its 95% interval is wider than {WIDEST_INTERVAL}",
            "The recall of these classes can be far better or worse than printed.",
            "Use more samples" + (", a larger --test-split, or --folds 5, which tests on all samples" * advise_folds),
        )


def find_threshold_problems(prepared: "PreparedRun", decision: Decision) -> Iterator[Finding]:
    """Yield findings about a threshold that misses its goal, or that a single validation sample decides."""
    if prepared.settings.threshold is None or decision.positive is None:
        return
    rule, name = parse_threshold(prepared.settings.threshold), prepared.dataset.class_names[decision.positive]
    if not decision.is_goal_reached:
        yield Finding(
            "goal not reached",
            name,
            f"no threshold has a precision of {rule.value:g} on the validation set; the chosen one has the highest",
            "More of the samples that are predicted as this class are wrong than you allow.",
            "Improve the network first, or choose a lower precision",
        )
    samples = int((prepared.get_targets("validation") == decision.positive).sum())
    if rule.kind == "recall" and samples * (1 - rule.value) < 1 - 1e-9:
        yield Finding(
            "threshold of one sample",
            name,
            f"one sample decides the threshold: with {pluralize(samples, 'validation sample')} of {name}, a recall of "
            f"{rule.value:g} allows none below it",
            "One unusual sample can make the threshold so low that nearly everything is predicted as this class.",
            "Use more samples, a larger --validation-split, or a lower recall",
        )


def find_baseline_problems(constant: "Sequence[Comparison]") -> Iterator[Finding]:
    """Yield a finding if a network is not better than a prediction that ignores the inputs."""
    for each in constant:
        if each.verdict <= 0:
            is_equal = each.is_baseline_ahead or each.network_value == each.baseline_value
            degree = "no better" if is_equal else "not better beyond chance"
            yield Finding(
                "no better than a constant",
                each.baseline,
                f"the network is {degree} than {CONSTANTS[each.baseline]}: {each.values_text}",
                "The network has learned nothing that helps on new samples, or the test set is too small to show it.",
                "Check that inputs and targets belong together; try more epochs (--epochs), another network or "
                "learning rate, or more data",
                severity="failure" if is_equal else "warning",
            )
