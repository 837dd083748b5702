"""Pickling and copying of expressions.

A pickle holds the data of `GraphWriter`, without inputs and shared variables. Those are objects of the pickle, which
stores each object once: expressions, functions and models that share a variable still share it after loading.
"""

from __future__ import annotations

import copy
import json
import pickle
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Any, NamedTuple

from pellucid.extension_points import expression_copy, expression_reduction
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.op import OPS
from pellucid.graph.serialization.reader import GraphReader, SubgraphFunction, read_structure
from pellucid.graph.serialization.writer import (
    TAGS,
    GraphWriter,
    make_local_op_error,
    trace_constraint,
    write_structure,
)
from pellucid.graph.traversal import collect_shared, replace_all
from pellucid.typing import Array

CODE_PICKLERS = frozenset({"cloudpickle", "dill"})
"""Packages that pickle the code of functions and classes, where pickle stores a module and a name."""


class GraphState(NamedTuple):
    """Content of a pickle of expressions, or of objects that contain expressions."""

    text: str  # JSON: the table of expressions, and data that refers to it
    arrays: Mapping[str, Array]  # large constants
    leaves: Mapping[int, Expr]  # inputs and shared variables, by their entry in the table
    ops: tuple[Any, ...]  # functions of custom ops: loading them imports their modules, which registers the ops

    def make_reader(self) -> tuple[GraphReader, Any]:
        """Return a reader of the expressions, and the data that refers to them."""
        graph, data = json.loads(self.text)
        return GraphReader(graph, self.arrays, self.leaves), data


def get_state(writer: GraphWriter, data: Any) -> GraphState:
    """Return the state of the expressions of a writer, and of JSON data that refers to them."""
    text = json.dumps([writer.to_data(), data], allow_nan=False)
    for node in writer.local_ops.values():
        raise make_local_op_error(node)
    return GraphState(text, writer.arrays, writer.leaves, collect_custom_ops(writer))


def collect_custom_ops(writer: GraphWriter) -> tuple[Any, ...]:
    """Return the functions of the custom ops in a graph that pickle can import."""
    names = dict.fromkeys(node["op"] for node in writer.nodes if "op" in node)
    functions = [OPS[name].function for name in names if name in OPS]
    return tuple(f for f in functions if is_importable(f) and not f.__module__.startswith(("pellucid.", "__main__")))


def is_importable(value: Any) -> bool:
    """Whether pickle finds a class or function by its module and name."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def is_picklable(value: Any) -> bool:
    """Whether pickle can store a class, a function or an object that consists of them."""
    if isinstance(value, (type, FunctionType)):
        return is_importable(value)
    try:
        pickle.dumps(value)
    except Exception:  # pickle raises errors of many classes
        return False
    return True


def is_code_pickled() -> bool:
    """Whether the calling pickler also pickles code. Only the stack shows which pickler calls ``__reduce__``."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if not CODE_PICKLERS.isdisjoint(str(frame.f_globals.get("__name__")).split(".")):
            return True
    return False


def pack(structure: Any) -> GraphState:
    """Return the state of expressions in nested lists, tuples and dictionaries."""
    writer = GraphWriter(keeps_leaves=True)
    return get_state(writer, write_structure(structure, writer))


def unpack(state: GraphState) -> Any:
    """Return the expressions that `pack` packed."""
    reader, data = state.make_reader()
    return read_structure(data, reader)


@expression_reduction.register
def reduce_expression(e: Expr) -> tuple[Any, ...]:
    """Return the parts of an expression for pickle, as ``__reduce__`` does."""
    if isinstance(e, Input):
        return Input, (e.name, e.shape, e.dtype)
    if not isinstance(e, Shared):
        return unpack, (pack(e),)
    attributes = {tag: getattr(e, tag) for tag in (*TAGS, "indexed_by", "default_update")}
    if e.constraint is not None:
        attributes["constraint"] = SubgraphFunction(trace_constraint(e))
    return Shared, (e.get_value(), e.name), (None, attributes)


@expression_copy.register
def copy_expression(e: Expr, memo: dict[int, Any]) -> Expr:
    """Return an expression of copies of its shared variables, for `copy.deepcopy`.

    Expressions without shared variables are immutable, and returned as they are.
    """
    if not isinstance(e, Shared):
        shared = collect_shared([e])
        copies: dict[Expr, Expr] = {s: copy.deepcopy(s, memo) for s in shared}
        return replace_all([e], copies, names=True)[0] if copies else e
    copied = memo[id(e)] = Shared(e.get_value(), e.name)
    for tag in (*TAGS, "indexed_by", "constraint"):
        setattr(copied, tag, getattr(e, tag))
    copied.default_update = copy.deepcopy(e.default_update, memo)  # it may depend on the variable
    return copied
