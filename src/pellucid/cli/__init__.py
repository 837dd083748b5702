"""The command ``pellucid``."""

import sys
from collections.abc import Sequence
from contextlib import suppress

from pellucid.tracking.interrupt import acknowledge_interrupt, repeat_interrupts

INTERRUPTED, TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, by default that of the process, and return its exit status.

    The status is 0 for success, 1 for a run or data error, 2 for a usage error, 130 if Ctrl-C interrupted the command,
    141 if the reader of its output left, and 143 if SIGTERM ended it.

    Examples
    --------
    >>> main(["run", "logistic", "--list"])  # doctest: +ELLIPSIS
    logistic: One straight line between two moons
    ...
    0
    """
    with repeat_interrupts() as repeated:
        try:
            # Imported here, so that Ctrl-C during the import, which takes a second, is handled too.
            from pellucid.cli.app import run_command

            return run_command(list(sys.argv[1:] if arguments is None else arguments))
        except KeyboardInterrupt as interrupt:
            acknowledge_interrupt()
            with suppress(BrokenPipeError):  # standard error has no reader
                print(str(interrupt) or ("terminated" if repeated.terminated else "interrupted"), file=sys.stderr)
            return TERMINATED if repeated.terminated else INTERRUPTED
