"""The report of a training run: complete, readable, one offline file, and safe with any names in the data."""

import csv
import errno
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.train.report import run_page, run_report
from tests.conftest import AXE, FIND_CUT_OFF, OPEN_DETAILS, Pages, is_external

HOSTILE = '</script><img src=x onerror="alert(1)"><b>&amp;'
QUICK = ["--model", "linear", "--epochs", "3", "--learning-rate", "0.05"]


def write_hostile_table(path: Path) -> None:
    """Write a table with markup in names of columns, categories and classes."""
    x = np.random.default_rng(0).normal(size=(80, 2))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["plain", f"{HOSTILE} column", "kind", "class"])
        for a, b in x:
            writer.writerow([f"{a:.4f}", f"{b:.4f}", f"{HOSTILE}{a > b}", f"{HOSTILE} {'up' if b > 0 else 'down'}"])


@pytest.fixture(scope="module")
def blank_pictures() -> None:
    """Pictures are drawn."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table of classes whose names are markup; the file ``output`` has what the command printed."""
    place, output = tmp_path_factory.mktemp("hostile"), io.StringIO()
    write_hostile_table(place / "table.csv")
    with pytest.MonkeyPatch.context() as here, redirect_stdout(output):
        here.chdir(place)
        assert main(["train", "table.csv", *QUICK, "--out", "a run"]) == 0
    (place / "output").write_text(output.getvalue())
    return place / "a run"


@pytest.fixture
def run(request: pytest.FixtureRequest, trained: Path, hostile: Path) -> Path:
    """The run of a parametrized test: of a table of classes, of a regression, or of images."""
    return {"table": hostile, "regression": trained / "runs" / "1", "images": trained / "runs" / "10"}[request.param]


class Tab:
    """A page of the browser, in which all tests open reports: a new one takes longer than most of them."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context(offline=True)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("request", lambda r: self.errors.append(r.url) if is_external(r.url) else None)
        self.page.on("requestfailed", lambda r: self.errors.append(f"failed request of {r.url}: {r.failure}"))

    def open(self, run: Path, size: str = "phone", scheme: str = "light") -> Any:
        """Return the page with the report of a run, whose figures have started."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size(Pages.SIZES[size])
        url = (run / "report.html").resolve().as_uri()
        if self.page.url != url:
            self.page.goto(url)
            self.page.evaluate("Promise.all([...document.querySelectorAll('pellucid-figure')].map(f => f.ready))")
        return self.page


@pytest.fixture(scope="module")
def shared_tab(browser: Any, hostile: Path) -> Iterator[Tab]:
    tab = Tab(browser)
    tab.open(hostile)
    yield tab
    tab.context.close()


@pytest.fixture
def tab(shared_tab: Tab) -> Iterator[Tab]:
    yield shared_tab
    assert shared_tab.errors == []


