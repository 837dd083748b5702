"""``pellucid tour``: every experiment on built-in data, one table, one illustrated page."""

from collections.abc import Sequence
from pathlib import Path

from pellucid.cli.console import progress_display
from pellucid.experiments.runner import Record
from pellucid.experiments.runner.registry import NAMES, find


def tour(*names: str, out: Path = Path("tour")) -> int:
    """Run every experiment on built-in data, print one table, and write an illustrated page.

    For example:

        pellucid tour
        pellucid tour symbols moons --out first-steps

    The page is one file that needs no network; it is replaced when the tour is run again.

    Parameters
    ----------
    names
        The experiments to run; all of them where none is named.
    out
        The folder of the page.
    """
    from pellucid.experiments.report import PAGE, walk

    experiments = [find(name) for name in names or NAMES]
    page = out / PAGE
    with progress_display() as display:
        records, interrupted = walk(experiments, page, display)
    _print_table(records)
    if page.exists():
        print(f"\nThe illustrated page: {page.resolve().as_uri()}")
    if interrupted:
        left = len(experiments) - sum(record.status != "interrupted" for record in records)
        raise KeyboardInterrupt(f"interrupted with {left} of {len(experiments)} experiments left; the rest is kept")
    return int(any(record.status == "failed" for record in records))


def _print_table(records: Sequence[Record]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="pellucid tour", title_justify="left", title_style="bold", show_edge=False)
    table.add_column("experiment", no_wrap=True)
    table.add_column("what")
    table.add_column("result")
    table.add_column("baseline")
    table.add_column("seconds", justify="right")
    for record in records:
        bad = record.status != "finished"
        result = (
            Text(f"{record.status}: {record.reason or 'by Ctrl-C'}", style="red") if bad else Text(str(record.result))
        )
        baseline = str(record.baseline) if record.baseline else ""
        table.add_row(record.name, Text(record.title), result, Text(baseline), f"{record.seconds:.1f}")
    Console().print(table)
