"""Runs an old script: Python 2 or 3, or a notebook, with the old libraries in place."""

import ast
import builtins
import io
import json
import linecache
import os
import re
import sys
import tokenize
import traceback
import warnings
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from pellucid.compat import old_numpy, python2
from pellucid.compat.import_hook import use_old_libraries
from pellucid.errors import PellucidError
from pellucid.graph.source_location import format_filename
from pellucid.tracking.experiment import describe_error

STDIN = "<stdin>"
NEEDS_INTEGER = re.compile(
    r"float\d*' object cannot|slice indices must|only integers, sl|of integers or|non-int of type 'f"
)
MAGIC = re.compile(r"(?P<indent>[ \t]*)(?:%time\s+(?P<timed>\S.*)|[%!?].*|[\w.]+\?+\s*)")
PYLAB = "import numpy as np, matplotlib.pyplot as plt; from pylab import *"
MAX_LINES = 12
"""Number of lines of a script that an error prints."""


class SourceUnit(NamedTuple):
    """Source that is compiled as a whole, a file or a cell of a notebook: its text, and its statements in Python 3."""

    filename: str
    source: str
    tree: ast.Module
    is_python2: bool

    def run(self, module):
        """Run it in a module, and let tracebacks and errors show its original lines."""
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.filename] = len(self.source), None, lines, self.filename
        names = vars(builtins) | old_numpy.BUILTINS | {"open": python2.open_file}
        names |= python2.BUILTINS if self.is_python2 else {}
        vars(module)["__builtins__"] = names
        exec(python2.compile_tree(old_numpy.transform(self.tree), self.filename), vars(module))


def parse_unit(source, filename, version=None, *, is_local=False):
    """Parse Python source, and convert it if it is Python 2 (by default, if Python 3 cannot run it)."""
    try:
        tree = python2.parse_python3(source, filename)
        if version == 3 or (version is None and not python2.is_python2(tree)):
            return SourceUnit(filename, source, tree, False)
    except (SyntaxError, ValueError) as error:
        if version == 3:
            place = f"{format_filename(filename)}:{getattr(error, 'lineno', 1)}"
            raise python2.ScriptSyntaxError(f"{place}: {getattr(error, 'msg', error)}") from None
    return SourceUnit(filename, source, python2.parse_python2(source, filename, is_local=is_local), True)


def read_units(path, version=None):
    """Read and parse a script, a notebook, or standard input (``-``)."""
    if Path(path).is_dir():
        raise PellucidError(f"{path}: expected a Python script or a notebook, received a folder")
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    if not path.endswith(".ipynb"):
        filename = STDIN if path == "-" else str(Path(path).resolve())
        return [parse_unit(python2.decode_source(data), filename, version)]
    cells = read_cells(data, path)
    version = version or (2 if parse_unit("\n".join(cells.values()), path).is_python2 else 3)
    return [parse_unit(source, name, version) for name, source in cells.items()]


def read_cells(data, path):
    """Return the source of a notebook's code cells, without magics and shell commands."""
    try:
        content = json.loads(data)
        cells = content["cells"] if "cells" in content else content["worksheets"][0]["cells"]  # formats 4 and 3
        texts = ["".join(c.get("source", c.get("input", ""))) for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PellucidError(f"{path}: expected a Jupyter notebook ({type(error).__name__} while reading it)") from None
    return {f"{path}, cell {number}": f"{replace_magics(text)}\n" for number, text in enumerate(texts, 1)}


def replace_magics(cell):
    """Return a cell with Python in the lines of magics, shell commands and questions."""
    if whole := re.match(r"%%(\w+).*", cell):
        cell = cell[whole.end() :] if whole[1] in ("capture", "prun", "time", "timeit") else ""
    lines = []
    for line in cell.split("\n"):
        found = MAGIC.fullmatch(line)
        if found and not is_unfinished("\n".join(lines)):
            line = PYLAB if line.startswith("%pylab") else found["indent"] + (found["timed"] or "pass")
        lines.append(line)
    return "\n".join(lines)


def is_unfinished(text):
    """Tell whether source ends within a statement, so that a ``%`` that follows is an operator, or within a string."""
    try:
        list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError) as error:  # also raised for numbers of Python 2
        return bool(re.search("multi-line|triple-quoted", str(error)))
    return text.endswith("\\")


def explain_undefined_name(error, trees):
    """Return a sentence for the text of a NameError if no statement of the trees defines the name, otherwise ``""``."""
    found = re.search(r"NameError: name '(\w+)' is not defined$", error)
    nodes = [node for tree in trees for node in ast.walk(tree)]
    fields = [getattr(node, field, None) for node in nodes for field in ("name", "asname", "arg")]
    defined = {field.partition(".")[0] for field in fields if isinstance(field, str)}
    defined |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    if found is None or {found[1], "*"} & defined:
        return ""
    return f". {found[1]} is assigned nowhere: the listing leaves it to the reader, or it is misspelled"


