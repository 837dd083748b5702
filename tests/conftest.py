"""Fixtures of all tests. Chromium has no network, and every error of a page fails its test."""

import copy
import functools
import io
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import axe_playwright_python
import cloudpickle
import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import pellucid as pel
from pellucid import nn
from pellucid.graph import source_location
from pellucid.nn.optimizers import SGD
from pellucid.run import function
from pellucid.run.interpreter import NumpyProgram
from pellucid.run.native.program import AutoProgram

Data = tuple[np.ndarray, np.ndarray]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER_REQUIRED = os.environ.get("PELLUCID_REQUIRE_BROWSER") == "1"

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background makes them ignore SIGINT, which some tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples are the same on every run and every machine, without a time limit.
# A busy machine draws examples slowly, which is no error.
settings.register_profile(
    "pellucid", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("pellucid")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Notes of errors name a line without quoting it, except in tests marked `quotes_source`.

    `pytest.raises(match=...)` searches notes too, and the line that raises an error often has the pattern in it.
    """
    if item.get_closest_marker("quotes_source") is not None:
        return (yield)
    format_location = source_location.format_location
    source_location.format_location = format_line
    try:
        return (yield)
    finally:
        source_location.format_location = format_location


def format_line(location: source_location.Location) -> str:
    return f"{source_location.format_filename(location[0])}:{location[1]}"


@pytest.fixture(scope="session")
def program_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs that this run of the tests compiles; it starts empty, and all processes share it."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "programs"


@pytest.fixture(scope="module")
def compile_once(program_cache: Path) -> Iterator[None]:
    """Load programs that another test, or another process of it, has compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(program_cache))
        yield


@pytest.fixture(scope="module")
def interpret_functions() -> Iterator[None]:
    """Let NumPy interpret functions, in modules that test the surroundings of a training: reports, files, messages.

    Compilation would take most of the time. The slow tests of these modules compile: `make slow` clears XLA_FLAGS.
    """
    with pytest.MonkeyPatch.context() as patch:
        if os.environ["XLA_FLAGS"]:
            patch.setitem(function.MODES, "auto", NumpyProgram)
        yield


@pytest.fixture
def compile_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile functions in a test of a module in which NumPy interprets them."""
    monkeypatch.setitem(function.MODES, "auto", AutoProgram)


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """Save an empty figure instead of every other one: drawing takes half of the time of a small run."""
    from matplotlib.figure import Figure

    save = Figure.savefig

    @functools.wraps(save)
    def save_blank(self: Figure, *args: Any, **kwargs: Any) -> None:
        save(Figure((1, 1)), *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", save_blank)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A random number generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    """Points, labeled by whether the first coordinate is larger."""
    x = rng.normal(size=(160, 2)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype("int32")


@pytest.fixture
def make() -> Callable[..., pel.Sequential]:
    """A function that returns a small compiled model, the same on every call."""

    def model(dropout: float = 0.0, optimizer: object = None) -> pel.Sequential:
        nn.set_random_seed(3)
        compiled = pel.Sequential(
            [
                nn.Input((2,)),
                nn.Dense(4, activation="tanh"),
                nn.Dropout(dropout),
                nn.Dense(2, activation="softmax"),
            ]
        )
        compiled.compile(optimizer or SGD(0.2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return compiled

    return model


@pytest.fixture(params=["pickle", "oldest protocol", "cloudpickle", "joblib", "deepcopy"])
def duplicate(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """A function that returns a copy of an object, made in one of the ways in which Python copies objects."""
    if request.param == "deepcopy":
        return copy.deepcopy
    if request.param == "joblib":
        return lambda value: joblib.load(save_with_joblib(value))
    if request.param == "cloudpickle":
        return lambda value: pickle.loads(cloudpickle.dumps(value))
    protocol = 2 if request.param == "oldest protocol" else None
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


def save_with_joblib(value: Any) -> io.BytesIO:
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return file


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The browser of a test process. Without Chromium, the tests that use it are skipped, but not in CI."""
    if CHROMIUM is None:
        if BROWSER_REQUIRED:
            pytest.fail("PELLUCID_REQUIRE_BROWSER=1, and there is no Chromium on PATH")
        pytest.skip("there is no Chromium on PATH: install it (Debian: apt install chromium) to run browser tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")

OPEN_DETAILS = """
() => {
  for (const { shadowRoot } of document.querySelectorAll("pellucid-figure"))
    for (const details of shadowRoot.querySelectorAll("details")) details.open = true;
}
"""

FIND_CUT_OFF = """
() => {
  const found = [];
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      const box = element.getBoundingClientRect();
      const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
      const isCut = box.width && box.right > innerWidth + 1 && !scrolls(element.parentElement);
      if (isCut) found.push(element.outerHTML.slice(0, 80));
    }
  };
  visit(document);
  return found;
}
"""


class Pages:
    """Opens pages from disk, without a network, and collects their errors."""

    SIZES: ClassVar = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1100, "height": 900}}

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.errors: list[str] = []
        self.contexts: list[Any] = []

    def open(self, source: Any, *, start: bool = True, **options: Any) -> Any:
        """Open a file, or save a figure and open it; start its figures, and return the page of Playwright."""
        path = source if isinstance(source, Path) else self.folder / f"page{len(self.contexts)}.html"
        if not isinstance(source, Path):
            source.save(path)
        context = self.browser.new_context(offline=True, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: self.errors.append(f"request of {r.url}") if is_external(r.url) else None)
        page.on("requestfailed", lambda r: self.errors.append(f"failed request of {r.url}: {r.failure}"))
        page.goto(path.resolve().as_uri())
        if start:
            page.evaluate("Promise.all([...document.querySelectorAll('pellucid-figure')].map(f => f.ready))")
        return page

    def check(self, page: Any) -> None:
        """Open all details, and check that axe finds nothing serious and nothing is cut off."""
        page.evaluate(OPEN_DETAILS)
        page.add_script_tag(content=AXE)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
        serious = [
            (v["id"], v["help"], [node["html"][:200] for node in v["nodes"]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == []
        assert page.evaluate(FIND_CUT_OFF) == []

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def is_external(url: str) -> bool:
    return not url.startswith(("file:", "blob:", "data:"))


@pytest.fixture
def pages(browser: Any, tmp_path: Path) -> Iterator[Pages]:
    opened = Pages(browser, tmp_path)
    yield opened
    opened.close()
    assert opened.errors == []
