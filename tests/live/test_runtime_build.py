"""The built runtime in the package is that of its sources."""

import shutil
import subprocess
from pathlib import Path

import pytest

import pellucid.live

WEB = Path(__file__).parents[2] / "web"


def test_built_file_is_current(tmp_path) -> None:
    if shutil.which("node") is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node.js or web/node_modules is missing: run `make check-runtime`")
    target = tmp_path / "runtime.js"
    subprocess.run(["node", "build.mjs", f"--out={target}"], cwd=WEB, check=True, capture_output=True, timeout=60)
    built = Path(pellucid.live.__file__).with_name("runtime.js").read_text("utf-8")
    assert target.read_text("utf-8") == built, "Run `make runtime`, and commit src/pellucid/live/runtime.js"
