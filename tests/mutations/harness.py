"""Mutation testing: each mutation of `table.toml` is a small wrong change of the source that tests must notice.

    python -m tests.mutations.harness                  run the tests of every mutation; list those that none notices
    python -m tests.mutations.harness NAME [NAME]      only these
    python -m tests.mutations.harness NAME --suite     run the whole fast suite instead

A mutation is planted in a copy of the source, which the tests import instead of the original.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("table.toml")


@dataclass(frozen=True)
class Mutation:
    """A wrong change of a file.

    Attributes
    ----------
    name : str
        What is wrong.
    area : str
        The part of the library.
    file : str
        Path from the root of the project.
    before, after : str
        A text that the file has once, and its replacement.
    effect : str
        What a user would notice.
    tests : tuple of str
        Tests that fail, as arguments of pytest.
    """

    name: str
    area: str
    file: str
    before: str
    after: str
    effect: str
    tests: tuple[str, ...]

    def plant(self, folder: Path) -> None:
        """Change the file in a copy of the project's sources, and build the runtimes of pages if it is part of them."""
        path = folder / self.file
        text = path.read_text("utf-8")
        if (count := text.count(self.before)) != 1:
            raise ValueError(f"{self.name}: expected {self.before!r} once in {self.file}. Received: {count} times")
        path.write_text(text.replace(self.before, self.after), "utf-8")
        if self.file.startswith("web/"):
            (folder / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
            subprocess.run(["node", "build.mjs"], cwd=folder / "web", check=True, capture_output=True)


def read_table() -> list[Mutation]:
    entries = tomllib.loads(TABLE.read_text("utf-8"))["mutation"]
    return [Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def copy_sources(folder: Path) -> None:
    """Copy what tests import or read from the project's root, the tests included."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "build")
    for name in ("src", "tests", "web", "benchmarks", "docs", ".ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)


def find_failures(mutation: Mutation, tests: tuple[str, ...], workers: int = 0) -> tuple[bool, str]:
    """Run tests on a mutated copy; return whether one fails, and the end of pytest's output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_sources(folder)
        mutation.plant(folder)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"-n{workers}", *tests]
        # The flags of `make test` and not those of `make slow`, which runs this check.
        environment = {name: value for name, value in os.environ.items() if name not in ("CC", "XLA_FLAGS")}
        environment |= {"PYTHONPATH": str(folder / "src"), "PELLUCID_TEST_LIMIT": "inf"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{mutation.name}: {' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.returncode == 1, done.stdout[-500:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutations; all of them by default")
    parser.add_argument("--suite", action="store_true", help="run all fast tests until one fails")
    chosen = parser.parse_args()
    table = [m for m in read_table() if not chosen.names or m.name in chosen.names]
    missed = []
    for mutation in table:
        noticed, output = find_failures(mutation, () if chosen.suite else mutation.tests, 2 if chosen.suite else 0)
        by = re.search(r"^(?:FAILED|ERROR) ([^ \[]+)", output, re.MULTILINE)
        print(
            f"{'noticed' if noticed else 'MISSED '}  {mutation.area:18} {mutation.name}  {by[1] if by else ''}",
            flush=True,
        )
        missed += [] if noticed else [mutation]
    print(f"\n{len(table) - len(missed)} of {len(table)} mutations are noticed.")
    for mutation in missed:
        print(f"{mutation.name}: {mutation.effect}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
