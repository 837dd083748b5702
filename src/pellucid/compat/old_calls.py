"""Old calls and their replacements: the tables in ``replacements``, and the calls that a script makes.

The tables are used by the warnings of ``pellucid legacy``, by its ``--translate``, and by tests that evaluate every
replacement. `replacements/theano.txt` explains their form.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from pellucid.compat.missing_names import LIBRARIES
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS, FOREIGN_VALUES
from pellucid.graph.source_location import format_filename

OLD_PACKAGES = {*LIBRARIES, "lasagne"} - {"sklearn"}

SAME_NAMES = {"tensorflow.python.keras": "keras", "tensorflow.keras": "keras", "tensorflow.contrib.keras": "keras"}

KINDS = {"int_": "Integers", "tensor_": "Tensor"}
"""Kinds of arguments, by the first letters of their parameters."""

VALUES: dict[str, dict[str, str]] = {
    "on_unused_input": {"warn": '"ignore"'},
    "mode": {"FAST_RUN": '"auto"', "FAST_COMPILE": '"numpy"', "NanGuardMode": '"guard"', "DebugMode": '"guard"'},
    "dtype": {"float": '"float32"', "double": '"float64"', "floatX": "pel.config.floatx"},
    "padding": {"SAME": '"same"', "VALID": '"valid"'},
    "optimizer": {"adadelta": "pel.optimizers.Adadelta(1.0)", "adagrad": "pel.optimizers.Adagrad(0.01)"},
    "initializer": {name: f'"{ours}"' for name, (ours, _) in FOREIGN_VALUES["initializer"].items()},
}
"""Today's code for strings, by the argument or the last word of the argument that takes them."""


@dataclass(frozen=True)
class Replacement:
    """An entry of the tables: an old call, and its replacement.

    Attributes
    ----------
    name : str
        Its full name, such as ``theano.tensor.dot``, or that of a method, such as ``Variable.dimshuffle``.
    signature : str
        Its parameters as the table has them, with parentheses; empty for an attribute.
    code : str
        Today's code in terms of the parameters; may be empty.
    note : str
        A remark; may be empty.
    result : str
        Kind of its result, such as ``Variable``.
    parameters : list
        The parameters: a node of a pattern, or an `ast.arg` with a default.
    """

    name: str
    signature: str
    code: str
    note: str
    result: str
    receiver: str = ""
    parameters: list[tuple[ast.AST, ast.expr | None]] = field(default_factory=list, compare=False)
    rest: str = ""

    def describe(self, given: frozenset[str] = frozenset()) -> str:
        """Return the message for a call with some optional parameters, such as ``dot(x, y) is x @ y today``."""
        last = self.name.rpartition(".")[2]
        if self.code == "=":
            return f"{self.name}: {FOREIGN_FUNCTIONS[last]}"
        name = f"{self.receiver}.{last}" if self.receiver else self.name
        if not self.code:
            return f"{name}: {self.note}"
        shown = [ast.unparse(p).partition(":")[0] for p, d in self.parameters if d is None or ast.unparse(p) in given]
        shown += [f"*{self.rest}"] * bool(self.rest)
        texts = {name: name for name in shown} | {self.receiver: self.receiver, self.rest: f"*{self.rest}"}
        for parameter, default in self.parameters:
            if isinstance(parameter, ast.arg):
                if parameter.arg not in given and default is not None and not is_ellipsis(default):
                    texts[parameter.arg] = ast.unparse(default)
            else:
                texts.update((n.id, n.id) for n in ast.walk(parameter) if isinstance(n, ast.Name))
        title = f"{name}({', '.join(shown)})" if self.signature else name
        return f"{title} is {fill_in(self.code, texts)} today{'. ' * bool(self.note)}{self.note}"


