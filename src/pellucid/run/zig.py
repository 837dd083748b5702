"""The C compiler of the package ``ziglang``: for machines without another one, and for WebAssembly."""

from __future__ import annotations

import functools
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 3.0
"""Seconds after which the first compilation is explained. Unless Zig builds its C library, it takes less than one."""


def find_zig() -> tuple[str, ...] | None:
    """Return the command of the C compiler in the package ``ziglang``; None if the package is not installed."""
    spec = importlib.util.find_spec("ziglang")
    folders = [] if spec is None else spec.submodule_search_locations or []
    paths = [Path(folder, "zig.exe" if sys.platform == "win32" else "zig") for folder in folders]
    return next(((str(path), "cc") for path in paths if path.is_file()), None)


def is_zig(command: tuple[str, ...]) -> bool:
    return command == find_zig()


@contextmanager
def explain_first_build(command: tuple[str, ...]) -> Iterator[None]:
    """Say on standard error why the compilation of a small program takes long, if it does."""
    timer = threading.Timer(PATIENCE, print_explanation)
    timer.daemon = True
    if is_zig(command):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


@functools.cache
def print_explanation() -> None:
    """Say once that the C library is being built."""
    text = "The C compiler of ziglang builds its C library, once on this machine. This takes about half a minute."
    print(text, file=sys.stderr, flush=True)
