"""One helper that runs a layer through everything; each layer is one row of its table.

A row says how the layer is made and what it is called on. What is checked: the shape with a named and an unknown batch,
the value by NumPy and by XLA, the gradient by finite differences, the inference form, shared use, float64 and bfloat16,
saving and loading of weights, a clone, freezing, LaTeX and text, and messages for inputs that do not fit.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import is_float
from pellucid.graph.verify import verify_grad
from pellucid.nn.layers.base import Layer
from pellucid.show import latex


@dataclass(frozen=True)
class Row:
    """A layer on trial.

    Attributes
    ----------
    make : function
        Makes the layer.
    shapes : tuple of tuple of int
        Of what it is called on, without the batch; more than one for a layer that merges.
    integers : int or None
        For a layer that is called on integers, how many there are.
    draws : bool
        Whether it draws random numbers while training.
    wrong : tuple of int or None
        The shape of an input that does not fit once it is built, without the batch; None where every input does.
    result : int
        Which of several results is looked at.
    settings : tuple of (str, value)
        Keywords of the call.
    """

    make: Callable[[], Layer]
    shapes: tuple[tuple[int, ...], ...]
    integers: int | None = None
    draws: bool = False
    wrong: tuple[int, ...] | None = None
    result: int = 0
    settings: tuple[tuple[str, Any], ...] = ()


LAYERS: dict[str, Row] = {
    "Activation": Row(lambda: nn.Activation("tanh"), ((4,),)),
    "Bidirectional": Row(lambda: nn.Bidirectional(nn.SimpleRNN(2)), ((4, 2),), wrong=(4, 3)),
    "Conv2D": Row(lambda: nn.Conv2D(3, 2, padding="same", activation="tanh"), ((5, 4, 2),), wrong=(5, 4, 3)),
    "Dense": Row(lambda: nn.Dense(3, activation="tanh"), ((4,),), wrong=(5,)),
    "Dropout": Row(lambda: nn.Dropout(0.5), ((4,),), draws=True),
    "Embedding": Row(lambda: nn.Embedding(5, 3), ((4,),), integers=5),
    "Flatten": Row(nn.Flatten, ((3, 2),)),
    "GRU": Row(lambda: nn.GRU(2, return_sequences=True), ((4, 2),), wrong=(4, 3)),
    "LSTM": Row(lambda: nn.LSTM(2, dropout=0.5, recurrent_dropout=0.5), ((4, 2),), draws=True, wrong=(4, 3)),
    "Masking": Row(nn.Masking, ((4, 2),), wrong=(4,)),
    "MaxPooling2D": Row(lambda: nn.MaxPooling2D(2), ((4, 4, 2),), wrong=(4,)),
    "Reshape": Row(lambda: nn.Reshape((3, 2)), ((6,),), wrong=(7,)),
    "SimpleRNN": Row(lambda: nn.SimpleRNN(3, return_sequences=True), ((4, 2),), wrong=(4, 3)),
    "TimeDistributed": Row(lambda: nn.TimeDistributed(nn.Dense(3)), ((4, 2),), wrong=(4,)),
}
NAMES = sorted(LAYERS)


def data(row: Row, dtype: str = "float32", batch: int = 3) -> list[np.ndarray]:
    """Return values for the inputs; all different, so that no maximum is a tie."""
    rng = np.random.default_rng(0)
    found = []
    for shape in row.shapes:
        size = (batch, *shape)
        if row.integers is not None:
            found.append(rng.integers(0, row.integers, size).astype("int32"))
        else:
            found.append((rng.permutation(np.prod(size)).reshape(size) / np.prod(size) * 2 - 1.03).astype(dtype))
    return found


def inputs(row: Row, batch: str | None = "n", dtype: str = "float32") -> list[Expr]:
    """Return inputs of one named or unknown batch size."""
    kind = "int32" if row.integers is not None else dtype
    return [pel.tensor(f"x{i}", shape=(batch, *shape), dtype=kind) for i, shape in enumerate(row.shapes)]


def called(layer: Layer, given: list[Expr], row: Row) -> Expr:
    """Call a layer and return one of its results."""
    result = layer(given if layer.merges else given[0], **dict(row.settings))
    return result[row.result] if isinstance(result, (list, tuple)) else result


def run(row: Row, layer: Layer, dtype: str = "float32", mode: str = "xla", inference: bool = True) -> np.ndarray:
    """Return what a layer makes of the data, in its inference form if that is wanted."""
    given = inputs(row, dtype=dtype)
    output = called(layer, given, row)
    return pel.function(given, pel.inference(output) if inference else output, mode=mode)(*data(row, dtype))


@pytest.mark.parametrize("name", NAMES)
def test_shape_with_a_named_and_an_unknown_batch(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    named, unknown = called(layer, inputs(row, "n"), row), called(layer, inputs(row, None), row)
    value = run(row, layer)
    assert named.shape[0] == "n"
    assert named.shape[1:] == unknown.shape[1:] == value.shape[1:]
    assert value.shape[0] == 3
    assert named.dtype == value.dtype


@pytest.mark.parametrize("name", NAMES)
def test_numpy_and_xla_agree(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    np.testing.assert_allclose(run(row, layer, mode="numpy"), run(row, layer), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_finite_differences(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = LAYERS[name]
    monkeypatch.setattr(pel.config, "floatx", "float64")
    layer, given = row.make(), inputs(row, None, "float64")
    output = pel.inference(called(layer, given, row))
    wrt = [e for e in (*given, *layer.parameters) if is_float(e.dtype) and e in set(pel.ancestors(output))]
    wrt = [e for e in wrt if not isinstance(e, Shared) or e.learns]
    if wrt and is_float(output.dtype):
        values = dict(zip(given, data(row, "float64"), strict=True))
        verify_grad(output, values | {p: p.get_value() for p in layer.parameters}, wrt)


@pytest.mark.parametrize("name", NAMES)
def test_inference_draws_nothing_and_is_the_same_twice(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    np.testing.assert_array_equal(run(row, layer), run(row, layer))
    if row.draws:
        given = inputs(row)
        training = pel.function(given, called(layer, given, row))
        assert (training(*data(row)) != training(*data(row))).any()
        assert pel.inference(called(layer, given, row)) is not called(layer, given, row)


@pytest.mark.parametrize("name", NAMES)
def test_called_twice_it_shares_its_parameters(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    called(layer, inputs(row), row)
    before = list(layer.parameters)
    called(layer, inputs(row), row)
    assert [id(p) for p in layer.parameters] == [id(p) for p in before]
    assert len({p.name for p in before}) == len(before)
    assert all(p.name.startswith(layer.name) for p in before if p.name) or layer.config.get("layer") is not None


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_it_computes_in_the_dtype_of_its_input(name: str, dtype: str) -> None:
    row = LAYERS[name]
    if row.integers is not None:
        return
    layer = row.make()
    value = run(row, layer, dtype)
    assert str(value.dtype) == dtype
    assert all(str(p.dtype) == dtype for p in layer.parameters if is_float(p.dtype))
    assert np.isfinite(value.astype("float64")).all()


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_saved_and_loaded(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    expected = run(row, layer)
    file = io.BytesIO()
    np.savez(file, *layer.get_weights())
    file.seek(0)
    other = layer.clone()
    assert type(other) is type(layer)
    run(row, other)
    with np.load(file) as stored:
        other.set_weights([stored[key] for key in stored.files])
    np.testing.assert_array_equal(run(row, other), expected)
    with pytest.raises(pel.ShapeError, match=f"has {len(layer.parameters)} parameters. Received: values for"):
        layer.set_weights([*layer.get_weights(), np.zeros(3)])


@pytest.mark.parametrize("name", NAMES)
def test_frozen_it_does_not_learn(name: str) -> None:
    row = LAYERS[name]
    layer, given = row.make(), inputs(row)
    output = called(layer, given, row)
    learning = [p for p in layer.parameters if p.trainable]
    assert pel.parameters(output) == [] or learning
    layer.trainable = False
    assert not any(p.trainable for p in layer.parameters)
    layer.trainable = True
    assert [p for p in layer.parameters if p.trainable] == learning or not learning


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_written(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    output = called(layer, inputs(row), row)
    written = latex(output)
    assert written.count("{") == written.count("}")
    assert str(output)
    assert layer.name in repr(layer)
    doc = type(layer).__doc__
    assert doc
    assert "Examples" in doc


@pytest.mark.parametrize("name", [n for n in NAMES if LAYERS[n].wrong is not None])
def test_an_input_that_does_not_fit_is_refused_in_its_name(name: str) -> None:
    row = LAYERS[name]
    layer = row.make()
    called(layer, inputs(row), row)
    assert row.wrong is not None
    wrong = pel.tensor("wrong", shape=("n", *row.wrong))
    with pytest.raises(pel.ShapeError, match="wrong") as caught:
        layer([wrong, inputs(row)[0]] if layer.merges else wrong)
    told = "\n".join([str(caught.value), *caught.value.__notes__])
    assert layer.name in told
    assert str(caught.value).count("wrong") >= 1
