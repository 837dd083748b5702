"""The bar shows where somebody watches."""

import sys

import pytest

from pellucid.data.progress import track


def test_it_is_quiet_where_standard_error_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), total=3, what="counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_it_shows_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), total=3, what="counting", progress=True)) == [0, 1, 2]
    output, error = capsys.readouterr()
    assert output == ""
    assert "counting" in error
    assert "3/3" in error


def test_it_shows_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(track(range(3), total=3, what="counting"))
    assert "3/3" in capsys.readouterr().err
