"""``theano.printing``: formulas, graphs, and values that a function prints."""

import sys
import weakref

import pellucid as pel
from pellucid.compat.theano.variables import as_tensor_variable, wrap
from pellucid.graph.errors import UseError
from pellucid.graph.traversal import topological

_printed = {}
"""Expressions whose values are printed, by identity, with the text before and the attributes that are printed."""


def pprint(variable, *options, **more):
    """Formula of a variable, as pellucid writes it."""
    return str(as_tensor_variable(variable).expr)


pp = min_informative_str = pprint


def debugprint(obj, depth=-1, print_type=False, file=None, **options):
    """Print the graph of a variable or a function as a tree, whole; ``file="str"`` returns it.

    ``depth`` and ``print_type`` have no effect.
    """
    several = obj if isinstance(obj, list | tuple) else [obj]
    text = str(pel.tree(getattr(obj, "compiled", None) or [as_tensor_variable(o).expr for o in several]))
    if file == "str":
        return text
    print(text, file=file or sys.stdout)
    return None


def pydotprint(fct, outfile=None, **options):
    raise UseError("pydotprint is not in pellucid.compat. theano.printing.debugprint(f) prints the graph as a tree")


class Print:
    """Op that prints the value of a variable whenever a function computes it, outside of loops."""

    def __init__(self, message="", attrs=("__str__",), global_fn=None):
        self.message, self.attrs = message, attrs

    def __call__(self, x):
        e = as_tensor_variable(x).expr
        e = pel.named(self.message or "print", e if e.op is not None else pel.broadcast_like(e, e))
        _printed[id(e)] = self.message, self.attrs
        weakref.finalize(e, _printed.pop, id(e), None).atexit = False
        return wrap(e)


def list_prints(results):
    """Return the expressions whose values are printed, and how."""
    expressions = topological(results) if _printed else ()
    return [(e, *_printed[id(e)]) for e in expressions if id(e) in _printed]


def print_values(prints, values):
    """Print values as ``message attribute = value``."""
    for (_, message, attrs), value in zip(prints, values, strict=True):
        for attr in attrs:
            shown = getattr(value, attr)
            print(message, attr, "=", shown() if callable(shown) else shown)
