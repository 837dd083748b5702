"""Retries after the compiler was killed, because XLA would compute the program with other rounding errors."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native import compiler as module
from pellucid.run.native.compiler import find_compiler, load_library
from pellucid.run.native.errors import NotNative

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FailTimes = Callable[[int, str], Path]


@pytest.fixture
def fail_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FailTimes:
    """A function that makes the compiler fail a number of times, and returns the log of its calls."""

    def install(times: int, failure: str) -> Path:
        log, script = tmp_path / "log", tmp_path / "cc"
        monkeypatch.setattr(module, "checked_compilers", {(str(script),)})  # its check would be the first call
        real = shlex.join(find_compiler() or ())
        script.write_text(
            f'#!/bin/sh\necho called >> "{log}"\n'
            f'if [ "$(wc -l < "{log}")" -le {times} ]; then {failure}; fi\nexec {real} "$@"\n'
        )
        script.chmod(0o700)
        monkeypatch.setattr(module, "find_compiler", lambda: (str(script),))
        monkeypatch.setattr(module, "get_compiler_version", lambda: str(times) + failure)
        monkeypatch.setattr(module, "RETRY_SECONDS", (0.0, 0.0))
        return log

    return install


def train_weights() -> list[bytes]:
    """Train a small model with a smaller last batch, and return the bits of its weights."""
    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(6, "tanh"), nn.Dense(1)])
    model.compile(pel.optimizers.SGD(0.05, momentum=0.9), "mse")
    x = np.random.default_rng(0).normal(size=(86, 4)).astype("float32")
    model.fit(x, x[:, :1] ** 2, batch_size=16, epochs=4, seed=3, verbose=0)
    return [value.tobytes() for value in model.get_weights()]


FAILURES = [
    "kill -9 $$",
    "echo 'cc1: out of memory allocating 8 bytes' >&2; exit 1",
    "echo 'cannot open output file x.part/program.so: No such file or directory' >&2; exit 1",
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_killed_compiler_runs_again(fail_times: FailTimes, failure: str) -> None:
    log = fail_times(2, failure)
    assert load_library("int six(void) { return 6; }").six() == 6
    assert len(log.read_text().split()) == 3


def test_no_bit_of_a_model_changes_if_the_compiler_is_killed(fail_times: FailTimes) -> None:
    expected = train_weights()
    log = fail_times(2, FAILURES[0])
    assert train_weights() == expected
    assert len(log.read_text().split()) == 4  # three times for the whole batches, and once for the last one


def test_a_warning_says_that_the_compiler_failed_at_every_try(fail_times: FailTimes) -> None:
    log = fail_times(3, "kill -9 $$")
    w = pel.shared(1.0, "w")
    f = pel.function([], w, updates={w: 2 * w})
    with pytest.warns(
        RuntimeWarning, match=r"killed by signal 9. XLA computes the program this time, and its results differ"
    ):
        assert f.repeat(3).tolist() == [1.0, 2.0, 4.0]
    assert len(log.read_text().split()) == 3


def test_a_program_with_an_error_is_compiled_once(fail_times: FailTimes) -> None:
    log = fail_times(0, "")
    with pytest.raises(NotNative, match=r"cannot compile it: .*error"):
        load_library("int f(void) { return g; }")
    assert len(log.read_text().split()) == 1


def test_a_library_that_is_deleted_before_loading_is_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_library, libraries = module.compile_library, []

    def compile_and_delete(*args: Any) -> Path:
        libraries.append(compile_library(*args))
        if len(libraries) == 1:
            libraries[0].unlink()
        return libraries[-1]

    monkeypatch.setattr(module, "compile_library", compile_and_delete)
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.0,))
    assert load_library("int five(void) { return 5; }").five() == 5
    assert len(libraries) == 2
