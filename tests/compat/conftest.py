"""Programs in the spelling of old libraries are run by tests and not collected.

NumPy interprets what they compute, because most programs here run a few times, and compilation would take most of the
time. `make slow` runs the tests with the fixture `engine` again, compiled as for users.
"""

import pytest

from pellucid.run import function
from pellucid.run.interpreter import NumpyProgram

collect_ignore_glob = ["programs/*.py"]


@pytest.fixture(autouse=True)
def interpret_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(function.MODES, "auto", NumpyProgram)


@pytest.fixture(params=["interpreted", pytest.param("compiled", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> None:
    if request.param == "compiled":
        request.getfixturevalue("compile_functions")
