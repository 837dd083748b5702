"""The sample course, built once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

SAMPLE = Path(__file__).with_name("sample")

EXERCISE_SCRIPT = """
customElements.define("pellucid-exercise", class extends HTMLElement {
  connectedCallback() {
    this.attachShadow({ mode: "open" }).textContent = JSON.parse(this.querySelector("script").textContent).name;
  }
});
"""
"""A stand-in for the checker of exercises: it shows the name of the exercise."""


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the site. Executed pages are in a cache, from which tests may build it again."""
    from pellucid.course.site import build_site
    from pellucid.course.site.extension import assets

    folder = tmp_path_factory.mktemp("course")
    script = folder / "exercises.js"
    script.write_text(EXERCISE_SCRIPT, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        patch.setitem(assets.SCRIPTS, "<pellucid-exercise>", script)
        build_site(folder / "site", sections={"": SAMPLE})
        yield folder / "site"
