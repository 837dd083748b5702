"""``theano.gof.graph``: what a variable depends on."""

from __future__ import annotations

from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.variables import Apply, Variable, as_tensor_variable, wrap
from pellucid.compat.theano.variables import TensorConstant as Constant
from pellucid.graph.traversal import topological

__all__ = ["Apply", "Constant", "Variable", "ancestors", "inputs", "is_same_graph"]


def inputs(variable_list: Any, blockers: Any = None) -> list[Any]:
    """Leaves on which variables depend, in the order in which they occur in the formula."""
    stack, found, seen = [as_tensor_variable(v).expr for v in variable_list], [], set()
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            stack.extend(reversed(e.inputs))
            if e.op is None:
                found.append(wrap(e))
    return found


def ancestors(variable_list: Any, blockers: Any = None) -> list[Any]:
    """Variables on which others depend, and themselves."""
    return [wrap(e) for e in topological([as_tensor_variable(v).expr for v in variable_list])]


def is_same_graph(var1: Any, var2: Any, givens: Any = None, debug: bool = False) -> bool:
    """Whether two variables are the same formula of the same leaves."""
    from pellucid.compat.theano.scan_module import clone

    first, second = (clone(v, givens) if givens else as_tensor_variable(v) for v in (var1, var2))
    return first.expr is second.expr


add_missing_name_errors(globals(), "theano.gof.graph")
