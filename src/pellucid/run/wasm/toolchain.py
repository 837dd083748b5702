"""Compilation of C to WebAssembly modules, with the compiler of the package ``ziglang`` or with clang.

Most modules are linked without a C library: the folder ``freestanding`` has headers and an allocator. Programs that
call ``sin``, for example, need the library, which Zig builds first, in half a minute.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pellucid.run.compilation_cache import (
    WASM_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    unpack_entry,
    write_entry,
)
from pellucid.run.native.compiler_process import (
    RETRY_SECONDS,
    SHORT_TIMEOUT,
    TEMPORARY_FAILURE,
    TIMEOUT_VARIABLE,
    Command,
    Finished,
    describe_command,
    get_library_timeout,
    get_timeout,
    read_version,
    run_compiler,
)
from pellucid.run.wasm.errors import MissingCompilerError, WasmCompilerError
from pellucid.run.wasm.module_file import find_defect
from pellucid.run.zig import explain_first_build, find_zig
from pellucid.typing import Json

VARIABLE = "PELLUCID_WASM_COMPILER"

FLAGS = (
    "-O3",
    "-msimd128",
    "-mbulk-memory",
    "-std=gnu11",
    "-fopenmp-simd",
    "-fwrapv",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-mllvm",
    "-force-vector-interleave=2",
    "-w",
    "-Werror=implicit-function-declaration",
    "-nostdlibinc",
    "-Ifreestanding",
)
"""Flags of every program. As for native programs, none lets the compiler ignore NaN, infinity or the sign of zero."""

RELAXED_FLAGS = ("-mrelaxed-simd",)

FREESTANDING_LINK_FLAGS = ("-s", "-nostdlib", "-Wl,--no-entry")

LIBRARY_LINK_FLAGS = ("-O3", "-s", "-mexec-model=reactor", "-lm")
"""Without flags of the processor: Zig would build its C library once for each set of them."""

ZIG_TARGET = ("-target", "wasm32-wasi")

CLANG_TARGET = ("--target=wasm32-wasi", "-Wl,-z,stack-size=16777216,--stack-first")
"""The stack has the size and the place that Zig gives it: an overflow leaves the memory, and ends the function."""

ALWAYS_EXPORTED = ("malloc", "free")

CHECK_LOCK = threading.Lock()


class Toolchain(NamedTuple):
    """A compiler that works for WebAssembly, the flags that select this target, and its version."""

    command: Command
    target: tuple[str, ...]
    version: str


def compile_module(sources: Mapping[str, str], exports: Sequence[str], *, relaxed: bool = False) -> bytes:
    """Compile C files to a WebAssembly module, or find it in the cache. The same C gives the same bytes.

    Several threads may compile modules at the same time.

    Parameters
    ----------
    sources : dict from str to str
        The C of each file, by the name of the file without its ending.
    exports : sequence of str
        Names of the functions that the module exports, besides ``malloc``, ``free`` and its memory.
    relaxed : bool
        Whether to use the fused multiply-add of relaxed SIMD, which some browsers do not have.

    Raises
    ------
    MissingCompilerError
        If no compiler works for WebAssembly.
    WasmCompilerError
        If the compiler rejects the C, hangs, or writes an invalid module.
    """
    return compile_or_load(find_toolchain(), sources, exports, relaxed, get_timeout())


def find_toolchain() -> Toolchain:
    """Return the compiler for WebAssembly, which has compiled a small program."""
    with CHECK_LOCK:
        return _find_toolchain(os.environ.get(VARIABLE, ""))


@functools.cache
def _find_toolchain(chosen: str) -> Toolchain:
    problems = []
    for command, target in find_candidates(chosen):
        try:
            toolchain = Toolchain(command, target, read_version(command, describe_failure).partition("\n")[0])
            for relaxed in (False, True):
                timeout = min(SHORT_TIMEOUT, get_timeout())
                compile_or_load(toolchain, get_check_program(), ["check"], relaxed, timeout)
        except WasmCompilerError as error:
            problems.append(error.problem)
        else:
            return toolchain
    raise MissingCompilerError("\n".join([describe_lack(chosen), *problems]))


def stamp_compilers() -> list[list[Json]]:
    """Return path, size and modification time of the compilers that may be used, without running them."""
    paths = [Path(command[0]) for command, _ in find_candidates(os.environ.get(VARIABLE, ""))]
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]


def find_candidates(chosen: str) -> Iterator[tuple[Command, tuple[str, ...]]]:
    """Yield compilers that may work, and the flags that select WebAssembly.

    That of ``ziglang`` is first: its modules were a fifth faster than those of clang 19.
    """
    zig = find_zig()
    if zig is not None and chosen in ("", "ziglang"):
        yield zig, ZIG_TARGET
    names = [chosen] if chosen else ["clang", *find_clang_versions()]
    paths = dict.fromkeys(path for name in names if (path := shutil.which(name)))
    for path in paths:
        yield (str(Path(path).absolute()),), CLANG_TARGET


def find_clang_versions() -> list[str]:
    """Return the names of versions of clang, such as ``clang-19``, the newest first."""
    folders = [Path(folder) for folder in os.get_exec_path() if Path(folder).is_dir()]
    names = {
        path.name for folder in folders for path in folder.glob("clang-*") if re.fullmatch(r"clang-\d+", path.name)
    }
    return sorted(names, key=lambda name: -int(name.removeprefix("clang-")))


def describe_lack(chosen: str) -> str:
    if chosen:
        return (
            f"Environment variable {VARIABLE}: expected ziglang (from pip install 'pellucid[web]') or a clang "
            f"that has a linker for WebAssembly. Received: {chosen!r}"
        )
    return (
        "There is no compiler for WebAssembly on this machine. Run pip install 'pellucid[web]', or install clang and "
        "LLVM's linker; on Debian and Ubuntu: apt install clang lld wasi-libc libclang-rt-dev-wasm32"
    )


@functools.cache
def get_check_program() -> dict[str, str]:
    return {"check": Path(__file__).with_name("compiler_check.c").read_text("utf-8")}


def compile_or_load(
    toolchain: Toolchain, sources: Mapping[str, str], exports: Sequence[str], relaxed: bool, timeout: float
) -> bytes:
    folder = ensure_writable(cache_directory())
    path = None if folder is None else folder / f"{make_key(toolchain, sources, exports, relaxed)}{WASM_SUFFIX}"
    module = None if path is None else load_cached(path)
    if module is None:
        module = compile_in_folder(toolchain, sources, exports, relaxed, timeout)
        if path is not None:
            write_entry(path, module)
    return module


def make_key(toolchain: Toolchain, sources: Mapping[str, str], exports: Sequence[str], relaxed: bool) -> str:
    flags = [FLAGS, RELAXED_FLAGS, FREESTANDING_LINK_FLAGS, LIBRARY_LINK_FLAGS]
    parts = [toolchain, flags, read_freestanding(), relaxed, sorted(sources.items()), sorted(exports)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def load_cached(path: Path) -> bytes | None:
    """Return the module of an entry of the cache; None if there is none, or if it is damaged."""
    try:
        module = unpack_entry(path.read_bytes(), path.stem)
    except (OSError, ValueError):
        return None
    mark_used(path)
    return module


def compile_in_folder(
    toolchain: Toolchain, sources: Mapping[str, str], exports: Sequence[str], relaxed: bool, timeout: float
) -> bytes:
    """Compile and link a module in a temporary folder, and check it."""
    files = {f"{name}.c": code for name, code in sources.items()} | read_freestanding()
    flags = [*toolchain.target, *FLAGS, *(RELAXED_FLAGS if relaxed else ())]
    output = ["-o", "module.wasm", *(f"-Wl,--export={name}" for name in sorted({*exports, *ALWAYS_EXPORTED}))]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "freestanding").mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
        c_files = sorted(name for name in files if name.endswith(".c"))
        run = functools.partial(run_with_retries, toolchain.command, timeout=timeout, folder=folder)
        done = run([*c_files, *flags, *FREESTANDING_LINK_FLAGS, *output])
        calls = ", ".join(sorted(set(re.findall(r"undefined symbol: (\w+)", done.stderr))))
        if calls:
            for name in c_files:
                run([name, *flags, "-c", "-o", f"{name}.o"])
            objects = [f"{name}.o" for name in c_files]
            done = link_library(toolchain, calls, [*objects, *toolchain.target, *LIBRARY_LINK_FLAGS, *output], folder)
        if done.status:
            raise describe_failure(toolchain.command, f"cannot compile a module: {done.reason}")
        module = folder / "module.wasm"
        return check_module(toolchain.command, module.read_bytes() if module.is_file() else None, exports)


def link_library(toolchain: Toolchain, calls: str, options: Sequence[str], folder: Path) -> Finished:
    with explain_first_build(toolchain.command):
        done = run_with_retries(toolchain.command, options, get_library_timeout(toolchain.command), folder)
    if done.status:
        raise WasmCompilerError(
            f"The program calls {calls}, and the WebAssembly compiler {describe_command(toolchain.command)} has no C "
            f"library that works: {done.reason}",
            "Install one (on Debian and Ubuntu: apt install wasi-libc libclang-rt-dev-wasm32), or run pip install "
            "'pellucid[web]'",
        )
    return done


@functools.cache
def read_freestanding() -> dict[str, str]:
    """Return headers and sources of modules without a C library, by their paths."""
    folder = Path(__file__).with_name("freestanding")
    return {f"freestanding/{path.name}": path.read_text("utf-8") for path in sorted(folder.glob("*.[ch]"))}


def run_with_retries(command: Command, options: Sequence[str], timeout: float, folder: Path) -> Finished:
    for delay in (*RETRY_SECONDS, None):
        done = run_compiler(command, options, timeout, folder, describe_failure)
        if delay is None or not (done.status and TEMPORARY_FAILURE.search(done.reason)):
            return done
        time.sleep(delay)
    raise AssertionError


def check_module(command: Command, module: bytes | None, exports: Sequence[str]) -> bytes:
    if module is None:
        raise describe_failure(command, "reports success and writes no module")
    defect = find_defect(module, [*exports, *ALWAYS_EXPORTED, "memory"])
    if defect is not None:
        raise describe_failure(command, f"wrote {len(module):,} bytes that are not the module of the program: {defect}")
    return module


def describe_failure(command: Command, problem: str, remedy: str = "") -> WasmCompilerError:
    raised = f", set a larger {TIMEOUT_VARIABLE}" if remedy else ""
    return WasmCompilerError(
        f"The WebAssembly compiler {describe_command(command)} {problem}",
        f"Repair it{raised}, or choose another one with {VARIABLE}",
    )
