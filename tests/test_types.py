"""What type checkers see: the stubs, a program of every level, and misspellings in it."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import pellucid
from pellucid import nn, type_stubs
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS

ROOT = Path(__file__).parents[1]
LEVELS = ROOT / "tests" / "typed" / "five_levels.py"

MISSPELLINGS = {
    "moons.train(": "moons.trian(",
    "pel.tanh(": "pel.tanhh(",
    "axis=-1": "axes=-1",
    'mode="auto"': 'mode="fast"',
    'kernel_initializer="he_normal"': 'kernel_initialiser="he_normal"',
    "momentum=0.9": "momentun=0.9",
    "validation_split=0.2": "validation_spilt=0.2",
}
"""Right spellings in the program, and misspellings of names, arguments and choices."""


@pytest.mark.parametrize("module", type_stubs.STUBBED)
def test_stubs_are_those_of_the_code(module):
    assert type_stubs.get_stub_path(module).read_text("utf-8") == type_stubs.render_stub(module), "run `make stubs`"


def test_stubs_declare_every_public_name():
    stub = ast.parse(type_stubs.get_stub_path("pellucid").read_text("utf-8"))
    exported = next(n.value for n in stub.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__")
    assert {name for name in dir(pellucid) if name not in FUNCTIONS or is_built_in(FUNCTIONS[name])} == set(
        ast.literal_eval(exported)
    )


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("five_levels", LEVELS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_typed_program_of_every_level_runs(program, tmp_path):
    nn.set_random_seed(0)
    assert program.train_by_hand() < 0.3
    assert program.train_expressions() < 0.4
    assert program.train_layers() > 0.8
    assert program.train_model(tmp_path) > 0.9
    assert program.run_command(tmp_path / "run") == 0


@pytest.mark.slow
@pytest.mark.parametrize("check", ["mypy", "pyright"])
def test_type_checkers_accept_the_program_and_find_every_misspelling(check, tmp_path):
    """With mypy, `make lint` checks the same on `typed/misspelled.py`."""
    text = LEVELS.read_text("utf-8")
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(text, "utf-8")
    lines = set()
    for spelling, misspelling in MISSPELLINGS.items():
        assert text.count(spelling) == 1, spelling
        lines.add(text[: text.index(spelling)].count("\n") + 1)
        text = text.replace(spelling, misspelling)
    wrong.write_text(f"{text}# {tmp_path}\n", "utf-8")  # mypy repeats cached errors of equal files with their old path
    found = {"mypy": find_mypy_errors, "pyright": find_pyright_errors}[check]([right, wrong])
    assert found[right] == set()
    assert found[wrong] == lines


@pytest.mark.slow
def test_most_symbols_have_known_types(tmp_path):
    """Pyright looks for a package among installed ones, so an environment has a copy of the source.

    It counts internal modules too, because their names have no underscore: it finds 0.879.
    """
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "pellucid" not in path.name:
            (site / path.name).symlink_to(path)
    shutil.copytree(Path(pellucid.__file__).parent, site / "pellucid")
    command = [sys.executable, "-m", "pyright", "--verifytypes", "pellucid", "--ignoreexternal", "--outputjson"]
    environment = {**os.environ, "PATH": f"{tmp_path / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert json.loads(done.stdout)["typeCompleteness"]["completenessScore"] >= 0.87


def find_mypy_errors(files: list[Path]) -> dict[Path, set[int]]:
    """Return the lines of errors in each file, under the project's strict options."""
    command = [sys.executable, "-m", "mypy", "--show-absolute-path", "--output=json", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {f: {r["line"] for r in reports if r["file"] == str(f) and r["severity"] == "error"} for f in files}


def find_pyright_errors(files: list[Path]) -> dict[Path, set[int]]:
    """Return the lines of errors in each file."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, files)]
    done = subprocess.run(command, cwd=files[0].parent, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    errors = [d for d in report["generalDiagnostics"] if d["severity"] == "error"]
    return {f: {d["range"]["start"]["line"] + 1 for d in errors if d["file"] == str(f)} for f in files}
