"""Figures in notebooks: a page in a frame, which is isolated from the notebook and from the network."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape

from pellucid.show.plots.picture import Picture

CONTROLS_HEIGHT, ROW_HEIGHT = 260, 420
"""Pixels of the controls, and of a row of two views."""


def estimate_height(views: int) -> int:
    return CONTROLS_HEIGHT + ROW_HEIGHT * ((views + 1) // 2)


def render_frame(page: str, title: str, style: str, name: str = "") -> str:
    """Return a frame that shows a page. It has a separate origin, and no access to the notebook."""
    identity = f' id="{name}"' if name else ""
    return (
        f'<iframe{identity} title="{escape(title or "Figure", quote=True)}" sandbox="allow-scripts allow-downloads" '
        f'srcdoc="{escape(page, quote=True)}" style="width: 100%; border: 0; background: Canvas; {style}"></iframe>'
    )


def render_output(page: str, pictures: Sequence[Picture], title: str, height: int) -> str:
    """Return the output of a Jupyter cell: the page, in front of still pictures.

    Viewers of untrusted notebooks remove frame and script, and the pictures remain. Otherwise the script removes the
    pictures when the page reports its height.
    """
    name = f"pellucid-{secrets.token_hex(8)}"
    stills = "".join(picture._repr_html_() for picture in pictures)
    return f"""<div style="position: relative; min-height: {height}px">
{stills}
{render_frame(page, title, "position: absolute; inset: 0; height: 100%", name)}
<script>
(() => {{
  const frame = document.getElementById("{name}");
  addEventListener("message", (event) => {{
    const height = event.source === frame.contentWindow && event.data && event.data.pellucidHeight;
    if (!Number.isFinite(height) || height <= 0) return;
    frame.parentElement.style.minHeight = `${{Math.min(height, 4000)}}px`;
    for (const still of frame.parentElement.querySelectorAll("figure")) still.remove();
  }});
}})();
</script>
</div>"""
