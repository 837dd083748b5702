"""Old calls and their replacements give the same numbers: functions, losses, layers, initial weights, optimizers."""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat import tensorflow, theano
from pellucid.compat.import_hook import use_old_libraries
from pellucid.compat.old_calls import Replacement, read_replacements
from pellucid.compat.translation import translate
from tests.named_case import name_case

ENTRIES = [entry for entries in read_replacements().values() for entry in entries if entry.code]
X = np.array([[-3.0, -1.0, -0.4], [0.0, 0.3, 1.0], [2.5, -0.2, 7.0]], "float32")
SQUARE, P = np.array([[4, 1, 0], [1, 3, 1], [0, 1, 2]], "float32"), np.exp(X) / np.exp(X).sum(1, keepdims=True)
OPERANDS: dict[str, Any] = {
    **dict.fromkeys(["x", "logits"], X),
    **dict.fromkeys(["y", "target", "targets", "y_true"], np.eye(3, dtype="float32")[[2, 0, 1]]),
    **dict.fromkeys(["output", "y_pred"], P),
    **dict.fromkeys(["labels", "int_labels", "indices"], np.array([2, 0, 1], "int32")),
    **{"c": X > 0, "d": X < 1, "v": X[2], "square": SQUARE, "x1": X[:1], "x3": X[None], "y3": SQUARE[None]},
    **{"images": np.random.default_rng(0).normal(size=(2, 5, 5, 7)).astype("float32")},
    **{"kernel": np.random.default_rng(1).normal(size=(3, 3, 7, 2)).astype("float32")},
}
"""Operands by their names in the tables."""
CODE = {
    **dict.fromkeys(["axis", "reduction_indices", "start", "k", "ord", "shift"], "1"),
    **dict.fromkeys(["keepdims", "keep_dims"], "True"),
    **{"n": "2", "size": "3", "reps": "(2, 1)", "repeats": "2", "axis2": "0", "axes": "(1, 0)", "perm": "(1, 0)"},
    **{"alpha": "0.7", "low": "-0.5", "high": "0.6", "shape": "(9,)", "dtype": "'float32'", "padding": "'SAME'"},
    **{"leakiness": "0.3", "scale_in": "0.4", "scale_out": "1.7", "pad_width": "[[1, 1], [0, 2]]", "value": "1.5"},
    **{"arrays": "[x, square]", "num": "3", "stop": "4", "limit": "4", "m": "4", "num_columns": "4"},
}
"""Arguments by their names in the tables."""
BOOLEAN, ONE_HOT = ("invert", "reduce_all", "reduce_any"), ("softmax_cross", "sigmoid_cross")
HEAD = "import theano.tensor.nnet, tensorflow, keras, lasagne\nint_labels = theano.tensor.ivector()\n"
MODULES = """theano.tensor theano.tensor.nnet theano.tensor.extra_ops theano.tensor.nlinalg tensorflow tensorflow.nn
keras.activations keras.objectives lasagne.nonlinearities lasagne.objectives lasagne.regularization"""


def list_calls(entry: Replacement) -> Iterator[str]:
    """Yield a call with the required arguments, and with each optional one, if all have values here."""
    last, required, optional = entry.name.rpartition(".")[2], [], []
    for p in entry.parameters:
        is_literal = p.annotation is not p.empty and not p.annotation.isidentifier()
        value = p.annotation if is_literal else CODE.get(p.name) or (p.name if p.name in OPERANDS else "")
        value = "0" if last == "squeeze" and p.name == "axis" else value
        value = "c" if last in BOOLEAN and value == "x" else value
        value = "y" if last.startswith(ONE_HOT) and value == "labels" else value
        text = f"{p.name}={value}" if p.default is not p.empty or p.kind == p.KEYWORD_ONLY else value
        required += [text if value else ""] * (p.default is p.empty)
        optional += [text] * (p.default is not p.empty and bool(value))
    is_function = entry.signature is None or last[0].isupper()  # or returns one
    if all(required) and (required or is_function) and all(p.kind != p.VAR_POSITIONAL for p in entry.parameters):
        for added in [[]] + [[each] for each in optional]:
            arguments = f"({', '.join([*required, *added])})" if entry.signature else ""
            yield f"{entry.name}{arguments}{'(x)' * is_function}"


def translate_call(call: str) -> str:
    return translate(f"{HEAD}result = {call}", "old.py", is_python2=False).text.rpartition("result = ")[2]


def evaluate(code: str, names: dict[str, Any], run: Any = None) -> list[Any]:
    found = eval(code, names)
    found = found if isinstance(found, list | tuple) else [found]
    return [run(e) if run else e.eval() if hasattr(e, "eval") else e for e in found]


@contextmanager
def load_library(name: str) -> Iterator[dict[str, Any]]:
    if not importlib.util.find_spec(name) and name == "lasagne":
        pytest.skip("Lasagne is not installed")
    with use_old_libraries():
        yield {name: importlib.import_module(name), "theano": theano}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # logarithms of negative numbers
@pytest.mark.parametrize("module", MODULES.split())
def test_functions(module: str) -> None:
    library = module.partition(".")[0]
    make = {"tensorflow": tensorflow.constant, "keras": pel.constant}.get(library, theano.tensor.constant)
    new_names = {"pel": pel, **{name: pel.constant(value) for name, value in OPERANDS.items()}}
    with load_library(library) as old_names:
        old_names.update((name, make(value)) for name, value in OPERANDS.items())
        known, run = {*vars(importlib.import_module(module))}, tensorflow.Session().run if make is tensorflow.constant else None
        entries = [e for e in ENTRIES if e.name.rpartition(".")[0] == module and e.name.rpartition(".")[2] in known]
        calls = [c for e in entries if not SKIPPED.search(f"{e.name} {e.code}") for c in list_calls(e)]
        for call in dict.fromkeys(calls):
            new = translate_call(call)
            with name_case(f"{call} -> {new}"):
                for a, b in zip(evaluate(call, old_names, run), evaluate(new, new_names), strict=True):
                    np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    assert len(calls) >= 3
    print(module, len(calls))


SKIPPED = re.compile(r"random|placeholder|Variable|subtensor|shape$|tensorflow\.\w+ \"")
"""Random numbers, variables, and what has no value of its own."""
