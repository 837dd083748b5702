"""Old calls and their replacements: the tables in ``replacements``, and the names and kinds of objects in a script.

The tables are used by the warnings of ``pellucid legacy``, by its ``--translate``, and by tests that evaluate every
replacement. `replacements/theano.txt` explains their form.
"""

from __future__ import annotations  # for signatures: annotations are texts

import ast
import functools
import re
from importlib import resources
from inspect import Signature, signature
from itertools import zip_longest
from typing import NamedTuple

from pellucid.compat.missing_names import is_old
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS, FOREIGN_VALUES
from pellucid.graph.source_location import format_filename

ENTRY = re.compile(r"([\w. ]+)(\(.*?\))? -> ?(.*?)(?: ?# (.*))?")

AMBIGUOUS = """flatten copy norm nonzero sum normal uniform binomial fit predict evaluate compile add save run eval
output_shape input_shape get_config predict_proba"""
COMMON_METHODS = {*dir(list), *dir(dict), *dir(str), *dir(set), *dir(complex), *AMBIGUOUS.split()}
"""Methods of which the name alone does not say that they belong to an old library."""


class Replacement(NamedTuple):
    """An entry of the tables: an old call, and its replacement."""

    name: str  # such as theano.tensor.dot or, of a method, Variable.dimshuffle
    receiver: str  # the name of a method's object in the replacement
    signature: Signature | None  # None for an attribute. Annotations are texts and defaults nodes; ... may be missing
    code: str  # today's, in terms of the parameters; may be empty
    note: str
    result: str  # kind of the result, such as Variable

    @property
    def parameters(self):
        return [*self.signature.parameters.values()] if self.signature else []

    def find_value(self):
        """Return today's code for an attribute, or for a function that is not called if it takes the same arguments."""
        if not self.code or not self.signature:
            return parse_expression(self.code) if self.code else None
        body, required = self.fill(self.find_defaults()), [p.name for p in self.parameters if p.default is p.empty]
        is_same = isinstance(body, ast.Call) and [getattr(a, "id", "") for a in body.args] == required
        return body.func if is_same and not body.keywords else None

    def find_defaults(self):
        """Return the nodes of parameters that may not be left out, such as ``x`` for ``x`` and 0.9 for ``rho=0.9``."""
        values = {p.name: ast.Name(p.name) if p.default is p.empty else p.default for p in self.parameters}
        return {name: replace_value(name, value) for name, value in values.items() if value is not ...}

    def describe(self, given=()):
        """Return the message for a call with some optional parameters, such as ``dot(x, y) is x @ y today``."""
        title = f"{self.receiver}.{self.name.rpartition('.')[2]}" if self.receiver else self.name
        if not self.code:
            return f"{title}: {self.note}"
        shown = [p for p in self.parameters if p.default is p.empty or p.name in given]
        today = unparse(self.fill(self.find_defaults() | {p.name: ast.Name(p.name) for p in shown}))
        if self.signature:
            title = f"{title}({', '.join(map(format_parameter, shown))})"
        return f"{title} is {today} today{'. ' * bool(self.note)}{self.note}" if title != today else ""

    def fill(self, bound):
        """Return today's code with nodes for its parameters; optional arguments without one are left out."""
        return Filler(bound, {p.name for p in self.parameters} - {*bound}).visit(parse_expression(self.code))


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


@functools.cache
def parse_signature(text):
    names = {}
    exec(f"def function{text}: ...", names)
    found = signature(names["function"]).parameters.values()
    return Signature([p if p.default in (p.empty, ...) else p.replace(default=ast.Constant(p.default)) for p in found])


def format_parameter(parameter):
    """Return a parameter as a message shows it; one that must be a constant is shown as that."""
    if parameter.annotation is parameter.empty or parameter.annotation.isidentifier():
        return str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    return parameter.annotation


@functools.cache
def read_replacements():
    """Return the entries of all tables by name."""
    found = {}
    for file in sorted(resources.files("pellucid.compat").joinpath("replacements").iterdir(), key=str):
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("["):
                modules, _, result = line.strip("[]").partition(" -> ")
            elif entry := ENTRY.fullmatch(line):
                names, parameters, code, note = entry.groups("")
                for module, name in ((m, n) for m in modules.split() for n in names.split()):
                    receiver, _, last = name.rpartition(".") if module[0].isupper() else ("", "", name)
                    today = re.sub(r"\bNAME\b", last.rpartition(".")[2].removeprefix("reduce_"), code)
                    parsed = parse_signature(parameters) if parameters else None
                    new = Replacement(f"{module}.{last}", receiver, parsed, today, note, result)
                    found.setdefault(new.name, []).append(new)
    return found


