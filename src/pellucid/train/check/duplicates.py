"""Exact duplicates: samples in several parts, repeated samples, and equal inputs with different targets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from pellucid.graph.finding import Finding, Severity
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedData
from pellucid.train.evaluate.intervals import compute_fraction_interval
from pellucid.typing import Array

MAXIMUM_SHARED_FRACTION = 0.05
"""More test samples than this fraction in the training set are a failure: the limit of TrainTestSamplesMix in
deepchecks."""

UNIQUE_FRACTION = 0.5
"""Inputs are mostly unique if this fraction of the training samples has different ones. Otherwise samples agree by
chance, as rows of a few categories do."""

USES = {
    "test": (
        ("training", "validation"),
        "The score measures memory: the network was fitted or chosen on these samples.",
    ),
    "validation": (("training",), "The best epoch is chosen on samples that the network has learned, so it overfits."),
}
"""For each part, the parts that must not have its samples, and why."""


def group_equal_inputs(x: Array) -> Array:
    """Return the same number for samples with the same inputs, shape (n,).

    Examples
    --------
    >>> group_equal_inputs(np.array([[1.0, 0.0], [2.0, 0.0], [1.0, -0.0]])).tolist()[::2]
    [0, 0]
    """
    zero = x.dtype.type(0)
    numbers: dict[bytes, int] = {}
    digests = (hashlib.blake2b((row + zero).tobytes(), digest_size=16).digest() for row in x)  # -0.0 + 0.0 is 0.0
    return np.array([numbers.setdefault(digest, len(numbers)) for digest in digests], np.int64)


def find_duplicates(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about samples with equal inputs."""
    groups = group_equal_inputs(checked.x)
    training = groups[checked.parts["training"]]
    are_mostly_unique = len(np.unique(training)) >= UNIQUE_FRACTION * len(training)
    yield from find_shared_samples(checked, groups, are_mostly_unique)
    yield from find_conflicting_targets(checked, groups, are_mostly_unique)
    yield from find_repeated_samples(checked, training, are_mostly_unique)


def find_shared_samples(checked: CheckedData, groups: Array, are_mostly_unique: bool) -> Iterator[Finding]:
    """Yield a finding for each part with samples of a part that was used before it."""
    for part, (forbidden, why) in USES.items():
        rows, others = checked.parts[part], np.concatenate([checked.parts[name] for name in forbidden])
        other = f"{' or '.join(forbidden)} set"
        shared = np.isin(groups[rows], groups[others])
        if not shared.any():
            continue
        count, fraction = int(shared.sum()), float(shared.mean())
        row = int(rows[shared.argmax()])
        twin = int(others[(groups[others] == groups[row]).argmax()])
        chance = "" if are_mostly_unique else " Rows of few different values can also be equal by chance."
        yield Finding(
            "samples in two parts",
            f"{part} set",
            f"{count:,} of {pluralize(len(rows), f'{part} sample')} ({format_percent(fraction)}) "
            f"{'is' if count == 1 else 'are'} also in the {other}, such as {checked.dataset.locate(row)}, equal to "
            f"{checked.dataset.locate(twin)}",
            why + chance,
            "Remove the copies, or keep all copies of a sample in one part",
            severity=rate_shared(part, count, len(rows), are_mostly_unique),
        )


def rate_shared(part: str, count: int, samples: int, are_mostly_unique: bool) -> Severity:
    """Return the severity of shared samples; a failure is one beyond chance, by the 95 % interval of their fraction."""
    if count <= MAXIMUM_SHARED_FRACTION * samples:
        return "note"
    is_certain = compute_fraction_interval(count, samples)[0] > MAXIMUM_SHARED_FRACTION
    return "failure" if part == "test" and are_mostly_unique and is_certain else "warning"


def find_conflicting_targets(checked: CheckedData, groups: Array, are_mostly_unique: bool) -> Iterator[Finding]:
    """Yield a finding if samples with equal inputs have different targets."""
    targets = checked.dataset.targets.reshape(len(groups), -1)
    differs = np.zeros(groups.max() + 1, bool)
    first = np.unique(groups, return_index=True)[1]
    differs[groups[(targets != targets[first[groups]]).any(axis=1)]] = True
    rows = np.flatnonzero(differs[groups])
    if not len(rows):
        return
    row = int(rows[0])
    twin = int(np.flatnonzero((groups == groups[row]) & (targets != targets[row]).any(axis=1))[0])
    bound = ""
    if checked.dataset.class_names:
        pairs, counts = np.unique(np.stack([groups, targets[:, 0]]), axis=1, return_counts=True)
        best = np.zeros(groups.max() + 1, np.int64)
        np.maximum.at(best, pairs[0], counts)
        bound = f" No network can be right on more than {best.sum() / len(groups):.4g} of these samples."
    yield Finding(
        "conflicting targets",
        f"{checked.dataset.locate(row)} and {checked.dataset.locate(twin)}",
        f"{pluralize(len(rows), 'sample')} ({format_percent(len(rows) / len(groups))}) have the same inputs as others "
        f"with another target, such as {format_target(checked, row)} and {format_target(checked, twin)}",
        f"The inputs do not determine the target, or some targets are wrong.{bound}",
        "Correct wrong targets, or add the feature that tells these samples apart",
        severity="warning" if are_mostly_unique or len(rows) > MAXIMUM_SHARED_FRACTION * len(groups) else "note",
    )


def find_repeated_samples(checked: CheckedData, training: Array, are_mostly_unique: bool) -> Iterator[Finding]:
    """Yield a finding if training samples are repeated."""
    unique, first = np.unique(training, return_index=True)
    repeated = len(training) - len(unique)
    if repeated and are_mostly_unique:
        is_copy = np.ones(len(training), bool)
        is_copy[first] = False
        example = int(checked.parts["training"][is_copy.argmax()])
        yield Finding(
            "repeated samples",
            checked.dataset.locate(example),
            f"{pluralize(repeated, 'training sample')} ({format_percent(repeated / len(training))}) "
            f"{'is a copy of another' if repeated == 1 else 'are copies of others'}",
            "A repeated sample counts as often as it occurs.",
            "Remove the copies, unless they are separate observations",
            severity="note",
        )


def format_target(checked: CheckedData, row: int) -> str:
    target = checked.dataset.targets[row]
    names = checked.dataset.class_names
    return names[target] if names else ", ".join(f"{value:g}" for value in np.atleast_1d(target))


def format_percent(fraction: float) -> str:
    """Return a fraction as a percentage that is 0 or 100 only if it is exactly so.

    Examples
    --------
    >>> format_percent(1.0), format_percent(0.999), format_percent(0.0004), format_percent(0.25)
    ('100%', '99.9%', '0.04%', '25%')
    """
    percent = 100 * fraction
    return f"{percent:.0f}%" if 1 <= percent <= 99 or percent == 100 else f"{percent:.3g}%"
