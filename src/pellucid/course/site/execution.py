"""Execution of pages: each in a separate kernel, two at a time, or from the cache."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.course.site import execution_cache
from pellucid.course.site.errors import CourseError
from pellucid.course.site.kernel import PACKAGE
from pellucid.course.site.sources import Page, find_code_line, get_code_cells, hash_text, read_notebook

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

PROCESSES = 2
"""Kernels that run at the same time."""

CELL_SECONDS = 300
"""Time limit of a cell."""

Report = Callable[[Page], None]


def execute_pages(pages: Sequence[Page], folder: Path, report: Report = lambda page: None) -> None:
    """Execute pages, and write their outputs and exercises to a folder, where Sphinx reads them.

    Parameters
    ----------
    pages : sequence of Page
        Pages with code or exercises.
    folder : Path
        Receives one JSON file for each page, named by the hash of its text.
    report : callable
        Called with each page that is done.

    Raises
    ------
    CourseError
        If a cell fails, with page, line, cell and error; or if an output has a path of this machine.
    """

    async def execute_all() -> None:
        free = asyncio.Semaphore(PROCESSES)
        async with asyncio.TaskGroup() as group:
            for page in sorted(pages, key=lambda page: -len(page.text)):  # long pages first, so that none runs alone
                group.create_task(execute_or_load(page, folder, free, report))

    try:
        run_to_completion(execute_all)
    except* Exception as errors:
        raise errors.exceptions[0] from None


def run_to_completion(start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine, in another thread if this one has an event loop already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(start())
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(start())).result()


async def execute_or_load(page: Page, folder: Path, free: asyncio.Semaphore, report: Report) -> None:
    async with free:
        executed = execution_cache.load(page)
        if executed is None:
            executed = await execute_page(page)
            execution_cache.save(page, executed)
        (folder / f"{hash_text(page.text)}.json").write_text(json.dumps(executed), "utf-8")
        report(page)


async def execute_page(page: Page) -> dict[str, Any]:
    """Execute a page in a new kernel and an empty folder. Return outputs, exercises and dependencies."""
    from nbclient import NotebookClient

    notebook = read_notebook(page.text)
    temporary = tempfile.TemporaryDirectory
    with temporary(prefix="pellucid-course-") as work, temporary(prefix="pellucid-") as sockets:
        client = NotebookClient(notebook, kernel_name="python3", coalesce_streams=True)
        manager = client.create_kernel_manager()
        if os.name == "posix":  # over TCP, kernels warn that they are not encrypted
            manager.transport, manager.ip = "ipc", str(Path(sockets) / "kernel")
        try:
            await client.async_start_new_kernel(cwd=work, env=make_environment())
            await client.async_start_new_kernel_client()
            await call_kernel(client, "prepare()")
            client.timeout = CELL_SECONDS
            await execute_cells(client, page, notebook, Path(work))
            exercises = await read_exercises(client, page, Path(work))
            dependencies = await call_kernel(client, f"write_dependencies({str(Path(work) / 'out.json')!r})", work)
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            await manager.shutdown_kernel(now=True)  # type: ignore[misc]  # asynchronous in this client
    outputs = [cell.outputs for cell in get_code_cells(notebook)]
    return {"outputs": outputs, "exercises": exercises, "dependencies": dependencies}


def make_environment() -> dict[str, str]:
    """Return the environment of kernels: pages must not depend on an accelerator, or on a theme of terminals."""
    return {"JAX_PLATFORMS": "cpu", **os.environ, "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


async def execute_cells(client: NotebookClient, page: Page, notebook: NotebookNode, work: Path) -> None:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        count = sum(c.cell_type == "code" for c in notebook.cells[: number + 1])
        await execute_cell(client, page, notebook, number, count, work)
        leak = find_machine_path(json.dumps(cell.outputs), work)
        if leak:
            line = find_code_line(page, notebook, number)
            raise CourseError(
                f"{page.locate(line)} (cell {count}): the output contains a path of this machine, {leak!r}"
            )


async def execute_cell(
    client: NotebookClient, page: Page, notebook: NotebookNode, number: int, count: int, work: Path
) -> None:
    """Execute a cell; raise an error that names its place in the page."""
    from jupyter_core.utils import ensure_async
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    cell = notebook.cells[number]
    try:
        await client.async_execute_cell(cell, number, execution_count=count)
    except CellExecutionError as error:
        line = await call_kernel(client, f"write_failing_line({str(work / 'out.json')!r})", str(work))
        source = cell.source.split("\n")[line - 1].strip()
        where = page.locate(find_code_line(page, notebook, number) + line - 1)
        message = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
        raise CourseError(f"{where} (cell {count}): {message}. The line: {source}") from None
    except CellTimeoutError:
        where = page.locate(find_code_line(page, notebook, number))
        raise CourseError(f"{where} (cell {count}): the cell takes longer than {CELL_SECONDS} s") from None
    except DeadKernelError:
        if client.km is not None and await ensure_async(client.km.is_alive()):
            raise asyncio.CancelledError from None  # Ctrl-C; nbclient says that the kernel died
        where = page.locate(find_code_line(page, notebook, number))
        raise CourseError(f"{where} (cell {count}): the kernel died. Is there enough memory?") from None


async def read_exercises(client: NotebookClient, page: Page, work: Path) -> Any:
    """Encode the exercises of a page in its kernel, so that they are cached with it."""
    from nbclient.exceptions import CellExecutionError

    if not page.exercises:
        return {}
    result = str(work / "out.json")
    try:
        return await call_kernel(client, f"write_exercises({page.exercises!r}, {result!r})", str(work))
    except CellExecutionError as error:
        raise CourseError(f"{page.path}: an exercise cannot be encoded. {error.ename}: {error.evalue}") from None


async def call_kernel(client: NotebookClient, call: str, work: str | None = None) -> Any:
    """Call a function of `pellucid.course.site.kernel`, and return the data in ``out.json``."""
    from nbformat.v4 import new_code_cell

    cell = new_code_cell(f"import pellucid.course.site.kernel\npellucid.course.site.kernel.{call}")
    client.nb.cells.append(cell)  # nbclient replaces the cell at this place
    try:
        await client.async_execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    finally:
        client.nb.cells.pop()
    return json.loads((Path(work) / "out.json").read_text("utf-8")) if work else None


def find_machine_path(text: str, work: Path) -> str | None:
    """Return a path of this machine that an output contains, or None."""
    paths = (str(work), str(PACKAGE), str(Path.home()), str(Path.cwd()), "ipykernel_")
    return next((path for path in paths if len(path) > 5 and path in text), None)
