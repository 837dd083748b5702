"""C compilers that hang, crash, write garbage, compute wrong numbers or are missing: XLA takes over, with a warning."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native import compiler, compiler_check, compiler_process
from pellucid.run.native.compiled_library_check import is_complete
from pellucid.run.native.compiler import find_compiler, load_library
from pellucid.run.native.errors import CompilerFailure

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FakeCompiler = Callable[[str], Path]

VERSION = '[ "$1" = --version ] && echo "fake 1.0" && exit\n'

FAULTS = {
    "no program": ("", "cannot be run: "),
    "hangs at once": ("sleep 300", r"did not finish within 0.4 s \(PELLUCID_COMPILER_TIMEOUT=0.4\)"),
    "hangs in a child": (VERSION + "sleep 300 & wait", "did not finish within 0.4 s"),
    "ignores signals": (VERSION + "trap '' INT TERM HUP; sleep 300; sleep 300", "did not finish within 0.4 s"),
    "writes garbage": (VERSION + 'echo garbage > "$OUT"', "wrote 8 bytes that are not the library of the program"),
    "writes another library": (
        VERSION + 'echo "int f(void) { return 1; }" | $REAL -shared -fPIC -x c - -o "$OUT"',
        "wrote .* bytes that are not the library of the program",
    ),
    "writes a part": (
        VERSION + '$REAL "$@" && head -c 5000 "$OUT" > "$OUT.2" && mv "$OUT.2" "$OUT"',
        "wrote 5,000 bytes that are not the library of the program",
    ),
    "cannot be loaded": (
        VERSION + 'for word; do case "$word" in *.c)\n'
        'echo "int g(void); int f = 0; int (*h)(void) = g;" >> "$word";; esac; done; exec $REAL "$@"',
        "wrote a library that cannot be loaded: .*undefined symbol: g",
    ),
    "writes nothing": (VERSION + "exit 0", "reports success and writes no library"),
    "rejects everything": (VERSION + 'echo "license expired" >&2; exit 1', "rejects a correct program: .*license exp"),
    "ignores NaN": (VERSION + 'exec $REAL "$@" -ffinite-math-only', "computes wrong numbers: "),
    "computes a wrong root": (VERSION + 'exec $REAL "$@" -Dsqrt=cbrt', "computes wrong numbers: a float64 formula"),
    "miscompiles integers": (
        VERSION + 'for word; do case "$word" in *.c) sed -i s/2147483647/7/ "$word";; esac; done; exec $REAL "$@"',
        "computes wrong numbers: an integer formula",
    ),
}


def run_loop(rate: float, **options: Any) -> list[float]:
    """Return the outputs of three steps of a new loop."""
    w = pel.shared(1.0, "w")
    outputs: list[float] = pel.function([], w, updates={w: pel.tanh(rate * w)}, **options).repeat(3).tolist()
    return outputs


@pytest.fixture(scope="module")
def by_xla() -> list[list[float]]:
    """Outputs of two loops that XLA computes."""
    return [run_loop(rate, mode="xla") for rate in (0.5, 0.25)]


SLOW = {
    *("ignores signals", "writes another library", "writes a part", "writes nothing", "cannot be loaded"),
    *("computes a wrong root", "miscompiles integers"),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", [pytest.param(f, marks=pytest.mark.slow) if f in SLOW else f for f in FAULTS])
def test_xla_takes_over_with_one_warning(
    fault: str, by_xla: list[list[float]], fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script, problem = FAULTS[fault]
    path = fake_compiler(script)
    if fault == "no program":
        path.write_text("not a program")
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "0.4" if "within" in problem else "60")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    start = time.monotonic()
    message = rf"^The C compiler .*/fake-cc {problem}(.|\n)*XLA computes all programs of this process instead"
    with pytest.warns(RuntimeWarning, match=message) as warned:
        first = run_loop(0.5)
    assert "within" not in problem or time.monotonic() - start < 30
    assert len(warned) == 1
    second = run_loop(0.25)  # without another warning, and without waiting again
    with pytest.raises(
        pel.UseError, match=r'mode="native": this program cannot be compiled as C: the C compiler .*fake'
    ):
        run_loop(0.75, mode="native")
    assert [first, second] == by_xla
    assert not [*(tmp_path / "cache").glob("*.so")]
    if fault == "ignores NaN":  # the next process, with a repaired compiler, uses it again
        fake_compiler('exec $REAL "$@"')
        assert run_loop(0.5, mode="native") == pytest.approx(first)


def test_a_crash_is_retried_and_then_left_to_xla(fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "RETRY_SECONDS", (0.0, 0.0))
    fake_compiler(VERSION + "kill -SEGV $$")
    with pytest.warns(RuntimeWarning, match="The C compiler .*fake-cc crashes: .*killed by signal 11") as warned:
        assert run_loop(0.5) == run_loop(0.5, mode="xla")
    assert len(warned) == 1
    run_loop(0.25)


def test_the_time_limit_holds_for_every_program(fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that passes its check, and hangs on a later program, is not waited for twice."""
    fake_compiler(
        VERSION + 'for word; do case "$word" in *.c) grep -q COUNT "$word" || sleep 300;; esac; done\nexec $REAL "$@"'
    )
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "20")
    load_library("enum { COUNT = 1 };")
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "0.3")
    with pytest.warns(RuntimeWarning, match=r"did not finish within 0.3 s .* or a larger PELLUCID_COMPILER_TIMEOUT"):
        run_loop(0.5)
    start = time.monotonic()
    run_loop(0.25)
    with pytest.raises(CompilerFailure, match="did not finish"):
        load_library("int f(void) { return 1; }")
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("value", ["no", "0", "-1", "inf", "nan"])
def test_the_time_limit_is_a_number_of_seconds(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", value)
    with pytest.raises(
        pel.OptionError, match=f"PELLUCID_COMPILER_TIMEOUT: expected seconds above 0. Received: '{value}'"
    ):
        compiler_process.get_timeout()
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "2.5")
    assert compiler_process.get_timeout() == 2.5


