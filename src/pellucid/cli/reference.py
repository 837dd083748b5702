"""``pellucid reference NAME``: signature, formula, gradient, parameters and example of every public name."""

import shutil
from dataclasses import asdict
from typing import Annotated

from pellucid.cli.output import Option
from pellucid.errors import NoSuchNameError
from pellucid.tracking import UsageError
from pellucid.tracking.record import to_json

WIDTHS = (60, 100)
"""Shortest and longest lines of text, in characters."""


def reference(*names: str, json: Annotated[bool, Option] = False) -> int:
    """Look up a public name: signature, formula, gradient, parameters and example.

    For example:

        pellucid reference                       list all names
        pellucid reference softmax np.tanh
        pellucid reference Dense Model.fit train

    A name may be a function, a class, a method, a module, an error, or a
    command. Names of NumPy functions and of Keras's strings, such as mse, find
    what they mean. The same entries with pictures: pellucid docs

    Parameters
    ----------
    names
        Names to look up (default: list all).
    json
        Print the entries as JSON.
    """
    from pellucid.reference import find_public_names, list_public_names
    from pellucid.reference.facts import collect_facts
    from pellucid.reference.terminal import format_contents, format_facts

    width = min(max(shutil.get_terminal_size((WIDTHS[1], 24)).columns, WIDTHS[0]), WIDTHS[1])
    try:
        chosen = [entry for name in names for entry in find_public_names(name)]
    except NoSuchNameError as error:
        raise UsageError(str(error)) from None
    if json:
        print(to_json([asdict(collect_facts(entry)) for entry in chosen or list_public_names().values()]))
    elif chosen:
        print("\n\n".join(format_facts(collect_facts(entry), width) for entry in chosen))
    else:
        print(format_contents(width))
    return 0
