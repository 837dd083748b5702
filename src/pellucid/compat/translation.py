"""Translation of an old script to today's pellucid: known calls are replaced in the text, everything else stays."""

import ast
import re
from typing import NamedTuple

from pellucid.compat import python2
from pellucid.compat.old_calls import Filler, NameResolver, is_old, parse_expression, unparse
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS, FOREIGN_VALUES

IMPORT = "import pellucid as pel\n"
FLOAT64 = 'pel.config.floatx = "float64"  # the default of Theano\n'
MOVED = "sklearn.model_selection"

VALUES = {
    "on_unused_input": {"warn": '"ignore"'},
    "mode": {"FAST_RUN": '"auto"', "FAST_COMPILE": '"numpy"', "NanGuardMode": '"guard"', "DebugMode": '"guard"'},
    "dtype": {"float": '"float32"', "double": '"float64"', "floatX": "pel.config.floatx"},
    "padding": {"SAME": '"same"', "VALID": '"valid"'},
    "optimizer": {"adadelta": "pel.optimizers.Adadelta(1.0)", "adagrad": "pel.optimizers.Adagrad(0.01)"},
    "init": {name: f'"{ours}"' for name, (ours, _) in FOREIGN_VALUES["initializer"].items()},
}
"""Today's code for strings, by the parameter in the tables that takes them."""

INPUTS = {
    ("input_shape",): "pel.nn.Input(input_shape)",
    ("batch_input_shape",): "pel.nn.Input(batch_input_shape[1:])",
    ("input_length", "input_dim"): "pel.nn.Input((input_length, input_dim))",
    ("input_dim",): "pel.nn.Input((input_dim,))",
}
"""Arguments of Keras 1's layers that describe the input of a model, and the layer that does so today."""


class Translation(NamedTuple):
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
    problems: list[tuple[int, str]]
    count: int


def translate(source, filename, *, is_python2):
    """Translate a script; Python 2 is converted to Python 3 first."""
    text, lines = python2.convert(source, filename, names=True) if is_python2 else (source, [])
    translator = _Translator(text, filename, is_python2)
    new = translator.translate()
    ast.parse(new)  # a translation that is no Python is an error here
    problems = [(lines[min(n, len(lines) - 1)] if lines else n, what) for n, what in translator.problems]
    return Translation(new, problems, translator.count)


