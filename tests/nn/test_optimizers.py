"""Tests of optimizers: agreement with Keras and with formulas, dtypes, and saved state."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn, optimizers
from pellucid.nn.optimizers import NAMED, SGD, Adafactor, Adam, AdamW, Ftrl, Lion
from tests.nn.peers import optimizers as peers
from tests.nn.peers import store

START = np.array([1.0, -2.0, 3.0])
CURVATURE = np.array([1.0, 4.0, 0.5])


def sgd(momentum: float = 0.0, nesterov: bool = False) -> Callable[[int], Any]:
    """Return a function that runs N steps on :math:`\\sum c w^2 / 2` with the formula of Keras's `SGD`."""

    def run(steps: int) -> Any:
        w, v = START.copy(), np.zeros(3)
        for _ in range(steps):
            g = CURVATURE * w
            v = momentum * v - 0.1 * g
            w = w + (momentum * v - 0.1 * g if nesterov else v)
        return w

    return run


def adam(steps: int) -> Any:
    """Return the parameter after N steps with the formula of Keras's `Adam`."""
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, steps + 1):
        g = CURVATURE * w
        m += (g - m) * (1 - 0.9)
        v += (g * g - v) * (1 - 0.999)
        w = w - m * (0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)) / (np.sqrt(v) + 1e-7)
    return w


CASES = [
    (lambda: SGD(0.1), sgd()),
    (lambda: SGD(0.1, momentum=0.9), sgd(0.9)),
    (lambda: SGD(0.1, momentum=0.9, nesterov=True), sgd(0.9, True)),
    (lambda: Adam(0.1), adam),
]


def quadratic(dtype: str) -> tuple[Any, Any]:
    w = pel.shared(START.astype(dtype), "w")
    return w, (w**2 * (CURVATURE / 2).astype(dtype)).sum()


