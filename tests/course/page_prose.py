"""Prose of the course's pages: Markdown without code, formulas, tables, headings and markup."""

import re
from collections.abc import Iterator

FENCE = re.compile(r"^(`{3,}|:{3,})\s*(\{[\w-]+\})?")
FOLDED = ("{dropdown}", "{admonition}", "{note}", "{glossary}")
"""Directives whose content is prose."""

NO_PROSE = re.compile(r"^(#|\||\(.*\)=$|:\w+:|<|---$|%|\$\$)")
BULLET = re.compile(r"^\s*(?:[-*]|\d+\.|:)\s+|^>\s*(?:\d+\.\s*)?")
MARKUP = [
    (re.compile(r"\{\w+\}`([^`<]*?)(?:\s*<[^>]*>)?`"), r"\1"),  # roles
    (re.compile(r"`[^`]*`"), "code"),
    (re.compile(r"\$[^$]+\$"), "formula"),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<[^>]+>"), ""),
    (re.compile(r"[*_]"), ""),
]


def iterate_blocks(text: str) -> Iterator[str]:
    """Yield paragraphs, items of lists, and titles of answers that are folded away."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^\$\$.*?\$\$", "", text, flags=re.DOTALL | re.MULTILINE)
    block: list[str] = []
    closing = ""
    for line in [*text.split("\n"), ""]:
        fence = FENCE.match(line.strip())
        if closing:
            closing = "" if line.strip() == closing else closing
        elif fence and fence[2] in FOLDED:
            yield " ".join(block)
            block = [line.partition("}")[2]]
        elif fence and line.strip() != fence[1]:
            closing = fence[1]
        elif not line.strip() or fence or NO_PROSE.match(line.strip()):
            yield " ".join(block)
            block = []
        elif BULLET.match(line):
            yield " ".join(block)
            block = [BULLET.sub("", line)]
        else:
            block.append(line.strip())
    yield " ".join(block)


def list_sentences(text: str) -> list[str]:
    """Return the sentences of a page without markup. A formula or a piece of code counts as one word."""
    sentences = []
    for block in iterate_blocks(text):
        for pattern, replacement in MARKUP:
            block = pattern.sub(replacement, block)
        sentences += [s.strip() for s in re.split(r"(?<=[.!?])[\"”)]*\s+", block) if s.strip()]
    return sentences


def count_words(sentence: str) -> int:
    return len(re.findall(r"[\w'-]*\w", sentence))
