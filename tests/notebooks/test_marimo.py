"""Progress displays in marimo."""

import subprocess
import sys
from pathlib import Path

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


def test_a_display_is_one_output(tmp_path: Path) -> None:
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    command = [sys.executable, "-m", "marimo", "-q", "export", "html", "notebook.py", "-o", "page.html", "--no-sandbox"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count("Epoch 5/5") >= 1
    assert "Epoch 1/5" not in page
    assert "ipywidgets" not in page
