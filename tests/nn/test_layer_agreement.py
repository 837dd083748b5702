"""Every exported layer agrees with Keras, with PyTorch if Keras lacks it, or with its formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pellucid import nn
from tests.nn.layer_rows import LAYERS
from tests.nn.peers import (
    activation_layers,
    attention,
    convolution,
    images,
    merging,
    noise,
    normalization,
    pooling,
    recurrent,
    several,
    single,
    store,
)

HERE = Path(__file__).parent

FAMILIES: dict[str, ModuleType] = {
    "activation_layers": activation_layers,
    "attention": attention,
    "merging": merging,
    "noise": noise,
    "normalization": normalization,
}
"""Families that this file compares; the others have separate files."""

OTHER_FILES: dict[str, ModuleType] = {
    "test_convolution_layers.py": convolution,
    "test_image_layers.py": images,
    "test_pooling_layers.py": pooling,
    "test_recurrent.py": recurrent,
}

CASES = [(family, case) for family, module in FAMILIES.items() for case in module.CASES]


@pytest.mark.parametrize(("family", "case"), CASES)
def test_values_and_gradients_agree_with_keras(family: str, case: str) -> None:
    store.compare(FAMILIES[family].by_pellucid(case), store.load(family)[case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize(("family", "case"), CASES)
def test_golden_values_are_those_of_keras(family: str, case: str) -> None:
    pytest.importorskip("keras")
    store.compare(FAMILIES[family].by_keras(case), store.load(family)[case], 2e-6)


def scale_shape(shape: tuple[int, ...], factors: np.ndarray) -> tuple[int, ...]:
    """Return a shape with larger sizes; equal sizes stay equal, and 1 stays 1."""
    return tuple(size if size == 1 else int(size * factors[size]) for size in shape)


def scale_case(case: Any, factors: np.ndarray) -> Any:
    """Return a case with larger shapes."""
    if isinstance(case, single.Case):
        return replace(case, shape=scale_shape(case.shape, factors))
    return replace(case, shapes=tuple(scale_shape(shape, factors) for shape in case.shapes))


def has_arrays(case: Any) -> bool:
    """Return whether a case has arrays, such as masks, which fix its shape."""
    return bool(getattr(case, "mask", None) or getattr(case, "masks", None)) or any(
        isinstance(value, np.ndarray) for value in getattr(case, "keywords", {}).values()
    )


SCALED = [
    (module, key)
    for module in (activation_layers, attention, convolution, merging, normalization, pooling)
    for key, case in module.CASES.items()
    if case.name != "LocalResponseNormalization" and not has_arrays(case)
]


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize(("module", "key"), SCALED, ids=lambda e: e if isinstance(e, str) else e.__name__[15:])
def test_layers_agree_with_keras_on_other_shapes(module: ModuleType, key: str) -> None:
    pytest.importorskip("keras")
    case = module.CASES[key]
    library = single if isinstance(case, single.Case) else several
    scaled = scale_case(case, np.random.default_rng(len(key)).integers(1, 4, 20))
    wanted, found = library.by_keras(f"{key}, other", scaled), library.by_pellucid(f"{key}, other", scaled)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        near = 1e-5 * max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=near, err_msg=name)


def get_names(case: Any) -> set[str]:
    """Return the names of the layers of a case."""
    if hasattr(case, "name"):
        return {case.name}
    made = case.make(nn)
    inside = [layer.config.get("layer") for layer in made]
    return {type(layer).__name__ for layer in (*made, *inside) if layer is not None}


def list_tested() -> set[str]:
    """Return the names of all layers that have a case."""
    modules = [*FAMILIES.values(), *OTHER_FILES.values()]
    return {name for module in modules for case in module.CASES.values() for name in get_names(case)}


def list_untested() -> set[str]:
    """Return the names of exported layers without a case or a formula."""
    by_formula = {type(row.make()).__name__ for row in LAYERS.values() if row.formula is not None}
    return set(nn.layers.NAMED) - list_tested() - by_formula - {"Input", "Layer"}


def test_every_layer_has_a_test_of_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_untested() == set()
    monkeypatch.setitem(nn.layers.NAMED, "Bent", nn.Layer)
    assert list_untested() == {"Bent"}


@pytest.mark.parametrize("module", [*FAMILIES.values(), *OTHER_FILES.values()])
def test_every_case_has_golden_values(module: ModuleType) -> None:
    assert set(store.load(module.__name__.rsplit(".")[-1])) == set(module.CASES)


@pytest.mark.parametrize("file", OTHER_FILES)
def test_other_files_compare_both_libraries(file: str) -> None:
    source = (HERE / file).read_text()
    assert source.count("store.compare(") >= 2
    assert "@pytest.mark.peer" in source
