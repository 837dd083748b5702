"""Translation of an old script to today's pellucid: known calls are replaced in the text, everything else stays."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from pellucid.compat import python2
from pellucid.compat.old_calls import OLD_PACKAGES, NameResolver, Replacement, fill_in
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS

IMPORT = "import pellucid as pel"
FLOAT64 = 'pel.config.floatx = "float64"  # the default of Theano'
MOVED = "It is in sklearn.model_selection"
INPUTS = ("input_shape", "input_dim", "input_length", "batch_input_shape")
"""Arguments of Keras 1's layers that describe the input of a model."""

OPEN = (ast.Assign, ast.Return, ast.keyword, ast.Expr, ast.List, ast.Tuple, ast.Dict, ast.AugAssign, ast.withitem)
"""Nodes next to whose parts any expression can stand without parentheses."""


@dataclass
class Translation:
    """A script in today's pellucid.

    Attributes
    ----------
    text : str
        The new source.
    problems : list of (int, str)
        Lines of the script that are not translated, and the reason for each.
    count : int
        Number of translated calls.
    """

    text: str
    problems: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0


def translate(source: str, filename: str, *, is_python2: bool) -> Translation:
    """Translate a script; Python 2 is converted to Python 3 first."""
    text, lines = python2.convert(source, filename, names=True) if is_python2 else (source, [])
    translator = _Translator(text, filename, is_python2)
    found = translator.translate()
    ast.parse(found.text)  # a translation that is no Python is an error here
    if lines:
        found.problems = [(lines[min(line, len(lines) - 1)], what) for line, what in found.problems]
    return found


