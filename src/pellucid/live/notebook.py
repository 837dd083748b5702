"""Figures in notebooks: a page in a frame, above a still picture for viewers that run no scripts."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape

from pellucid.show.figure import Picture

HEIGHT = 720
"""Height of the frame in pixels until the page reports its own."""


def render_frame(page: str, pictures: Sequence[Picture], title: str) -> str:
    """Return the HTML of a notebook output.

    The frame covers the pictures. Viewers of untrusted notebooks remove the frame, and the pictures remain. The page in
    the frame is isolated: it has an origin of its own and reaches neither the notebook nor the network.
    """
    name = f"pellucid-{secrets.token_hex(8)}"
    stills = "".join(picture._repr_html_() for picture in pictures)
    return f"""<div style="position: relative; min-height: {HEIGHT}px">
{stills}
<iframe id="{name}" title="{escape(title or "Figure", quote=True)}" sandbox="allow-scripts allow-downloads"
 srcdoc="{escape(page, quote=True)}"
 style="position: absolute; inset: 0; width: 100%; height: 100%; border: 0; background: Canvas"></iframe>
<script>
(() => {{
  const frame = document.getElementById("{name}");
  addEventListener("message", (event) => {{
    const height = event.source === frame.contentWindow && event.data && event.data.pellucidHeight;
    if (Number.isFinite(height) && height > 0) frame.parentElement.style.minHeight = `${{Math.min(height, 4000)}}px`;
  }});
}})();
</script>
</div>"""
