"""A notebook that IPython executes: outputs per cell, displays that are updated in place, and no warnings.

Fast tests execute it in this process, slow ones in a kernel of Jupyter.
"""

import builtins
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

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


def execute_in_kernel(cells: Sequence[str], folder: Path) -> list[list[Any]]:
    """Run cells in one kernel; return the outputs of each."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=100, kernel_name="python3", resources=resources).execute()
    return [cell["outputs"] for cell in notebook.cells]


def execute_in_process(cells: Sequence[str], folder: Path) -> list[list[Any]]:
    """Run cells in a shell of IPython that says that it is a kernel; return the outputs of each."""
    import IPython.display
    from ipykernel.kernelapp import IPKernelApp

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IPKernelApp, "initialized", classmethod(lambda _: True))
        patch.chdir(folder)
        patch.setattr(IPython.display, "display", load_display())
        # A shell changes these, and does not restore them.
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        patch.setattr(sys, "path", sys.path.copy())
        for name in ("__IPYTHON__", "display"):
            patch.setattr(builtins, name, None, raising=False)
        with open_shell() as run:
            return [run(source) for source in cells]


def load_display() -> Any:
    """Return IPython's function; marimo replaces it in all modules once it has formatted an output."""
    spec = importlib.util.find_spec("IPython.core.display_functions")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.display


@contextmanager
def open_shell() -> Iterator[Callable[[str], list[Any]]]:
    """Create a shell, and yield a function that runs a cell and returns its outputs as those of a notebook."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    outputs: list[Any] = []

    class Publisher(DisplayPublisher):
        def publish(self, data: Any, *_: Any, transient: Any = None, update: bool = False, **__: Any) -> None:
            name = (transient or {}).get("display_id")
            output = {"output_type": "display_data", "data": data, "display_id": name}
            if update:
                [place] = [k for k, each in enumerate(outputs) if each.get("display_id") == name]
                outputs[place] = output
            else:
                outputs.append(output)

    class Hook(DisplayHook):
        def __call__(self, result: Any = None) -> None:
            if result is not None:
                data, _ = self.compute_format_data(result)
                outputs.append({"output_type": "execute_result", "data": data})

    def run(source: str) -> list[Any]:
        outputs.clear()
        streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
        with redirect_stdout(streams["stdout"]), redirect_stderr(streams["stderr"]):
            shell.run_cell(source).raise_error()
        texts = {name: stream.getvalue() for name, stream in streams.items()}
        written = [{"output_type": "stream", "name": name, "text": text} for name, text in texts.items() if text]
        return [*outputs, *written]

    settings = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=settings, display_pub_class=Publisher, displayhook_class=Hook)
    try:
        yield run
    finally:
        InteractiveShell.clear_instance()


@pytest.fixture(scope="module", params=["in process", pytest.param("kernel", marks=pytest.mark.slow)])
def outputs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    cells = {"setup": SETUP, **CELLS}
    execute = execute_in_kernel if request.param == "kernel" else execute_in_process
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
