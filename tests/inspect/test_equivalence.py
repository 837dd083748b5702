"""Two implementations of one network agree up to rounding, and a planted error is found at its step and tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.byhand import adder as adder_by_hand
from pellucid.byhand import moons as moons_by_hand
from pellucid.course.networks.adder import AdderNetwork as Adder
from pellucid.course.networks.common.softmax_layer import SoftmaxLayer as Softmax
from pellucid.course.networks.moons import MoonsNetwork as Moons
from tests.model.workshop import NETWORKS, branching, digits


def load(program: str) -> dict[str, Any]:
    """Execute a program here, which is faster than in a separate process (tests/inspect/test_hostile_names.py)."""
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(program, namespace)
    return namespace


LEVELS = ["numpy", "expressions", "layers"]
FAST = [
    *((name, "numpy") for name in NETWORKS),
    *((name, level) for name in ("moons", "conv32", "adder") for level in LEVELS[1:]),
]
"""NumPy scripts of every network; code with pellucid of networks with regularization, dropout and a recurrence."""

PAIRS = [
    pytest.param(name, level, marks=[] if (name, level) in FAST else pytest.mark.slow)
    for name in NETWORKS
    for level in LEVELS
]


@pytest.mark.parametrize(("name", "level"), PAIRS)
@pytest.mark.usefixtures("interpreted")
def test_networks_agree_with_their_exported_source(name: str, level: str) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    before = model.get_weights()
    program = load(model.to_source(level))
    report = pel.check_equivalence(model, program, x, y, steps=4, batch_size=4)
    assert report, report
    assert report.steps == 4
    assert {p.name for p in model.parameters} | {"loss"} <= set(report.differences)
    assert max(d.max() for d in report.differences.values()) < 1e-3
    assert min(t.max() for n, t in report.tolerances.items() if "iterations" not in n and "state" not in n) > 0
    assert report.losses is not None
    assert len(set(report.losses[0])) == 4
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.usefixtures("interpreted")
def test_functional_model_agrees_with_its_exported_source(level: str) -> None:
    nn.set_random_seed(0)
    model = branching()
    report = pel.check_equivalence(model, load(model.to_source(level)), steps=3)
    assert report, report
    assert {p.name for p in model.parameters} | {"loss", "drop/state"} <= set(report.differences)


@pytest.mark.usefixtures("programs_in_threads")
def test_compiled_function_agrees_with_numpy_at_the_edge_of_stability() -> None:
    X, y = pel.data.moons()
    network = Moons(moons_by_hand.initialize(), 0.01, 0.01)
    report = pel.check_equivalence(network.step, pel.to_source(network.step, "numpy"), X, y, steps=30)
    assert report, report
    assert max(d.max() for d in report.differences.values()) < 1e-12


def test_stacked_batches() -> None:
    inputs, targets = pel.data.binary_addition(5, 4, 0, "float64")
    network = Adder(adder_by_hand.initialize(6, 0), 4, 0.1)
    report = pel.check_equivalence(
        network.step, load(pel.to_source(network.step, "numpy")), inputs, targets, steps=5, stacked_batches=True
    )
    assert report, report
    assert report.losses is None
    assert set(report.differences) == {"output", "Wx", "Wh", "Wo"}


def test_batches_of_no_samples_are_refused() -> None:
    network = Adder(adder_by_hand.initialize(6, 0), 4, 0.1)
    with pytest.raises(pel.ModelError, match=r"with at least one sample\. Received: 0, 0"):
        pel.check_equivalence(network.step, network.step, np.zeros((0, 4)), np.zeros((0, 4)), batch_size=2)


def test_constant_variables_are_not_compared() -> None:
    images, labels = digits(784)
    network = Softmax(images, labels, 0.01)
    batches = np.random.default_rng(0).integers(0, 8, (3, 4)).astype("int32")
    program = load(pel.to_source(network.step, "expressions"))
    report = pel.check_equivalence(network.step, program, batches, steps=3, stacked_batches=True)
    assert report, report
    assert set(report.differences) == {"loss", "W", "b"}


def by_hand(rate: float = 0.5, later: float | None = None) -> dict[str, Any]:
    """Return a program for linear regression, whose learning rate may change after two steps."""
    scope: dict[str, Any] = {"line_kernel": np.zeros((2, 1), "float32"), "line_bias": np.zeros(1, "float32")}
    steps = iter(range(100))

    def step(x: Any, y: Any) -> Any:
        used = rate if later is None or next(steps) < 2 else later
        error = x @ scope["line_kernel"] + scope["line_bias"] - y
        scope["line_kernel"] = scope["line_kernel"] - np.float32(used * 2 / len(x)) * (x.T @ error)
        scope["line_bias"] = scope["line_bias"] - np.float32(used * 2 / len(x)) * error.sum(axis=0)
        return float((error**2).mean())

    return scope | {"step": Step(step, scope)}


class Step:
    """A step function with the given global variables."""

    def __init__(self, step: Any, scope: dict[str, Any]) -> None:
        self.step, self.__globals__ = step, scope

    def __call__(self, *batch: Any) -> Any:
        return self.step(*batch)


def line() -> Any:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, name="line")])
    model.compile(nn.optimizers.SGD(0.5), "mse")
    return model


@pytest.mark.usefixtures("interpreted")
def test_planted_error_is_found_at_its_step_and_tensor() -> None:
    assert pel.check_equivalence(line(), by_hand(), steps=6)
    wrong = pel.check_equivalence(line(), by_hand(rate=0.501), steps=6)
    assert not wrong
    assert wrong.first_mismatch is not None
    assert (wrong.first_mismatch.step, wrong.first_mismatch.tensor[:5]) == (1, "line/")
    assert "differ from step 1, line/" in str(wrong)
    assert "100 times the measured effect of rounding" in str(wrong)
    later = pel.check_equivalence(line(), by_hand(later=0.501), steps=6)
    assert later.first_mismatch is not None
    assert later.first_mismatch.step == 3
    assert "class='wrong'" in later._repr_html_()
    given = pel.check_equivalence(line(), by_hand(rate=0.501), steps=6, tolerance=0.5)
    assert given
    assert "The tolerance of 0.5 was given." in str(given)


@pytest.mark.usefixtures("interpreted")
def test_tensors_with_other_names_are_matched_in_order() -> None:
    first, second = line(), line()
    second.layers[0].parameters[0].name = "other/kernel"
    second.layers[0].parameters[1].name = "other/bias"
    assert pel.check_equivalence(first, second, steps=2)


@pytest.mark.usefixtures("interpreted", "programs_in_threads")
def test_invalid_arguments() -> None:
    model = line()
    x, w = pel.vector("x"), pel.shared(0.0, "w")
    grows = pel.function([x], updates={w: w + x.sum()})
    with pytest.raises(
        pel.UseError, match=r"check_equivalence compares compiled models, functions with updates, and programs"
    ):
        pel.check_equivalence(model, 3)
    with pytest.raises(pel.ModelError, match="the function has no updates, so there is no training to compare"):
        pel.check_equivalence(pel.function([x], x.sum()), model, np.zeros(3))
    with pytest.raises(
        pel.ModelError, match=r"the program defines neither a model nor a function step\(x, y\) that trains on a batch"
    ):
        pel.check_equivalence(model, "a = 1\n")
    with pytest.raises(pel.ModelError, match="the program raises NameError: name 'b' is not defined"):
        pel.check_equivalence(model, "a = b\n")
    with pytest.raises(pel.ModelError, match=r"missing\.py cannot be read: No such file"):
        pel.check_equivalence(model, "missing.py")
    odd = "import numpy as np\nkernel = np.zeros((3, 1))\ndef step(x, y): return 0.0\n"
    with pytest.raises(
        pel.ModelError, match=r"the program has no counterpart of the tensor line/kernel \(2, 1\) of the mod"
    ):
        pel.check_equivalence(model, odd)
    with pytest.raises(pel.OptionError, match=r"Expected a tolerance of 0 or more\. Received: tolerance=-1"):
        pel.check_equivalence(model, model, tolerance=-1)
    with pytest.raises(
        pel.ModelError,
        match="check_equivalence needs data unless its first argument is a model: one array for each input",
    ):
        pel.check_equivalence(grows, model)
