"""Tests of every layer in the table of `layer_rows.py`.

Each exported layer has a row. Values and gradients agree in NumPy and XLA, in training, inference and mixed precision,
with the formula of the row and with finite differences, in float64 and bfloat16. Layers are shared, cloned, frozen,
saved, loaded and printed. Messages name the layer.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latex2mathml.converter import convert

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.gradient_check import verify_grad
from pellucid.graph.mixed_precision import PRODUCTS
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.nn.layers.base import Layer
from tests.nn.layer_rows import BATCH, LAYERS, Row, call_layer, make_data, make_inputs

ROWS = pytest.mark.parametrize("row", LAYERS.values(), ids=LAYERS)


def random_projection(results: list[Expr]) -> Expr:
    """Return a scalar that depends on every element."""
    rng = np.random.default_rng(1)
    parts = [(y * rng.normal(size=y.shape[1:]).astype(y.dtype)).sum() for y in results if is_float(y.dtype)]
    return sum(parts[1:], parts[0])


def trainable_parameters(layer: Layer) -> list[Shared]:
    return [p for p in layer.parameters if p.trainable_by_default]


def inputs_and_parameters(row: Row, given: list[Expr], layer: Layer) -> list[Expr]:
    return [*([] if row.vocabulary is not None else given), *trainable_parameters(layer)]


def iterate_nodes(outputs: list[Expr]) -> Iterator[Expr]:
    """Yield the nodes of a graph and its subgraphs."""
    for node in topological(outputs):
        yield node
        for setting in node.settings.values() if node.op is not None else ():
            if isinstance(setting, Subgraph):
                yield from iterate_nodes(list(setting.outputs))


def random_states(outputs: list[Expr]) -> dict[Shared, Any]:
    """Return the states of random streams with their values."""
    found = [e for e in topological(outputs) if isinstance(e, Shared) and e.default_update is not None]
    return {state: state.get_value() for state in found}


def run(given: list[Expr], outputs: list[Expr], values: list[np.ndarray], mode: str = "numpy") -> list[np.ndarray]:
    """Compute results once and restore the random states."""
    before = random_states(outputs)
    found = pel.function(given, outputs, mode=mode, on_unused_input="ignore")(*values)
    for state, value in before.items():
        state.set_value(value)
    return list(found)


def find_missing_rows() -> set[str]:
    return set(nn.layers.NAMED) - {type(row.make()).__name__ for row in LAYERS.values()} - {"Input", "Layer"}


def test_every_exported_layer_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_missing_rows() == set()
    monkeypatch.setitem(nn.layers.NAMED, "Bent", nn.Layer)
    assert find_missing_rows() == {"Bent"}


def test_every_layer_is_exported_that_its_file_exports() -> None:
    found = set()
    for file in Path(nn.layers.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"pellucid.nn.layers.{file.stem}") if file.stem != "__init__" else nn.layers
        found |= {getattr(module, name) for name in getattr(module, "__all__", ())}
    assert found == set(nn.layers.NAMED.values())
    for name, layer in nn.layers.NAMED.items():
        assert layer.__name__ == name
        assert getattr(nn, name) is layer
        assert name in nn.__all__


COMPILED_ALONE = ("MultiHeadAttention, all", "LSTM, dropped")
"""Layers that XLA compiles slowly: one of each kind."""

COMPILED_BY_SLOW_TESTS = (
    *("Attention, causal", "MultiHeadAttention", "GroupQueryAttention"),
    *("SimpleRNN", "GRU", "GRU, before", "LSTM", "Bidirectional"),
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomCrop"),
)
"""The others. XLA's values of recurrent and random layers have tests in test_recurrent.py and test_image_layers.py."""


def group_rows() -> list[Any]:
    """Return the names of the layers of each program.

    XLA needs a fixed time for a program, about as long as for a small layer, so four of these share one.
    """
    few = [name for name in LAYERS if name not in (*COMPILED_ALONE, *COMPILED_BY_SLOW_TESTS)]
    return [
        *(pytest.param(few[i : i + 4], id=" + ".join(few[i : i + 4])) for i in range(0, len(few), 4)),
        *(pytest.param([name], id=name) for name in COMPILED_ALONE),
        *(pytest.param([name], id=name, marks=pytest.mark.slow) for name in COMPILED_BY_SLOW_TESTS),
    ]


class Built:
    """A layer that was called once: its training and inference forms, in mixed precision too, and their gradients."""

    def __init__(self, row: Row) -> None:
        self.row, self.layer, self.given, self.data = row, row.make(), make_inputs(row), make_data(row)
        self.trained = call_layer(self.layer, self.given, row)
        self.parameters = self.layer.parameters
        self.inferred = pel.inference(self.trained)
        wrt = inputs_and_parameters(row, self.given, self.layer)
        self.slopes = pel.grad(random_projection(self.trained), wrt, disconnected="zero") if wrt else []
        self.mixed = pel.mixed_precision(self.inferred)
        self.everything = [*self.trained, *self.inferred, *self.slopes, *self.mixed]