class _Translator(ast.NodeTransformer):
    """Replaces expressions in the tree of a script, and then their text.

    A node of the script has its place in the text as ``source``, and a new one that of the node which it replaces as
    ``replaces``. New nodes have nodes of the script inside, whose text stays.
    """

    def __init__(self, source, filename, is_python2):
        self.bytes, self.is_python2 = source.encode(), is_python2
        self.starts = [0]
        for line in self.bytes.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.tree = python2.parse_python3(source, filename)
        self.resolver = NameResolver(self.tree)
        for node in ast.walk(self.tree):
            if hasattr(node, "lineno"):
                first, last = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
                node.source = first + node.col_offset, last + node.end_col_offset
        self.problems, self.count, self.edits, self.kept, self.before = [], 0, [], set(), {}

    def translate(self):
        self.visit(self.tree)
        self.edits += self.find_edits(self.tree)
        for line, what in dict.fromkeys(self.problems):
            start = self.starts[line - 1]
            self.edits.append((start, start, f"{self.get_indent(start)}# not translated: {what}\n"))
        self.replace_imports()
        return self.splice((0, len(self.bytes)), self.edits)

    def get_text(self, start, end):
        return self.bytes[start:end].decode()

    def get_indent(self, start):
        return re.match(r"[ \t]*", self.get_text(start, len(self.bytes)))[0]

    def splice(self, place, edits):
        """Return the text of a place with edits: start, end and new text."""
        start, end = place
        parts = []
        for first, last, new in sorted(edits, key=lambda edit: edit[:2]):
            parts += [self.get_text(start, first), new]
            start = last
        return "".join([*parts, self.get_text(start, end)])

    def find_edits(self, parent):
        """Return the edits of the new nodes inside a node of the script."""
        edits = []
        for node in ast.iter_child_nodes(parent):
            if not hasattr(node, "replaces"):
                edits += self.find_edits(node)
                continue
            first, last = node.replaces
            context = "", ""
            if isinstance(parent, ast.expr):
                context = f"({self.get_text(parent.source[0], first)}", f"{self.get_text(last, parent.source[1])})"
            edits.append((first, last, self.before.get(id(node), "") + parenthesize(self.write(node), *context)))
        return edits

    def write(self, node):
        """Return the text of a node of the script with its edits, or the code of a new node around such texts."""
        if hasattr(node, "source"):
            return self.splice(node.source, self.find_edits(node))
        holes = _HoleMaker()
        text = unparse(holes.visit(node))
        while hole := re.search(r"__hole(\d+)__", text):
            before, after = text[: hole.start()], text[hole.end() :]
            text = before + parenthesize(self.write(holes.nodes[int(hole[1])]), before, after) + after
        return text

    def visit(self, node):
        if isinstance(node, ast.stmt):
            self.statement = node
        new = super().visit(node)
        if new is not node:
            self.count += 1
            new = ast.Expression(new) if hasattr(new, "source") else new
            new.replaces = node.source
        return new

    def fail(self, node, what):
        """Note that something is not translated, and keep the imports of its names."""
        self.problems.append((self.statement.lineno, what.rstrip(".")))
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        self.kept.update(name if name in self.resolver.aliases else "*" for name in names)

    def explain(self, node, entries):
        """Return why a name is not translated, with advice where there is some."""
        name = self.resolver.find_name(node) or f"{entries[0].receiver}.{node.attr}"
        advice = next((e.note for e in entries if e.note), "")
        if entries and entries[0].code:
            return f"{name} with these arguments. {advice or f'Known: {entries[0].describe({})}'}"
        return f"{name}. {advice or FOREIGN_FUNCTIONS.get(name.rpartition('.')[2], '')}".rstrip(". ")

    def visit_Call(self, node):
        entries, name = self.resolver.find_entries(node.func), self.resolver.find_name(node.func)
        for entry in entries:
            bound = self.resolver.bind(entry, node, getattr(node.func, "value", None)) if entry.code else None
            if bound is not None:
                return entry.fill({name: self.translate_argument(name, value) for name, value in bound.items()})
        if self.is_python2 and name in ("pickle.load", "pickle.loads"):
            encoding = ast.keyword("encoding", ast.Constant("latin1"))  # for pickles of Python 2
            return ast.Call(node.func, [*map(self.visit, node.args)], [*map(self.visit, node.keywords), encoding])
        if any(e.signature for e in entries):
            self.fail(node.func, self.explain(node.func, entries))
            for part in ast.walk(node.func) if name else [node.func]:
                part.stays = True
        return self.generic_visit(node)

    def translate_argument(self, name, node):
        if isinstance(node, list):
            return [*map(self.visit, node)]
        today = VALUES.get(name, {}).get(getattr(node, "value", None))
        return parse_expression(today) if today else self.visit(node)

    def visit_Name(self, node):
        entries, name = self.resolver.find_entries(node), self.resolver.find_name(node)
        if hasattr(node, "stays") or not (name or entries):
            if isinstance(node, ast.Attribute) and ast.unparse(node).endswith(
                ".dtype.startswith"
            ):  # a string in Theano
                return Filler({"x": self.visit(node.value)}).visit(parse_expression("x.name.startswith"))
            return self.generic_visit(node)
        for entry in entries:
            if entry.code and (name or entry.signature is None) and not entry.code.startswith(MOVED):
                new = entry.fill({entry.receiver: self.visit(node.value)}) if entry.receiver else as_value(entry)
                if new:
                    return new
        if is_old(name):
            self.fail(node, self.explain(node, entries))
        return node if name else self.generic_visit(node)

    visit_Attribute = visit_Name

    def visit_BinOp(self, node):
        is_integer = {self.resolver.find_kind(node.left), self.resolver.find_kind(node.right)} == {"int"}
        node = self.generic_visit(node)
        is_floored = self.is_python2 and isinstance(node.op, ast.Div) and is_integer
        return ast.BinOp(node.left, ast.FloorDiv(), node.right) if is_floored else node

    def visit_Subscript(self, node):
        node = self.generic_visit(node)
        if getattr(node.slice, "value", None) in ("acc", "val_acc") and getattr(node.value, "attr", "") == "history":
            key = ast.Constant(f"{node.slice.value}uracy")
            key.replaces, node.slice = node.slice.source, key
        return node

    def visit_JoinedStr(self, node):
        if any(is_old(self.resolver.find_name(part)) for part in ast.walk(node)):
            self.fail(node, "old names in an f-string")
        return node

    def visit_List(self, node):
        inputs = [*map(self.take_input, node.elts)]
        node = self.generic_visit(node)
        self.before.update((id(e), f"{text}, ") for e, text in zip(node.elts, inputs, strict=True) if text)
        return node

    def visit_Expr(self, node):
        match node.value:
            case ast.Call(func=ast.Attribute(attr="add") as function, args=[layer]) if text := self.take_input(layer):
                start = node.source[0]
                line = self.starts[node.lineno - 1]
                indent = self.get_indent(line)
                end = f"\n{indent}" if self.get_text(line, start) == indent else "; "
                self.edits.append((start, start, f"{self.get_text(*function.source)}({text}){end}"))
        return self.generic_visit(node)

    def take_input(self, node):
        """Remove the arguments that describe the input of a model from a layer; return the code of the layer for them."""
        name = self.resolver.find_name(node.func) if isinstance(node, ast.Call) else ""
        for names, code in INPUTS.items() if name.startswith("keras.") and not name.endswith(".Embedding") else ():
            given = {k.arg: self.visit(k.value) for k in node.keywords if k.arg in names}
            if len(given) == len(names):
                node.keywords = [k for k in node.keywords if k.arg not in names]
                return self.write(Filler(given).visit(parse_expression(code)))
        return ""

    def visit_Import(self, node):
        return node

    visit_ImportFrom = visit_Import

    def replace_imports(self):
        """Replace imports of old libraries by that of pellucid, and keep those of names that are not translated."""
        body, first = self.tree.body, None
        for node in (n for n in ast.walk(self.tree) if isinstance(n, ast.Import | ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            old = [a for a in node.names if is_old(module or a.name) and not getattr(node, "level", 0)]
            entries = [self.resolver.table.get(f"{module}.{a.name}") for a in node.names]
            if all(e and e[0].code.startswith(MOVED) for e in entries):
                self.edits.append((*node.source, self.get_text(*node.source).replace(module, MOVED, 1)))
            elif old:
                first = first or node
                lost = [a for a in old if (a.asname or a.name.partition(".")[0]) not in self.kept]
                node.names = [a for a in node.names if a not in lost]
                line = self.starts[node.lineno - 1], self.starts[node.end_lineno]
                if not node.names and node in body and self.get_text(*line).strip() == self.get_text(*node.source):
                    self.edits.append((*line, ""))
                else:
                    self.edits.append((*node.source, unparse(node) if node.names else "pass"))
        if first is not None:
            is_head = [isinstance(n, ast.Expr) or getattr(n, "module", "") == "__future__" for n in body]
            start = self.starts[(first if first in body else body[is_head.index(False)]).lineno - 1]
            tops = {name.partition(".")[0] for name in self.resolver.aliases.values()}
            has_float64 = (
                "theano" in tops and "keras" not in tops and not re.search(rb"config\.floatX *=[^=]", self.bytes)
            )
            self.edits.append((start, start, IMPORT + FLOAT64 * has_float64))


class _HoleMaker(ast.NodeTransformer):
    """Puts names in the place of the nodes of a script."""

    def __init__(self):
        self.nodes = []

    def visit(self, node):
        if not hasattr(node, "source"):
            return self.generic_visit(node)
        self.nodes.append(node)
        return ast.Name(f"__hole{len(self.nodes) - 1}__")


def parenthesize(text, before, after):
    """Return an expression's text, in parentheses if it would be read otherwise between two texts."""
    plain, safe = (dump_expression(f"{before}{t}{after}") for t in (text, f"({text})"))
    return f"({text})" if safe and plain != safe else text


def dump_expression(text):
    try:
        return ast.dump(parse_expression(text))
    except SyntaxError:
        return ""


def as_value(entry):
    """Return today's code for an old constant, or for a function that is not called; None if its arguments differ."""
    body = parse_expression(entry.code)
    if entry.signature is None:
        return body
    required = [p.name for p in entry.signature.parameters.values() if p.default is p.empty]
    is_same = isinstance(body, ast.Call) and [getattr(a, "id", "") for a in body.args][: len(required)] == required
    return body.func if is_same else None
