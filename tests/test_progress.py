"""Progress bars are shown on a terminal only, or on request."""

import sys

import pytest

from pellucid.progress import track


def test_it_is_hidden_if_standard_error_is_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), total=3, description="counting")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_it_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), total=3, description="counting", progress=True)) == [0, 1, 2]
    output, error = capsys.readouterr()
    assert output == ""
    assert "counting" in error
    assert "3/3" in error


def test_it_is_shown_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(track(range(3), total=3, description="counting"))
    assert "3/3" in capsys.readouterr().err
