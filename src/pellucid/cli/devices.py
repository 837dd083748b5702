"""``pellucid devices``: processor, accelerators, C compiler and versions."""

from typing import Annotated

from pellucid.cli.output import Option
from pellucid.tracking.record import to_json


def devices(*, json: Annotated[bool, Option] = False) -> int:
    """Show what networks run on here: processor, memory, accelerators, C compiler and versions.

    For example:

        pellucid devices
        pellucid devices --json

    The first device is the default. The line "default mode" says which parts
    of a program C computes, and which XLA. Paste the output into a report of
    a problem; it names no user and no host.

    Parameters
    ----------
    json
        Print everything as JSON; sizes are in bytes.
    """
    from pellucid.run.machine_report import inspect_machine

    report = inspect_machine()
    print(to_json(report.to_json()) if json else report)
    return 0
