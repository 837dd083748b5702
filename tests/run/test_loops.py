"""Loops: the same numbers as single calls, however they are cut, watched and stopped."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import interpreter, xla

both = pytest.mark.parametrize("mode", ["xla", "numpy"])


def regression(mode: str = "xla", dtype: str = "float32"):
    """A step of gradient descent with a weight, and the loss and the errors it returns."""
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
def test_repeat_is_many_calls(mode, data):
    X, y = data[0][0], data[1][0]
    step, w = regression(mode)
    calls = [step(X, y) for _ in range(6)]
    after, _ = w.get_value(), w.set_value(np.zeros(2, "float32"))
    history = step.repeat(6, X, y=y)
    np.testing.assert_allclose(history["loss"], [c["loss"] for c in calls], rtol=1e-6)
    np.testing.assert_allclose(history["errors"], [c["errors"] for c in calls], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(w.get_value(), after, rtol=1e-6)


@both
def test_over_is_a_call_for_every_batch(mode, data):
    step, w = regression(mode)
    calls = [step(X, y) for X, y in zip(*data, strict=True)]
    after, _ = w.get_value(), w.set_value(np.zeros(2, "float32"))
    history = step.over(*data)
    np.testing.assert_allclose(history["loss"], [c["loss"] for c in calls], rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), after, rtol=1e-6)


def test_the_interpreter_and_the_compiled_loop_agree(data):
    results = {}
    for mode in ("xla", "numpy"):
        step, w = regression(mode, "float64")
        history = step.repeat(20, data[0][0].astype(float), data[1][0].astype(float))
        results[mode] = (*history.values(), w.get_value())
    for a, b in zip(results["xla"], results["numpy"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_the_bits_are_the_same_however_a_loop_is_cut(data, monkeypatch):
    X, y = data[0][0], data[1][0]
    kept = []
    for seconds, history_bytes in ((10.0, 2**22), (1e-9, 2**22), (10.0, 100)):
        monkeypatch.setattr(xla, "CHUNK_SECONDS", seconds)
        monkeypatch.setattr(xla, "HISTORY_BYTES", history_bytes)
        step, w = regression()
        chunks = []
        history = step.repeat(50, X, y, progress=lambda done, *_, chunks=chunks: chunks.append(done))
        kept.append((len(chunks), history["loss"].tobytes(), history["errors"].tobytes(), w.get_value().tobytes()))
    assert kept[0][0] < kept[2][0] <= kept[1][0] == 50
    assert kept[0][1:] == kept[1][1:] == kept[2][1:]


def test_one_program_serves_every_number_of_steps(data):
    X, y = data[0][0], data[1][0]
    step, _ = regression()
    for steps in (0, 1, 7, 100):
        assert step.repeat(steps, X, y)["loss"].shape == (steps,)
    assert len(step.backend.compiled) == 1
    assert step.repeat(3, X[:2], y[:2])["errors"].shape == (3, 2)
    assert len(step.backend.compiled) == 2


def test_one_program_serves_every_number_of_batches(data, monkeypatch):
    monkeypatch.setattr(xla, "WINDOW_BYTES", 4 * sum(a[0].nbytes for a in data))
    whole, w = regression("xla")
    many = [np.concatenate([a] * 5) for a in data]
    wanted = whole.over(*many)["loss"]
    parts, v = regression("xla")
    found = []
    for first, last in ((0, 1), (1, 4), (4, 15), (15, len(many[0]))):
        found.append(parts.over(*[a[first:last] for a in many])["loss"])
    assert len(parts.backend.compiled) == len(whole.backend.compiled) == 1
    np.testing.assert_array_equal(np.concatenate(found), wanted)
    np.testing.assert_array_equal(v.get_value(), w.get_value())


@both
def test_no_steps_still_have_shapes_and_dtypes(mode, data):
    step, w = regression(mode)
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
def test_integers_and_booleans_come_back_as_such(mode):
    i = pel.shared(np.int32(0), "i")
    f = pel.function([], [i, i > 1], updates={i: i + 1}, mode=mode)
    counted, above = f.repeat(4)
    assert (counted.dtype, counted.tolist()) == (np.int32, [0, 1, 2, 3])
    assert (above.dtype, above.tolist()) == (np.bool_, [False, False, True, True])


def test_arrays_of_jax_are_taken_as_they_are(data):
    import jax.numpy as jnp

    step, w = regression()
    of_numpy = step.over(*data)
    w.set_value(np.zeros(2, "float32"))
    of_jax = step.over(*map(jnp.asarray, data))
    assert of_jax["loss"].tobytes() == of_numpy["loss"].tobytes()
    assert step(jnp.asarray(data[0][0]), data[1][0])["errors"].shape == (4,)


def test_random_numbers_go_on_from_step_to_step():
    rng = pel.random.Generator(0)
    draw = pel.function([], rng.uniform(size=(2,)))
    called = [draw(), draw(), draw()]
    again = pel.function([], pel.random.Generator(0).uniform(size=(2,))).repeat(3)
    np.testing.assert_array_equal(again, called)
    assert len(np.unique(again)) == 6


@both
def test_progress_tells_how_far_it_is_and_the_latest_outputs(mode, data, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(interpreter, "REPORT_SECONDS", 0.0)
    step, _ = regression(mode)
    seen = []
    history = step.over(*data, progress=lambda *told: seen.append(told))
    assert [(done, steps) for done, steps, _ in seen] == [(i, 5) for i in range(1, 6)]
    assert [latest["loss"] for *_, latest in seen] == history["loss"].tolist()
    assert seen[-1][2]["errors"].shape == (4,)


@both
def test_progress_is_told_of_the_end_even_of_a_short_loop(mode):
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)
    seen = []
    f.repeat(3, progress=lambda done, steps, latest: seen.append((done, steps, float(latest))))
    assert seen[-1] == (3, 3, 2.0)


@both
def test_an_error_in_progress_ends_the_loop_and_keeps_the_state(mode, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    monkeypatch.setattr(interpreter, "REPORT_SECONDS", 0.0)
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)

    def enough(done, steps, latest):
        if done == 3:
            raise RuntimeError("that is enough")

    with pytest.raises(RuntimeError, match="that is enough"):
        f.repeat(1000, progress=enough)
    assert w.get_value() == 3
    assert f.repeat(2).tolist() == [3, 4]


@both
def test_progress_may_use_the_state(mode, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    w = pel.shared(0.0, "w")
    f = pel.function([], w, updates={w: w + 1}, mode=mode)
    seen = []
    f.repeat(3, progress=lambda *_: seen.append(float(w.get_value())))
    assert seen[-1] == 3


def test_a_history_does_not_hold_on_to_more_than_its_steps(monkeypatch):
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    w = pel.shared(0.0, "w")
    latest = []
    pel.function([], w, updates={w: w + 1}).repeat(3, progress=lambda done, steps, now: latest.append(now))
    assert all(now.base is None or now.base.nbytes <= 64 for now in latest)
