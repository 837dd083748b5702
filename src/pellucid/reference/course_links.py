"""Where the course uses a public name: chapters, by their code, and terms of the glossary."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pellucid.reference.inventory import PublicName, find_candidates

CHAPTERS = Path(__file__).parents[1] / "course" / "chapters"

CODE = re.compile(r"^`{3,}\{code-cell\}[^\n]*\n(?P<code>.*?)^`{3,}\s*$", re.MULTILINE | re.DOTALL)
TERM = re.compile(r"^(?P<term>\S.*)\n(?P<body>(?:  .*\n?)+)", re.MULTILINE)
LITERAL = re.compile(r"(?<!`)`(?P<code>[^`\n]+)`(?!`)")
DOTTED = re.compile(r"(?:pel|nn|np)(?:\.\w+)+")


@functools.cache
def index_chapters() -> Mapping[PublicName, list[str]]:
    """Return the pages of the chapters whose code uses each public name."""
    found: dict[PublicName, list[str]] = {}
    for path in sorted(CHAPTERS.glob("[1-9]_*.md")):
        for entry in dict.fromkeys(list_names_in_code(path.read_text("utf-8"))):
            found.setdefault(entry, []).append(path.stem)
    return found


def list_names_in_code(text: str) -> Iterator[PublicName]:
    """Yield the public names in the code cells of a page."""
    for match in CODE.finditer(text):
        code = "\n".join(line for line in match["code"].split("\n") if not re.match(r"[:%!]", line))
        try:
            tree = ast.parse(code)
        except SyntaxError:  # a cell that shows one
            continue
        imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pellucid")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name):
                name = ast.unparse(node)
                first, dot, rest = name.partition(".")
                yield from find_by_code(imported[first] + dot + rest if first in imported else name)


def find_by_code(name: str) -> list[PublicName]:
    """Return the public name that an expression such as ``pel.nn.Dense`` refers to, if it is one."""
    if not DOTTED.fullmatch(name) and not name.startswith("pellucid."):
        return []
    found = find_candidates(name)
    return found if len(found) == 1 and not name.startswith("np.") else []


@functools.cache
def index_glossary() -> Mapping[PublicName, list[str]]:
    """Return the terms of the glossary that mention each public name."""
    found: dict[PublicName, list[str]] = {}
    for match in TERM.finditer((CHAPTERS / "glossary.md").read_text("utf-8")):
        for literal in LITERAL.finditer(match["body"]):
            dotted = re.match(r"(?:pellucid \w+|(?:pel|nn)[\w.]+)", literal["code"])
            for entry in find_candidates(dotted[0]) if dotted else ():
                if match["term"] not in found.setdefault(entry, []):
                    found[entry].append(match["term"])
    return found
