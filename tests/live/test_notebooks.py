"""Figures show themselves in Jupyter and in marimo."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest

CELL = """
import pellucid as pel
pel.live.examples.moons(steps=200)
"""
PAGE_HEIGHT = "document.documentElement.offsetHeight"
STATE = "document.querySelector('pellucid-figure').ready.then((figure) => figure.state)"


@pytest.fixture(scope="module")
def output(moons):
    """The output of a cell of Jupyter."""
    return moons._repr_html_()


@pytest.fixture(scope="module")
def notebook_page(output, open_page, tmp_path_factory):
    """A page with the output, the frame in it, and the state of the figure after its training."""
    path = tmp_path_factory.mktemp("notebook") / "notebook.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><h1>notebook</h1>{output}", "utf-8")
    page = open_page(path)
    [frame] = [f for f in page.frames if f is not page.main_frame]
    return page, frame, frame.evaluate(STATE)


def test_jupyter_runs_the_figure_in_a_frame(notebook_page) -> None:
    page, frame, state = notebook_page
    assert state["step"] == state["steps"] == 200
    assert len(page.workers) == 1
    page.locator("figure").first.wait_for(state="detached")  # the still pictures are replaced
    for _ in range(100):  # the page grows while its views are filled, and reports each new height
        heights = page.evaluate("document.querySelector('iframe').offsetHeight"), frame.evaluate(PAGE_HEIGHT)
        if heights[0] == heights[1]:
            break
        page.wait_for_timeout(50)
    assert heights[0] == heights[1]  # nothing is cut off, and nothing scrolls inside of the frame


class Images(HTMLParser):
    """Collects the alternative texts of the images of HTML, and the names of its other tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.texts += [value or "" for key, value in attributes if (tag, key) == ("img", "alt")]


def test_viewers_without_scripts_show_still_pictures(output) -> None:
    found = Images(output.partition("<iframe")[0] + "</div>")
    assert len(found.texts) == 2
    assert found.texts[0].startswith("Decision boundary after 200 steps:")
    assert found.texts[1].startswith("Training loss: 0.5839 at the first step")
    assert "script" not in found.tags


@pytest.mark.slow
def test_a_kernel_displays_the_figure(output) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    [result] = notebook.cells[0].outputs
    found, expected = Images(result.data["text/html"]), Images(output)
    assert (found.tags, found.texts) == (expected.tags, expected.texts)


def test_marimo_takes_the_frame_as_it_is(moons) -> None:
    import marimo

    text = marimo.as_html(moons).text
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
            assert frame.evaluate(STATE)["step"] == 200
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
