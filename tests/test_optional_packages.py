"""Levels 0 to 2 and the commands about names work without the packages of the extra `train`."""

import subprocess
import sys
from pathlib import Path

CHECKS = Path(__file__).parents[1] / ".ci" / "check_install.py"

WITHOUT_EXTRAS = """
import importlib.abc, runpy, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in checks["EXTRA"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

checks = runpy.run_path(sys.argv[1], run_name="checks")
sys.meta_path.insert(0, Missing())
checks["check_levels"]()
checks["check_missing_packages"]()

from pellucid.cli import main

assert main(["reference", "softmax"]) == 0
assert main(["reference", "pel.Classifier"]) == 1
"""


def test_the_core_works_without_extras(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS, str(CHECKS)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            "error: An estimator for pipelines needs scikit-learn, which is not installed. "
            "Install it: pip install 'pellucid[train]'"
        ],
    )
    assert done.stdout.startswith("pel.softmax(")
