"""The suite itself: what runs where, and what collection imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slow import PARTS, ROOT

HEAVY = {"jax", "keras", "marimo", "matplotlib", "nbclient", "onnx", "onnxruntime", "sklearn", "tensorflow", "torch"}
"""Packages that take a noticeable part of a second to import."""

FILES = sorted((ROOT / "tests").rglob("test_*.py"))


def test_every_file_is_in_one_part_of_the_slow_tests() -> None:
    folders = [ROOT / path for paths in PARTS.values() for path in paths]
    assert [folder for folder in folders if not folder.exists()] == []
    for file in FILES:
        assert sum(file == folder or folder in file.parents for folder in folders) == 1, file


def test_the_files_of_the_quick_tests_exist() -> None:
    lines = (ROOT / "tests/quick.txt").read_text("utf-8").split()
    paths = [line.removeprefix("--ignore=").removeprefix("--deselect=") for line in lines]
    for path in paths:
        file, _, name = path.partition("::")
        assert (ROOT / file).exists(), path
        assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8"), path


def list_imports(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the packages that a module imports when it is imported."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield (statement.module or "").partition(".")[0]


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES}), ids=lambda path: path.name)
def test_collection_imports_no_heavy_package(folder: Path) -> None:
    for file in folder.glob("*.py"):
        assert HEAVY.isdisjoint(list_imports(ast.parse(file.read_bytes()).body)), file
