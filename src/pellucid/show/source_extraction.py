"""The source of the functions that compute ops, made to stand on its own in a script of plain NumPy."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

NAMESPACE = "xp"
"""What ops call the array namespace, which is NumPy in a script."""


def definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return the syntax tree of a function, without decorators and annotations, its docstring cut short.

    Raises
    ------
    OSError
        If Python cannot find its source.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise OSError(f"the source of {function.__name__} is not a function's")
    tree.decorator_list = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            shorten_docstring(node)
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.fix_missing_locations(tree)


def shorten_docstring(tree: ast.FunctionDef) -> None:
    """Keep of a docstring what it opens with."""
    doc = ast.get_docstring(tree)
    if doc is not None:
        # What is written in LaTeX there, a reader of code finds in the code.
        opening = re.sub(r",?\s*:math:`[^`]*`", "", " ".join(doc.split("\n\n")[0].split()))
        tree.body[0] = ast.Expr(ast.Constant(opening.replace("`", "")))
        if len(tree.body) == 1:
            tree.body.append(ast.Pass())


def statements(tree: ast.FunctionDef) -> list[ast.stmt]:
    """Return a function's body without its docstring."""
    return tree.body[1:] if ast.get_docstring(tree) is not None else tree.body


def single_expression(tree: ast.FunctionDef) -> ast.expr | None:
    """Return what a function returns, if that is all that it does."""
    body = statements(tree)
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


class ForNumpy(ast.NodeTransformer):
    """Turns code over an array namespace into code for NumPy: the namespace is ``np``, and nobody is given it."""

    def __init__(self, takes_namespace: Iterable[str]) -> None:
        self.takes_namespace = set(takes_namespace)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Write the namespace as ``np``."""
        return ast.Name("np", node.ctx) if node.id == NAMESPACE else node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Write the namespace as ``np`` in functions inside functions."""
        return ast.arg("np") if node.arg == NAMESPACE else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Leave the namespace out of calls to functions that are written without it."""
        given = bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == NAMESPACE
        function = node.func
        if isinstance(function, ast.Name) and function.id == "run_body":
            # In a script, the graph inside an op is a function.
            return self.generic_visit(ast.Call(node.args[1], [ast.Starred(node.args[2], ast.Load())], []))  # type: ignore[return-value]
        if isinstance(function, ast.Attribute) and ast.unparse(function).endswith(".op.value"):
            # An op's own value, which stands in the script under the op's name.
            function = node.func = function.value.value  # type: ignore[attr-defined]
            node.args = node.args[1:]
        elif given and isinstance(function, ast.Name) and function.id in self.takes_namespace:
            node.args = node.args[1:]
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Decide whether the namespace is NumPy, or pellucid's own."""
        both = [node.left, *node.comparators]
        names = [e.id for e in both if isinstance(e, ast.Name) and e.id in (NAMESPACE, "np", "symbolic")]
        if len(names) == len(both):
            return ast.Constant(("symbolic" not in names) == isinstance(node.ops[0], (ast.Is, ast.Eq)))
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_If(self, node: ast.If) -> Any:
        """Keep the branch for NumPy alone."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Keep the alternative for NumPy alone."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node


class Extract:
    """Functions of pellucid and what they need, gathered for one script.

    Attributes
    ----------
    imports : dict
        Lines of imports, in the order in which they were met.
    parts : dict from str to str
        Definitions by name, each after those it needs.
    """

    def __init__(self) -> None:
        self.imports: dict[str, None] = {"import numpy as np": None}
        self.parts: dict[str, str] = {}
        self.origins: dict[str, Any] = {}

    def add(self, name: str, function: Callable[..., Any]) -> None:
        """Include a function under a name, and all it needs."""
        if name in self.origins:
            if self.origins[name] is not function:
                raise ValueError(f"two functions are named {name}: {function} and {self.origins[name]}")
            return
        self.origins[name] = function
        tree = definition(function)
        tree.name = name
        self.parts[name] = ast.unparse(self.adapt(tree, function))
        self.parts[name] = self.parts.pop(name)  # after what it needs

    def adapt(self, tree: Any, function: Callable[..., Any]) -> Any:
        """Turn code into code for NumPy, including what it refers to."""
        if isinstance(tree, ast.FunctionDef) and tree.args.args and tree.args.args[0].arg == NAMESPACE:
            tree.args.args = tree.args.args[1:]
        pruned = ForNumpy(self.namespaced(tree, function)).visit(tree)
        for found in self.references(pruned, function):
            self.include(found, function)
        return ast.fix_missing_locations(pruned)

    def references(self, tree: Any, function: Callable[..., Any]) -> list[str]:
        """Return the global names that code refers to."""
        names = dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {*inspect.signature(function).parameters, *(n.arg for n in ast.walk(tree) if isinstance(n, ast.arg))}
        known = global_names(function)
        return [n for n in names if n in known and n not in own and n != "np"]

    def namespaced(self, tree: Any, function: Callable[..., Any]) -> list[str]:
        """Return the names of the functions called that take the namespace first."""
        known = global_names(function)
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        return [n for n in called if n in known and takes_namespace(known[n])]

    def include(self, name: str, function: Callable[..., Any]) -> None:
        """Include what a name stands for: a module, a function, an error, a class or a value."""
        value = global_names(function)[name]
        if isinstance(value, ModuleType):
            as_name = "" if value.__name__ == name else f" as {name}"
            self.imports[f"import {value.__name__}{as_name}"] = None
        elif isinstance(value, type) and issubclass(value, Exception) and value.__module__.startswith("pellucid"):
            self.parts.setdefault(name, f"class {name}({ancestor(value).__name__}):\n    pass")
        elif isinstance(value, type) and value.__module__.startswith("pellucid"):
            self.parts.setdefault(name, textwrap.dedent(inspect.getsource(value)))
            self.imports["from typing import Any, NamedTuple"] = None
        elif callable(value) and getattr(value, "__module__", "").startswith("pellucid"):
            self.add(name, value.op.value if hasattr(value, "op") else value)
        elif callable(value):
            self.imports[f"from {value.__module__} import {value.__name__}"] = None
        elif type(value).__module__.startswith("pellucid"):
            self.instance(name, value)
        elif not hasattr(builtins, name):
            self.parts.setdefault(name, f"{name} = {value!r}")

    def instance(self, name: str, value: Any) -> None:
        """Include an object of one of pellucid's own small classes."""
        cls = type(value)
        self.include(cls.__name__, home_of(cls))
        self.parts.setdefault(
            name, f"{name} = {value!r}" if hasattr(value, "_fields") else f"{name} = {cls.__name__}()"
        )


def takes_namespace(value: Any) -> bool:
    """Tell whether a function is one of pellucid's whose first argument is the array namespace."""
    if not isinstance(value, FunctionType) or not value.__module__.startswith("pellucid"):
        return False
    return next(iter(inspect.signature(value).parameters), None) == NAMESPACE


def home_of(cls: type) -> Callable[..., Any]:
    """Return a function whose global names are those of a class's module."""
    names = vars(importlib.import_module(cls.__module__))
    return next(f for f in names.values() if isinstance(f, FunctionType) and f.__globals__ is names)


def global_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the names in a function stand for, those it closes over included."""
    closure = inspect.getclosurevars(function)
    return {**getattr(function, "__globals__", {}), **closure.nonlocals}


def ancestor(error: type[Exception]) -> type[Exception]:
    """Return the nearest of Python's own errors that an error of pellucid's is."""
    return next(c for c in error.__mro__ if c.__module__ == "builtins" and c is not Exception)
