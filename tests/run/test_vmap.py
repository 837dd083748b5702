"""Batched functions: every member agrees with the single function, in all modes."""

import numpy as np
import pytest

import pellucid as pel

both = pytest.mark.parametrize("mode", ["auto", "xla", "numpy"])


def make_regression(mode: str, start: np.ndarray, rate: float):
    X, y = pel.matrix("X", shape=("n", 2)), pel.vector("y", shape=("n",))
    w, eta = pel.shared(start, "w"), pel.shared(rate, "rate")
    noise = pel.random.Generator(3)
    loss = ((pel.tanh(X @ w) + 0.01 * noise.normal(size=()) - y) ** 2).sum()
    step = pel.function([X, y], loss, updates={w: w - eta * pel.grad(loss, w)}, mode=mode)
    return step, w, eta, noise.state


@both
def test_members_agree_with_single_functions(mode, rng):
    X, y = rng.normal(size=(5, 2)).astype("f4"), rng.normal(size=5).astype("f4")
    starts, rates = rng.normal(size=(3, 2)).astype("f4"), np.array([0.1, 0.05, 0.01], "f4")
    step, w, eta, state = make_regression(mode, starts[0], 0.1)
    ws, states = pel.shared(starts, "ws"), pel.shared(np.repeat(state.get_value()[None], 3, 0), "states")
    many = pel.vmap(step, {w: ws, eta: pel.shared(rates, "rates"), state: states})
    losses = many.repeat(7, X, y)
    assert losses.shape == (7, 3)
    for i in range(3):
        alone, own, *_ = make_regression("numpy", starts[i], rates[i])
        np.testing.assert_allclose(losses[:, i], alone.repeat(7, X, y), rtol=1e-5)
        np.testing.assert_allclose(ws.get_value()[i], own.get_value(), rtol=1e-5)
    np.testing.assert_array_equal(w.get_value(), starts[0])  # the original function is unchanged
    assert (states.get_value() == state.get_value() + np.array([0, 0, 7], "uint32")).all()


@both
def test_inputs_may_differ_between_members(mode):
    x, i = pel.vector("x", shape=("n",)), pel.iscalar("i")
    f = pel.function([x, i], x[i], mode=mode)
    xs, indices = pel.matrix("xs", shape=("m", "n")), pel.ivector("is", shape=("m",))
    g = pel.vmap(f, {i: indices})
    assert g([1.0, 2.0, 3.0], [2, 0]).tolist() == [3.0, 1.0]
    h = pel.vmap(f, {x: xs})
    assert h.over([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]], [0, 1]).tolist() == [[1.0, 3.0], [6.0, 8.0]]


@both
@pytest.mark.parametrize("steps", [2, 3, 7])
def test_steps_and_members_differ_in_number(mode, steps, rng):
    X, k = pel.matrix("X", shape=("n", 2)), pel.scalar("k")
    f = pel.function([X, k], pel.tanh(X * k).sum(), mode=mode)
    g = pel.vmap(f, {X: pel.tensor3("Xs", shape=("m", "n", 2))})
    x, rates = rng.normal(size=(steps, 3, 4, 2)).astype("f4"), rng.normal(size=steps).astype("f4")
    expected = np.tanh(x * rates[:, None, None, None]).sum(axis=(2, 3))
    np.testing.assert_allclose(g.over(x, rates), expected, rtol=1e-5, atol=1e-6)


def test_indices_of_all_members_are_checked():
    x, i = pel.vector("x", shape=(3,)), pel.iscalar("i")
    g = pel.vmap(pel.function([x, i], x[i]), {i: pel.ivector("is", shape=("m",))})
    with pytest.raises(pel.InputError, match="is"):
        g([1.0, 2.0, 3.0], [0, 3])


def test_leaves_that_do_not_match_are_refused():
    x, w, b = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared(0.0, "b")
    f = pel.function([x], w * x + b, updates={w: w + x})
    ws = pel.shared([1.0, 2.0], "ws")
    with pytest.raises(pel.InputError, match="expected at least one leaf that differs between members"):
        pel.vmap(f, {})
    with pytest.raises(
        pel.InputError,
        match=r"the function updates w, so each member needs its own value. Add \{w: pel.shared\(values\)\}",
    ):
        pel.vmap(f, {b: ws})
    with pytest.raises(pel.InputError, match=r"no leaf other. It has: b, w, x"):
        pel.vmap(f, {pel.shared(1.0, "other"): ws})
    with pytest.raises(pel.InputError, match="expected a Shared for w"):
        pel.vmap(f, {w: x})
    with pytest.raises(pel.ShapeError, match=r"in front of the shape \(\) of w. Received: ws of shape \(2, 1\)"):
        pel.vmap(f, {w: pel.shared([[1.0], [2.0]], "ws")})
    with pytest.raises(pel.DtypeError, match=r"expected the dtype float32 of w. Received: ws, which is float64"):
        pel.vmap(f, {w: pel.shared(np.ones(2), "ws")})
    with pytest.raises(pel.ShapeError, match="the same number of members for all leaves"):
        pel.vmap(f, {w: ws, b: pel.shared([1.0, 2.0, 3.0], "bs")})
    with pytest.raises(pel.InputError, match="Received: a batched function"):
        pel.vmap(pel.vmap(f, {w: ws}), {ws: ws})
    for make in (lambda: pel.vmap(f.copy(mode="guard"), {w: ws}), lambda: pel.vmap(f, {w: ws}).copy(mode="guard")):
        with pytest.raises(pel.OptionError, match=r"guard the function that pel\.vmap received"):
            make()


@both
def test_a_copy_without_updates_changes_nothing(mode):
    x, w, b = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared(0.5, "b")
    f = pel.function([x], [x * b, x * w], updates={w: w + x}, mode=mode)
    ws = pel.shared([1.0, 2.0], "ws")
    g = pel.vmap(f, {w: ws}).copy(delete_updates=True)
    for found in (g(3.0), [history[1] for history in g.repeat(2, 3.0)]):
        np.testing.assert_array_equal(found, [[1.5, 1.5], [3.0, 6.0]])
    assert ws.get_value().tolist() == [1.0, 2.0]
    assert not g.program.updates


def test_values_and_profiles_need_the_function_of_one_member():
    x, w = pel.scalar("x"), pel.shared(1.0, "w")
    g = pel.vmap(pel.function([x], w * x), {w: pel.shared([1.0, 2.0], "ws")})
    for method in (g.values, g.profile):
        with pytest.raises(pel.UseError, match=r"function of one member.*Received: a batched function"):
            method(2.0)


def test_chunks_continue_the_loop(monkeypatch):
    from pellucid.run import xla

    w = pel.shared(1.0, "w")
    f = pel.function([], w, updates={w: w * 2})
    monkeypatch.setattr(xla, "CHUNK_SECONDS", 1e-9)
    ws = pel.shared([1.0, 3.0], "ws")
    assert pel.vmap(f, {w: ws}).repeat(4).tolist() == [[1, 3], [2, 6], [4, 12], [8, 24]]
    assert ws.get_value().tolist() == [16, 48]
