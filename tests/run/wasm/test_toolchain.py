"""Compilers for WebAssembly: modules and their cache; compilers that are missing, hang, fail or write garbage."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import compilation_cache
from pellucid.run.native.compiler_process import Finished
from pellucid.run.native.elementwise import FUNCTION_COSTS
from pellucid.run.wasm import toolchain
from pellucid.run.wasm.errors import MissingCompilerError, WasmCompilerError
from pellucid.run.wasm.module import FunctionSource, compile_code, generate_code
from pellucid.run.wasm.module_file import find_defect
from pellucid.run.wasm.toolchain import compile_module, find_toolchain


def find_working_toolchain() -> toolchain.Toolchain | None:
    try:
        return find_toolchain()
    except MissingCompilerError:
        return None


@pytest.fixture(scope="module")
def real() -> toolchain.Toolchain | None:
    """The compiler for WebAssembly; None if there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(toolchain.VARIABLE, raising=False)
        return find_working_toolchain()


@pytest.fixture
def _working_compiler(real: toolchain.Toolchain | None) -> None:
    if real is None:
        pytest.skip("there is no compiler for WebAssembly")


needs_compiler = pytest.mark.usefixtures("_working_compiler")

DOUBLE = {"run": "double run(double x) { return 2 * x; }"}

