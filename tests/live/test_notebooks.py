"""Figures show themselves in Jupyter and in marimo."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import marimo
import nbformat
import pytest
from nbclient import NotebookClient

import pellucid as pel

CELL = """
import pellucid as pel
pel.live.examples.moons(steps=2000)
"""
PAGE_HEIGHT = "document.documentElement.offsetHeight"
STATE = "document.querySelector('pellucid-figure').ready.then((figure) => figure.state)"


@pytest.fixture(scope="module")
def output():
    """The output of a cell, run by a Jupyter kernel."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    [result] = notebook.cells[0].outputs
    return result.data["text/html"]


def write_notebook_page(folder, output):
    path = folder / "notebook.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><h1>notebook</h1>{output}", "utf-8")
    return path


def test_jupyter_runs_the_figure_in_a_frame(pages, tmp_path, output) -> None:
    page = pages.open(write_notebook_page(tmp_path, output), viewport={"width": 1100, "height": 900})
    [frame] = [f for f in page.frames if f is not page.main_frame]
    state = frame.evaluate(STATE)
    assert state["step"] == state["steps"] == 2000
    page.locator("figure").first.wait_for(state="detached")  # the still pictures are replaced
    for _ in range(100):  # the page grows while its views are filled, and reports each new height
        heights = page.evaluate("document.querySelector('iframe').offsetHeight"), frame.evaluate(PAGE_HEIGHT)
        if heights[0] == heights[1]:
            break
        page.wait_for_timeout(50)
    assert heights[0] == heights[1]  # nothing is cut off, and nothing scrolls inside of the frame


def test_viewers_without_scripts_show_still_pictures(pages, tmp_path, output) -> None:
    sanitized = output.partition("<iframe")[0] + "</div>"
    page = pages.open(write_notebook_page(tmp_path, sanitized), java_script_enabled=True)
    texts = page.eval_on_selector_all("figure img", "images => images.map(i => i.alt)")
    assert len(texts) == 2
    assert texts[0].startswith("Decision boundary after 2,000 steps:")
    assert texts[1].startswith("Training loss: 0.5839 at the first step")


def test_marimo_takes_the_frame_as_it_is() -> None:
    text = marimo.as_html(pel.live.examples.moons(steps=10)).text
    assert text.startswith("<iframe")
    assert "srcdoc=" in text


NOTEBOOK = f"""
import marimo
app = marimo.App()

@app.cell
def _():{CELL.replace(chr(10), chr(10) + "    ")}
    return
"""


@pytest.mark.slow
def test_marimo_runs_the_figure(browser, tmp_path) -> None:
    (tmp_path / "notebook.py").write_text(NOTEBOOK, "utf-8")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "run", "notebook.py", "--headless", "--no-token"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}/"
            wait_for_server(address)
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector("iframe[title='Two moons']")
            [frame] = [f for f in page.frames if f.url == "about:srcdoc"]
            assert frame.evaluate(STATE)["step"] == 2000
            page.close()
        finally:
            server.terminate()


def wait_for_server(address) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)
