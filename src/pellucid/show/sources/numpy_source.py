"""NumPy source of graphs: one assignment for each expression that needs a variable."""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import inspect
import itertools
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError, brief
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OPS, OUTPUT, PASSTHROUGH, Op
from pellucid.graph.pattern import Pattern
from pellucid.graph.printing import PythonNotation, render
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, Unknown, format_shape, read_dim
from pellucid.show.formulas.auto_names import choose_symbol
from pellucid.show.sources.literals import (
    array_to_source,
    comment_to_source,
    make_attribute,
    make_literal,
    make_number,
    make_tuple,
    make_variable,
)
from pellucid.show.sources.numpy_calls import (
    CallSimplifier,
    unwrap_axis,
    write_one_hot,
    write_reshape,
    write_size,
    write_template,
)
from pellucid.show.sources.op_source_extraction import (
    SourceExtractor,
    get_global_names,
    get_module_function,
    get_returned_expression,
    parse_function,
)
from pellucid.show.sources.window_source import WRITERS as WINDOW_WRITERS
from pellucid.show.sources.window_source import write_window_function

MAX_INLINE_WIDTH = 88
"""A longer expression gets a variable."""

MAX_VARIANTS = 100
"""Number of sets of settings for which a script can have a function of the same op."""

MAX_NAME = 60
"""Maximum number of characters of a name in an identifier."""

OPERAND_NAMES = [f"operand_{i}_" for i in range(1024)]
"""Placeholders of operands while an operator is written."""

OPERANDS = frozenset(OPERAND_NAMES)

HIDDEN = "setting_0x"
"""Beginning of a placeholder of a string that is not an identifier."""


def to_identifier(name: str) -> str:
    """Return an identifier similar to a name. The middle of a long name is left out.

    Examples
    --------
    >>> to_identifier("dense_1/kernel"), to_identifier("2nd"), to_identifier("x²"), len(to_identifier("W" * 1000))
    ('dense_1_kernel', '_2nd', 'x2', 61)
    """
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME // 2]}_{name[-MAX_NAME // 2 :]}"
    # Python reads identifiers in normal form NFKC, in which different names may be equal.
    normal = unicodedata.normalize("NFKC", name)
    letters = "".join(c if f"x{c}".isidentifier() else "_" for c in normal) or "x"
    return letters if letters.isidentifier() else f"_{letters}"


