"""Every layer that is exported agrees with Keras, or with PyTorch or its formula where Keras has none of its name."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pellucid import nn
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

ELSEWHERE: dict[str, str] = {
    "Maxout": "test_layers.py::test_maxout_is_the_greatest_of_its_pieces",
    "RNN": "test_recurrent.py::test_a_cell_of_ones_own",
}
"""What Keras has not, or has otherwise: the test that holds it against something else."""


@pytest.mark.parametrize(("family", "case"), CASES)
def test_value_and_gradients_are_those_of_keras(family: str, case: str) -> None:
    store.compare(FAMILIES[family].by_pellucid(case), GOLDEN[family][case])


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize(("family", "case"), CASES)
def test_the_golden_values_are_those_of_keras(family: str, case: str) -> None:
    pytest.importorskip("keras")
    store.compare(FAMILIES[family].by_keras(case), GOLDEN[family][case], 2e-6)


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


def exported() -> set[str]:
    """Return the names of all layers, without what they are made of and the input, which computes nothing."""
    return set(nn.layers.__all__) - {"Input", "Layer"}


def test_every_layer_agrees_with_something() -> None:
    assert exported() - held() - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) & held() == set()
    for family, module in (FAMILIES | {m.__name__.rsplit(".")[-1]: m for m in HELD_ELSEWHERE.values()}).items():
        assert set(store.load(family)) == set(module.CASES)
    for file in HELD_ELSEWHERE:
        source = (HERE / file).read_text()
        assert source.count("store.compare(") >= 2
        assert "@pytest.mark.peer" in source


def test_a_layer_that_agrees_with_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.layers, "__all__", [*nn.layers.__all__, "Bent"])
    assert exported() - held() - set(ELSEWHERE) == {"Bent"}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_keras_has_not_is_held_against_something_else(name: str) -> None:
    file, test = ELSEWHERE[name].split("::")
    source = (HERE / file).read_text()
    body = source.split(f"\ndef {test}(")[1].split("\ndef ")[0]
    assert re.search(rf"\bnn\.{name}\(", body)
