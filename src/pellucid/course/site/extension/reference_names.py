"""Links to the reference: the default role of docstrings, and code in pages that is a public name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging

from pellucid.reference.inventory import PublicName, find_candidates

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

CODE = re.compile(r"(?P<name>(?:pel|nn)(?:\.[A-Za-z]\w*)+)(?:\(.*\))?", re.DOTALL)
"""Inline code that refers to a public name, such as ``pel.nn.Dense(3)``."""


def register(app: Sphinx) -> None:
    app.add_role("pellucid", link_name)
    app.connect("doctree-read", lambda app, document: link_code(app, document))


def link_name(
    role: str, raw: str, text: str, line: int, inliner: Any, *more: Any
) -> tuple[list[nodes.Node], list[Any]]:
    """Role of a name in a docstring: a link if it is public, code otherwise."""
    entry = find_entry(text, inliner.document.settings.env)
    return [make_reference(entry, text) if entry else nodes.literal(text, text)], []


def find_entry(name: str, environment: Any) -> PublicName | None:
    """Return the entry of a name. Among names with one ending, that of the page's own class or module is meant."""
    found = find_candidates(name)
    context = environment.docname.rpartition("/")[2].removesuffix("-class")
    own = [entry for entry in found if entry.name.startswith(f"pel.{context}.")]
    home = [entry for entry in found if entry.name.rpartition(".")[0] == f"pel.{context}".rpartition(".")[0]]
    chosen = own or home or found
    return chosen[0] if len(chosen) == 1 else None


def make_reference(entry: PublicName, text: str) -> nodes.Node:
    from pellucid.reference.pages import get_page

    code = nodes.literal(text, text, classes=["xref"])
    if entry.kind == "command":
        target = {"reftype": "doc", "refdomain": "std", "reftarget": f"/reference/{get_page(entry)}"}
    else:
        target = {"reftype": "obj", "refdomain": "py", "reftarget": entry.name}
    return addnodes.pending_xref("", code, refexplicit=True, refwarn=True, **target)


def link_code(app: Sphinx, document: nodes.document) -> None:
    """Make inline code of pages links to the reference, if the site has one."""
    if "reference/index" not in app.env.found_docs or app.env.docname.startswith("reference/"):
        return
    for literal in list(document.findall(nodes.literal)):
        match = CODE.fullmatch(literal.astext())
        if match is None or is_linked(literal):
            continue
        entry = find_entry(match["name"], app.env)
        if entry is not None and entry.kind != "module":
            reference = make_reference(entry, literal.astext())
            reference["refdoc"] = app.env.docname
            literal.replace_self(reference)


def is_linked(node: nodes.Node) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, nodes.reference | addnodes.pending_xref | nodes.title):
            return True
        parent = parent.parent
    return False
