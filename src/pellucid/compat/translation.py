"""Translation of an old script to today's pellucid: known calls are replaced in the text, everything else stays."""

import ast
import copy
import io
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from pellucid.compat import python2
from pellucid.compat.old_calls import NameResolver, OldCallReplacer, is_old, unparse
from pellucid.compat.script import explain_undefined_name

IMPORT = "import pellucid as pel\n"
FLOAT64 = 'pel.config.floatx = "float64"  # the default of Theano\n'
MOVED = "sklearn.model_selection"

START = """\
import sys
file, sys.path[: sys.path[0] == ""], sys.argv = sys.argv[1], [sys.argv[2]], sys.argv[3:]
__file__ = sys.argv[0]
exec(compile(open(file, encoding="utf-8").read(), file, "exec"))
"""
"""Code of a new interpreter that runs the text of a file in the place of a script."""
TRACEBACK = "Traceback (most recent call last):\n"

OPEN = (ast.stmt, ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Dict, ast.arguments, ast.comprehension, ast.withitem)
"""Nodes whose parts can be rewritten without parentheses, and without the rest."""


class Translation(NamedTuple):
    """A script in today's pellucid."""

    text: str
    problems: list[tuple[int, str]]  # lines of the script that are not translated, and the reason for each
    translated: int  # number of names


def translate(source, filename, *, is_python2):
    """Translate a script; Python 2 is converted to Python 3 first."""
    text, lines = python2.convert(source, filename, is_translated=True) if is_python2 else (source, [])
    translator = _Translator(text, filename, is_python2)
    new = translator.translate()
    ast.parse(new)  # a translation that is no Python is an error here
    problems = [(lines[min(n, len(lines) - 1)] if lines else n, what) for n, what in translator.problems]
    return Translation(new, problems, translator.count)


