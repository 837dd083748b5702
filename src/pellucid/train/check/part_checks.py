"""Checks of targets and parts: rare classes, parts that are too small, and spellings of classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.graph.finding import Finding
from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedData
from pellucid.train.evaluate.intervals import compute_fraction_interval
from pellucid.train.report.result_findings import find_balance_problems

TYPICAL_ACCURACY = 0.9
WIDE, VERY_WIDE = 0.1, 0.2
"""Widths of the 95 % interval of an accuracy of 0.9: the first needs about 140 samples, the second about 40."""


def find_part_problems(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about the sizes of classes and of the test set."""
    yield from find_balance_problems(checked)
    if not checked.has_folds:
        yield from find_small_test_set(checked)
    yield from find_missing_classes(checked)


def find_small_test_set(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if the interval of a score on the test set would be wide."""
    samples = checked.count_samples("test")
    low, high = compute_fraction_interval(round(TYPICAL_ACCURACY * samples), samples)
    if high - low > WIDE:
        example = f"an accuracy of {TYPICAL_ACCURACY:g} would have a 95% interval of {low:.2f} to {high:.2f}"
        is_classification = bool(checked.dataset.class_names)
        yield Finding(
            "small test set",
            "test set",
            f"the test set has only {pluralize(samples, 'sample')}"
            + (f": {example}" if is_classification else ", so its score is uncertain"),
            "Two networks can differ by chance more than by their quality.",
            "Use --folds 5, which tests on all samples, or collect more data",
            severity="warning" if high - low > VERY_WIDE else "note",
        )


def find_missing_classes(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if a part has no sample of a class."""
    names = checked.dataset.class_names
    for part in checked.parts:
        counts = checked.count_classes(part) if names else np.ones(1)
        absent = [names[k] for k in np.flatnonzero(counts == 0)]
        if absent:
            yield Finding(
                "class without samples",
                f"{part} set",
                f"the {part} set has no sample of {join_parts(absent)}",
                "A network cannot learn a class that it never sees."
                if part == "training"
                else "The score says nothing about these classes.",
                f"Move samples of these classes to the {part} set",
                severity="failure" if part == "training" else "warning",
            )
