"""Repeated calls skip checks whose result is known, and keep every guarantee of the first call."""

import copy
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import InputError, PrecisionWarning, ShapeError
from pellucid.run import function as function_module
from pellucid.run import interrupts, xla
from pellucid.run.interrupts import DeferSigint

compiled = pytest.mark.parametrize("mode", ["auto", "xla", "native"])


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of arguments of each validation."""
    counts: list[int] = []
    original = function_module.convert_arguments

    def count(inputs, values, lead=0):
        counts.append(len(values))
        return original(inputs, values, lead)

    monkeypatch.setattr(function_module, "convert_arguments", count)
    return counts


def make_affine() -> tuple[pel.Function, pel.Shared]:
    x, w = pel.matrix("x", shape=("n", 2)), pel.shared([1.0, 10.0], "w")
    return pel.function([x], x @ w, mode="xla"), w


def test_arrays_are_validated_once_for_each_shape(conversions):
    f, _ = make_affine()
    for count in (1, 3, 1, 3):
        x = np.full((count, 2), 2.0, "float32")
        assert f(x).tolist() == [22.0] * count
    assert conversions == [1, 1]
    f.copy()(np.ones((1, 2), "float32"))
    assert conversions == [1, 1, 1]  # another function may have other inputs


def test_values_that_need_a_conversion_are_validated_every_time(conversions):
    f, _ = make_affine()
    f(np.ones((1, 2), "float32"))
    for value in ([[1.0, 1.0]], np.ones((1, 2), "int8"), np.ma.ones((1, 2), "float32")):
        for _ in range(2):
            assert f(value).tolist() == [11.0]
    assert f(x=np.ones((1, 2), "float32")).tolist() == [11.0]
    assert len(conversions) == 8


def test_rounding_warns_at_every_call():
    f, _ = make_affine()
    f(np.ones((1, 2), "float32"))
    for _ in range(2):
        with pytest.warns(PrecisionWarning, match="float64 values, which were rounded"):
            f(np.full((1, 2), 0.1))


def test_accepted_shapes_do_not_weaken_the_checks():
    f, _ = make_affine()
    f(np.ones((1, 2), "float32"))
    for wrong in (np.ones((1, 3), "float32"), np.ones(2, "float32")):
        for _ in range(2):
            with pytest.raises(ShapeError, match="to have shape"):
                f(wrong)
    with pytest.raises(InputError, match="takes 1 input"):
        f(np.ones((1, 2), "float32"), np.ones((1, 2), "float32"))
    with pytest.raises(InputError, match="needs a value for x"):
        f()


def test_sizes_that_must_agree_are_checked_together():
    x, y = pel.vector("x", shape=("n",)), pel.vector("y", shape=("n",))
    f = pel.function([x, y], x + y)
    two, three = np.ones(2, "float32"), np.ones(3, "float32")
    f(two, two), f(three, three)
    with pytest.raises(ShapeError, match="the same size for 'n'"):
        f(two, three)


def test_indices_are_checked_at_every_call(conversions):
    i = pel.vector("i", dtype="int32")
    f = pel.function([i], pel.constant([1.0, 2.0, 3.0])[i])
    assert f(np.array([0, 2], "int32")).tolist() == [1, 3]
    for _ in range(2):
        with pytest.raises(InputError, match=r"from -3 to 2.*Received: 3"):
            f(np.array([0, 3], "int32"))
    assert f(np.array([0, -1], "int32")).tolist() == [1, 3]
    assert len(conversions) == 1


def test_defaults_fill_in_after_calls_without_them(conversions):
    x, y = pel.vector("x"), pel.vector("y")
    f = pel.function([x, y], x + y, defaults={y: [5.0]})
    one = np.ones(1, "float32")
    assert [f(one).tolist(), f(one, one).tolist(), f(one).tolist(), f(one, one).tolist()] == [[6], [2], [6], [2]]
    assert len(conversions) == 3


@compiled
def test_new_values_of_variables_are_seen(mode):
    w, x = pel.shared([1.0, 2.0], "w"), pel.vector("x")
    read = pel.function([x], w * x, mode=mode)
    train = pel.function([], updates={w: w + 1}, mode=mode)
    one = np.ones(2, "float32")
    assert read(one).tolist() == [1, 2]
    train()
    assert read(one).tolist() == [2, 3]
    train.repeat(3)
    assert read(one).tolist() == [5, 6]
    w.set_value([0.0, 7.0])
    assert read(one).tolist() == [0, 7]
    assert copy.deepcopy(read)(one).tolist() == pickle.loads(pickle.dumps(read))(one).tolist() == [0, 7]


@compiled
def test_results_are_writable_and_belong_to_the_caller(mode):
    x, w = pel.vector("x"), pel.shared([1.0, 2.0], "w")
    f = pel.function([x], [x, w, x + w, x.sum()], mode=mode)
    given = np.array([3.0, 4.0], "float32")
    first = f(given)
    expected = [np.copy(o) for o in first]
    given[:] = -1
    for result, kept in zip(first, expected, strict=True):
        assert np.array_equal(result, kept)
    for result in first[:3]:
        assert result.flags.writeable
        result[:] = 99
    assert w.get_value().tolist() == [1, 2]
    assert [np.asarray(o).tolist() for o in f(given)] == [[-1, -1], [1, 2], [0, 1], -2]


def test_threads_call_one_function_at_once():
    x, w = pel.matrix("x", shape=("n", 30)), pel.shared(np.eye(30), "w", dtype="float32")
    f = pel.function([x], pel.tanh(x @ w).sum())
    inputs = [np.full((n, 30), 0.01 * n, "float32") for n in (1, 2, 3, 4)]
    expected = [f(each) for each in inputs]
    found: list[list[np.float32]] = [[] for _ in inputs]

    def call(number: int) -> None:
        found[number] = [f(inputs[number]) for _ in range(200)]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[value] * 200 for value in expected]


def test_ctrl_c_waits_for_the_new_state_only(monkeypatch):
    w = pel.shared(0.0, "w")
    functions = {"read": pel.function([], w + 1, mode="xla"), "write": pel.function([], updates={w: w + 1}, mode="xla")}
    entered: list[str] = []
    enter = DeferSigint.__enter__
    monkeypatch.setattr(DeferSigint, "__enter__", lambda self: entered.append("block") or enter(self))
    for name, f in functions.items():
        f()
        entered.clear()
        f()
        assert entered == ["block"] * (name == "write")


@pytest.mark.parametrize("module", [interrupts.handlers, signal])
def test_ctrl_c_during_a_call_keeps_the_new_state(module, monkeypatch):
    monkeypatch.setattr(interrupts, "handlers", module)
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode="xla")
    f()
    original = xla.copy_outputs

    def press(outputs):
        os.kill(os.getpid(), signal.SIGINT)
        return original(outputs)

    monkeypatch.setattr(xla, "copy_outputs", press)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        f()
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.setattr(xla, "copy_outputs", original)
    assert f() == 2


INLINE = """
import pellucid as pel
w = pel.shared(1.0, "w")
pel.function([], w, mode="xla")()
import jax
x = jax.numpy.ones((600, 600))
f = jax.jit(lambda x: jax.lax.fori_loop(0, 20, lambda i, y: jax.numpy.tanh(y @ x), x))
f(x).block_until_ready()
print(f(x).is_ready())
"""


@pytest.mark.slow
def test_programs_run_in_the_calling_thread_unless_the_user_imports_jax_first(python: Callable[..., list[str]]):
    assert python(INLINE) == ["True"]
    assert python("import jax\n" + INLINE) == ["False"]


def test_a_version_of_jax_without_the_option_is_accepted():
    from types import SimpleNamespace

    from pellucid.run.jax_runtime import run_programs_inline

    def update(name: str, value: object) -> None:
        raise AttributeError(f"Unrecognized config option: {name}")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_programs_inline(SimpleNamespace(config=SimpleNamespace(update=update)))
