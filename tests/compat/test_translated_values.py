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
    "c": X > 0,
    "d": X < 1,
    "v": X[2],
    "square": SQUARE,
    "x1": X[:1],
    "x3": X[None],
    "y3": SQUARE[None],
    "images": np.random.default_rng(0).normal(size=(2, 5, 5, 7)).astype("float32"),
    "kernel": np.random.default_rng(1).normal(size=(3, 3, 7, 2)).astype("float32"),
}
"""Operands by their names in the tables."""
CODE = {
    **dict.fromkeys(["axis", "reduction_indices", "start", "k", "ord", "shift"], "1"),
    **dict.fromkeys(["keepdims", "keep_dims"], "True"),
    "n": "2",
    "size": "3",
    "reps": "(2, 1)",
    "repeats": "2",
    "axis2": "0",
    "axes": "(1, 0)",
    "perm": "(1, 0)",
    "alpha": "0.7",
    "low": "-0.5",
    "high": "0.6",
    "shape": "(9,)",
    "dtype": "'float32'",
    "padding": "'SAME'",
    "leakiness": "0.3",
    "scale_in": "0.4",
    "scale_out": "1.7",
    "pad_width": "[[1, 1], [0, 2]]",
    "value": "1.5",
    "arrays": "[x, square]",
    "num": "3",
    "stop": "4",
    "limit": "4",
    "m": "4",
    "num_columns": "4",
}
"""Arguments by their names in the tables."""
BOOLEAN, ONE_HOT = ("invert", "reduce_all", "reduce_any"), ("softmax_cross", "sigmoid_cross")
HEAD = "import theano.tensor.nnet, tensorflow, keras, lasagne\nmodel = keras.models.Sequential()\n"
HEAD += "int_labels = theano.tensor.ivector()\n"
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
        known, run = (
            {*vars(importlib.import_module(module))},
            tensorflow.Session().run if make is tensorflow.constant else None,
        )
        entries = [e for e in ENTRIES if e.name.rpartition(".")[0] == module and e.name.rpartition(".")[2] in known]
        calls = [c for e in entries if not SKIPPED.search(f"{e.name} {e.code}") for c in list_calls(e)]
        for call in dict.fromkeys(calls):
            new = translate_call(call)
            with name_case(f"{call} -> {new}"):
                for a, b in zip(evaluate(call, old_names, run), evaluate(new, new_names), strict=True):
                    np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    assert len(calls) > 1


SKIPPED = re.compile(r"random|placeholder|Variable|subtensor|shape$|tensorflow\.\w+ \"")
"""Random numbers, variables, and what has no value of its own."""


LAYERS = """Dense(64) Dense(64,activation="hard_sigmoid") Dense(16,init="orthogonal") Dense(64,init="uniform") LSTM(64)
Dense(64,init="normal") Dense(64,init="he_normal") Dense(64,init="lecun_uniform",bias=False) GRU(64) SimpleRNN(64)
LSTM(64,inner_activation="sigmoid",inner_init="glorot_uniform") Embedding(64,16) BatchNormalization() LeakyReLU()
BatchNormalization(epsilon=0.5,momentum=0.6) ELU() PReLU() Activation("hard_sigmoid") Activation("relu") MaxPooling2D()
AveragePooling2D((2,2),border_mode="same") MaxPooling1D() Convolution2D(64,3,3) Convolution2D(64,3,3,border_mode="same")
Convolution1D(64,3,activation="relu") UpSampling2D() ZeroPadding2D() Flatten() LeakyReLU(0.1)"""
SEQUENCES = ("LSTM", "GRU", "SimpleRNN", "MaxPooling1D", "Convolution1D")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_layers_of_keras() -> None:
    get_weights = pel.nn.Layer.get_weights
    np.random.seed(0)  # noqa: NPY002 -- the seed of Keras 1
    pel.nn.set_random_seed(0)
    for call in LAYERS.split():
        name, rng = call.partition("(")[0], np.random.default_rng(0)
        shape = (6, 7, 16) if name in SEQUENCES else (6, 7, 7, 16) if name.endswith("2D") else (6, 16)
        x = pel.constant(rng.integers(16, size=(6, 5)) if name == "Embedding" else rng.normal(size=shape).astype("f4"))
        code = translate_call(f"keras.layers.{call}")
        with name_case(f"{call} -> {code}"), load_library("keras") as names:
            old, new = eval(f"keras.layers.{call}", names), eval(code, {"pel": pel})
            y, z = old(x), new(x)
            is_gated = name in ("LSTM", "GRU")  # whose initial weights are drawn together today
            for a, b in zip(get_weights(old) * (not is_gated), new.get_weights() * (not is_gated), strict=True):
                assert a.std() == pytest.approx(b.std(), rel=0.1, abs=1e-6)
            new.set_weights(get_weights(old))
            np.testing.assert_allclose(pel.inference(z).eval(), pel.inference(y).eval(), rtol=2e-4, atol=1e-5)
            for option in ("epsilon", "momentum"):
                assert vars(old).get(option) == vars(new).get(option)


