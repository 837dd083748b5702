"""``pellucid tour``: all experiments of the course, one table, one illustrated page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pellucid.cli.output import Option
from pellucid.course.networks.registry import NAMES, find_experiment
from pellucid.progress import create_progress_display
from pellucid.tracking import Record


def tour(*names: str, out: Annotated[Path, Option] = Path("tour")) -> int:
    """Run all experiments on built-in data, print a table of the results, and write an illustrated page.

    For example:

        pellucid tour
        pellucid tour symbols moons --out first-steps

    The page is a single HTML file without external resources. An earlier page is replaced.

    Parameters
    ----------
    names
        Experiments to run (default: all).
    out
        Folder of the page (default: tour).
    """
    from pellucid.course.tour import PAGE, run_all

    experiments = [find_experiment(name) for name in names or NAMES]
    page = out / PAGE
    with create_progress_display() as display:
        records, interrupted = run_all(experiments, page, display)
    _print_table(records)
    if page.exists():
        print(f"\nThe page: {page.resolve().as_uri()}")
    if not interrupted:
        _print_next_steps()
    if interrupted:
        left = len(experiments) - sum(record.status != "interrupted" for record in records)
        raise KeyboardInterrupt(f"interrupted with {left} of {len(experiments)} experiments left; the others are saved")
    return int(any(record.status == "failed" for record in records))


def _print_next_steps() -> None:
    from pellucid.course.tour.next_steps import NEXT_STEPS

    width = max(map(len, NEXT_STEPS))
    print("\nWhere to go next:")
    print("\n".join(f"  {command:{width}}  {what}" for command, what in NEXT_STEPS.items()))


def _print_table(records: Sequence[Record]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="pellucid tour", title_justify="left", title_style="bold", show_edge=False)
    table.add_column("experiment", no_wrap=True)
    table.add_column("title")
    table.add_column("result")
    table.add_column("baseline")
    table.add_column("seconds", justify="right")
    for record in records:
        if record.status == "finished":
            result = Text(str(record.result))
        else:
            result = Text(f"{record.status}: {record.reason or 'by Ctrl-C'}", style="red")
        baseline = str(record.baseline) if record.baseline else ""
        table.add_row(record.name, Text(record.title), result, Text(baseline), f"{record.seconds:.1f}")
    Console().print(table)
