"""Directives of pages that are made of all chapters: their summaries, and the answers to their questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from pellucid.course.exercises import list_exercises
from pellucid.course.site.chapter_sections import CHAPTER, SUMMARY, extract_section, get_title, list_quiz

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def register(app: Sphinx) -> None:
    app.add_directive("summaries", SummariesDirective)
    app.add_directive("solutions", SolutionsDirective)
    app.add_directive("answers", AnswersDirective)


class ChaptersDirective(SphinxDirective, ABC):
    """A section for each chapter of the site."""

    def run(self) -> list[nodes.Node]:
        return [self.make_section(name, number, text) for name, number, text in self.list_chapters()]

    def list_chapters(self) -> Iterator[tuple[str, int, str]]:
        """Yield name, number and text of each chapter."""
        for name in sorted(self.env.found_docs):
            match = CHAPTER.fullmatch(name)
            if match:
                path = self.env.doc2path(name)
                self.env.note_dependency(str(path))
                yield name, int(match["number"]), path.read_text("utf-8")

    def make_section(self, name: str, number: int, text: str) -> nodes.section:
        section = nodes.section(ids=[f"chapter-{number}"], names=[f"chapter-{number}"])
        section += nodes.title("", f"{number} {get_title(text)}")
        self.fill_section(section, name, number, text)
        return section

    @abstractmethod
    def fill_section(self, section: nodes.section, name: str, number: int, text: str) -> None:
        """Add the content of a chapter's section."""

    def parse(self, markdown: str, parent: nodes.Element) -> None:
        self.state.nested_parse(StringList(markdown.split("\n"), source=self.env.docname), 0, parent)


class SummariesDirective(ChaptersDirective):
    """``{summaries}``: the summary of each chapter."""

    def fill_section(self, section: nodes.section, name: str, number: int, text: str) -> None:
        self.parse(f"{extract_section(text, SUMMARY)}\n\n[Read this chapter]({name}.md)", section)


class AnswersDirective(ChaptersDirective):
    """``{answers}``: solutions of the exercises of each chapter, and answers to its questions on earlier ones."""

    def fill_section(self, section: nodes.section, name: str, number: int, text: str) -> None:
        add_solutions(self, number, section)
        for question, answer in list_quiz(text):
            place, _, words = question.partition(" ")
            self.parse(f"**Question {place}** {words}\n\n{answer}", section)


class SolutionsDirective(SphinxDirective):
    """``{solutions} 4``: question, solution and explanation of each exercise of a chapter."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = nodes.container()
        add_solutions(self, int(self.arguments[0]), found)
        return list(found.children)


def add_solutions(directive: SphinxDirective, chapter: int, parent: nodes.Element) -> None:
    """Add question, solution and explanation of each exercise of a chapter."""
    for name, exercise in list_exercises(chapter).items():
        question = f"**Exercise {chapter}.{name}.** {exercise.question}"
        directive.state.nested_parse(StringList([question]), 0, parent)
        solution = exercise.solution.strip("\n")
        parent += nodes.literal_block(solution, solution, language="python")
        directive.state.nested_parse(StringList([exercise.why]), 0, parent)
