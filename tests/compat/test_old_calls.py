"""The tables of old calls: every replacement exists, and the calls of a script are found."""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.compat.old_calls import Replacement, find_old_calls, read_replacements, unparse
from pellucid.compat.script import parse_unit
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS

ENTRIES = [entry for entries in read_replacements().values() for entry in entries]
TOPS = {entry.name.partition(".")[0] for entry in ENTRIES}


@pytest.fixture(scope="module")
def scope() -> dict[str, Any]:
    """Objects with the names that the tables use."""
    nn.set_random_seed(0)
    x, square = pel.matrix("x", shape=(3, 3)), pel.matrix("square", shape=(3, 3))
    w = pel.shared(np.ones((3, 3), "float32"), "w")
    images = pel.tensor4("images", shape=("n", 8, 8, 3))
    flat = pel.matrix("flat", shape=("n", 6))
    labels = pel.ivector("labels", shape=(3,))
    x_train, loss = np.zeros((4, 2), "float32"), (w * x).sum()
    model = pel.Sequential([nn.Input((2,)), nn.Dense(2, activation="softmax")])
    model.compile("sgd", "mse")
    groups = {
        2: """batch_size nb_epoch n m k d repeats reps sections pool_length stride nb_feature num_units input_size
        output_size filter_length atrous_rate rate axis2 width scale_factor""",
        0.5: """p keep_prob sigma low high alpha epsilon momentum beta1 beta2 beta_1 beta_2 rho decay std mean avg
        stddev l1 l2 l learning_rate lr val mask_value minval maxval factor min_lr decay_rate
        range leakiness scale_in scale_out gain""",
        0: "verbose patience seed start indices i labels int_labels axis reduction_indices",
        1: "shift step pad_width cropping value",
        3: "filter_size nb_row nb_col output_dim nb_classes",
        4: "stop num_filters nb_filter",
        None: """W init activation inner_activation W_regularizer b_regularizer W_constraint b_constraint border_mode
        subsample subsample_length nonlinearity bias outfile global_step b""",
    }
    values: dict[str, Any] = {name: value for value, names in groups.items() for name in names.split()}
    values |= dict.fromkeys(["x", "logits", "target", "y_true", "targets"], x)
    values |= dict.fromkeys(["w", "wrt", "tangent"], w) | dict.fromkeys(["cost", "loss", "outputs"], loss)
    values |= dict.fromkeys(["labels", "int_labels"], labels)
    values |= dict.fromkeys(["x_train", "y_train"], x_train) | dict.fromkeys(["shape", "size"], (3, 3))
    return values | {
        "pel": pel,
        "x1": pel.matrix("x1", shape=(1, 3)),
        "x3": pel.tensor3("x3", shape=(2, 3, 3)),
        "y": pel.matrix("y", shape=(3, 3)),
        "y3": pel.tensor3("y3", shape=(2, 3, 3)),
        "v": pel.vector("v", shape=(3,)),
        "c": x > 0,
        "d": x < 1,
        "square": square,
        "y_pred": square,
        "output": pel.softmax(x),
        "tensor_value": pel.zeros((2, 2)),
        "images": images,
        "kernel": pel.shared(np.ones((3, 3, 3, 4), "float32")),
        "incoming": flat,
        "inputs": [x],
        "updates": {w: w - loss},
        "replace": {x: x},
        "arrays": [x, square],
        "incomings": [x, square],
        "params": [w],
        "layers": [],
        "layer": nn.SimpleRNN(2),
        "model": model,
        "optimizer": "sgd",
        "rng": pel.random.Generator(0),
        "function": lambda a: a,
        "then": lambda: x,
        "otherwise": lambda: x,
        "name": "name",
        "dtype": "float32",
        "x_dtype": np.dtype("float32"),
        "prefix": "int",
        "input_shape": (3,),
        "batch_input_shape": (None, 3),
        "input_length": 4,
        "equation": "ij,jk",
        "padding": "same",
        "pad": "same",
        "input_var": images,
        "penalty": nn.regularizers.L2(),
        "path": "m.pel",
        "separator": ";",
        "append": True,
        "concat_axis": -1,
        "ord": 2,
        "perm": (1, 0),
        "dims": (2, 1),
        "sizes": (2, 3, 3),
        "axes": (1, 0),
        "pool_size": 2,
        "input_dim": 5,
        "target_shape": (2, 3),
        "decay_steps": 10,
    }


