"""The HTML page of ``pellucid tour``: all experiments in one file."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from pellucid.course.tour.next_steps import NEXT_STEPS, format_chapters
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.tracking import Experiment, Record, Score
from pellucid.tracking.document import render_document, render_picture, render_prose
from pellucid.tracking.record import to_json
from pellucid.tracking.result import SavedText
from pellucid.version import __version__

GENERATOR = '<meta name="generator" content="pellucid tour">'


@dataclass(frozen=True)
class Section:
    """One experiment on the page: its definition, its record, and the content of the files it saved."""

    experiment: Experiment
    record: Record
    pictures: Sequence[bytes]
    texts: Sequence[str]

    @classmethod
    def read(cls, experiment: Experiment, record: Record, folder: Path) -> "Section":
        """Return the section of a run, with its files in ``folder``."""
        pictures = [(folder / picture.file).read_bytes() for picture in record.pictures]
        texts = [(folder / text.file).read_text(encoding="utf-8") for text in record.texts]
        return cls(experiment, record, pictures, texts)


def render(sections: Sequence[Section]) -> str:
    """Return the whole page.

    Examples
    --------
    >>> "<h1>" in render([])
    True
    """
    articles = "\n".join(_article(number, section) for number, section in enumerate(sections, start=1))
    records = to_json([asdict(section.record) for section in sections]).replace("<", "\\u003c")
    body = f"""<header>
<p class="mark">pellucid</p>
<h1>Deep learning you can see&nbsp;through</h1>
<p class="lead">The gallery of the course: its networks, from a straight line to a convolutional network, trained on
this machine. Each result is compared with a baseline. <code>pellucid course</code> opens the chapters that explain
them.</p>
</header>
<main>
{_summary(sections)}
{articles}
{_next_steps()}
</main>
{_footer(sections)}
<script type="application/json" id="records">
{records}
</script>"""
    return render_document("pellucid: a tour", GENERATOR, body)


def _summary(sections: Sequence[Section]) -> str:
    rows = "\n".join(_summary_row(section.experiment, section.record) for section in sections)
    return f"""<table class="summary">
<caption>Results</caption>
<thead><tr><th scope="col">experiment</th><th scope="col">result</th><th scope="col">baseline</th>
<th scope="col" class="number">seconds</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _summary_row(experiment: Experiment, record: Record) -> str:
    result = _short(record.result) if record.result else f'<span class="bad">{record.status}</span>'
    numbers = " and ".join(map(str, experiment.chapters))
    noun = "chapter" if len(experiment.chapters) == 1 else "chapters"
    chapter = f" <small>{noun} {numbers}</small>" if numbers else ""
    return (
        f'<tr><th scope="row"><a href="#{record.name}">{escape(record.name)}</a>{chapter}</th><td>{result}</td>'
        f'<td>{_short(record.baseline)}</td><td class="number">{record.seconds:.1f}</td></tr>'
    )


def _short(score: Score | None) -> str:
    return f"<b>{escape(score.value_text)}</b> <small>{escape(score.label)}</small>" if score else ""


def _article(number: int, section: Section) -> str:
    experiment, record = section.experiment, section.record
    parts = [
        f'<p class="kicker"><span>{number}</span> {escape(record.name)}</p>',
        f"<h2>{render_prose(record.title)}</h2>",
        f'<p class="idea">{render_prose(experiment.idea)}</p>',
        f'<p class="chapter">{format_chapters(experiment.chapters)}</p>' if experiment.chapters else "",
        *map(_formula, experiment.formulas),
        _failure(record),
        _comparison(record),
        _findings(record),
        *(
            render_picture(content, picture.caption, picture.reading)
            for picture, content in zip(record.pictures, section.pictures, strict=True)
        ),
        *map(_text, record.texts, section.texts),
        _output(record),
        _usage(experiment),
    ]
    return f'<article id="{record.name}">\n' + "\n".join(part for part in parts if part) + "\n</article>"


