"""Short forms of NumPy calls: sizes, changes of shape, and calls without arguments that equal the defaults."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from pellucid.graph.expr import Expr
from pellucid.graph.ops.symbolic_sizes import number_size
from pellucid.show.sources.literals import make_attribute, make_number, make_tuple, make_variable


def write_reshape(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write a change of shape in which NumPy infers the only size that varies."""
    assert node.op is not None
    shape = node.settings.get("shape", ())
    if node.op.name != "reshape" or sum(isinstance(size, str) for size in shape) > 1:
        return None
    sizes = make_tuple([make_number(-1 if isinstance(size, str) else size) for size in shape])
    return ast.Call(make_attribute("np", "reshape"), [operands[0], sizes], [])


def write_template(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write an array of a shape that is computed from the sizes of others."""
    assert node.op is not None
    if node.op.name != "shape_template":
        return None
    lengths = {
        number_size(k, axis): write_length(x, axis) if isinstance(axis, int) else x
        for k, (x, axis) in enumerate(zip(operands, node.settings["axes"], strict=True))
    }
    sizes = [make_number(d) if isinstance(d, int) else write_formula(d, lengths) for d in node.settings["shape"]]
    return ast.Call(make_attribute("np", "zeros"), [make_tuple(sizes), make_variable("bool")], [])


def write_formula(text: str, lengths: Mapping[str, ast.expr]) -> ast.expr:
    """Write a formula of sizes with the lengths of axes in the place of names."""

    class Replace(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.expr:
            return lengths.get(name.id, name)

    tree: ast.expr = Replace().visit(ast.parse(text, mode="eval").body)
    return tree


def write_length(array: ast.expr, axis: int) -> ast.expr:
    """Write the length of an axis."""
    if axis:
        return ast.Subscript(ast.Attribute(array, "shape", ast.Load()), ast.Constant(axis), ast.Load())
    return ast.Call(make_variable("len"), [array], [])


def write_size(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write the size of one axis."""
    assert node.op is not None
    axes = node.settings.get("axis", ())
    if node.op.name != "size" or len(axes) != 1:
        return None
    [axis], [array] = axes, operands
    return ast.Call(make_attribute("np", node.dtype.name), [write_length(array, axis)], [])


def write_one_hot(node: Expr, operands: list[ast.expr]) -> ast.expr | None:
    """Write a one-hot encoding as the comparison of labels with the numbers of the classes."""
    assert node.op is not None
    if node.op.name != "one_hot":
        return None
    labels = ast.Call(make_attribute("np", "expand_dims"), [operands[0], make_number(-1)], [])
    classes = ast.Call(make_attribute("np", "arange"), [ast.Constant(node.settings["num_classes"])], [])
    is_class = ast.Compare(labels, [ast.Eq()], [classes])
    return ast.Call(ast.Attribute(is_class, "astype", ast.Load()), [ast.Constant(node.dtype.name)], [])


def unwrap_axis(keywords: list[ast.keyword]) -> list[ast.keyword]:
    """Write a tuple of one axis as the axis."""
    for word in keywords:
        if word.arg == "axis" and isinstance(word.value, ast.Tuple) and len(word.value.elts) == 1:
            word.value = word.value.elts[0]
    return keywords


REDUCTIONS = {"sum", "mean", "prod", "max", "min", "any", "all", "var", "logsumexp"}
"""Functions that reduce over all axes by default."""


class CallSimplifier(ast.NodeTransformer):
    """Removes arguments that equal the defaults of NumPy, and writes a transposed matrix as ``x.T``."""

    def __init__(self, node: Expr) -> None:
        self.ndim: int = node.inputs[0].ndim if node.inputs else 0

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        function = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if function == "transpose" and self.ndim == 2:
            return ast.Attribute(node.args[0], "T", ast.Load())
        node.keywords = unwrap_axis([w for w in node.keywords if not self.is_default(function, w)])
        return node

    def is_default(self, function: str, word: ast.keyword) -> bool:
        if isinstance(word.value, ast.Constant):
            return (word.arg, word.value.value) in (("keepdims", False), ("axis", None), ("initial", None))
        if word.arg != "axis" or function not in REDUCTIONS or not isinstance(word.value, ast.Tuple):
            return False
        axes = [e.value for e in word.value.elts if isinstance(e, ast.Constant)]
        return axes == list(range(self.ndim))