FakeCompiler = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_chosen_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(toolchain.VARIABLE, raising=False)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """No compiler was found or checked yet, as in a new process."""
    toolchain._find_toolchain.cache_clear()
    yield
    toolchain._find_toolchain.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fake_compiler(real: toolchain.Toolchain | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCompiler:
    """A function that makes a shell script the compiler; ``real`` runs the real one, which writes module.wasm."""

    def install(script: str) -> Path:
        path = tmp_path / "fake-clang"
        command = "false" if real is None else shlex.join([*real.command, *real.target])
        path.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "fake 1.0" && exit\nreal() {\n  count=$#\n  for word; do\n'
            '    case "$word" in --target=*|-Wl,-z,*) ;; *) set -- "$@" "$word";; esac\n  done\n  shift $count\n'
            f'  {command} "$@"\n}}\n{script}\n'
        )
        path.chmod(0o700)
        monkeypatch.setenv(toolchain.VARIABLE, str(path))
        monkeypatch.setattr(toolchain, "RETRY_SECONDS", (0.0, 0.0))
        return path

    return install


@needs_compiler
def test_the_same_c_gives_the_same_bytes() -> None:
    sources = {"f": "double g(double); double f(double x) { return g(x); }", "g": "double g(double x) { return x; }"}
    module = compile_module(sources, ["f", "g"])
    assert find_defect(module, ["f", "g", "malloc", "free", "memory"]) is None
    assert compile_module(dict(reversed(sources.items())), ["g", "f"]) == module
    assert compile_module({**sources, "g": "double g(double x) { return 3 * x; }"}, ["f", "g"]) != module


LOOP = r"""
#include <math.h>
#include <string.h>
void run(float *restrict y, const float *restrict x, int n) {
  float square[n];
  memcpy(square, x, n * sizeof *x);
#pragma omp simd
  for (int k = 0; k < n; k++) square[k] *= x[k];
#pragma omp simd
  for (int k = 0; k < n; k++)
    y[k] = copysignf(sqrtf(square[k] + floorf(y[k])), x[k]) + y[k] * square[k] + FUNCTION(x[k]);
}
"""

PAGE = r"""
const { readFileSync } = require("fs");
const [name, ...files] = process.argv.slice(1);
for (const file of files) {
  const bytes = readFileSync(file);
  const e = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports;
  if (e._initialize) e._initialize();
  const [x, y] = [e.malloc(400), e.malloc(400)].map(p => new Float32Array(e.memory.buffer, p, 100));
  x.forEach((_, k) => { x[k] = k / 50 - 0.99; y[k] = k + 0.5; });
  const expected = Array.from(x, (v, k) => Math.sign(v) * Math.sqrt(v * v + k) + (k + 0.5) * v * v + Math[name](v));
  e.run(y.byteOffset, x.byteOffset, 100);
  console.log(WebAssembly.validate(bytes), Math.max(...y.map((v, k) => Math.abs(v - expected[k]))) < 1e-4);
}
"""


@needs_compiler
@pytest.mark.parametrize("name", ["abs", pytest.param("sin", marks=pytest.mark.slow)])
def test_both_variants_are_valid_and_compute_the_same(name: str, tmp_path: Path) -> None:
    """The second function needs a C library, which Zig builds in half a minute."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    paths = [tmp_path / "simd.wasm", tmp_path / "relaxed.wasm"]
    code = LOOP.replace("FUNCTION", "fabsf" if name == "abs" else "sinf")
    for path, relaxed in zip(paths, (False, True), strict=True):
        path.write_bytes(compile_module({"run": code}, ["run"], relaxed=relaxed))
    help_text = subprocess.run([node, "--v8-options"], capture_output=True, text=True, check=True, timeout=30).stdout
    flag = ["--experimental-wasm-relaxed-simd"] if "--experimental-wasm-relaxed-simd" in help_text else []
    command = [node, *flag, "-e", PAGE, name, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout.splitlines() == ["true true", "true true"], done.stderr


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The code of modules that are compiled, by a fake compiler that works for WebAssembly."""
    done: list[Any] = []

    def compile_in_folder(found: Any, sources: Any, exports: Any, relaxed: bool, timeout: float) -> bytes:
        time.sleep(0.02)
        done.append([sources, relaxed])
        return str([sources, relaxed]).encode()

    monkeypatch.setattr(toolchain, "find_candidates", lambda chosen: [(("fake",), ())])
    monkeypatch.setattr(toolchain, "read_version", lambda *args: "fake 1.0")
    monkeypatch.setattr(toolchain, "compile_in_folder", compile_in_folder)
    return done


def test_modules_are_cached(folder: Path, unchecked: None, compiled: list[Any]) -> None:
    module, relaxed = (compile_module(DOUBLE, ["run"], relaxed=r) for r in (False, True))
    assert module != relaxed
    assert len(compiled) == len([*folder.glob("*.wasm")]) == 4  # these, and those of the check
    toolchain._find_toolchain.cache_clear()
    assert compile_module(DOUBLE, ["run"]) == module
    assert compile_module(DOUBLE, ["run"], relaxed=True) == relaxed
    assert len(compiled) == 4
    for sources, exports in (({"run": "double run(double x) { return x; }"}, ["run"]), (DOUBLE, ["run", "malloc"])):
        count = len(compiled)
        compile_module(sources, exports)
        assert len(compiled) == count + 1


def test_a_damaged_entry_is_compiled_again(folder: Path, unchecked: None, compiled: list[Any]) -> None:
    compile_module({"run": "double run(double x) { return x; }"}, ["run"])
    others = set(folder.glob("*.wasm"))
    module = compile_module(DOUBLE, ["run"])
    [path] = set(folder.glob("*.wasm")) - others
    entry = path.read_bytes()
    damages = {
        "empty": b"",
        "truncated": entry[:-1],
        "changed": entry[:-1] + bytes([entry[-1] ^ 1]),
        "of another module": others.pop().read_bytes(),
        "no entry": module,
    }
    for damage, damaged in damages.items():
        path.write_bytes(damaged)
        compiled.clear()
        assert compile_module(DOUBLE, ["run"]) == module, damage
        assert len(compiled) == 1, damage
        assert path.read_bytes() == entry, damage


def test_old_modules_are_deleted(
    folder: Path, unchecked: None, compiled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation_cache, "MAX_CACHE_BYTES", 0)
    compile_module(DOUBLE, ["run"])
    assert not [*folder.glob("*.wasm")]


def test_threads_check_the_compiler_once(unchecked: None, compiled: list[Any]) -> None:
    codes = [{"run": f"double run(double x) {{ return {k} * x; }}"} for k in range(3)]
    with ThreadPoolExecutor(3) as pool:
        modules = set(pool.map(lambda code: compile_module(code, ["run"]), codes))
    assert len(modules) == 3
    assert len(compiled) == 2 + 3


@needs_compiler
@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("double run(double x) { return y; }", "cannot compile a module: run.c:1.*undeclared identifier 'y'"),
        ("double run(double x) { return other(x); }", "cannot compile a module: .*other"),
        ("double walk(double x) { return x; }", "cannot compile a module: .*run"),
        (
            '__attribute__((import_module("page"), import_name("f"))) double f(double);\n'
            "double run(double x) { return f(x); }",
            "wrote .* bytes that are not the module of the program: it imports functions that a page does not have",
        ),
    ],
)
def test_wrong_c_is_reported(code: str, problem: str) -> None:
    with pytest.raises(
        WasmCompilerError, match=rf"(?s)^The WebAssembly compiler .* {problem}.*choose another one with P"
    ):
        compile_module({"run": code}, ["run"])


