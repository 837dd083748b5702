"""Graphs as lines of plain NumPy: one assignment for each expression worth a name."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import itertools
import keyword
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op_def import Op
from pellucid.graph.printing import PythonNotation, render
from pellucid.graph.subgraph import Body
from pellucid.graph.traversal import topological
from pellucid.graph.types import shape_text
from pellucid.show.auto_names import letter_of
from pellucid.show.literals import array_source, attribute, literal, number, tuple_of, variable
from pellucid.show.source_extraction import Extract, definition, global_names, home_of, single_expression

WIDTH = 88
"""An expression that is longer than this gets a name."""

PLACES = [f"operand_{i}_" for i in range(64)]
"""What stands for operands while an operator is written."""


class Names:
    """Variables of a script: each expression's own name where it has one, and none twice."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.taken = {*reserved, *keyword.kwlist, "np"}

    def fresh(self, wanted: str) -> str:
        """Return a variable that is like a name and not taken."""
        letters = "".join(c if c.isalnum() or c == "_" else "_" for c in wanted) or "x"
        base = f"_{letters}" if letters[0].isdigit() else letters
        name, number = base, 1
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def numbered(self, letter: str) -> str:
        """Return a letter with the first number with which it is not taken: h1, h2."""
        name = next(n for n in (f"{letter}{number}" for number in itertools.count(1)) if n not in self.taken)
        self.taken.add(name)
        return name