class _Translator:
    """Collects edits: start and end of a text, as offsets in bytes, and the new text."""

    def __init__(self, source: str, filename: str, is_python2: bool) -> None:
        self.bytes = source.encode()
        self.starts = [0]
        for line in self.bytes.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.tree = python2.parse_python3(source, filename)
        self.resolver = NameResolver(self.tree)
        self.parents = {id(child): node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.found = Translation("")
        self.kept: set[str] = set()
        self.needs_numpy = False
        self.edits: list[tuple[int, int, str]] = []
        self.integers: set[str] | None = self.find_integers() if is_python2 else None

    def translate(self) -> Translation:
        for statement in self.tree.body:
            self.visit(statement)
        for line in sorted({line for line, _ in self.found.problems}):
            reasons = dict.fromkeys(what for at, what in self.found.problems if at == line)
            start = self.starts[line - 1]
            indent = self.indent(start)
            self.edits += [(start, start, f"{indent}# not translated: {reason}\n") for reason in reasons]
        self.replace_imports()
        text = self.bytes
        for start, end, new in sorted(self.edits, key=lambda edit: (edit[0], edit[1]), reverse=True):
            text = text[:start] + new.encode() + text[end:]
        self.found.text = text.decode()
        return self.found

    def range(self, node: Any) -> tuple[int, int]:
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def indent(self, start: int) -> str:
        line = self.bytes[start:].split(b"\n")[0].decode()
        return line[: len(line) - len(line.lstrip())]

    def visit(self, node: ast.AST) -> None:
        """Add the edits of a statement, or of a part of one that is no expression."""
        if isinstance(node, ast.expr):
            old, new = self.segment(*self.range(node)), self.text(node)
            if old != new:
                self.edits.append((*self.range(node), new))
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            for child in ast.iter_child_nodes(node):
                self.visit(child)

    def segment(self, start: int, end: int) -> str:
        return self.bytes[start:end].decode()

    def text(self, node: ast.AST) -> str:
        """Return the new text of an expression."""
        new = self.replacement(node)
        if new is not None:
            self.found.count += 1
            return new
        start, end = self.range(node)
        parts = []
        for child in sorted(self.children(node), key=lambda c: self.range(c)):
            first, last = self.range(child)
            parts += [self.segment(start, first), self.text(child)]
            start = last
        return "".join([*parts, self.segment(start, end)])

    def children(self, node: ast.AST) -> list[ast.AST]:
        """Return the expressions directly inside an expression."""
        found: list[ast.AST] = []
        if isinstance(node, ast.JoinedStr):
            return found
        for child in ast.iter_child_nodes(node):
            found += [child] if isinstance(child, ast.expr) else self.children(child)
        return found

    def fail(self, node: Any, what: str, root: ast.AST) -> None:
        """Note that something is not translated, and keep the import of its name."""
        statement: Any = node
        while not isinstance(statement, ast.stmt):
            statement = self.parents[id(statement)]
        self.found.problems.append((statement.lineno, what.rstrip(".")))
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            self.kept.add(root.id if root.id in self.resolver.aliases else "*")

    def replacement(self, node: ast.AST) -> str | None:
        """Return what replaces an expression, or None if it keeps its text, apart from its parts."""
        if isinstance(node, ast.Call):
            return self.replace_call(node)
        if isinstance(node, ast.Attribute | ast.Name):
            return self.replace_name(node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self.replace_batch(node, node.slice)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and self.is_integer(node):
            (_, left), (right, _) = self.range(node.left), self.range(node.right)
            return self.text(node.left) + self.segment(left, right).replace("/", "//", 1) + self.text(node.right)
        if isinstance(node, ast.JoinedStr):
            for inner in ast.walk(node):
                if self.resolver.find_name(inner).partition(".")[0] in OLD_PACKAGES:
                    self.fail(node, "old names in an f-string", inner)
        return self.replace_history_key(node)

    def replace_name(self, node: ast.Attribute | ast.Name) -> str | None:
        if isinstance(node, ast.Attribute) and node.attr == "startswith" and ast.unparse(node.value).endswith(".dtype"):
            return f"{self.text(node.value)}.name.startswith"  # Theano's dtypes were strings
        name = self.resolver.find_name(node)
        if isinstance(node, ast.Attribute) and not name:
            entries = [e for e in self.resolver.find_entries(node) if e.code and not e.signature]
            return fill_in(entries[0].code, {entries[0].receiver: self.text(node.value)}) if entries else None
        if name.partition(".")[0] not in OLD_PACKAGES or (isinstance(node, ast.Name) and "." not in name):
            return None
        entries = self.resolver.find_entries(node)
        for entry in entries:
            if entry.code and (new := self.as_value(entry)):
                return new
        if not isinstance(self.parents[id(node)], ast.Attribute) or entries:
            self.fail(node, self.reason(name, entries), node)
            return self.segment(*self.range(node))
        return None

    def replace_batch(self, node: ast.Subscript, part: ast.Slice) -> str | None:
        """Return an index of known size for the slice of a mini-batch, ``x[i * size : (i + 1) * size]``."""
        lower, upper = part.lower, part.upper
        if not (isinstance(lower, ast.BinOp) and isinstance(lower.op, ast.Mult) and upper and part.step is None):
            return None
        index, size, start = ast.unparse(lower.left), ast.unparse(lower.right), ast.unparse(lower)
        if self.resolver.find_kind(lower.left) != "Integers":
            index, size = size, index
        ends = (f"({index} + 1) * {size}", f"{size} * ({index} + 1)", f"{start} + {size}")
        loops = [n.target for n in ast.walk(self.tree) if isinstance(n, ast.For)]
        if index in map(ast.unparse, loops) or ast.unparse(upper) not in ends:
            return None
        if self.resolver.find_kind(lower) != "Integers":
            return None
        numpy = next((name for name, full in self.resolver.aliases.items() if full == "numpy"), "")
        self.needs_numpy |= not numpy
        return f"{self.text(node.value)}[{self.text(lower)} + {numpy or 'np'}.arange({size})]"

    def replace_history_key(self, node: ast.AST) -> str | None:
        """Return today's name of Keras 1's ``acc`` in the dictionary of a history."""
        parent = self.parents.get(id(node))
        if not isinstance(node, ast.Constant) or node.value not in ("acc", "val_acc"):
            return None
        is_history = isinstance(parent, ast.Subscript) and ast.unparse(parent.value).endswith(".history")
        return f'"{node.value}uracy"' if is_history else None

    def as_value(self, entry: Replacement) -> str | None:
        """Return today's code for a function that is not called, but used as a value."""
        if not entry.signature:
            return entry.code
        body = ast.parse(entry.code, mode="eval").body
        names = [p.arg if isinstance(p, ast.arg) else "" for p, default in entry.parameters if default is None]
        if isinstance(body, ast.Call) and [ast.unparse(a) for a in body.args][: len(names)] == names:
            return ast.unparse(body.func)
        return None

    def replace_call(self, call: ast.Call) -> str | None:
        if self.integers is not None and self.resolver.find_name(call.func) in ("pickle.load", "pickle.loads"):
            return f'{self.keep_call(call)[:-1]}, encoding="latin1")'  # for pickles of Python 2
        entries = self.resolver.find_entries(call.func)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if not entries:
            return None
        name = self.resolver.find_name(call.func)
        before = self.take_input(call) if name.startswith("keras.") and entries[0].result == "Layer" else ""
        for entry in entries:
            bound = self.resolver.bind(entry, call, receiver) if entry.code not in ("", "=") else None
            if bound is not None:
                return self.write_call(call, entry, bound, before)
        if entries[0].note == MOVED:
            return None
        self.fail(call, self.reason(name, entries), call.func)
        return None if receiver is not None and not name else self.keep_call(call)

    def write_call(self, call: ast.Call, entry: Replacement, bound: dict[str, Any], before: str) -> str:
        texts = {}
        for name, node in bound.items():
            if isinstance(node, list):
                texts[name] = ", ".join(map(self.text, node))
            else:
                texts[name] = self.text(node) if id(node) in self.parents else ast.unparse(node)
        new = fill_in(entry.code, texts)
        parent = self.parents[id(call)]
        if before:
            outer = self.parents.get(id(parent))
            if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and isinstance(outer, ast.Expr):
                start = self.starts[outer.lineno - 1]
                is_first = not self.segment(start, self.range(outer)[0]).strip()
                separator = f"\n{self.indent(start)}" if is_first else "; "
                return f"{before}){separator}{self.segment(*self.range(parent.func))}({new}"
            return f"{before}, {new}"
        is_open = isinstance(parent, OPEN) or (isinstance(parent, ast.Call) and call in parent.args)
        body = ast.parse(entry.code, mode="eval").body
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub) and isinstance(body, ast.BinOp):
            is_open = isinstance(body.op, ast.MatMult | ast.Mult | ast.Div)
        return new if is_open or not isinstance(body, ast.BinOp | ast.UnaryOp | ast.Compare) else f"({new})"

    def keep_call(self, call: ast.Call) -> str:
        """Return a call whose function stays, with its arguments translated."""
        start, end = self.range(call)
        parts = []
        for child in sorted([*call.args, *(k.value for k in call.keywords)], key=self.range):
            first, last = self.range(child)
            parts += [self.segment(start, first), self.text(child)]
            start = last
        return "".join([*parts, self.segment(start, end)])

    def take_input(self, call: ast.Call) -> str:
        """Remove the arguments that describe the input of a model from a layer's call; return the layer for them."""
        given = {str(k.arg): self.text(k.value) for k in call.keywords if k.arg in INPUTS}
        is_embedding = self.resolver.find_name(call.func).endswith(".Embedding")
        is_functional = isinstance(self.parents[id(call)], ast.Call) and self.parents[id(call)].func is call  # type: ignore[attr-defined]
        if is_embedding or is_functional or not given:
            return ""
        call.keywords = [k for k in call.keywords if k.arg not in INPUTS]
        if "input_shape" in given:
            shape = given["input_shape"]
        elif "batch_input_shape" in given:
            shape = f"{given['batch_input_shape']}[1:]"
        else:
            sizes = [given[name] for name in ("input_length", "input_dim") if name in given]
            shape = f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
        return f"pel.nn.Input({shape})"

    def reason(self, name: str, entries: list[Replacement]) -> str:
        """Return why something is not translated, with advice where there is some."""
        last = (name or entries[0].name).rpartition(".")[2]
        shown = name or f"{entries[0].receiver}.{last}"
        notes = [entry.note for entry in entries if entry.note]
        if entries and entries[0].code and entries[0].code != "=":
            return f"{shown} with these arguments. {notes[0] if notes else f'Known: {entries[0].describe()}'}"
        advice = notes[0] if notes else str(FOREIGN_FUNCTIONS.get(last, ""))
        return f"{shown}. {advice}" if advice else shown

    def replace_imports(self) -> None:
        """Replace imports of old libraries by that of pellucid, and keep those of names that are not translated."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in found:
            entries = [self.resolver.table.get(f"{getattr(node, 'module', '')}.{a.name}") for a in node.names]
            if all(e and e[0].note == MOVED for e in entries):
                start, end = self.range(node)
                new = self.segment(start, end).replace(str(node.module), "sklearn.model_selection", 1)  # type: ignore[union-attr]
                self.edits.append((start, end, new))
        old = sorted((n for n in found if any(self.is_old(n, a) for a in n.names)), key=lambda n: n.lineno)
        if not old:
            return
        libraries = {name.partition(".")[0] for name in self.resolver.aliases.values()}
        stores = [n for n in ast.walk(self.tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
        sets_dtype = any(self.resolver.find_name(n) == "theano.config.floatX" for n in stores)
        others = [
            s for s in self.tree.body if not (isinstance(s, ast.Expr) or getattr(s, "module", "") == "__future__")
        ]
        first = next((n for n in old if n in self.tree.body), others[0])
        lines = [
            *(["import numpy as np"] * self.needs_numpy),
            IMPORT,
            *([FLOAT64] if "theano" in libraries and "keras" not in libraries and not sets_dtype else []),
            "",
        ]
        self.edits.append((self.starts[first.lineno - 1], self.starts[first.lineno - 1], "\n".join(lines)))
        for node in old:
            names = [
                f"{a.name} as {a.asname}" if a.asname else a.name
                for a in node.names
                if not self.is_old(node, a) or (a.asname or a.name.partition(".")[0]) in self.kept
            ]
            start, end = self.range(node)
            line = self.bytes[self.starts[node.lineno - 1] : self.starts[node.end_lineno or 1] - 1].strip()
            body = getattr(self.parents[id(node)], "body", [])
            if not names and len(body) > 1 and line == self.bytes[start:end]:
                self.edits.append((self.starts[node.lineno - 1], self.starts[node.end_lineno or 1], ""))
            else:
                source = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                self.edits.append((start, end, f"{source}import {', '.join(names)}" if names else "pass"))

    def is_old(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
        module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
        return not getattr(node, "level", 0) and module.partition(".")[0] in OLD_PACKAGES

    def find_integers(self) -> set[str]:
        """Return the names to which a script assigns integers only."""
        values: dict[str, list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
                if isinstance(target, ast.Name):
                    value = node.value if isinstance(node, ast.Assign) else getattr(node, "value", None)
                    if isinstance(node, ast.For) and ast.unparse(node.iter).startswith(("range(", "list(range(")):
                        value = ast.Constant(0)
                    values.setdefault(target.id, []).append(value or ast.Constant(0.5))
            if isinstance(node, ast.arguments):
                defaults = [None] * (len(node.args) - len(node.defaults)) + list(node.defaults)
                for argument, default in zip(node.args, defaults, strict=True):
                    values.setdefault(argument.arg, []).append(default or ast.Constant(0.5))
        self.integers = set(values)
        while True:
            wrong = {name for name in self.integers if not all(map(self.is_integer, values[name]))}
            if not wrong:
                return self.integers
            self.integers -= wrong

    def is_integer(self, node: ast.AST) -> bool:
        """Tell whether an expression of Python 2 is known to be an integer."""
        if self.integers is None:
            return False
        if isinstance(node, ast.Constant):
            return type(node.value) is int
        if isinstance(node, ast.Name):
            return node.id in self.integers
        if isinstance(node, ast.BinOp):
            return self.is_integer(node.left) and self.is_integer(node.right)
        if isinstance(node, ast.Subscript):
            return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("len", "int")
