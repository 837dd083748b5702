"""Compiled WebAssembly modules of the figures of these tests: the compiler takes half a second for each.

A module is found by its C, the flags of the compiler and the headers. If one of them changes, the module is compiled
when it is needed. Store the new modules then, and delete the others:

    PELLUCID_STORE_MODULES=1 pytest -n0 tests/live
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pellucid.run.wasm import module, toolchain

STORE = Path(__file__).with_name("stored_modules.json")
ANY_COMPILER = toolchain.Toolchain((), (), "")
IS_WRITTEN = os.environ.get("PELLUCID_STORE_MODULES") == "1"


@contextmanager
def use_stored_modules() -> Iterator[None]:
    """Load modules instead of compiling them, if they are stored."""
    compile_module = module.compile_module
    stored = json.loads(STORE.read_text("utf-8")) if STORE.exists() else {}
    used: dict[str, str] = {}

    def load_or_compile(sources: Mapping[str, str], exports: Sequence[str], *, relaxed: bool = False) -> bytes:
        key = toolchain.make_key(ANY_COMPILER, sources, exports, relaxed)
        if key in stored:
            content = zlib.decompress(base64.b64decode(stored[key]))
        else:
            content = compile_module(sources, exports, relaxed=relaxed)
        if IS_WRITTEN:
            used[key] = base64.b64encode(zlib.compress(content, 9)).decode()
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "compile_module", load_or_compile)
        yield
    if IS_WRITTEN:
        STORE.write_text(json.dumps(used, indent=0, sort_keys=True) + "\n", "utf-8")
