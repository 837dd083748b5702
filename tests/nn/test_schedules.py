"""Tests of schedules: agreement with Keras and Caffe, as numbers and as expressions, and printed formulas."""

import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.nn import schedules
from pellucid.nn.optimizers import SGD
from pellucid.nn.schedules import (
    ConstantSchedule,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseDecay,
    InverseTimeDecay,
    MultiStepDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    SigmoidDecay,
    StepDecay,
    WarmUp,
)
from tests.nn.peers import schedules as peers
from tests.nn.peers import store

STEPS = np.arange(0, 1000, 7)


@pytest.mark.parametrize("case", peers.CASES)
def test_values_agree_with_keras(case: str) -> None:
    store.compare(peers.by_pellucid(case), store.load("schedules")[case])


@pytest.mark.peer
@pytest.mark.parametrize("case", peers.CASES)
def test_golden_values_are_those_of_keras(case: str) -> None:
    pytest.importorskip("torch" if case.startswith("OneCycle") else "keras")
    store.compare(peers.by_keras(case), store.load("schedules")[case])


@pytest.mark.parametrize("case", peers.CASES)
def test_numbers_and_expressions_have_the_same_rates(case: str) -> None:
    name, values, named = peers.CASES[case]
    schedule = getattr(schedules, name)(*values, **named)
    rates = schedule(peers.STEPS)
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, store.load("schedules")[case]["rates"], rtol=1e-5, atol=1e-7)
    assert schedule(7) == rates[2]
    assert schedule(peers.STEPS.tolist()).tolist() == rates.tolist()


