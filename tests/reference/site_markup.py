"""Markup of docstrings and pages, read by the Sphinx of the site: its configuration, roles and directives.

No page is executed or written, so this takes seconds instead of minutes.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import inspect
import io
import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pellucid.course.exercises import find_exercise
from pellucid.course.site.sources import EXERCISE
from pellucid.errors import NoSuchNameError
from pellucid.reference.docstrings import split_markup
from pellucid.reference.inventory import PublicName, find_candidates, list_public_names
from pellucid.reference.pages import convert_sections, get_page, list_pages

COLOR = re.compile(r"\x1b\[[\d;]*m")
PAGE_OF_REFERENCE = re.compile(r"\breference/([\w.-]+)")
CODE_CELL = re.compile(r"^`{3,}\s*\{code-cell\}", re.MULTILINE)
EXAMPLE = re.compile(r"(?m)^ *>>> (?:.*\S.*\n?)*")
ROLE = re.compile(r":[\w:]+:`[^`]*`")
INLINE_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")

SECTION_START = re.compile(r"(?m)^(?=\w[\w ]*\n-{3,}$)")
SECTIONS_OF_ENTRIES = {"Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns"}
ENTRY_START = re.compile(r"(?m)^(?=\S)")
MARKUP = re.compile(r"(?m)[`*|\\]|:(?! )|_\W|\n\n|^ {5}|^ *(?:[^\w\s]|(?:\d+|\w)[.)] )")
"""What may be markup in an entry: characters, a second paragraph, a deeper indentation, or the beginning of a list."""

NAMES_OF_OTHER_LIBRARIES = {"LeakyRectify", "LogisticRegression(C=1 / \\lambda)"}


def find_markup_faults(folder: Path, pages: Mapping[str, str], docstrings: Mapping[str, str]) -> list[str]:
    """Return the warnings of Sphinx about pages and docstrings, their references and their formulas.

    Parameters
    ----------
    folder : Path
        An empty folder.
    pages : mapping of str to str
        Text of each page by its name in the site, such as ``"guides/train"``.
    docstrings : mapping of str to str
        Docstring of each public name.
    """
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    from pellucid.course.site import rendering

    write_sources(folder / "pages", pages)
    converted = convert_docstrings(docstrings)
    found = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        replace_execution(patch, pages)
        warnings.simplefilter("ignore", DeprecationWarning)  # as `run_sphinx` does
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        with patch_docutils(str(rendering.CONFIGURATION)), docutils_namespace():
            read_site(folder, converted, found)
    text = COLOR.sub("", found.getvalue()).replace(f"{folder / 'pages'}/", "").replace(f"{Path.cwd()}/", "")
    return [add_line(line, converted) for line in text.splitlines() if line.strip()]


def add_line(warning: str, docstrings: Mapping[str, str]) -> str:
    """Return a warning about a docstring with the text of its line."""
    match = re.match(r"docstring of ([^:]+):(\d+): ", warning)
    return f"{warning} The line: {docstrings[match[1]].splitlines()[int(match[2]) - 1].strip()}" if match else warning


def write_sources(folder: Path, pages: Mapping[str, str]) -> None:
    """Write pages, those of the reference that they mention, and one with all docstrings."""
    known = set(list_pages().values()) | {"other-frameworks", "rules"}
    mentioned = {name for text in pages.values() for name in PAGE_OF_REFERENCE.findall(text)} & known
    texts = {f"{name}.md": text for name, text in pages.items()}
    texts |= {f"reference/{name}.rst": f":orphan:\n\n{name}\n{'=' * len(name)}\n" for name in (*mentioned, "index")}
    texts["reference/docstrings.rst"] = ":orphan:\n\nDocstrings\n==========\n\n.. docstrings::\n"
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def replace_execution(patch: pytest.MonkeyPatch, pages: Mapping[str, str]) -> None:
    """Give every page the results of an execution: no outputs, and the questions of its exercises."""
    from pellucid.course.site import sources
    from pellucid.course.site.extension import directives

    names = {text: name for name, text in pages.items()}

    def make_results(text: str, folder: str) -> dict[str, Any]:
        return {"outputs": [[] for _ in CODE_CELL.findall(text)], "exercises": Exercises(names[text], text)}

    for module in (sources, directives):
        patch.setattr(module, "load_executed", make_results)
    patch.setattr("nbformat.v4.nbbase.validate", lambda *_, **__: None)  # of each cell, which is slow


class Exercises(dict[str, Any]):
    """Exercises of a page by their names, as the site shows those that are answered with code."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page = page
        for name in EXERCISE.findall(text):
            with suppress(NoSuchNameError):
                self[name] = {"kind": "code", "question": find_exercise(name).question, "stub": ""}

    def __missing__(self, name: str) -> dict[str, str]:
        from sphinx.util.logging import getLogger

        getLogger(__name__).warning("there is no exercise %s, or its directive is indented", name, location=self.page)
        return {"kind": "code", "question": "", "stub": ""}


