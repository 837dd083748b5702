"""The built files in the package are those of their sources."""

import shutil
import subprocess
from pathlib import Path

import pytest

import pellucid

WEB = Path(__file__).parents[2] / "web"
PACKAGE = Path(pellucid.__file__).parent


def test_built_files_are_current(tmp_path) -> None:
    if shutil.which("node") is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node.js or web/node_modules is missing: run `make check-runtime`")
    subprocess.run(["node", "build.mjs", f"--out={tmp_path}"], cwd=WEB, check=True, capture_output=True, timeout=60)
    for built in (PACKAGE / "live" / "runtime.js", PACKAGE / "course" / "exercises.js"):
        current = (tmp_path / built.name).read_text("utf-8")
        assert current == built.read_text("utf-8"), f"Run `make runtime`, and commit {built}"