class Writer:
    """Writes expressions as assignments, gathering the definitions that they need.

    Attributes
    ----------
    extract : Extract
        Functions and imports that the lines use.
    constants : list of str
        Assignments of arrays that are part of the graph.
    lines : list of str
        The assignments so far.
    """

    def __init__(self, extract: Extract, names: Names) -> None:
        self.extract = extract
        self.names = names
        self.constants: list[str] = []
        self.lines: list[str] = []
        self.known: dict[Expr, ast.expr] = {}

    def leaf(self, node: Expr, wanted: str) -> str:
        """Give a leaf a variable."""
        name = self.names.fresh(wanted)
        self.known[node] = variable(name)
        return name

    def write(self, outputs: Sequence[Expr], wanted: dict[Expr, str]) -> list[str]:
        """Write the assignments that compute expressions, and return what stands for each.

        Parameters
        ----------
        outputs : sequence of Expr
            What to compute; the leaves are known already.
        wanted : dict from Expr to str
            What some expressions are to be called.

        Returns
        -------
        list of str
            A variable or a short formula for each output.
        """
        order = topological(outputs, stop=self.known)
        uses = Counter(i for node in order if node not in self.known for i in node.inputs)
        uses.update(outputs)
        for node in order:
            if node in self.known:
                continue
            if isinstance(node, Constant):
                self.known[node] = self.constant(node)
                continue
            tree = self.expression(node)
            shown = ast.unparse(tree)
            name = wanted.get(node) or node.name
            if name is None and uses[node] <= 1 and len(shown) <= WIDTH:
                self.known[node] = tree
                continue
            assert node.op is not None
            target = self.names.fresh(name) if name else self.names.numbered(letter_of(node))
            comment = f"  # {shape_text(node.shape)}" if len(node.types) == 1 and node.ndim else ""
            self.lines.append(f"{target} = {shown}{comment}")
            self.known[node] = variable(target)
        return [ast.unparse(self.known[output]) for output in outputs]

    def constant(self, node: Constant) -> ast.expr:
        """Write a constant: a number as it is, an array under a name of its own."""
        if not node.ndim:
            return number(node.value[()])
        name = self.names.fresh("constant_1")
        start = f"{name} = "
        self.constants.append(start + array_source(node.value, self.extract.imports, len(start)))
        return variable(name)

    def expression(self, node: Expr) -> ast.expr:
        """Write an op on what stands for its operands: as an operator, in a line of NumPy, or as a call."""
        op = node.op
        assert op is not None
        operands = [self.operand(node, i) for i in node.inputs]
        return as_operator(node, operands) or self.inline(node, op, operands) or self.call(node, op, operands)

    def operand(self, node: Expr, operand: Expr) -> ast.expr:
        """Return what stands for an operand; a number that meets no array says what dtype it has."""
        tree = self.known[operand]
        assert node.op is not None
        bare = node.op.elementwise and any(not isinstance(i, Constant) for i in node.inputs)
        if not isinstance(operand, Constant) or operand.ndim or (bare and operand.dtype.kind == "f"):
            return tree
        if operand.dtype in (np.dtype(bool), np.dtype("float64"), np.dtype("int64")):
            return tree
        return ast.Call(attribute("np", operand.dtype.name), [tree], [])

    def inline(self, node: Expr, op: Op, operands: list[ast.expr]) -> ast.expr | None:
        """Write the one line that computes an op, if it is one, with the operands in place."""
        tree = single_line(op)
        if tree is None or any(isinstance(v, Body) for v in node.settings.values()):
            return None
        settings = {name: self.setting(value) for name, value in node.settings.items()}
        given: dict[str, ast.expr] = {**settings, **named_operands(op, operands)}
        uses = Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
        if any(uses[name] > 1 and not isinstance(given[name], (ast.Name, ast.Constant)) for name in given):
            return None
        ready = self.extract.adapt(copy.deepcopy(tree), op.value)
        return Plain(node).visit(Substitution(given, node).visit(ready))  # type: ignore[no-any-return]

    def call(self, node: Expr, op: Op, operands: list[ast.expr]) -> ast.expr:
        """Write a call of the op's own function, which is included in the script."""
        self.extract.add(op.name, op.value)
        self.names.taken.add(op.name)
        keywords = [
            ast.keyword(name, self.setting(value, op))
            for name, value in node.settings.items()
            if isinstance(value, Body) or value != op.defaults.get(name, ...)
        ]
        for word in keywords:
            if word.arg == "axis" and isinstance(word.value, ast.Tuple) and len(word.value.elts) == 1:
                word.value = word.value.elts[0]
        return ast.Call(variable(op.name), operands, keywords)

    def setting(self, value: Any, op: Op | None = None) -> ast.expr:
        """Write a setting; a graph inside an op becomes a function."""
        if isinstance(value, Body):
            assert op is not None
            return variable(self.body(value, ".empty" in self.extract.parts[op.name]))
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return tuple_of([self.setting(v) for v in value])
        if type(value).__module__.startswith("pellucid") and not isinstance(value, str):
            return self.object(value)
        return literal(value)

    def object(self, value: Any) -> ast.expr:
        """Write an object of one of pellucid's own small classes, including the class."""
        cls = type(value)
        home = home_of(cls)
        if hasattr(value, "_fields"):
            self.extract.include(cls.__name__, home)
            return ast.Call(variable(cls.__name__), [self.setting(v) for v in value], [])
        [name] = [n for n, v in global_names(home).items() if v is value]
        self.extract.instance(name, value)
        return variable(name)

    def body(self, body: Body, wants_empty: bool) -> str:
        """Write the graph inside an op as a function, and return its name."""
        inner = Writer(self.extract, self.names)
        name = self.names.fresh("step_1")
        parameters = [inner.leaf(place, place.name or "x") for place in body.inputs]
        results = inner.write(body.outputs, {})
        self.constants += inner.constants
        lines = [*inner.lines, f"return [{', '.join(results)}]"]
        self.lines += [f"def {name}({', '.join(parameters)}):", *["    " + line for line in lines], ""]
        empty = ", ".join(f"np.empty({e.shape}, {e.dtype.name!r})" for e in body.empty)
        self.lines += [f"{name}.empty = [{empty}]"] if wants_empty else []
        return name


