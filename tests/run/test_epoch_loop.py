"""Epochs with a smaller last batch compared with single steps, for one function and for batched ones, in all modes."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.epoch_loop import put_on_device, run_epochs, start_compilation, step_once
from pellucid.run.native import program
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative
from pellucid.run.native.program import BatchedAutoProgram

MODES = ["auto", "xla", "numpy"]


def make_step(mode: str, start: Any) -> tuple[Any, Any]:
    """Return a training step of a regression on samples given by index, and its weights."""
    data = pel.shared(np.random.default_rng(1).normal(size=(20, 2)).astype("f4"), "data", trainable=False)
    index, w = pel.ivector("index", shape=("n",)), pel.shared(np.array(start, "f4"), "w")
    loss = ((pel.tanh(data[index] @ w) - data[index][:, 0]) ** 2).mean()
    f = pel.function([index], {"loss": loss, "w": w}, updates={w: w - 0.1 * pel.grad(loss, w)}, mode=mode)
    return f, w


def make_batches(epochs: int, *lead: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of whole and of last batches: three steps of 6 samples and one of 2 per epoch."""
    rng = np.random.default_rng(2)
    orders = np.stack([rng.permutation(20) for _ in range(epochs * int(np.prod(lead, dtype=int)))]).astype("int32")
    orders = orders.reshape(epochs, *lead, 20)
    return np.moveaxis(orders[..., :18].reshape(epochs, *lead, 3, 6), -2, 1).reshape(-1, *lead, 6), orders[..., 18:]


@pytest.mark.parametrize("mode", MODES)
def test_epochs_equal_single_steps(mode: str) -> None:
    whole, last = make_batches(4)
    f, w = make_step(mode, [0.5, -0.3])
    found = run_epochs(f, [whole], [last], 4)
    g, v = make_step("numpy", [0.5, -0.3])
    for i in range(16):
        batch = last[i // 4] if i % 4 == 3 else whole[i // 4 * 3 + i % 4]
        expected = g(batch)
        np.testing.assert_allclose(found["loss"][i], expected["loss"], rtol=1e-5)
        np.testing.assert_allclose(found["w"][i], expected["w"], rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), v.get_value(), rtol=1e-5)
    again, _ = make_step(mode, w.get_value())
    np.testing.assert_array_equal(step_once(again, last[0])["w"], w.get_value())


NATIVE = pytest.param("native", marks=pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler"))


@pytest.mark.parametrize("mode", [*MODES, NATIVE])
def test_epochs_of_all_members(mode: str) -> None:
    starts = np.random.default_rng(3).normal(size=(5, 2)).astype("f4")
    whole, last = make_batches(3, 5)
    f, w = make_step(mode, starts[0])
    (index,) = f.program.inputs
    many = pel.shared(starts, "many")
    g = pel.vmap(f, {w: many, index: pel.imatrix("indices", shape=("members", "n"))})
    found = run_epochs(g, [whole], [last], 3)
    assert isinstance(g.backend, BatchedAutoProgram) == (mode == "auto")
    for m in range(5):
        alone, own = make_step("numpy", starts[m])
        expected = run_epochs(alone, [whole[:, m]], [last[:, m]], 3)
        np.testing.assert_allclose(found["w"][:, m], expected["w"], rtol=1e-4)
        np.testing.assert_allclose(many.get_value()[m], own.get_value(), rtol=1e-4)


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_members_are_bit_identical_to_single_functions() -> None:
    starts = np.random.default_rng(3).normal(size=(3, 2)).astype("f4")
    batches = make_batches(4)[0]
    f, w = make_step("auto", starts[0])
    many = pel.shared(starts, "many")
    g = pel.vmap(f, {w: many})
    losses = g.over(batches)["loss"]
    for m in range(3):
        alone, own = make_step("auto", starts[m])
        np.testing.assert_array_equal(losses[:, m], alone.over(batches)["loss"])
        np.testing.assert_array_equal(many.get_value()[m], own.get_value())
    assert all("native" in key for key in g.backend.compiled)


def test_xla_runs_epochs_and_members_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NotNative("the disk is full")

    monkeypatch.setattr(program, "load_driver", fail)
    whole, last = make_batches(4)
    f, w = make_step("auto", [0.5, -0.3])
    g = make_step("numpy", [0.5, -0.3])[0]
    np.testing.assert_allclose(
        run_epochs(f, [whole], [last], 4)["loss"], run_epochs(g, [whole], [last], 4)["loss"], rtol=1e-5
    )
    h = pel.vmap(f, {w: pel.shared(np.ones((3, 2), "f4"), "many")})
    h.over(whole)
    assert None in h.backend.compiled.values()


FORKED = """
import os, signal, warnings
from pellucid.run.native.sweep_driver import get_thread_pool
warnings.simplefilter("ignore")
seven = lambda: get_thread_pool()[0].submit(int, "7").result()
seven()
child = os.fork()
if not child:
    signal.alarm(5)
    os._exit(seven())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork processes")
def test_a_forked_process_starts_its_own_threads(python: Callable[..., list[str]]) -> None:
    assert python(FORKED) == ["7"]


def test_arguments_are_placed_where_the_loop_reads_them() -> None:
    x, w = pel.vector("x", shape=("n",)), pel.shared(0.0, "w")
    for mode in MODES:
        f = pel.function([x], w, updates={w: w + x.sum()}, mode=mode)
        (placed,) = put_on_device(f, [np.ones(3, "f4")])
        assert isinstance(placed, np.ndarray) == (mode == "numpy" or (mode == "auto" and find_compiler() is not None))
        w.set_value(0.0)
        assert f.repeat(2, placed).tolist() == [0.0, 3.0]


@pytest.mark.parametrize("mode", ["auto", "xla"])
def test_loops_may_be_compiled_in_parallel_before_they_run(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, last = make_batches(2)
    expected = run_epochs(make_step("numpy", [0.5, -0.3])[0], [whole], [last], 2)
    f, _ = make_step(mode, [0.5, -0.3])
    finish = [start_compilation(f, [np.zeros_like(batches[:1])], walk=True) for batches in (whole, last)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda compile_: compile_(), finish))
    if mode == "auto" and find_compiler() is not None:
        monkeypatch.setattr(program, "load_library", lambda code: pytest.fail("compiled again"))
        assert f.compile_seconds > 0
    found = run_epochs(f, [whole], [last], 2)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def test_loops_too_large_for_c_are_left_to_xla_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MAX_STATE_BYTES", 0)
    whole, last = make_batches(2)
    f, _ = make_step("auto", [0.5, -0.3])
    start_compilation(f, [whole], walk=True)()
    assert run_epochs(f, [whole], [last], 2)["loss"].shape == (8,)
    assert not any(isinstance(c, CompiledLoop) for c in f.backend.compiled.values())
