"""The modules in the package are those of the examples, compiled from the C that is generated today."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.course import figures
from pellucid.live import examples
from pellucid.live.module_plan import plan_modules
from pellucid.live.prebuild import list_modules
from pellucid.live.spec import assemble_figure
from pellucid.run.wasm import module_store
from pellucid.run.wasm.module import generate_code

REBUILD = "Run `make runtime` (python -m pellucid.live.prebuild), and commit the files in run/wasm/shipped"


MAKERS = {
    examples: ["adder", "digits_convolution"],
    figures: ["digit_reader", "filter_editor", "neuron", "overflow", "regularization_sweep"],
}
"""Figures whose C is generated quickly. The arithmetic of others takes up to a second."""


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in MAKERS.items() for name in names])
def test_modules_of_a_figure_are_current(module, name) -> None:
    parts = [assemble_figure(variant) for _, variant in getattr(module, name)().variants]
    for functions in plan_modules([p.functions.sources for p in parts]).modules:
        shipped = module_store.load_shipped(module_store.make_key(functions))
        assert shipped is not None, REBUILD
        assert shipped.source == generate_code(functions).source_hash, REBUILD


@pytest.mark.slow
def test_modules_are_current() -> None:
    found = dict(list_modules())
    assert {path.stem for path in module_store.SHIPPED.glob("*.json")} == set(found), REBUILD
    for key, functions in found.items():
        assert module_store.load_shipped(key).source == generate_code(functions).source_hash, REBUILD


def test_figures_of_the_examples_need_no_compiler(monkeypatch) -> None:
    def refuse(*args, **options):
        raise AssertionError("compiled")

    monkeypatch.setattr("pellucid.run.wasm.module.compile_module", refuse)
    assert pel.live.examples.adder().to_spec()["modules"]


@pytest.mark.slow
def test_rebuilt_modules_give_the_same_losses(pages, monkeypatch) -> None:
    retrain = "document.querySelector('pellucid-figure').retrain({}, {record: 'all'})"
    for make in (pel.live.examples.moons, pel.live.examples.digits_convolution):
        shipped = pages.open(make(steps=100)).evaluate(retrain)["losses"]
        with monkeypatch.context() as patch:
            patch.setattr(module_store, "load_shipped", lambda key: None)
            rebuilt = pages.open(make(steps=100)).evaluate(retrain)["losses"]
        np.testing.assert_allclose(rebuilt, shipped, rtol=1e-6)
