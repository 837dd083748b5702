"""Options and output that the commands share."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cyclopts import Parameter

from pellucid.experiments.runner import ExperimentResult, Record
from pellucid.experiments.runner.record import to_json

Option: Parameter = Parameter(negative="", show_default=False)
"""An option without a ``--no-`` form; its description has the default."""


def format_result(title: str, result: ExperimentResult | Record) -> str:
    """Return title, lines, result and baseline of a run."""
    lines = [title, *(f"  {line}" for line in (*result.lines, *result.findings))]
    if result.result and result.baseline:
        lines.append(f"  {result.result}  (baseline: {result.baseline})")
    return "\n".join(lines)


def finish_run(
    record: Record,
    error: BaseException | None,
    folder: Path,
    *,
    json: bool = False,
    quiet: bool = False,
    hints: Sequence[str] = (),
) -> int:
    """Print the record, or where the files of a run are and what to do next; raise the error that ended the run."""
    files = sorted(file.name for file in folder.iterdir())
    if error is not None and not files:
        raise error
    if json:
        print(to_json({"folder": str(folder), **asdict(record)}), flush=True)
    elif not quiet:
        print("\n".join([f"  {record.seconds:.1f} s; in {folder}: {', '.join(files)}", *(hints if not error else [])]))
    if error is None:
        return 0
    saved = f"{record.status}; the results so far are in {folder}"
    if isinstance(error, KeyboardInterrupt):
        # The message of an interrupted loop counts its steps.
        raise KeyboardInterrupt(saved if hasattr(error, "history") else str(error) or saved) from error
    print(saved, file=sys.stderr)
    raise error
