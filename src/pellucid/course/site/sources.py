"""Pages of the site as text: where they are, and their notebooks."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.course.site.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

CHAPTERS = Path(__file__).parents[1] / "chapters"
GUIDES = Path(__file__).parents[2] / "guides"

SECTIONS = {"": CHAPTERS, "guides": GUIDES}
"""Folders of the site, and the folders of their pages. Further sections of the site are further entries."""

EXERCISE = re.compile(r"^(?:`{3,}|:{3,})\s*\{exercise\}\s*(\S+)\s*$", re.MULTILINE)
"""Opening line of an exercise directive, with the name of the exercise."""

PAGE_TAGS = {"assertions": "remove-cell", "figure": "hide-input"}
"""Tags of cells, and the tags of MyST-NB with their effect on a page."""


@dataclass(frozen=True)
class Page:
    """One page: its name in the site, such as ``4_backpropagation``, its file, and its text."""

    name: str
    path: Path
    text: str

    @property
    def exercises(self) -> list[str]:
        return EXERCISE.findall(self.text)

    @property
    def has_code(self) -> bool:
        return re.search(r"^`{3,}\s*\{code-cell\}", self.text, re.MULTILINE) is not None

    def locate(self, line: int) -> str:
        return f"{self.path}, line {line}"


def collect_pages(sections: dict[str, Path] | None = None) -> list[Page]:
    """Return the pages of all sections, in the order of their names."""
    pages = []
    for prefix, folder in (SECTIONS if sections is None else sections).items():
        for path in sorted(folder.rglob("*.md")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            pages.append(Page(f"{prefix}/{name}" if prefix else name, path, path.read_text("utf-8")))
    if not any(page.name == "index" for page in pages):
        folders = ", ".join(str(folder) for folder in (sections or SECTIONS).values())
        raise CourseError(f"The course has no start page: expected a file index.md in {folders}")
    return pages


def read_notebook(text: str) -> NotebookNode:
    """Return a page as a notebook without outputs. Its metadata have the line of each cell as ``source_map``."""
    from myst_nb.core.read import read_myst_markdown_notebook
    from myst_parser.config.main import MdParserConfig

    config = MdParserConfig(enable_extensions={"colon_fence", "dollarmath"})
    notebook: NotebookNode = read_myst_markdown_notebook(text, config=config, add_source_map=True)
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "python"}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # nbformat draws random names
    return notebook


def find_code_line(page: Page, notebook: NotebookNode, number: int) -> int:
    """Return the line, from 1, of the first line of a cell's code in its page. Options of the cell stand above it."""
    lines = page.text.splitlines()
    fence = int(notebook.metadata["source_map"][number])
    first = notebook.cells[number].source.split("\n")[0]
    return next(line for line in range(fence, len(lines)) if lines[line].strip() == first.strip()) + 1


def hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_executed_notebook(text: str, folder: str) -> NotebookNode:
    """Return a page as a notebook with outputs, which `pellucid.course.site.execution` has left in a folder."""
    from nbformat import from_dict

    notebook = read_notebook(text)
    correct_source_map(notebook, text)
    executed = load_executed(text, folder)
    for cell, outputs in zip(get_code_cells(notebook), executed["outputs"], strict=True):
        cell.outputs = from_dict(outputs)
        tags = cell.metadata.get("tags", [])
        cell.metadata["tags"] = [*tags, *(PAGE_TAGS[tag] for tag in tags if tag in PAGE_TAGS)]
    return notebook


def correct_source_map(notebook: NotebookNode, text: str) -> None:
    """Make MyST-NB report right lines for text: it counts from 1 twice, and not the blank lines above a cell."""
    lines, source_map = text.splitlines(), notebook.metadata["source_map"]
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            start = source_map[number]
            blank = next(i for i, line in enumerate(lines[start:]) if line.strip())
            source_map[number] = start + blank - 1


def load_executed(text: str, folder: str) -> dict[str, Any]:
    """Return outputs and exercises of a page."""
    import json

    path = Path(folder) / f"{hash_text(text)}.json"
    if not path.exists():  # a page without code and exercises
        return {"outputs": [], "exercises": {}}
    return dict(json.loads(path.read_text("utf-8")))


def get_code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
