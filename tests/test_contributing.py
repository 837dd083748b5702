"""What the pages for contributors show is the code as it stands."""

import re
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(SOURCE.rglob("README.md"))]


def test_every_example_stands_in_the_code() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.DOTALL)
    code = "\n".join(path.read_text("utf-8") for home in (SOURCE, ROOT / "tests") for path in home.rglob("*.py"))
    assert blocks
    assert [block for block in blocks if block not in code] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(page.parents[1])))
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", page.read_text("utf-8"))
    places = [page.parent, ROOT, SOURCE, SOURCE / "graph", SOURCE / "nn", SOURCE / "graph/ops", SOURCE / "graph/rules"]
    places += [SOURCE / "nn/layers", SOURCE / "experiments", ROOT / "src"]
    missing = [n for n in named if "FAMILY" not in n and not any((place / n).exists() for place in places)]
    assert missing == []
