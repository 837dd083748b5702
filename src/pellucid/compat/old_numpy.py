"""NumPy as it was: arrays of one element are numbers in ``int(a)``, ``"%f" % a`` or ``x.reshape(a, 2)``, and print so.

Calls are replaced in the tree of a script, because built-in functions such as ``int`` are types that must stay.
"""

import ast
import re

import numpy as np

FUNCTIONS = {"int", "float", "range", "round", "frombuffer", "fromstring", "fromfile"}
"""Functions that take numbers, and functions of NumPy that read integers, among them sizes in the headers of files."""

CONVERSION = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[hlL]?([a-zA-Z%])")


class IntegerArray(np.ndarray):
    """Array that is also an index and a size if it has one element."""

    def __index__(self):
        if self.size != 1:
            raise TypeError(f"expected one integer as an index or a size, received an array of shape {self.shape}")
        return self.item().__index__()


def to_number(value):
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def call(function, *args, **options):
    """Call a function, and again with numbers for arrays of one element if it refuses them."""
    try:
        result = function(*args, **options)
    except TypeError:
        numbers = [*map(to_number, args)]
        if all(a is b for a, b in zip(args, numbers, strict=True)):
            raise
        result = function(*numbers, **options)
    is_size = type(result) is np.ndarray and result.shape == (1,) and result.dtype.kind in "iu"
    return result.view(IntegerArray) if is_size else result


def format_values(text, values):
    """Return ``text % values`` with numbers for arrays of one element where the format asks for numbers."""
    try:
        return text % values
    except TypeError:
        kinds = [kind for kind in CONVERSION.findall(text) if kind != "%"]
        found = values if isinstance(values, tuple) else (values,)
        if len(kinds) != len(found):
            raise
        return text % tuple(v if k in "sra" else to_number(v) for k, v in zip(kinds, found, strict=True))


class _NumberCalls(ast.NodeTransformer):
    """Replaces calls of `FUNCTIONS` and ``math``, and ``"..." % values``, by those that take arrays of one element."""

    def visit_Call(self, node):
        self.generic_visit(node)
        match node.func:
            case ast.Name(name) | ast.Attribute(attr=name) if name in FUNCTIONS and node.args:
                pass
            case ast.Attribute(ast.Name("math")):
                pass
            case _:
                return node
        node.args, node.func = [node.func, *node.args], ast.Name("__call_with_numbers__", ast.Load())
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Mod) or not isinstance(getattr(node.left, "value", None), str):
            return node
        return ast.copy_location(
            ast.Call(ast.Name("__format_numbers__", ast.Load()), [node.left, node.right], []), node
        )


def transform(tree):
    """Return a tree whose calls take arrays of one element; its module needs the names of `BUILTINS`."""
    return ast.fix_missing_locations(_NumberCalls().visit(tree))


def print_values(*values, **options):
    """Print arrays without axes like NumPy's numbers: with 12 digits, so that ``0.2 + 0.7`` is 0.9."""
    print(*(v[()] if isinstance(v, np.ndarray) and not v.ndim else v for v in values), **options)


BUILTINS = {"__call_with_numbers__": call, "__format_numbers__": format_values, "print": print_values}
PRINT_OPTIONS = {"legacy": "1.13"}
"""NumPy 1.13 was the last that rounded float64 to 12 digits and float32 to 6 in `print` and `str`."""