def run_program(found, path, arguments, seconds):
    """Run a translation as Python runs the script, and return why it does not run to the end, or ``""``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "translated.py")
        file.write_text(found.text, "utf-8")
        command = [sys.executable, "-c", START, str(file), str(Path(path).resolve().parent), path, *arguments]
        options = {"capture_output": True, "encoding": "utf-8", "errors": "replace", "timeout": seconds}
        try:
            # Windows of figures would wait for the user.
            done = subprocess.run(command, env=os.environ | {"MPLBACKEND": "Agg"}, check=False, **options)
        except subprocess.TimeoutExpired:
            return f"it did not end within {seconds:g} seconds; --time-limit sets how long it may run"
    if done.returncode == 0:
        return ""
    errors = done.stderr.rpartition(TRACEBACK)[2]
    messages = [line for line in errors.splitlines() if line[:1].strip()] or [f"exit status {done.returncode}"]
    message = messages[0 if TRACEBACK in done.stderr else -1]
    if found.problems and re.match("(ModuleNotFound|Import)Error", message):  # of an old library
        return "line {} has no translation: {}".format(*found.problems[0])
    numbers = re.findall(rf'File "{re.escape(str(file))}", line (\d+)', errors)
    place = f"in line {numbers[-1]}, {found.text.splitlines()[int(numbers[-1]) - 1].strip()}: " if numbers else ""
    return f"it stops {place or 'with '}{message}{explain_undefined_name(message, [ast.parse(found.text)])}"


class _Translator(OldCallReplacer):
    """Replaces old names in the tree of a script, and then the text of the expressions that have changed.

    An expression of the script has its place in the text as ``source``, and a new one as ``replaces``.
    """

    def __init__(self, source, filename, is_python2):
        self.bytes, self.is_python2, self.tree = source.encode(), is_python2, python2.parse_python3(source, filename)
        super().__init__(NameResolver(self.tree))
        self.starts = [0, *accumulate(len(line) + 1 for line in self.bytes.split(b"\n"))]
        for node in ast.walk(self.tree):
            if hasattr(node, "lineno"):
                first, last = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
                node.source = first + node.col_offset, last + node.end_col_offset
        self.count, self.edits = 0, []

    def translate(self):
        self.visit(self.tree)
        self.edits += self.find_edits(self.tree)
        for line, what in dict.fromkeys(self.problems):
            start = self.starts[line - 1]
            self.edits.append((start, start, f"{self.get_indent(start)}# not translated: {what}\n"))
        self.replace_imports()
        text, start = "", 0
        for first, last, new in sorted(self.edits, key=lambda edit: edit[:2]):
            text, start = text + self.get_text(start, first) + new, last
        return text + self.get_text(start, len(self.bytes))

    def get_text(self, start, end):
        return self.bytes[start:end].decode()

    def get_indent(self, start):
        return re.match(rb"[ \t]*", self.bytes[start:])[0].decode()

    def find_edits(self, node):
        """Return the edits for the changes in a node: start, end and new text; None to rewrite the node."""
        if isinstance(node, ast.expr) and not hasattr(node, "source"):
            return None
        edits = []
        for child in ast.iter_child_nodes(node):
            inner = self.find_edits(child)
            if inner is None and isinstance(node, OPEN) and child is not getattr(node, "func", None):
                inner = self.replace_text(getattr(child, "replaces", None) or child.source, unparse(child))
            if inner is None or (inner and isinstance(node, ast.JoinedStr)):  # its parts have no places in Python 3.11
                return None
            edits += inner
        return edits

    def replace_text(self, place, new):
        """Return the edits that replace the text of an expression, and put its comments above it."""
        start = self.bytes.rfind(b"\n", 0, place[0]) + 1
        tokens = tokenize.generate_tokens(io.StringIO(f"({self.get_text(*place)})").readline)
        comments = [f"{self.get_indent(start)}{t.string}\n" for t in tokens if t.type == tokenize.COMMENT]
        return [*((start, start, comment) for comment in comments), (*place, new)]

    def visit(self, node):
        new = super().visit(node)
        if new is not node:
            self.count += 1
            new = copy.copy(new)  # which may be a part of the old node
            vars(new).pop("source", None)
            new.replaces = node.source
        return new

    def visit_Call(self, node):
        new = super().visit_Call(node)
        if new is node and self.is_python2 and self.resolver.find_name(node.func) in ("pickle.load", "pickle.loads"):
            encoding = ast.keyword("encoding", ast.Constant("latin1"))  # for pickles of Python 2
            return ast.Call(node.func, node.args, [*node.keywords, encoding])
        return new

    def visit_BinOp(self, node):
        is_floored = self.is_python2 and isinstance(node.op, ast.Div) and self.resolver.find_kind(node) == "int"
        node = self.generic_visit(node)
        return ast.BinOp(node.left, ast.FloorDiv(), node.right) if is_floored else node

    def visit_Constant(self, node):
        is_metric = node.value in ("acc", "val_acc") and self.resolver.uses_old_libraries
        return ast.Constant(f"{node.value}uracy") if is_metric else node

    def visit_List(self, node):
        elements = [new for e in node.elts for new in (self.take_input(e), self.visit(e)) if new]
        if len(elements) > len(node.elts):
            return ast.List(elements)
        node.elts = elements
        return node

    def visit_Expr(self, node):
        match node.value:
            case ast.Call(func=ast.Attribute(attr="add") as function, args=[layer]) if found := self.take_input(layer):
                start, indent = node.source[0], self.get_indent(self.starts[node.lineno - 1])
                is_first = node.col_offset == len(indent)
                new = f"{self.get_text(*function.source)}({unparse(found)})" + (f"\n{indent}" if is_first else "; ")
                self.edits.append((start, start, new))
        return self.generic_visit(node)

    def take_input(self, node):
        """Remove the arguments that describe the input of a model from a layer; return the layer for them."""
        name = self.resolver.find_name(node.func) if isinstance(node, ast.Call) else ""
        for entry in self.resolver.table["KerasInput.shape"] if name.startswith("keras.") else ():
            given = {k.arg: k for k in node.keywords if k.arg in entry.signature.parameters}
            if len(given) == len(entry.parameters) and not name.endswith(".Embedding"):
                node.keywords = [k for k in node.keywords if k.arg not in given]
                return entry.fill({name: self.visit(k.value) for name, k in given.items()})
        return None

    def replace_imports(self):
        """Replace imports of old libraries by that of pellucid, and keep those of names that are not translated."""
        body, first = self.tree.body, None
        names = [n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and is_old(self.resolver.find_name(n))]
        kept = {n.id if n.id in self.resolver.aliases else "*" for n in names}
        for node in (n for n in ast.walk(self.tree) if isinstance(n, ast.Import | ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            entries = [self.resolver.table.get(f"{module}.{a.name}") for a in node.names]
            lost = [a for a in node.names if is_old(module or a.name) and not getattr(node, "level", 0)]
            if all(e and e[0].code.startswith(MOVED) for e in entries):
                self.edits.append((*node.source, self.get_text(*node.source).replace(module, MOVED, 1)))
            elif lost:
                first = first or node
                node.names = [a for a in node.names if a not in lost or (a.asname or a.name.partition(".")[0]) in kept]
                line = self.starts[node.lineno - 1], self.starts[node.end_lineno]
                if not node.names and node in body and self.get_text(*line).strip() == self.get_text(*node.source):
                    self.edits.append((*line, ""))
                else:
                    self.edits.append((*node.source, unparse(node) if node.names else "pass"))
        if first is not None:
            is_head = [isinstance(n, ast.Expr) or getattr(n, "module", "") == "__future__" for n in body]
            start = self.starts[(first if first in body else body[is_head.index(False)]).lineno - 1]
            tops = {name.partition(".")[0] for name in self.resolver.aliases.values()}
            sets_floatx = re.search(rb"config\.floatX *=[^=]", self.bytes)
            is_float64 = "theano" in tops and "keras" not in tops and not sets_floatx
            self.edits.append((start, start, IMPORT + FLOAT64 * is_float64))
