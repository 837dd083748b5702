"""Runs an old script: Python 2 or 3, or a notebook, with the old libraries in place."""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from pellucid.compat import python2
from pellucid.compat.import_hook import PACKAGE, use_old_libraries
from pellucid.compat.missing_names import explain_missing_name
from pellucid.compat.old_calls import OldCall, find_old_calls
from pellucid.errors import PellucidError
from pellucid.experiments.runner.experiment import describe_error
from pellucid.graph.source_location import format_filename

STDIN = "<stdin>"
NEEDS_INTEGER = re.compile("'float' object cannot be interpreted as an integer|slice indices must be integers")
PYLAB = "import numpy as np, matplotlib.pyplot as plt; from pylab import *"
MAX_LINES = 12
"""Number of lines of a script that an error prints."""


class SourceUnit(NamedTuple):
    """Source that is compiled as a whole, a file or a cell of a notebook: its text, and its statements in Python 3."""

    filename: str
    source: str
    tree: ast.Module
    is_python2: bool

    def compile(self) -> CodeType:
        """Return its code, and let tracebacks and errors show its original lines."""
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self.source), None, lines, self.filename)
        return python2.compile_tree(self.tree, self.filename)


def parse_unit(source: str, filename: str, version: int | None = None, *, is_local: bool = False) -> SourceUnit:
    """Parse Python source, and convert it if it is Python 2 (by default, if Python 3 cannot run it)."""
    if version != 2:
        try:
            tree = python2.parse_python3(source, filename)
        except (SyntaxError, ValueError) as error:
            if version == 3:
                place = f"{format_filename(filename)}:{getattr(error, 'lineno', 1)}"
                raise python2.ScriptSyntaxError(f"{place}: {getattr(error, 'msg', error)}") from None
        else:
            if version == 3 or not python2.is_python2(tree):
                return SourceUnit(filename, source, tree, False)
    return SourceUnit(filename, source, python2.parse_python2(source, filename, is_local=is_local), True)


def read_units(path: str, version: int | None = None) -> list[SourceUnit]:
    """Read and parse a script, a notebook, or standard input (``-``)."""
    if path == "-":
        return [parse_unit(python2.decode_source(sys.stdin.buffer.read()), STDIN, version)]
    if Path(path).is_dir():
        raise PellucidError(f"{path}: expected a Python script or a notebook, received a folder")
    data = Path(path).read_bytes()
    if not path.endswith(".ipynb"):
        return [parse_unit(python2.decode_source(data), str(Path(path).resolve()), version)]
    cells = read_cells(data, path)
    if version is None:
        version = 2 if parse_unit("\n".join(cells.values()), path).is_python2 else 3
    return [parse_unit(source, name, version) for name, source in cells.items()]


