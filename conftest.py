"""What tests and docstring examples share: no window opens, no file is left behind."""

import gc
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ["PELLUCID_CACHE"] = "0"  # programs are compiled anew, so that no test depends on what ran before it
# XLA writes code as quickly as it can: unpolished, and by its older emitter of fused loops.
# Tests that look at digits ask for the code that users get (tests/graph/stability/evaluation.py), and `make slow` does.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

# Second names of modules, which pytest would import as modules of their own.
collect_ignore = [f"src/pellucid/{name}.py" for name in ("losses", "optimizers", "schedules")]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among tests while they are collected, nor afterwards, and for other garbage less often."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


@pytest.fixture(autouse=True)
def _examples_see_pellucid(
    request: pytest.FixtureRequest,
    doctest_namespace: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Give docstring examples `np` and `pel`, and an empty folder to write in; ops they make leave with them."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    import pellucid as pel
    from pellucid.graph.operators import FUNCTIONS

    doctest_namespace.update(np=np, pel=pel)
    monkeypatch.chdir(tmp_path_factory.mktemp("example"))
    before = set(FUNCTIONS)
    yield
    for name in set(FUNCTIONS) - before:
        del FUNCTIONS[name]
