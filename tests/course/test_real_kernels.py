"""The sample course, built by the processes of `pellucid course`: kernels, Sphinx on all cores, and marimo."""

import subprocess
import sys
from pathlib import Path

import pytest
from site_checks import read_files

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).with_name("sample")


@pytest.fixture(scope="module")
def real_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pellucid.course.site import build_site

    folder = tmp_path_factory.mktemp("real") / "site"
    build_site(folder, sections={"": SAMPLE})
    return folder


def test_the_site_is_that_of_the_test_process(sample_site: Path, real_site: Path) -> None:
    expected, found = read_files(sample_site), read_files(real_site)
    scripts = {"notebooks/1_neuron.py", "notebooks/2_moons.py"}  # of marimo, which the tests leave out
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name] and name not in scripts] == []


def test_a_marimo_notebook_has_the_code(real_site: Path) -> None:
    text = (real_site / "notebooks" / "2_moons.py").read_text("utf-8")
    assert "app = marimo.App()" in text
    assert "pel.live.examples.moons(steps=20)" in text


def test_the_notebooks_run(real_site: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    for name in ("1_neuron", "2_moons"):
        notebook = nbformat.read(real_site / "notebooks" / f"{name}.ipynb", as_version=4)
        NotebookClient(notebook, timeout=100, kernel_name="python3", allow_errors=False).execute(cwd=tmp_path)
    # The cell of 2_moons that fails on purpose ends a marimo script, but not a notebook.
    script = real_site / "notebooks" / "1_neuron.py"
    run = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
