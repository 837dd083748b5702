from pathlib import Path

import numpy as np
import pytest

from pellucid.data import binary_addition, from_bits
from pellucid.experiments.adder import adder, carried, carrier, written
from pellucid.experiments.runner import perform


def test_the_network_learns_to_add_by_hand_and_by_graph_alike(tmp_path: Path) -> None:
    record, error = perform(adder, {}, tmp_path)
    assert error is None
    assert record.measures["exact_of_the_last"] >= 0.99
    assert record.measures["exact_of_the_last_by_hand"] >= 0.99
    assert record.measures["same_answers"] == 1
    assert record.measures["largest_gap_of_weights"] < 1e-9
    assert record.measures["untrained"] < 0.1
    assert record.measures["carry_correlation"] > record.measures["carry_correlation_untrained"]
    assert record.lines[0].endswith("right")
    assert [picture.file for picture in record.pictures] == ["exact.png", "hidden-states.png"]


@pytest.mark.parametrize("sums", [1, 30])
def test_a_short_run_works(sums: int, tmp_path: Path) -> None:
    record, error = perform(adder, {"sums": sums, "bits": 4, "hidden": 3}, tmp_path, seed=2)
    assert error is None
    assert record.measures["same_answers"] == 1
    assert record.measures["chance"] == 1 / 16
    assert record.baseline is not None
    assert record.baseline.label == "exact by the untrained network"
    assert "Backpropagation through time" in (tmp_path / "derivation.html").read_text(encoding="utf-8")


def test_a_sum_is_written_as_one_writes_it() -> None:
    inputs, targets = binary_addition(1, dtype="float64")
    assert written(inputs, targets[..., 0]) == ["00101100 + 00101111 = 01011011   44 + 47 = 91   right"]
    wrong = targets[..., 0].copy()
    wrong[0, 0] = 0
    assert written(inputs, wrong)[0].endswith("44 + 47 = 90   wrong, 91 is right")


def test_carries_are_those_of_addition() -> None:
    inputs, targets = binary_addition(50, bits=10, dtype="float64")
    carries = carried(inputs)
    into = np.concatenate([np.zeros((50, 1)), carries[:, :-1]], axis=1)
    assert (inputs.sum(axis=2) + into == targets[..., 0] + 2 * carries).all()
    assert from_bits(carries).shape == (50,)


def test_a_unit_that_never_changes_follows_nothing() -> None:
    assert carrier(np.ones((1, 3, 2)), np.array([[1, 0, 1]])) == (0, 0.0)
    assert carrier(np.ones((1, 3, 2)), np.array([[0, 0, 0]])) == (0, 0.0)
