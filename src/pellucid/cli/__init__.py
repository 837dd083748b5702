"""The command ``pellucid``: from a line in a terminal to a trained network."""

import sys
from collections.abc import Sequence

from pellucid.experiments.common.interrupt import heard, insisting

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what ``arguments`` ask and return the exit status: 0 well, 1 failed, 2 wrongly asked, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``pellucid``; those of the process where they are left out.

    Returns
    -------
    int
        The exit status.

    Examples
    --------
    >>> main(["run", "logistic", "--list"])  # doctest: +ELLIPSIS
    logistic: One straight line between two moons
    ...
    0
    """
    with insisting():
        try:
            # Imported here, so that Ctrl-C in the second that this takes is dealt with too.
            from pellucid.cli.app import command

            return command(list(sys.argv[1:] if arguments is None else arguments))
        except KeyboardInterrupt as stopped:
            heard()
            print(str(stopped) or "interrupted", file=sys.stderr)
            return INTERRUPTED