def replace_value(name, node):
    """Return the node of an argument, or of what its text means today: ``"normal"`` of ``init`` is "random_normal"."""
    value = getattr(node, "value", None)
    if entries := read_replacements().get(f"value.{name}.{value}"):
        return parse_expression(entries[0].code)
    known = FOREIGN_VALUES["initializer"] if name in ("init", "inner_init") else {}
    return ast.Constant(known[value][0]) if value in known else node


class NameResolver:
    """Full names of imported objects, and kinds of the values of variables, as far as a module's text shows them."""

    def __init__(self, tree):
        self.table, self.aliases, self.star_modules, self.kinds, self.shadowed = read_replacements(), {}, [], {}, set()
        nodes = [*ast.walk(tree)]
        for node in nodes:
            if isinstance(node, ast.Import):
                tops = [(a, a.name.partition(".")[0]) for a in node.names]
                self.aliases.update((a.asname or top, a.name if a.asname else top) for a, top in tops)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                self.aliases.update((a.asname or a.name, f"{node.module}.{a.name}") for a in node.names)
                self.star_modules += [node.module for a in node.names if a.name == "*"]
            elif isinstance(node, ast.FunctionDef | ast.Lambda):
                own = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
                self.shadowed.update(id(n) for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in own)
        self.uses_old_libraries = any(map(is_old, self.aliases.values()))
        methods = [name.split(".") for name in reversed(self.table) if name[0].isupper() and self.uses_old_libraries]
        self.methods = {method: kind for kind, method in methods if method not in COMMON_METHODS}
        for _ in range(3):  # a value that a line assigns may depend on later lines
            self.previous, self.kinds = self.kinds, {}
            for node in nodes:
                self.read_kinds(node)

    def read_kinds(self, node):
        pairs = ()
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                pairs = zip(targets, values, strict=False)
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.AugAssign(target=target, op=operator, value=value):
                pairs = [(target, ast.BinOp(target, operator, value))]
            case ast.For(target=target, iter=count):
                pairs = [(target, ast.Constant(0) if re.match(r"(list\()?x?range\(", ast.unparse(count)) else None)]
            case ast.withitem(context_expr=value, optional_vars=target) if target:
                pairs = [(target, value)]
            case ast.arguments(args=arguments, defaults=defaults):
                pairs = zip_longest([ast.Name(a.arg) for a in reversed(arguments)], reversed(defaults))
        for target, value in pairs:
            self.kinds.setdefault(ast.unparse(target), set()).add(self.find_kind(value))

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
            name = f"{self.find_kind(node.value) or self.methods.get(node.attr)}.{node.attr}"
        return self.table.get(name, [])

    def find_kind(self, node):
        """Return the kind of a value, such as ``Variable``, ``KerasModel`` or ``int``; empty if unknown."""
        match node:
            case ast.Constant(value=value):
                return "int" if type(value) is int else ""
            case ast.Call(func=ast.Name(id="len" | "int")) | ast.Subscript(value=ast.Attribute(attr="shape")):
                return "int"
            case ast.Call(func=function):
                return next((entry.result for entry in self.find_entries(function)), "")
            case ast.BinOp(left=left, right=right):
                kinds = {self.find_kind(left), self.find_kind(right)}
                return "int" if kinds == {"int"} else "Variable" if kinds & {"Variable", "SharedVariable"} else ""
            case ast.Attribute(attr="dtype"):
                return "Dtype"
            case ast.Tuple(elts=[_, _]):
                return "Pair"
            case ast.Name() | ast.Attribute():
                kinds = self.kinds.get(ast.unparse(node)) or self.previous.get(ast.unparse(node), set())
                sure = kinds - {"", "int"}
                return sure.pop() if len(sure) == 1 else "int" if kinds == {"int"} else ""
        return ""

    def bind(self, entry, call, receiver=None):
        """Return the arguments of a call by the parameters of an entry, or None if they do not fit."""
        keywords = {k.arg: k.value for k in call.keywords}
        if not entry.signature or None in keywords or any(isinstance(a, ast.Starred) for a in call.args):
            return None
        try:
            bound = entry.signature.bind(*call.args, **keywords).arguments
        except TypeError:
            return None
        found = {entry.receiver: receiver} if entry.receiver else {}
        for p in entry.parameters:
            value = bound.get(p.name, () if p.kind == p.VAR_POSITIONAL else p.default)
            if p.annotation == "x[i]" and isinstance(value, ast.Subscript):
                found.update(x=value.value, i=value.slice)
            elif p.name in bound and not self.fits(value, p.annotation):
                return None
            elif value is not ...:
                found[p.name] = list(value) if isinstance(value, tuple) else value
        return found

    def fits(self, value, wanted):
        """Tell whether a node, or each of several, is of a kind, or the code, that a parameter wants."""
        nodes = value if isinstance(value, tuple) else (value,)
        return wanted is Signature.empty or all(wanted in (self.find_kind(n), ast.unparse(n)) for n in nodes)