def as_operator(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write an op as its text form does, if that is made of Python's operators alone."""
    places = dict(zip(node.inputs, PLACES, strict=False))
    if len(node.inputs) > len(PLACES):
        return None
    try:
        tree = ast.parse(render(node, PythonNotation(), 10_000, places), mode="eval").body
    except SyntaxError:
        return None
    if isinstance(tree, ast.Name) or any(isinstance(n, (ast.Call, ast.Attribute)) for n in ast.walk(tree)):
        return None
    combines = any(isinstance(n, (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Invert)) for n in ast.walk(tree))
    if combines and any(i.dtype.kind not in "biu" or node.dtype.kind != i.dtype.kind for i in node.inputs):
        return None
    free = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - set(PLACES)
    if free:
        return None
    return Substitution(dict(zip(PLACES, operands, strict=False)), node).visit(tree)  # type: ignore[no-any-return]


@functools.cache
def single_line(op: Op) -> ast.expr | None:
    """Return the one expression that computes an op, if it is one."""
    return single_expression(definition(op.value))


def named_operands(op: Op, operands: list[ast.expr]) -> dict[str, ast.expr]:
    """Return operands by the names of an op's parameters; those of a variadic op are a tuple."""
    if not op.variadic:
        return dict(zip(op.operands, operands, strict=True))
    parameters = list(inspect.signature(op.value).parameters.values())[1:]
    at = next(i for i, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL)
    ahead = {p.name: operand for p, operand in zip(parameters[:at], operands, strict=False)}
    return {**ahead, parameters[at].name: tuple_of(operands[at:])}


class Substitution(ast.NodeTransformer):
    """Puts code in the place of names, and works out the shapes that are known."""

    def __init__(self, given: dict[str, ast.expr], node: Expr) -> None:
        self.given = given
        self.node = node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Put what was given in a name's place."""
        return self.given.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Write out a shape that is found only when the program runs."""
        if isinstance(node.func, ast.Name) and node.func.id == "run_time_shape":
            array = self.visit(node.args[0])
            return tuple_of([run_time_size(array, d) for d in self.node.settings["shape"]])
        return self.generic_visit(node)  # type: ignore[return-value]


def run_time_size(array: ast.expr, dim: Any) -> ast.expr:
    """Write a dimension: its size, that of an axis of an array, or whatever is left."""
    if hasattr(dim, "axis"):
        return ast.Subscript(ast.Attribute(array, "shape", ast.Load()), ast.Constant(dim.axis), ast.Load())
    return ast.Constant(-1 if isinstance(dim, str) else dim)


OVER_ALL = {"sum", "mean", "prod", "max", "min", "any", "all", "var", "logsumexp"}
"""Functions that go over all axes if they are told none."""


class Plain(ast.NodeTransformer):
    """Leaves out what NumPy assumes anyway, and writes a transposed matrix as mathematics does."""

    def __init__(self, node: Expr) -> None:
        self.ndim = node.inputs[0].ndim if node.inputs else 0

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Simplify a call of one of NumPy's functions."""
        self.generic_visit(node)
        function = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if function == "transpose" and self.ndim == 2:
            return ast.Attribute(node.args[0], "T", ast.Load())
        node.keywords = [w for w in node.keywords if not self.is_idle(function, w)]
        for word in node.keywords:
            if word.arg == "axis" and isinstance(word.value, ast.Tuple) and len(word.value.elts) == 1:
                word.value = word.value.elts[0]
        return node

    def is_idle(self, function: str, word: ast.keyword) -> bool:
        """Tell whether a setting goes without saying."""
        if isinstance(word.value, ast.Constant):
            return (word.arg, word.value.value) in (("keepdims", False), ("axis", None))
        if word.arg != "axis" or function not in OVER_ALL or not isinstance(word.value, ast.Tuple):
            return False
        axes = [e.value for e in word.value.elts if isinstance(e, ast.Constant)]
        return axes == list(range(self.ndim))
