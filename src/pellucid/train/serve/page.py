"""The page on which a network is tried: a field for each column, or a place for images, and the predictions."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

from pellucid.data.image_decoding import SUFFIXES
from pellucid.tracking.document import render_document
from pellucid.train.read.feature_names import get_table_columns
from pellucid.train.serve.served_model import ServedModel

MAXIMUM_FIELDS = 64
"""A larger array has a text field instead of a field for each number."""

TABLE_FILES = ".csv,.tsv,.txt,.parquet,.arrow,.feather,.xlsx,.xls,.ods,.json,.jsonl"
FORMS = "default-src 'none'; base-uri 'none'; form-action 'self'; connect-src 'self'; img-src blob: data:"
"""The policy of the pages: no request to any other server. Styles and scripts are allowed by their hashes."""

ICON = '<link rel="icon" href="data:,">'
"""An empty icon, so that browsers request none."""


@dataclass(frozen=True)
class ServedPage:
    """A page and its content security policy, as a header."""

    html: str
    policy: str


def render_page(served: ServedModel, description: Mapping[str, Any]) -> ServedPage:
    """Return the page of a network."""
    name = served.saved.path.resolve().name
    settings = {"kind": served.kind, "example": description.get("example", {}).get("request")}
    body = f"""<header>
<p class="mark">pellucid</p>
<h1>Try {escape(name)}</h1>
<p class="lead">{escape(describe_task(served))}</p>
</header>
<main>
<form id="form" novalidate>
{render_fields(served, description)}
<p><button type="submit">Predict</button> <span id="state" role="status"></span></p>
</form>
<section aria-labelledby="found"><h2 id="found" tabindex="-1">Prediction</h2>
<div id="result" aria-live="polite"><p class="quiet">None yet.</p></div>
</section>
</main>
<footer>Served by pellucid on this machine. <code>GET /schema</code> describes the requests of programs.</footer>
<script type="application/json" id="settings">{json.dumps(settings).replace("<", chr(92) + "u003c")}</script>"""
    return make_page(f"Try {name}", body, read_text("page.js"))


def render_token_page() -> ServedPage:
    """Return the page that asks for the token."""
    body = """<header>
<p class="mark">pellucid</p>
<h1>Token</h1>
</header>
<main>
<p class="lead" id="why">This server needs the token that <code>pellucid serve</code> printed in the terminal.</p>
<form method="get" action="/">
<p class="field"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required aria-describedby="why"></p>
<p><button type="submit">Open</button></p>
</form>
</main>"""
    return make_page("Token", body, read_text("token_page.js"))


def make_page(title: str, body: str, script: str) -> ServedPage:
    """Return a page with the style of reports, and a policy that allows its own style and script only."""
    style, report = read_text("page.css"), resources.files("pellucid.tracking")
    styles = [f"\n{report.joinpath('style.css').read_text('utf-8')}", style]
    hashes = " ".join(map(hash_source, styles))
    policy = f"{FORMS}; style-src {hashes}; script-src {hash_source(script)}"
    html = render_document(title, f"{ICON}<style>{style}</style>", f"{body}\n<script>{script}</script>", policy)
    return ServedPage(html, f"{policy}; frame-ancestors 'none'")


def hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def read_text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def describe_task(served: ServedModel) -> str:
    """Return a sentence about the inputs and outputs of the network."""
    network = served.network
    if network is None:
        return f"Predicts {', '.join(served.model.output_names)}."
    source = {"table": "the columns of a row", "image": "an image", "array": "numbers"}[served.kind]
    if network.class_names:
        names = list(network.class_names)
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return f"Predicts the class from {source}: {shown}."
    return f"Predicts {', '.join(network.description['target_names'])} from {source}."


def render_fields(served: ServedModel, description: Mapping[str, Any]) -> str:
    """Return the fields of the form."""
    if served.kind == "image":
        accepted = ",".join(sorted(SUFFIXES))
        return f"""<div class="drop" id="drop"><label for="files">Images</label>
<input id="files" name="files" type="file" accept="{accepted}" multiple aria-describedby="drop-help">
<p id="drop-help" class="quiet">Choose images, drop them here, or paste one.</p></div>
<ul id="previews" class="previews"></ul>"""
    if served.kind == "table":
        fields = [render_column(k, column) for k, column in enumerate(get_table_columns(served.description))]
        return f"""<fieldset class="fields"><legend>One row</legend>{"".join(fields)}</fieldset>
<fieldset><legend>Or many rows</legend>
<p class="field"><label for="files">Table</label>
<input id="files" name="files" type="file" accept="{TABLE_FILES}" aria-describedby="files-help">
<small id="files-help">CSV, Excel, Parquet or JSON with these columns</small></p></fieldset>"""
    [shape, *others] = served.input_shapes.values()
    if not others and len(shape) == 1 and shape[0] <= MAXIMUM_FIELDS:
        numbers = [render_number(k, f"x[{k}]", "0") for k in range(shape[0])]
        return f'<fieldset class="fields"><legend>One sample</legend>{"".join(numbers)}</fieldset>'
    example = description.get("example", {}).get("request", {"x": []})
    return f"""<p class="field"><label for="json">Samples as JSON</label>
<textarea id="json" rows="8" spellcheck="false" aria-describedby="json-help">{escape(json.dumps(example))}</textarea>
<small id="json-help">Shape of a sample: {escape(json.dumps(served.input_shapes))}</small></p>"""


def render_column(number: int, column: Mapping[str, Any]) -> str:
    """Return the field of a column."""
    name = str(column["name"])
    if column["kind"] == "number":
        return render_number(number, name, f"{column['missing']:.6g}")
    if column["kind"] == "date":
        kind = "datetime-local" if "hour" in column["parts"] else "date"
        return render_field(number, name, f'<input id="field{number}" data-column="{escape(name)}" type="{kind}">')
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in column["values"])
    chosen = (
        f'<select id="field{number}" data-column="{escape(name)}">{options}<option value="">(missing)</option></select>'
    )
    return render_field(number, name, chosen)


def render_number(number: int, name: str, typical: str) -> str:
    """Return a field of a number, which begins with a typical one."""
    field = (
        f'<input id="field{number}" data-column="{escape(name)}" data-kind="number" type="text" inputmode="decimal" '
        f'autocomplete="off" value="{escape(typical)}">'
    )
    return render_field(number, name, field)


def render_field(number: int, name: str, field: str) -> str:
    return f'<p class="field"><label for="field{number}">{escape(name)}</label>{field}</p>'