class VariableNames:
    """Unique variable names of a script."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.taken: set[str] = {
            *reserved,
            *keyword.kwlist,
            *dir(builtins),
            "__builtins__",
            "__file__",
            "np",
            "inf",
            "nan",
        }

    def new_name(self, wanted: str) -> str:
        """Return an unused identifier similar to a name."""
        base = to_identifier(wanted)
        name, number = base, 1
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def new_numbered_name(self, symbol: str) -> str:
        """Return a symbol with the first unused number: h1, h2."""
        name = next(n for n in (f"{symbol}{number}" for number in itertools.count(1)) if n not in self.taken)
        self.taken.add(name)
        return name


class NumpyWriter:
    """Writes expressions as assignments, and collects the definitions that they need."""

    constant_call = ("", "")
    """Source before and after the array of a constant."""

    def __init__(self, extractor: SourceExtractor, names: VariableNames) -> None:
        self.extractor = extractor  # functions and imports that the lines use
        self.names = names
        self.constants: list[str] = []  # assignments of constant arrays
        self.lines: list[str] = []
        self.known: dict[Expr, ast.expr] = {}

    def add_leaf(self, node: Expr, wanted: str) -> str:
        """Assign a variable to a leaf."""
        name = self.names.new_name(wanted)
        self.known[node] = make_variable(name)
        return name

    def write(self, outputs: Sequence[Expr], wanted: dict[Expr, str]) -> list[str]:
        """Write the assignments that compute expressions, and return a variable or short formula for each of them.

        ``wanted`` are names of some expressions.
        """
        order = topological(outputs, stop=self.known)
        order = [node for node in order if node not in self.known]
        uses = Counter(i for node in order for i in node.inputs)
        uses.update(outputs)
        for node in order:
            if isinstance(node, Constant):
                self.known[node] = self.write_constant(node)
                continue
            tree = self.write_expression(node)
            shown = ast.unparse(tree)
            name = wanted.get(node) or node.name or self.suggest_name(node)
            if name is None and uses[node] <= 1 and len(shown) <= MAX_INLINE_WIDTH:
                self.known[node] = tree
                continue
            assert node.op is not None
            target = self.names.new_name(name) if name else self.names.new_numbered_name(choose_symbol(node))
            has_shape = len(node.types) == 1 and node.ndim
            facts = [format_shape(node.shape) if has_shape else "", self.describe_formula(node)]
            comment = comment_to_source(", ".join(filter(None, facts)))
            self.lines += [*self.write_heading(node), f"{target} = {shown}" + (f"  # {comment}" if comment else "")]
            self.known[node] = make_variable(target)
        return [ast.unparse(self.known[output]) for output in outputs]

    def suggest_name(self, node: Expr) -> str | None:
        """Return a name for a variable, or None to write the expression in place if it is short and used once."""
        return None

    def write_heading(self, node: Expr) -> list[str]:
        """Return the lines above an assignment."""
        return []

    def describe_formula(self, node: Expr) -> str:
        """Return a few words about an assignment."""
        return ""

    def write_constant(self, node: Constant) -> ast.expr:
        if not node.ndim:
            return make_number(node.value[()])
        name = self.names.new_name("constant_1")
        before, after = self.constant_call
        start = f"{name} = {before}"
        self.constants.append(start + array_to_source(node.value, self.extractor.imports, len(start)) + after)
        return make_variable(name)

    def write_expression(self, node: Expr) -> ast.expr:
        """Write an op as an operator, an inline NumPy expression, or a call."""
        op = node.op
        assert op is not None
        operands = [self.write_operand(node, i) for i in node.inputs]
        return (
            write_operator(node, operands)
            or write_reshape(node, operands)
            or write_size(node, operands)
            or write_template(node, operands)
            or write_one_hot(node, operands)
            or self.write_window_call(node, op, operands)
            or self.inline(node, op, operands)
            or self.write_call(node, op, operands)
        )

    def write_window_call(self, node: Expr, op: Op, operands: list[ast.expr]) -> ast.expr | None:
        """Write a call of a function for the settings of a convolution or pooling, which is included in the script."""
        function = write_window_function(node)
        if function is None:
            return None
        parts, names = self.extractor.parts, [op.name, *(f"{op.name}_{number}" for number in range(2, MAX_VARIANTS))]
        name = next(n for n in names if parts.get(n) in (None, function.write(n)))
        parts[name] = function.write(name)
        self.names.taken.add(name)
        return ast.Call(make_variable(name), operands, [])

    def write_operand(self, node: Expr, operand: Expr) -> ast.expr:
        """Write an operand. A number gets an explicit dtype unless NumPy infers it from another operand."""
        tree = self.known[operand]
        assert node.op is not None
        is_inferred = node.op.elementwise and any(not isinstance(i, Constant) for i in node.inputs)
        if not isinstance(operand, Constant) or operand.ndim or (is_inferred and operand.dtype.kind == "f"):
            return tree
        if operand.dtype in (np.dtype(bool), np.dtype("float64"), np.dtype("int64")):
            return tree
        return ast.Call(make_attribute("np", operand.dtype.name), [tree], [])

    def inline(self, node: Expr, op: Op, operands: list[ast.expr]) -> ast.expr | None:
        """Write the body of an op with the operands in place, if it is a single expression."""
        tree = get_single_expression(op)
        if tree is None or any(isinstance(v, Subgraph) for v in node.settings.values()):
            return None
        settings = {name: self.write_setting(value) for name, value in {**op.defaults, **node.settings}.items()}
        given: dict[str, ast.expr] = {**settings, **bind_operands(op, operands)}
        uses = Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
        if any(uses[name] > 1 and not isinstance(given[name], (ast.Name, ast.Constant)) for name in given):
            return None
        ready = self.extractor.adapt(copy.deepcopy(tree), op.value)
        return CallSimplifier(node).visit(Substitution(given, node).visit(ready))  # type: ignore[no-any-return]

    def write_call(self, node: Expr, op: Op, operands: list[ast.expr]) -> ast.expr:
        """Write a call of the op's function, which is included in the script."""
        self.extractor.add(op.name, op.value)
        self.names.taken.add(op.name)
        keywords = [
            ast.keyword(name, self.write_setting(value, op))
            for name, value in node.settings.items()
            if isinstance(value, Subgraph) or value != op.defaults.get(name, ...)
        ]
        return ast.Call(make_variable(op.name), operands, unwrap_axis(keywords))

    def write_setting(self, value: object, op: Op | None = None) -> ast.expr:
        """Write a setting. A graph inside an op becomes a function."""
        if isinstance(value, Subgraph):
            assert op is not None
            return make_variable(self.write_body(value, ".make_empty_outputs" in self.extractor.parts[op.name]))
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return make_tuple([self.write_setting(v) for v in value])
        if type(value).__module__.startswith("pellucid") and not isinstance(value, str):
            return self.write_object(value)
        return make_literal(value)

    def write_object(self, value: Any) -> ast.expr:
        """Write an instance of a small class of pellucid, and include the class."""
        cls = type(value)
        home = get_module_function(cls)
        if hasattr(value, "_fields"):
            self.extractor.include(cls.__name__, home)
            return ast.Call(make_variable(cls.__name__), [self.write_setting(v) for v in value], [])
        [name] = [n for n, v in get_global_names(home).items() if v is value]
        self.extractor.include_instance(name, value)
        return make_variable(name)

    def write_body(self, body: Subgraph, needs_empty: bool) -> str:
        """Write the graph inside an op as a function, and return its name."""
        inner = NumpyWriter(self.extractor, self.names)
        name = self.names.new_name("step_1")
        parameters = [inner.add_leaf(place, place.name or "x") for place in body.inputs]
        results = inner.write(body.outputs, {})
        self.constants += inner.constants
        lines = [*inner.lines, f"return [{', '.join(results)}]"]
        self.lines += [f"def {name}({', '.join(parameters)}):", *["    " + line for line in lines], ""]
        if needs_empty:
            empty = [f"np.empty({write_empty_shape(e, body)}, {e.dtype.name!r})" for e in body.outputs]
            self.lines.append(f"{name}.make_empty_outputs = lambda values: [{', '.join(empty)}]")
        return name


