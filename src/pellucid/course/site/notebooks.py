"""Pages as notebooks for Jupyter and marimo: MyST's directives and roles become plain Markdown."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.course.site.errors import CourseError
from pellucid.course.site.exercise_files import render_exercise_file
from pellucid.course.site.sources import Page, read_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

FENCE = re.compile(r"^(?P<fence>`{3,}|:{3,})\s*\{(?P<name>[\w-]+)\}\s*(?P<argument>.*?)\s*$")
OPTION = re.compile(r"^:[\w-]+:.*$")
ROLE = re.compile(r"\{(?P<name>[\w:-]+)\}`(?P<text>[^`]+)`")
LABEL = re.compile(r"^\([\w.-]+\)=\s*$|^%.*$")
PAGE_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<page>[\w./-]+)\.md(?:#[\w-]*)?\)")
EQUATION_LABEL = re.compile(r"^\$\$ *\([\w-]+\)\s*$")

Files = dict[str, str]


def list_downloads(page: Page) -> dict[str, str]:
    """Return the files of a page's code, by label."""
    if not page.has_code:
        return {}
    stem = page.name.rpartition("/")[2]
    chapters = sorted({name.partition(".")[0] for name in page.exercises})
    files = {"Jupyter notebook": f"{stem}.ipynb", "marimo notebook": f"{stem}.py"}
    return files | {f"exercises ({f})": f for f in (f"chapter{chapter}.py" for chapter in chapters)}


