"""Summary of a result: whether the network is better than its baselines, and how far its score can be trusted."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pellucid.graph.finding import Finding, Severity
from pellucid.tracking.comparison import capitalize
from pellucid.train.evaluate.baseline_comparison import Comparison
from pellucid.train.evaluate.intervals import Interval
from pellucid.train.evaluate.metrics import LOWER_IS_BETTER, Confidence, get_metric_name
from pellucid.train.report.result_findings import CONSTANTS

if TYPE_CHECKING:
    from pellucid.train.evaluate.evaluated_predictions import ScoredPredictions

WIDE = 0.1
"""An interval of a score is wide if it has more than this width, or that of an error more than this fraction of it."""


def summarize(
    result: "ScoredPredictions", metric: str, comparisons: Sequence[Comparison], findings: Sequence[Finding]
) -> list[str]:
    """Return sentences about a result, the most important first: a better baseline, failures, the rest."""
    rivals = comparisons[1:] or comparisons  # without the constant, unless there is nothing else
    choose = min if metric in LOWER_IS_BETTER else max
    best = choose(rivals, key=lambda each: each.baseline_value)
    verdict = describe_best_baseline(best, rivals)
    found = result.evaluation
    advice = "More folds or data narrow it." if result.has_folds else "More data or --folds 5 narrow it."
    failures = list(list_sentences(findings, "failure"))
    return [
        *([verdict, *failures] if best.is_baseline_ahead else [*failures, verdict]),
        describe_precision(metric, found.metrics[metric], found.intervals.get(metric), result.source, advice),
        *([describe_confidence(found.confidence)] if found.confidence else []),
        *list_sentences(findings, "warning"),
    ]


def list_sentences(findings: Sequence[Finding], severity: Severity) -> Iterator[str]:
    for finding in findings:
        if finding.severity == severity:
            yield format_sentence(severity, finding.what, finding.fix)


def format_sentence(severity: str, what: str, fix: str) -> str:
    return f"{severity}: {what}. {fix}."


def describe_best_baseline(best: Comparison, rivals: Sequence[Comparison]) -> str:
    """Return which of the network and its best baseline is better, and whether beyond chance.

    Examples
    --------
    >>> trees = Comparison("trees", "accuracy", 0.8, 0.9, -1, "McNemar's test")
    >>> describe_best_baseline(trees, [trees])
    "Trees are better than this network: accuracy 0.9 against 0.8, beyond chance (McNemar's test)."
    >>> from dataclasses import replace
    >>> linear = replace(trees, baseline="linear regression", baseline_value=0.75, verdict=0)
    >>> describe_best_baseline(linear, [linear])
    "This network is ahead of linear regression, but not beyond chance (McNemar's test): accuracy 0.8 against 0.75."
    """
    name = f"the {best.baseline}" if best.baseline in CONSTANTS else best.baseline
    own, other = f"{best.network_value:.4g}", f"{best.baseline_value:.4g}"
    metric, verb = get_metric_name(best.metric), "are" if best.baseline.endswith("trees") else "is"
    if best.verdict < 0:
        return (
            f"{capitalize(name)} {verb} better than this network: {metric} {other} against {own}, beyond chance "
            f"({best.test})."
        )
    if best.is_baseline_ahead:
        return (
            f"{capitalize(name)} {verb} ahead of this network, but not beyond chance ({best.test}): {metric} {other} "
            f"against {own}."
        )
    if best.network_value == best.baseline_value:
        return f"This network is as good as {name}, with the same {metric} of {own}; prefer the simpler of both."
    if best.verdict == 0:
        return f"This network is ahead of {name}, but not beyond chance ({best.test}): {metric} {own} against {other}."
    if len(rivals) > 1 and all(each.verdict > 0 for each in rivals):
        return (
            f"This network is better than all baselines, beyond chance ({best.test}): {metric} {own} against {other} "
            f"of {name}, the best of them."
        )
    return f"This network is better than {name}, beyond chance ({best.test}): {metric} {own} against {other}."


def describe_precision(metric: str, value: float, interval: Interval | None, source: str, advice: str) -> str:
    """Return how precisely the samples measure the main metric.

    Examples
    --------
    >>> describe_precision("accuracy", 0.9, (0.8, 0.95), "40 test samples", "More data narrow it.")
    'The accuracy is imprecise: its 95% interval from 40 test samples is 0.8 to 0.95. More data narrow it.'
    >>> describe_precision("mae", 20.0, (19.5, 20.5), "4,000 test samples", "")
    'The mean absolute error is precise: its 95% interval from 4,000 test samples is 19.5 to 20.5.'
    """
    name = get_metric_name(metric)
    if interval is None:
        return f"The {name} has no interval: resamples of the {source} do not differ in it."
    low, high = interval
    is_wide = high - low > WIDE * (abs(value) if metric in LOWER_IS_BETTER else 1)
    text = f"its 95% interval from {source} is {low:.3g} to {high:.3g}."
    if is_wide:
        return f"The {name} is imprecise: {text} {advice}"
    return f"The {name} is precise: {text}"


def describe_confidence(confidence: Confidence) -> str:
    """Return whether the probabilities of the most probable classes are too high or too low.

    Examples
    --------
    >>> describe_confidence(Confidence(mean=0.95, right=0.8, verdict=1))
    'The network is overconfident: its mean probability of the most probable class is 0.950, and 0.800 are right.'
    """
    verdict = {
        1: "The network is overconfident",
        0: "No sign that the network is over- or underconfident",
        -1: "The network is underconfident",
    }[confidence.verdict]
    return (
        f"{verdict}: its mean probability of the most probable class is {confidence.mean:.3f}, and "
        f"{confidence.right:.3f} are right."
    )
