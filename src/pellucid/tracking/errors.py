"""Usage errors, and suggestions for misspelled names."""

from collections.abc import Collection

from pellucid.errors import PellucidError, near_miss


class UsageError(PellucidError, ValueError):
    """An invalid request: an unknown name, a value of the wrong type, a folder that is not empty."""


def suggest_name(name: str, names: Collection[str], what: str) -> str:
    """Return a sentence that suggests the most similar of ``names``, or lists them all.

    Examples
    --------
    >>> suggest_name("mons", ["moons", "adder"], "experiments")
    "Did you mean 'moons'?"
    >>> suggest_name("xyz", ["moons", "adder"], "experiments")
    'The experiments are moons, adder'
    >>> suggest_name("passes", [], "parameters")
    'There are no parameters'
    """
    if not names:
        return f"There are no {what}"
    return near_miss(name.lower(), names).strip() or f"The {what} are {', '.join(names)}"
