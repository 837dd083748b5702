"""The commands, their help pages, and the reports of errors and warnings."""

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence

from cyclopts import App, Group
from cyclopts.exceptions import CycloptsError

from pellucid.cli.bench import bench
from pellucid.cli.check import check
from pellucid.cli.course import course, docs
from pellucid.cli.data import data
from pellucid.cli.devices import devices
from pellucid.cli.explain import explain
from pellucid.cli.export import export
from pellucid.cli.init import init
from pellucid.cli.lab import lab
from pellucid.cli.legacy import legacy
from pellucid.cli.output import CLOSED_PIPE, ERRORS, OUTPUT
from pellucid.cli.predict import evaluate, predict
from pellucid.cli.reference import reference
from pellucid.cli.run import run
from pellucid.cli.runs import runs
from pellucid.cli.schema import schema
from pellucid.cli.serve import serve
from pellucid.cli.time import time
from pellucid.cli.tour import tour
from pellucid.cli.train import resume, train
from pellucid.tracking.errors import UsageError
from pellucid.tracking.experiment import describe_error
from pellucid.version import __version__

FAILED, USAGE = 1, 2

HELP = """\
Deep learning you can see through: from the formula to the trained model.

For example:

    pellucid course                        open the course in the browser
    pellucid check chapter4.py             check answers to its exercises
    pellucid run --list                    list the experiments of the course
    pellucid run moons                     run one, and save its pictures
    pellucid run moons --list              list its parameters
    pellucid run moons --set passes=1000   set a parameter
    pellucid tour                          run all, and write a page
    pellucid lab iris.csv                  write a page in which a network learns your data
    pellucid data photos/                  check your data before training
    pellucid train photos/                 train a network on your data
    pellucid predict runs/1 photo.jpg      predict with a trained network
    pellucid explain runs/1 photo.jpg      explain a prediction
    pellucid export runs/1 --to onnx       use the network in another program
    pellucid serve runs/1                  predict over HTTP, with a page
    pellucid runs                          list all runs with their scores
    pellucid legacy mlp.py                 run a script of Theano, TensorFlow before 2 or Keras 1
    pellucid time runs/1                   measure each layer
    pellucid bench runs/1                  measure training and prediction
    pellucid schema                        print the JSON Schema of experiment files
    pellucid reference softmax             look up a name
    pellucid docs softmax                  open its page in the browser
    pellucid --install-completion          complete commands with the Tab key

Exit status: 0 success, 1 run or data error, 2 usage error, 130 interrupted,
141 output closed by its reader, such as head, 143 terminated.
Ctrl-C and SIGTERM save what is done so far; a second SIGTERM does not.
SIGHUP writes a snapshot of a training, which continues.
With --debug (or PELLUCID_DEBUG=1), errors are shown with a traceback.
"""

app: App = App(
    name="pellucid",
    help=HELP,
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
    group_commands=Group("Help", sort_key=100),
)
GROUPS: dict[str, tuple[Callable[..., int], ...]] = {
    "Train on your data": (data, init, schema, train, resume, evaluate, predict, explain, export, serve, lab),
    "Old scripts": (legacy,),
    "Runs and machine": (runs, time, bench, devices),
    "Course": (course, check, run, tour),
    "Reference": (reference, docs),
}
"""Commands by purpose, in the order of the help page."""

for number, (title, commands) in enumerate(GROUPS.items()):
    group = Group(title, sort_key=number)
    for place, command in enumerate(commands):
        app.command(command, name="test" if command is evaluate else command.__name__, group=group, sort_key=place)
app.register_install_completion_command(help="Install completion of commands and options for bash, zsh or fish.")


def run_command(words: Sequence[str]) -> int:
    """Run a command and return the exit status; an error becomes one line on standard error."""
    own = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in own or os.environ.get("PELLUCID_DEBUG", "") not in ("", "0")
    OUTPUT.is_closed = False
    with warnings.catch_warnings():
        warnings.showwarning = _print_warning
        try:
            status = app(
                [*(word for word in own if word != "--debug"), *words[len(own) :]],
                exit_on_error=False,
                print_error=False,
                result_action="return_value",
            )
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit) as error:
            # Rich raises SystemExit when it meets a closed pipe.
            if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
                raise
            OUTPUT.close()
            status = None
        except Exception as error:
            status = _print_error(error, debug)
    return CLOSED_PIPE if OUTPUT.is_closed and not status else status or 0


def _print_warning(message: Warning | str, *where: object, **more: object) -> None:
    """Print a warning without the line of code that it comes from."""
    ERRORS.print(f"warning: {' '.join(str(message).split())}")


def _print_error(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    is_usage_error = isinstance(error, UsageError | CycloptsError)
    ERRORS.print(f"error: {error if is_usage_error else describe_error(error)}")
    return USAGE if is_usage_error else FAILED
