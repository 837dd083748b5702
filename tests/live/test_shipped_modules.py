"""The modules in the package are those of the examples, compiled from the C that is generated today."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.live.prebuild import list_modules
from pellucid.run.wasm import module_store
from pellucid.run.wasm.module import generate_code

REBUILD = "Run `make runtime` (python -m pellucid.live.prebuild), and commit the files in run/wasm/shipped"


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