def write_notebooks(pages: Sequence[Page], exercises: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write notebooks and exercise files of pages to a folder.

    Parameters
    ----------
    pages : sequence of Page
        Pages without code have no notebook.
    exercises : mapping from str to mapping
        Encoded exercises by their full names, such as ``"4.dW1"``.
    folder : Path
        It is created if necessary. Earlier files are replaced.
    """
    import nbformat

    folder.mkdir(parents=True, exist_ok=True)
    with_code = {page.name.rpartition("/")[2] for page in pages if page.has_code}
    running = []
    for page in pages:
        if not page.has_code:
            continue
        target = folder / f"{page.name.rpartition('/')[2]}.ipynb"
        notebook = convert_notebook(page, exercises, with_code)
        nbformat.validate(notebook)
        target.write_text(nbformat.writes(notebook) + "\n", "utf-8")
        running.append((target, start_marimo_conversion(target)))
    for name, text in render_exercise_files(exercises).items():
        (folder / name).write_text(text, "utf-8")
    for target, process in running:
        output = process.communicate()[0]
        if process.returncode:
            raise CourseError(f"{target.name}: marimo cannot convert this notebook. {output.strip()}")


def start_marimo_conversion(notebook: Path) -> subprocess.Popen[str]:
    """Start marimo's converter: it renames variables that several cells define, which marimo does not allow."""
    command = [sys.executable, "-m", "marimo", "-q", "-y", "convert", str(notebook)]
    target = str(notebook.with_suffix(".py"))
    return subprocess.Popen(
        [*command, "-o", target], text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def render_exercise_files(exercises: Mapping[str, Mapping[str, Any]]) -> Files:
    chapters = sorted({int(name.partition(".")[0]) for name in exercises})
    return {
        f"chapter{chapter}.py": render_exercise_file(
            chapter, {name: found for name, found in exercises.items() if name.startswith(f"{chapter}.")}
        )
        for chapter in chapters
    }


def convert_notebook(page: Page, exercises: Mapping[str, Mapping[str, Any]], with_code: set[str]) -> NotebookNode:
    """Return a page as a notebook for Jupyter, without outputs."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook: NotebookNode = new_notebook(metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    for cell in read_notebook(page.text).cells:
        if cell.cell_type == "code":
            notebook.cells.append(new_code_cell(cell.source, metadata=cell.metadata))
            continue
        for kind, text in split_exercises(cell.source):
            if kind == "exercise":
                question = f"**Exercise {text}.** {exercises[text]['question']}"
                notebook.cells.append(new_markdown_cell(convert_text(question, with_code)))
                notebook.cells.append(new_code_cell(make_check(text, exercises[text])))
            elif plain := convert_text(text, with_code).strip():
                notebook.cells.append(new_markdown_cell(plain))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def make_check(name: str, exercise: Mapping[str, Any]) -> str:
    """Return the code of a cell that checks an answer."""
    if exercise["kind"] == "formula":
        return f'import pellucid as pel\n\npel.course.check("{name}", ...)  # replace ... by your formula as text'
    answer = name.partition(".")[2]
    return f'import pellucid as pel\n\n{exercise["stub"]}\n\n\npel.course.check("{name}", {answer})'


def split_exercises(source: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a Markdown cell: texts, and names of exercises."""
    lines, index = source.split("\n"), 0
    text: list[str] = []
    while index < len(lines):
        match = FENCE.match(lines[index])
        if match and match["name"] == "exercise":
            yield "text", "\n".join(text)
            yield "exercise", match["argument"]
            text, index = [], find_end(lines, index, match["fence"]) + 1
        else:
            text.append(lines[index])
            index += 1
    yield "text", "\n".join(text)


def find_end(lines: Sequence[str], start: int, fence: str) -> int:
    """Return the line that closes a fence, or the last one."""
    return next((i for i in range(start + 1, len(lines)) if lines[i].rstrip() == fence), len(lines) - 1)


def convert_text(text: str, with_code: set[str]) -> str:
    """Return MyST Markdown as plain Markdown.

    Examples
    --------
    >>> convert_text("A {term}`bias` and {math}`x^2`. See [here](2_going_downhill.md).", {"2_going_downhill"})
    'A bias and $x^2$. See [here](2_going_downhill.ipynb).'
    """
    lines, index = text.split("\n"), 0
    result: list[str] = []
    while index < len(lines):
        line, match = lines[index], FENCE.match(lines[index])
        if match:
            end = find_end(lines, index, match["fence"])
            result += convert_directive(match["name"], match["argument"], lines[index + 1 : end], with_code)
            index = end
        elif line.startswith("```"):
            end = find_end(lines, index, "```")
            result += lines[index : end + 1]
            index = end
        elif EQUATION_LABEL.match(line):
            result.append("$$")
        elif not LABEL.match(line):
            result.append(convert_line(line, with_code))
        index += 1
    return "\n".join(result)


def convert_directive(name: str, argument: str, body: Sequence[str], with_code: set[str]) -> list[str]:
    """Return a directive as lines of Markdown: formulas and code as they are, notes as quotations."""
    while body and OPTION.match(body[0]):
        body = body[1:]
    if name == "math":
        return ["$$", *filter(None, [argument]), *body, "$$"]
    if name in ("code-block", "code", "sourcecode"):
        return [f"```{argument}", *body, "```"]
    if name in ("toctree", "tableofcontents"):
        return []
    inside = convert_text("\n".join(body), with_code).split("\n")
    if name == "dropdown":
        return ["<details>", f"<summary>{argument}</summary>", "", *inside, "", "</details>"]
    title = argument if name == "admonition" else name.replace("-", " ").capitalize()
    if name != "admonition" and argument:
        inside = [convert_line(argument, with_code), *inside]
    return [f"> **{title}**", ">", *(f"> {line}".rstrip() for line in inside)]


def convert_line(line: str, with_code: set[str]) -> str:
    """Return a line without roles, and with links to notebooks instead of pages."""

    def replace_role(match: re.Match[str]) -> str:
        if match["name"] == "math":
            return f"${match['text']}$"
        return re.sub(r"\s*<[^<>]*>$", "", match["text"])

    def replace_link(match: re.Match[str]) -> str:
        name = match["page"].rpartition("/")[2]
        return f"[{match['text']}]({name}.ipynb)" if name in with_code else match["text"]

    return PAGE_LINK.sub(replace_link, ROLE.sub(replace_role, line))