@pytest.mark.parametrize("names", group_rows())
def test_numpy_and_xla_agree_on_value_gradient_and_mixed_precision(names: list[str]) -> None:
    layers = [Built(LAYERS[name]) for name in names]
    given, everything = [e for b in layers for e in b.given], [e for b in layers for e in b.everything]
    found = iter(run(given, everything, [value for b in layers for value in b.data], "xla"))
    for name, built in zip(names, layers, strict=True):
        exact = {*built.trained, *built.inferred, *built.slopes}
        for e, wanted in zip(built.everything, run(built.given, built.everything, built.data), strict=True):
            value, tolerance = next(found), 2e-5 if e in exact else 0.02
            assert value.dtype == wanted.dtype == e.dtype, name
            np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance, err_msg=name)


@ROWS
def test_gradients_agree_with_finite_differences(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pel.config, "floatx", "float64")
    layer, given = row.make(), make_inputs(row, None, "float64")
    results = call_layer(layer, given, row)
    wrt = inputs_and_parameters(row, given, layer)
    if wrt:
        values = dict(zip(given, make_data(row, "float64"), strict=True))
        leaves = [*layer.parameters, *random_states(results)]
        verify_grad(random_projection(results), values | {leaf: leaf.get_value() for leaf in leaves}, wrt)


