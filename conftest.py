"""Settings and fixtures of tests and docstring examples: no windows, no files left behind."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from _pytest.doctest import DoctestItem, DoctestModule
from hypothesis.internal import charmap
from hypothesis.internal.conjecture import providers

import pellucid as pel
from pellucid.graph.op import OPS
from pellucid.graph.operators import FUNCTIONS

# Without bytecode, each process of the tests compiles all modules again, and rewrites the assertions of all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.environ["MPLBACKEND"] = "Agg"
os.environ["PELLUCID_CACHE"] = "0"  # no test depends on programs that an earlier test compiled
# XLA and GCC compile fast: without optimization, and with XLA's older emitter of fused loops.
# Tests of rounding errors use the default flags (tests/graph/stability/evaluation.py, tests/run/conftest.py), as does
# `make slow`.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")  # locations of a program take a tenth of its lowering
# Test processes have a core each, so threads of BLAS would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if shutil.which("gcc"):
    os.environ.setdefault("CC", str(Path(__file__).with_name("tests") / "fast_gcc"))

pytest_plugins = ["tests.processor_time", "tests.sampled_cases", "tests.small_runs"]

SOURCE = Path(__file__).with_name("src")
collect_ignore = ["tests/compat/programs"]  # scripts for old libraries

# Hypothesis would read the constants of all modules for its examples, which takes seconds and makes examples depend on
# unrelated code.
providers.is_local_module_file = lambda path: False  # type: ignore[assignment]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the examples in docstrings. The option of pytest would import all modules, and look in tests too."""
    if file_path.suffix == ".py" and SOURCE in file_path.parents and b">>>" in file_path.read_bytes():
        return DoctestModule.from_parent(parent, path=file_path)
    return None


PROCESS_EVENTS = ("subprocess.Popen", "os.system", "os.fork", "os.posix_spawn")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-processes", action="store_true", help="fail tests that start processes; compile no C")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("no_processes"):
        os.environ["PELLUCID_NATIVE"] = os.environ["PELLUCID_KERNELS"] = "0"
        sys.addaudithook(refuse_processes)


def refuse_processes(event: str, arguments: object) -> None:
    if event in PROCESS_EVENTS and "PYTEST_CURRENT_TEST" in os.environ:  # pytest itself starts processes
        raise RuntimeError(f"{event}: a test of `make quick` starts no process. Received: {arguments}")


SLOW_EXAMPLES = (
    "pellucid.byhand.adder.train",
    "pellucid.train.evaluate.intervals.bootstrap_samples",
    "pellucid.inspect.layer_timing.time_model",
)
"""Examples that show results of many steps, of many samples, or of measured times."""


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.name in SLOW_EXAMPLES:
        item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Disable garbage collection while tests are collected, exclude the tests from it, and collect less often."""
    if not hasattr(session.config, "workerinput"):
        # Hypothesis writes a table of all characters, in a second. Workers, which collect meanwhile, only read it.
        charmap.intervals_from_codec("utf-8")
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        gc.enable()


# These are hooks, because fixtures that all tests have take two seconds of the run.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Remove the ops that a test defines, because other tests compute all ops."""
    before = set(OPS), set(FUNCTIONS)
    try:
        return (yield)
    finally:
        for registry, names in zip((OPS, FUNCTIONS), before, strict=True):
            for name in registry.keys() - names:
                del registry[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run docstring examples with `np` and `pel`, in an empty folder."""
    if not isinstance(item, DoctestItem):
        return (yield)
    item.dtest.globs.update(np=np, pel=pel)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        return (yield)