def read_site(folder: Path, docstrings: Mapping[str, str], found: io.StringIO) -> None:
    """Read all pages, resolve their references and convert their formulas. Warnings go to a stream."""
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.domains.python import ObjectEntry

    from pellucid.course.site import rendering
    from pellucid.course.site.extension import formulas

    reader = ["pellucid.course.site.sources.read_executed_notebook", {"folder": ""}, False]
    app = Sphinx(
        srcdir=folder / "pages",
        confdir=rendering.CONFIGURATION,
        outdir=folder / "site",
        doctreedir=folder / "doctrees",
        buildername="dummy",
        confoverrides={"nb_custom_formats": {".md": reader}, "smartquotes": False},
        status=None,
        warning=found,
        freshenv=True,
    )
    app.add_directive("docstrings", make_directive(docstrings))
    documents: dict[str, nodes.document] = {}
    # Otherwise, documents would be pickled.
    app.builder.write_doctree = lambda name, document, **_: documents.update({name: document})
    app.builder.read()
    app.env.check_consistency()
    for entry in list_public_names().values():
        page = f"reference/{get_page(entry)}"
        app.env.all_docs[page] = 0
        app.env.domains.python_domain.objects[entry.name] = ObjectEntry(page, entry.name, "function", aliased=False)
    seen = set()
    for name, document in documents.items():
        app.env.apply_post_transforms(document, name)
        for node in document.findall(lambda node: isinstance(node, nodes.math | nodes.math_block)):
            if node.astext() not in seen:
                seen.add(node.astext())
                formulas.convert(node, "inline")
                if "`" in node.astext():
                    formulas.logger.warning("the formula has no end: %s", node.astext(), location=node)


def make_directive(docstrings: Mapping[str, str]) -> type[Any]:
    """Return a directive that shows converted docstrings."""
    from docutils import nodes
    from docutils.statemachine import StringList
    from sphinx.util.docutils import SphinxDirective, switch_source_input

    class DocstringsDirective(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            found, lines = nodes.container(), StringList()
            for name, text in docstrings.items():
                lines.extend(StringList([*text.split("\n"), ""], source=f"docstring of {name}"))
            with switch_source_input(self.state, lines):  # warnings name the docstring
                self.state.nested_parse(lines, 0, found)
            return [nodes.container("", *extract_unresolved_nodes(found))]

    return DocstringsDirective


def extract_unresolved_nodes(tree: Any) -> list[Any]:
    """Return the nodes that warnings after parsing are about, with their lines.

    Most of the time would go to transforms of the other nodes.
    """
    from docutils import nodes
    from docutils.utils import get_source_line
    from sphinx.addnodes import pending_xref

    kinds = (nodes.Resolvable, nodes.Targetable, nodes.substitution_reference, nodes.pending, pending_xref)
    found = [node for node in tree.findall() if isinstance(node, (*kinds, nodes.math, nodes.math_block))]
    for node in found:
        node.source, node.line = get_source_line(node)
    return found


def convert_docstrings(docstrings: Mapping[str, str]) -> dict[str, str]:
    """Return docstrings as in their pages of the reference, without parts that cannot have faults of their own.

    Examples and most descriptions of parameters have no markup. Many of the others belong to several names; they are
    converted once, with the first of these names.
    """
    seen: set[tuple[str, str]] = set()
    return {name: convert_docstring(text, seen) for name, text in docstrings.items()}


def convert_docstring(text: str, seen: set[tuple[str, str]]) -> str:
    head, *sections = SECTION_START.split(EXAMPLE.sub("", text))
    return f"{head.strip()}\n\n{convert_sections(''.join(remove_entries(s, seen) for s in sections))}\n"


def remove_entries(section: str, seen: set[tuple[str, str]]) -> str:
    """Return a section without entries, such as parameters, that have no markup or that an earlier docstring has."""
    title, line, body = section.split("\n", 2)
    if title not in SECTIONS_OF_ENTRIES:
        return section
    entries = [
        entry.rstrip() for entry in ENTRY_START.split(body) if MARKUP.search(entry.rstrip().replace(" : ", "", 1))
    ]
    new = [entry for entry in entries if (title, entry) not in seen]
    seen.update((title, entry) for entry in new)
    return "\n".join([title, line, *new, "", ""]) if new else ""


def find_unknown_names(docstrings: Mapping[str, str], pages: Mapping[str, str]) -> list[str]:
    """Return names that do not exist: between backticks in docstrings, and beginning with ``pel.`` or ``nn.`` in pages.

    The site shows them as code without a link, and without a warning.
    """
    from pellucid.course.site.extension.reference_names import CODE

    faults = []
    for name, text in docstrings.items():
        entry = list_public_names()[name]
        prose = ROLE.sub("", EXAMPLE.sub("", text))
        quoted = (content for kind, content in split_markup(prose) if kind == "name")
        faults += [f"docstring of {name}: there is no `{other}`" for other in quoted if not is_known(other, entry)]
    for name, text in pages.items():
        found = filter(None, (CODE.fullmatch(code) for code in INLINE_CODE.findall(text)))
        faults += [f"{name}.md: there is no `{m['name']}`" for m in found if not find_candidates(m["name"])]
    return faults


def is_known(name: str, entry: PublicName) -> bool:
    """Whether a name is public, in the code around an entry, or of another library."""
    if find_candidates(name) or name in NAMES_OF_OTHER_LIBRARIES:
        return True
    first, *rest = name.split(".")
    if first in ("pel", "nn"):
        return False
    if first == "pellucid":
        return importlib.util.find_spec(name) is not None
    if first in ("numpy", "np", "jax", "sklearn", *sys.stdlib_module_names):
        return True
    modules = [module for path, module in sys.modules.items() if path.startswith("pellucid.")]
    homes = (entry.object, entry.owner.object if entry.owner else None, builtins)
    found = [getattr(home, first) for home in homes if hasattr(home, first)]
    found += [vars(module)[first] for module in modules if first in vars(module)]
    return any(has_path(value, rest) for value in found) or (not rest and first in list_words(entry.module))


def has_path(value: Any, names: list[str]) -> bool:
    return not names or (hasattr(value, names[0]) and has_path(getattr(value, names[0]), names[1:]))


def list_words(module: str) -> set[str]:
    """Return the attributes, arguments, variables and imports in the code of a module."""
    nodes = list(ast.walk(ast.parse(inspect.getsource(sys.modules[module]))))
    words = [getattr(node, field, None) for node in nodes for field in ("attr", "arg", "id", "name")]
    return {word for word in words if isinstance(word, str)}
