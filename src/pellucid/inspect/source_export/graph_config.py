"""A model of any graph as tables: the calls of its layers, each of which says on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import brief, near_miss
from pellucid.graph.expr import Expr
from pellucid.inspect.source_export.config import input_table, layer_table, plain
from pellucid.inspect.source_export.functional import has_several
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.training.train_state import Names

if TYPE_CHECKING:
    from pellucid.inspect.source_export.toml_reader import Reader

DEEPEST = 10
"""How many levels of lists and tables a file may have within one another."""

KEYS = ("again", "as", "of", "with")
"""What a table says of a call besides the layer: one that stands in the file already, how the result is called if not
by the layer's name, on what it is called, and with which keywords."""


class Wiring:
    """The tables of a model's inputs and calls.

    Attributes
    ----------
    inputs, layers : list of dict
        As they stand in the file.
    outputs : list of str
        The names of what it puts out.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.names = model, Names()
        self.known: dict[Expr, str] = {}
        self.made: dict[Layer, str] = {}
        self.inputs = []
        for given in model.inputs:
            self.known[given] = name = self.names(given.name or "input")
            self.inputs.append({**input_table(given), "name": name})
        self.layers = [self.call(place) for place in model.connections.places]
        self.outputs = [self.of(output) for output in model.outputs]

    def call(self, place: Any) -> dict[str, Any]:
        """Return a call as a table, and remember what its results are called."""
        layer = place.layer
        of, named = self.of(place.call.inputs), {k: self.of(v) for k, v in place.call.named.items() if v is not None}
        name = self.names(layer.name)
        table = {"again": self.made[layer]} if layer in self.made else layer_table(layer)
        self.made.setdefault(layer, name)
        for number, e in place.made.items():
            self.known[e] = f"{name}:{number}" if has_several(place) else name
        wired = {"as": name if "again" in table or name != layer.name else None, "of": of, "with": named or None}
        return {**table, **{key: value for key, value in wired.items() if value is not None}}

    def of(self, value: Any) -> Any:
        """Return what a layer is called on by names."""
        if isinstance(value, (list, tuple)):
            return [self.of(part) for part in value]
        if not isinstance(value, Expr):
            return plain(value, "argument", self.model.name)
        if value not in self.known:
            raise ModelError(
                f"{self.model.name}: {brief(value)} stands between its layers, and a TOML file holds calls of layers "
                "alone. Take a layer in its place, such as nn.Add or nn.Activation, or level 'layers', which writes "
                "any model as code"
            )
        return self.known[value]


class Calls:
    """The layers of a graph as they are read, and what their results are called."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.results: dict[str, Any] = {}
        self.layers: dict[str, Any] = {}

    def enter(self, name: str, result: Any, place: str) -> None:
        """Give a result its name; of several, each a number behind it."""
        if name in self.results or f"{name}:0" in self.results:
            raise self.reader.error(place, 'expected a name that is not taken; as = "..." gives another', name)
        if isinstance(result, (list, tuple)):
            self.results.update({f"{name}:{number}": each for number, each in enumerate(result)})
        else:
            self.results[name] = result

    def call(self, table: Mapping[str, Any], place: str) -> None:
        """Build a layer, or take one that stands before, and call it."""
        about = {key: value for key, value in table.items() if key not in KEYS}
        again = table.get("again")
        if again is not None:
            if about:
                raise self.reader.error(place, "expected no settings of a layer that stands before", [*about])
            if again not in self.layers:
                hint = near_miss(str(again), self.layers)
                raise self.reader.error(place, f"expected again to name a layer that stands before.{hint}", again)
            layer = self.layers[again]
        else:
            layer = self.reader.built(about, "layer", place)
        name = self.reader.named({"name": table.get("as", table.get("name"))}, place)
        named = self.reader.table(table.get("with", {}), f"{place} with")
        given = {key: self.on(value, f"{place} with {key}") for key, value in named.items()}
        self.enter(name, layer(self.on(table.get("of"), place), **given), place)
        self.layers.setdefault(name, layer)

    def on(self, value: Any, place: str, depth: int = 0) -> Any:
        """Return what names stand for."""
        if isinstance(value, list) and value and depth < DEEPEST:
            return [self.on(part, place, depth + 1) for part in value]
        if isinstance(value, bool) or (isinstance(value, (int, float)) and " with " in place):
            return value
        if not isinstance(value, str) or value not in self.results:
            hint = near_miss(str(value), self.results) or f" There are {', '.join(self.results) or 'none'}"
            raise self.reader.error(
                place, f"expected the name of an input, or of a layer that stands before.{hint}", value
            )
        return self.results[value]
