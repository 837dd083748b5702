"""The machine's C compiler: finding and checking it, compiling and loading libraries, and keeping them on disk."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from pellucid.run.backends import describe_processor
from pellucid.run.compilation_cache import (
    LIBRARY_SUFFIX,
    cache_directory,
    ensure_writable,
    mark_used,
    processor,
    prune,
    warn_unwritable,
)
from pellucid.run.native.compiled_library_check import is_complete, mark_program
from pellucid.run.native.compiler_check import find_wrong_result, get_check_program
from pellucid.run.native.compiler_process import (
    RETRY_SECONDS,
    SHORT_TIMEOUT,
    TEMPORARY_FAILURE,
    Command,
    describe_command,
    failures,
    get_library_timeout,
    get_timeout,
    read_version,
    report_failure,
    run_compiler,
    warn_once,
)
from pellucid.run.native.errors import CompilerFailure, KilledCompiler, NotNative, RejectedProgram
from pellucid.run.native.instruction_set import find_instructions, get_architecture
from pellucid.run.zig import explain_first_build, find_zig, is_zig

FLAGS = (
    "-std=gnu11",
    "-shared",
    "-fPIC",
    "-fopenmp-simd",
    "-fwrapv",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-g0",
    "-w",
    "-Werror=implicit-function-declaration",
)
"""Flags of every program. None of them lets the compiler ignore NaN, infinity or the sign of zero."""

NEUTRAL_FLAGS = ("-shared", "-fPIC", "-g0", "-w", "-Werror=implicit-function-declaration")
"""Flags that do not change results."""

CLANG_FLAGS = ("-mllvm", "-force-vector-interleave=2")
"""Clang computes two vectors at a time, as GCC does for these loops: one waits while the other computes."""

GCC_FLAGS = (
    "--param=sccvn-max-alias-queries-per-access=20",
    "-fno-tree-pre",
    "-fno-code-hoisting",
    "-fno-tree-dse",
)
"""Switch off passes of GCC that take half of its time on long loops of many arrays, and do not make them faster."""

loaded_libraries: dict[str, ctypes.CDLL] = {}
"""Libraries of this process by cache key, for when none are kept on disk."""

checked_compilers: set[Command] = set()
CHECK_LOCK = threading.Lock()


@functools.cache
def find_compiler() -> Command | None:
    """Return the C compiler: ``CC``, ``gcc``, ``cc``, ``clang`` or that of ``ziglang``; None if there is none."""
    chosen = os.environ.get("CC")
    for name in (chosen, "gcc", "cc", "clang"):
        if name and (path := shutil.which(name)):
            return (str(Path(path).absolute()),)
        if name and name is chosen:
            warn_once(
                f"Environment variable CC: there is no program {name!r}, so another C compiler is used if there is "
                "one. Set CC to the path of a compiler, without options"
            )
    return find_zig()


def require_compiler() -> Command:
    cc = find_compiler()
    if cc is None:
        raise NotNative(
            "there is no C compiler on this machine. Install gcc or clang, or run pip install 'pellucid[compiler]'"
        )
    return cc


@functools.cache
def get_compiler_version() -> str:
    return read_version(require_compiler())


def is_clang() -> bool:
    return "clang" in get_compiler_version()


def describe_compiler() -> str:
    """Return compiler, version, flags and processor, which determine the bits of a compiled program."""
    version = (get_compiler_version().splitlines() or ["unknown version"])[0]
    flags = " ".join(flag for flag in get_flags() if flag not in NEUTRAL_FLAGS)
    program, *arguments = require_compiler()
    return f"{' '.join([Path(program).name, *arguments])}, {version}, {flags}, {describe_processor()}"


def get_flags() -> tuple[str, ...]:
    wide = ("-mprefer-vector-width=512",) if "avx512f" in get_instructions() else ()
    return ("-O3", f"-march={get_architecture()}", *FLAGS, *wide, *(CLANG_FLAGS if is_clang() else GCC_FLAGS))


def get_instructions() -> frozenset[str]:
    """Return the names of the instruction sets that compiled C may use, such as ``avx2`` and ``aarch64``."""
    return find_instructions(get_architecture(), require_compiler())


def get_vector_bytes() -> int:
    """Return the size of a vector register."""
    instructions = get_instructions()
    return 64 if "avx512f" in instructions else 32 if "avx2" in instructions else 16


def count_vector_registers() -> int:
    return 32 if get_instructions() & {"avx512f", "aarch64"} else 16


@functools.cache
def has_mvec() -> bool:
    """Whether programs use glibc's vector functions, by the same rule as the code of `vector_math.py`."""
    return "sse2" in get_instructions() and platform.libc_ver()[0] == "glibc" and not is_clang()


def get_link_flags() -> tuple[str, ...]:
    """Return flags that leave out libraries which every process has loaded: reading them takes a tenth of the time."""
    is_known = sys.platform == "linux" and platform.machine() == "x86_64" and not is_clang()
    return ("-nodefaultlibs",) if is_known else ()


