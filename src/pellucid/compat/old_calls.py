"""Old calls and their replacements: the tables in ``replacements``, and the calls that a script makes.

The tables are used by the warnings of ``pellucid legacy``, by its ``--translate``, and by tests that evaluate every
replacement. `replacements/theano.txt` explains their form.
"""

import ast
import functools
import re
from importlib import resources
from inspect import Parameter, Signature
from itertools import zip_longest
from typing import NamedTuple

from pellucid.compat.missing_names import LIBRARIES
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS
from pellucid.graph.source_location import format_filename

OLD_PACKAGES = {*LIBRARIES, "lasagne"} - {"sklearn"}
ENTRY = re.compile(r"([\w. ]+)(\(.*?\))? -> ?(.*?)(?: ?# (.*))?")
SYMBOLIC = {"Variable", "SharedVariable", "Integers"}
"""Kinds of Theano's expressions, on which operators and methods give expressions."""

AMBIGUOUS = """flatten copy norm nonzero sum normal uniform binomial fit predict evaluate compile add save run eval
output_shape input_shape get_config predict_proba"""
COMMON_METHODS = {*dir(list), *dir(dict), *dir(str), *dir(set), *dir(complex), *AMBIGUOUS.split()}
"""Methods of which the name alone does not say that they belong to an old library."""


class Replacement(NamedTuple):
    """An entry of the tables: an old call, and its replacement."""

    name: str  # such as theano.tensor.dot or, of a method, Variable.dimshuffle
    receiver: str  # the name of a method's object in the replacement
    signature: Signature | None  # with nodes as defaults and annotations; None for an attribute
    code: str  # today's, in terms of the parameters; may be empty
    note: str
    result: str  # kind of the result, such as Variable

    def describe(self, bound):
        """Return the message for a call with these arguments, such as ``dot(x, y) is x @ y today``."""
        title = f"{self.receiver}.{self.name.rpartition('.')[2]}" if self.receiver else self.name
        if not self.code:
            return f"{title}: {self.note}"
        parameters = self.signature.parameters.values() if self.signature else ()
        given = [p for p in parameters if p.default is p.empty or bound.get(p.name, p.default) is not p.default]
        nodes = {p.name: ast.Name(p.name) for p in given}
        nodes.update((p.name, [ast.Starred(ast.Name(p.name))]) for p in given if p.kind == p.VAR_POSITIONAL)
        defaults = {p.name: p.default for p in parameters if p not in given and not is_ellipsis(p.default)}
        if self.signature is not None:
            title = f"{title}({', '.join(map(format_parameter, given))})"
        today = unparse(self.fill(defaults | nodes))
        return f"{title} is {today} today{'. ' * bool(self.note)}{self.note}" if title != today else ""

    def fill(self, bound):
        """Return today's code with nodes for its parameters; optional arguments without one are left out."""
        missing = {*self.signature.parameters} - {*bound} if self.signature else ()
        return Filler(bound, missing).visit(parse_expression(self.code))


class Filler(ast.NodeTransformer):
    """Puts nodes in the place of names, and removes arguments whose name is missing."""

    def __init__(self, bound, missing=()):
        self.bound, self.missing = bound, missing

    def visit_Call(self, node):
        node.args = [a for a in node.args if getattr(a, "id", "") not in self.missing]
        node.keywords = [k for k in node.keywords if getattr(k.value, "id", "") not in self.missing]
        return self.generic_visit(node)

    def visit_Name(self, node):
        return self.bound.get(node.id, node)

    def visit_Starred(self, node):
        value = self.visit(node.value)
        return value if isinstance(value, list) else node


def parse_expression(code):
    return ast.parse(code, mode="eval").body


def unparse(node):
    return re.sub(r"'([\w ]*)'", r'"\1"', ast.unparse(node))


def format_parameter(parameter):
    """Return a parameter as a message shows it; one that must be a constant is shown as that."""
    if isinstance(parameter.annotation, ast.Constant | ast.Subscript):
        return ast.unparse(parameter.annotation)
    return "*" * (parameter.kind == parameter.VAR_POSITIONAL) + parameter.name


def is_ellipsis(node):
    return isinstance(node, ast.Constant) and node.value is ...


