"""pellucid source of graphs: one assignment for each expression that needs a variable.

Each line is verified before it is written: evaluated on the operands, it must return the same expression.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np

from pellucid.graph import FUNCTIONS
from pellucid.graph.errors import PellucidError, UseError
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.op import OUTPUT, Op
from pellucid.graph.subgraph import Subgraph
from pellucid.show.sources.literals import make_attribute, make_literal, make_number, make_tuple, make_variable
from pellucid.show.sources.numpy_source import (
    OPERAND_NAMES,
    NumpyWriter,
    Substitution,
    VariableNames,
    parse_text_form,
    reveal_text,
)
from pellucid.show.sources.op_source_extraction import SourceExtractor


class PelWriter(NumpyWriter):
    """Writes expressions as assignments with pellucid's functions."""

    constant_call = ("pel.constant(", ")")

    def __init__(self, names: VariableNames) -> None:
        super().__init__(SourceExtractor(), names)

    def write_expression(self, node: Expr) -> ast.expr:
        """Write an op in the first form that evaluates to it."""
        op = node.op
        assert op is not None
        operands = [self.known[i] for i in node.inputs]
        if op is OUTPUT:
            return self.write_result(node, operands[0])
        if op.name == "scan_loop":
            return self.write_scan(node, operands)
        if any(isinstance(value, Subgraph) for value in node.settings.values()):
            raise UseError(
                f"The op {op.name} has inner graphs, which cannot be written as code yet. Expression: {node}"
            )
        for form in generate_forms(node, op):
            for is_bare in (True, False):
                given = {
                    p: to_python_number(i) if is_bare else i for p, i in zip(OPERAND_NAMES, node.inputs, strict=False)
                }
                if reproduces(form, node, given):
                    trees = [t if is_bare else add_dtype(i, t) for i, t in zip(node.inputs, operands, strict=True)]
                    return Substitution(dict(zip(OPERAND_NAMES, trees, strict=False)), node).visit(form)  # type: ignore[no-any-return]
        raise UseError(f"The op {op.name} cannot be written as code. Expression: {node}")

    def write_result(self, node: Expr, made: ast.expr) -> ast.expr:
        """Write one of several results of an op."""
        producer, index = node.inputs[0], node.settings["index"]
        if producer.op is None or producer.op.name != "scan_loop":
            return ast.Subscript(made, ast.Constant(index), ast.Load())
        return write_scan_result(producer, made, index)

    def write_scan(self, node: Expr, operands: Sequence[ast.expr]) -> ast.expr:
        """Write a scan, with its step as a closure."""
        settings = node.settings
        body, sequences, states = settings["body"], settings["sequences"], settings["states"]
        inner = PelWriter(self.names)
        name = self.names.new_name("step_1")
        own, outside = body.inputs[: sequences + states], body.inputs[sequences + states :]
        parameters = [inner.add_leaf(place, choose_parameter_name(place, i < sequences)) for i, place in enumerate(own)]
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
        initial = operands[sequences : sequences + states]
        lists = [ast.List([*part], ast.Load()) for part in (operands[:sequences], initial)]
        made: ast.expr = ast.Call(make_attribute("pel", "scan"), [make_variable(name), *lists], keywords)
        return made if len(node.types) > 1 else write_scan_result(node, made, 0)


def write_scan_result(scan: Expr, made: ast.expr, index: int) -> ast.expr:
    """Write a result of a scan: an output at every step, or a last state."""
    kept, last = scan.settings["kept"], 0 if scan.settings["reverse"] else -1
    if index < len(kept):
        return ast.Subscript(made, ast.Constant(kept[index]), ast.Load())
    stacked = ast.Subscript(made, ast.Constant(index - len(kept)), ast.Load())
    return ast.Subscript(stacked, make_number(last), ast.Load())


def choose_parameter_name(place: Expr, is_sequence: bool) -> str:
    name = getattr(place, "name", None) or "x"
    is_generated = name[:1] in "xht" and name[1:].replace("_", "").isdigit()
    return ("x_t" if is_sequence else "h") if is_generated else name


def to_python_number(e: Expr) -> object:
    """Return a scalar constant as a Python number, and another expression unchanged."""
    return e.value.item() if isinstance(e, Constant) and not e.ndim else e


def add_dtype(e: Expr, tree: ast.expr) -> ast.expr:
    """Write a number with an explicit dtype."""
    if not isinstance(e, Constant) or e.ndim:
        return tree
    return ast.Call(make_attribute("pel", "constant"), [tree, ast.Constant(e.dtype.name)], [])


def generate_forms(node: Expr, op: Op) -> Iterator[ast.expr]:
    """Yield forms of an op on placeholders: its text form, then a call."""
    tree = parse_text_form(node)
    if tree is not None:
        yield PelTransformer().visit(tree)
    operands = [make_variable(name) for name in OPERAND_NAMES[: len(node.inputs)]]
    settings = {name: value for name, value in node.settings.items() if not is_default(op, name, value)}
    keywords = [ast.keyword(name, write_setting(value)) for name, value in settings.items()]
    yield ast.Call(make_attribute("pel", op.name), [*operands], keywords)


class PelTransformer(ast.NodeTransformer):
    """Converts the text of an op to code: functions get the prefix ``pel.``, and names of dimensions become strings."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = node.func
        node.func = make_attribute("pel", function.id) if isinstance(function, ast.Name) else self.visit(function)
        node.args = [self.visit(a) for a in node.args]
        for word in node.keywords:
            word.value = self.visit(word.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in OPERAND_NAMES else ast.Constant(reveal_text(node.id))


def is_default(op: Op, name: str, value: object) -> bool:
    default = op.defaults.get(name, ...)
    return type(value) is type(default) and value == default


def write_setting(value: object) -> ast.expr:
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return make_tuple([write_setting(v) for v in value])
    return make_literal(value)


def reproduces(form: ast.expr, node: Expr, given: Mapping[str, object]) -> bool:
    """Check whether code, evaluated on given operands, returns an expression."""
    pel = SimpleNamespace(**FUNCTIONS, constant=constant)
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(form)), "form", "eval")
        made = eval(code, {"__builtins__": {}, "pel": pel, "np": np, **given})
    except (PellucidError, NameError, TypeError, AttributeError, ValueError, IndexError):
        return False
    first = made[0].inputs[0] if isinstance(made, list) and made and isinstance(made[0], Expr) else made
    return first is node.unlabeled
