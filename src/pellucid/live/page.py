"""Pages with figures: one HTML file with the runtime, without external requests."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from pellucid.typing import Json

RUNTIME = Path(__file__).with_name("runtime.js")
"""The runtime, built from ``web/``."""


@functools.cache
def read_runtime() -> str:
    return RUNTIME.read_text("utf-8")


def get_policy() -> str:
    """Return the content security policy of a page: it runs the runtime and WebAssembly, and loads nothing."""
    digest = base64.b64encode(hashlib.sha256(read_runtime().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'wasm-unsafe-eval'; worker-src blob:; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def render_element(spec: Mapping[str, Json]) -> str:
    """Return the element of a figure, with its data inside."""
    data = json.dumps(spec, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<pellucid-figure><script type="application/json">{data}</script></pellucid-figure>'


def render_page(title: str, specs: Sequence[Mapping[str, Json]]) -> str:
    """Return a page with figures."""
    elements = "\n".join(map(render_element, specs))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{get_policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title or "Figure")}</title>
<style>
html {{ color-scheme: light dark; }}
body {{ margin: 0 auto; padding: 1rem; max-width: 70rem; font-family: system-ui, sans-serif; }}
</style>
</head>
<body>
<main>
{elements}
</main>
<script>{read_runtime()}</script>
</body>
</html>
"""
