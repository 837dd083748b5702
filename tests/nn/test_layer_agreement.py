"""Every exported layer agrees with Keras, with PyTorch where Keras has none of its name, or with its formula."""

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
"""Those that are held here; the others have files of their own."""

HELD_ELSEWHERE: dict[str, ModuleType] = {
    "test_convolution_layers.py": convolution,
    "test_image_layers.py": images,
    "test_pooling_layers.py": pooling,
    "test_recurrent.py": recurrent,
}

CASES = [(family, case) for family, module in FAMILIES.items() for case in module.CASES]
GOLDEN = {family: store.load(family) for family in FAMILIES}


@pytest.mark.parametrize(("family", "case"), CASES)
def test_value_and_gradients_are_those_of_keras(family: str, case: str) -> None:
    store.compare(FAMILIES[family].by_pellucid(case), GOLDEN[family][case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize(("family", "case"), CASES)
def test_the_golden_values_are_those_of_keras(family: str, case: str) -> None:
    pytest.importorskip("keras")
    store.compare(FAMILIES[family].by_keras(case), GOLDEN[family][case], 2e-6)


def stretched(shape: tuple[int, ...], factors: np.ndarray) -> tuple[int, ...]:
    """Return a shape with every size several times as long, equal sizes equally; 1 stays 1."""
    return tuple(size if size == 1 else int(size * factors[size]) for size in shape)


def other(case: Any, factors: np.ndarray) -> Any:
    """Return a case on other shapes."""
    if isinstance(case, single.Case):
        return replace(case, shape=stretched(case.shape, factors))
    return replace(case, shapes=tuple(stretched(shape, factors) for shape in case.shapes))


def told_by_arrays(case: Any) -> bool:
    """Tell whether a case has masks, which are of one shape."""
    return bool(getattr(case, "mask", None) or getattr(case, "masks", None)) or any(
        isinstance(value, np.ndarray) for value in getattr(case, "keywords", {}).values()
    )


STRETCHED = [
    (module, key)
    for module in (activation_layers, attention, convolution, merging, normalization, pooling)
    for key, case in module.CASES.items()
    if case.name != "LocalResponseNormalization" and not told_by_arrays(case)
]


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize(("module", "key"), STRETCHED, ids=lambda e: e if isinstance(e, str) else e.__name__[15:])
def test_on_other_shapes_they_agree_too(module: ModuleType, key: str) -> None:
    pytest.importorskip("keras")
    case = module.CASES[key]
    by = single if isinstance(case, single.Case) else several
    stretch = other(case, np.random.default_rng(len(key)).integers(1, 4, 20))
    wanted, found = by.by_keras(f"{key}, other", stretch), by.by_pellucid(f"{key}, other", stretch)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        near = 1e-5 * max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=near, err_msg=name)


def names(case: Any) -> set[str]:
    """Return the classes that a case makes."""
    if hasattr(case, "name"):
        return {case.name}
    made = case.make(nn)
    inside = [layer.config.get("layer") for layer in made]
    return {type(layer).__name__ for layer in (*made, *inside) if layer is not None}


def held() -> set[str]:
    """Return the names of all layers that have a case somewhere."""
    modules = [*FAMILIES.values(), *HELD_ELSEWHERE.values()]
    return {name for module in modules for case in module.CASES.values() for name in names(case)}


def without_agreement() -> set[str]:
    """Return the names of exported layers that agree with nothing; the input computes nothing."""
    by_formula = {type(row.make()).__name__ for row in LAYERS.values() if row.formula is not None}
    return set(nn.layers.NAMED) - held() - by_formula - {"Input", "Layer"}


def test_every_layer_agrees_with_something(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_agreement() == set()
    monkeypatch.setitem(nn.layers.NAMED, "Bent", nn.Layer)
    assert without_agreement() == {"Bent"}


@pytest.mark.parametrize("module", [*FAMILIES.values(), *HELD_ELSEWHERE.values()])
def test_every_case_has_golden_values(module: ModuleType) -> None:
    assert set(store.load(module.__name__.rsplit(".")[-1])) == set(module.CASES)


@pytest.mark.parametrize("file", HELD_ELSEWHERE)
def test_families_elsewhere_are_compared_twice(file: str) -> None:
    source = (HERE / file).read_text()
    assert source.count("store.compare(") >= 2
    assert "@pytest.mark.peer" in source