def find_violations(page: Any, context: str, options: dict[str, Any]) -> list[Any]:
    """Return the serious violations of accessibility that axe finds in a part of a page."""
    page.evaluate(OPEN_DETAILS)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)  # not a script of the page, which its security policy would forbid
    run = "([context, options]) => axe.run(context, options).then((result) => result.violations)"
    found = page.evaluate(run, [context, {"resultTypes": ["violations"], **options}])
    return [
        (v["id"], v["help"], [node["html"][:200] for node in v["nodes"]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def read_record(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text("utf-8"))


TABLE, REGRESSION, IMAGES = ("table", "phone", "dark"), ("regression", "desktop", "dark"), ("images", "phone", "light")


@pytest.mark.parametrize(("run", "size", "scheme"), [REGRESSION, IMAGES, TABLE], indirect=["run"])
def test_a_report_is_readable_and_complete(run: Path, size: str, scheme: str, tab: Tab) -> None:
    assert (run / "report.html").stat().st_size < 2_000_000
    page = tab.open(run, size, scheme)
    page.evaluate(OPEN_DETAILS)
    assert page.evaluate(FIND_CUT_OFF) == []
    titles = ["Summary", "Scores", "Pictures", "Data", "Network", "Try the network", "Settings"]
    assert page.locator("main > section > h2").all_inner_texts() == titles
    record = read_record(run)
    measures = record["measures"]
    readings = [picture["reading"] for picture in record["pictures"]]
    assert page.eval_on_selector_all("figure > img", "images => images.map(each => each.alt)") == readings
    widths = page.eval_on_selector_all("figure > img", "images => images.map(each => each.naturalWidth)")
    assert len(widths) == len(readings)
    assert min(widths) > 100
    summary = page.locator("#summary").inner_text()
    for sentence in measures["summary"]:
        if not sentence.startswith(("failure", "warning")):
            assert sentence in summary
    for finding in measures["findings"]:
        assert finding["what"] in summary
        assert finding["why"] in summary
    scores = page.locator("#scores").inner_text()
    for name, metrics in measures["baselines"].items():
        assert name in scores
        assert f"{metrics[measures['metric']]:.4g}" in scores
    low, high = measures["intervals"][measures["metric"]]
    assert f"95% interval {low:.3g} to {high:.3g}" in scores
    assert page.locator("#network math").count() >= 2
    assert page.locator("#settings pre").text_content() == (run / "experiment.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("run", "size", "scheme"),
    [TABLE, *(pytest.param(*each, marks=pytest.mark.slow) for each in (REGRESSION, IMAGES))],
    indirect=["run"],
)
def test_axe_finds_nothing_serious(run: Path, size: str, scheme: str, tab: Tab) -> None:
    page = tab.open(run, size, scheme)
    assert find_violations(page, "html", {"rules": {"color-contrast": {"enabled": False}}}) == []


@pytest.mark.parametrize(
    ("run", "size", "scheme", "part"),
    [
        (*TABLE, "#summary"),
        ("table", "desktop", "light", "#scores"),
        *(pytest.param(*each, "html", marks=pytest.mark.slow) for each in (TABLE, REGRESSION, IMAGES)),
    ],
    indirect=["run"],
)
def test_text_has_enough_contrast(run: Path, size: str, scheme: str, part: str, tab: Tab) -> None:
    """In a fast test of a part, since axe needs half a second for a page."""
    assert find_violations(tab.open(run, size, scheme), part, {"runOnly": ["color-contrast"]}) == []


def test_pictures_follow_the_color_scheme(hostile: Path, tab: Tab) -> None:
    def measure_brightness(scheme: str) -> float:
        page = tab.open(hostile, scheme=scheme)
        corner = """async image => {
          await image.decode();
          const canvas = document.createElement("canvas");
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          return context.getImageData(5, 5, 1, 1).data[0];
        }"""
        return float(page.locator("figure > img").first.evaluate(corner))

    assert measure_brightness("light") > 200
    assert measure_brightness("dark") < 60


def test_names_from_files_stay_text(hostile: Path, tab: Tab) -> None:
    page = tab.open(hostile)
    assert page.locator("img[src=x]").count() == 0
    assert f"{HOSTILE} column" in page.locator("#data").inner_text()
    assert f"kind = {HOSTILE}True" in page.locator("#network").inner_text()
    for part in ("#scores", "#data", "pellucid-figure .view"):
        assert f"{HOSTILE} up" in page.locator(part).inner_text()


def test_a_small_network_predicts_in_the_page(hostile: Path, tab: Tab) -> None:
    page = tab.open(hostile)
    values = page.evaluate(
        """async () => {
          const { figure } = document.querySelector("pellucid-figure");
          const [request] = figure.panels[0].requests(true);
          const results = await figure.evaluate([request]);
          return [...Object.values(request.args), ...results[request.id]].map(values => Array.from(values, Number));
        }"""
    )
    features, probabilities = values[0], values[1]
    expected = pel.load_model(hostile / "model.pel").predict(np.array([features], "float32"))[0]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5, atol=1e-6)


def test_a_large_network_names_the_command_for_a_page(trained: Path) -> None:
    text = (trained / "runs" / "10" / "report.html").read_text("utf-8")
    assert "pellucid export runs/10 --to page" in text
    assert "<script" not in text


def test_the_output_names_the_report(hostile: Path) -> None:
    output = (hostile.parent / "output").read_text()
    assert "record.json, report.html\n" in output
    assert "Report:      a run/report.html\n" in output
    # The command in the page works in a shell.
    assert "pellucid train &#x27;a run&#x27;/experiment.toml" in (hostile / "report.html").read_text("utf-8")


def find_in(measures: Any) -> str:
    return run_page.render_summary(replace(make_record(), measures=measures))


def make_record() -> Any:
    from pellucid.tracking.record import Record

    return Record("train", "t", "finished", None, 0, {}, None, None, {}, [], 1.0, {}, [], [], {"pellucid": "1"}, {})


def test_findings_are_shown_once_with_their_reasons_and_the_worst_of_the_others_first() -> None:
    missed = {"severity": "failure", "what": "a is missed", "why": "Useless.", "fix": "Train longer", "where": "a"}
    note = {"severity": "note", "what": "<5 rows", "why": "Few.", "fix": "Get more"}
    copied = {"severity": "failure", "what": "rows are copied", "why": "They leak.", "fix": "Remove them"}
    text = find_in(
        {
            "summary": ["failure: a is missed. Train longer.", "The network is good."],
            "findings": [missed],
            "data_findings": [note, copied],
            "classes": ["a", "b"],
        }
    )
    items = re.findall(r"<li.*?</li>", text)
    assert items == [
        '<li class="failure"><b>Failure: a is missed.</b> Useless. Train longer.</li>',
        "<li>The network is good.</li>",
        '<li class="failure"><b>Failure: rows are copied.</b> They leak. Remove them.</li>',
        '<li class="note"><b>Note: &lt;5 rows.</b> Few. Get more.</li>',
    ]
    assert "no failures" not in text
    assert "The checks found no failures and no warnings." in find_in({"summary": ["Good."], "findings": []})


def test_many_classes_unfold() -> None:
    groups = [
        {"name": f"class {k}", "samples": 4, "predicted": 4, "precision": 1.0, "recall": 1.0, "f1": k / 300}
        for k in range(300)
    ]
    text = run_page.render_groups("Test set", groups)
    shown, _, hidden = text.partition("<details>")
    assert shown.count('<th scope="row">') == run_page.SHOWN_ROWS
    assert "class 0<" in shown
    assert "<summary>275 more</summary>" in hidden
    assert "class 299<" in hidden


def test_a_picture_with_many_points_stays_small(tmp_path: Path) -> None:
    from pellucid.show.plots.prediction_plots import residuals
    from pellucid.tracking import RunContext

    points = np.random.default_rng(0).normal(size=(20_000, 1))
    run = RunContext(tmp_path)
    run.save_figure("residuals", "Residuals", residuals(points, points / 2, ("y",)), reading="Many points.")
    picture = run_report.render_saved_picture(run, run.pictures[0])
    assert "data:image/svg" in picture
    assert len(picture) < 500_000


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full", "report.html"), KeyboardInterrupt()])
def test_a_run_whose_report_is_missing_can_be_resumed(
    error: BaseException, hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    write_hostile_table(Path("table.csv"))
    with monkeypatch.context() as failing:
        failing.setattr(run_report, "atomic_write", fail)
        main(["train", "table.csv", *QUICK, "--quiet", "--out", "a run"])
    assert main(["resume", "a run", "--quiet"]) == 0
    assert read_record(Path("a run"))["status"] == "finished"
    assert normalize(Path("a run")) == normalize(hostile)


def normalize(folder: Path) -> str:
    """Return the report of a run without its folder, its times, and what this process has counted, such as layers."""
    text = (folder / "report.html").read_text("utf-8")
    settings = (folder / "experiment.toml").read_text("utf-8")
    assert settings in text.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    text = re.sub(r"<dt>Time</dt><dd>.*?</dd>", "", text)
    text = re.sub(r"after [\d.]+ seconds", "", text)
    text = re.sub(r'href="data:text/plain;base64,.*?"', "", text)
    text = re.sub(r"(dense|input_layer)_\d+", r"\1", text)
    return text.replace(str(folder.absolute()), "run").replace(str(folder.parent.absolute()), "")
