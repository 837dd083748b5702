"""Plugin of pytest that runs compiled C on an emulated 64-bit ARM processor: ``python -m pytest -p tests.arm64``.

Python and XLA run on this machine. Kernels and loops of steps are compiled by a cross compiler, and each call runs in
QEMU, so tests that compare them with NumPy or XLA check the C code of that processor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
LIBRARIES = Path("/usr/aarch64-linux-gnu")

KERNELS = Path(__file__).parent.parent / "src" / "pellucid" / "run" / "kernels"
FOLDER = Path(tempfile.gettempdir(), f"pellucid-arm64-{os.getpid()}")


def pytest_load_initial_conftests() -> None:
    """Choose the compiler before `pellucid` is imported."""
    FOLDER.mkdir(mode=0o700)
    if shutil.which(COMPILER) and shutil.which(EMULATOR):
        os.environ.update(CC=COMPILER, PELLUCID_MARCH="armv8-a", PELLUCID_CACHE=str(FOLDER / "cache"))


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in (COMPILER, EMULATOR) if shutil.which(name) is None]
    reason = f"there is no {' and no '.join(missing)} (on Debian: apt install gcc-aarch64-linux-gnu qemu-user)"
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif "amx" in item.name or "amx" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="AMX is an extension of x86 processors"))
        elif "another_process" in item.name or "is_not_loaded" in item.name:
            item.add_marker(pytest.mark.skip(reason="other processes and the common handler are not emulated"))
    if not missing:
        emulate()


def emulate() -> None:
    """Replace what loads and calls libraries."""
    from pellucid.run import jax_runtime
    from pellucid.run.kernels import ffi, loading
    from pellucid.run.native import compile_cache, compiler

    names: dict[str, str] = {}

    def open_library(cc: Any, path: Path) -> Any:
        kept = FOLDER / path.name
        shutil.copy(path, kept)
        return SimpleNamespace(_name=str(kept), run=None)

    def load_kernel(code: str) -> None:
        names[code] = compiler.load_library(code, includes=(find_headers(),))._name

    def call_with_results(
        code: str, results: Sequence[Any], *operands: Any, aliases: Any = None, **attributes: int | Sequence[int]
    ) -> Any:
        import jax

        ffi.request_kernel(code)
        shapes = [(r.shape, np.dtype(r.dtype)) for r in results]
        operand_of = {result: operand for operand, result in (aliases or {}).items()}

        def call(*arrays: Any) -> list[Any]:
            functions = [code for code in list(loading.requests) if loading.make_key(code) == attributes.get("tile")]
            for name in (code, *functions):
                if name not in names:
                    loading.requests[name].result()
            values = [np.asarray(a) for a in arrays]
            found = [values[operand_of[k]].copy() if k in operand_of else poison(*s) for k, s in enumerate(shapes)]
            keyed = [np.int64(0), *(np.array(value, np.int64) for _, value in sorted(attributes.items()))]
            return run(names[code], True, [values, keyed, [], found], *(names[function] for function in functions))[1]

        return jax.pure_callback(call, list(results), *operands, vmap_method="sequential")

    def call_loop(self: Any, state: Any, read: Any, args: Any, first: int, count: int) -> list[Any]:
        history = [poison((count, *shape), dtype) for shape, dtype in self.outputs]
        new, outputs = run(self.library._name, False, [state, read, args, history], first=first, count=count)
        for old, value in zip(state, new, strict=True):
            old[...] = value
        return outputs

    # Callbacks convert their arguments by this setting, outside of the context of a program.
    jax_runtime.before_devices.append(lambda jax: jax.config.update("jax_enable_x64", True))
    compiler.open_library = open_library  # type: ignore[assignment]
    compiler.check_compiler = loading.check_compiler = lambda cc: None  # type: ignore[assignment]
    loading.load_kernel = load_kernel
    loading.load_dispatcher = loading.register_dispatcher = lambda: None  # type: ignore[assignment]
    ffi.call_with_results = call_with_results  # type: ignore[assignment]
    compile_cache.CompiledLoop.__call__ = call_loop  # type: ignore[method-assign]


def poison(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return an array that no program may read before it has written it."""
    return np.full(shape, 77, dtype)


def find_headers() -> str:
    import jax

    return str(jax.ffi.include_dir())


def build_driver() -> Path:
    path = FOLDER / "driver"
    if not path.exists():
        source = Path(__file__).with_name("arm64_driver.c")
        options = ["-O1", f"-I{find_headers()}", f"-I{KERNELS}", str(source), "-o", str(path), "-lpthread", "-ldl"]
        subprocess.run([COMPILER, *options], check=True)
    return path


def run(
    library: str, is_kernel: bool, groups: Sequence[Sequence[Any]], *functions: str, first: int = 0, count: int = 0
) -> list[Any]:
    """Run a library; return the new arrays of the first group and those of the last one.

    ``functions`` has the library of the function that a kernel finds, if any.
    """
    driver = build_driver()
    parts = [np.array([is_kernel, first, count, *map(len, groups)], np.int64).tobytes()]
    for array in (np.ascontiguousarray(a).reshape(np.shape(a)) for group in groups for a in group):
        data = array.tobytes()
        parts += [np.array([array.ndim, *array.shape, len(data)], np.int64).tobytes(), data, b"\0" * (-len(data) % 8)]
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        given, output = Path(folder) / "input", Path(folder) / "output"
        given.write_bytes(b"".join(parts))
        command = [EMULATOR, "-L", str(LIBRARIES), str(driver), library, str(given), str(output), *functions]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        if done.returncode:
            raise RuntimeError(f"the emulated program failed with status {done.returncode}: {done.stderr}")
        content, at = output.read_bytes(), 0
    found: list[list[Any]] = []
    for group in ([], groups[-1]) if is_kernel else (groups[0], groups[-1]):
        found.append([])
        for a in group:
            size = np.asarray(a).nbytes
            found[-1].append(np.frombuffer(content[at : at + size], np.asarray(a).dtype).reshape(np.shape(a)).copy())
            at += size
    return found
