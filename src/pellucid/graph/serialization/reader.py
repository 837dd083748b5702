"""From data to expressions. The data may come from anybody: nothing is believed, and no code of theirs is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError, StorageError, near_miss
from pellucid.graph.expr import Expr, Input, Shared, as_expr, attach_label, constant, is_compatible_shape
from pellucid.graph.gc_pause import pause_gc
from pellucid.graph.op_def import OPS, OUTPUT, PASSTHROUGH, Op
from pellucid.graph.serialization.attributes import DimEncoder, decode
from pellucid.graph.serialization.writer import FORMAT
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all
from pellucid.graph.types import Type, format_shape

Array = np.ndarray[Any, Any]
TAGS = {"trainable", "regularizable", "trainable_by_default"}


class GraphReader:
    """The expressions of some data, in the order in which they stand there.

    Parameters
    ----------
    data : dict
        As a `Writer` returns it.
    arrays : dict from str to array
        The values.
    leaves : dict from int to Expr, optional
        What takes the place of an input or a shared variable of the data; its value is left alone.
    """

    def __init__(self, data: Any, arrays: Mapping[str, Array], leaves: Mapping[int, Expr] | None = None) -> None:
        check_format(data)
        self.arrays = arrays
        self.leaves = leaves or {}
        self.dims = DimEncoder()
        self.exprs: list[Expr] = []
        with pause_gc():
            for place, entry in enumerate(data["nodes"]):
                self.exprs.append(self.at(place, entry))
        for entry in check_list(data.get("shared", []), "shared"):
            self.complete(entry)

    def at(self, place: int, entry: Any) -> Expr:
        """Return the expression of one entry, and say which it is if it is none."""
        try:
            if not isinstance(entry, dict) or ("op" in entry) == ("leaf" in entry):
                raise StorageError(f"Expected an op or a leaf. Received: {entry!r:.100}")
            return self.op(entry) if "op" in entry else self.leaf(place, entry)
        except StorageError as error:
            raise StorageError(f"Entry {place} of the graph: {error}") from error
        except Exception as error:
            # Data from anybody can be wrong in any way, and an op's own rules fail on it in words of their own.
            what = entry.get("op", entry.get("leaf"))
            reason = str(error) if isinstance(error, PellucidError) else f"{type(error).__name__}: {error}"
            raise StorageError(f"Entry {place} of the graph, {what!r:.100}, makes no expression: {reason}") from error

    def expr(self, place: Any) -> Expr:
        """Return the expression at a place before the one that is read."""
        if type(place) is not int or not 0 <= place < len(self.exprs):
            raise StorageError(
                f"Expected the number of an entry before it, below {len(self.exprs)}. Received: {place!r:.100}"
            )
        return self.exprs[place]

    def leaf(self, place: int, entry: dict[str, Any]) -> Expr:
        """Return an input, a shared variable or a constant."""
        check_keys(entry, {"leaf", "type"}, {"name", "value", "tags"})
        name = read_name(entry)
        if place in self.leaves:
            given = self.leaves[place]
            self.dims.bind(entry["type"][1], given.shape)
            type_ = self.dims.decode_type(entry["type"])
            if given.dtype != type_.dtype or not is_compatible_shape(given.shape, type_.shape):
                raise StorageError(f"Expected {type_} for {name}. Received: {given}, which is {given.type}")
            return given
        type_ = self.dims.decode_type(entry["type"])
        if entry["leaf"] == "input":
            return Input(name, type_.shape, type_.dtype)
        if entry["leaf"] == "constant":
            return constant(self.value(entry.get("value"), type_))
        if entry["leaf"] != "shared":
            raise StorageError(f"Expected an input, a shared variable or a constant. Received: {entry['leaf']!r:.100}")
        tags = set(check_list(entry.get("tags", []), "tags"))
        if not tags <= TAGS:
            raise StorageError(f"Expected tags out of {', '.join(sorted(TAGS))}. Received: {sorted(tags)!r:.100}")
        made = Shared(self.value({"array": entry.get("value")}, type_), name)
        for tag in TAGS:
            setattr(made, tag, tag in tags)
        return made

    def value(self, data: Any, type_: Type) -> Array:
        """Return an array that is written out, or that has a name, and hold it against its type."""
        if isinstance(data, dict):
            key = data.get("array")
            if not isinstance(key, str) or key not in self.arrays:
                raise StorageError(f"Its value, the array {key!r:.100}, is not there")
            array = np.asarray(self.arrays[key])
        else:
            array = np.array(data, dtype=type_.dtype)
        if array.dtype != type_.dtype or array.shape != type_.shape:
            raise StorageError(f"Expected a value that is {type_}. Received: {array.dtype} {format_shape(array.shape)}")
        return array

    def op(self, entry: dict[str, Any]) -> Expr:
        """Return an op on expressions that are there already, and hold its type against the one that was written."""
        check_keys(entry, {"op", "inputs", "types"}, {"settings", "name"})
        op = find_op(entry["op"])
        inputs = tuple(self.expr(i) for i in check_list(entry["inputs"], "inputs"))
        if not op.variadic and len(inputs) != len(op.operands):
            raise StorageError(f"{op.name} takes {len(op.operands)} operands. Received: {len(inputs)}")
        given = entry.get("settings", {})
        if not isinstance(given, dict) or not set(given) <= set(op.defaults):
            known = ", ".join(op.defaults) or "none"
            raise StorageError(f"{op.name} has the settings {known}. Received: {given!r:.100}")
        made = op.make(inputs, {key: decode(value, self.dims, self.body) for key, value in given.items()})
        self.check_types(made, check_list(entry["types"], "types"))
        name = read_name(entry)
        return made if name is None else attach_label(made, name=name)

    def check_types(self, made: Expr, types: list[Any]) -> None:
        """Refuse an op that is no longer of the type that it was when it was written."""
        if len(types) == len(made.types):
            for data, actual in zip(types, made.types, strict=True):
                self.dims.bind(data[1] if isinstance(data, list) and len(data) == 2 else None, actual.shape)
        written = tuple(self.dims.decode_type(t) for t in types)
        same = len(written) == len(made.types) and all(
            a.dtype == b.dtype and is_compatible_shape(a.shape, b.shape)
            for a, b in zip(written, made.types, strict=True)
        )
        if not same:
            raise StorageError(f"{made} was {', '.join(map(str, written))}, and is {', '.join(map(str, made.types))}")

    def body(self, data: Any) -> Subgraph:
        """Return a graph inside an op: placeholders, and what is made of them."""
        if not isinstance(data, dict) or set(data) != {"inputs", "outputs"}:
            raise StorageError(f"Expected a graph inside an op, its inputs and outputs. Received: {data!r:.100}")
        inputs, outputs = (tuple(self.expr(i) for i in check_list(data[k], k)) for k in ("inputs", "outputs"))
        if not all(isinstance(e, Input) for e in inputs):
            raise StorageError(f"Expected inputs of a graph inside an op. Received: {inputs!r:.100}")
        return Subgraph(inputs, outputs)

    def complete(self, entry: Any) -> None:
        """Give a shared variable the update that it brings along, and its constraint."""
        if not isinstance(entry, dict):
            raise StorageError(f"Expected what a shared variable brings along. Received: {entry!r:.100}")
        check_keys(entry, {"shared"}, {"default_update", "constraint"})
        variable = self.expr(entry["shared"])
        if not isinstance(variable, Shared):
            raise StorageError(f"Expected a shared variable. Received: {variable}")
        if entry["shared"] in self.leaves:
            return
        if "default_update" in entry:
            update = self.expr(entry["default_update"])
            if update.type != variable.type:
                raise StorageError(f"{variable} is {variable.type}. Received: an update of it that is {update.type}")
            variable.default_update = update
        if "constraint" in entry:
            body = self.body(entry["constraint"])
            if [e.type for e in (*body.inputs, *body.outputs)] != [variable.type] * 2:
                raise StorageError(f"Expected a constraint from {variable.type} to {variable.type}, for {variable}")
            variable.constraint = make_function(body)


def make_function(body: Subgraph) -> Callable[[Any], Any]:
    """Return the function that a graph is, from what takes the place of its inputs to its first output."""

    def function(*operands: Any) -> Expr:
        return replace_all(body.outputs, dict(zip(body.inputs, map(as_expr, operands), strict=True)))[0]

    return function


def find_op(name: Any) -> Op:
    """Return the op of a name, or say how to have it."""
    for op in (OUTPUT, PASSTHROUGH):
        if name == op.name:
            return op
    if not isinstance(name, str) or name not in OPS:
        hint = near_miss(name, OPS) if isinstance(name, str) else ""
        raise StorageError(
            f"There is no op named {name!r:.100}.{hint} If it is one of your own, run the code that defines it, with "
            "pel.op or pel.compound, before you load"
        )
    return OPS[name]


def check_format(data: Any) -> None:
    """Refuse what is no graph, or one of a later format."""
    if not isinstance(data, dict) or type(data.get("format")) is not int or not isinstance(data.get("nodes"), list):
        raise StorageError(f"Expected a graph as data, with its format and nodes. Received: {data!r:.100}")
    if data["format"] != FORMAT:
        raise StorageError(
            f"Expected a graph of format {FORMAT}. Received: format {data['format']}; a newer pellucid wrote it"
        )


def check_keys(entry: dict[str, Any], needed: set[str], allowed: set[str]) -> None:
    """Refuse an entry that lacks something, or has something nobody would read."""
    if not needed <= set(entry) <= needed | allowed:
        raise StorageError(f"Expected {', '.join(sorted(needed))}. Received: {sorted(map(str, entry))!r:.200}")


def check_list(data: Any, what: str) -> list[Any]:
    """Return a list, or say that it must be one."""
    if not isinstance(data, list):
        raise StorageError(f"Expected a list of {what}. Received: {data!r:.100}")
    return data


def read_name(entry: dict[str, Any]) -> str | None:
    """Return the name in an entry."""
    name = entry.get("name")
    if name is not None and not isinstance(name, str):
        raise StorageError(f"Expected a name. Received: {name!r:.100}")
    return name


def from_data(data: Any, arrays: Mapping[str, Array], leaves: Mapping[int, Expr] | None = None) -> Any:
    """Return the expressions that `to_data` wrote, in the form in which they were given.

    Inputs and shared variables are new ones, unless others are given; everything else is interned as usual, so that
    on the same leaves it is the same expression.

    Parameters
    ----------
    data : dict
        From `to_data`, or from anybody: it is checked, and no code of it is run.
    arrays : dict from str to array
        The values.
    leaves : dict from int to Expr, optional
        What takes the place of a leaf, by its place in ``data["nodes"]``.

    Returns
    -------
    Expr, or a list, tuple or dict of them

    Raises
    ------
    StorageError
        If the data are no graph; the entry is named. Nothing is changed then.

    Examples
    --------
    >>> from pellucid.graph.serialization import to_data
    >>> x, W = pel.vector("x"), pel.shared([1.0, 2.0], "W")
    >>> data, arrays = to_data({"y": x * W})
    >>> from_data(data, arrays)
    {'y': x * W}
    >>> from_data(data, arrays, {0: x, 1: W})["y"] is x * W
    True
    """
    reader = GraphReader(data, arrays, leaves)
    try:
        return read_structure(data.get("outputs"), reader)
    except RecursionError:
        raise StorageError("Expected the outputs of a graph. Received: lists in lists without end") from None


def read_structure(data: Any, reader: GraphReader) -> Any:
    """Return expressions in the form that was written."""
    if type(data) is int:
        return reader.expr(data)
    if isinstance(data, dict) and len(data) == 1:
        [(kind, parts)] = data.items()
        if kind in ("list", "tuple"):
            found = [read_structure(part, reader) for part in check_list(parts, "outputs")]
            return found if kind == "list" else tuple(found)
        if kind == "dict" and all(isinstance(pair, list) and len(pair) == 2 for pair in check_list(parts, "outputs")):
            return {
                key if isinstance(key, str) else reader.expr(key): read_structure(value, reader) for key, value in parts
            }
    raise StorageError(f"Expected the outputs of a graph. Received: {data!r:.100}")
