"""Runs experiments one after another and updates the report page after each."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.atomic_write import atomic_write
from pellucid.course.tour.page import GENERATOR, Section, render
from pellucid.tracking import Experiment, Record, UsageError, run_experiment
from pellucid.tracking.run_folder import make_write_error

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay

PAGE = "index.html"


def run_all(
    experiments: Sequence[Experiment], page: Path, display: "ProgressDisplay | None" = None
) -> tuple[list[Record], bool]:
    """Run experiments with their defaults and write ``page`` after each, so that no finished one is lost.

    Returns the records of all started experiments, failed ones too, and whether Ctrl-C stopped the report. An earlier
    report at ``page`` is replaced; any other file there is a `UsageError`.
    """
    _check_replaceable(page)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise make_write_error(page.parent, failure) from failure
    sections: list[Section] = []
    interrupted = False
    task = display.add_task("tour", total=len(experiments)) if display else None
    for experiment in experiments:
        if display and task is not None:
            display.update(task, description=f"tour: {experiment.name}")
        with tempfile.TemporaryDirectory() as folder:
            record, error = run_experiment(experiment, {}, Path(folder), display=display)
            sections.append(Section.read(experiment, record, Path(folder)))
        interrupted = isinstance(error, KeyboardInterrupt)
        # A page of interrupted experiments only would replace one with results.
        if any(section.record.status != "interrupted" for section in sections):
            atomic_write(page, render(sections))
        if interrupted:
            break
        if display and task is not None:
            display.advance(task)
    return [section.record for section in sections], interrupted


def _check_replaceable(page: Path) -> None:
    if page.parent.exists() and not page.parent.is_dir():
        raise UsageError(f"--out: expected a folder; {page.parent} is a file. Choose another folder")
    if not page.exists():
        return
    with page.open("rb") as file:
        start = file.read(1000)
    if GENERATOR.encode() not in start:
        raise UsageError(f"--out: {page} was not written by pellucid tour and is not replaced. Choose another folder")