def write_empty_shape(e: Expr, body: Subgraph) -> str:
    """Write the shape of a stacked output of no iterations. Its names are sizes of ``values``, the inputs of one."""
    places = {
        str(dim): f"values[{k}].shape[{axis}]"
        for k, i in enumerate(body.inputs)
        for axis, dim in enumerate(i.shape)
        if isinstance(dim, str)
    }

    def write_dim(dim: Dim) -> str:
        if str(dim) not in places and not all(name in places for name in read_dim(dim).list_names()):
            return "0"
        return places.get(str(dim)) or re.sub(r"\?\d+|\b[^\W\d]\w*", lambda m: places.get(m[0], m[0]), str(dim))

    return f"(0, {''.join(write_dim(dim) + ', ' for dim in e.shape)})"


def parse_text_form(node: Expr) -> ast.expr | None:
    """Return the text form of an op on placeholders, or None if it is not Python.

    Names of dimensions may come from a file. Those that are not identifiers are hidden.
    """
    op, settings = node.op, node.settings
    if op is None or len(node.inputs) > len(OPERAND_NAMES) or any(isinstance(v, Subgraph) for v in settings.values()):
        return None
    try:
        names = dict(zip(node.inputs, OPERAND_NAMES, strict=False))
        pattern = Pattern(op, node.inputs, {key: hide_texts(value) for key, value in settings.items()})
        return ast.parse(render(pattern, PythonNotation(), 10_000, names), mode="eval").body
    except SyntaxError:
        return None


def hide_texts(value: object) -> object:
    """Replace strings that are not identifiers in a setting."""
    if type(value) is tuple:
        return tuple(map(hide_texts, value))
    if not isinstance(value, str) or isinstance(value, Unknown):
        return value
    if value.isidentifier() and value.isascii() and not keyword.iskeyword(value) and value not in OPERANDS:
        return value
    return f"{HIDDEN}{value.encode('utf-8', 'surrogatepass').hex()}"


def reveal_text(name: str) -> str:
    """Return the string that a name of a setting stands for, the inverse of `hide_texts`."""
    hidden = name.removeprefix(HIDDEN)
    return name if hidden == name else bytes.fromhex(hidden).decode("utf-8", "surrogatepass")


