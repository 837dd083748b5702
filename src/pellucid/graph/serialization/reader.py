"""Reading of expression graphs from JSON data of unknown origin, which is checked and never executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import PellucidError, StorageError, near_miss
from pellucid.graph.expr import Expr, Input, Shared, as_expr, attach_label, constant, is_compatible_shape, pause_gc
from pellucid.graph.op import OPS, OUTPUT, PASSTHROUGH, Op
from pellucid.graph.serialization.attributes import DimEncoder, decode_setting
from pellucid.graph.serialization.writer import FORMAT, TAGS
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import replace_all
from pellucid.graph.types import Type, format_shape

if TYPE_CHECKING:
    from pellucid.typing import Array


class GraphReader:
    """Creates the expressions of a table that a `GraphWriter` wrote.

    Parameters
    ----------
    data : dict
        The table.
    arrays : dict from str to array
        Values of shared variables and large constants.
    leaves : dict from int to Expr, optional
        Expressions to use for inputs and shared variables, by their index in the table. They keep their values.
    local_ops : dict from str to Op, optional
        Ops that are not registered, by their names in the table.

    Attributes
    ----------
    exprs : list of Expr
        The expression of each entry.
    """

    def __init__(
        self,
        data: Any,
        arrays: Mapping[str, Array],
        leaves: Mapping[int, Expr] | None = None,
        local_ops: Mapping[str, Op] | None = None,
    ) -> None:
        check_format(data)
        self.arrays = arrays
        self.leaves: Mapping[int, Expr] | dict[int, Expr] = leaves or {}
        self.local_ops: Mapping[str, Op] | dict[str, Op] = local_ops or {}
        self.dims: DimEncoder = DimEncoder()
        self.exprs: list[Expr] = []
        with pause_gc():
            for index, entry in enumerate(data["nodes"]):
                try:
                    self.exprs.append(self.read_node(index, entry))
                except StorageError as error:
                    raise StorageError(f"Entry {index} of the graph: {error}") from error
        for entry in check_list(data.get("shared", []), "shared"):
            self.read_shared_state(entry)

    def get_expr(self, index: Any) -> Expr:
        """Return the expression of an earlier entry."""
        if type(index) is not int or not 0 <= index < len(self.exprs):
            raise StorageError(
                f"Expected the number of an earlier entry, below {len(self.exprs)}. Received: {index!r:.100}"
            )
        return self.exprs[index]

    def get_exprs(self, indices: Any, key: str) -> tuple[Expr, ...]:
        return tuple(map(self.get_expr, check_list(indices, key)))

    def read_node(self, index: int, entry: Any) -> Expr:
        if not isinstance(entry, dict) or ("op" in entry) == ("leaf" in entry):
            raise StorageError(f"Expected an op or a leaf. Received: {entry!r:.100}")
        return self.read_op(entry) if "op" in entry else self.read_leaf(index, entry)

    def read_leaf(self, index: int, entry: dict[str, Any]) -> Expr:
        check_keys(entry, {"leaf", "type"}, {"name", "value", "tags"})
        name = read_name(entry)
        if index in self.leaves:
            given = self.leaves[index]
            self.dims.learn_dims(entry["type"], given.shape)
            expected = self.dims.decode_type(entry["type"])
            if given.dtype != expected.dtype or not is_compatible_shape(given.shape, expected.shape):
                raise StorageError(f"Expected {expected} for {name}. Received: {given}, which is {given.type}")
            return given
        type_ = self.dims.decode_type(entry["type"])
        if entry["leaf"] == "input":
            return Input(name, type_.shape, type_.dtype)
        if entry["leaf"] == "constant":
            return constant(self.read_value(entry.get("value"), type_))
        if entry["leaf"] != "shared":
            raise StorageError(f"Expected an input, a shared variable or a constant. Received: {entry['leaf']!r:.100}")
        tags = check_list(entry.get("tags", []), "tags")
        if not all(tag in TAGS for tag in tags):
            raise StorageError(f"Expected tags out of {', '.join(TAGS)}. Received: {tags!r:.100}")
        variable = Shared(self.read_value({"array": entry.get("value")}, type_), name)
        for tag in TAGS:
            setattr(variable, tag, tag in tags)
        return variable

    def read_value(self, data: Any, type_: Type) -> Array:
        """Return an array of this type from numbers or from the name of an array."""
        if isinstance(data, dict):
            key = data.get("array")
            if not isinstance(key, str) or key not in self.arrays:
                raise StorageError(f"Its value, the array {key!r:.100}, is missing")
            array = np.asarray(self.arrays[key])
        else:
            try:
                with np.errstate(over="raise", invalid="raise"):
                    array = np.array(data, dtype=type_.dtype)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise StorageError(f"Expected numbers of dtype {type_.dtype}. Received: {data!r:.100}") from error
        if array.dtype != type_.dtype or array.shape != type_.shape:
            raise StorageError(f"Expected a value that is {type_}. Received: {array.dtype} {format_shape(array.shape)}")
        return array

    def read_op(self, entry: dict[str, Any]) -> Expr:
        check_keys(entry, {"op", "inputs", "types"}, {"settings", "name"})
        op = self.local_ops.get(str(entry["op"])) or find_op(entry["op"])
        inputs = self.get_exprs(entry["inputs"], "inputs")
        if not op.variadic and len(inputs) != len(op.operands):
            raise StorageError(f"{op.name} takes {len(op.operands)} operands. Received: {len(inputs)}")
        data = entry.get("settings", {})
        if not isinstance(data, dict) or not set(data) <= set(op.defaults):
            known = ", ".join(op.defaults) or "none"
            raise StorageError(f"{op.name} has the settings {known}. Received: {data!r:.100}")
        try:
            settings = {key: decode_setting(value, self.dims, self.read_subgraph) for key, value in data.items()}
        except RecursionError:
            raise StorageError(f"The settings of {op.name} are nested too deeply") from None
        name = read_name(entry)
        try:
            node = op.make(inputs, settings)
        except Exception as error:
            # Shape inference runs on settings of unknown origin, on which any function may fail in its own way.
            reason = str(error) if isinstance(error, PellucidError) else f"{type(error).__name__}: {error}"
            raise StorageError(f"{op.name} cannot be applied to these operands and settings: {reason}") from error
        self.check_types(node, check_list(entry["types"], "types"))
        return node if name is None else attach_label(node, name=name)

    def check_types(self, node: Expr, types: list[Any]) -> None:
        """Raise an error if the types of an op differ from those in the data."""
        for data, actual in zip(types, node.types, strict=False):
            self.dims.learn_dims(data, actual.shape)
        written = tuple(self.dims.decode_type(data) for data in types)
        if len(written) != len(node.types) or not all(
            a.dtype == b.dtype and is_compatible_shape(a.shape, b.shape)
            for a, b in zip(written, node.types, strict=True)
        ):
            raise StorageError(f"{node} was {', '.join(map(str, written))}, and is {', '.join(map(str, node.types))}")

    def read_subgraph(self, data: Any) -> Subgraph:
        if not isinstance(data, dict) or set(data) != {"inputs", "outputs"}:
            raise StorageError(f"Expected a subgraph, its inputs and outputs. Received: {data!r:.100}")
        inputs, outputs = (self.get_exprs(data[key], key) for key in ("inputs", "outputs"))
        if not all(isinstance(e, Input) for e in inputs):
            raise StorageError(f"Expected inputs of a subgraph. Received: {inputs!r:.100}")
        return Subgraph(inputs, outputs)

    def read_shared_state(self, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise StorageError(
                f"Expected the default update or constraint of a shared variable. Received: {entry!r:.100}"
            )
        check_keys(entry, {"shared"}, {"default_update", "constraint"})
        variable = self.get_expr(entry["shared"])
        if not isinstance(variable, Shared):
            raise StorageError(f"Expected a shared variable. Received: {variable}")
        if entry["shared"] in self.leaves:
            return
        if "default_update" in entry:
            update = self.get_expr(entry["default_update"])
            if not have_compatible_types(update, variable):
                raise StorageError(f"Expected a default update of {variable}, {variable.type}. Received: {update.type}")
            variable.default_update = update
        if "constraint" in entry:
            constraint = self.read_subgraph(entry["constraint"])
            ends = (*constraint.inputs, *constraint.outputs)
            if len(ends) != 2 or not all(have_compatible_types(e, variable) for e in ends):
                raise StorageError(f"Expected a constraint from {variable.type} to {variable.type}, for {variable}")
            variable.constraint = SubgraphFunction(constraint)


def have_compatible_types(e: Expr, variable: Shared) -> bool:
    return len(e.types) == 1 and e.dtype == variable.dtype and is_compatible_shape(e.shape, variable.shape)


@dataclass(frozen=True)
class SubgraphFunction:
    """Function from the inputs of a subgraph to its first output."""

    subgraph: Subgraph

    def __call__(self, *operands: Any) -> Expr:
        inputs = self.subgraph.inputs
        return replace_all(self.subgraph.outputs, dict(zip(inputs, map(as_expr, operands), strict=True)))[0]


def find_op(name: Any) -> Op:
    for op in (OUTPUT, PASSTHROUGH):
        if name == op.name:
            return op
    if not isinstance(name, str) or name not in OPS:
        hint = near_miss(name, OPS) if isinstance(name, str) else ""
        raise StorageError(
            f"There is no op named {name!r:.100}.{hint} If it is a custom op, run the code that defines it, with "
            "pel.op or pel.composite, before loading"
        )
    return OPS[name]


def check_format(data: Any) -> None:
    if not isinstance(data, dict) or type(data.get("format")) is not int or not isinstance(data.get("nodes"), list):
        raise StorageError(f"Expected the data of a graph, with its format and nodes. Received: {data!r:.100}")
    if data["format"] != FORMAT:
        raise StorageError(
            f"Expected a graph of format {FORMAT}. Received: format {data['format']}; a newer pellucid wrote it"
        )


def check_keys(entry: dict[str, Any], required: set[str], optional: set[str]) -> None:
    if not required <= set(entry) <= required | optional:
        raise StorageError(f"Expected {', '.join(sorted(required))}. Received: {sorted(map(str, entry))!r:.200}")


def check_list(data: Any, key: str) -> list[Any]:
    if not isinstance(data, list):
        raise StorageError(f"Expected a list of {key}. Received: {data!r:.100}")
    return data


def read_name(entry: dict[str, Any]) -> str | None:
    name = entry.get("name")
    if name is not None and not isinstance(name, str):
        raise StorageError(f"Expected a name. Received: {name!r:.100}")
    return name


def from_data(data: Any, arrays: Mapping[str, Array], leaves: Mapping[int, Expr] | None = None) -> Any:
    """Return the expressions of JSON data that `to_data` wrote.

    Inputs and shared variables are created unless given in ``leaves``. All other expressions are interned, so equal
    graphs on the same leaves are the same objects.

    Parameters
    ----------
    data : dict
        The result of `to_data`. It may come from an untrusted source: it is checked and never executed.
    arrays : dict from str to array
        Values of shared variables and large constants.
    leaves : dict from int to Expr, optional
        Expressions to use for leaves, by their index in ``data["nodes"]``.

    Returns
    -------
    Expr, or list, tuple or dict of them
        In the structure that `to_data` was given.

    Raises
    ------
    StorageError
        If the data are invalid. The message names the entry.

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
        raise StorageError("Expected the outputs of a graph. Received: lists that are nested too deeply") from None


def read_structure(data: Any, reader: GraphReader) -> Any:
    """Return expressions in nested lists, tuples and dictionaries."""
    if type(data) is int:
        return reader.get_expr(data)
    if isinstance(data, dict) and len(data) == 1:
        [(kind, parts)] = data.items()
        if kind in ("list", "tuple"):
            found = [read_structure(part, reader) for part in check_list(parts, "outputs")]
            return found if kind == "list" else tuple(found)
        if kind == "dict" and all(isinstance(pair, list) and len(pair) == 2 for pair in check_list(parts, "outputs")):
            return {
                key if isinstance(key, str) else reader.get_expr(key): read_structure(value, reader)
                for key, value in parts
            }
    raise StorageError(f"Expected the outputs of a graph. Received: {data!r:.100}")
