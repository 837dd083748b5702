"""Executed pages on disk. An entry applies while text, packages, and the modules that the page imports are the same."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pellucid.course.site.kernel import PACKAGE, hash_file
from pellucid.course.site.sources import Page
from pellucid.run.compilation_cache import (
    INDEX_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    unpack_entry,
    write_entry,
)

LIBRARIES = ("jax", "numpy", "matplotlib", "scikit-learn", "latex2mathml", "ipykernel")
"""Packages whose versions outputs depend on."""

CODE_SUFFIXES = {".py", ".pyc", ".md", ".js", ".css", ".html"}


def load(page: Page) -> dict[str, Any] | None:
    """Return the results of an earlier execution of a page, or None if it has changed, or there is no cache."""
    path = get_path(page)
    if path is None:
        return None
    try:
        executed: dict[str, Any] = json.loads(unpack_entry(path.read_bytes(), path.stem))
    except (OSError, ValueError):  # missing, damaged, or deleted by another process
        return None
    if any(hash_if_present(PACKAGE / name) != found for name, found in executed["dependencies"].items()):
        return None
    mark_used(path)
    return executed


def save(page: Page, executed: dict[str, Any]) -> None:
    path = get_path(page)
    if path is not None:
        write_entry(path, json.dumps(executed).encode())


def get_path(page: Page) -> Path | None:
    folder = ensure_writable(cache_directory())
    if folder is None:
        return None
    libraries = [platform.python_version(), *(f"{name} {version(name)}" for name in LIBRARIES)]
    described = json.dumps(["course", page.text, libraries, hash_data_files()])
    return folder / f"{hashlib.sha256(described.encode()).hexdigest()[:32]}{INDEX_SUFFIX}"


@functools.cache
def hash_data_files() -> str:
    """Return a hash of the package's data: C sources, compiled modules, data sets."""
    files = sorted(p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in CODE_SUFFIXES)
    listing = "".join(
        f"{p.relative_to(PACKAGE).as_posix()} {hash_file(p)}\n" for p in files if p.name != "built.tar.xz"
    )
    return hashlib.sha256(listing.encode()).hexdigest()


def hash_if_present(path: Path) -> str | None:
    return hash_file(path) if path.is_file() else None
