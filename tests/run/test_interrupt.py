"""Ctrl-C ends a loop at once, and keeps the state and outputs of the finished steps."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import interpreter, xla
from pellucid.run.interrupts import DeferSigint
from pellucid.run.native.compiler import find_compiler

both = pytest.mark.parametrize("mode", ["xla", "numpy"])

PROGRAM = """
import sys, pellucid as pel
w = pel.shared(0, "w", dtype="int64")
f = pel.function([], w, updates={w: w + 1}, mode=sys.argv[1])
f.repeat(2)
try:
    f.repeat(10**12, progress=lambda *_: print("running", flush=True))
except pel.Interrupted as stop:
    whole = stop.history.tolist() == list(range(2, stop.steps + 2))
    print(stop.steps > 0, whole, int(w.get_value()) - stop.steps, f.repeat(1).item() - stop.steps)
"""


@pytest.mark.slow
@both
def test_ctrl_c_ends_a_loop_and_keeps_the_finished_steps(mode):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, mode], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0].splitlines()
    assert time.perf_counter() - start < 10
    assert rest[-1] == "True True 2 2"
    assert process.returncode == 0


@both
def test_the_exception_has_the_outputs(mode, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(interpreter, "REPORT_SECONDS", 0.0)
    w = pel.shared([0.0, 1.0], "w")
    f = pel.function([], {"w": w}, updates={w: w + 1}, mode=mode)

    def press(done, steps, latest):
        if done == 4:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(pel.Interrupted, match="stopped after 4 steps") as stop:
        f.repeat(100, progress=press)
    assert isinstance(stop.value, KeyboardInterrupt)
    assert stop.value.steps == 4
    assert stop.value.history["w"].tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert w.get_value().tolist() == [4, 5]


@both
def test_ctrl_c_before_the_first_step_leaves_an_empty_history(mode, monkeypatch):
    X, w = pel.matrix("X", shape=("n", 2)), pel.shared(0.0, "w")
    f = pel.function([X], [X, w], updates={w: w + 1}, mode=mode)

    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(f.backend), "run", press)
    with pytest.raises(pel.Interrupted) as stop:
        f.repeat(100, np.ones((3, 2), "float32"))
    assert [h.shape for h in stop.value.history] == [(0, 3, 2), (0,)]
    assert w.get_value() == 0


@pytest.fixture
def no_garbage():
    """Disable garbage collection, during which Python swallows exceptions such as Ctrl-C."""
    gc.disable()
    yield
    gc.enable()


without_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.mark.parametrize("step", [31, pytest.param(3, marks=pytest.mark.slow)])  # odd: calls and loops in turn
@pytest.mark.parametrize("mode", ["numpy", "xla", pytest.param("native", marks=without_compiler)])
@pytest.mark.usefixtures("no_garbage")
def test_state_survives_ctrl_c_at_any_moment(mode, step):
    """Press Ctrl-C at many moments of loops and calls: the state is always that of a finished step."""
    w = pel.shared(np.zeros(3), "w")
    previous = pel.shared(np.zeros(3), "previous")
    f = pel.function([], w[0], updates={w: w + 1, previous: w}, mode=mode)
    f(), f.repeat(1)
    for attempt in range(0, 60, step):
        start = w.get_value()[0]
        with pytest.raises(KeyboardInterrupt) as stop:
            run_until_interrupted(f, 0.001 + 0.0002 * attempt, calls=attempt % 2 == 0)
        if isinstance(stop.value, pel.Interrupted):
            assert w.get_value()[0] - start == stop.value.steps == len(stop.value.history)
        assert w.get_value().tolist() == (previous.get_value() + 1).tolist()


def run_until_interrupted(f, seconds, calls):
    """Call a function, or repeat it, until Ctrl-C is pressed."""
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    while calls:
        f()
    f.repeat(10**9)


def test_the_handler_of_the_user_is_restored_and_called():
    pressed = []
    original = signal.signal(signal.SIGINT, lambda *_: pressed.append("handled"))
    try:
        with DeferSigint():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            assert pressed == []
        assert pressed == ["handled"]
        os.kill(os.getpid(), signal.SIGINT)
        assert pressed == ["handled", "handled"]
    finally:
        signal.signal(signal.SIGINT, original)


def test_an_ignored_signal_stays_ignored():
    original = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with DeferSigint():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, original)


def test_functions_run_in_other_threads():
    w = pel.shared(0.0, "w")
    f = pel.function([], updates={w: w + 1})
    thread = threading.Thread(target=f.repeat, args=(5,))
    thread.start()
    thread.join()
    assert w.get_value() == 5


def test_an_interrupt_during_the_import_of_jax_is_no_other_error(monkeypatch):
    """The outputs of no step are made without JAX, which is half imported."""
    x, w = pel.vector("x"), pel.shared(1.0, "w")
    f = pel.function([x], [w, 2 * x], updates={w: 2 * w}, mode="xla")

    def press(*args):
        raise KeyboardInterrupt

    def fail(*args):
        raise AttributeError("partially initialized module 'jax' has no attribute 'version'")

    monkeypatch.setattr(type(f.backend), "run", press)
    monkeypatch.setattr(type(f.backend), "infer_shapes", fail)
    with pytest.raises(pel.Interrupted, match="stopped after 0 steps") as stop:
        f.repeat(3, [1.0, 2.0])
    assert [h.shape for h in stop.value.history] == [(0,), (0, 0)]