def _formula(formula: str) -> str:
    r"""Return a formula; parts between which \quad stands may be on lines of their own on a narrow screen."""
    parts = re.split(r"\s*\\q?quad\s*", formula)
    return f'<div class="formula">{"".join(f"<span>{latex_to_mathml(part)}</span>" for part in parts)}</div>'


def _failure(record: Record) -> str:
    if record.status == "finished":
        return ""
    reason = record.reason or "by Ctrl-C; partial results are shown"
    return f'<p class="trouble"><b>{record.status}</b> {escape(reason)}</p>'


def _comparison(record: Record) -> str:
    """Return result and baseline side by side, with bars if both are between 0 and 1."""
    if not (record.result and record.baseline):
        return ""
    scores = {"result": record.result, "baseline": record.baseline}
    fractions = all(not isinstance(score.value, str) and 0 <= score.value <= 1 for score in scores.values())
    return f'<dl class="scores">{"".join(_score(kind, score, fractions) for kind, score in scores.items())}</dl>'


def _score(kind: str, score: Score, with_bar: bool) -> str:
    bar = f'<span class="bar"><i style="width:{100 * float(score.value):.1f}%"></i></span>' if with_bar else ""
    label = f"{escape(score.label)} <small>{kind}</small>"
    return f'<div class="{kind}"><dt>{label}</dt><dd><b>{escape(score.value_text)}</b>{bar}</dd></div>'


def _findings(record: Record) -> str:
    items = "".join(f"<li>{render_prose(finding)}</li>" for finding in record.findings)
    return f'<h3>What this run shows</h3><ul class="findings">{items}</ul>' if items else ""


def _text(text: SavedText, content: str) -> str:
    if text.file.endswith(".html"):
        body = content.partition("<body>")[2].partition("</body>")[0].partition("</h1>")[2]
        caption = render_prose(text.caption)
        # Formulas that are wider than the screen scroll, by the keyboard too.
        scroller = f'<div tabindex="0" role="region" aria-label="{escape(text.caption)}">{body}</div>'
        return f'<details class="derivation"><summary>{caption}</summary>{scroller}</details>'
    return f"<figure><pre>{escape(content)}</pre><figcaption><b>{render_prose(text.caption)}</b></figcaption></figure>"


def _output(record: Record) -> str:
    lines = "".join(f"<span>{escape(line)}</span>\n" for line in record.lines)
    return f'<details open><summary>Output</summary><pre class="output">{lines}</pre></details>' if lines else ""


def _usage(experiment: Experiment) -> str:
    """Return the command that runs the experiment, and its parameters."""
    command = f"pellucid run {experiment.name}"
    rows = "".join(
        f"<tr><td><code>--set {p.name}={escape(p.default_text)}</code></td>"
        f"<td>{render_prose(p.description)} <small>{escape(p.expected)}</small></td></tr>"
        for p in experiment.parameters.values()
    )
    table = f"<table>{rows}</table>" if rows else ""
    return f"<details><summary>Run this experiment</summary><pre>{command}</pre>{table}</details>"


def _next_steps() -> str:
    items = "\n".join(f"<dt><code>{command}</code></dt><dd>{what}</dd>" for command, what in NEXT_STEPS.items())
    return f'<section id="next"><h2>Where to go next</h2>\n<dl>{items}</dl></section>'


def _footer(sections: Sequence[Section]) -> str:
    seconds = sum(section.record.seconds for section in sections)
    versions = sections[-1].record.versions.items() if sections else ()
    others = ", ".join(f"{name} {version}" for name, version in versions if name != "pellucid")
    text = f"Written by pellucid {__version__} after {seconds:.0f} seconds of experiments."
    note = "A difference counts if it is larger than two standard errors; otherwise it is no difference beyond chance."
    return f"<footer><p>{note}</p><p>{escape(text)} {escape(others)}</p></footer>"
