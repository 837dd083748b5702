"""Steps of two sizes that take turns are the steps one by one, of one program or of many members, in C or not."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.epoch_loop import begun, held, rounds, turn
from pellucid.run.native import program, trial_driver
from pellucid.run.native.compiler import compiler
from pellucid.run.native.errors import NotNative
from pellucid.run.native.program import MembersProgram

MODES = ["auto", "xla", "numpy"]


def walker(mode: str, start: Any) -> tuple[Any, Any]:
    """Return a step of a regression on samples that are told by their numbers, and its weights."""
    data = pel.shared(np.random.default_rng(1).normal(size=(20, 2)).astype("f4"), "data", trainable=False)
    index, w = pel.ivector("index", shape=("n",)), pel.shared(np.array(start, "f4"), "w")
    loss = ((pel.tanh(data[index] @ w) - data[index][:, 0]) ** 2).mean()
    f = pel.function([index], {"loss": loss, "w": w}, updates={w: w - 0.1 * pel.grad(loss, w)}, mode=mode)
    return f, w


def numbers(count: int, *lead: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whole batches and last ones: three steps of 6 and one of 2 a round."""
    rng = np.random.default_rng(2)
    orders = np.stack([rng.permutation(20) for _ in range(count * int(np.prod(lead, dtype=int)))]).astype("int32")
    orders = orders.reshape(count, *lead, 20)
    return np.moveaxis(orders[..., :18].reshape(count, *lead, 3, 6), -2, 1).reshape(-1, *lead, 6), orders[..., 18:]


@pytest.mark.parametrize("mode", MODES)
def test_rounds_are_the_steps_one_by_one(mode: str) -> None:
    whole, last = numbers(4)
    f, w = walker(mode, [0.5, -0.3])
    found = rounds(f, [whole], [last], 4)
    g, v = walker("numpy", [0.5, -0.3])
    for i in range(16):
        batch = last[i // 4] if i % 4 == 3 else whole[i // 4 * 3 + i % 4]
        wanted = g(batch)
        np.testing.assert_allclose(found["loss"][i], wanted["loss"], rtol=1e-5)
        np.testing.assert_allclose(found["w"][i], wanted["w"], rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), v.get_value(), rtol=1e-5)
    again, _ = walker(mode, w.get_value())
    np.testing.assert_array_equal(turn(again, last[0])["w"], w.get_value())


@pytest.mark.parametrize("mode", MODES)
def test_every_member_goes_its_rounds(mode: str) -> None:
    starts = np.random.default_rng(3).normal(size=(5, 2)).astype("f4")
    whole, last = numbers(3, 5)
    f, w = walker(mode, starts[0])
    (index,) = f.program.inputs
    many = pel.shared(starts, "many")
    g = pel.batched(f, {w: many, index: pel.imatrix("indices", shape=("members", "n"))})
    found = rounds(g, [whole], [last], 3)
    assert isinstance(g.backend, MembersProgram) == (mode == "auto")
    for m in range(5):
        alone, own = walker("numpy", starts[m])
        wanted = rounds(alone, [whole[:, m]], [last[:, m]], 3)
        np.testing.assert_allclose(found["w"][:, m], wanted["w"], rtol=1e-4)
        np.testing.assert_allclose(many.get_value()[m], own.get_value(), rtol=1e-4)


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler")
def test_members_are_the_bits_that_they_are_alone() -> None:
    starts = np.random.default_rng(3).normal(size=(3, 2)).astype("f4")
    batches = numbers(4)[0]
    f, w = walker("auto", starts[0])
    many = pel.shared(starts, "many")
    g = pel.batched(f, {w: many})
    together = g.over(batches)["loss"]
    for m in range(3):
        alone, own = walker("auto", starts[m])
        np.testing.assert_array_equal(together[:, m], alone.over(batches)["loss"])
        np.testing.assert_array_equal(many.get_value()[m], own.get_value())
    assert all("native" in key for key in g.backend.compiled)


def test_without_a_driver_xla_has_rounds_and_members(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NotNative("no room")

    monkeypatch.setattr(trial_driver, "driver", refused)
    whole, last = numbers(4)
    f, w = walker("auto", [0.5, -0.3])
    g = walker("numpy", [0.5, -0.3])[0]
    np.testing.assert_allclose(rounds(f, [whole], [last], 4)["loss"], rounds(g, [whole], [last], 4)["loss"], rtol=1e-5)
    h = pel.batched(f, {w: pel.shared(np.ones((3, 2), "f4"), "many")})
    h.over(whole)
    assert None in h.backend.compiled.values()


FORKED = """
import os, signal, warnings
from pellucid.run.native.trial_driver import threads
warnings.simplefilter("ignore")
seven = lambda: threads()[0].submit(int, "7").result()
seven()
child = os.fork()
if not child:
    signal.alarm(5)
    os._exit(seven())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_threads_of_its_own(python: Callable[..., list[str]]) -> None:
    assert python(FORKED) == ["7"]


def test_what_is_held_lies_where_the_loop_wants_it() -> None:
    x, w = pel.vector("x", shape=("n",)), pel.shared(0.0, "w")
    for mode in MODES:
        f = pel.function([x], w, updates={w: w + x.sum()}, mode=mode)
        (kept,) = held(f, [np.ones(3, "f4")])
        assert isinstance(kept, np.ndarray) == (mode == "numpy" or (mode == "auto" and compiler() is not None))
        w.set_value(0.0)
        assert f.repeat(2, kept).tolist() == [0.0, 3.0]


@pytest.mark.parametrize("mode", ["auto", "xla"])
def test_loops_may_be_compiled_beside_one_another_before_they_run(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, last = numbers(2)
    expected = rounds(walker("numpy", [0.5, -0.3])[0], [whole], [last], 2)
    f, _ = walker(mode, [0.5, -0.3])
    finishing = [begun(f, [np.zeros_like(batches[:1])], walk=True) for batches in (whole, last)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda finish: finish(), finishing))
    if mode == "auto" and compiler() is not None:
        monkeypatch.setattr(program, "library", lambda code: pytest.fail("compiled again"))
        assert f.compile_seconds > 0
    found = rounds(f, [whole], [last], 2)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def test_what_is_too_large_for_c_is_left_to_xla_ahead_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_BYTES", 0)
    whole, last = numbers(2)
    f, _ = walker("auto", [0.5, -0.3])
    begun(f, [whole], walk=True)()
    assert rounds(f, [whole], [last], 2)["loss"].shape == (8,)
    assert not any(isinstance(made, program.NativeStep) for made in f.backend.compiled.values())