@functools.cache
def parse_signature(text):
    arguments = ast.parse(f"def f{text}: ...").body[0].args
    defaults = [Parameter.empty] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
    found = [
        Parameter(a.arg, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=a.annotation)
        for a, default in zip(arguments.args, defaults, strict=True)
    ]
    if rest := arguments.vararg:
        found.append(Parameter(rest.arg, Parameter.VAR_POSITIONAL, annotation=rest.annotation))
    return Signature(found)


@functools.cache
def read_replacements():
    """Return the entries of all tables by name."""
    found = {}
    for file in sorted(resources.files("pellucid.compat").joinpath("replacements").iterdir(), key=str):
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("["):
                modules, _, result = line.strip("[]").partition(" -> ")
            elif entry := ENTRY.fullmatch(line):
                names, signature, code, note = entry.groups("")
                for module, name in ((m, n) for m in modules.split() for n in names.split()):
                    receiver, _, last = name.rpartition(".") if module[0].isupper() else ("", "", name)
                    today = re.sub(r"\bNAME\b", last.rpartition(".")[2].removeprefix("reduce_"), code)
                    parsed = parse_signature(signature) if signature else None
                    new = Replacement(f"{module}.{last}", receiver, parsed, today, note, result)
                    found.setdefault(new.name, []).append(new)
    return found


class NameResolver(ast.NodeVisitor):
    """Full names of imported objects, and kinds of the values of variables, as far as a module's text shows them."""

    def __init__(self, tree):
        self.table, self.aliases, self.star_modules, self.kinds, self.shadowed = read_replacements(), {}, [], {}, set()
        self.methods = {n.partition(".")[2]: n.partition(".")[0] for n in reversed(self.table) if n[0].isupper()}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                tops = [(a.name.partition(".")[0], a) for a in node.names]
                self.aliases.update((a.asname or top, a.name if a.asname else top) for top, a in tops)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                self.aliases.update((a.asname or a.name, f"{node.module}.{a.name}") for a in node.names)
                self.star_modules += [node.module for a in node.names if a.name == "*"]
            elif isinstance(node, ast.FunctionDef | ast.Lambda):
                own = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
                self.shadowed.update(id(n) for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in own)
        self.uses_old_libraries = any(map(is_old, self.aliases.values()))
        for _ in range(2):  # a function may use what later lines assign
            self.previous, self.kinds = self.kinds, {}
            self.visit(tree)

    def add_kind(self, target, value):
        if isinstance(target, ast.Tuple):
            for part, own in zip_longest(target.elts, value.elts if isinstance(value, ast.Tuple) else ()):
                self.add_kind(part, own)
        elif target is not None:
            self.kinds.setdefault(ast.unparse(target), set()).add(self.find_kind(value))

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            self.add_kind(target, node.value)

    def visit_AugAssign(self, node):
        self.add_kind(node.target, ast.BinOp(node.target, node.op, node.value))

    def visit_For(self, node):
        counts = re.match(r"(list\()?x?range\(", ast.unparse(node.iter))
        self.add_kind(node.target, ast.Constant(0) if counts else None)
        self.generic_visit(node)

    def visit_withitem(self, node):
        self.add_kind(node.optional_vars, node.context_expr)

    def visit_arguments(self, node):
        for argument, default in zip_longest(reversed(node.args), reversed(node.defaults)):
            self.add_kind(ast.Name(argument.arg), default)

    def find_name(self, node):
        """Return the full name of a function or module, such as ``theano.tensor.dot``; empty if unknown."""
        name = ""
        if isinstance(node, ast.Attribute):
            parent = self.find_name(node.value)
            name = parent and f"{parent}.{node.attr}"
        elif isinstance(node, ast.Name) and id(node) not in self.shadowed:
            stars = (f"{module}.{node.id}" for module in self.star_modules)
            name = self.aliases.get(node.id) or next(filter(self.table.get, stars), "")
        return re.sub(r"^tensorflow\.((python|contrib)\.)?keras\.", "keras.", name)

    def find_entries(self, node):
        """Return the entries of a function, an attribute of a module, or a method."""
        name = self.find_name(node)
        if not name and isinstance(node, ast.Attribute):
            kind = self.find_kind(node.value)
            if not kind and self.uses_old_libraries and node.attr not in COMMON_METHODS:
                kind = self.methods.get(node.attr)
            name = f"{kind}.{node.attr}"
        return self.table.get(name, [])

    def find_kind(self, node):
        """Return the kind of a value, such as ``Variable``, ``KerasModel`` or ``int``; empty if unknown."""
        parts = []
        match node:
            case ast.Constant(value=value):
                return "int" * (type(value) is int)
            case ast.Name() | ast.Attribute() if known := self.kinds.get(ast.unparse(node)) or self.previous.get(
                ast.unparse(node)
            ):
                sure = known - {"", "int"}
                return sure.pop() if len(sure) == 1 else "int" * (known == {"int"})
            case ast.Call(func=ast.Name(id="len" | "int")) | ast.Subscript(value=ast.Attribute(attr="shape")):
                return "int"
            case ast.Call(func=function):
                if entries := self.find_entries(function):
                    return entries[0].result
                parts = [function.value] if isinstance(function, ast.Attribute) else []
            case ast.Attribute(value=part, attr="T") | ast.UnaryOp(operand=part) | ast.Subscript(value=part):
                parts = [part]
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                parts = [left, right]
        kinds = {self.find_kind(part) for part in parts}
        if not isinstance(node, ast.Call | ast.Compare) and kinds and kinds <= {"int", "Integers"}:
            return max(kinds, key=["int", "Integers"].index)
        return "Variable" if kinds & SYMBOLIC else "Tensor" if "Tensor" in kinds else ""

    def bind(self, entry, call, receiver=None):
        """Return the arguments of a call by the parameters of an entry, or None if they do not fit."""
        keywords = {k.arg: k.value for k in call.keywords}
        if entry.signature is None or None in keywords or any(isinstance(a, ast.Starred) for a in call.args):
            return None
        try:
            bound = entry.signature.bind(*call.args, **keywords)
        except TypeError:
            return None
        bound.apply_defaults()
        found = {entry.receiver: receiver} if entry.receiver else {}
        for name, value in bound.arguments.items():
            wanted = entry.signature.parameters[name].annotation
            if isinstance(wanted, ast.Subscript) and isinstance(value, ast.Subscript):  # x[i] binds both
                found.update({wanted.value.id: value.value, wanted.slice.id: value.slice})
            elif not is_ellipsis(value):
                found[name] = list(value) if isinstance(value, tuple) else value
                if wanted and not all(self.fits(v, wanted) for v in (value if isinstance(value, tuple) else [value])):
                    return None
        return found

    def fits(self, node, wanted):
        return self.find_kind(node) == wanted.id if isinstance(wanted, ast.Name) else ast.dump(node) == ast.dump(wanted)

    def describe_use(self, node, call):
        """Return the message and today's code for the use of a name, in a call or as a value; empty if it is not old."""
        entries, name = self.find_entries(node), self.find_name(node)
        advice = FOREIGN_FUNCTIONS.get(name.rpartition(".")[2])
        if not entries:
            return (f"{name}: {advice}" if call and advice and is_old(name) else ""), ""
        bound = ((e, call and self.bind(e, call, getattr(node, "value", None))) for e in entries)
        entry, arguments = next(((e, b) for e, b in bound if b is not None), (entries[0], {}))
        return entry.describe(arguments), entry.code


