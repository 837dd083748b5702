"""One helper runs a layer through everything; each layer is one row of the table in `layer_rows.py`.

What is checked: that every exported layer has a row; the shape with a named and an unknown batch; values and gradients
by NumPy and by XLA, in training and after it, and in mixed precision; its formula in NumPy where the row has it;
gradients by finite differences; the inference form; float64 and bfloat16; shared use, a clone, freezing, weights
replaced; saving and loading; LaTeX and text; and messages for inputs and settings that do not fit.
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
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.nn.layers.base import Layer
from tests.nn.layer_rows import LAYERS, Row
from tests.nn.layer_trial import BATCH, called, data, inputs

ROWS = pytest.mark.parametrize("row", LAYERS.values(), ids=LAYERS)


def projected(results: list[Expr]) -> Expr:
    """Return a scalar that every element has a share in."""
    rng = np.random.default_rng(1)
    parts = [(y * rng.normal(size=y.shape[1:]).astype(y.dtype)).sum() for y in results if is_float(y.dtype)]
    return sum(parts[1:], parts[0])


def learned(layer: Layer) -> list[Shared]:
    """Return the parameters that an optimizer may change."""
    return [p for p in layer.parameters if p.learns]


def differentiable(row: Row, given: list[Expr], layer: Layer) -> list[Expr]:
    """Return what a result is differentiated by."""
    return [*([] if row.integers is not None else given), *learned(layer)]


def inside(outputs: list[Expr]) -> Iterator[Expr]:
    """Walk a graph, and the graphs inside it."""
    for node in topological(outputs):
        yield node
        for setting in node.settings.values() if node.op is not None else ():
            if isinstance(setting, Body):
                yield from inside(list(setting.outputs))


def streams(outputs: list[Expr]) -> dict[Shared, Any]:
    """Return the states of random numbers, with their values."""
    found = [e for e in topological(outputs) if isinstance(e, Shared) and e.default_update is not None]
    return {state: state.get_value() for state in found}


def run(given: list[Expr], outputs: list[Expr], values: list[np.ndarray], mode: str = "numpy") -> list[np.ndarray]:
    """Compute results once; random numbers begin as they were."""
    before = streams(outputs)
    found = pel.function(given, outputs, mode=mode, on_unused_input="ignore")(*values)
    for state, value in before.items():
        state.set_value(value)
    return list(found)


def without_row() -> set[str]:
    """Return the names of exported layers that no row makes."""
    return set(nn.layers.NAMED) - {type(row.make()).__name__ for row in LAYERS.values()} - {"Input", "Layer"}


def test_every_exported_layer_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_row() == set()
    monkeypatch.setitem(nn.layers.NAMED, "Bent", nn.Layer)
    assert without_row() == {"Bent"}


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
    layer, given = row.make(), inputs(row)
    trained = called(layer, given, row)
    told = pel.inference(trained)
    wrt = differentiable(row, given, layer)
    slopes = pel.grad(projected(trained), wrt, disconnected="zero") if wrt else []
    mixed = pel.mixed_precision(told)
    exact = {*trained, *told, *slopes}
    everything = [*trained, *told, *slopes, *mixed]
    found = run(given, everything, data(row), "xla")
    for value, wanted, e in zip(found, run(given, everything, data(row)), everything, strict=True):
        assert value.dtype == wanted.dtype == e.dtype
        assert np.isfinite(wanted.astype("float64")).all()
        tolerance = 2e-5 if e in exact else 0.02
        np.testing.assert_allclose(value, wanted, rtol=tolerance, atol=tolerance)
    for value, e, named in zip(found[: len(trained)], trained, called(layer, inputs(row, "n"), row), strict=True):
        assert named.shape == ("n", *value.shape[1:]) == ("n", *e.shape[1:])
        assert value.shape[0] == BATCH
    if row.formula is not None:
        exactly = row.formula(*data(row), *layer.get_weights())
        np.testing.assert_allclose(found[len(trained)], exactly, rtol=1e-5, atol=1e-6)
    few, full = found[len(found) - len(mixed) :], found[len(trained) : 2 * len(trained)]
    for value, exact in zip(few, full, strict=True):
        np.testing.assert_allclose(value, exact, rtol=0.05, atol=0.05)


@ROWS
def test_mixed_precision_reaches_its_products_and_leaves_its_parameters(row: Row) -> None:
    layer, given = row.make(), inputs(row)
    told = pel.inference(called(layer, given, row))
    products = [e for e in inside(told) if e.op is not None and e.op.name in PRODUCTS]
    mixed = pel.mixed_precision(told)
    few = [e for e in inside(mixed) if e.op is not None and e.op.name in PRODUCTS]
    assert len(few) >= len(products)  # attention opens into products
    assert {str(e.dtype) for e in few} <= {"bfloat16"}
    assert [e.type for e in mixed] == [e.type for e in told]
    assert set(pel.parameters(mixed)) == set(pel.parameters(told))
    for slope in pel.grad(projected(mixed), learned(layer), disconnected="zero") if learned(layer) else []:
        assert slope.dtype == np.float32


@ROWS
def test_the_gradient_is_that_of_finite_differences(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pel.config, "floatx", "float64")
    layer, given = row.make(), inputs(row, None, "float64")
    results = called(layer, given, row)
    wrt = differentiable(row, given, layer)
    if wrt:
        values = dict(zip(given, data(row, "float64"), strict=True))
        leaves = [*layer.parameters, *streams(results)]
        verify_grad(projected(results), values | {leaf: leaf.get_value() for leaf in leaves}, wrt)


@ROWS
def test_its_inference_form_is_another_formula_if_it_has_two(row: Row) -> None:
    layer, given = row.make(), inputs(row)
    trained = called(layer, given, row)
    told = pel.inference(trained)
    assert any(a is not b for a, b in zip(trained, told, strict=True)) == row.two
    assert [e.type for e in told] == [e.type for e in trained]
    assert streams(told) == {}
    assert pel.updates_of(told) == {}
    assert all(a is b for a, b in zip(pel.inference(told), told, strict=True))
    random, kept = streams(trained), pel.updates_of(trained)
    assert bool(random or kept) == row.two
    assert set(kept) <= set(layer.parameters)
    assert not any(p.learns for p in kept)
    if random:
        step = pel.function(given, trained, mode="numpy")
        drawn = [step(*data(row)) for _ in range(5)]
        assert any((a != b).any() for other in drawn[1:] for a, b in zip(drawn[0], other, strict=True))


@ROWS
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_it_computes_in_the_dtype_of_its_input(row: Row, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, given = row.make(), inputs(row)
    exact = run(given, pel.inference(called(layer, given, row)), data(row))
    monkeypatch.setattr(pel.config, "floatx", dtype)
    other, wanted = layer.clone(), inputs(row, None, dtype)
    results = pel.inference(called(other, wanted, row))
    other.set_weights([w.astype(dtype) if is_float(w.dtype) else w for w in layer.get_weights()])
    assert {str(p.dtype) for p in other.parameters} <= {dtype}
    near = 0.06 if dtype == "bfloat16" else 1e-5
    for value, reference in zip(run(wanted, results, data(row, dtype)), exact, strict=True):
        assert str(value.dtype) == dtype
        np.testing.assert_allclose(value.astype("float64"), reference, rtol=near, atol=near)


@ROWS
def test_it_is_shared_cloned_replaced_and_frozen(row: Row) -> None:
    layer, given = row.make(), inputs(row)
    first = called(layer, given, row)
    before = layer.parameters
    again = called(layer, inputs(row, "n"), row)
    assert layer.parameters == before
    assert set(pel.parameters([*first, *again])) == set(learned(layer))
    assert len({p.name for p in before}) == len(before)
    other = layer.clone()
    assert type(other) is type(layer)
    assert other.name != layer.name
    second = called(other, given, row)
    assert not set(other.parameters) & set(before)
    other.set_weights(layer.get_weights())
    for a, b in zip(run(given, pel.inference(first + second), data(row)), range(len(first)), strict=False):
        np.testing.assert_array_equal(a, run(given, pel.inference(second), data(row))[b])
    with pytest.raises(pel.ShapeError, match=f"has {len(before)} parameters. Received: values for {len(before) + 1}"):
        layer.set_weights([*layer.get_weights(), np.zeros(3)])
    layer.trainable = False
    assert not any(p.trainable for p in layer.parameters)
    layer.trainable = True
    assert [p for p in layer.parameters if p.trainable] == learned(layer)


def anonymous(e: Expr) -> str:
    """Write an expression without the numbers of unknown sizes."""
    return re.sub(r"\?\d+", "?", str(e))


@ROWS
def test_it_is_saved_and_loaded(row: Row, tmp_path: Path) -> None:
    layer, given = row.make(), inputs(row)
    trained = called(layer, given, row)
    pel.save(tmp_path / "layer.pel", {"given": given, "trained": trained, "told": pel.inference(trained)})
    found = pel.load(tmp_path / "layer.pel")
    assert [anonymous(e) for e in found["trained"]] == [anonymous(e) for e in trained]
    assert [p.name for p in pel.parameters(found["trained"])] == [p.name for p in pel.parameters(trained)]
    for kind, wanted in (("trained", trained), ("told", pel.inference(trained))):
        for a, b in zip(run(found["given"], found[kind], data(row)), run(given, wanted, data(row)), strict=True):
            np.testing.assert_array_equal(a, b)


@ROWS
def test_it_can_be_read(row: Row) -> None:
    layer, given = row.make(), inputs(row, "n")
    results = called(layer, given, row)
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
def test_what_does_not_fit_is_told_in_its_name(row: Row) -> None:
    layer = row.make()
    with contextlib.suppress(AttributeError):
        called(layer, inputs(row, "n"), row)
    if row.wrong is not None:
        wrong = pel.tensor("wrong", shape=("n", *row.wrong))
        with pytest.raises(pel.PellucidError, match="wrong") as caught:
            layer([wrong, *inputs(row, "n")[1:]] if layer.merges else wrong, **row.named)
        assert layer.name in "\n".join([str(caught.value), *caught.value.__notes__])
    if row.refused:
        with pytest.raises((ValueError, TypeError), match=r"Received: |There is no") as refused:
            type(layer)(**{**layer.config, **row.refused, "name": "told"})
        assert isinstance(refused.value, pel.PellucidError)
        assert re.search(r"^told|^There is no \w+ named|^Expected ", str(refused.value)), refused.value
    with pytest.raises(TypeError, match=f"^{type(layer).__name__} takes no argument 'nme'. Did you mean 'name'"):
        type(layer)(**{**layer.config, "nme": "a"})
