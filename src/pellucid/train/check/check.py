"""The check of a data set: an overview, and findings in order of severity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pellucid.graph.finding import Finding, Findings
from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.comparison import capitalize
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedData
from pellucid.train.check.class_marks import find_class_marks, find_similar_classes
from pellucid.train.check.column_checks import (
    COPY_COLUMNS,
    COPY_ROWS,
    POWER_COLUMNS,
    POWER_ROWS,
    find_column_problems,
)
from pellucid.train.check.drift import find_drift
from pellucid.train.check.duplicates import find_duplicates
from pellucid.train.check.image_checks import COMPARED_TEST, COMPARED_TRAINING, find_image_problems
from pellucid.train.check.overview import describe_parts, format_overview, summarize_data
from pellucid.train.check.part_checks import find_part_problems

if TYPE_CHECKING:
    from pellucid.train.settings.settings import Settings

SEVERITIES = ("failure", "warning", "note")
SHOWN_WARNINGS = 4
"""Number of warnings before a training."""


@dataclass(frozen=True, eq=False)
class DataCheck:
    """The overview of data and the findings about them. Prints as text."""

    checked: CheckedData
    findings: Findings

    def __str__(self) -> str:
        counts = [sum(each.severity == severity for each in self.findings) for severity in SEVERITIES]
        title = ", ".join(f"{n} {name}{'s' * (n != 1)}" for n, name in zip(counts, SEVERITIES, strict=True) if n)
        findings = "\n\n".join(f"{each.severity}: {each}" for each in self.findings)
        return "\n".join(
            [
                *format_overview(self.checked),
                "",
                f"Findings: {title}\n\n{findings}" if findings else self.findings.no_findings_text,
                *(["", *limits] if (limits := describe_limits(self.checked)) else []),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return overview and findings as plain values."""
        return {
            "data": self.checked.dataset.where,
            "task": self.checked.dataset.task,
            "parts": describe_parts(self.checked),
            **summarize_data(self.checked),
            "limits": describe_limits(self.checked),
            "findings": [asdict(each) for each in self.findings],
        }


def check_data(settings: Settings) -> DataCheck:
    """Read data, divide them as training would, and check them.

    Examples
    --------
    >>> from pellucid.train.settings.settings import Settings
    >>> check_data(Settings("moons")).findings
    No problems found.
    """
    from pellucid.train.prepare.class_balance import get_class_weights
    from pellucid.train.read.dataset import split_dataset
    from pellucid.train.read.loaders import load_dataset
    from pellucid.train.read.out_of_core.samples import draw_checked_data

    dataset = load_dataset(settings)
    parts = split_dataset(
        dataset, {"validation": settings.validation_split, "test": settings.test_split}, settings.seed
    )
    weights = get_class_weights(settings, dataset, parts["training"])
    if dataset.stored is None:
        x, description = dataset.fit_inputs(parts["training"])
        checked = CheckedData(dataset, parts, x, description, weights, settings.folds is not None)
    else:
        checked = draw_checked_data(dataset, parts, weights)
    return DataCheck(checked, find_problems(checked))


def find_problems(checked: CheckedData) -> Findings:
    """Return all findings about data, failures first."""
    return Findings(sorted(run_checks(checked), key=lambda finding: SEVERITIES.index(finding.severity)))


def format_short(findings: Sequence[Finding], command: str) -> tuple[list[str], list[str]]:
    """Return a line for each failure, and lines about the rest: the first warnings, and the number of the others.

    Parameters
    ----------
    findings : sequence of Finding
        Findings about data, sorted by severity.
    command : str
        The command that shows all.

    Examples
    --------
    >>> notes = [Finding("outliers", "age", "age: 300 in line 9", "It hides others.", "Correct it", severity="note")]
    >>> format_short(notes, "pellucid data flats.csv")
    ([], ['1 note about the data: pellucid data flats.csv'])
    """
    lines = {severity: [format_line(each) for each in findings if each.severity == severity] for severity in SEVERITIES}
    warnings = lines["warning"]
    counts = {"more warning": len(warnings) - SHOWN_WARNINGS, "note": len(lines["note"])}
    others = join_parts([pluralize(count, name) for name, count in counts.items() if count > 0])
    return lines["failure"], [*warnings[:SHOWN_WARNINGS], *([f"{others} about the data: {command}"] if others else [])]


def format_line(finding: Finding) -> str:
    return f"{finding.severity}: {finding.what}. {finding.why} {finding.fix}."


def run_checks(checked: CheckedData) -> Iterator[Finding]:
    yield from find_duplicates(checked)
    if checked.is_image:
        yield from find_image_problems(checked)
        yield from find_class_marks(checked)
    yield from find_similar_classes(checked)
    yield from find_column_problems(checked)
    yield from find_drift(checked)
    yield from find_part_problems(checked)


def describe_limits(checked: CheckedData) -> list[str]:
    """Return sentences about checks that see only a part of the data, because it is large."""
    rows, test = len(checked.parts["training"]), len(checked.parts["test"])
    columns, lines = len(checked.features), [f"{capitalize(checked.sample_text)}."] if checked.sample_text else []
    for name, most_rows, most_columns in (
        ("Columns that predict the target", POWER_ROWS, POWER_COLUMNS),
        ("Copied columns", COPY_ROWS, COPY_COLUMNS),
    ):
        limits = [f"{most_rows:,} random training samples"] * (rows > most_rows)
        limits += [f"the first {most_columns:,} of {columns:,} columns"] * (columns > most_columns)
        if columns and limits:
            lines.append(f"{name} were searched in {' and '.join(limits)}.")
    others = rows + len(checked.parts["validation"])
    if checked.is_image and (test > COMPARED_TEST or others > COMPARED_TRAINING):
        lines.append(
            f"Near-duplicates were searched among {min(test, COMPARED_TEST):,} test images, compared with "
            f"{min(others, COMPARED_TRAINING):,} others, chosen at random."
        )
    return lines
