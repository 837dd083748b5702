"""Options and output that the commands share."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cyclopts import Parameter

from pellucid.tracking import ExperimentResult, Record
from pellucid.tracking.interrupt import discard_output
from pellucid.tracking.record import to_json

Option: Parameter = Parameter(negative="", show_default=False)
"""An option without a ``--no-`` form; its description has the default."""


CLOSED_PIPE = 141
"""Exit status if the reader of the output has left, such as head: that of a process that SIGPIPE ends."""


class Output:
    """Standard output or standard error of a command, by its name in ``sys``.

    If the reader of the stream leaves, the command continues without it, so that a run is saved.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.is_closed: bool = False

    def print(self, text: str) -> None:
        """Print text at once."""
        try:
            print(text, file=getattr(sys, self.stream), flush=True)
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        """Drop everything that is printed from now on, which also keeps Python from reporting the pipe at exit."""
        self.is_closed = True
        discard_output(getattr(sys, self.stream).fileno())


OUTPUT, ERRORS = Output("stdout"), Output("stderr")


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
        OUTPUT.print(to_json({"folder": str(folder), **asdict(record)}))
    elif not quiet:
        OUTPUT.print(
            "\n".join([f"  {record.seconds:.1f} s; in {folder}: {', '.join(files)}", *(hints if not error else [])])
        )
    if error is None:
        return 0
    saved = f"{record.status}; the results so far are in {folder}"
    if isinstance(error, KeyboardInterrupt):
        # The message of an interrupted loop counts its steps.
        raise KeyboardInterrupt(saved if hasattr(error, "history") else str(error) or saved) from error
    ERRORS.print(saved)
    raise error