def is_ellipsis(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def is_atomic(text: str) -> bool:
    """Tell whether an expression needs no parentheses next to an operator."""
    node = ast.parse(f"({text}\n)", mode="eval").body
    atoms = (ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Dict)
    return isinstance(node, atoms) or (isinstance(node, ast.Tuple) and text.startswith("("))


def fill_in(code: str, texts: dict[str, str]) -> str:
    """Return today's code with texts for its parameters; arguments without a text are left out.

    Examples
    --------
    >>> fill_in("pel.sum(x @ y, axis=axis)", {"x": "a + b", "y": "c"})
    'pel.sum((a + b) @ c)'
    >>> fill_in("pel.transpose(x, (*axes,))", {"x": "x", "axes": "1, 0"})
    'pel.transpose(x, (1, 0))'
    """
    tree = ast.parse(code, mode="eval")
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {"pel", "str", "print", "sum", "lambda"}
    separate: set[int] = {id(tree.body)}
    starred: set[int] = set()
    joined: set[str] = set()
    keys: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.args = [a for a in node.args if not (isinstance(a, ast.Name) and a.id in names - texts.keys())]
            node.keywords = [
                k for k in node.keywords if not (isinstance(k.value, ast.Name) and k.value.id in names - texts.keys())
            ]
            node.args = [a.value if isinstance(a, ast.Starred) else a for a in node.args]
            separate.update(map(id, node.args))
            separate.update(id(k.value) for k in node.keywords)
            keys.update((id(k.value), str(k.arg)) for k in node.keywords)
        elif isinstance(node, ast.Subscript):
            separate.add(id(node.slice))
        elif isinstance(node, ast.Tuple | ast.List):
            starred.update(id(e.value) for e in node.elts if isinstance(e, ast.Starred))
            node.elts = [e.value if isinstance(e, ast.Starred) else e for e in node.elts]
            separate.update(map(id, node.elts))
    filled: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in texts:
            text = translate_value(texts[node.id], keys.get(id(node), node.id))
            joined.update([str(len(filled))] if ", " in text and id(node) in starred else [])
            filled.append(text if id(node) in separate or is_atomic(text) else f"({text})")
            node.id = f"__{len(filled) - 1}__"
    new = re.sub(r"'([\w ]*)'", r'"\1"', ast.unparse(tree))
    new = re.sub(r"__(\d+)__,\)", lambda found: f"{filled[int(found[1])]}{',' * (found[1] not in joined)})", new)
    return re.sub(r"__(\d+)__", lambda found: filled[int(found[1])], new)


def translate_value(text: str, key: str) -> str:
    """Return today's code for a string that is the argument of a name."""
    quoted = re.fullmatch(r"""(['"])(\w+)\1""", text)
    values = VALUES.get(key) or VALUES.get(key.rpartition("_")[2]) or {}
    return values.get(quoted[2], text) if quoted else text


def parse_parameters(signature: str) -> tuple[list[tuple[ast.AST, ast.expr | None]], str]:
    """Return the parameters of an entry with their defaults, and the name of those that ``*`` collects."""
    try:
        function = ast.parse(f"def f{signature}: ...").body[0]
    except SyntaxError:  # constants, and x[i]
        call = ast.parse(f"f{signature}", mode="eval").body
        assert isinstance(call, ast.Call)
        return [(node, None) for node in call.args], ""
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + list(arguments.defaults)
    return list(zip(arguments.args, defaults, strict=True)), arguments.vararg.arg if arguments.vararg else ""


@functools.cache
def read_replacements() -> dict[str, list[Replacement]]:
    """Return the entries of all tables by name."""
    found: dict[str, list[Replacement]] = {}
    for file in sorted(resources.files("pellucid.compat").joinpath("replacements").iterdir(), key=lambda f: f.name):
        modules: list[str] = []
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("["):
                before, _, result = line.strip("[]").partition(" -> ")
                modules = before.split()
            elif line and not line.startswith("#"):
                for entry in parse_entry(line, modules, result):
                    found.setdefault(entry.name, []).append(entry)
    return found


def parse_entry(line: str, modules: list[str], result: str) -> Iterator[Replacement]:
    old, _, new = line.partition(" -> ")
    code, _, note = f" {new}".partition(" # ")
    for words, signature in re.findall(r"([\w. ]+)(\(.*?\)(?= \w|$))?", re.sub(r"\((?=.*\))", "(", old)):
        parameters, rest = parse_parameters(signature) if signature else ([], "")
        for word in words.split():
            receiver, _, name = word.rpartition(".") if modules[0][0].isupper() else ("", "", word)
            for module in modules:
                today = re.sub(r"\bNAME\b", name.rpartition(".")[2].removeprefix("reduce_"), code.strip())
                yield Replacement(f"{module}.{name}", signature, today, note, result, receiver, parameters, rest)


@dataclass
class OldCall:
    """An old call in a script: its message, today's code, and the places of its uses."""

    text: str
    code: str
    places: list[tuple[str, int]] = field(default_factory=list)

    def describe(self) -> str:
        """Return its first line, its message, and the number of its uses."""
        filename, line = self.places[0]
        uses = f" ({len(self.places)} uses)" if len(self.places) > 1 else ""
        return f"{format_filename(filename)}:{line}: {self.text}{uses}"


class NameResolver(ast.NodeVisitor):
    """Full names of imported objects, and kinds of the values of variables, as far as a module's text shows them."""

    def __init__(self, tree: ast.Module, before: NameResolver | None = None) -> None:
        self.aliases: dict[str, str] = {**before.aliases} if before else {}
        self.star_modules: list[str] = [*before.star_modules] if before else []
        self.kinds: dict[str, str] = {**before.kinds} if before else {}
        self.table = read_replacements()
        self.methods: dict[str, list[str]] = {}
        for name in self.table:
            if name[0].isupper():
                self.methods.setdefault(name.partition(".")[2], []).append(name.partition(".")[0])
        self.shadowed: set[int] = set()
        for node in ast.walk(tree):
            self._read_imports(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                names = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)} & self.aliases.keys()
                body = node.body if isinstance(node.body, list) else [node.body]
                inside = [n for statement in body for n in ast.walk(statement) if isinstance(n, ast.Name)]
                self.shadowed.update(id(n) for n in inside if n.id in names)
        for _ in range(2):  # a function may use what later lines make
            self.visit(tree)

    def _read_imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                self.aliases[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name == "*":
                    self.star_modules.append(node.module)
                else:
                    self.aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                kind = self.find_kind(value)
                if kind and isinstance(name, ast.Name | ast.Attribute):
                    self.kinds[ast.unparse(name)] = kind

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                self.kinds[item.optional_vars.id] = self.find_kind(item.context_expr)
        self.generic_visit(node)

    def find_name(self, node: ast.AST) -> str:
        """Return the full name of a function or module, such as ``theano.tensor.dot``; empty if unknown."""
        if isinstance(node, ast.Name) and id(node) not in self.shadowed:
            for module in self.star_modules if node.id not in self.aliases else ():
                if f"{module}.{node.id}" in self.table:
                    return f"{module}.{node.id}"
            name = self.aliases.get(node.id, "")
        elif isinstance(node, ast.Attribute):
            parent = self.find_name(node.value)
            name = f"{parent}.{node.attr}" if parent else ""
        else:
            return ""
        for prefix, other in SAME_NAMES.items():
            if name.startswith(f"{prefix}."):
                return other + name.removeprefix(prefix)
        return name

    def find_entries(self, node: ast.AST) -> list[Replacement]:
        """Return the entries of a function, an attribute of a module, or a method."""
        found = self.table.get(self.find_name(node), [])
        if not found and isinstance(node, ast.Attribute) and node.attr in self.methods:
            kind = self.find_kind(node.value)
            if kind:
                return self.table.get(f"{kind}.{node.attr}", [])
            if node.attr not in COMMON_METHODS and not self.find_name(node.value) and self.uses_old_libraries:
                return self.table[f"{self.methods[node.attr][0]}.{node.attr}"]
        return found

    @property
    def uses_old_libraries(self) -> bool:
        """Whether the module imports an old library."""
        return any(name.partition(".")[0] in OLD_PACKAGES for name in (*self.aliases.values(), *self.star_modules))

    def find_kind(self, node: ast.AST) -> str:
        """Return the kind of a value, such as ``Variable`` or ``KerasModel``; empty if unknown."""
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in self.kinds:
            return self.kinds[ast.unparse(node)]
        if isinstance(node, ast.Call):
            entries = self.find_entries(node.func)
            if entries:
                return entries[0].result
            if isinstance(node.func, ast.Attribute) and self.find_kind(node.func.value) in (
                "Variable",
                "SharedVariable",
            ):
                return "Variable" if node.func.attr not in ("get_value", "eval") else ""
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return self.find_kind(node.value)
        parts: list[ast.expr] = []
        if isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp | ast.Subscript):
            parts = [node.operand if isinstance(node, ast.UnaryOp) else node.value]
        elif isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        kinds = {kind for part in parts if (kind := self.find_kind(part))}
        if kinds == {"Integers"} and not isinstance(node, ast.Compare):
            return "Integers"
        return (
            "Variable" if kinds & {"Variable", "SharedVariable", "Integers"} else "Tensor" if "Tensor" in kinds else ""
        )

    def bind(self, entry: Replacement, call: ast.Call, receiver: ast.expr | None = None) -> dict[str, Any] | None:
        """Return the arguments of a call by the parameters of an entry, or None if they do not fit."""
        if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
            return None
        bound: dict[str, Any] = {entry.receiver: receiver} if entry.receiver else {}
        given, keywords = list(call.args), {str(k.arg): k.value for k in call.keywords}
        for parameter, default in entry.parameters:
            name = parameter.arg if isinstance(parameter, ast.arg) else ""
            node = given.pop(0) if given else keywords.pop(name, default)
            if node is None or not self._fits(parameter, node, default, bound):
                return None
            if name and not is_ellipsis(node):
                bound[name] = node
        if entry.rest:
            if not given or any(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in given):
                return None
            bound[entry.rest], given = given, []
        return None if given or keywords else bound

    def _fits(self, parameter: ast.AST, node: ast.expr, default: ast.expr | None, bound: dict[str, Any]) -> bool:
        if isinstance(parameter, ast.Subscript):  # x[i] binds both
            if not isinstance(node, ast.Subscript):
                return False
            bound[ast.unparse(parameter.value)], bound[ast.unparse(parameter.slice)] = node.value, node.slice
        elif not isinstance(parameter, ast.arg):
            if isinstance(parameter, ast.Name):
                bound[parameter.id] = node
            else:
                return ast.dump(parameter) == ast.dump(node)
        elif parameter.arg.startswith(tuple(KINDS)):
            return self.find_kind(node) == KINDS[f"{parameter.arg.partition('_')[0]}_"]
        elif parameter.annotation is not None and node is not default:
            wanted = parameter.annotation
            if isinstance(wanted, ast.Name):
                return isinstance(node, ast.Constant) and type(node.value).__name__ == wanted.id
            return ast.dump(wanted) == ast.dump(node)
        return True


