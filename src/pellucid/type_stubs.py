"""Type stubs of modules whose names are found or made at run time: ``python -m pellucid.type_stubs`` writes them.

A module that imports its names on first use, or whose functions the `op` decorator makes, says nothing to a type
checker. Its stub, a ``.pyi`` file in the same folder, declares every public name.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

import pellucid
from pellucid.atomic_write import atomic_write
from pellucid.graph.op import Op
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS

ROOT = Path(pellucid.__file__).parent
STUBBED = ("pellucid", "pellucid.graph.linalg", "pellucid.nn.activations", "pellucid.show")
"""Modules with a stub."""

HEADER = "# Written by `make stubs`. Do not edit.\n"


def write_stubs() -> None:
    """Write the stubs of all modules."""
    for name in STUBBED:
        atomic_write(get_stub_path(name), render_stub(name))


def get_stub_path(name: str) -> Path:
    return Path(importlib.import_module(name).__file__ or "").with_suffix(".pyi")


def render_stub(name: str) -> str:
    """Return the text of a module's stub, formatted as the other files are."""
    module = importlib.import_module(name)
    stub = Stub(name)
    for public in list_public_names(module):
        stub.declare(public, getattr(module, public))
    return format_source(stub.render(inspect.getdoc(module) or ""))


def list_public_names(module: ModuleType) -> list[str]:
    """Return the names of a module for its users. Functions that a user's ops added are left out."""
    names = dir(module)
    if hasattr(module, "__all__"):
        own = [get_defined_name(node) for node in parse_module(module.__name__).body]
        names = list(dict.fromkeys([*module.__all__, *(n for n in own if n and not n.startswith("_"))]))
    return [n for n in names if n not in FUNCTIONS or is_built_in(FUNCTIONS[n])]


def format_source(text: str) -> str:
    """Sort the imports of Python source and format it, with the project's formatter."""
    for action in (["check", "--select", "I", "--fix", "--quiet"], ["format"]):
        command = [sys.executable, "-m", "ruff", *action, "--stdin-filename", str(ROOT / "__init__.pyi"), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


class Stub:
    """The declarations of one stub, and the imports that they need."""

    module: str
    names: list[str]
    imports: set[str]
    declarations: list[str]
    aliases: list[str]

    def __init__(self, module: str) -> None:
        self.module = module
        self.names, self.imports, self.declarations, self.aliases = [], set(), [], []

    def declare(self, name: str, value: object) -> None:
        """Declare a public name."""
        self.names.append(name)
        op = getattr(value, "op", None)
        if isinstance(op, Op) and op.function is value:
            self.declare_op(name, op)
        elif isinstance(value, ModuleType):
            parent, _, own = value.__name__.rpartition(".")
            self.add_import(parent, own, name)
        elif (home := self.find_home(name, value)) != (self.module, name):
            self.add_import(*home, name)
        else:
            self.copy_declaration(name)

    def add_import(self, module: str, own: str, name: str) -> None:
        self.imports.add(f"from {module} import {own}" + (f" as {name}" if own != name else ""))

    def find_home(self, name: str, value: object) -> tuple[str, str]:
        """Return the module that defines a public name, and the name there."""
        importers = vars(sys.modules[self.module]).get("_MODULE_BY_NAME", {})
        for module in (getattr(value, "__module__", None), importers.get(name)):
            if module is not None and module != self.module:
                for other, found in vars(importlib.import_module(module)).items():
                    if found is value:
                        return module, other
        return collect_homes(self.module).get(name, self.module), name

    def declare_op(self, name: str, op: Op) -> None:
        if self.module != "pellucid":
            self.add_import("pellucid", op.name, name)
            return
        if name != op.name:
            self.aliases.append(f"{name} = {op.name}")
            return
        signature = format_signature(op)
        self.add_imports(signature, op.value.__module__)
        doc = inspect.getdoc(op.function) or ""
        self.declarations.append(f"def {name}{signature}:\n{textwrap.indent(format_docstring(doc), '    ')}\n")

    def copy_declaration(self, name: str) -> None:
        """Copy the declaration of a name that the module itself defines."""
        tree = parse_module(self.module)
        node = next(node for node in tree.body if get_defined_name(node) == name)
        text = declare_node(node, getattr(importlib.import_module(self.module), name))
        self.add_imports(text, self.module)
        self.declarations.append(text)

    def add_imports(self, declaration: str, module: str) -> None:
        """Import the names in a declaration from where the module that has it imports or defines them."""
        homes = {"Operand": "pellucid.graph.expr", "Expr": "pellucid.graph.expr", **collect_homes(module)}
        code = f"def f{declaration}: ..." if declaration.startswith("(") else declaration
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Name) and homes.get(node.id, self.module) != self.module:
                self.add_import(homes[node.id], node.id, node.id)

    def render(self, doc: str) -> str:
        exported = f"__all__ = {sorted(self.names)}"
        parts = [HEADER, format_docstring(doc), "", *sorted(self.imports), "", exported, "", *self.declarations]
        return "\n".join([*parts, *self.aliases, ""])


def format_signature(op: Op) -> str:
    """Return the signature of an op's public function: operands are expressions or arrays."""
    parameters = list(inspect.signature(op.value).parameters.values())[1:]
    texts = []
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            texts.append(f"*{p.name}: Operand")
        elif p.default is p.empty:
            texts.append(f"{p.name}: Operand")
        else:
            texts.append(f"{p.name}: {p.annotation} = {format_default(p.default)}")
    returned = inspect.signature(op.value).return_annotation
    result = "list[Expr]" if str(returned).startswith("list[") else "Expr"
    return f"({', '.join(texts)}) -> {result}"


def format_default(value: object) -> str:
    return repr(value) if value is None or isinstance(value, (bool, int, float, str, tuple)) else "..."


def format_docstring(doc: str) -> str:
    return f'{"r" if chr(92) in doc else ""}"""{doc}\n"""' if "\n" in doc else f'"""{doc}"""'


@cache
def parse_module(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(name)))


@cache
def collect_homes(name: str) -> dict[str, str]:
    """Return the modules of the names that a module imports or defines, also those for type checkers only."""
    found: dict[str, str] = {}
    for node in ast.walk(parse_module(name)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {alias.asname or alias.name: node.module for alias in node.names}
    return {**found, **{n: name for node in parse_module(name).body if (n := get_defined_name(node))}}


def get_defined_name(node: ast.stmt) -> str | None:
    """Return the name that a statement of a module defines, if it is one name."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def declare_node(node: ast.stmt, value: object) -> str:
    """Return the declaration of a function, alias or variable for a stub."""
    if isinstance(node, ast.FunctionDef):
        doc = format_docstring(inspect.getdoc(value) or "")
        node = ast.FunctionDef(**{**vars(node), "body": [ast.Expr(ast.Constant(...))]})
        return ast.unparse(node).replace("    ...", textwrap.indent(doc, "    "))
    if isinstance(node, ast.AnnAssign):
        return f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
    if isinstance(node, ast.Assign) and isinstance(value, str):
        return f"{ast.unparse(node.targets[0])}: str"
    return ast.unparse(node)


if __name__ == "__main__":
    write_stubs()
