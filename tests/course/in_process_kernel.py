"""Builds of sites in the process of the tests: kernels, Sphinx and marimo would take seconds to start.

`tests/course/test_real_kernels.py` compares their sites with those of real processes.
"""

from __future__ import annotations

import builtins
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest


def use_test_process(patch: pytest.MonkeyPatch) -> None:
    """Make `build_site` run in this process, with the patches of a test."""
    from pellucid.course.site import build, notebooks, rendering

    patch.setattr("nbclient.NotebookClient", InProcessClient)
    patch.setattr(build, "render_pages", lambda work, cores, display: rendering.run_sphinx(work, 1))
    patch.setattr(notebooks, "start_marimo_conversion", EmptyConversion)


class EmptyConversion:
    """The process of marimo, if it wrote a script without code."""

    returncode = 0

    def __init__(self, notebook: Path) -> None:
        notebook.with_suffix(".py").touch()

    def communicate(self) -> tuple[str, None]:
        return "", None


class InProcessClient:
    """A client of `nbclient` with the methods that `pellucid.course.site.execution` calls."""

    kc = km = None

    def __init__(self, notebook: Any, **_: Any) -> None:
        self.nb = notebook
        self.stack = ExitStack()

    def create_kernel_manager(self) -> InProcessClient:
        return self

    async def async_start_new_kernel(self, cwd: str, env: dict[str, str]) -> None:
        self.stack.enter_context(restore_process())
        os.chdir(cwd)
        self.shell = start_shell(cwd)
        self.stack.callback(stop_shell, self.shell)

    async def async_start_new_kernel_client(self) -> None:
        pass

    async def shutdown_kernel(self, now: bool) -> None:
        self.stack.close()

    async def async_execute_cell(
        self, cell: Any, index: int, execution_count: int | None = None, store_history: bool = True
    ) -> None:
        """Execute a cell, and save its outputs in the form of nbformat."""
        from IPython.core.displayhook import CapturingDisplayHook
        from IPython.utils.capture import capture_output
        from nbclient.exceptions import CellExecutionError
        from nbformat.v4 import new_output

        self.shell.failure = None
        results: list[dict[str, Any]] = []
        self.shell.display_trap.hook = CapturingDisplayHook(self.shell, results)
        with capture_output() as captured:
            self.shell.run_cell(cell.source, store_history=store_history)
        streams = {"stdout": captured.stdout, "stderr": captured.stderr}
        cell.outputs = [new_output("stream", name=name, text=text) for name, text in streams.items() if text]
        cell.outputs += [new_output("display_data", shown.data, metadata=shown.metadata) for shown in captured.outputs]
        cell.outputs += [new_output("execute_result", execution_count=execution_count, **found) for found in results]
        if self.shell.failure is not None:
            name, message, lines = self.shell.failure
            cell.outputs.append(new_output("error", ename=name, evalue=message, traceback=lines))
            if "raises-exception" not in cell.metadata.get("tags", []):
                raise CellExecutionError("\n".join(lines), name, message)


def start_shell(folder: str) -> Any:
    """Return a new shell, which shows errors and names cells as a kernel does."""
    from ipykernel.compiler import XCachingCompiler
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        compiler_class = XCachingCompiler
        failure: tuple[str, str, list[str]] | None = None

        def _showtraceback(self, kind: type[BaseException], value: BaseException, lines: list[str]) -> None:
            self.failure = kind.__name__, str(value), lines

    return Shell.instance(ipython_dir=folder, config=Config({"HistoryManager": {"enabled": False}}))


def stop_shell(shell: Any) -> None:
    shell.restore_sys_module_state()
    type(shell).clear_instance()


@contextmanager
def restore_process() -> Iterator[None]:
    """Undo what a page may change, as the end of its process would."""
    from pellucid.course.exercises import list_exercises

    def show_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
        sys.stderr.write(warnings.formatwarning(message, category, *place[:2]))

    folder, modules, names = Path.cwd(), dict(sys.modules), dict(vars(builtins))
    format_warning = warnings.formatwarning
    list_exercises.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show_warning
        try:
            yield
        finally:
            os.chdir(folder)
            warnings.formatwarning = format_warning
            for name in [name for name in vars(builtins) if name not in names]:
                delattr(builtins, name)
            # Sample chapters replace the exercises of the course. Other modules stay imported.
            sys.modules.update(
                {name: module for name, module in modules.items() if sys.modules.get(name) is not module}
            )
            list_exercises.cache_clear()
