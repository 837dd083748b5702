"""Tests of every layer in the table of `layer_rows.py`.

Each exported layer has a row. Values and gradients agree in NumPy and XLA, in training, inference and mixed precision,
with the formula of the row and with finite differences, in float64 and bfloat16. Layers are shared, cloned, frozen,
saved, loaded and printed. Messages name the layer.
"""

from __future__ import annotations

import contextlib
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


@ROWS
def test_numpy_and_xla_agree_on_value_gradient_and_mixed_precision(row: Row) -> None:
    layer, given = row.make(), make_inputs(row)
    trained = call_layer(layer, given, row)
    inferred = pel.inference(trained)
    wrt = inputs_and_parameters(row, given, layer)
    slopes = pel.grad(random_projection(trained), wrt, disconnected="zero") if wrt else []
    mixed = pel.mixed_precision(inferred)
    exact = {*trained, *inferred, *slopes}
    everything = [*trained, *inferred, *slopes, *mixed]
    found = run(given, everything, make_data(row), "xla")
    for value, wanted, e in zip(found, run(given, everything, make_data(row)), everything, strict=True):
        assert value.dtype == wanted.dtype == e.dtype
        assert np.isfinite(wanted.astype("float64")).all()
        tolerance = 2e-5 if e in exact else 0.02
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance)
    for value, e, named in zip(
        found[: len(trained)], trained, call_layer(layer, make_inputs(row, "n"), row), strict=True
    ):
        assert named.shape == ("n", *value.shape[1:]) == ("n", *e.shape[1:])
        assert value.shape[0] == BATCH
    if row.formula is not None:
        exactly = row.formula(*make_data(row), *layer.get_weights())
        np.testing.assert_allclose(found[len(trained)], exactly, rtol=1e-5, atol=1e-6)
    few, full = found[len(found) - len(mixed) :], found[len(trained) : 2 * len(trained)]
    for value, exact in zip(few, full, strict=True):
        np.testing.assert_allclose(value, exact, rtol=0.05, atol=0.05)


@ROWS
def test_mixed_precision_casts_products_but_not_parameters(row: Row) -> None:
    layer, given = row.make(), make_inputs(row)
    inferred = pel.inference(call_layer(layer, given, row))
    products = [e for e in iterate_nodes(inferred) if e.op is not None and e.op.name in PRODUCTS]
    mixed = pel.mixed_precision(inferred)
    few = [e for e in iterate_nodes(mixed) if e.op is not None and e.op.name in PRODUCTS]
    assert len(few) >= len(products)  # attention opens into products
    assert {str(e.dtype) for e in few} <= {"bfloat16"}
    assert [e.type for e in mixed] == [e.type for e in inferred]
    assert set(pel.parameters(mixed)) == set(pel.parameters(inferred))
    for slope in (
        pel.grad(random_projection(mixed), trainable_parameters(layer), disconnected="zero")
        if trainable_parameters(layer)
        else []
    ):
        assert slope.dtype == np.float32


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
def test_the_inference_form_differs_if_expected(row: Row) -> None:
    layer, given = row.make(), make_inputs(row)
    trained = call_layer(layer, given, row)
    inferred = pel.inference(trained)
    assert any(a is not b for a, b in zip(trained, inferred, strict=True)) == row.two_forms
    assert [e.type for e in inferred] == [e.type for e in trained]
    assert random_states(inferred) == {}
    assert pel.collect_updates(inferred) == {}
    assert all(a is b for a, b in zip(pel.inference(inferred), inferred, strict=True))
    random, kept = random_states(trained), pel.collect_updates(trained)
    assert bool(random or kept) == row.two_forms
    assert set(kept) <= set(layer.parameters)
    assert not any(p.trainable_by_default for p in kept)
    if random:
        step = pel.function(given, trained, mode="numpy")
        drawn = [step(*make_data(row)) for _ in range(5)]
        assert any((a != b).any() for other in drawn[1:] for a, b in zip(drawn[0], other, strict=True))