def is_old(name):
    return name.partition(".")[0] in OLD_PACKAGES


class OldCall(NamedTuple):
    """An old call in a script: its message, today's code, and the files and lines of its uses."""

    text: str
    code: str
    places: list[tuple[str, int]]

    def describe(self):
        filename, line = self.places[0]
        uses = f" ({len(self.places)} uses)" if len(self.places) > 1 else ""
        return f"{format_filename(filename)}:{line}: {self.text}{uses}"


def find_old_calls(units):
    """Return the old calls of a script's files, in the order of their first lines; units are file names and trees."""
    modules, uses, found = {}, [], {}
    for filename, tree in units:  # the cells of a notebook share their names
        modules.setdefault(filename.partition(", cell ")[0], []).extend(tree.body)
    resolvers = {name: NameResolver(ast.Module(body)) for name, body in modules.items()}
    for number, (filename, tree) in enumerate(units):
        nodes = [*ast.walk(tree)]
        calls = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        for node in nodes:
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
                use = resolvers[filename.partition(", cell ")[0]].describe_use(node, calls.get(id(node)))
                uses.append((number, node.lineno, node.end_col_offset, *use))
    for number, line, _, text, code in sorted(uses):
        if text:
            found.setdefault(text, OldCall(text, code, [])).places.append((units[number][0], line))
    return [*found.values()]