@ROWS
def test_a_layer_is_called_copied_saved_and_printed(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = Built(row)
    values = run(built.given, built.everything, built.data)
    count = len(built.trained)
    trained, inferred = values[:count], values[count : 2 * count]
    check_values(built, values)
    check_inference_form(built)
    check_mixed_precision(built, inferred, values[-count:])
    check_saved_and_loaded(built, tmp_path / "layer.pel", trained, inferred)
    check_printed(built)
    check_messages(built)
    check_shared_cloned_and_frozen(built, inferred)
    for dtype in ("float64", "bfloat16"):
        with monkeypatch.context() as patch:
            patch.setattr(pel.config, "floatx", dtype)
            check_dtype(built, dtype, inferred)


def check_values(built: Built, values: list[np.ndarray]) -> None:
    """Values are finite, have the shapes and dtypes of the graph, and are those of the formula."""
    for e, value in zip(built.everything, values, strict=True):
        assert value.dtype == e.dtype
        assert np.isfinite(value.astype("float64")).all()
    named = call_layer(built.layer, make_inputs(built.row, "n"), built.row)
    for value, e, same in zip(values, built.trained, named, strict=False):
        assert same.shape == ("n", *value.shape[1:]) == ("n", *e.shape[1:])
        assert value.shape[0] == BATCH
    if built.row.formula is not None:
        exactly = built.row.formula(*built.data, *built.layer.get_weights())
        np.testing.assert_allclose(values[len(built.trained)], exactly, rtol=1e-5, atol=1e-6)


def check_inference_form(built: Built) -> None:
    """The inference form differs from the training form if expected, and has no random numbers and updates."""
    trained, inferred, two_forms = built.trained, built.inferred, built.row.two_forms
    assert any(a is not b for a, b in zip(trained, inferred, strict=True)) == two_forms
    assert [e.type for e in inferred] == [e.type for e in trained]
    assert random_states(inferred) == {}
    assert pel.collect_updates(inferred) == {}
    assert all(a is b for a, b in zip(pel.inference(inferred), inferred, strict=True))
    random, kept = random_states(trained), pel.collect_updates(trained)
    assert bool(random or kept) == two_forms
    assert set(kept) <= set(built.layer.parameters)
    assert not any(p.trainable_by_default for p in kept)
    if random:
        step = pel.function(built.given, trained, mode="numpy")
        drawn = [step(*built.data) for _ in range(5)]
        assert any((a != b).any() for other in drawn[1:] for a, b in zip(drawn[0], other, strict=True))
        for state, value in random.items():
            state.set_value(value)


def check_mixed_precision(built: Built, full: list[np.ndarray], few: list[np.ndarray]) -> None:
    """Mixed precision casts products but not parameters."""
    for value, exact in zip(few, full, strict=True):
        np.testing.assert_allclose(value, exact, rtol=0.05, atol=0.05)
    inferred, mixed, wrt = built.inferred, built.mixed, trainable_parameters(built.layer)
    products = [e for e in iterate_nodes(inferred) if e.op is not None and e.op.name in PRODUCTS]
    casts = [e for e in iterate_nodes(mixed) if e.op is not None and e.op.name in PRODUCTS]
    assert len(casts) >= len(products)  # attention opens into products
    assert {str(e.dtype) for e in casts} <= {"bfloat16"}
    assert [e.type for e in mixed] == [e.type for e in inferred]
    assert set(pel.parameters(mixed)) == set(pel.parameters(inferred))
    for slope in pel.grad(random_projection(mixed), wrt, disconnected="zero") if wrt else []:
        assert slope.dtype == np.float32


def check_saved_and_loaded(
    built: Built, path: Path, trained_values: list[np.ndarray], inferred_values: list[np.ndarray]
) -> None:
    trained = built.trained
    pel.save(path, {"given": built.given, "trained": trained, "inferred": built.inferred})
    found = pel.load(path)
    assert [hide_size_numbers(e) for e in found["trained"]] == [hide_size_numbers(e) for e in trained]
    assert [p.name for p in pel.parameters(found["trained"])] == [p.name for p in pel.parameters(trained)]
    for kind, wanted in (("trained", trained_values), ("inferred", inferred_values)):
        for a, b in zip(run(found["given"], found[kind], built.data), wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def hide_size_numbers(e: Expr) -> str:
    return re.sub(r"\?\d+", "?", str(e))


def check_printed(built: Built) -> None:
    layer = built.layer
    for e in call_layer(layer, make_inputs(built.row, "n"), built.row):
        written = pel.latex(e)
        closed = re.sub(r"\\[{}]", "", written)
        assert closed.count("{") == closed.count("}")
        assert "\\" not in convert(written)
        assert str(e)
    assert repr(layer) == f"<{type(layer).__name__} {layer.name}>"
    doc = type(layer).__doc__ or ""
    assert "Examples" in doc or type(layer).__module__.startswith("tests")


def check_messages(built: Built) -> None:
    """Messages name the layer, the invalid argument and the misspelled one."""
    row, layer = built.row, built.layer
    if row.wrong is not None:
        wrong = pel.tensor("wrong", shape=("n", *row.wrong))
        with pytest.raises(pel.PellucidError, match="wrong") as caught:
            layer([wrong, *make_inputs(row, "n")[1:]] if layer.merges else wrong, **row.kwargs)
        assert layer.name in "\n".join([str(caught.value), *caught.value.__notes__])
    if row.invalid:
        with pytest.raises((ValueError, TypeError), match=r"Received: |There is no") as error:
            type(layer)(**{**layer.config, **row.invalid, "name": "layer"})
        assert isinstance(error.value, pel.PellucidError)
        assert re.search(r"^layer|^There is no \w+ named|^Expected ", str(error.value)), error.value
    with pytest.raises(TypeError, match=f"^{type(layer).__name__} takes no argument 'nme'. Did you mean 'name'"):
        type(layer)(**{**layer.config, "nme": "a"})


def check_shared_cloned_and_frozen(built: Built, values: list[np.ndarray]) -> None:
    layer, before = built.layer, built.parameters
    again = call_layer(layer, make_inputs(built.row, "n"), built.row)
    assert layer.parameters == before
    assert set(pel.parameters([*built.trained, *again])) == set(trainable_parameters(layer))
    assert len({p.name for p in before}) == len(before)
    other = layer.clone()
    assert type(other) is type(layer)
    assert other.name != layer.name
    second = call_layer(other, built.given, built.row)
    assert not set(other.parameters) & set(before)
    other.set_weights(layer.get_weights())
    for a, b in zip(run(built.given, pel.inference(second), built.data), values, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(pel.ShapeError, match=f"has {len(before)} parameters. Received: values for {len(before) + 1}"):
        layer.set_weights([*layer.get_weights(), np.zeros(3)])
    layer.trainable = False
    assert not any(p.trainable for p in layer.parameters)
    layer.trainable = True
    assert [p for p in layer.parameters if p.trainable] == trainable_parameters(layer)


def check_dtype(built: Built, dtype: str, values: list[np.ndarray]) -> None:
    """A layer computes in the dtype of its input."""
    other, wanted = built.layer.clone(), make_inputs(built.row, None, dtype)
    results = pel.inference(call_layer(other, wanted, built.row))
    other.set_weights([w.astype(dtype) if is_float(w.dtype) else w for w in built.layer.get_weights()])
    assert {str(p.dtype) for p in other.parameters} <= {dtype}
    near = 0.06 if dtype == "bfloat16" else 1e-5
    found = run(wanted, results, make_data(built.row, dtype))
    for value, reference in zip(found, values, strict=True):
        assert str(value.dtype) == dtype
        np.testing.assert_allclose(value.astype("float64"), reference, rtol=near, atol=near)
