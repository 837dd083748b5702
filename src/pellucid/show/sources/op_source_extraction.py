"""Extraction of the NumPy functions behind ops into a self-contained script."""

from __future__ import annotations

import ast
import builtins
import copy
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

NAMESPACE = "xp"
"""Parameter of ops for the array namespace, which is NumPy in a script."""


def parse_function(function: Callable[..., object]) -> ast.FunctionDef:
    """Return the syntax tree of a function without decorators and annotations, and with a short docstring."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise OSError(f"the source of {function.__name__} is not a function definition")
    tree.decorator_list = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            shorten_docstring(node)
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.fix_missing_locations(tree)


def shorten_docstring(tree: ast.FunctionDef) -> None:
    """Keep the first paragraph of a docstring up to a formula, which the code shows."""
    doc = ast.get_docstring(tree)
    if doc is not None:
        before, *formulas = " ".join(doc.split("\n\n")[0].split()).split(":math:")
        if formulas:
            # A formula after a comma or colon is left out, and another one with its part of the sentence.
            before = before if re.search(r"[,:]\s*$", before) else re.split(r"[,:](?=[^,:]*$)", before)[0]
            before = before.rstrip(" ,:") + "."
        tree.body[0] = ast.Expr(ast.Constant(before.replace("`", "")))
        if len(tree.body) == 1:
            tree.body.append(ast.Pass())


def get_returned_expression(tree: ast.FunctionDef) -> ast.expr | None:
    """Return the expression that a function returns, if it has no other statement."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


class NumpyTransformer(ast.NodeTransformer):
    """Converts code over an array namespace to NumPy code, in which the namespace is ``np`` and not an argument."""

    def __init__(self, takes_namespace: Iterable[str]) -> None:
        self.takes_namespace: set[str] = set(takes_namespace)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name("np", node.ctx) if node.id in (NAMESPACE, "NUMPY") else node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg("np") if node.arg == NAMESPACE else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        """Remove the type of a variable."""
        return None if node.value is None else ast.Assign([node.target], self.visit(node.value))

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Remove the namespace from the arguments of converted functions."""
        passes_namespace = bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == NAMESPACE
        function = node.func
        if isinstance(function, ast.Name) and function.id == "cast" and len(node.args) == 2:
            return self.visit(node.args[1])  # type: ignore[no-any-return]  # a hint for type checkers
        if isinstance(function, ast.Name) and function.id == "evaluate_subgraph":
            # In a script, the graph inside an op is a function.
            return self.generic_visit(ast.Call(node.args[1], [ast.Starred(node.args[2], ast.Load())], []))  # type: ignore[return-value]
        if isinstance(function, ast.Attribute) and ast.unparse(function).endswith(".op.value"):
            # In a script, the function behind an op has the name of the op.
            function = node.func = function.value.value  # type: ignore[attr-defined]
            node.args = node.args[1:]
        elif passes_namespace and isinstance(function, ast.Name) and function.id in self.takes_namespace:
            node.args = node.args[1:]
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Evaluate comparisons of the namespace with NumPy or the symbolic namespace."""
        both = [node.left, *node.comparators]
        names = [e.id for e in both if isinstance(e, ast.Name) and e.id in (NAMESPACE, "np", "NUMPY", "symbolic")]
        if len(names) == len(both):
            return ast.Constant(("symbolic" not in names) == isinstance(node.ops[0], (ast.Is, ast.Eq)))
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """Leave out the conditions that are known, or all of them if one decides."""
        self.generic_visit(node)
        decides = isinstance(node.op, ast.Or)
        known = [bool(value.value) for value in node.values if isinstance(value, ast.Constant)]
        if decides in known:
            return ast.Constant(decides)
        node.values = [value for value in node.values if not isinstance(value, ast.Constant)]
        if len(node.values) > 1:
            return node
        return node.values[0] if node.values else ast.Constant(not decides)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Remove what follows a return statement, and a variable that is only returned."""
        self.generic_visit(node)
        ends = [number for number, statement in enumerate(node.body) if isinstance(statement, ast.Return)]
        node.body = node.body[: ends[0] + 1] if ends else node.body
        match node.body[-2:]:
            case [ast.Assign(targets=[ast.Name(id=name)], value=value), ast.Return(value=ast.Name(id=returned))]:
                node.body[-2:] = [ast.Return(value)] if name == returned else node.body[-2:]
        return node

    def visit_If(self, node: ast.If | ast.IfExp) -> ast.AST | list[ast.stmt]:
        """Keep the branch that is taken if the condition is known."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    visit_IfExp = visit_If


class HelperInliner(ast.NodeTransformer):
    """Replaces calls of helper functions that return an expression of their arguments only."""

    def __init__(self, known: dict[str, object]) -> None:
        self.known = known

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        helper: Any = self.known.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if not takes_namespace(helper) or node.keywords or hasattr(helper, "op"):
            return node
        body, parameters = get_helper_body(helper)
        uses = [n.id for n in ast.walk(body) if isinstance(n, ast.Name)] if body is not None else []
        given = dict(zip(parameters, node.args, strict=False))
        is_repeated = any(uses.count(p) > 1 and not isinstance(given[p], (ast.Name, ast.Constant)) for p in given)
        if body is None or is_repeated or len(parameters) != len(node.args) or set(uses) - {*parameters, "np"}:
            return node
        return ParameterSubstitution(given).visit(copy.deepcopy(body))  # type: ignore[no-any-return]


