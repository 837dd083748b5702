"""Fixtures for the tests of CPU kernels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pellucid.run.kernels import (
    convolution_programs,
    ffi,
    matmul_dispatch,
    matmul_program,
    source_assembly,
    update_fusion,
)
from pellucid.run.kernels.amx.detection import has_amx

EMULATION = Path(__file__).with_name("amx_emulation.c")

emit_code = ffi.emit_code


@pytest.fixture(autouse=True)
def _kernels_are_compiled_again() -> Iterator[None]:
    """Clear the cache of kernels, which does not depend on the constants that tests replace."""
    yield
    emit_code.cache_clear()


AMX = ["amx", pytest.param("emulated amx", marks=pytest.mark.slow)] if has_amx() else ["emulated amx"]
"""AMX is tested on processors that have it, and emulated on the others and by `make slow`."""


def choose_unit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute with AMX wherever it can be used, emulated or not, or with vector registers only."""
    for module in (convolution_programs, matmul_dispatch):
        monkeypatch.setattr(module, "has_amx", lambda: name != "vectors")
    if name == "emulated amx":
        monkeypatch.setattr(source_assembly, "AMX_INSTRUCTIONS", str(EMULATION))
        for module in (convolution_programs, matmul_program, source_assembly):  # tile sizes of a processor with AVX-512
            monkeypatch.setattr(module, "get_vector_bytes", lambda: 64)
        for module in (convolution_programs, matmul_program):
            monkeypatch.setattr(module, "count_vector_registers", lambda: 32)
    emit_code.cache_clear()


@pytest.fixture(params=AMX)
def amx(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    choose_unit(request.param, monkeypatch)


@pytest.fixture(params=["vectors", *AMX])
def unit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    choose_unit(request.param, monkeypatch)
    return str(request.param)


@pytest.fixture
def no_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_unit("vectors", monkeypatch)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, dict[int, int] | None]]:
    """Update variables of all sizes by kernels, and collect the numbers of results and operands, and the aliases."""
    monkeypatch.setattr(update_fusion, "MIN_ELEMENTS", 0)
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    collected, call = list[tuple[int, int, dict[int, int] | None]](), ffi.call_with_results

    def call_with_results(code: str, results: Any, *operands: Any, aliases: dict[int, int] | None = None) -> Any:
        collected.append((len(results), len(operands), aliases))
        return call(code, results, *operands, aliases=aliases)

    monkeypatch.setattr(ffi, "call_with_results", call_with_results)
    return collected


@pytest.fixture
def convolutions(monkeypatch: pytest.MonkeyPatch) -> list[convolution_programs.ConvolutionProgram]:
    """Collect the programs of convolutions that are called."""
    collected, call = list[convolution_programs.ConvolutionProgram](), ffi.call_convolution

    def call_convolution(program: convolution_programs.ConvolutionProgram, *rest: Any) -> Any:
        collected.append(program)
        return call(program, *rest)

    monkeypatch.setattr(ffi, "call_convolution", call_convolution)
    return collected
