"""Displays of models, histories, sweeps and diagnoses in notebooks."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.show.formulas.mathml import render_page
from pellucid.show.pages.html_style import wrap_html
from pellucid.training.callbacks.history import History

ATTACK = "<script>alert(\"1\")</script> & 'x'"
PLAIN = "plain"

Made = dict[str, Any]


def build(name: str = PLAIN, units: int = 3) -> pel.Sequential:
    nn.set_random_seed(0)
    output = nn.Dense(2, activation="softmax", name="output")
    layers = [nn.Input((2,), name="point"), nn.Dense(units, activation="tanh", name=name), output]
    model = pel.Sequential(layers, name=name)
    model.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_results(name: str) -> Made:
    """Return one result of each class, with user-defined names."""
    x, y = pel.data.moons(64)
    model = build(name)
    history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0)
    history.append({"loss": 0.5, name: 0.25}, 0.1)
    swept = pel.sweep(lambda kind, units: build(name, units), x, y, kind=[name, "b"], units=[1, 2], epochs=2, verbose=0)
    dead = build(name)
    dead.layers[0].set_weights([np.ones((2, 3)), np.full(3, np.nan)])
    diagnosis = pel.diagnose(dead, x, y, curvature=False)
    unbuilt = pel.Sequential([nn.Dense(2, name=name)], name=name)
    return {"model": model, "history": history, "sweep": swept, "diagnosis": diagnosis, "unbuilt": unbuilt}


@pytest.fixture(scope="module")
def plain() -> Made:
    return make_results(PLAIN)


@pytest.fixture(scope="module")
def attacked() -> Made:
    return make_results(ATTACK)


@pytest.fixture(scope="module")
def html(plain: Made) -> dict[str, str]:
    """The displays of `plain`."""
    return {name: made._repr_html_() for name, made in plain.items()}


class Reader(HTMLParser):
    """Collects the tags, the texts and the alternative texts of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.alternatives: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(key for key, _ in attributes)))
        self.alternatives += [value or "" for key, value in attributes if key == "alt"]

    def handle_data(self, text: str) -> None:
        self.texts.append(text)


