"""Errors for names of old libraries that `pellucid.compat` does not have: what they advise exists and is right."""

import importlib
import re
from types import ModuleType
from typing import Any

import pytest

import pellucid as pel
from pellucid import nn
from pellucid.compat import tensorflow
from pellucid.compat.import_hook import explain_missing_module
from pellucid.compat.missing_names import REPLACEMENTS, find_advice, read_old_names
from pellucid.compat.old_calls import read_replacements
from tests.named_case import name_case


def find_module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"pellucid.compat.{name}")
    except ImportError:
        return None


def check_advice(message: str) -> None:
    """Check that every dotted name of pellucid in a message exists."""
    for dotted in re.findall(r"(?<![\w.])(?:pel|nn)(?:\.[A-Za-z_]\w*)+", message):
        found: Any = {"pel": pel, "nn": nn}[dotted.partition(".")[0]]
        for part in dotted.split(".")[1:]:
            found = getattr(found, part)


def test_advised_names_exist() -> None:
    for module, names in read_old_names().items():
        found = find_module(module)
        if found is None:
            message = str(explain_missing_module(module))
            check_advice(message)
            assert "--translate" not in message
        for name in names.keys() - (vars(found).keys() if found else ()):
            with name_case(f"{module}.{name}"):
                check_advice(REPLACEMENTS.get(module, {}).get(name) or find_advice(module, name))


def test_names_of_the_tables_are_names_of_old_libraries() -> None:
    old: dict[str, set[str]] = {}
    for module, names in read_old_names().items():
        old.setdefault(module.partition(".")[0], set()).update(names)
    for name in read_replacements():
        library, last = name.partition(".")[0], name.rpartition(".")[2]
        if library in ("theano", "tensorflow", "keras") and last not in old[library] | {"floatX"}:
            modules = [find_module(module) for module in (name.rpartition(".")[0], library)]
            assert any(hasattr(module, last) for module in modules), name


ADVICE = {
    "estimator": r"tensorflow.estimator of TensorFlow 1.15 is not in pellucid.compat. A model is pel.Sequential\(",
    "multinomial": r"Write pel.random.Generator\(0\).categorical\(x\). x are logits",
    "matrix_inverse": r"tensorflow.matrix_inverse\(square\) is pel.linalg.inv\(square\) today",
    "erfc": "pellucid has pel.erfc",
    "sparse_matmul": "No replacement is known",
    "nothing": "tensorflow has no 'nothing' in TensorFlow 1.15 or 0.12",
}


@pytest.mark.parametrize("name", ADVICE)
def test_advice(name: str) -> None:
    with pytest.raises(AttributeError, match=ADVICE[name]):
        getattr(tensorflow, name)
