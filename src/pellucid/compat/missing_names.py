"""Errors for names of old libraries that `pellucid.compat` does not have."""

import functools
from importlib import resources
from typing import Any

from pellucid.errors import NoSuchNameError, near_miss
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS

LIBRARIES = {
    "theano": "Theano",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "sklearn": "scikit-learn",
    "cv2": "OpenCV",
    "imutils": "imutils",
}
"""Names of the libraries by their modules."""

OLD_PACKAGES = {*LIBRARIES, "lasagne"} - {"sklearn"}


def is_old(name: str) -> bool:
    return name.partition(".")[0] in OLD_PACKAGES


@functools.cache
def read_old_names() -> dict[str, dict[str, str]]:
    """Return the last version that had each public name of an old library, by module and name."""
    found: dict[str, dict[str, str]] = {}
    for line in resources.files("pellucid.compat").joinpath("old_names.tsv").read_text("utf-8").splitlines():
        module, version, names = line.split("\t")
        found.setdefault(module, {}).update(dict.fromkeys(names.split(), version))
    return found


REPLACEMENTS: dict[str, dict[str, str]] = {}  # sentences that say what does the same today, by module and name


def explain_missing_name(module: str, name: str, known: dict[str, Any]) -> NoSuchNameError:
    """Return the error for a name that an old module does not have here; ``known`` are the module's contents."""
    library = LIBRARIES[module.partition(".")[0]]
    version = read_old_names().get(module, {}).get(name)
    if version is None:
        hint = near_miss(name, (n for n in known if not n.startswith("_")))
        return NoSuchNameError(f"{module} has no {name!r}, in any version of {library}.{hint}")
    advice = REPLACEMENTS.get(module, {}).get(name) or FOREIGN_FUNCTIONS.get(name, "pellucid has no counterpart.")
    return NoSuchNameError(f"{module}.{name} of {library} {version} is not in pellucid.compat. {advice}")


def add_missing_name_errors(module: dict[str, Any], old_name: str, replacements: dict[str, str] | None = None) -> None:
    """Give the ``globals()`` of a module a ``__getattr__`` that explains missing names, with the `REPLACEMENTS`."""

    def explain(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain_missing_name(old_name, name, module)

    REPLACEMENTS.setdefault(old_name, {}).update(replacements or {})
    module["__getattr__"] = explain
