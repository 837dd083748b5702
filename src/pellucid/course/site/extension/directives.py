"""Directives of chapters: exercises, and answers that a reader opens."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from pellucid.course.site.sources import load_executed

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def register(app: Sphinx) -> None:
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("dropdown", DropdownDirective)


def make_raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


class ExerciseDirective(SphinxDirective):
    """``{exercise} 4.dW1``: an input field that checks a formula, or the stub of a function to write."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        text = self.env.doc2path(self.env.docname).read_text("utf-8")
        exercise = load_executed(text, self.config.pellucid_executed)["exercises"][name]
        if exercise["kind"] == "formula":
            return [
                make_raw(f'<div class="exercise-element" id="{make_anchor(name)}">{render_element(exercise)}</div>')
            ]
        box = nodes.container(classes=["exercise"], ids=[make_anchor(name)])
        self.set_source_info(box)
        chapter, _, rest = name.partition(".")
        self.state.nested_parse(StringList([f"**Exercise {name}.** {exercise['question']}"]), 0, box)
        box += nodes.literal_block(exercise["stub"], exercise["stub"], language="python")
        file = f"chapter{chapter}.py"
        up = "../" * self.env.docname.count("/")
        link = f'<a href="{up}notebooks/{file}" download>{file}</a>'
        check = f"<code>pellucid check {file} {escape(rest)}</code>"
        box += make_raw(f"<p>Complete it in {link}, and check it: {check}</p>")
        return [box]


def make_anchor(name: str) -> str:
    return f"exercise-{name.replace('.', '-')}"


def render_element(exercise: dict[str, Any]) -> str:
    data = json.dumps(exercise["data"], separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    question = exercise["data"]["question"]
    return (
        f'<pellucid-exercise><script type="application/json">{data}</script>'
        f"<noscript><div>{question}</div><p>To check an answer, use JavaScript or the notebook.</p></noscript>"
        "</pellucid-exercise>"
    )


class DropdownDirective(SphinxDirective):
    """``{dropdown} Answer``: content that is folded away under a title."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        inside = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, inside)
        start = make_raw(f"<details class='dropdown'><summary>{escape(self.arguments[0])}</summary><div>")
        return [start, *inside.children, make_raw("</div></details>")]