@pytest.mark.parametrize("mode", ["numpy", "xla"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_steps_agree_with_the_formula(mode: str, dtype: str, tolerance: float) -> None:
    weights, losses, updates = [], [], {}
    for make, _ in CASES:
        (w, loss), optimizer = quadratic(dtype), make()
        made = optimizer.updates(loss)
        weights.append(w)
        losses.append(loss)
        updates |= made
        assert all(s.dtype in (dtype, np.int64) for s in optimizer.state)
        assert all(new.dtype == old.dtype for old, new in made.items())
    step = pel.function([], losses, updates=updates, mode=mode)

    def check(steps: int) -> None:
        for number, (w, (_, wanted)) in enumerate(zip(weights, CASES, strict=True)):
            assert w.get_value().dtype == dtype
            message = f"case {number} after {steps} steps"
            np.testing.assert_allclose(w.get_value(), wanted(steps), rtol=tolerance, atol=tolerance, err_msg=message)

    for steps in range(1, 8):
        step()
        check(steps)
    step.repeat(3)
    check(10)


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    found = peers.by_pellucid(case)
    # Keras rounds the exponent of Adafactor's beta to float32.
    exact = 1e-7 if case.startswith("Adafactor") else 1e-11
    for dtype, tolerance in (("float32", 1e-5), ("float64", exact)):
        store.compare(select_dtype(dtype, found), select_dtype(dtype, store.load("optimizers")[case]), tolerance)


def select_dtype(dtype: str, values: store.Values) -> store.Values:
    return {name: value for name, value in values.items() if name.startswith(dtype)}


COMPILED = ["Nadam, settings", "Adafactor", "accumulation with everything"]
"""Options and slots of every kind, of which compiled programs are always compared."""


@pytest.mark.parametrize("cases", [COMPILED, pytest.param(list(peers.CASES), marks=pytest.mark.slow)], ids=len)
def test_compiled_optimizers_agree_with_keras(cases: list[str]) -> None:
    for case, found in peers.compute_compiled(cases, "float32").items():
        store.compare(found, select_dtype("float32", store.load("optimizers")[case]))


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("keras")
    store.compare(peers.by_keras(case), store.load("optimizers")[case])


@pytest.mark.parametrize("case", peers.FORMULAS)
@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_optimizers_that_keras_lacks_agree_with_their_formula(case: str, mode: str) -> None:
    name, settings, formula = peers.FORMULAS[case]
    w, loss = quadratic("float64")
    step = pel.function([], updates=getattr(optimizers, name)(**settings).updates(loss), mode=mode)
    expected, state = START.copy(), {}
    for t in range(1, 11):
        step()
        expected = formula(expected, CURVATURE * expected, t, state, **settings)
        np.testing.assert_allclose(w.get_value(), expected, rtol=1e-11, atol=1e-12)


def test_every_optimizer_is_compared_with_keras_or_its_formula() -> None:
    compared = [*(name for name, _ in peers.CASES.values()), *(name for name, _, _ in peers.FORMULAS.values())]
    assert {name.lower() for name in compared} == set(NAMED)


def test_golden_steps() -> None:
    """Three steps computed by hand: the gradient of w ** 2 is 2 w."""
    for optimizer, values in [
        (SGD(0.25), [2, 1, 0.5]),
        (SGD(0.25, momentum=0.5), [2, 0, -1]),
        (SGD(0.25, momentum=0.5, nesterov=True), [1, -0.25, -0.4375]),
    ]:
        w = pel.shared(4.0, "w")
        step = pel.function([], updates=optimizer.updates(w**2), mode="numpy")
        for value in values:
            step()
            assert w.get_value() == np.float32(value)


def test_the_first_step_of_adam_is_the_learning_rate() -> None:
    w = pel.shared([100.0, -0.5], "w")
    pel.function([], updates=Adam(0.5).updates((w**2).sum()), mode="numpy")()
    np.testing.assert_allclose(w.get_value(), [99.5, 0], atol=1e-5)


@pytest.mark.parametrize(("make", "count"), [(lambda: SGD(), 0), (lambda: SGD(momentum=0.5), 1), (lambda: Adam(), 3)])
def test_slots_are_created_once(make: Any, count: int) -> None:
    w, loss = quadratic("float32")
    optimizer = make()
    first, second = optimizer.updates(loss), optimizer.updates(loss * 2, [w])
    assert list(first) == list(second)
    assert len(optimizer.state) == count
    assert set(first) == {w, *optimizer.state}
    assert not any(s.trainable or s.regularizable for s in optimizer.state)
    assert pel.parameters(list(first.values()))[0] is w


def test_slot_names_contain_the_parameter() -> None:
    _, loss = quadratic("float32")
    adam, momentum = Adam(), SGD(momentum=0.5)
    adam.updates(loss)
    momentum.updates(loss)
    assert sorted(str(s.name) for s in adam.state) == ["iterations", "w/m", "w/v"]
    assert [s.name for s in momentum.state] == ["w/momentum"]


def test_only_given_parameters_are_updated() -> None:
    a, b = pel.shared(1.0, "a"), pel.shared(1.0, "b")
    frozen = pel.shared(1.0, "frozen", trainable=False)
    loss = (a * b * frozen) ** 2
    assert set(SGD().updates(loss)) == {a, b}
    assert set(SGD().updates(loss, [a])) == {a}


@pytest.mark.parametrize("rate_dtype", ["float32", "float64"])
def test_a_shared_learning_rate_may_change_without_compiling_again(rate_dtype: str) -> None:
    w, rate = pel.shared(1.0, "w"), pel.shared(0.5, "rate", dtype=rate_dtype, trainable=False)
    step = pel.function([], updates=SGD(rate).updates(w * 1.0), mode="numpy")
    step()
    rate.set_value(0.25)
    step()
    assert w.get_value() == 0.25
    assert w.dtype == np.float32


def test_a_learning_rate_may_be_an_expression() -> None:
    w, t = pel.shared(1.0, "w"), pel.scalar("t")
    step = pel.function([t], updates=Adam(0.1 / (1 + t)).updates(w**2), mode="numpy")
    step(0.0)
    assert w.get_value() == pytest.approx(0.9, rel=1e-4)


def test_parameters_of_two_dtypes_keep_their_dtype() -> None:
    a, b = pel.shared(np.float32(1), "a"), pel.shared(np.float64(1), "b")
    for optimizer in (SGD(momentum=0.5), Adam()):
        updates = optimizer.updates(a**2 + b**2)
        assert (updates[a].dtype, updates[b].dtype) == (np.float32, np.float64)
        pel.function([], updates=updates, mode="numpy")()


def test_optimizers_are_found_by_name_and_printed() -> None:
    assert isinstance(optimizers.get("adam"), Adam)
    assert isinstance(optimizers.get("SGD"), SGD)
    given = SGD(0.5)
    assert optimizers.get(given) is given
    assert repr(given) == "SGD(learning_rate=0.5, momentum=0.0, nesterov=False)"
    assert repr(Adam()) == "Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)"


FORMULAS = {
    "sgd": "w ← w - 0.5 * g",
    "lion": "m ← 0.99 * m + 0.01 * g\nw ← w - 0.5 * sign(0.9 * m + 0.1 * g)",
    "ftrl": "accumulator ← accumulator + g ** 2\n"
    "linear ← linear + g - (sqrt(accumulator′) - sqrt(accumulator)) / 0.5 * w\n"
    "w ← -(linear′ / (sqrt(accumulator′) / 0.5))",
    "adagrad": "accumulator ← accumulator + g ** 2\nw ← w - 0.5 * g / sqrt(accumulator′ + 1e-07)",
    "rmsprop": "velocity ← 0.9 * velocity + 0.1 * g ** 2\nw ← w - 0.5 * g / sqrt(velocity′ + 1e-07)",
    "adamax": "t = iterations + 1\nm ← m + 0.1 * (g - m)\nu ← maximum(0.999 * u, abs(g))\n"
    "w ← w - 0.5 / (1 - 0.9 ** t) * m′ / (u′ + 1e-07)\niterations ← iterations + 1",
}


@pytest.mark.parametrize("name", FORMULAS)
def test_an_optimizer_prints_its_formula(name: str) -> None:
    assert str(NAMED[name](0.5)) == FORMULAS[name]


def test_the_step_count_exceeds_the_range_of_the_dtype() -> None:
    w = pel.shared(np.ones(2), "w", dtype="bfloat16")
    optimizer = Adam(0.5)
    step = pel.function([], updates=optimizer.updates(w.sum()), mode="numpy")
    optimizer.iterations.set_value(1000)
    step()
    assert np.isfinite(w.get_value().astype("float32")).all()
    assert optimizer.iterations.get_value() == 1001


@pytest.mark.parametrize(
    "rate", [0.25, np.float32(0.25), pel.shared(0.25, "rate"), pel.shared(0.5) / 2, lambda step: 0.25 + 0 * step]
)
def test_learning_rates_of_every_kind_are_equivalent(rate: Any) -> None:
    w, loss = quadratic("float64")
    step = pel.function([], updates=Adam(rate).updates(loss, [w]), mode="numpy")
    for _ in range(3):
        step()
    plain, same = quadratic("float64")
    step = pel.function([], updates=Adam(0.25).updates(same, plain), mode="numpy")
    for _ in range(3):
        step()
    np.testing.assert_allclose(w.get_value(), plain.get_value(), rtol=1e-12)


def test_the_learning_rate_of_a_compiled_program_is_set_through_its_shared_variable() -> None:
    w, rate = pel.shared(1.0, "w"), pel.shared(0.5, "rate")
    optimizer = SGD(rate)
    step = pel.function([], updates=optimizer.updates(w * 1.0, [w]), mode="numpy")
    optimizer.learning_rate = 0.25
    assert optimizer.learning_rate is rate
    step()
    assert w.get_value() == 0.75
    plain = SGD(0.5)
    plain.learning_rate = 0.125
    assert str(plain) == "w ← w - 0.125 * g"
    with pytest.raises(ValueError, match="learning_rate=-1"):
        plain.learning_rate = -1


def test_state_is_saved_and_restored_by_name_or_in_order() -> None:
    def train(steps: int) -> Any:
        w, loss = quadratic("float32")
        optimizer = Adam(0.1)
        step = pel.function([], updates=optimizer.updates(loss), mode="numpy")
        for _ in range(steps):
            step()
        return w, optimizer, step

    w, optimizer, step = train(3)
    saved, weights = optimizer.get_state(), w.get_value()
    assert sorted(saved) == ["iterations", "w/m", "w/v"]
    step()
    for form in (saved, [saved[str(s.name)] for s in optimizer.state]):
        v, other, other_step = train(0)
        v.set_value(weights)
        other.set_state(form)
        other_step()
        np.testing.assert_array_equal(v.get_value(), w.get_value())
    before = optimizer.get_state()
    with pytest.raises(pel.ShapeError):
        optimizer.set_state({**saved, "w/v": np.zeros(5, "float32")})
    assert all((value == before[name]).all() for name, value in optimizer.get_state().items())


W = pel.shared([1.0], "W")


def make_momentum_optimizer() -> Any:
    optimizer = SGD(momentum=0.5)
    optimizer.updates(W.sum())
    return optimizer


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: SGD(-1), ValueError, "Expected learning_rate to be a number of 0 or more. Received: learning_rate=-1"),
        (lambda: SGD(float("nan")), ValueError, "learning_rate=nan"),
        (lambda: SGD("fast"), ValueError, "learning_rate='fast'"),
        (lambda: SGD(pel.vector("v")), ValueError, "Expected a scalar learning rate. Received: v"),
        (lambda: SGD(momentum=1), ValueError, "Expected momentum to be a number in \\[0, 1\\)"),
        (lambda: SGD(nesterov=True), ValueError, "nesterov=True needs momentum"),
        (lambda: Adam(beta_2=1.5), ValueError, "Expected beta_2"),
        (lambda: Adam(epsilon=-1), ValueError, "Expected epsilon"),
        (lambda: SGD(momentm=0.9), TypeError, "SGD takes no argument 'momentm'. Did you mean 'momentum'"),
        (lambda: Adam(clipnrm=0.9), TypeError, "Adam takes no argument 'clipnrm'. Did you mean 'clipnorm'"),
        (lambda: AdamW(weight_decay=None), ValueError, r"expected weight_decay to be a number >= 0\. Received"),
        (lambda: SGD(weight_decay=-1), ValueError, "Expected weight_decay"),
        (lambda: SGD(clipnorm=0), ValueError, "Expected clipnorm to be a number above 0. Received: clipnorm=0"),
        (
            lambda: SGD(clipnorm=1, clipvalue=1),
            ValueError,
            "Expected at most one of clipnorm.*Received: clipnorm and clipvalue",
        ),
        (lambda: SGD(use_ema=True, ema_momentum=2), ValueError, "Expected ema_momentum to be in"),
        (lambda: SGD(ema_overwrite_frequency=2), ValueError, r"needs use_ema=True\. Received"),
        (lambda: SGD(gradient_accumulation_steps=1), ValueError, "gradient_accumulation_steps to be an integer of 2"),
        (
            lambda: SGD(loss_scale_factor=0),
            ValueError,
            "loss_scale_factor to be a number above 0. Received: loss_scale",
        ),
        (lambda: SGD(multipliers=2), TypeError, "Expected multipliers to map parameters"),
        (lambda: SGD(multipliers={"b": -1}), ValueError, "Expected the multiplier of b to be a number of 0 or more"),
        (lambda: SGD(multipliers={"V": 1}).updates(W.sum()), TypeError, "multipliers: V is not a parameter"),
        (lambda: Lion(beta_1=1), ValueError, "Expected beta_1"),
        (lambda: Ftrl(learning_rate_power=1), ValueError, "Expected learning_rate_power to be at most 0"),
        (lambda: Adafactor(beta_2_decay=0), ValueError, "Expected beta_2_decay to be less than 0"),
        (lambda: SGD().set_state([1]), pel.ShapeError, "has 0 slots.* no slots before updates"),
        (lambda: make_momentum_optimizer().set_state({"W/momentm": 1}), AttributeError, "Did you mean 'W/momentum'"),
        (
            lambda: make_momentum_optimizer().set_state({}),
            AttributeError,
            "SGD: values of these slots are missing: W/momentum",
        ),
        (lambda: SGD().updates(W), pel.GradientError, r"Expected a scalar loss.*loss.mean\(\)"),
        (lambda: SGD().updates(pel.scalar("x")), pel.GradientError, "Nothing to train"),
        (lambda: SGD().updates(W.sum(), [pel.scalar("x")]), pel.GradientError, "Expected parameters to be shared"),
        (lambda: SGD().updates(W.sum(), [pel.shared([1.0], "V")]), pel.DisconnectedError, "does not depend on V"),
        (lambda: optimizers.get("adm"), ValueError, "no optimizer named 'adm'. Did you mean 'adam'"),
        (lambda: optimizers.get(dict), TypeError, "Expected the name of an optimizer"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()


def test_custom_optimizer() -> None:
    class SignDescent(optimizers.Optimizer):
        def step(self, parameter: Any, gradient: Any, rate: Any) -> Any:
            return {parameter: parameter - rate * pel.sign(gradient)}

    w = pel.shared(1.0, "w")
    pel.function([], updates=SignDescent(0.25).updates(w**2), mode="numpy")()
    assert w.get_value() == 0.75
    with pytest.raises(NotImplementedError, match="Optimizer does not implement step"):
        optimizers.Optimizer(0.1).updates(w**2)


def test_training_reduces_the_loss(rng: np.random.Generator) -> None:
    nn.set_random_seed(0)
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    p = nn.Dense(2, activation="softmax")(nn.Dense(8, activation="tanh")(X))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    points = rng.normal(size=(64, 2)).astype("float32")
    labels = (points[:, 0] * points[:, 1] > 0).astype("int32")
    history = pel.function([X, y], loss, updates=Adam(0.1).updates(loss), mode="numpy").repeat(100, points, labels)
    assert history.dtype == np.float32
    assert history[-1] < 0.2 * history[0]