def evaluate(entry: Replacement, scope: dict[str, Any]) -> None:
    names = {**scope}
    last = entry.name.rpartition(".")[2]
    if entry.name.startswith(("theano.tensor.extra_ops.to_one", "tensorflow.one_hot", "tensorflow.nn.rnn_cell")):
        names["size"] = 3
    if entry.name.startswith(("keras", "lasagne.layers")) and last in ("Input", "InputLayer"):
        names |= {"shape": (None, 8, 8, 3), "input_shape": (6,)}
    if last.startswith(("softmax_cross", "sigmoid_cross", "to_categorical")):
        names |= {"labels": [0, 1] if last == "to_categorical" else scope["y"]}
    names |= {
        "merge": {"arrays": [scope["incoming"], scope["incoming"]]},
        "add": {"layer": nn.Dense(2)},
        "set_value": {"value": np.zeros((3, 3))},
        "cond": {"c": scope["c"].any()},
        "ifelse": {"c": scope["c"].any()},
        "Lop": {"tangent": pel.constant(1.0)},
        "norm": {"ord": 1},
        "invert": {"x": scope["c"]},
        "swapaxes": {"axis2": 1},
        "set_subtensor": {"y": scope["v"]},
        "inc_subtensor": {"y": scope["v"]},
        "function": {"inputs": [], "updates": {}},
        "EmbeddingLayer": {"W": "he_normal"},
        "get_output": {"layer": scope["x"]},
        "get_all_params": {"layer": scope["loss"]},
        "regularize_network_params": {"layer": scope["loss"]},
    }.get(last, {})
    if entry.receiver == "optimizer":
        names |= {"optimizer": pel.optimizers.SGD(0.1)}
    if entry.result == "KerasModel" and last == "Model":
        x = nn.Input((2,))
        names |= {"input": x, "output": nn.Dense(2)(x)}
    nodes: dict[str, Any] = {entry.receiver: ast.Name(entry.receiver)}
    for p in entry.signature.parameters.values() if entry.signature else ():
        if p.kind == p.VAR_POSITIONAL:
            nodes[p.name] = [ast.Starred(ast.Name(p.name))]
        elif p.default is not ...:
            nodes[p.name] = ast.Name(p.name) if p.default is p.empty else p.default
    eval(unparse(entry.fill(nodes)), names)