AMBIGUOUS = """flatten copy norm nonzero sum normal uniform binomial fit predict evaluate compile add save run
output_shape input_shape get_config predict_proba"""
COMMON_METHODS = {*dir(list), *dir(dict), *dir(str), *dir(set), *dir(complex), *str.split(AMBIGUOUS)}
"""Methods of which the name alone does not say that they belong to an old library."""


def find_old_calls(units: list[tuple[str, ast.Module]]) -> list[OldCall]:
    """Return the old calls of a script's files, in the order of their first lines."""
    found: dict[str, OldCall] = {}
    resolvers: dict[str, NameResolver] = {}
    for filename, tree in units:
        notebook = filename.partition(", cell ")[0]
        resolver = resolvers[notebook] = NameResolver(tree, resolvers.get(notebook))
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Name | ast.Attribute) or id(node) in inner:
                continue
            entries, call = resolver.find_entries(node), calls.get(id(node))
            name = resolver.find_name(node)
            if entries:
                receiver = node.value if isinstance(node, ast.Attribute) else None
                fitting = [e for e in entries if call and resolver.bind(e, call, receiver) is not None]
                entry = (fitting or entries)[0]
                given = {k.arg for k in call.keywords if k.arg} if call else set()
                given |= {ast.unparse(p) for p, _ in entry.parameters[: len(call.args) if call else 0]}
                text, code = entry.describe(frozenset(given)), entry.code
                title, _, today = text.partition(" is ")
                if today == f"{title} today":
                    continue
            elif call and name.partition(".")[0] in OLD_PACKAGES and name.rpartition(".")[2] in FOREIGN_FUNCTIONS:
                text, code = f"{name}: {FOREIGN_FUNCTIONS[name.rpartition('.')[2]]}", ""
            else:
                continue
            found.setdefault(text, OldCall(text, code)).places.append((filename, node.lineno))
    for old in found.values():
        old.places.sort()
    order = {filename: number for number, (filename, _) in enumerate(units)}
    return sorted(found.values(), key=lambda old: (order[old.places[0][0]], old.places[0][1]))
