"""Rooflines of training steps: layers, the rest, and the whole."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.inspect import layer_timing
from pellucid.inspect.layer_roofline import LayerRoofline, format_count, make_roofline
from pellucid.run.native.compiler import find_compiler
from pellucid.show.costs.roofline import Machine, Work

MACHINE = Machine(1e11, 1e10, peak=2e11, core_peak=1e11, cache_bandwidth=1e11, cache_bytes=2**20, cores=2)
BIG = 2**30


@pytest.fixture(autouse=True)
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare with known rates: measuring those of this machine takes a second."""
    monkeypatch.setattr(layer_timing, "this_machine", lambda: MACHINE)


def make(one_core: bool = False, step: float = 0.005) -> LayerRoofline:
    """Return the roofline of two layers of 3 ms and 1 ms."""
    layers = [("wide", 0.003, Work(3 * 10**8, 10**6, BIG)), ("call", 0.001, Work(10**5, 10**7, BIG))]
    return make_roofline(layers, ("training step", step, Work(4 * 10**8, 2 * 10**7, BIG)), MACHINE, 0.0005, one_core)


def read_table(roofline: LayerRoofline) -> dict[str, list[str]]:
    """Return the cells of each row of the table by its first cell."""
    rows = (re.split(r"  +", line) for line in roofline.format_lines()[:6])
    return {name: cells for name, *cells in rows}


def test_shares_are_of_the_layers_and_of_the_peaks() -> None:
    found = make()
    table = read_table(found)
    assert table["wide"] == ["3 ms", "75.0%", "300 M", "100", "50%", "0.333", "3.3%", "compute"]
    assert table["call"] == ["1 ms", "25.0%", "100 k", "0.1", "0.1%", "10", "100%", "overhead"]
    assert table["sum of the layers"] == ["4 ms", "100.0%", "300 M"]
    assert table["loss, update, fusion"] == ["+1 ms", "99.9 M"]
    assert table["training step"] == ["5 ms", "400 M", "80", "40%", "4", "40%", "compute"]
    assert "Each layer, forward and backward, is a separate program." in found.format_lines()[6]
    assert found.format_lines()[-1] == MACHINE.describe_peaks()


def test_a_step_faster_than_its_layers_shows_the_gain_of_fusion() -> None:
    assert read_table(make(step=0.0025))["loss, update, fusion"][0] == "-1.5 ms"


def test_layers_of_a_c_loop_have_no_time() -> None:
    found = make(one_core=True)
    table = read_table(found)
    assert table["wide"] == ["-", "300 M", "-", "-", "-", "-", "-"]
    assert table["loss, update, fusion"] == ["-", "99.9 M"]
    assert table["training step"] == ["5 ms", "400 M", "80", "80%", "-", "-", "compute"]
    assert "whose time cannot be divided among layers" in found.format_lines()[6]
    assert found.rest_seconds is None
    assert [row["seconds"] for row in found.to_json()["layers"]] == [None, None]


def test_json_has_every_number() -> None:
    found = make().to_json()
    assert found["layers"][0] == {
        "name": "wide",
        "seconds": 0.003,
        "operations": 300_000_000,
        "moved": 1_000_000,
        "working_set": BIG,
        "operations_rate": pytest.approx(1e11),
        "operations_share": pytest.approx(0.5),
        "bytes_rate": pytest.approx(1e9 / 3),
        "bytes_share": pytest.approx(0.1 / 3),
        "bound": "compute",
    }
    assert found["sum_of_layers"] == {"seconds": 0.004, "operations": 300_100_000}
    assert found["rest"] == {"seconds": pytest.approx(0.001), "operations": 99_900_000}
    assert found["machine"]["peak"] == 2e11


def make_model(*layers: nn.Layer) -> pel.Sequential:
    model = pel.Sequential([*layers, nn.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Profiled:
    """A model, its profile, and its weights before."""

    def __init__(self, model: pel.Sequential, batch_size: int) -> None:
        self.model, self.before = model, [w.copy() for w in model.get_weights()]
        self.found = model.profile(batch_size=batch_size, iterations=2)

    def check_counts(self, products: list[int]) -> None:
        """Check the operations of the layers, which are mostly those of products, and those of the step."""
        for layer, expected in zip(self.found.roofline.layers, products, strict=True):
            assert expected <= layer.work.operations <= 1.1 * expected, layer.name
        layers, step = self.found.roofline.layer_operations, self.found.roofline.step.work.operations
        update = 10 * sum(w.size for w in self.before)
        assert layers + update < step < layers + 3 * update


@pytest.fixture(scope="module")
def profiled() -> Profiled:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_timing, "this_machine", lambda: MACHINE)
        return Profiled(make_model(nn.Input((2, 512)), nn.Flatten(name="flat")), 512)


def test_a_profile_counts_both_passes_and_the_update(profiled: Profiled) -> None:
    profiled.check_counts([0, 2 * 2 * 512 * 1024 * 3])  # the input has no gradient


def test_the_rest_of_a_step_is_what_its_layers_do_not_take(profiled: Profiled) -> None:
    found = profiled.found
    assert found.roofline.rest_seconds == pytest.approx(found.step.median - found.layer_seconds)


def test_a_profile_changes_nothing(profiled: Profiled) -> None:
    assert all(np.array_equal(a, b) for a, b in zip(profiled.before, profiled.model.get_weights(), strict=True))
    assert profiled.model.step == 0


@pytest.mark.slow
def test_a_profile_of_a_convolution_counts_its_windows() -> None:
    model = make_model(nn.Input((12, 12, 3)), nn.Conv2D(64, 3, name="conv"), nn.Flatten(name="flat"))
    Profiled(model, 64).check_counts([2 * 2 * 64 * 10 * 10 * 64 * 27, 0, 3 * 2 * 64 * 6400 * 3])


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_a_small_step_is_compared_with_one_core() -> None:
    found = make_model(nn.Input((2,))).profile(batch_size=16, iterations=2)
    assert found.roofline.one_core
    assert found.roofline.step.reached is not None
    assert found.roofline.step.reached.bytes_rate is None
    assert "The training step runs as C on one core" in str(found)


def test_a_model_without_a_loss_is_compared_too() -> None:
    found = pel.Sequential([nn.Input((4,)), nn.Dense(3)]).profile(batch_size=8, iterations=2)
    assert found.roofline.step.name == "whole network"
    assert not found.roofline.one_core


def test_a_profile_refuses_no_samples() -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    with pytest.raises(pel.OptionError, match=r"batch_size to be an integer of 1 or more\. Received: batch_size=0"):
        model.profile(batch_size=0)


def test_counts_have_three_digits() -> None:
    assert [format_count(n) for n in (0, 5, 1234, 5.6e6, -7.89e12)] == ["0", "5", "1.23 k", "5.6 M", "-7.89 T"]
