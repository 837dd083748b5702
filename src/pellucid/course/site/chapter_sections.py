"""Sections of chapters that other pages show again: the summary, and the questions on earlier chapters."""

from __future__ import annotations

import re

from pellucid.course.site.errors import CourseError

SUMMARY, QUIZ, OUTLOOK = "In short", "What do you remember", "What comes next?"
"""Beginnings of the titles of the last sections of a chapter, in this order."""

CHAPTER = re.compile(r"(?P<number>\d)_\w+")
"""Name of the page of a chapter."""

FOLDED = re.compile(
    r"^(?P<fence>`{3,}|:{3,})\{dropdown\} (?P<title>.+?)\n(?P<body>.*?)\n(?P=fence)$"
    r"|^<details>\s*<summary>(?P<summary>.+?)</summary>\n(?P<inside>.*?)\n</details>$",
    re.MULTILINE | re.DOTALL,
)
"""An answer that is folded away: a directive, or HTML around Markdown."""


def get_title(text: str) -> str:
    r"""Return the title of a page.

    Examples
    --------
    >>> get_title("---\nkernelspec: python3\n---\n\n# One neuron\n\n## What is it?\n")
    'One neuron'
    """
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    if match is None:
        raise CourseError("A page has no title: expected a line such as '# One neuron'")
    return match[1]


def extract_section(text: str, title: str) -> str:
    r"""Return the content of the section of the second level whose title begins with some words.

    Examples
    --------
    >>> extract_section("# One neuron\n\n## In short\n\n- It adds.\n\n## What comes next?\n", "In short")
    '- It adds.'
    """
    match = re.search(rf"^## {re.escape(title)}.*?$(?P<content>.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise CourseError(f"The page {get_title(text)!r} has no section '## {title}'")
    return match["content"].strip()


def list_quiz(text: str) -> list[tuple[str, str]]:
    r"""Return the questions of a chapter on earlier ones, with their answers, as Markdown.

    Examples
    --------
    >>> list_quiz("# Two moons\n\n## What do you remember?\n\n```{dropdown} 1. Why?\nBecause.\n```\n")
    [('1. Why?', 'Because.')]
    """
    return [
        ((match["title"] or match["summary"]).strip(), (match["body"] or match["inside"]).strip())
        for match in FOLDED.finditer(extract_section(text, QUIZ))
    ]