def read_cells(data: bytes, path: str) -> dict[str, str]:
    """Return the source of a notebook's code cells, without magics and shell commands."""
    try:
        content = json.loads(data)
        cells = content["cells"] if "cells" in content else content["worksheets"][0]["cells"]  # formats 4 and 3
        texts = ["".join(c.get("source", c.get("input", ""))) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PellucidError(f"{path}: expected a Jupyter notebook ({type(error).__name__} while reading it)") from None
    texts = [re.sub(r"(?m)^%pylab.*", PYLAB, t) for t in texts]
    texts = [re.sub(r"(?m)^([ \t]*)[%!?].*|^([\w.]+)\?+$", r"\1pass", "" if t.startswith("%%") else t) for t in texts]
    return {f"{path}, cell {number}": f"{text}\n" for number, text in enumerate(texts, 1)}


class _ScriptModuleFinder(MetaPathFinder):
    """Finds a script's own modules, Python 2 or 3: in its folder, and in folders that it adds to the path."""

    def __init__(self, run: ScriptRun) -> None:
        self.run = run
        self.names: list[str] = []
        self.foreign = set(sys.path[1:]) - {sys.path[0]}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if "." in name and name.rpartition(".")[0] not in self.names:
            return None
        spec = PathFinder.find_spec(name, path if "." in name else [p for p in sys.path if p not in self.foreign])
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not spec.origin:
            return None
        self.names.append(name)
        spec.loader = _ScriptLoader(name, spec.origin)
        spec.loader.run = self.run
        return spec


class _ScriptLoader(SourceFileLoader):
    run: ScriptRun

    def get_code(self, fullname: str) -> CodeType:
        source, units = python2.decode_source(Path(self.path).read_bytes()), self.run.units
        is_local = "." in fullname or self.is_package(fullname)
        # What both versions can read is Python 2 in a script of Python 2: there, / and imports mean something else.
        version = self.run.version or (2 if self.run.is_python2 else None)
        units[self.path] = parse_unit(source, self.path, version, is_local=is_local)
        return units[self.path].compile()

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        if self.run.units[self.path].is_python2:
            vars(module)["__builtins__"] = python2.BUILTINS
        exec(code, vars(module))


class FigureOutput:
    """Where figures go that a script shows: to windows, or to a folder where there is no display."""

    def __init__(self) -> None:
        self.start(None)

    def start(self, folder: Path | None) -> None:
        """Save figures into a folder from now on, or nowhere."""
        self.folder, self.count = folder, 0
        self.saved: list[str] = []

    def add(self, figure: Any) -> None:
        """Save a figure, or say that it is not shown."""
        self.count += 1
        if self.folder is None:
            print(f"figure {self.count} not shown: no display; --out saves it", file=sys.stderr)
        else:
            self.saved.append(f"figure-{self.count}.png")
            figure.savefig(self.folder / self.saved[-1])


FIGURES = FigureOutput()
"""The figures of the script that runs in this process."""

FILE_BACKENDS = ("agg", "svg", "pdf", "ps", "cairo", "pgf", "template")


def has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def use_backend(backend: str, **options: Any) -> None:
    """Choose a backend of matplotlib, unless it needs a display and there is none."""
    import matplotlib.pyplot as plt

    if has_display() or backend.lower() in FILE_BACKENDS:
        plt.switch_backend(backend)


def show_figures(*args: Any, block: bool | None = None) -> None:
    """Show all figures, or save them where there is no display."""
    import matplotlib.pyplot as plt

    if has_display() and plt.get_backend().lower() not in FILE_BACKENDS:
        manager = plt.get_current_fig_manager()
        if manager is not None:
            manager.pyplot_show(block=block)
        return
    for number in plt.get_fignums():
        FIGURES.add(plt.figure(number))
    plt.close("all")


class ScriptRun:
    """A run of a script; `start` sets its exit status and the text of the error that ended it."""

    def __init__(self, path: str, arguments: Sequence[str] = (), version: int | None = None) -> None:
        self.path, self.arguments, self.version = path, arguments, version
        self.folder = Path.cwd() if path == "-" else Path(path).resolve().parent
        self.main_units = read_units(path, version)
        self.units = {unit.filename: unit for unit in self.main_units}
        self.is_python2 = any(unit.is_python2 for unit in self.main_units)
        self.status, self.error = 0, ""

    def start(self) -> None:
        """Run the script.

        Raises
        ------
        KeyboardInterrupt, BrokenPipeError
            As the script raised them.
        """
        module = ModuleType("__main__")
        vars(module).update(__file__=STDIN if self.path == "-" else self.path)
        if self.is_python2:
            vars(module)["__builtins__"] = python2.BUILTINS
        with self._places(module), use_old_libraries(), self._sibling_modules(), warnings.catch_warnings():
            for category in (DeprecationWarning, PendingDeprecationWarning, SyntaxWarning):
                warnings.simplefilter("ignore", category)
            try:
                for unit in self.main_units:
                    exec(unit.compile(), vars(module))
            except SystemExit as request:
                code = request.code
                if code is not None and not isinstance(code, int):
                    print(code, file=sys.stderr)
                self.status = code if isinstance(code, int) else int(code is not None)
            except (KeyboardInterrupt, BrokenPipeError):
                raise
            except BaseException as error:
                self.status, self.error = 1, self.describe(error)
                sys.stdout.flush()
                if os.environ.get("PELLUCID_DEBUG", "") not in ("", "0"):
                    traceback.print_exception(error)
                print(self.error, file=sys.stderr)

    @contextmanager
    def _places(self, module: ModuleType) -> Iterator[None]:
        """Put the script's arguments, folder and main module where Python has them, and restore these afterwards."""
        arguments, path, main = sys.argv, list(sys.path), sys.modules["__main__"]
        sys.argv, sys.modules["__main__"] = [self.path, *self.arguments], module
        sys.path.insert(0, str(self.folder))
        try:
            yield
        finally:
            sys.argv, sys.path[:], sys.modules["__main__"] = arguments, path, main

    @contextmanager
    def _sibling_modules(self) -> Iterator[None]:
        finder = _ScriptModuleFinder(self)
        sys.meta_path.insert(1, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            for name in finder.names:
                sys.modules.pop(name, None)

    def find_old_calls(self) -> list[OldCall]:
        """Return the old calls in the script and its own modules."""
        return find_old_calls([(unit.filename, unit.tree) for unit in self.units.values()])

    def describe(self, error: BaseException) -> str:
        """Return the lines of the script that led to an error, its message and its notes."""
        lines = []
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename in self.units:
                where = "" if frame.name == "<module>" else f", in {frame.name}"
                lines.append(f"  {format_filename(frame.filename)}:{frame.lineno}{where}: {frame.line}")
        if len(lines) > MAX_LINES:
            lines[MAX_LINES // 2 : -MAX_LINES // 2] = [f"  ... {len(lines) - MAX_LINES} more"]
        message = describe_error(error)
        missing = re.match(rf"cannot import name '(\w+)' from '{re.escape(PACKAGE)}\.([\w.]+)'", str(error))
        if isinstance(error, ImportError) and missing:
            known = list(vars(sys.modules.get(f"{PACKAGE}.{missing[2]}", sys)))
            message = str(explain_missing_name(missing[2], missing[1], known))
        elif not isinstance(error, PellucidError) and not message.startswith(type(error).__name__):
            message = f"{type(error).__name__}: {message}"
        if not self.is_python2 and isinstance(error, TypeError) and NEEDS_INTEGER.search(message):
            message += ". In Python 2, / of two integers gives an integer: pellucid legacy --python 2"
        heading = ["Lines of the script, of which the last raised the error:"] * bool(lines)
        return "\n".join([*heading, *lines, f"error: {message}", *getattr(error, "__notes__", ())])