@ROWS
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_it_computes_in_the_dtype_of_its_input(row: Row, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, given = row.make(), make_inputs(row)
    exact = run(given, pel.inference(call_layer(layer, given, row)), make_data(row))
    monkeypatch.setattr(pel.config, "floatx", dtype)
    other, wanted = layer.clone(), make_inputs(row, None, dtype)
    results = pel.inference(call_layer(other, wanted, row))
    other.set_weights([w.astype(dtype) if is_float(w.dtype) else w for w in layer.get_weights()])
    assert {str(p.dtype) for p in other.parameters} <= {dtype}
    near = 0.06 if dtype == "bfloat16" else 1e-5
    for value, reference in zip(run(wanted, results, make_data(row, dtype)), exact, strict=True):
        assert str(value.dtype) == dtype
        np.testing.assert_allclose(value.astype("float64"), reference, rtol=near, atol=near)


@ROWS
def test_it_is_shared_cloned_and_frozen(row: Row) -> None:
    layer, given = row.make(), make_inputs(row)
    first = call_layer(layer, given, row)
    before = layer.parameters
    again = call_layer(layer, make_inputs(row, "n"), row)
    assert layer.parameters == before
    assert set(pel.parameters([*first, *again])) == set(trainable_parameters(layer))
    assert len({p.name for p in before}) == len(before)
    other = layer.clone()
    assert type(other) is type(layer)
    assert other.name != layer.name
    second = call_layer(other, given, row)
    assert not set(other.parameters) & set(before)
    other.set_weights(layer.get_weights())
    for a, b in zip(run(given, pel.inference(first + second), make_data(row)), range(len(first)), strict=False):
        np.testing.assert_array_equal(a, run(given, pel.inference(second), make_data(row))[b])
    with pytest.raises(pel.ShapeError, match=f"has {len(before)} parameters. Received: values for {len(before) + 1}"):
        layer.set_weights([*layer.get_weights(), np.zeros(3)])
    layer.trainable = False
    assert not any(p.trainable for p in layer.parameters)
    layer.trainable = True
    assert [p for p in layer.parameters if p.trainable] == trainable_parameters(layer)


def hide_size_numbers(e: Expr) -> str:
    return re.sub(r"\?\d+", "?", str(e))


@ROWS
def test_it_is_saved_and_loaded(row: Row, tmp_path: Path) -> None:
    layer, given = row.make(), make_inputs(row)
    trained = call_layer(layer, given, row)
    pel.save(tmp_path / "layer.pel", {"given": given, "trained": trained, "inferred": pel.inference(trained)})
    found = pel.load(tmp_path / "layer.pel")
    assert [hide_size_numbers(e) for e in found["trained"]] == [hide_size_numbers(e) for e in trained]
    assert [p.name for p in pel.parameters(found["trained"])] == [p.name for p in pel.parameters(trained)]
    for kind, wanted in (("trained", trained), ("inferred", pel.inference(trained))):
        for a, b in zip(
            run(found["given"], found[kind], make_data(row)), run(given, wanted, make_data(row)), strict=True
        ):
            np.testing.assert_array_equal(a, b)


@ROWS
def test_it_is_printed(row: Row) -> None:
    layer, given = row.make(), make_inputs(row, "n")
    results = call_layer(layer, given, row)
    for e in results:
        written = pel.latex(e)
        closed = re.sub(r"\\[{}]", "", written)
        assert closed.count("{") == closed.count("}")
        assert "\\" not in convert(written)
        assert str(e)
    assert repr(layer) == f"<{type(layer).__name__} {layer.name}>"
    doc = type(layer).__doc__ or ""
    assert "Examples" in doc or type(layer).__module__.startswith("tests")


@ROWS
def test_messages_name_the_layer(row: Row) -> None:
    layer = row.make()
    with contextlib.suppress(AttributeError):
        call_layer(layer, make_inputs(row, "n"), row)
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
