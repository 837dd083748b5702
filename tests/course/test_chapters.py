"""Sources of the course's pages: short sentences, one place for each exercise, right solutions, known terms."""

import re
from typing import Any

import numpy as np
import pytest
from page_prose import count_words, list_sentences

from pellucid.course.exercise import Exercise
from pellucid.course.exercises import CHAPTERS, list_exercises
from pellucid.course.site.chapter_sections import CHAPTER, OUTLOOK, QUIZ, SUMMARY, extract_section, list_quiz
from pellucid.course.site.sources import collect_pages

MAX_WORDS = 30
PAGES = {page.name: page for page in collect_pages()}
CHAPTER_PAGES = [page for name, page in PAGES.items() if CHAPTER.fullmatch(name)]
TERM = re.compile(r"\{term\}`(?:[^`<]*<([^>]+)>|([^`<]+))`")


def list_terms() -> list[str]:
    entries = PAGES["glossary"].text.split("```{glossary}\n")[1]
    return re.findall(r"^(\S.*)\n {2}\S", entries, re.MULTILINE)


def list_linked_terms(text: str) -> list[str]:
    return [(first or second).strip() for first, second in TERM.findall(text)]


def test_prose_has_no_markup() -> None:
    text = (
        "---\nkernelspec: x\n---\n\n# Title\n\nYou see `a b` and $x + y$. Is a {term}`big word <w>` here?\n\n"
        "```{code-cell}\nwe = 1\n```\n\n- An item\n  goes on.\n- Next\n\n$$\nx\n$$\n\n| a | b |\n\n"
        "```{dropdown} 1. Why?\nBecause.\n```\n"
    )
    assert list_sentences(text) == [
        "You see code and formula.",
        "Is a big word here?",
        "An item goes on.",
        "Next",
        "1.",
        "Why?",
        "Because.",
    ]


@pytest.fixture(scope="module")
def sentences() -> list[tuple[str, str]]:
    """All sentences with the names of their pages."""
    return [(name, sentence) for name, page in PAGES.items() for sentence in list_sentences(page.text)]


def test_sentences_are_short(sentences: list[tuple[str, str]]) -> None:
    assert [(name, s) for name, s in sentences if count_words(s) > MAX_WORDS] == []


def test_text_speaks_to_the_reader(sentences: list[tuple[str, str]]) -> None:
    pattern = re.compile(r"\b(we|our|ours|us|let's)\b", re.IGNORECASE)
    assert [(name, s) for name, s in sentences if pattern.search(s)] == []


def test_there_are_nine_chapters() -> None:
    assert [int(page.name[0]) for page in CHAPTER_PAGES] == list(CHAPTERS)


def test_chapters_end_with_summary_quiz_and_outlook() -> None:
    for page in CHAPTER_PAGES:
        titles = re.findall(r"^## (.+)$", page.text, re.MULTILINE)[-3:]
        beginnings = [title[: len(start)] for title, start in zip(titles, (SUMMARY, QUIZ, OUTLOOK), strict=True)]
        assert beginnings == [SUMMARY, QUIZ, OUTLOOK], page.name
        assert extract_section(page.text, SUMMARY).startswith("- "), page.name
        assert len(list_quiz(page.text)) >= 3, page.name
        assert all(answer for _, answer in list_quiz(page.text)), page.name


def test_each_exercise_is_used_once_in_its_chapter() -> None:
    used = [name for page in PAGES.values() for name in page.exercises]
    assert sorted(used) == sorted(f"{chapter}.{name}" for chapter in CHAPTERS for name in list_exercises(chapter))
    assert [name for page in CHAPTER_PAGES for name in page.exercises if name[0] != page.name[0]] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_solutions_are_right_and_explained(chapter: int) -> None:
    for name, exercise in list_exercises(chapter).items():
        assert exercise.why, name
        assert exercise.question, name
        answer: Any = exercise.solution
        if not isinstance(exercise, Exercise):
            names: dict[str, Any] = {"np": np}  # files of exercises import it
            exec(exercise.solution, names)
            answer = names[exercise.name]
        assert exercise.check(answer).correct, name


def test_linked_terms_are_in_the_glossary() -> None:
    known = {term.casefold() for term in list_terms()}
    linked = [(name, term) for name, page in PAGES.items() for term in list_linked_terms(page.text)]
    assert [(name, term) for name, term in linked if term.casefold() not in known] == []


def test_terms_are_sorted_and_linked() -> None:
    terms = [term.casefold() for term in list_terms()]
    assert terms == sorted(terms)
    linked = {term.casefold() for page in CHAPTER_PAGES for term in list_linked_terms(page.text)}
    assert set(terms) - linked == set()


def test_entries_are_one_sentence_with_an_existing_place() -> None:
    faults = []
    for line in re.findall(r"^ {2}(\S.*)$", PAGES["glossary"].text, re.MULTILINE):
        sentence, chapter, anchor = re.fullmatch(r"(.+\.) \[Chapter \d\]\((\w+)\.md#?([\w-]*)\)\. ?.*", line).groups()
        if len(re.findall(r"[.?!](?= [A-Z])", sentence)):
            faults.append(f"two sentences: {line}")
        if anchor and f"\n({anchor})=\n" not in PAGES[chapter].text:
            faults.append(f"no anchor: {line}")
    assert faults == []
