"""Errors for names of old libraries that `pellucid.compat` does not have."""

import functools
import sys
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


SAME_NAMES = ("theano.tensor", "tensorflow", "tensorflow.nn", "tensorflow.layers", "keras.backend", "keras.layers")
"""Modules whose functions and layers are those of the same name in pellucid, if there is one."""
REPLACEMENTS: dict[str, dict[str, str]] = {}  # sentences that say what does the same today, by module and name


def explain_missing_name(module: str, name: str, known: dict[str, Any]) -> NoSuchNameError:
    """Return the error for a name that an old module does not have here; ``known`` are the module's contents."""
    library = LIBRARIES[module.partition(".")[0]]
    versions = read_old_names().get(module, {})
    if name not in versions:
        hint = near_miss(name, (n for n in known if not n.startswith("_")))
        place = f"{library} {' or '.join(dict.fromkeys(versions.values()))}" if versions else "pellucid.compat"
        return NoSuchNameError(f"{module} has no {name!r} in {place}.{hint}")
    advice = REPLACEMENTS.get(module, {}).get(name) or find_advice(module, name)
    return NoSuchNameError(f"{module}.{name} of {library} {versions[name]} is not in pellucid.compat. {advice}")


def find_advice(module: str, name: str) -> str:
    """Return the sentence that says what does the same today, from the tables or by the name."""
    from pellucid.compat.old_calls import read_replacements

    pel = sys.modules["pellucid"]  # an import would be a cycle
    for entry in read_replacements().get(f"{module}.{name}", []):
        return f"{entry.describe().removeprefix(f'{entry.name}: ')}."
    if name in FOREIGN_FUNCTIONS:
        return str(FOREIGN_FUNCTIONS[name])
    for place, owner in [("pel", pel), ("pel.nn", pel.nn)] if module in SAME_NAMES else []:
        if name in dir(owner) and callable(getattr(owner, name)):
            return f"pellucid has {place}.{name}."
    return "No replacement is known."


def add_missing_name_errors(module: dict[str, Any], old_name: str, replacements: dict[str, str] | None = None) -> None:
    """Give the ``globals()`` of a module a ``__getattr__`` that explains missing names, with the `REPLACEMENTS`."""

    def explain(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain_missing_name(old_name, name, module)

    REPLACEMENTS.setdefault(old_name, {}).update(replacements or {})
    module["__getattr__"] = explain