# The formulas that Caffe's solver file names by lr_policy, as its SGDSolver writes them.
CAFFE: dict[str, tuple[Any, Any]] = {
    "fixed": (ConstantSchedule(0.1), lambda s: 0.1),
    "step": (StepDecay(0.1, 100, 0.5), lambda s: 0.1 * 0.5 ** (s // 100)),
    "exp": (ExponentialDecay(0.1, 1, 0.99), lambda s: 0.1 * 0.99**s),
    "inv": (InverseDecay(0.1, 0.01, 0.75), lambda s: 0.1 * (1 + 0.01 * s) ** -0.75),
    "multistep": (MultiStepDecay(0.1, [70, 490], 0.5), lambda s: 0.1 * 0.5 ** ((s >= 70) + (s >= 490))),
    "poly": (PolynomialDecay(0.1, 1000, 0.0, 2.0), lambda s: 0.1 * (1 - s / 1000) ** 2),
    "sigmoid": (SigmoidDecay(0.1, 500, 0.02), lambda s: 0.1 / (1 + math.exp(0.02 * (s - 500)))),
}


@pytest.mark.parametrize("policy", CAFFE)
def test_schedules_agree_with_the_policies_of_caffe(policy: str) -> None:
    schedule, wanted = CAFFE[policy]
    np.testing.assert_allclose(schedule(STEPS), [wanted(int(s)) for s in STEPS], rtol=1e-12)
    step = pel.iscalar("step")
    compiled = pel.function([step], schedule(step), mode="numpy", on_unused_input="ignore")
    np.testing.assert_allclose([compiled(np.int32(s)) for s in STEPS], schedule(STEPS), rtol=1e-4)


FORMULAS: dict[str, Any] = {
    "0.1": ConstantSchedule(0.1),
    "0.1 * 0.5 ** (step / 100)": ExponentialDecay(0.1, 100, 0.5),
    "0.1 * 0.5 ** floor(step / 100)": StepDecay(0.1, 100, 0.5),
    "0.1 * (1 + 0.01 * step) ** (-0.75)": InverseDecay(0.1, 0.01, 0.75),
    "0.1 / (1 + 0.5 * floor(step / 10))": InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    "where(step <= 10, 1, where(step <= 15, 0.5, 0.1))": PiecewiseConstantDecay([10, 15], [1.0, 0.5, 0.1]),
    "where(step < 5, 0.1 * (step / 5), 0.1)": WarmUp(0.1, 5),
    "0.1 * (0.5 * (1 + cos(3.1415927 * minimum(step / 100, 1))))": CosineDecay(0.1, 100),
    "0.1 * (1 - minimum(step / 50, 1))": PolynomialDecay(0.1, 50, 0.0),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_schedules_print_their_formula(text: str) -> None:
    assert str(FORMULAS[text]) == text


def test_any_schedule_can_follow_a_warm_up() -> None:
    after = ExponentialDecay(1.0, 10, 0.5)
    schedule = WarmUp(after, 4, initial_learning_rate=0.2)
    np.testing.assert_allclose(schedule([0, 1, 2, 3]), [0.2, 0.4, 0.6, 0.8])
    np.testing.assert_allclose(schedule(np.arange(4, 30)), after(np.arange(26)))
    assert WarmUp(after, 0)(3) == after(3)
    assert WarmUp(lambda step: 1 / (1 + step), 2)([0, 1, 2, 3]).tolist() == [0.0, 0.5, 1.0, 0.5]


def test_cosine_decay_restarts() -> None:
    rates = CosineDecayRestarts(1.0, 10, m_mul=0.5)(np.arange(70))
    assert rates[[0, 10, 30]].tolist() == [1.0, 0.5, 0.25]
    rises = np.flatnonzero(np.diff(rates) > 0) + 1
    assert rises.tolist() == [10, 30]


def test_one_cycle_rises_to_the_peak_and_ends_below_the_initial_rate() -> None:
    rates = OneCycle(0.5, 100)(np.arange(120))
    assert rates[0] == pytest.approx(0.02)
    assert rates.argmax() == 29
    assert rates[29] == pytest.approx(0.5)
    assert rates[99:] == pytest.approx(0.02e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_of_the_step_is_kept(dtype: str) -> None:
    step = pel.scalar("step", dtype=dtype)
    made = [getattr(schedules, name)(*values, **named) for name, values, named in peers.CASES.values()]
    made += [schedule for schedule, _ in CAFFE.values()]
    assert {schedule(step).dtype for schedule in made} == {np.dtype(dtype)}


def test_an_optimizer_counts_the_steps_of_its_schedule() -> None:
    w = pel.shared(0.0, "w")
    optimizer = SGD(PiecewiseConstantDecay([1], [1.0, 0.125]))
    step = pel.function([], updates=optimizer.updates(-w, [w]), mode="numpy")
    step.repeat(4)
    assert w.get_value() == 2.25
    assert optimizer.iterations.get_value() == 4
    assert optimizer.iterations.dtype == np.int64


def test_functions_are_schedules() -> None:
    w = pel.shared(0.0, "w")
    step = pel.function([], updates=SGD(lambda step: 1 / (1 + step)).updates(-w, [w]), mode="numpy")
    step()
    step()
    assert w.get_value() == 1.5
    with pytest.raises(NotImplementedError, match="Schedule does not implement formula"):
        schedules.Schedule()(1)


def test_schedules_are_found_in_every_namespace() -> None:
    assert pel.schedules is pel.nn.schedules is pel.optimizers.schedules is import_module("pellucid.schedules")
    with pytest.raises(AttributeError, match="Did you mean 'CosineDecay'"):
        _ = pel.schedules.CosinDecay


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: ExponentialDecay(-1, 10, 0.5), ValueError, "Expected initial_learning_rate to be a number of 0"),
        (lambda: ExponentialDecay(1, 0, 0.5), ValueError, "Expected decay_steps to be an integer of 1 or more"),
        (lambda: ExponentialDecay(1, 2.5, 0.5), ValueError, "Received: decay_steps=2.5"),
        (lambda: ExponentialDecay(1, 10, 0), ValueError, "Expected decay_rate to be a number above 0"),
        (lambda: PiecewiseConstantDecay([1], [1.0]), ValueError, "one more value than boundaries. Received: 1 values"),
        (lambda: PiecewiseConstantDecay([2, 1], [1.0] * 3), ValueError, "increasing integers. Received: boundaries="),
        (lambda: PiecewiseConstantDecay([1.5], [1.0, 2.0]), ValueError, r"boundaries\[0\] to be an integer"),
        (lambda: PiecewiseConstantDecay([1], [1.0, -2.0]), ValueError, r"values\[1\] to be a number of 0 or more"),
        (lambda: MultiStepDecay(1, []), ValueError, "Expected boundaries to be one or more increasing integers"),
        (lambda: CosineDecay(1, 10, warmup_steps=2), ValueError, "Expected a warmup_target"),
        (lambda: CosineDecayRestarts(1, 10, t_mul=0.5), ValueError, "Expected t_mul to be a number of 1 or more"),
        (lambda: WarmUp("fast", 10), ValueError, "Received: schedule='fast'"),
        (lambda: OneCycle(1, 10, 0.1), ValueError, "Expected the warm-up to last more than one step"),
        (lambda: ConstantSchedule(0.1)("late"), TypeError, "expected a step count.* Received: 'late'"),
    ],
)
def test_invalid_arguments_are_rejected(write: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write()
