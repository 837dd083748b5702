from pathlib import Path

import numpy as np
import pytest

from pellucid.course.networks.adder import adder, compute_carries, find_carry_unit, format_sums
from pellucid.data import binary_addition, from_bits
from pellucid.tracking import run_experiment


def test_the_network_learns_to_add_by_hand_and_by_graph(tmp_path: Path) -> None:
    record, error = run_experiment(adder, {"bits": 3, "sums": 2000, "rate": 2.0}, tmp_path)
    assert error is None
    assert record.measures["exact_of_the_last"] >= 0.9
    assert record.measures["exact_of_the_last_by_hand"] >= 0.9
    assert record.measures["same_predictions"] == 1
    assert record.measures["largest_weight_difference"] < 1e-9
    assert record.measures["untrained"] < 0.2
    assert record.lines[0].endswith("correct")
    assert [picture.file for picture in record.pictures] == ["exact.png", "hidden-states.png"]


@pytest.mark.slow
def test_the_network_learns_to_add_eight_bits_and_finds_the_carry(tmp_path: Path, drawn_pictures: None) -> None:
    record, error = run_experiment(adder, {}, tmp_path)
    assert error is None
    assert record.measures["exact_of_the_last"] >= 0.99
    assert record.measures["exact_of_the_last_by_hand"] >= 0.99
    assert record.measures["same_predictions"] == 1
    assert record.measures["largest_weight_difference"] < 1e-9
    assert record.measures["untrained"] < 0.1
    assert record.measures["carry_correlation"] > record.measures["carry_correlation_untrained"]


@pytest.mark.parametrize("sums", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_a_short_run_works(sums: int, tmp_path: Path) -> None:
    record, error = run_experiment(adder, {"sums": sums, "bits": 4, "hidden": 3}, tmp_path, seed=2)
    assert error is None
    assert record.measures["same_predictions"] == 1
    assert record.measures["chance"] == 1 / 16
    assert record.baseline is not None
    assert record.baseline.label == "exact before training"
    assert "Backpropagation through time" in (tmp_path / "derivation.html").read_text(encoding="utf-8")


def test_sums_are_formatted() -> None:
    inputs, targets = binary_addition(1, dtype="float64")
    assert format_sums(inputs, targets[..., 0]) == ["00101100 + 00101111 = 01011011   44 + 47 = 91   correct"]
    wrong = targets[..., 0].copy()
    wrong[0, 0] = 0
    assert format_sums(inputs, wrong)[0].endswith("44 + 47 = 90   wrong, 91 is correct")


def test_carries_are_those_of_addition() -> None:
    inputs, targets = binary_addition(50, bits=10, dtype="float64")
    carries = compute_carries(inputs)
    into = np.concatenate([np.zeros((50, 1)), carries[:, :-1]], axis=1)
    assert (inputs.sum(axis=2) + into == targets[..., 0] + 2 * carries).all()
    assert from_bits(carries).shape == (50,)


def test_a_constant_unit_has_no_correlation() -> None:
    assert find_carry_unit(np.ones((1, 3, 2)), np.array([[1, 0, 1]])) == (0, 0.0)
    assert find_carry_unit(np.ones((1, 3, 2)), np.array([[0, 0, 0]])) == (0, 0.0)
