"""Links below the title of a page with code: its notebooks, and the file of its exercises."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from docutils import nodes

from pellucid.course.site.notebooks import list_downloads
from pellucid.course.site.sources import Page

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def register(app: Sphinx) -> None:
    app.connect("doctree-read", insert_links)


def insert_links(app: Sphinx, document: nodes.document) -> None:
    name = app.env.docname
    path = app.env.doc2path(name)
    page = Page(name, path, path.read_text("utf-8"))
    title = next(iter(document.findall(nodes.title)), None)
    downloads = list_downloads(page)
    if title is None or not downloads:
        return
    up = "../" * (len(PurePosixPath(name).parts) - 1)
    links = " ".join(f'<a href="{up}notebooks/{file}" download>{label}</a>' for label, file in downloads.items())
    html = f'<p class="downloads">This page as code: {links}</p>'
    title.parent.insert(title.parent.index(title) + 1, nodes.raw("", html, format="html"))
