"""Graphs as lines of pellucid's own Python: one assignment for each expression worth a name.

Every line is tried before it is written: run on the operands, it must give the expression it was written for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from pellucid.graph import FUNCTIONS
from pellucid.graph.errors import PellucidError, UseError
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.op_def import OUTPUT, Op
from pellucid.graph.printing import PythonNotation, render
from pellucid.graph.subgraph import Body
from pellucid.show.literals import array_source, attribute, literal, number, tuple_of, variable
from pellucid.show.numpy_source import PLACES, Names, Substitution, Writer
from pellucid.show.source_extraction import Extract


class PelWriter(Writer):
    """Writes expressions as assignments in pellucid's own notation."""

    def __init__(self, names: Names) -> None:
        super().__init__(Extract(), names)

    def expression(self, node: Expr) -> ast.expr:
        """Write an op on what stands for its operands, in the first form that gives the op again."""
        op = node.op
        assert op is not None
        operands = [self.known[i] for i in node.inputs]
        if op is OUTPUT:
            return self.result(node, operands[0])
        if op.name == "scan_loop":
            return self.loop(node, operands)
        if any(isinstance(value, Body) for value in node.settings.values()):
            raise UseError(f"The op {op.name} holds graphs that have no form in code yet. It stands in {node}")
        for form in forms(node, op):
            for bare in (True, False):
                given = {p: bare_number(i) if bare else i for p, i in zip(PLACES, node.inputs, strict=False)}
                if gives(form, node, given):
                    trees = [tree if bare else told(i, tree) for i, tree in zip(node.inputs, operands, strict=True)]
                    return Substitution(dict(zip(PLACES, trees, strict=False)), node).visit(form)  # type: ignore[no-any-return]
        raise UseError(f"The op {op.name} has no form in code that gives it again. It stands in {node}")

    def constant(self, node: Constant) -> ast.expr:
        """Write a constant: a number as it is, an array under a name of its own."""
        if not node.ndim:
            return number(node.value[()])
        name = self.names.fresh("constant_1")
        start = f"{name} = pel.constant("
        self.constants.append(start + array_source(node.value, self.extract.imports, len(start)) + ")")
        return variable(name)

    def result(self, node: Expr, made: ast.expr) -> ast.expr:
        """Write one of several results; a loop's last state is the end of all its states."""
        of, index = node.inputs[0], node.settings["index"]
        if of.op is None or of.op.name != "scan_loop":
            return ast.Subscript(made, ast.Constant(index), ast.Load())
        return loop_result(of, made, index)

    def loop(self, node: Expr, operands: Sequence[ast.expr]) -> ast.expr:
        """Write a loop as a scan, its step as a function that uses what it needs from outside."""
        settings = node.settings
        body, sequences, states = settings["body"], settings["sequences"], settings["states"]
        inner = PelWriter(self.names)
        name = self.names.fresh("step_1")
        own, outside = body.inputs[: sequences + states], body.inputs[sequences + states :]
        parameters = [inner.leaf(place, wanted_name(place, i < sequences)) for i, place in enumerate(own)]
        inner.known.update(dict(zip(outside, operands[sequences + states :], strict=True)))
        results = inner.write(body.outputs, {})
        self.constants += inner.constants
        self.lines += [
            f"def {name}({', '.join(parameters)}):",
            *["    " + line for line in [*inner.lines, f"return [{', '.join(results)}]"]],
            "",
        ]
        keywords = [
            ast.keyword(key, ast.Constant(settings[key]))
            for key in ("length", "reverse", "truncate", "checkpoint")
            if settings[key]
        ]
        walked, begun = operands[:sequences], operands[sequences : sequences + states]
        lists = [ast.List([*part], ast.Load()) for part in (walked, begun)]
        made: ast.expr = ast.Call(attribute("pel", "scan"), [variable(name), *lists], keywords)
        return made if len(node.types) > 1 else loop_result(node, made, 0)


def loop_result(loop: Expr, made: ast.expr, index: int) -> ast.expr:
    """Write a result of a loop: what one output was at every step, or its last state."""
    kept, last = loop.settings["kept"], 0 if loop.settings["reverse"] else -1
    if index < len(kept):
        return ast.Subscript(made, ast.Constant(kept[index]), ast.Load())
    stacked = ast.Subscript(made, ast.Constant(index - len(kept)), ast.Load())
    return ast.Subscript(stacked, number(last), ast.Load())


def wanted_name(place: Expr, walked: bool) -> str:
    """Choose the name of what a step is given."""
    name = getattr(place, "name", None) or "x"
    generated = name[:1] in "xht" and name[1:].replace("_", "").isdigit()
    return ("x_t" if walked else "h") if generated else name


def bare_number(e: Expr) -> Any:
    """Return what a constant is in Python, where it is a number that can be written without its dtype."""
    return e.value.item() if isinstance(e, Constant) and not e.ndim else e


def told(e: Expr, tree: ast.expr) -> ast.expr:
    """Write a number with its dtype, where it would be taken for one of another without."""
    if not isinstance(e, Constant) or e.ndim:
        return tree
    return ast.Call(attribute("pel", "constant"), [tree, ast.Constant(e.dtype.name)], [])


def forms(node: Expr, op: Op) -> Iterator[ast.expr]:
    """Write an op on places for its operands, in one form after another: as it is read, then as a call."""
    if len(node.inputs) <= len(PLACES):
        try:
            places = dict(zip(node.inputs, PLACES, strict=False))
            tree = ast.parse(render(node, PythonNotation(), 10_000, places), mode="eval").body
        except SyntaxError:
            pass
        else:
            yield InPel().visit(tree)
    places_of = [variable(place) for place in PLACES[: len(node.inputs)]]
    keywords = [ast.keyword(name, setting(value)) for name, value in node.settings.items() if not idle(op, name, value)]
    yield ast.Call(attribute("pel", op.name), [*places_of], keywords)


class InPel(ast.NodeTransformer):
    """Turns the text of an op into code: functions are pellucid's, and names of dimensions are texts."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Call pellucid's function."""
        function = node.func
        node.func = attribute("pel", function.id) if isinstance(function, ast.Name) else self.visit(function)
        node.args = [self.visit(a) for a in node.args]
        for word in node.keywords:
            word.value = self.visit(word.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Write the name of a dimension or a dtype as text."""
        return node if node.id in PLACES else ast.Constant(node.id)


def idle(op: Op, name: str, value: Any) -> bool:
    """Tell whether a setting is what it is without being given."""
    default = op.defaults.get(name, ...)
    return type(value) is type(default) and value == default


def setting(value: Any) -> ast.expr:
    """Write a setting."""
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple_of([setting(v) for v in value])
    return literal(value)


def gives(form: ast.expr, node: Expr, given: Mapping[str, Any]) -> bool:
    """Tell whether code, run on what its places stand for, gives an expression again."""
    pel = SimpleNamespace(**FUNCTIONS, constant=constant)
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(form)), "form", "eval")
        made = eval(code, {"pel": pel, "np": np, **given})
    except (PellucidError, NameError, TypeError, AttributeError, ValueError, IndexError):
        return False
    first = made[0].inputs[0] if isinstance(made, list) and made and isinstance(made[0], Expr) else made
    return first is node