def test_kernels_are_left_to_xla_with_one_warning(fake_compiler: FakeCompiler) -> None:
    fake_compiler(VERSION + 'echo garbage > "$OUT"')
    x = np.random.default_rng(0).normal(size=(4, 34, 34, 8)).astype("float32")
    kernels = [np.full((3, 3, 8, n), 0.5, "float32") for n in (16, 24)]
    with pytest.warns(RuntimeWarning, match="are not the library of the program") as warned:
        found = [pel.function([], pel.conv(x, kernel), mode="xla")() for kernel in kernels]
    assert len(warned) == 1
    for result in found:
        np.testing.assert_allclose(result[0, 0, 0], x[0, :3, :3].sum() / 2, rtol=1e-4)


def test_fit_goes_on_with_xla_and_says_so(fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issue's case: a compiler that hangs stops `fit` for the time limit only, and the history records XLA."""
    by_c, _ = train()
    fake_compiler("sleep 300")
    monkeypatch.setenv("PELLUCID_COMPILER_TIMEOUT", "0.3")
    with pytest.warns(RuntimeWarning, match="fake-cc did not finish"):
        by_xla, other = train()
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    expected, reference = train()
    for value, same in zip(other.get_weights(), reference.get_weights(), strict=True):
        assert value.tobytes() == same.tobytes()
    [native], [xla] = by_c.backends, by_xla.backends
    assert native.startswith("C loops: ")
    assert "-O3 -march=native" in native
    assert xla.startswith("XLA: JAX ")
    assert expected.backends == [xla]
    comparison = pel.compare(by_c, by_xla)
    assert comparison.backends is not None
    assert comparison.backends.startswith(
        "The backends of the runs differ, so their last bits may differ too. A: C loops: "
    )
    assert str(comparison).endswith(comparison.backends)
    assert pel.compare(by_xla, expected).backends is None
    assert str(pel.compare(by_xla, expected)) == "The runs are bit-identical from step 0 to step 8"


def train() -> tuple[Any, pel.Sequential]:
    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((2,)), nn.Dense(3, "tanh"), nn.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    return model.fit(x, x[:, :1], batch_size=4, epochs=2, seed=3, verbose=0), model


def test_a_missing_compiler_is_silent_and_recorded(no_compiler: None) -> None:
    history, _ = train()
    assert [each.partition(":")[0] for each in history.backends] == ["XLA"]


def test_a_wrong_name_in_cc_is_reported_once(fake_compiler: FakeCompiler, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler("").unlink()
    with pytest.warns(RuntimeWarning, match=r"CC: there is no program '.*fake-cc', so another C compiler is used"):
        assert run_loop(0.5, mode="native") == pytest.approx(run_loop(0.5, mode="xla"))
    run_loop(0.25)


def test_a_rejected_program_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pellucid.run.native.program.generate_program", lambda *args, **options: "int run(void) { return wrong; }"
    )
    with pytest.warns(RuntimeWarning, match="XLA computes a program that the C compiler rejects; please report it"):
        assert run_loop(0.5) == run_loop(0.5, mode="xla")


def test_the_check_finds_every_wrong_element() -> None:
    """Each result of the check matters: a single wrong element is found, and rounding errors are not."""
    library = load_library(compiler_check.get_check_program())
    assert compiler_check.find_wrong_result(library) is None

    class Wrong:
        def __init__(self, place: int, index: int) -> None:
            self.place, self.index = place, index

        def check(self, *pointers: Any) -> None:
            import ctypes

            library.check(*pointers)
            kind, bytes_each = ((ctypes.c_float, 4), (ctypes.c_double, 8), (ctypes.c_int32, 4))[self.place]
            address = pointers[4 + self.place].value + bytes_each * self.index
            cell = kind.from_address(address)
            cell.value = cell.value + 1 if np.isfinite(cell.value) else 0

    sizes = (2 * compiler_check.COUNT + 1, 3 * compiler_check.COUNT, 4 * compiler_check.COUNT)
    for place, size in enumerate(sizes):
        for index in range(0, size, 7):
            assert compiler_check.find_wrong_result(Wrong(place, index)) is not None, (place, index)


def test_a_library_is_bound_to_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library whose name is that of another program, with the right hash of its content, is not loaded."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    one, other = "int number(void) { return 1; }", "int number(void) { return 2; }"
    assert load_library(one).number() == 1
    [path] = [file for file in tmp_path.glob("*.so") if is_library_of(file, one)]
    assert load_library(other).number() == 2
    [swapped] = [file for file in tmp_path.glob("*.so") if is_library_of(file, other)]
    key, digest = swapped.stem.split("-")[0], path.stem.split("-")[1]
    content = path.read_bytes()
    swapped.unlink()
    (tmp_path / f"{key}-{digest}.so").write_bytes(content)
    assert not is_complete(content, key)
    assert load_library(other).number() == 2
    assert not (tmp_path / f"{key}-{digest}.so").exists()


def is_library_of(path: Path, code: str) -> bool:
    import ctypes

    library = ctypes.CDLL(str(path))
    return hasattr(library, "number") and f"return {library.number()};" in code