class ParameterSubstitution(ast.NodeTransformer):
    """Replaces parameters by arguments."""

    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node)


def get_helper_body(helper: Callable[..., object]) -> tuple[ast.expr | None, list[str]]:
    """Return the expression that a helper returns, if it has no other statement, and its parameters."""
    tree = NumpyTransformer([]).visit(parse_function(helper))
    return get_returned_expression(tree), [a.arg for a in tree.args.args if a.arg != "np"]


class SourceExtractor:
    """Collects functions of pellucid and their dependencies for one script."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {"import numpy as np": None}  # import statements in order
        self.parts: dict[str, str] = {}  # definitions by name, each after its dependencies
        self.origins: dict[str, object] = {}

    def add(self, name: str, function: Callable[..., object]) -> None:
        """Include a function under a name, with its dependencies."""
        if name in self.origins:
            if self.origins[name] is not function:
                raise ValueError(f"two functions are named {name}: {function} and {self.origins[name]}")
            return
        self.origins[name] = function
        tree = parse_function(function)
        tree.name = name
        self.parts[name] = ast.unparse(self.adapt(tree, function))
        self.parts[name] = self.parts.pop(name)  # move it behind its dependencies

    def adapt(self, tree: ast.AST, function: Callable[..., object]) -> ast.AST:
        """Convert code to NumPy code, and include its dependencies."""
        if isinstance(tree, ast.FunctionDef) and tree.args.args and tree.args.args[0].arg == NAMESPACE:
            tree.args.args = tree.args.args[1:]
        converted = NumpyTransformer(self.find_namespaced(tree, function)).visit(tree)
        converted = HelperInliner(get_global_names(function)).visit(converted)
        for name in self.find_references(converted, function):
            self.include(name, function)
        result: ast.AST = ast.fix_missing_locations(converted)
        return result

    def find_references(self, tree: ast.AST, function: Callable[..., object]) -> list[str]:
        """Return the global names in a function."""
        names = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {*inspect.signature(function).parameters, *(n.arg for n in ast.walk(tree) if isinstance(n, ast.arg))}
        known = get_global_names(function)
        return [n for n in names if n in known and n not in own and n != "np"]

    def find_namespaced(self, tree: ast.AST, function: Callable[..., object]) -> list[str]:
        """Return the names of called functions whose first argument is the namespace."""
        known = get_global_names(function)
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        return [n for n in called if n in known and takes_namespace(known[n])]

    def include(self, name: str, function: Callable[..., object]) -> None:
        """Include the definition of a global name: a module, function, error, class or value."""
        value: Any = get_global_names(function)[name]
        if isinstance(value, ModuleType):
            as_name = "" if value.__name__ == name else f" as {name}"
            self.imports[f"import {value.__name__}{as_name}"] = None
        elif isinstance(value, type) and issubclass(value, Exception) and value.__module__.startswith("pellucid"):
            base = next(c for c in value.__mro__ if c.__module__ == "builtins" and c is not Exception)
            self.parts.setdefault(name, f"class {name}({base.__name__}):\n    pass")
        elif isinstance(value, type) and value.__module__.startswith("pellucid"):
            for base in value.__bases__:  # whose methods are for expressions
                if base.__module__.startswith("pellucid"):
                    builtin = next(c for c in base.__mro__ if c.__module__ == "builtins")
                    self.parts.setdefault(base.__name__, f"class {base.__name__}({builtin.__name__}):\n    pass")
            self.parts.setdefault(name, textwrap.dedent(inspect.getsource(value)))
            self.imports["from typing import Any, NamedTuple"] = None
        elif callable(value) and getattr(value, "__module__", "").startswith("pellucid"):
            self.add(name, value.op.value if hasattr(value, "op") else value)
        elif callable(value):
            self.imports[f"from {value.__module__} import {value.__name__}"] = None
        elif type(value).__module__.startswith("pellucid"):
            self.include_instance(name, value)
        elif not hasattr(builtins, name):
            self.parts.setdefault(name, f"{name} = {value!r}")

    def include_instance(self, name: str, value: object) -> None:
        cls = type(value)
        self.include(cls.__name__, get_module_function(cls))
        source = repr(value) if hasattr(value, "_fields") else f"{cls.__name__}()"
        self.parts.setdefault(name, f"{name} = {source}")


def takes_namespace(value: object) -> bool:
    """Check for a function of pellucid whose first argument is the array namespace."""
    if not isinstance(value, FunctionType) or not value.__module__.startswith("pellucid"):
        return False
    return next(iter(inspect.signature(value).parameters), None) == NAMESPACE


def get_module_function(cls: type) -> Callable[..., object]:
    names = vars(importlib.import_module(cls.__module__))
    return next(f for f in names.values() if isinstance(f, FunctionType) and f.__globals__ is names)


def get_global_names(function: Callable[..., object]) -> dict[str, object]:
    """Return the global names of a function with their values, including those of its closure."""
    closure = inspect.getclosurevars(function)
    return {**getattr(function, "__globals__", {}), **closure.nonlocals}
