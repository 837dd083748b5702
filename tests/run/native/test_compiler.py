"""A compiler that is stopped is asked again, for a program that XLA takes over is rounded otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native import compiler as module
from pellucid.run.native.compiler import compiler, library
from pellucid.run.native.errors import NotNative

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler")

Stopped = Callable[[int, str], Path]


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stopped:
    """Have the compiler fail so many times in some way, and write down every time that it is asked."""

    def make(times: int, way: str) -> Path:
        asked, script = tmp_path / "asked", tmp_path / "cc"
        script.write_text(
            f'#!/bin/sh\necho once >> "{asked}"\n'
            f'if [ "$(wc -l < "{asked}")" -le {times} ]; then {way}; fi\nexec "{compiler()}" "$@"\n'
        )
        script.chmod(0o700)
        monkeypatch.setattr(module, "compiler", lambda: str(script))
        monkeypatch.setattr(module, "version", lambda: str(times) + way)
        monkeypatch.setattr(module, "WAITS", (0.0, 0.0))
        return asked

    return make


def trained() -> list[bytes]:
    """Train a small model, whose last batch is a smaller one, and return its weights bit by bit."""
    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(6, "tanh"), nn.Dense(1)])
    model.compile(pel.optimizers.SGD(0.05, momentum=0.9), "mse")
    x = np.random.default_rng(0).normal(size=(86, 4)).astype("float32")
    model.fit(x, x[:, :1] ** 2, batch_size=16, epochs=4, seed=3, verbose=0)
    return [value.tobytes() for value in model.get_weights()]


@pytest.mark.parametrize(
    "way",
    [
        "kill -9 $$",
        "echo 'cc1: out of memory allocating 8 bytes' >&2; exit 1",
        "echo 'cannot open output file x.part/program.so: No such file or directory' >&2; exit 1",
    ],
)
def test_a_compiler_that_was_stopped_is_asked_again_and_no_bit_changes(stopped: Stopped, way: str) -> None:
    expected = trained()
    asked = stopped(2, way)
    assert trained() == expected
    assert len(asked.read_text().split()) == 4  # for the whole batches three times, and for the last one


def test_what_is_stopped_at_every_try_is_told_before_xla_has_it(stopped: Stopped) -> None:
    asked = stopped(3, "kill -9 $$")
    w = pel.shared(1.0, "w")
    f = pel.function([], w, updates={w: 2 * w})
    with pytest.warns(RuntimeWarning, match=r"stopped by signal 9. XLA has the program instead this time, and rounds"):
        assert f.repeat(3).tolist() == [1.0, 2.0, 4.0]
    assert len(asked.read_text().split()) == 3


def test_what_does_not_compile_is_asked_for_once(stopped: Stopped) -> None:
    asked = stopped(0, "")
    with pytest.raises(NotNative, match=r"does not compile it: .*error"):
        library("int f(void) { return g; }")
    assert len(asked.read_text().split()) == 1


def test_a_file_that_goes_meanwhile_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    build, made = module.build, []

    def deleted(*given: Any) -> Path:
        made.append(build(*given))
        if len(made) == 1:
            made[0].unlink()
        return made[-1]

    monkeypatch.setattr(module, "build", deleted)
    monkeypatch.setattr(module, "WAITS", (0.0,))
    assert library("int five(void) { return 5; }").five() == 5
    assert len(made) == 2
