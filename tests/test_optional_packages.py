"""Features say which package they need, and levels 0 to 2 and commands about names work without any."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.optional_packages import EXTRAS

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


@pytest.mark.slow
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


def make_model() -> pel.Sequential:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    return model


def write(name: str, content: bytes = b"a,b\n1,2\n") -> Path:
    Path(name).write_bytes(content)
    return Path(name)


def fit_in_parallel() -> Any:
    def make(units: int) -> pel.Sequential:
        return make_model()

    return pel.sweep(make, np.ones((4, 2)), np.ones((4, 1)), units=[1, 2], n_jobs=2)


def convert_python2() -> str:
    from pellucid.compat.python2 import convert

    return str(convert("print 1", "old.py"))


def draw_curve() -> Any:
    from pellucid.show.plots.plot_style import new_figure

    return new_figure(4, 3)


def decode_image() -> Any:
    from pellucid.data.image_decoding import decode_image

    return decode_image(b"P3 1 1 255  7 8 9", (1, 1))


def write_events() -> Any:
    from pellucid.interop.tensorboard.writer import import_tensorboard

    return import_tensorboard.__wrapped__()  # it keeps what it has imported


FEATURES: dict[str, Callable[[], object]] = {
    "PIL": decode_image,
    "cloudpickle": fit_in_parallel,
    "duckdb": lambda: pel.data.read_table(write("a.duckdb", b"\0" * 8 + b"DUCK" + b"\0" * 20)),
    "fissix": convert_python2,
    "h5py": lambda: make_model().save("model.keras"),
    "joblib": fit_in_parallel,
    "matplotlib": draw_curve,
    "onnx": lambda: make_model().export("model.onnx"),
    "pyarrow": lambda: pel.data.read_table(write("a.csv")),
    "python_calamine": lambda: pel.data.read_table(write("a.xlsx", b"PK\3\4")),
    "python_multipart": lambda: main(["serve", "model.pel"]),
    "sklearn": lambda: pel.data.blobs(),
    "starlette": lambda: main(["serve", "model.pel"]),
    "tensorboard": write_events,
    "threadpoolctl": lambda: main(["train", "moons"]),
    "uvicorn": lambda: main(["serve", "model.pel"]),
}
"""A feature that needs each optional package."""


def test_every_optional_package_has_a_feature() -> None:
    assert set(EXTRAS) - set(FEATURES) == {"onnxruntime"}  # ONNX's own interpreter replaces it


@pytest.mark.parametrize("module", FEATURES)
def test_a_feature_names_the_package_and_the_command_that_installs_it(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_model().save("model.pel")
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)  # a loaded submodule would be found without its package
    monkeypatch.setitem(sys.modules, module, None)  # its import fails as that of a missing package
    monkeypatch.delitem(sys.modules, "pellucid.show.plots.themed_figure", raising=False)  # imports Matplotlib
    try:
        message = "" if FEATURES[module]() != 1 else capsys.readouterr().err
    except pel.PellucidError as error:
        message = str(error)
    package, extra = EXTRAS[module]
    assert f" needs {package}, which is not installed. Install it: pip install 'pellucid[{extra}]'" in message
