"""A request that is written wrongly, and the near miss that helps to put it right."""

from collections.abc import Collection

from pellucid.errors import PellucidError, near_miss


class UsageError(PellucidError, ValueError):
    """A request that is written wrongly: an unknown name, a value of the wrong type, a taken folder."""


def nearest(name: str, names: Collection[str], what: str) -> str:
    """Return a sentence that suggests the nearest of ``names``, or lists them all.

    Examples
    --------
    >>> nearest("mons", ["moons", "adder"], "experiments")
    "Did you mean 'moons'?"
    >>> nearest("xyz", ["moons", "adder"], "experiments")
    'The experiments are moons, adder'
    >>> nearest("passes", [], "parameters")
    'There are no parameters'
    """
    if not names:
        return f"There are no {what}"
    return near_miss(name.lower(), names).strip() or f"The {what} are {', '.join(names)}"
