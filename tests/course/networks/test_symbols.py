from pathlib import Path

import pytest

from pellucid.course.networks.symbols import symbols
from pellucid.tracking import UsageError, run_experiment


def test_the_example_comes_out_as_theano_had_it(tmp_path: Path) -> None:
    record, error = run_experiment(symbols, {}, tmp_path)
    assert error is None
    assert record.result is not None
    assert record.baseline is not None
    assert record.result.value_text == record.baseline.value_text == "0.9"
    assert record.measures["gradient"] == "x"
    assert record.measures["rewritten"] == "2 * (x + y)"
    assert "y at x = (1, 1) and W = (0.2, 0.7): 0.9" in record.lines
    assert "gradient of y with respect to W: x" in record.lines
    assert f"add_same: {record.measures['written']}  →  2 * (x + y)" in (tmp_path / "journal.txt").read_text()
    assert "as written:\n  a = x + y\n  b = a + a" in (tmp_path / "graphs.txt").read_text()
    assert "rewritten:\n  a = x + y\n  b = 2 * a" in (tmp_path / "graphs.txt").read_text()


def test_other_numbers_are_computed_with_and_rewriting_keeps_a_large_score_finite(tmp_path: Path) -> None:
    settings = {"values": (1.0, 2.0, 3.0), "weights": (0.5, 0.5, 1.0), "large": 500.0}
    record, _ = run_experiment(symbols, settings, tmp_path)
    assert record.measures["value"] == 4.5
    assert record.measures["overflown"] == float("inf")
    assert record.measures["finite"] == 500


def test_values_and_weights_are_equally_many(tmp_path: Path) -> None:
    _, error = run_experiment(symbols, {"values": (1.0,)}, tmp_path)
    assert isinstance(error, UsageError)
    assert str(error) == "values: expected 2 values, one for each weight; received 1"
    with pytest.raises(UsageError, match="values: expected numbers separated by commas"):
        run_experiment(symbols, {"values": ("a",)}, tmp_path)
