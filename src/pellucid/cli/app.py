"""The commands, and what a person sees when one of them cannot do what was asked."""

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from pellucid.cli.predict import examine, predict
from pellucid.cli.reference import reference
from pellucid.cli.run import run
from pellucid.cli.tour import tour
from pellucid.cli.train import resume, train
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.runner.experiment import reason
from pellucid.experiments.runner.record import package_version

FAILED, USAGE = 1, 2

HELP = """\
Deep learning you can see through: from the formula to the trained model.

Start with one of these:

    pellucid run --list                      the experiments of the course
    pellucid run moons                       run one, with its pictures
    pellucid run moons --list                what can be set in it
    pellucid run moons --set passes=1000     set it
    pellucid tour                            run them all, and make a page
    pellucid train photos/                   a network for data of your own
    pellucid predict runs/1 photo.jpg        what it says of others
    pellucid reference softmax               formula, gradient and example of an op

Exit status: 0 well, 1 a run or its data failed, 2 wrongly asked, 130 Ctrl-C.
With --debug (or PELLUCID_DEBUG=1 set), an error shows where it came from.
"""

app = App(
    name="pellucid", help=HELP, help_format="plaintext", version=package_version, suppress_keyboard_interrupt=False
)
app.command(run)
app.command(tour)
app.command(train)
app.command(resume)
app.command(examine, name="test")
app.command(predict)
app.command(reference)


def command(words: Sequence[str]) -> int:
    """Do what ``words`` ask and return the exit status; an error becomes a line on standard error."""
    debug = "--debug" in words or os.environ.get("PELLUCID_DEBUG", "") not in ("", "0")
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            status = app(
                [word for word in words if word != "--debug"],
                exit_on_error=False,
                print_error=False,
                result_action="return_value",
            )
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read the output, such as head, has read enough; Python would complain once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            return _report(error, debug)
    return status or 0


def _warn(message: Warning | str, *where: object, **more: object) -> None:
    """Say what a warning says, without the line of code that it comes from."""
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _report(error: Exception, debug: bool) -> int:
    """Say on standard error what is wrong, in one line, and return the exit status."""
    if debug:
        traceback.print_exception(error)
    asked_wrongly = isinstance(error, UsageError | CycloptsError)
    print(f"error: {error if asked_wrongly else reason(error)}", file=sys.stderr)
    return USAGE if asked_wrongly else FAILED
