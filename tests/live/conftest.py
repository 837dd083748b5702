"""Pages of Chromium that the test modules load one after the other: a new context costs a second of processor time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pellucid as pel
from pellucid.live.module_plan import ModulePlan
from tests.conftest import AXE, FIND_CUT_OFF, is_external
from tests.live.stored_modules import use_stored_modules

READY = """
async () => {
  await Promise.all([...document.querySelectorAll("pellucid-figure")].map((f) => f.ready));
  await new Promise((done) => requestIdleCallback(() => done(0)));
}
"""


class Tabs:
    """Pages of one browser context, without a network. Their errors are collected.

    Pictures of a page that is not in front are drawn once a second after its first click.
    """

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context(offline=True)
        self.free: list[Any] = []
        self.used: list[Any] = []
        self.errors: list[str] = []
        self.aborted: set[str] = set()
        self.workers: set[str] = set()

    def open(self, source: Any, folder: Path, width: int = 1100, height: int = 900) -> Any:
        """Load a file, or save a figure and load it; start its figures, and return the page of Playwright."""
        path = source if isinstance(source, Path) else folder / f"page{len(self.used)}.html"
        if not isinstance(source, Path):
            source.save(path)
        page = self.free.pop() if self.free else self.create()
        self.used.append(page)
        page.bring_to_front()
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path.resolve().as_uri())
        page.evaluate(READY)
        return page

    def create(self) -> Any:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: self.errors.append(f"request of {r.url}") if is_external(r.url) else None)
        page.on("requestfailed", self.note_failure)
        page.on("worker", lambda worker: self.workers.add(worker.url))
        return page

    def note_failure(self, request: Any) -> None:
        # Chromium sometimes reports the script of a worker in a frame as aborted, although the worker runs.
        if request.url.startswith("blob:") and request.failure == "net::ERR_ABORTED":
            self.aborted.add(request.url)
        else:
            self.errors.append(f"failed request of {request.url}: {request.failure}")

    def check_errors(self) -> None:
        """Check that the pages had no errors, and let the next module use them."""
        self.free, self.used = [*self.free, *self.used], []
        found, self.errors = self.errors, []
        aborted, self.aborted = self.aborted - self.workers, set()
        assert found == []
        assert aborted == set()


@pytest.fixture(scope="session", autouse=True)
def quick_modules() -> Iterator[None]:
    """Load stored modules, and compile the others without relaxed SIMD. Those of the package have both forms."""
    compile_both = ModulePlan.compile
    with use_stored_modules(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModulePlan, "compile", lambda plan, *, relaxed: compile_both(plan, relaxed=False))
        yield


@pytest.fixture(scope="session")
def tabs(browser: Any) -> Iterator[Tabs]:
    opened = Tabs(browser)
    yield opened
    opened.context.close()


@pytest.fixture(scope="module")
def open_page(tabs: Tabs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """A function that loads a file or a figure, starts its figures and returns the page."""
    folder = tmp_path_factory.mktemp("pages")
    yield lambda source, **size: tabs.open(source, folder, **size)
    tabs.check_errors()


# Contrast takes more time than all other rules. `Pages.check` has it, and opens all details.
RUN_AXE = """
axe.run(document, { resultTypes: ["violations"], rules: { "color-contrast": { enabled: false } } })
  .then(({ violations }) => violations.filter(({ impact }) => ["serious", "critical"].includes(impact)))
  .then((found) => found.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 200))]))
"""


@pytest.fixture(scope="session")
def check_with_axe() -> Callable[[Any], None]:
    """A function that checks that axe finds nothing serious in a page."""

    def check(page: Any) -> None:
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE) == []

    return check


@pytest.fixture(scope="session")
def check_on_a_phone() -> Callable[[Any], None]:
    """A function that checks that nothing in a page is cut off on a phone."""

    def check(page: Any) -> None:
        before = page.viewport_size
        page.set_viewport_size({"width": 390, "height": 844})
        for _ in range(50):  # views are drawn again in the next frames
            if not (found := page.evaluate(FIND_CUT_OFF)):
                break
            page.wait_for_timeout(20)
        assert found == []
        page.set_viewport_size(before)

    return check


@pytest.fixture(scope="session")
def moons() -> pel.live.Figure:
    """The figure of two moons, which is compiled once: its arithmetic takes a third of a second.

    Still pictures of it train with NumPy.
    """
    figure = pel.live.examples.moons(steps=200)
    spec = figure.to_spec()
    figure.train = figure.train.copy(mode="numpy")
    figure.to_spec = lambda: spec  # type: ignore[method-assign]
    return figure
