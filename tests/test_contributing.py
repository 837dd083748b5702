"""Recipes of CONTRIBUTING.md: a test follows them in a copy of the project and runs the tests that they name."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
ROOT = Path(__file__).parent.parent
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [ROOT / "ARCHITECTURE.md", CONTRIBUTING, ROOT / "CHANGELOG.md", *sorted(SOURCE.rglob("README.md"))]
RECIPES = ["op", "rewrite rule", "layer", "optimizer", "callback", "ONNX operator", "kind of data"]

EDIT = re.compile(
    r"^(?P<verb>Append to|Create|In) `(?P<path>[^`]+)`(?:, below `(?P<anchor>[^`]+)`, insert)?:\n\n"
    r"```python\n(?P<code>.*?)```$",
    re.MULTILINE | re.DOTALL,
)
REPLACE = re.compile(r"^In `(?P<path>[^`]+)`, replace `(?P<old>[^`]+)` with `(?P<new>[^`]+)`\.$", re.MULTILINE)
CHECK = re.compile(r"^Check it with `pytest (?P<arguments>[^`]+)`", re.MULTILINE)


class Edit(NamedTuple):
    """One change that a recipe asks for: what to do, in which file, at which text, and the new text."""

    verb: str
    path: str
    anchor: str
    code: str

    def apply(self, root: Path) -> None:
        path = root / self.path
        if self.verb == "Create":
            assert not path.exists(), f"{self.path} exists already"
            path.write_text(self.code, "utf-8")
            return
        text = path.read_text("utf-8")
        if self.verb == "replace":
            assert text.count(self.anchor) == 1, f"{self.path} has {self.anchor!r} {text.count(self.anchor)} times"
            path.write_text(text.replace(self.anchor, self.code), "utf-8")
            return
        if self.verb == "Append to":
            path.write_text(f"{text.rstrip()}\n\n\n{self.code}", "utf-8")
            return
        lines = text.splitlines(keepends=True)
        places = [i for i, line in enumerate(lines, 1) if line.strip() == self.anchor]
        assert len(places) == 1, f"{self.path} has {len(places)} lines {self.anchor!r}"
        lines.insert(places[0], self.code)
        path.write_text("".join(lines), "utf-8")


def read_recipes() -> dict[str, str]:
    """Return the text of every recipe by its subject: `## Adding an op` is the recipe of an op."""
    parts = re.split(r"^## Adding an? ", CONTRIBUTING.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {
        title.strip(): re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for title, _, text in (p.partition("\n") for p in parts)
    }


def parse_edits(section: str) -> list[Edit]:
    blocks = [Edit(m["verb"], m["path"], m["anchor"] or "", m["code"]) for m in EDIT.finditer(section)]
    return blocks + [Edit("replace", m["path"], m["old"], m["new"]) for m in REPLACE.finditer(section)]


def test_every_recipe_has_steps_and_a_check() -> None:
    found = read_recipes()
    assert [name for name in RECIPES if name not in found] == []
    assert [name for name in RECIPES if not parse_edits(found[name]) or not CHECK.search(found[name])] == []
    # Every block of code is an edit that the test below applies.
    assert [name for name in RECIPES if found[name].count("```python") != len(EDIT.findall(found[name]))] == []


def test_an_optimizer_and_a_kind_of_data_touch_two_files() -> None:
    found = read_recipes()
    assert len({edit.path for edit in parse_edits(found["optimizer"])}) == 2
    assert len({edit.path for edit in parse_edits(found["kind of data"]) if edit.path.startswith("src/")}) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_recipes_work_as_written(tmp_path: Path) -> None:
    """Follow all recipes in one copy of the project, and run the tests that they name there, in one process."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "conftest.py", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    files: dict[str, None] = {}
    keywords = {}
    for name in RECIPES:
        section = read_recipes()[name]
        for edit in parse_edits(section):
            edit.apply(tmp_path)
        *paths, option, keywords[name] = shlex.split(CHECK.search(section)["arguments"])
        assert option == "-k"
        files |= dict.fromkeys(paths)
    selected = " or ".join(f"({keyword})" for keyword in keywords.values())
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "-q", "-rA", *files, "-k", selected],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^(?:FAILED|ERROR|E  ) .*", run.stdout, re.MULTILINE)
    assert run.returncode == 0, "\n".join(failed) + run.stderr[-2000:]
    passed = re.findall(r"^PASSED (.*)", run.stdout, re.MULTILINE)
    added = {"op": "cube", "rewrite rule": "sign_times_itself", "layer": "Cube", "optimizer": "SignSGD"}
    assert [name for name, word in added.items() if not any(word in test for test in passed)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(page.parents[1])))
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text)) - set(re.findall(r"^Create `([^`]+)`", text, re.MULTILINE))
    places = [page.parent, ROOT, SOURCE, SOURCE / "graph", SOURCE / "nn", SOURCE / "graph/ops", SOURCE / "graph/rules"]
    places += [
        SOURCE / "nn/layers",
        SOURCE / "train",
        SOURCE / "training",
        SOURCE / "run/distributed",
        SOURCE / "course",
        SOURCE / "course/site",
        SOURCE / "course/checker",
        ROOT / "src",
        ROOT / "tests/course",
        ROOT / "tests/tracking",
    ]
    missing = [n for n in named if not any((place / n).exists() for place in places)]
    assert missing == []
