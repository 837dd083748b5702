"""Old libraries for tests."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pellucid.compat
from pellucid.compat.import_hook import is_available
from tests.compat.old_programs import STAND_INS


@pytest.fixture(scope="session")
def stand_in_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of stand-ins for the old libraries that `pellucid.compat` does not have."""
    folder = tmp_path_factory.mktemp("stand_ins")
    present = {
        name for name in ("theano", "keras") if is_available(f"{name}.{'tensor' if name == 'theano' else 'models'}")
    }
    for name, text in STAND_INS.items():
        if name.partition("/")[0] not in present:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def old_libraries(stand_in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `pellucid.compat` find the stand-ins."""
    monkeypatch.setattr(pellucid.compat, "__path__", [*pellucid.compat.__path__, str(stand_in_folder)])
    importlib.invalidate_caches()
    yield
    for name, module in list(sys.modules.items()):
        if name.startswith("pellucid.compat.") and str(getattr(module, "__file__", "")).startswith(
            str(stand_in_folder)
        ):
            del sys.modules[name]
            vars(pellucid.compat).pop(name.split(".")[2], None)
