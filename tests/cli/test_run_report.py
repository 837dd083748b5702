"""The report of a training run: complete, readable, one offline file, and safe with any names in the data."""

import csv
import errno
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.experiments.user_data import Settings, run_page, run_report, train
from tests.conftest import Pages

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
    """A run on a table of classes whose names are markup."""
    place = tmp_path_factory.mktemp("hostile")
    write_hostile_table(place / "table.csv")
    assert main(["train", str(place / "table.csv"), *QUICK, "--quiet", "--out", str(place / "run")]) == 0
    return place / "run"


@pytest.fixture
def run(request: pytest.FixtureRequest, trained: Path, hostile: Path) -> Path:
    """The run of a parametrized test: of a table of classes, of a regression, or of images."""
    return {"table": hostile, "regression": trained / "runs" / "1", "images": trained / "runs" / "10"}[request.param]


def read_record(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("run", "size", "scheme"),
    [("table", "phone", "dark"), ("regression", "desktop", "dark"), ("images", "phone", "light")],
    indirect=["run"],
)
def test_a_report_is_readable_and_complete(run: Path, size: str, scheme: str, pages: Pages) -> None:
    assert (run / "report.html").stat().st_size < 2_000_000
    page = pages.open(run / "report.html", viewport=Pages.SIZES[size], color_scheme=scheme, bypass_csp=True)
    pages.check(page)
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


def test_pictures_follow_the_color_scheme(hostile: Path, pages: Pages) -> None:
    def measure_brightness(scheme: str) -> float:
        page = pages.open(hostile / "report.html", start=False, color_scheme=scheme)
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


def test_names_from_files_stay_text(hostile: Path, pages: Pages) -> None:
    page = pages.open(hostile / "report.html")
    assert page.locator("img[src=x]").count() == 0
    assert f"{HOSTILE} column" in page.locator("#data").inner_text()
    assert f"kind = {HOSTILE}True" in page.locator("#network").inner_text()
    for part in ("#scores", "#data", "pellucid-figure .view"):
        assert f"{HOSTILE} up" in page.locator(part).inner_text()


def test_a_small_network_predicts_in_the_page(hostile: Path, pages: Pages) -> None:
    page = pages.open(hostile / "report.html")
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


def test_the_output_names_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_hostile_table(Path("table.csv"))
    assert main(["train", "table.csv", *QUICK, "--out", "a run"]) == 0
    output = capsys.readouterr().out
    assert "record.json, report.html\n" in output
    assert "Report:      a run/report.html\n" in output
    # The command in the page works in a shell.
    assert "pellucid train &#x27;a run&#x27;/experiment.toml" in Path("a run/report.html").read_text("utf-8")


def test_a_cross_validation_has_its_own_table(tmp_path: Path, pages: Pages) -> None:
    write_hostile_table(tmp_path / "table.csv")
    settings = Settings(str(tmp_path / "table.csv"), model="linear", epochs=2, learning_rate=0.05, folds=2)
    record = train(settings, tmp_path / "run", verbose=0)
    assert record is not None
    validation = record.measures["cross_validation"]
    text = pages.open(tmp_path / "run" / "report.html").locator("#scores").inner_text()
    assert text.index("Cross-validation, 2 folds, 80 samples") < text.index("Test set, 12 samples")
    metric = record.measures["metric"]
    for value in (validation["mean"][metric], validation["standard_deviation"][metric]):
        assert f"{value:.4g}" in text


def find_in(measures: Any) -> str:
    return run_page.render_summary(replace(make_record(), measures=measures))


def make_record() -> Any:
    from pellucid.experiments.runner.record import Record

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
    from pellucid.experiments.runner import RunContext
    from pellucid.show.prediction_plots import residuals

    points = np.random.default_rng(0).normal(size=(20_000, 1))
    run = RunContext(tmp_path)
    run.save_figure("residuals", "Residuals", residuals(points, points / 2, ("y",)), reading="Many points.")
    picture = run_report.render_saved_picture(run, run.pictures[0])
    assert "data:image/svg" in picture
    assert len(picture) < 500_000


@pytest.mark.parametrize(
    ("error", "status", "exit_status"),
    [(OSError(errno.ENOSPC, "cannot be written: the disk is full", "report.html"), "failed", 1),
     pytest.param(KeyboardInterrupt(), "interrupted", 130, marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_run_whose_report_is_missing_is_not_finished_and_can_be_resumed(
    error: BaseException, status: str, exit_status: int, hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had_record: list[bool] = []

    def fail(*given: Any) -> None:
        had_record.append(Path("run/record.json").exists())
        raise error

    monkeypatch.chdir(tmp_path)
    write_hostile_table(Path("table.csv"))
    with monkeypatch.context() as failing:
        failing.setattr(run_report, "atomic_write", fail)
        assert main(["train", "table.csv", *QUICK, "--quiet", "--out", "run"]) == exit_status
    assert had_record == [False]  # a run that is killed here is not finished
    assert read_record(Path("run"))["status"] == status
    assert not Path("run/report.html").exists()
    assert main(["resume", "run", "--quiet"]) == 0
    assert read_record(Path("run"))["status"] == "finished"
    assert normalize(Path("run")) == normalize(hostile)


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