NAMES = ["model", "history", "sweep", "diagnosis", "unbuilt"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_escaped(html: dict[str, str], attacked: Made, name: str) -> None:
    expected, found = Reader(html[name]), Reader(attacked[name]._repr_html_())
    assert found.tags == expected.tags
    assert ATTACK in " ".join([*found.texts, *found.alternatives])


def test_a_model_is_a_table_and_a_drawing(html: dict[str, str]) -> None:
    reader = Reader(html["model"])
    assert [text for text in ("plain (Dense)", "float32 (n, 3)", "9") if text not in reader.texts] == []
    assert any(text.startswith("17 parameters, 68 bytes") for text in reader.texts)
    assert reader.alternatives == ["Layers: plain from point, output from plain"]


def test_a_model_that_is_not_built(html: dict[str, str]) -> None:
    page = html["unbuilt"]
    assert "The model is not built" in page
    assert "<img" not in page
    assert "no layers" in repr(pel.Sequential([]))
    assert "<table" not in pel.Sequential([])._repr_html_()


def test_layers_that_are_no_chain_are_drawn_as_they_are() -> None:
    left, right = pel.matrix("left", shape=("n", 4)), pel.matrix("right", shape=("n", 4))
    tower = nn.Dense(8, name="tower")
    both = nn.Concatenate(name="both")([tower(left), tower(right)])
    model = pel.Model([left, right], nn.Dense(1, name="score")(both))
    reader = Reader(model._repr_html_())
    assert "from" in reader.texts
    assert reader.alternatives == [
        "Layers: tower from left, tower from right, both from tower and tower, score from both"
    ]


def test_a_very_deep_model_is_only_a_table() -> None:
    model = pel.Sequential([nn.Input((2,)), *(nn.Dense(2) for _ in range(60))])
    page = model._repr_html_()
    assert page.count("<tr>") == 62
    assert "<img" not in page


def test_a_history_has_curves_and_last_values(plain: Made, html: dict[str, str]) -> None:
    history = plain["history"]
    reader = Reader(html["history"])
    assert "4 epochs in" in " ".join(reader.texts)
    for name, values in history.history.items():
        assert name in reader.texts
        assert f"{values[-1]:.4f}" in reader.texts
    assert [text.split(" ")[0] for text in reader.alternatives] == ["loss", "accuracy", "plain"]
    assert "validation" in reader.alternatives[0] or "val_loss" in reader.alternatives[0]


def test_a_history_without_epochs_or_with_vectors() -> None:
    history = History()
    assert "No finished epoch" in history._repr_html_()
    for epoch in range(30):
        history.append({"loss": 1 / (epoch + 1), "f1_score": np.array([0.5, 1.0])}, 0.5)
    page = history._repr_html_()
    assert page.count("<img") == 1
    assert "[0.5000 1.0000]" in page
    assert page.count("<tr>") == 3 + 22  # metrics, and 20 epochs with a header and an ellipsis


def test_a_sweep_is_a_table_with_the_best_trial_first_and_a_plot(plain: Made, html: dict[str, str]) -> None:
    swept = plain["sweep"]
    page = html["sweep"]
    best = re.search(r'<tr class="best"><td class="number">(\d+)</td>', page)
    assert best is not None
    assert int(best[1]) == swept.best
    reader = Reader(page)
    assert reader.alternatives == [swept.reading]
    assert swept.reading in reader.texts


def test_a_diagnosis_has_its_findings_and_measurements(plain: Made, html: dict[str, str]) -> None:
    found = plain["diagnosis"]
    texts = Reader(html["diagnosis"]).texts
    assert f"{len(found)} problem{'s' * (len(found) != 1)} found" in texts
    assert all(text in texts for f in found for text in (f.name, f.what, f.why, f.fix))
    assert all(row.layer in texts for row in found.layers)
    assert "Measurements on 64 samples" in texts


JUPYTERLAB = """
.jp-RenderedHTMLCommon table { table-layout: fixed; margin-left: auto; margin-right: auto; }
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td { text-align: right; }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: rgb(255, 255, 255); }
"""


def write_page(path: Path, html: dict[str, str]) -> Path:
    """Write a page with displays, without the security policy, which would forbid axe."""
    path.write_text(re.sub("<meta http-equiv.*>", "", render_page("Results", "\n".join(html.values()))))
    return path


@pytest.fixture(scope="module")
def page(open_page: Any, html: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A page with the displays, a text in another color, a table in a page of JupyterLab, and a flowchart."""
    svg = pel.mermaid(pel.tanh(pel.vector("x", shape=("n",))))._repr_mimebundle_()["image/svg+xml"]
    flowchart = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    more = f"""<style>{JUPYTERLAB}</style>
<div id="color" style="color: rgb(1, 2, 3)">{wrap_html("<table><tr><td>1</td></tr></table>")}</div>
<div id="lab" class="jp-RenderedHTMLCommon">{html["model"]}</div>
<img id="flowchart" alt="Flowchart" style="max-width: 100%" src="{flowchart}">"""
    return open_page(write_page(tmp_path_factory.mktemp("page") / "page.html", {**html, "more": more}))


def test_axe_finds_nothing_serious_but_contrast(page: Any, check_with_axe: Any) -> None:
    check_with_axe(page)


def test_nothing_is_cut_off_on_a_phone(page: Any, check_on_a_phone: Any) -> None:
    check_on_a_phone(page)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_displays_are_accessible_and_fit(
    pages: Any, html: dict[str, str], tmp_path: Path, scheme: str, size: str
) -> None:
    path = write_page(tmp_path / "page.html", html)
    page = pages.open(path, start=False, color_scheme=scheme, viewport=pages.SIZES[size])
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    pages.check(page)


def test_text_has_the_color_of_the_page(page: Any) -> None:
    cell = "getComputedStyle(document.querySelector('#color td'))"
    style = page.evaluate(f"[{cell}.color, {cell}.backgroundColor]")
    assert style == ["rgb(1, 2, 3)", "rgba(0, 0, 0, 0)"]


def test_mermaid_has_a_drawing_for_notebooks_that_cannot_draw_it() -> None:
    x = pel.vector("x <b>", shape=("n",))
    bundle = pel.mermaid(pel.tanh(x).sum())._repr_mimebundle_()
    assert list(bundle) == ["text/vnd.mermaid", "image/svg+xml", "text/plain"]
    assert bundle["text/vnd.mermaid"].startswith("flowchart TD")
    assert "prefers-color-scheme" in bundle["image/svg+xml"]
    assert "<b>" not in bundle["image/svg+xml"]


def test_mermaid_is_drawn_by_a_browser(page: Any) -> None:
    assert page.evaluate("document.querySelector('#flowchart').naturalHeight") > 100


def test_tables_keep_their_style_in_jupyterlab(page: Any) -> None:
    row = "document.querySelector('#lab tr:nth-child(3)')"
    cells = page.evaluate(f"[...{row}.querySelectorAll('td')].map((cell) => getComputedStyle(cell).textAlign)")
    assert cells == ["left", "left", "right", "right"]
    assert page.evaluate(f"getComputedStyle({row}).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_marimo_shows_the_same_displays() -> None:
    from marimo._output.formatting import try_format

    figure = pel.show.draw_graph(pel.tanh(pel.vector("x")))
    for shown in (
        figure,
        pel.mermaid(pel.tanh(pel.vector("x"))),
        build(),
        pel.pictures.learning_curves({"loss": [1.0]}),
    ):
        output = try_format(shown)
        assert output.mimetype == "text/html"
        assert "pellucid" in output.data
    assert try_format(figure).data.count("data:image/svg+xml") == 1
