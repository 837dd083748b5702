"""Loops compared with single calls, for all chunk sizes, with progress reports, and when they are stopped."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import interpreter, xla

both = pytest.mark.parametrize("mode", ["xla", "numpy"])


def make_regression(mode: str = "xla", dtype: str = "float32"):
    """Return a step of gradient descent, whose outputs are loss and errors, and its weights."""
    X, y = pel.matrix("X", shape=("n", 2), dtype=dtype), pel.vector("y", shape=("n",), dtype=dtype)
    w = pel.shared(np.zeros(2, dtype), "w")
    errors = pel.tanh(X @ w) - y
    loss = (errors**2).sum()
    step = pel.function([X, y], {"loss": loss, "errors": errors}, updates={w: w - 0.1 * pel.grad(loss, w)}, mode=mode)
    return step, w


@pytest.fixture
def data(rng):
    return rng.normal(size=(5, 4, 2)).astype("float32"), rng.normal(size=(5, 4)).astype("float32")


@both
def test_repeat_equals_calls(mode, data):
    X, y = data[0][0], data[1][0]
    step, w = make_regression(mode)
    calls = [step(X, y) for _ in range(6)]
    after, _ = w.get_value(), w.set_value(np.zeros(2, "float32"))
    history = step.repeat(6, X, y=y)
    np.testing.assert_allclose(history["loss"], [c["loss"] for c in calls], rtol=1e-6)
    np.testing.assert_allclose(history["errors"], [c["errors"] for c in calls], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(w.get_value(), after, rtol=1e-6)


@both
def test_over_equals_calls(mode, data):
    step, w = make_regression(mode)
    calls = [step(X, y) for X, y in zip(*data, strict=True)]
    after, _ = w.get_value(), w.set_value(np.zeros(2, "float32"))
    history = step.over(*data)
    np.testing.assert_allclose(history["loss"], [c["loss"] for c in calls], rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), after, rtol=1e-6)


def test_the_compiled_loop_equals_the_interpreter(data):
    results = {}
    for mode in ("xla", "numpy"):
        step, w = make_regression(mode, "float64")
        history = step.repeat(20, data[0][0].astype(float), data[1][0].astype(float))
        results[mode] = (*history.values(), w.get_value())
    for a, b in zip(results["xla"], results["numpy"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_the_bits_do_not_depend_on_the_chunks(data, monkeypatch):
    X, y = data[0][0], data[1][0]
    runs = []
    for seconds, history_bytes in ((10.0, 2**22), (1e-9, 2**22), (10.0, 100)):
        monkeypatch.setattr(xla, "CHUNK_SECONDS", seconds)
        monkeypatch.setattr(xla, "HISTORY_BYTES", history_bytes)
        step, w = make_regression()
        chunks = []
        history = step.repeat(50, X, y, progress=lambda done, *_, chunks=chunks: chunks.append(done))
        runs.append((len(chunks), history["loss"].tobytes(), history["errors"].tobytes(), w.get_value().tobytes()))
    assert runs[0][0] < runs[2][0] <= runs[1][0] == 50
    assert runs[0][1:] == runs[1][1:] == runs[2][1:]


def test_one_program_runs_any_number_of_steps(data):
    X, y = data[0][0], data[1][0]
    step, _ = make_regression()
    for steps in (0, 1, 7, 100):
        assert step.repeat(steps, X, y)["loss"].shape == (steps,)
    assert len(step.backend.compiled) == 1
    assert step.repeat(3, X[:2], y[:2])["errors"].shape == (3, 2)
    assert len(step.backend.compiled) == 2


def test_one_program_runs_any_number_of_batches(data, monkeypatch):
    monkeypatch.setattr(xla, "WINDOW_BYTES", 4 * sum(a[0].nbytes for a in data))
    whole, w = make_regression("xla")
    many = [np.concatenate([a] * 5) for a in data]
    expected = whole.over(*many)["loss"]
    parts, v = make_regression("xla")
    found = []
    for first, last in ((0, 1), (1, 4), (4, 15), (15, len(many[0]))):
        found.append(parts.over(*[a[first:last] for a in many])["loss"])
    assert len(parts.backend.compiled) == len(whole.backend.compiled) == 1
    np.testing.assert_array_equal(np.concatenate(found), expected)
    np.testing.assert_array_equal(v.get_value(), w.get_value())


@both
def test_outputs_of_no_steps_have_shapes_and_dtypes(mode, data):
    step, w = make_regression(mode)
    history = step.repeat(0, data[0][0], data[1][0])
    assert history["loss"].shape == (0,)
    assert history["errors"].shape == (0, 4)
    assert step.over(data[0][:0], data[1][:0])["errors"].shape == (0, 4)
    assert history["errors"].dtype == np.float32
    assert w.get_value().tolist() == [0, 0]
    x = pel.vector("x")
    assert pel.function([x], x[1:], mode=mode).repeat(0, [1.0, 2.0, 3.0]).shape == (0, 2)


@both
def test_a_loop_without_outputs_or_inputs(mode):
    w = pel.shared(np.float64(1.0), "w")
    double = pel.function([], updates={w: 2 * w}, mode=mode)
    assert double.repeat(10) is None
    assert double.repeat(0) is None
    assert w.get_value() == 1024


@both
def test_integer_and_boolean_outputs(mode):
    i = pel.shared(np.int32(0), "i")
    f = pel.function([], [i, i > 1], updates={i: i + 1}, mode=mode)
    counted, above = f.repeat(4)
    assert (counted.dtype, counted.tolist()) == (np.int32, [0, 1, 2, 3])
    assert (above.dtype, above.tolist()) == (np.bool_, [False, False, True, True])


def test_jax_arrays_as_arguments(data):
    import jax.numpy as jnp

    step, w = make_regression()
    from_numpy = step.over(*data)
    w.set_value(np.zeros(2, "float32"))
    from_jax = step.over(*map(jnp.asarray, data))
    assert from_jax["loss"].tobytes() == from_numpy["loss"].tobytes()
    assert step(jnp.asarray(data[0][0]), data[1][0])["errors"].shape == (4,)


def test_random_numbers_differ_between_steps():
    rng = pel.random.Generator(0)
    draw = pel.function([], rng.uniform(size=(2,)))
    called = [draw(), draw(), draw()]
    again = pel.function([], pel.random.Generator(0).uniform(size=(2,))).repeat(3)
    np.testing.assert_array_equal(again, called)
    assert len(np.unique(again)) == 6


@both
def test_progress_receives_step_and_latest_outputs(mode, data, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(interpreter, "REPORT_SECONDS", 0.0)
    step, _ = make_regression(mode)
    reports = []
    history = step.over(*data, progress=lambda *args: reports.append(args))
    assert [(done, steps) for done, steps, _ in reports] == [(i, 5) for i in range(1, 6)]
    assert [latest["loss"] for *_, latest in reports] == history["loss"].tolist()
    assert reports[-1][2]["errors"].shape == (4,)


@both
def test_progress_reports_the_end_of_a_short_loop(mode):
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)
    reports = []
    f.repeat(3, progress=lambda done, steps, latest: reports.append((done, steps, float(latest))))
    assert reports[-1] == (3, 3, 2.0)


@both
def test_an_error_in_progress_ends_the_loop_and_keeps_the_state(mode, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(interpreter, "REPORT_SECONDS", 0.0)
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)

    def fail(done, steps, latest):
        if done == 3:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        f.repeat(1000, progress=fail)
    assert w.get_value() == 3
    assert f.repeat(2).tolist() == [3, 4]


@both
def test_progress_may_use_the_state(mode, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)
    reports = []
    f.repeat(3, progress=lambda *_: reports.append(float(w.get_value())))
    assert reports[-1] == 3


def test_outputs_are_not_views_of_large_buffers(monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    w = pel.shared(0.0, "w")
    latest = []
    pel.function([], w, updates={w: w + 1}).repeat(3, progress=lambda done, steps, now: latest.append(now))
    assert all(now.base is None or now.base.nbytes <= 64 for now in latest)