def write_operator(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write an op as in its text form, if that has only Python operators."""
    tree = parse_text_form(node)
    if tree is None or isinstance(tree, ast.Name):
        return None
    parts = list(ast.walk(tree))
    if any(isinstance(n, (ast.Call, ast.Attribute)) for n in parts):
        return None
    is_bitwise = any(isinstance(n, (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Invert)) for n in parts)
    if is_bitwise and any(i.dtype.kind not in "biu" or node.dtype.kind != i.dtype.kind for i in node.inputs):
        return None
    if {n.id for n in parts if isinstance(n, ast.Name)} - set(OPERAND_NAMES):
        return None
    return Substitution(dict(zip(OPERAND_NAMES, operands, strict=False)), node).visit(tree)  # type: ignore[no-any-return]


def collect_definition_names(roots: Iterable[Expr]) -> set[str]:
    """Return the names of the functions that the source of expressions defines, which no variable may have."""
    found: set[str] = set()
    done: set[Expr] = set()
    pending = [*roots]
    while pending:
        nodes = [node for node in topological(pending) if node not in done and node.op is not None]
        pending = [e for node in nodes for body in get_bodies(node) for e in body.outputs]
        done.update(nodes)
        for node in nodes:
            check_has_source(node)
            found.update(get_definition_names(node.op))
    return found


def check_has_source(node: Expr) -> None:
    """Refuse ops that `pellucid.from_jax` made, which have no NumPy code."""
    assert node.op is not None
    if node.op not in (OUTPUT, PASSTHROUGH) and OPS.get(node.op.name) is not node.op:
        raise UseError(
            f"The op {node.op.name} is a function of JAX, which cannot be written as NumPy code. Expression: "
            f"{brief(node)}"
        ).with_operands([node])


def get_bodies(node: Expr) -> list[Subgraph]:
    return [value for value in node.settings.values() if isinstance(value, Subgraph)]


@functools.cache
def get_definition_names(op: Op) -> frozenset[str]:
    """Return the names that the function of an op and the functions called by it have in a script."""
    extractor = SourceExtractor()
    if op is OUTPUT or op.name == "shape_template":  # written as an index, and as np.zeros
        return frozenset()
    if op.name in WINDOW_WRITERS:  # with a number for each further set of settings
        extractor.parts |= dict.fromkeys([op.name, *(f"{op.name}_{number}" for number in range(2, MAX_VARIANTS))], "")
    tree = get_single_expression(op)
    if tree is None:
        extractor.add(op.name, op.value)
    else:
        extractor.adapt(copy.deepcopy(tree), op.value)
    modules = [line.split(" ")[-1].partition(".")[0] for line in extractor.imports]
    return frozenset([*extractor.parts, *modules])


@functools.cache
def get_single_expression(op: Op) -> ast.expr | None:
    """Return the body of an op if it is a single expression."""
    return get_returned_expression(parse_function(op.value))


def bind_operands(op: Op, operands: list[ast.expr]) -> dict[str, ast.expr]:
    """Return operands by the names of the op's parameters; the operands of a variadic op are a tuple."""
    if not op.variadic:
        return dict(zip(op.operands, operands, strict=True))
    parameters = list(inspect.signature(op.value).parameters.values())[1:]
    variadic = next(i for i, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL)
    leading = {p.name: operand for p, operand in zip(parameters[:variadic], operands, strict=False)}
    return {**leading, parameters[variadic].name: make_tuple(operands[variadic:])}


class Substitution(ast.NodeTransformer):
    """Replaces names by code, and run-time shapes by tuples."""

    def __init__(self, given: dict[str, ast.expr], node: Expr) -> None:
        self.given = given
        self.node = node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "run_time_shape":
            array = self.visit(node.args[0])
            return make_tuple([write_run_time_size(array, d) for d in self.node.settings["shape"]])
        return self.generic_visit(node)  # type: ignore[return-value]


def write_run_time_size(array: ast.expr, dim: Dim) -> ast.expr:
    """Write a dimension: a number, the size of an axis of an array, or -1 for an unknown size."""
    if hasattr(dim, "axis"):
        return ast.Subscript(ast.Attribute(array, "shape", ast.Load()), ast.Constant(dim.axis), ast.Load())
    return ast.Constant(-1 if isinstance(dim, str) else dim)
