"""Run experiments one after another and keep the page of those that ended up to date."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.data.atomic_write import write_atomically
from pellucid.experiments.report.page import GENERATOR, Section, render
from pellucid.experiments.runner import Experiment, Record, UsageError, perform
from pellucid.experiments.runner.run_folder import not_writable

if TYPE_CHECKING:
    from rich.progress import Progress

PAGE = "index.html"


def walk(experiments: Sequence[Experiment], page: Path, display: "Progress | None" = None) -> tuple[list[Record], bool]:
    """Run every experiment with its defaults and write ``page`` after each, so that what has ended is never lost.

    Parameters
    ----------
    experiments : sequence of Experiment
        What to run, in order.
    page : Path
        The HTML file to write; an earlier tour's is replaced, anything else is refused.
    display : rich.progress.Progress, optional
        A started progress display.

    Returns
    -------
    records : list of Record
        One for each experiment that was begun; a failed one does not stop the others.
    interrupted : bool
        Whether Ctrl-C ended the walk.

    Raises
    ------
    UsageError
        If ``page`` is a file that no tour has written; nothing is run then.
    """
    _refuse_foreign(page)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise not_writable(page.parent, refusal) from refusal
    sections: list[Section] = []
    interrupted = False
    task = display.add_task("tour", total=len(experiments)) if display else None
    for experiment in experiments:
        if display and task is not None:
            display.update(task, description=f"tour: {experiment.name}")
        with tempfile.TemporaryDirectory() as folder:
            record, error = perform(experiment, {}, Path(folder), display=display)
            sections.append(Section.read(experiment, record, Path(folder)))
        interrupted = isinstance(error, KeyboardInterrupt)
        # A page on which nothing has ended tells less than the one it would replace.
        if any(section.record.status != "interrupted" for section in sections):
            write_atomically(page, render(sections))
        if interrupted:
            break
        if display and task is not None:
            display.advance(task)
    return [section.record for section in sections], interrupted


def _refuse_foreign(page: Path) -> None:
    if page.parent.exists() and not page.parent.is_dir():
        raise UsageError(f"--out: expected a folder; {page.parent} is a file. Choose another folder")
    if not page.exists():
        return
    with page.open("rb") as file:
        beginning = file.read(1000)
    if GENERATOR.encode() not in beginning:
        raise UsageError(f"--out: {page} was not written by a tour, and stays. Choose another folder")