INITIALIZERS = """GlorotUniform() GlorotUniform("relu") GlorotUniform(0.5) GlorotNormal() GlorotNormal("relu")
GlorotNormal(0.5) HeUniform() HeUniform("relu") HeUniform(0.5) HeNormal() HeNormal("relu") HeNormal(0.5) Normal()
Normal(0.3,1.0) Uniform() Uniform(0.2) Constant() Constant(2.0) Orthogonal() Orthogonal("relu") Orthogonal(0.5)"""


def test_initial_weights_of_lasagne() -> None:
    pel.nn.set_random_seed(0)
    with load_library("lasagne") as names:
        for call in INITIALIZERS.split():
            old, code = eval(f"lasagne.init.{call}", names), translate_call(f"lasagne.init.{call}")
            with name_case(f"{call} -> {code}"):
                a, b = old.sample((200, 150)), np.asarray(eval(code, {"pel": pel})((200, 150)))
                assert b.std() == pytest.approx(a.std(), rel=0.02)
                assert b.mean() == pytest.approx(a.mean(), abs=0.01)


OPTIMIZERS = """keras.optimizers.SGD() keras.optimizers.SGD(lr=0.1,momentum=0.9) keras.optimizers.RMSprop()
keras.optimizers.SGD(lr=0.1,momentum=0.9,nesterov=True) keras.optimizers.RMSprop(lr=0.1,rho=0.5,epsilon=1e-6)
keras.optimizers.Adam() keras.optimizers.Adam(0.1,0.8,0.9,1e-3) keras.optimizers.Adamax() keras.optimizers.Adagrad()
keras.optimizers.Adadelta() tensorflow.train.GradientDescentOptimizer(0.1) tensorflow.train.MomentumOptimizer(0.1,0.9)
tensorflow.train.AdamOptimizer() tensorflow.train.AdamOptimizer(0.1,0.8,0.9,1e-3) tensorflow.train.AdagradOptimizer(0.1)
tensorflow.train.AdadeltaOptimizer(1.0) lasagne.updates.sgd(loss,params,0.1) lasagne.updates.momentum(loss,params,0.1)
lasagne.updates.nesterov_momentum(loss,params,0.1,0.8) lasagne.updates.adam(loss,params)
lasagne.updates.adam(loss,params,0.1,epsilon=1e-3) lasagne.updates.adagrad(loss,params)
lasagne.updates.rmsprop(loss,params) lasagne.updates.adadelta(loss,params)
"adam" "adamax" "adagrad" "adadelta" "rmsprop" """
SIZES = np.array([1.0, 3e-2, 1e-2], "float32")  # of the gradients, the smallest of which show a wrong epsilon


def test_optimizers() -> None:
    for call in OPTIMIZERS.split():
        library = call.partition(".")[0] if "." in call else "keras"
        code = translate_call(f"model.compile({call})" if library != "lasagne" else call)
        code = code.removeprefix("model.compile(").removesuffix(")") if library != "lasagne" else code
        w = pel.shared(np.array([1, -2, 3], "float32"), "w")
        with name_case(f"{call} -> {code}"), load_library(library) as names:
            loss = pel.sum(pel.square(w * SIZES))
            new = eval(code, {"pel": pel, "loss": loss, "params": [w]})
            step = pel.function([], updates=new if isinstance(new, dict) else new.updates(loss))
            old = run_old_optimizer(call, names)
            for _ in range(3):
                step()
            np.testing.assert_allclose(w.get_value() - [1, -2, 3], old - [1, -2, 3], rtol=5e-3)


def run_old_optimizer(call: str, names: dict[str, Any]) -> Any:
    start = np.array([1, -2, 3], "float32")
    if "tensorflow" in names:
        with tensorflow.Graph().as_default(), tensorflow.Session() as session:
            w = tensorflow.Variable(start)
            step = eval(call, names).minimize(tensorflow.reduce_sum(tensorflow.square(w * SIZES)))
            session.run(tensorflow.global_variables_initializer())
            for _ in range(3):
                session.run(step)
            return session.run(w)
    w = theano.shared(start.astype("float64")) if "lasagne" in names else pel.shared(start)
    loss = (w * SIZES) ** 2
    if "lasagne" in names:
        step = theano.function([], updates=eval(call, names | {"loss": loss.sum(), "params": [w]}))
    else:
        optimizer = eval(call, names)
        optimizer = names["keras"].optimizers.get(optimizer) if isinstance(optimizer, str) else optimizer
        step = pel.function([], updates=optimizer.updates(loss.sum()))
    for _ in range(3):
        step()
    return w.get_value()
