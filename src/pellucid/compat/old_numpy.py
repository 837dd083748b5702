"""NumPy as it was: arrays of one element are numbers in ``int(a)``, ``"%f" % a`` or ``x.reshape(a, 2)``, and print so.

Calls are replaced in the tree of a script, because built-in functions such as ``int`` are types that must stay.
"""

import ast
import re

import numpy as np

FUNCTIONS = {
    "int", "float", "range", "round", "frombuffer", "fromstring", "fromfile", "linspace", "zeros", "ones", "empty",
    "eye", "identity", "reshape", "repeat", "tile", "rand", "randn", "uniform", "normal", "randint", "choice",
}  # fmt: skip
"""Functions that take numbers or sizes, and those that read integers, among them sizes in the headers of files."""

DATA_FIRST = (np.reshape, np.repeat, np.tile, np.random.choice)
"""Functions whose first argument is not a size."""

CONVERSION = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[hlL]?([a-zA-Z%])")


class IntegerArray(np.ndarray):
    """Array that is also an index and a size if it has one element."""

    def __index__(self):
        if self.size != 1:
            raise TypeError(f"expected one integer as an index or a size, received an array of shape {self.shape}")
        return self.item().__index__()


def to_number(value):
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def to_size(value):
    """Return the number of an array of one element, and the integer for a whole number, also in a shape."""
    if type(value) in (tuple, list) and any(isinstance(v, (float, np.floating, np.ndarray)) for v in value):
        return type(value)(map(to_size, value))
    return int(value) if isinstance(value, (float, np.floating)) and value.is_integer() else to_number(value)


def call(function, *args, **options):
    """Call a function, and again with numbers for arrays of one element and whole numbers if it refuses them."""
    try:
        result = function(*args, **options)
    except TypeError:
        values, convert = [*args, *options.values()], to_number if function is range else to_size
        numbers = [v if i < (function in DATA_FIRST) else convert(v) for i, v in enumerate(values)]
        if all(a is b for a, b in zip(values, numbers, strict=True)):
            raise
        result = function(*numbers[: len(args)], **dict(zip(options, numbers[len(args) :], strict=True)))
    is_read = type(result) is np.ndarray and getattr(function, "__name__", "").startswith("from")
    return result.view(IntegerArray) if is_read and result.shape == (1,) and result.dtype.kind in "iu" else result


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
            case ast.Name(name) | ast.Attribute(attr=name) if name in FUNCTIONS and (node.args or node.keywords):
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