def load_library(code: str, flags: tuple[str, ...] | None = None, includes: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Compile a C program, or find it in the cache, and load it.

    ``flags`` replaces the default flags. Raises `NotNative` if there is no compiler, and its subclasses if the compiler
    rejects the program or cannot be used. Warns if the compiler hangs, crashes or writes an invalid library.
    """
    cc = require_compiler()
    try:
        check_compiler(cc)
        return load_with_retries(cc, code, get_flags() if flags is None else flags, includes, get_timeout())
    except (CompilerFailure, RejectedProgram):
        raise
    except NotNative as error:
        warn_once(
            f"{error}. XLA computes the program this time, and its results differ in the last bits. To get the "
            "usual bits, run it again when the compiler is not interrupted"
        )
        raise


def check_compiler(cc: Command) -> None:
    """Compile and run a small program before the first other one; raise `CompilerFailure` if its results are wrong."""
    with CHECK_LOCK:
        if cc in failures:
            raise CompilerFailure(failures[cc])
        if cc in checked_compilers:
            return
        try:
            timeout = get_library_timeout(cc) if is_zig(cc) else min(SHORT_TIMEOUT, get_timeout())
            with explain_first_build(cc):
                library = load_with_retries(cc, get_check_program(), get_flags(), (), timeout)
        except RejectedProgram as error:
            raise report_failure(cc, f"rejects a correct program: {error}") from error
        except KilledCompiler as error:
            raise report_failure(cc, f"crashes: {error}") from error
        wrong = find_wrong_result(library)
        if wrong is not None:
            Path(library._name).unlink(missing_ok=True)  # so that a repaired compiler is checked again
            raise report_failure(cc, f"computes wrong numbers: {wrong}")
        checked_compilers.add(cc)


def load_with_retries(
    cc: Command, code: str, flags: tuple[str, ...], includes: tuple[str, ...], timeout: float
) -> ctypes.CDLL:
    options = (*flags, *(f"-I{folder}" for folder in includes))
    for delay in (*RETRY_SECONDS, None):
        try:
            return compile_or_load_library(cc, code, options, includes, timeout)
        except (CompilerFailure, RejectedProgram):
            raise
        except NotNative:
            if delay is None:
                raise
            time.sleep(delay)
    raise AssertionError


def compile_or_load_library(
    cc: Command, code: str, options: tuple[str, ...], includes: tuple[str, ...], timeout: float
) -> ctypes.CDLL:
    folder = ensure_writable(cache_directory())
    try:
        parts = [code, *cc, get_compiler_version(), processor(), *options, *map(hash_headers, includes)]
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        cached = None if folder is None else find_library(folder, key)
        if cached is None and folder is not None:
            try:
                cached = compile_library(cc, code, folder, key, options, timeout)
                prune(folder)
            except OSError as error:
                warn_unwritable(folder, error)
        if cached is None:
            if key not in loaded_libraries:
                with tempfile.TemporaryDirectory() as temporary:
                    path = compile_library(cc, code, Path(temporary), key, options, timeout)
                    loaded_libraries[key] = open_library(cc, path)
            return loaded_libraries[key]
        return open_library(cc, cached)
    except OSError as error:  # the disk is full, or a file was deleted
        raise NotNative(f"The library of {describe_command(cc)} cannot be saved or loaded: {error}") from error


def hash_headers(folder: str) -> str:
    """Return a hash of the header files in a folder."""
    paths = sorted(Path(folder).rglob("*.h"))
    stats = [path.stat() for path in paths]
    return hash_files(tuple(paths), tuple((stat.st_mtime_ns, stat.st_size) for stat in stats))


@functools.lru_cache(8)
def hash_files(paths: tuple[Path, ...], versions: tuple[tuple[int, int], ...]) -> str:
    """Return a hash of files; ``versions`` are their times and sizes, so that changed files are read again."""
    return hash_content(b"\0".join(path.read_bytes() for path in paths))


def find_library(folder: Path, key: str) -> Path | None:
    """Return the intact library of a program in the cache, or None."""
    return next((path for path in folder.glob(f"{key}-*{LIBRARY_SUFFIX}") if is_intact(path)), None)


def is_intact(path: Path) -> bool:
    """Whether a library has the content and the program that its name says. Other files are deleted."""
    try:
        content, (key, _, digest) = path.read_bytes(), path.stem.rpartition("-")
        if hash_content(content) == digest and is_complete(content, key):
            mark_used(path)
            return True
        path.unlink()
    except FileNotFoundError:  # another process deleted it first
        pass
    return False


def hash_content(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def open_library(cc: Command, path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        if not path.exists():
            raise
        path.unlink()
        raise report_failure(cc, f"wrote a library that cannot be loaded: {error}") from error


def compile_library(cc: Command, code: str, folder: Path, key: str, options: tuple[str, ...], timeout: float) -> Path:
    """Compile a program, and move the library into the folder atomically."""
    with tempfile.TemporaryDirectory(dir=folder, suffix=".part") as work:
        source, library = Path(work) / "program.c", Path(work) / "program.so"
        source.write_text(mark_program(code, key), "utf-8")
        links = [*get_link_flags(), *(["-lmvec"] if "USE_MVEC" in code and has_mvec() else []), "-lm"]
        done = run_compiler(cc, [*options, source.name, "-o", library.name, *links], timeout, Path(work))
        if done.status:
            error = KilledCompiler if TEMPORARY_FAILURE.search(done.reason) else RejectedProgram
            raise error(f"{describe_command(cc)} cannot compile it: {done.reason}")
        if not library.is_file() and source.is_file():
            raise report_failure(cc, "reports success and writes no library")
        content = library.read_bytes()
        if not is_complete(content, key):
            raise report_failure(cc, f"wrote {len(content):,} bytes that are not the library of the program")
        return library.replace(folder / f"{key}-{hash_content(content)}{LIBRARY_SUFFIX}")
