"""Errors of the course's site."""

import importlib.util
from pathlib import Path

from pellucid.errors import PellucidError

GENERATOR = {
    "sphinx": "sphinx",
    "furo": "furo",
    "myst_nb": "myst-nb",
    "nbclient": "nbclient",
    "ipykernel": "ipykernel",
    "marimo": "marimo",
}
"""Modules that build the site, and the packages that have them."""


class CourseError(PellucidError, RuntimeError):
    """A site that cannot be built: a cell that fails, a broken link, a missing package."""


class PageFaults(CourseError):
    """Warnings of Sphinx about pages of a site that has been written.

    Attributes
    ----------
    warnings : list of str
        Each has file, line and fault.
    """

    def __init__(self, out: Path, warnings: list[str]) -> None:
        super().__init__(f"The site is in {out}, and its pages have faults ({len(warnings)} lines above)")
        self.warnings = warnings


def find_missing_packages() -> list[str]:
    """Return the packages that build the site and are not installed."""
    return [package for module, package in GENERATOR.items() if importlib.util.find_spec(module) is None]


def require_generator() -> None:
    """Raise `CourseError` if a package that builds the site is missing."""
    missing = find_missing_packages()
    if missing:
        raise CourseError(
            f"Building the course needs packages that are not installed: {', '.join(missing)}. "
            "Install them: pip install 'pellucid[docs]'"
        )
