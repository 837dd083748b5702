"""What tests and docstring examples share: no window opens, no file is left behind."""

import os
from typing import Any

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ["PELLUCID_CACHE"] = "0"  # programs are compiled anew, so that no test depends on what ran before it


@pytest.fixture(autouse=True)
def _examples_see_pellucid(
    request: pytest.FixtureRequest,
    doctest_namespace: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Give docstring examples `np` and `pel`, and an empty folder to write in."""
    if isinstance(request.node, pytest.DoctestItem):
        import pellucid as pel

        doctest_namespace.update(np=np, pel=pel)
        monkeypatch.chdir(tmp_path_factory.mktemp("example"))
