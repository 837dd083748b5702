"""A notebook that Jupyter executes: outputs per cell, displays that are updated in place, and no warnings."""

from collections.abc import Sequence
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import numpy as np, pellucid as pel
from pellucid import nn
def build(units=3, seed=0):
    model = pel.Sequential([nn.Input((2,)), nn.Dense(units, activation="tanh"), nn.Dense(2, activation="softmax")])
    model.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
x, y = pel.data.moons(64)
model = build()
"""

CELLS = {
    "fit": "history = model.fit(x, y, epochs=30, validation_split=0.25)",
    "evaluate": "scores = model.evaluate(x, y)",
    "predict": "p = model.predict(x, batch_size=8, verbose=1)",
    "sweep": "swept = pel.sweep(build, x, y, units=[1, 2], epochs=3)",
    "result": "model.fit(x, y, epochs=2)",
    "repeat": "w = pel.shared(1.0)\nf = pel.function([], w, updates={w: w / 2})\ns = f.repeat(9, progress=True)",
    "track": "from pellucid.progress import track\ni = list(track(x, total=64, description='<b>read', progress=True))",
    "silent": "_ = list(track(x, total=64, description='')); _ = f.repeat(50); _ = model.fit(x, y, verbose=0)",
    "model": "model",
    "history": "history",
    "swept": "swept",
    "diagnosis": "pel.diagnose(model, x, y, curvature=False)",
    "figure": "pel.show.draw_graph(pel.tanh(pel.vector('x')), title='A graph')",
    "picture": "pel.pictures.learning_curves(history)",
    "mermaid": "pel.mermaid(pel.tanh(pel.vector('x')))",
    "run": "from pellucid.cli import main\nstatus = main(['run', 'symbols', '--out', 'symbols', '--json'])",
    "tour": "status = main(['tour', 'symbols', '--out', 'tour'])",
}


Outputs = dict[str, list[Any]]


def execute(cells: Sequence[str], folder: Any) -> list[list[Any]]:
    """Run cells in one kernel; return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell["outputs"] for cell in notebook.cells]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    cells = {"setup": SETUP, **CELLS}
    return dict(zip(cells, execute(list(cells.values()), tmp_path_factory.mktemp("notebook")), strict=True))


def find_displays(outputs: Sequence[Any]) -> list[Any]:
    return [each for each in outputs if "<progress" in each.get("data", {}).get("text/html", "")]


@pytest.mark.parametrize("cell", ["fit", "predict", "sweep", "repeat", "track"])
def test_a_progress_display_is_the_only_output(outputs: Outputs, cell: str) -> None:
    (output,) = outputs[cell]
    assert output["output_type"] == "display_data"
    assert set(output["data"]) == {"text/html", "text/plain"}


def test_a_display_ends_with_the_final_state(outputs: Outputs) -> None:
    html, text = (outputs["fit"][0]["data"][kind] for kind in ("text/html", "text/plain"))
    assert "Epoch 30/30" in html
    assert 'value="60" max="60"' in html
    assert "val_accuracy 0." in text
    assert 'value="8" max="8"' in outputs["predict"][0]["data"]["text/html"]
    assert 'value="9" max="9"' in outputs["repeat"][0]["data"]["text/html"]


def test_the_result_of_fit_is_the_second_output_of_a_cell_that_ends_with_it(outputs: Outputs) -> None:
    display, result = outputs["result"]
    assert (display["output_type"], result["output_type"]) == ("display_data", "execute_result")


def test_nothing_is_shown_without_progress(outputs: Outputs) -> None:
    assert outputs["silent"] == outputs["evaluate"] == []


def test_descriptions_are_escaped(outputs: Outputs) -> None:
    html = outputs["track"][0]["data"]["text/html"]
    assert "&lt;b&gt;read" in html
    assert "<b>" not in html


def test_a_tour_has_one_progress_display(outputs: Outputs) -> None:
    assert len(find_displays(outputs["tour"])) == 1
    assert all(each.get("name") != "stderr" for each in outputs["tour"])


def test_an_experiment_without_loops_has_no_empty_display(outputs: Outputs) -> None:
    assert [each["output_type"] for each in outputs["run"]] == ["stream"]


@pytest.mark.parametrize("cell", ["model", "history", "swept", "diagnosis", "figure", "picture"])
def test_results_are_html(outputs: Outputs, cell: str) -> None:
    (output,) = outputs[cell]
    assert output["output_type"] == "execute_result"
    assert 'class="pellucid"' in output["data"]["text/html"]
    assert "text/plain" in output["data"]


def test_mermaid_is_a_flowchart_with_a_drawing(outputs: Outputs) -> None:
    (output,) = outputs["mermaid"]
    assert set(output["data"]) == {"text/vnd.mermaid", "image/svg+xml", "text/plain"}