class _ScriptModuleFinder:
    """Import hook that finds a script's own modules, Python 2 or 3, in its folder and in folders that it adds."""

    def __init__(self, run, undo):
        self.run, self.undo, self.names, self.foreign = run, undo, set(), {*sys.path[1:]} - {sys.path[0]}

    def find_spec(self, name, path=None, target=None):
        if "." in name and name.rpartition(".")[0] not in self.names:
            return None
        spec = PathFinder.find_spec(name, path if "." in name else [p for p in sys.path if p not in self.foreign])
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not spec.origin:
            return None
        self.names.add(name)
        self.undo.callback(sys.modules.pop, name, None)
        is_local = "." in name or spec.submodule_search_locations is not None

        def run_unit(module):
            # What both versions can read is Python 2 in a script of Python 2: there, / and imports mean something else.
            version = self.run.version or (2 if self.run.is_python2 else None)
            source = python2.decode_source(Path(spec.origin).read_bytes())
            unit = self.run.units[spec.origin] = parse_unit(source, spec.origin, version, is_local=is_local)
            unit.run(module)

        spec.loader.exec_module = run_unit
        return spec


class FigureOutput:
    """Where figures go that a script shows where there is no display: a folder, or nowhere."""

    def start(self, folder):
        self.folder, self.count, self.saved = folder, 0, []


FIGURES = FigureOutput()
"""The figures of the script that runs in this process."""


def save_figures(*args, **options):
    """Save all figures or say that they are not shown, in the place of ``matplotlib.pyplot.show``."""
    import matplotlib.pyplot as plt

    for figure in map(plt.figure, plt.get_fignums()):
        FIGURES.count += 1
        if FIGURES.folder is None:
            print(f"figure {FIGURES.count} not shown: no display; --out saves it", file=sys.stderr)
        else:
            FIGURES.saved.append(f"figure-{FIGURES.count}.png")
            figure.savefig(FIGURES.folder / FIGURES.saved[-1])
    plt.close("all")


class ScriptRun:
    """A run of a script; `start` sets its exit status and the text of the error that ended it."""

    def __init__(self, path, arguments=(), version=None):
        self.path, self.arguments, self.version = path, arguments, version
        self.main_units = read_units(path, version)
        self.units = {unit.filename: unit for unit in self.main_units}
        self.is_python2 = any(unit.is_python2 for unit in self.main_units)
        self.status, self.error = 0, ""

    def start(self):
        """Run the script. KeyboardInterrupt and BrokenPipeError reach the caller."""
        module = ModuleType("__main__")
        vars(module).update(__file__=STDIN if self.path == "-" else self.path)
        options = np.printoptions(**old_numpy.PRINT_OPTIONS)
        with use_old_libraries() as finder, options, warnings.catch_warnings():
            self.set_main_program(module, finder.undo)
            for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning):
                warnings.simplefilter("ignore", category)
            try:
                for unit in self.main_units:
                    unit.run(module)
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

    def set_main_program(self, module, undo):
        """Put the script's arguments, folder and modules where Python has them, until an `ExitStack` closes."""
        undo.callback(vars(sys).update, argv=sys.argv, path=sys.path)
        undo.callback(sys.modules.update, __main__=sys.modules["__main__"])
        sys.argv, sys.modules["__main__"] = [self.path, *self.arguments], module
        sys.path = [str(Path.cwd() if self.path == "-" else Path(self.path).resolve().parent), *sys.path]
        finder = _ScriptModuleFinder(self, undo)
        sys.meta_path.insert(1, finder)
        undo.callback(sys.meta_path.remove, finder)

    def describe(self, error):
        """Return the lines of the script that led to an error, its message and its notes."""
        trace = traceback.extract_tb(error.__traceback__)
        frames = [f for f in trace if f.filename in self.units]
        places = [f"{format_filename(f.filename)}:{f.lineno}, in {f.name}" for f in frames]
        lines = [f"  {place.removesuffix(', in <module>')}: {f.line}" for place, f in zip(places, frames, strict=True)]
        if len(lines) > MAX_LINES:
            lines[MAX_LINES // 2 : -MAX_LINES // 2] = [f"  ... {len(lines) - MAX_LINES} more"]
        message = describe_error(error)
        if not isinstance(error, PellucidError) and not message.startswith(type(error).__name__):
            message = f"{type(error).__name__}: {message}"
        if isinstance(error, TypeError | IndexError) and NEEDS_INTEGER.search(message):
            message += ". Sizes and indices must be integers: write int(...) around them"
            if not self.is_python2:
                message += ". If they are quotients of integers, which Python 2 rounds down: pellucid legacy --python 2"
        if isinstance(error, NameError) and frames[-1:] == trace[-1:]:
            message += explain_undefined_name(message, [unit.tree for unit in self.units.values()])
        heading = ["Lines of the script, of which the last raised the error:"] * bool(lines)
        return "\n".join([*heading, *lines, f"error: {message}", *getattr(error, "__notes__", ())])