@pytest.mark.parametrize("top", sorted(TOPS))
def test_every_replacement_runs(
    top: str, scope: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for method in ("fit", "evaluate", "predict", "compile", "save"):
        monkeypatch.setattr(pel.Model, method, lambda *args, **options: np.zeros((2, 2)))
    for name in ("load_model", "show"):
        monkeypatch.setattr(pel, name, lambda path: path, raising=False)
    seen = set()
    for entry in ENTRIES:
        key = (entry.code, entry.signature)
        if entry.name.partition(".")[0] == top and key not in seen:
            seen.add(key)
            if entry.code and not entry.name.startswith("sklearn"):
                try:
                    evaluate(entry, scope)
                except Exception as error:
                    raise AssertionError(f"{entry.name}{entry.signature} -> {entry.code}") from error
            for dotted in re.findall(r"\bpel(?:\.[A-Za-z_]\w*)+", entry.note):
                found: Any = pel
                for part in dotted.split(".")[1:]:
                    found = getattr(found, part)


def test_arguments_that_may_be_missing_come_last() -> None:
    for entry in ENTRIES:
        parameters = entry.signature.parameters.values() if entry.signature else ()
        optional = {p.name for p in parameters if p.default is ...}
        if entry.code:
            for call in ast.walk(ast.parse(entry.code)):
                if isinstance(call, ast.Call):
                    missing = [isinstance(a, ast.Name) and a.id in optional for a in call.args]
                    assert missing == [False] * (len(missing) - 1) + missing[-1:], (entry.name, entry.code)


def list_functions(text: str) -> set[str]:
    called = {name.rpartition(".")[2] for name in re.findall(r"\b(?:pel|nn|np)((?:\.\w+)+)", text)}
    return called | set(re.findall(r" ([@*/+<>=!-]+)[ x]", text)) | set(re.findall(r"\b(sum)\(", text))


def test_the_tables_agree_with_the_advice_for_foreign_names() -> None:
    for entry in ENTRIES:
        last = entry.name.rpartition(".")[2]
        advice = FOREIGN_FUNCTIONS.get(last)
        if advice and advice.code and entry.code and not entry.receiver and last not in DIFFERENT:
            ours, theirs = list_functions(f" {entry.code} {entry.note} "), list_functions(f" {advice} ")
            assert ours & theirs, (entry.name, entry.code, str(advice))


DIFFERENT = {
    *("float16", "float32", "float64", "int32", "int64", "uint8"),  # the advice is for conversions
    *("embedding_lookup", "l2_normalize", "sigmoid_cross_entropy_with_logits"),  # the advice has one of two forms
    *("InputLayer", "get_output"),  # the advice is for a layer without a variable
    *("linear", "squared_error", "squared_difference"),  # a layer, a loss and an elementwise function have one name
}
"""Names whose entry and advice differ on purpose."""


def list_calls(source: str) -> list[str]:
    return [call.describe() for call in find_old_calls([parse_unit(source, "old.py", 3)])]


def test_calls_are_found_through_aliases() -> None:
    source = """
import theano
import theano.tensor as T
from theano import shared as make, function
from keras.layers import *
x, n = T.matrix("x"), T.iscalar()
w = make(1.0, borrow=True)
y = T.dot(x, w).dimshuffle(0, "x") + T.tanh(w)
y2 = T.dot(y, y)
f = function([x], y, allow_input_downcast=True)
print(w.get_value(borrow=True), theano.config.floatX)
layer = Dense(output_dim=3, init="uniform")
def g(T): return T.exp(3)
other.get_value(), [].copy(), np.dot(x, y)
"""
    assert list_calls(source) == [
        "old.py:6: theano.tensor.matrix(name) is pel.matrix(name) today",
        "old.py:6: theano.tensor.iscalar() is pel.iscalar() today",
        "old.py:7: theano.shared(value, borrow) is pel.shared(value) today",
        "old.py:8: theano.tensor.dot(x, y) is x @ y today (2 uses)",
        "old.py:8: x.dimshuffle(0, 'x') is x[:, None] today",
        "old.py:8: theano.tensor.tanh(x) is pel.tanh(x) today",
        "old.py:10: theano.function(inputs, outputs, allow_input_downcast) is pel.function(inputs, outputs) today",
        "old.py:11: w.get_value(borrow) is w.get_value() today",
        "old.py:11: theano.config.floatX is pel.config.floatx today",
        "old.py:12: keras.layers.Dense(output_dim, init) is pel.nn.Dense(output_dim, kernel_initializer=init) today",
    ]


def test_advice_where_there_is_no_entry() -> None:
    assert list_calls("import tensorflow as tf\ntf.get_variable('w')\ntf.Session()\ntf.nothing()\n") == [
        "old.py:2: tensorflow.get_variable: Write pel.shared(value, 'w'). It keeps a value.",
        "old.py:3: tensorflow.Session: pel.function([x], y) compiles a formula, and calling it runs it: f(x_value) "
        "instead of session.run(y, feed_dict={x: x_value})",
    ]
