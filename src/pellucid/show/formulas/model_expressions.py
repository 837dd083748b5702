"""Models as expressions with the symbols that `explain` uses, for functions that show formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import numpy as np

from pellucid.extension_points import model_expressions
from pellucid.graph.errors import InputError, UseError, near_miss
from pellucid.graph.expr import Expr


@dataclass(frozen=True)
class ModelExpressions:
    """A model as expressions in which layer outputs, inputs and parameters have symbols.

    Attributes
    ----------
    name : str
        Name of the model.
    outputs : list of Expr
        The outputs in inference mode.
    loss : Expr or None
        The training loss, if it was asked for.
    inputs : list of Expr
        Inputs of the model.
    symbols : dict from object to Expr
        Symbols of inputs and parameters, by the input or parameter and by its name.
    layers : dict from object to list of Expr
        Symbols of the trainable parameters of each layer, by the layer and by its name.
    """

    name: str
    outputs: list[Expr]
    loss: Expr | None
    inputs: list[Expr]
    symbols: Mapping[Any, Expr]
    layers: Mapping[Any, list[Expr]]

    def get_output(self, caller: str) -> Expr:
        """Return the only output."""
        if len(self.outputs) == 1:
            return self.outputs[0]
        raise UseError(
            f"{caller}: expected a model with one output. Received: {self.name}, which has {len(self.outputs)}. "
            f"Choose one: {caller}(model.outputs[0])"
        )

    def find_variables(self, wrt: object, caller: str) -> list[Expr]:
        """Return the symbols of layers, parameters or inputs, given as such or by name; of all layers for None."""
        if wrt is None:
            return list(dict.fromkeys(p for parameters in self.layers.values() for p in parameters))
        if isinstance(wrt, (list, tuple)):
            return list(dict.fromkeys(e for one in wrt for e in self.find_variables(one, caller)))
        found = self.layers.get(wrt) or ([self.symbols[wrt]] if wrt in self.symbols else [])
        if not found:
            known = [key for key in (*self.symbols, *self.layers) if isinstance(key, str)]
            raise InputError(
                f"{caller}: expected a layer with trainable parameters, a parameter or an input of {self.name}, or the "
                f"name of one. Received: {wrt!r}.{near_miss(str(wrt), known)} Known names: {', '.join(known)}"
            )
        return found

    def assign_values(self, given: Any, caller: str) -> dict[Any, Any]:
        """Return values by symbol. They are given by input or name, or without keys in the order of the inputs."""
        if given is None or isinstance(given, Mapping):
            return {self.symbols.get(key, key): value for key, value in (given or {}).items()}
        keys: list[Any] = [*self.inputs, *(["y"] if self.loss is not None else [])]
        values = list(given) if isinstance(given, tuple) else [given]
        if len(values) != len(keys):
            names = ", ".join(f"{str(key)!r}: array" for key in keys)
            raise InputError(f"{caller}: expected a mapping {{{names}}}. Received: {len(values)} arrays without names")
        return dict(zip(keys, values, strict=True))


class SymbolicModel(Protocol):
    """A model, which this package does not import."""

    @property
    def functional_graph(self) -> object: ...


def is_model(value: object) -> TypeGuard[SymbolicModel]:
    """Whether a value is a model. It looks for an attribute, because `show` does not import models."""
    return not isinstance(value, (Expr, type)) and hasattr(type(value), "functional_graph")


def get_model_expressions(model: SymbolicModel, *, with_loss: bool = False) -> ModelExpressions:
    """Return the expressions of a model.

    Raises
    ------
    ModelError
        If the model is not built, or with ``with_loss`` not compiled.
    """
    found: ModelExpressions = model_expressions(model, with_loss)
    return found


def is_index(value: object) -> bool:
    """Check for an index of one element: an integer, or several in a tuple or list."""
    parts: Sequence[Any] = value if isinstance(value, (tuple, list)) else [value]
    return all(isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in parts)