class OldCallReplacer(ast.NodeTransformer):
    """Replaces old names in a tree by nodes of today's code, lists their uses and those that it cannot replace.

    Attributes
    ----------
    uses : list of (int, int, str, str)
        Line and column of each use, its message, and today's code.
    problems : list of (int, str)
        Line of each statement that is not replaced as a whole, and the reason.
    """

    def __init__(self, resolver):
        self.resolver, self.uses, self.problems = resolver, [], []

    def visit(self, node):
        if isinstance(node, ast.stmt):
            self.statement = node
        return super().visit(node)

    def add_use(self, node, text, code):
        self.uses.append((node.lineno, node.end_col_offset, text, code))

    def fail(self, node, entries):
        """Note that a name is not replaced, with advice where there is some."""
        name = self.resolver.find_name(node) or f"{entries[0].receiver}.{node.attr}"
        advice = next((e.note for e in entries if e.note), "") or FOREIGN_FUNCTIONS.get(name.rpartition(".")[2], "")
        code = entries[0].code if entries else ""
        shown = entries[0].describe() if entries else f"{name}: {advice}" * bool(advice)
        self.add_use(node, shown, code)
        reason = f"{name} with these arguments. {entries[0].note or f'Known: {shown}'}" if code else f"{name}. {advice}"
        self.problems.append((self.statement.lineno, reason.rstrip(". ")))

    def visit_Call(self, node):
        entries = self.resolver.find_entries(node.func)
        for entry in entries:
            bound = self.resolver.bind(entry, node, getattr(node.func, "value", None)) if entry.code else None
            if bound is not None:
                given = {k.arg for k in node.keywords} | {p.name for p in entry.parameters[: len(node.args)]}
                self.add_use(node.func, entry.describe(given), entry.code)
                return entry.fill({name: self.replace_argument(name, value) for name, value in bound.items()})
        if any(e.signature for e in entries):
            self.fail(node.func, entries)
            node.func.stays = True
        return self.generic_visit(node)

    def replace_argument(self, name, node):
        if isinstance(node, list):
            return [*map(self.visit, node)]
        new = replace_value(name, node)
        return self.visit(node) if new is node else new

    def visit_Name(self, node):
        name, stays = self.resolver.find_name(node), hasattr(node, "stays")
        entries = [] if stays else self.resolver.find_entries(node)
        for entry in entries:
            new = entry.find_value() if name or not entry.signature else None
            if new:
                self.add_use(node, entry.describe(), entry.code)
                if not is_old(name or "theano"):  # a function of scikit-learn, whose import is replaced
                    return node
                return Filler({entry.receiver: self.visit(node.value)}).visit(new) if entry.receiver else new
        if is_old(name) and not stays:
            self.fail(node, entries)
        return node if name else self.generic_visit(node)

    visit_Attribute = visit_Name


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
    """Return the old calls in the units of a script, by their messages, in the order of their first lines.

    It replaces them in the trees.
    """
    modules, found = {}, {}
    for unit in units:  # the cells of a notebook share their names
        modules.setdefault(unit.filename.partition(", cell ")[0], []).extend(unit.tree.body)
    resolvers = {name: NameResolver(ast.Module(body)) for name, body in modules.items()}
    for unit in units:
        replacer = OldCallReplacer(resolvers[unit.filename.partition(", cell ")[0]])
        replacer.visit(unit.tree)
        for line, _, text, code in sorted(replacer.uses):
            if text:
                found.setdefault(text, OldCall(text, code, [])).places.append((unit.filename, line))
    return [*found.values()]
