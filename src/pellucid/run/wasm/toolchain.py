"""Compilation of C to WebAssembly modules, with clang or with the compiler of the package ``ziglang``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def compile_module(sources: Mapping[str, str], exports: Sequence[str], *, relaxed: bool = False) -> bytes:
    """Compile C files, by name, to one module that exports functions, ``malloc``, ``free`` and its memory.

    With ``relaxed``, the module uses fused multiply-add instructions of relaxed SIMD.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, code in sources.items():
            path = Path(folder, f"{name}.c")
            path.write_text(code, "utf-8")
            paths.append(str(path))
        target = Path(folder, "module.wasm")
        flags = ["-target", "wasm32-wasi", "-O3", "-msimd128", "-mexec-model=reactor", "-std=gnu11", "-fopenmp-simd", "-s"]
        flags += ["-fwrapv", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-w"]
        flags += ["-mrelaxed-simd"] * relaxed
        links = [f"-Wl,--export={name}" for name in [*exports, "malloc", "free"]]
        command = [sys.executable, "-m", "ziglang", "cc", *flags, *paths, "-o", str(target), *links]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return target.read_bytes()
