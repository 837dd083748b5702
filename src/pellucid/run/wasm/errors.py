"""Errors of compiling to WebAssembly."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class WasmCompilerError(PellucidError, RuntimeError):
    """A WebAssembly compiler that fails, hangs or writes an invalid module.

    Parameters
    ----------
    problem : str
        What is wrong.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> print(WasmCompilerError("clang stopped after 120 s", "Raise PELLUCID_COMPILER_TIMEOUT."))
    clang stopped after 120 s. Raise PELLUCID_COMPILER_TIMEOUT.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}. {remedy}" if remedy else problem)
        self.problem = problem


class MissingCompilerError(WasmCompilerError):
    """A machine without a compiler that works for WebAssembly.

    Parameters
    ----------
    problem : str
        What is wrong.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> print(MissingCompilerError("no compiler", "Install pellucid[web]."))
    no compiler. Install pellucid[web].
    """
