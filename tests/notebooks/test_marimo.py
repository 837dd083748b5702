"""Progress displays in marimo."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

NOTEBOOK = """
import marimo
app = marimo.App()

@app.cell
def _():
    import numpy as np, pellucid as pel
    from pellucid import nn
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((8, 2)), np.ones(8), epochs=5)
    return
"""


def test_a_display_replaces_the_output_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    import marimo

    outputs = []
    monkeypatch.setattr(marimo, "running_in_notebook", lambda: True)
    monkeypatch.setattr(marimo.output, "replace", lambda output: outputs.append(output.text))
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 2)), np.ones(8), epochs=5)
    assert outputs[0].count("<progress") == outputs[-1].count("<progress") == 1
    assert "Epoch 5/5" in outputs[-1]
    assert "Epoch 1/5" not in outputs[-1]


@pytest.mark.slow
def test_a_display_is_one_output(tmp_path: Path) -> None:
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    command = [sys.executable, "-m", "marimo", "-q", "export", "html", "notebook.py", "-o", "page.html", "--no-sandbox"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count("Epoch 5/5") >= 1
    assert "Epoch 1/5" not in page
    assert "ipywidgets" not in page
