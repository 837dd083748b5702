"""Two forms of one network side by side: they agree to rounding, and a planted fault is found where it is."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.byhand import adder as adder_by_hand
from pellucid.byhand import moons as moons_by_hand
from pellucid.experiments.adder import Network as Adder
from pellucid.experiments.mnist_softmax import Network as Softmax
from pellucid.experiments.moons import Network as Moons
from pellucid.inspect.equivalence import runners
from pellucid.run.function_builder import function
from tests.model.workshop import NETWORKS, branching, digits


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile nothing for a few steps of tiny networks."""
    quick = partial(function, mode="numpy")
    monkeypatch.setattr(runners, "function", quick)
    monkeypatch.setattr(pel, "function", quick)


@pytest.mark.parametrize("level", ["numpy", "expressions", "layers"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.usefixtures("interpreted")
def test_every_network_of_the_workshop_agrees_with_every_level_of_it(name: str, level: str) -> None:
    nn.set_random_seed(0)
    model, x, y = NETWORKS[name]()
    before = model.get_weights()
    program = model.peel(level)
    proof = pel.prove(model, program, x, y, steps=4, batch_size=4)
    assert proof, proof
    assert proof.steps == 4
    assert {p.name for p in model.parameters} | {"loss"} <= set(proof.differences)
    assert max(d.max() for d in proof.differences.values()) < 1e-3
    assert min(t.max() for n, t in proof.tolerances.items() if "iterations" not in n and "state" not in n) > 0
    assert proof.losses is not None
    assert len(set(proof.losses[0])) == 4
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("level", ["numpy", "expressions", "layers"])
@pytest.mark.usefixtures("interpreted")
def test_a_model_that_branches_agrees_with_every_level_of_it(level: str) -> None:
    nn.set_random_seed(0)
    model = branching()
    proof = pel.prove(model, model.peel(level), steps=3)
    assert proof, proof
    assert {p.name for p in model.parameters} | {"loss", "drop/state"} <= set(proof.differences)


def test_compiled_and_interpreted_agree_at_the_edge_of_stability_too() -> None:
    X, y = pel.data.moons()
    network = Moons(moons_by_hand.initialize(), 0.01, 0.01)
    proof = pel.prove(network.step, pel.peel(network.step, "numpy"), X, y, steps=30)
    assert proof, proof
    assert max(d.max() for d in proof.differences.values()) < 1e-12


def test_a_program_by_hand_is_one_side_too() -> None:
    inputs, targets = pel.data.binary_addition(5, 4, 0, "float64")
    network = Adder(adder_by_hand.initialize(6, 0), 4, 0.1)
    proof = pel.prove(network.step, pel.peel(network.step, "numpy"), inputs, targets, steps=5, over=True)
    assert proof, proof
    assert proof.losses is None
    assert set(proof.differences) == {"output", "Wx", "Wh", "Wo"}


def test_what_is_only_read_is_no_tensor_of_the_training() -> None:
    images, labels = digits(784)
    network = Softmax(images, labels, 0.01)
    batches = np.random.default_rng(0).integers(0, 8, (3, 4)).astype("int32")
    proof = pel.prove(network.step, pel.peel(network.step, "expressions"), batches, steps=3, over=True)
    assert proof, proof
    assert set(proof.differences) == {"loss", "W", "b"}


def by_hand(rate: float = 0.5, later: float | None = None) -> dict[str, Any]:
    """Return a straight line's program, whose rate may be another from its third step on."""
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
    """A step whose names are those of a scope."""

    def __init__(self, step: Any, scope: dict[str, Any]) -> None:
        self.step, self.__globals__ = step, scope

    def __call__(self, *batch: Any) -> Any:
        return self.step(*batch)


def line() -> Any:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, name="line")])
    model.compile(nn.optimizers.SGD(0.5), "mse")
    return model


@pytest.mark.usefixtures("interpreted")
def test_a_planted_fault_is_found_at_its_step_and_tensor() -> None:
    assert pel.prove(line(), by_hand(), steps=6)
    wrong = pel.prove(line(), by_hand(rate=0.501), steps=6)
    assert not wrong
    assert wrong.first is not None
    assert (wrong.first.step, wrong.first.tensor[:5]) == (1, "line/")
    assert "part at step 1, line/" in str(wrong)
    assert "100 times what rounding does" in str(wrong)
    later = pel.prove(line(), by_hand(later=0.501), steps=6)
    assert later.first is not None
    assert later.first.step == 3
    assert "class='wrong'" in later._repr_html_()
    given = pel.prove(line(), by_hand(rate=0.501), steps=6, tolerance=0.5)
    assert given
    assert "The tolerance of 0.5 was given." in str(given)


@pytest.mark.usefixtures("interpreted")
def test_twins_of_other_names_are_matched_in_order() -> None:
    first, second = line(), line()
    second.layers[0].parameters[0].name = "other/kernel"
    second.layers[0].parameters[1].name = "other/bias"
    assert pel.prove(first, second, steps=2)


def test_what_cannot_be_compared_is_refused() -> None:
    model = line()
    x, w = pel.vector("x"), pel.shared(0.0, "w")
    grows = pel.function([x], updates={w: w + x.sum()})
    with pytest.raises(pel.UseError, match=r"prove compares a compiled model, a function with updates, or a program"):
        pel.prove(model, 3)
    with pytest.raises(pel.ModelError, match="the function has no updates, so there is no training to compare"):
        pel.prove(pel.function([x], x.sum()), model, np.zeros(3))
    with pytest.raises(
        pel.ModelError, match=r"the program defines no step\(x, y\) that trains on a batch, and no model"
    ):
        pel.prove(model, "a = 1\n")
    with pytest.raises(pel.ModelError, match="the program stops with NameError: name 'b' is not defined"):
        pel.prove(model, "a = b\n")
    with pytest.raises(pel.ModelError, match=r"missing\.py cannot be read: No such file"):
        pel.prove(model, "missing.py")
    odd = "import numpy as np\nkernel = np.zeros((3, 1))\ndef step(x, y): return 0.0\n"
    with pytest.raises(
        pel.ModelError, match=r"the program has no partner for the tensor line/kernel \(2, 1\) of the mod"
    ):
        pel.prove(model, odd)
    with pytest.raises(pel.OptionError, match=r"Expected a tolerance of 0 or more\. Received: tolerance=-1"):
        pel.prove(model, model, tolerance=-1)
    with pytest.raises(pel.ModelError, match="Without a model first, prove needs data: one array for each input"):
        pel.prove(grows, model)
