import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pellucid.course.tour import run_all
from pellucid.course.tour.page import render
from pellucid.tracking import Experiment, UsageError


class Outline(HTMLParser):
    """Collects the URLs, the pictures and the unclosed tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.addresses += [named[key] or "" for key in ("href", "src") if key in named]
        if tag == "img":
            self.pictures.append(named)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_one_self_contained_page(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    page = tmp_path / "tour" / "index.html"
    records, interrupted = run_all([experiments["sample"]], page)
    text = page.read_text()
    outline = Outline(text)
    assert [record.status for record in records] == ["finished"]
    assert not interrupted
    assert not outline.open
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in outline.addresses)
    assert [picture["alt"] for picture in outline.pictures] == ["A line that falls & falls."]
    assert "url(" not in text
    assert "@import" not in text
    assert [file.name for file in page.parent.iterdir()] == ["index.html"]


def test_the_page_has_all_results_and_escapes_them(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    run_all([experiments["sample"]], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    assert "Something small that &lt;works&gt;" in text
    assert "It adds <code>passes</code> ones. That is all." in text
    assert "<pre>a &lt; b\n</pre>" in text
    scroller = '<div tabindex="0" role="region" aria-label="A page">\n<p>It follows.</p></div>'
    assert f'<details class="derivation"><summary>A page</summary>{scroller}</details>' in text
    assert text.count("<span><math") == 2  # the parts of a formula may be on lines of their own
    assert "Chapters 3, Two moons, and 4, Backpropagation, explain this." in text
    assert "<small>chapters 3 and 4</small>" in text
    assert '<h3>What this run shows</h3><ul class="findings"><li>It <code>adds</code>: 20 &lt; 21.</li></ul>' in text
    assert '<pre class="output"><span>all well</span>\n</pre>' in text
    assert "<b>0.75</b>" in text
    assert "width:75.0%" in text
    assert "pellucid run sample" in text
    assert "--set sizes=1,2,50" in text
    embedded = re.search(r'<script type="application/json" id="records">(.*?)</script>', text, re.DOTALL)
    assert embedded is not None
    record = json.loads(embedded[1])[0]
    assert record["title"] == "Something small that <works>"
    assert record["findings"] == ["It `adds`: 20 < 21."]


def test_a_failed_experiment_is_shown_and_the_others_are_run(
    experiments: dict[str, Experiment], tmp_path: Path
) -> None:
    records, interrupted = run_all([experiments["broken"], experiments["sample"]], tmp_path / "index.html")
    assert [record.status for record in records] == ["failed", "finished"]
    assert not interrupted
    text = (tmp_path / "index.html").read_text()
    assert "photos/: expected two classes; received one" in text
    assert "kept" in text


def test_ctrl_c_ends_the_report_and_keeps_finished_experiments(
    experiments: dict[str, Experiment], tmp_path: Path
) -> None:
    order = [experiments[name] for name in ("sample", "stopped", "broken")]
    records, interrupted = run_all(order, tmp_path / "index.html")
    assert interrupted
    assert [record.status for record in records] == ["finished", "interrupted"]
    assert 'id="sample"' in (tmp_path / "index.html").read_text()


def test_a_report_replaces_its_own_page_unless_nothing_is_finished(
    experiments: dict[str, Experiment], tmp_path: Path
) -> None:
    page = tmp_path / "index.html"
    run_all([experiments["broken"]], page)
    run_all([experiments["sample"]], page)
    assert 'id="broken"' not in page.read_text()
    run_all([experiments["stopped"]], page)
    assert 'id="sample"' in page.read_text()


def test_a_foreign_page_is_not_replaced(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text("<h1>My own site</h1>")
    with pytest.raises(UsageError, match=r"--out: .*index.html was not written by pellucid tour and is not replaced"):
        run_all([experiments["sample"]], page)
    assert page.read_text() == "<h1>My own site</h1>"
    with pytest.raises(UsageError, match=r"--out: expected a folder; .*index.html is a file"):
        run_all([experiments["sample"]], page / "index.html")


def test_the_page_ends_with_where_to_go_next() -> None:
    text = render([]).partition("Where to go next")[2]
    for command in ("course", "run moons", "lab data.csv", "train photos/"):
        assert f"<dt><code>pellucid {command}</code></dt><dd>" in text


def test_a_run_without_findings_has_no_list_of_them(experiments: dict[str, Experiment], tmp_path: Path) -> None:
    run_all([experiments["broken"]], tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    assert "What this run shows" not in text
    assert "explains this" not in text


def test_an_empty_page_is_a_page() -> None:
    assert not Outline(render([])).open