@needs_compiler
def test_headers_declare_all_functions_of_generated_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for names in FUNCTION_COSTS.values() for name in names} - {"expm1", "log1p", "tanh"}
    two = {"pow", "atan2", "fmod", "copysign"}
    calls = [
        f"y += {name}{suffix}({', '.join(['x'] * (1 + (name in two)))});"
        for name in sorted({*names, *two, "round", "rint", "fabs"})
        for suffix in ("", "f")
    ]
    code = f"#include <math.h>\n#include <string.h>\ndouble run(double x, double y) {{ {' '.join(calls)} return y; }}"
    messages = []

    def refuse(found: toolchain.Toolchain, calls: str, *args: object) -> Finished:
        messages.append(calls)
        return Finished(1, "", "")

    monkeypatch.setattr(toolchain, "link_library", refuse)
    with pytest.raises(WasmCompilerError):
        compile_module({"run": code}, ["run"])
    missing = set(messages[0].split(", "))
    assert {"sin", "sinf", "lgamma", "erff", "pow"} <= missing
    assert missing.isdisjoint({"sqrt", "sqrtf", "fabs", "floor", "ceilf", "rintf", "copysign", "memcpy"})


@pytest.fixture
def checked(fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> FakeCompiler:
    """Like ``fake_compiler``, but the script has passed the check of compilers."""

    def install(script: str) -> Path:
        path = fake_compiler(script)
        found = toolchain.Toolchain((str(path),), toolchain.CLANG_TARGET, "fake 1.0")
        monkeypatch.setattr(toolchain, "_find_toolchain", lambda chosen: found)
        return path

    return install


@needs_compiler
def test_a_library_is_linked_where_functions_are_missing(checked: FakeCompiler, tmp_path: Path) -> None:
    """The linking itself is a slow test, because Zig builds the library first."""
    log = tmp_path / "log"
    checked(
        f'case "$*" in *" -lm "*) echo "$*" > "{log}"; printf "\\0asm\\1\\0\\0\\0" > module.wasm;; *) real "$@";; esac'
    )
    code = {"run": "float sinf(float); float run(float x) { return sinf(x); }"}
    with pytest.raises(WasmCompilerError, match=r"wrote 8 bytes .*: it does not export run, malloc"):
        compile_module(code, ["run"], relaxed=True)
    assert log.read_text().startswith("freestanding/allocator.c.o run.c.o --target=wasm32-wasi")
    assert "simd" not in log.read_text()


@needs_compiler
def test_a_missing_library_is_reported(checked: FakeCompiler) -> None:
    checked('case "$*" in *" -lm "*) echo "wasm-ld: error: cannot find libm" >&2; exit 1;; *) real "$@";; esac')
    with pytest.raises(
        WasmCompilerError,
        match=r"^The program calls fmod, sinf, and the .*/fake-clang has no C library that works: wasm-ld: error: "
        r"cannot find libm. Install one \(.*: apt install wasi-libc .*\), or run pip install 'pellucid\[web\]'",
    ):
        compile_module({"run": "#include <math.h>\nfloat run(float x) { return sinf(x) + fmod(x, 0.3); }"}, ["run"])


FAULTS = {
    "fails": ("echo 'license expired' >&2; exit 1", "cannot compile a module: license expired"),
    "hangs": ("sleep 300", r"did not finish within 0.4 s \(PELLUCID_COMPILER_TIMEOUT=0.4\)"),
    "writes nothing": ("exit 0", "reports success and writes no module"),
    "writes garbage": ("echo garbage > module.wasm", "wrote 8 bytes .*: it is not a WebAssembly module"),
    "writes a part": (
        'real "$@" && head -c 999 module.wasm > part && mv part module.wasm',
        "wrote 999 bytes .*: it is truncated or damaged",
    ),
    "exports nothing": (r"printf '\0asm\1\0\0\0' > module.wasm", "wrote 8 bytes .*: it does not export check, malloc"),
    "crashes": ("kill -SEGV $$", "cannot compile a module: killed by signal 11"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_compiler_are_reported(
    fault: str, real: toolchain.Toolchain | None, fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, problem = FAULTS[fault]
    if "real" in script and real is None:
        pytest.skip("there is no compiler for WebAssembly")
    path = fake_compiler(script)
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "0.4" if fault == "hangs" else "60")
    start = time.monotonic()
    with pytest.raises(MissingCompilerError, match="PELLUCID_WASM_COMPILER: expected ziglang") as error:
        compile_module(DOUBLE, ["run"])
    error.match(rf"Received: '{path}'\nThe WebAssembly compiler {path} {problem}")
    assert time.monotonic() - start < 30


def test_a_compiler_that_is_no_program_is_reported(fake_compiler: FakeCompiler) -> None:
    path = fake_compiler("")
    path.write_text("not a program")
    with pytest.raises(MissingCompilerError, match="fake-clang cannot be run: "):
        find_toolchain()


@needs_compiler
def test_a_fault_after_the_check_is_reported(fake_compiler: FakeCompiler) -> None:
    path = fake_compiler('case "$*" in *check.c*) real "$@";; *) echo garbage > module.wasm;; esac')
    with pytest.raises(
        WasmCompilerError, match=f"{path} wrote 8 bytes .*: it is not a Web.* Repair it, or choose"
    ) as e:
        compile_module(DOUBLE, ["run"])
    assert not isinstance(e.value, MissingCompilerError)


@needs_compiler
def test_a_killed_compiler_runs_again(fake_compiler: FakeCompiler, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fake_compiler(f'echo called >> "{log}"; [ $(wc -l < "{log}") -le 2 ] && kill -9 $$; real "$@"')
    assert compile_module(DOUBLE, ["run"])
    assert len(log.read_text().split()) == 3 + 1 + 1  # both variants of the check, and the module


def test_a_missing_compiler_is_reported(unchecked: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain, "find_zig", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        pel.PellucidError,
        match=r"no compiler for WebAssembly on this machine. Run pip install 'pellucid\[web\]', or install clang .* on "
        "Debian and Ubuntu: apt install clang lld wasi-libc libclang-rt-dev-wasm32",
    ) as error:
        compile_module(DOUBLE, ["run"])
    assert isinstance(error.value, MissingCompilerError)
    (tmp_path / "clang-9").write_text("#!/bin/sh\necho \"fatal error: 'math.h' file not found\" >&2; exit 1\n")
    (tmp_path / "clang-9").chmod(0o700)
    with pytest.raises(
        MissingCompilerError, match=r"The WebAssembly compiler .*/clang-9 cannot .*'math.h' file not found"
    ):
        compile_module(DOUBLE, ["run"])


@pytest.mark.parametrize("name", ["no-such-program", "ziglang"])
def test_a_wrong_name_in_the_variable_is_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_zig", lambda: None)
    monkeypatch.setenv(toolchain.VARIABLE, name)
    with pytest.raises(MissingCompilerError, match=f"expected ziglang .* or a clang .* Received: '{name}'"):
        find_toolchain()


@pytest.mark.parametrize("is_zig", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["ziglang", "clang"])
@pytest.mark.parametrize("hot", [False, True])
def test_programs_with_large_arrays_are_compiled_by_all_compilers(
    is_zig: bool, hot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = (toolchain.find_clang_versions() or ["clang"])[0]
    monkeypatch.setenv(toolchain.VARIABLE, "ziglang" if is_zig else newest)
    try:
        find_toolchain()
    except MissingCompilerError as missing:
        pytest.skip(str(missing))
    x, w = pel.matrix("x", shape=("n", 2)), pel.shared(np.ones((2, 3), "float32"), "w")
    loss = pel.tanh(x @ w).sum()
    step = pel.function([x], loss, updates={w: w - pel.grad(loss, w)})
    source = FunctionSource(step.program, "step", (((10_000, 2), "float32"),), False, None, hot)
    module = compile_code(generate_code([source]), relaxed=False)
    assert find_defect(module.simd, ["step"]) is None


def test_newer_versions_of_clang_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("clang-9", "clang-19", "clang", "clang-cpp-19", "clang-format"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "find_zig", lambda: ("zig", "cc"))
    found = [Path(command[0]).name for command, _ in toolchain.find_candidates("")]
    assert found == ["zig", "clang", "clang-19", "clang-9"]


def test_defects_of_modules_are_found() -> None:
    header = b"\0asm\x01\0\0\0"
    exports = b"\x07\x10\x02\x03run\0\0\x06memory\x02\0"
    imports = b"\x02\x09\x01\x03env\x01f\0\0"
    assert find_defect(header + exports, ["run", "memory"]) is None
    assert find_defect(header + b"\x02\x01\0" + exports, ["run"]) is None
    assert find_defect(header + exports, ["run", "walk"]) == "it does not export walk"
    assert find_defect(header + imports + exports, ["run"]) == "it imports functions that a page does not have"
    assert find_defect(b"\x7fELF", []) == "it is not a WebAssembly module"
    for length in range(len(header) + 1, len(header + exports)):
        assert find_defect((header + exports)[:length], ["run"]) == "it is truncated or damaged"
