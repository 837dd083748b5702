"""Base class of all layers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from pellucid.graph.errors import NoSuchNameError, OptionError, PellucidError, ShapeError, UseError, brief, near_miss
from pellucid.graph.expr import Expr, Operand, Shared, as_expr
from pellucid.graph.foreign_names import FOREIGN_MODEL_METHODS
from pellucid.graph.traversal import topological
from pellucid.graph.types import as_float, format_shape, unify
from pellucid.nn import constraints, initializers, regularizers
from pellucid.nn.constructor_signature import InitSignature
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.call_tracking import CallRecord, inside_a_layer, record_call
from pellucid.nn.layers.config_capture import (
    accepts_keyword,
    bind_arguments,
    check_call,
    check_class,
    to_call_arguments,
)
from pellucid.nn.layers.input_hints import list_producers, suggest_rank
from pellucid.nn.masks import attach_mask, find_mask
from pellucid.nn.registry import automatic_name
from pellucid.nn.regularizers import Penalty
from pellucid.typing import Array, ArrayLike
from pellucid.untrusted_files.budget import spend_parameter

__all__ = ["Layer"]

Part = TypeVar("Part", bound="Shared | Layer")

ActivationLike = str | Callable[[Expr], Expr] | None
RegularizerLike = str | Penalty | None
ConstraintLike = str | Callable[[Expr], Expr] | None
ParameterOptions = tuple[InitializerLike, RegularizerLike, ConstraintLike]


class Layer:
    """Base class of layers: functions on expressions with parameters.

    A subclass implements `call`, which returns the formula, and `build`, which creates the parameters and runs at the
    first call only. Layers and shared variables that are attributes, also inside lists and dicts, become parts of the
    layer: they are trained, saved and frozen with it.

    Parameters
    ----------
    name : str, optional
        Name of the layer. By default the class name in snake case, numbered within the process.

    Attributes
    ----------
    parameters : list of Shared
        Parameters of the layer and its sublayers, in order of creation. Empty before the first call.
    trainable : bool
        Whether an optimizer may change the parameters. Set it to False to freeze them.
    config : dict
        Constructor arguments.
    built : bool
        Whether the parameters exist.

    Examples
    --------
    >>> class Scale(Layer):
    ...     def build(self, x):
    ...         self.factor = self.parameter("factor", x.shape[-1:], np.ones, x)
    ...
    ...     def call(self, x):
    ...         return self.factor * x
    >>> Scale(name="scale")(pel.matrix("x", shape=("n", 3)))
    scale/factor * x
    """

    ndim: int | None = None
    """Required number of axes of the input, including the batch axis. None: any."""

    merges = False
    """Whether `call` receives a list of expressions."""

    takes_mask = False
    """Whether `call` has a keyword ``mask``, which receives the mask of the input."""

    differs_when_frozen = False
    """Whether the formula changes while the layer is not trainable."""

    keeps_mask = True
    """Whether the result has the time axis of the input, and therefore its mask."""

    config: dict[str, Any]
    __signature__: InitSignature = InitSignature()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        layer.config = bind_arguments(cls, cls.__signature__, args, kwargs)
        return layer

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return to_call_arguments(type(self).__signature__, self.config)

    def __init__(self, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise UseError(f"{type(self).__name__}: expected its name to be a string. Received: name={name!r}")
        self.name: str = automatic_name(type(self).__name__) if name is None else name
        self.parts: list[Shared | Layer] = []
        self.built: bool = False
        self.features: int | None = None
        self._trainable = True
        self._penalties: list[tuple[Shared, Penalty]] = []

    if not TYPE_CHECKING:  # so that type checkers report misspelled names

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or hasattr(type(self), name) or "parts" not in vars(self):
                return object.__getattribute__(self, name)  # raises its own error, also that of a property
            raise NoSuchNameError(f"{self.name} ({type(self).__name__}) has no {name!r}.{self.suggest_name(name)}")

    def suggest_name(self, name: str) -> str:
        """Return what to write instead of a missing attribute, after a space."""
        known = [n for n in dir(self) if not n.startswith("_")]
        advice = FOREIGN_MODEL_METHODS.get(name)
        place, _, attribute = advice.code.partition(".") if advice is not None else ("", "", "")
        if advice is not None and (place != "model" or re.split(r"\W", attribute)[0] in known):
            return f" {advice}"
        return near_miss(name, known)

    def __call__(
        self, inputs: Operand | Sequence[Operand], *more: Operand, mask: Operand | None = None, **named: Any
    ) -> Expr:
        """Apply the layer to an expression, or to a list of expressions if it merges.

        ``mask`` marks the valid steps of a sequence. By default it is the mask of the input. Other keywords are passed
        to `call`.
        """
        check_class(self)
        try:
            check_call(self.name, self.call, named)
            x = self.coerce_inputs([inputs, *more] if more else inputs)
            call = CallRecord(self, x, {**named} if mask is None else {**named, "mask": mask})
            with inside_a_layer() as is_part:
                result = self.apply(x, None if mask is None else as_expr(mask), named)
        except PellucidError as error:
            error.add_note(f"  in the layer {self.name} ({type(self).__name__})")
            raise
        output: Expr = result if is_part else record_call(call, result)
        return output

    def coerce_inputs(self, inputs: Any) -> Expr | list[Expr]:
        """Convert the inputs to an expression, or to a list of them if the layer merges."""
        several = isinstance(inputs, (list, tuple))
        for e in inputs if several else [inputs]:
            if isinstance(e, Layer) or e is None:
                hint = "" if e is None else f", a layer; call it, as in {type(e).__name__}(...)(x)"
                raise UseError(f"{self.name}: expected an expression. Received: {e!r}{hint}")
        if several and self.merges:
            return [as_expr(i) for i in inputs]
        if several and any(isinstance(i, Expr) for i in inputs):
            raise UseError(
                f"{self.name}: expected one expression. Received: {', '.join(map(brief, inputs))}; "
                + (
                    "the layer before has return_state=True, so it returns its states too; leave that out"
                    if any(getattr(layer, "return_state", False) for layer in list_producers(inputs))
                    else "combine them with a merging layer, such as nn.Concatenate()([a, b])"
                )
            )
        return as_expr(inputs)

    def apply(self, x: Expr | list[Expr], mask: Expr | None, named: dict[str, Any]) -> Any:
        """Check the input, build the layer if needed, and return `call`'s result with the mask of the input."""
        self.check_input(x)
        mask = find_mask(x[0] if isinstance(x, list) else x) if mask is None else mask
        self.maybe_build(x)
        if self.takes_mask:
            named["mask"] = mask
        result = self.call(x, **named)
        if result is None:
            raise UseError(f"{self.name}: expected its call to return an expression. Received: None")
        if mask is not None and self.keeps_mask and isinstance(result, Expr) and result.ndim >= 2:
            result = attach_mask(result, mask)
        return result

    def maybe_build(self, x: Expr | list[Expr]) -> None:
        """Create the parameters at the first call, and register attributes as parts."""
        if not self.built:
            self.build(x)
            for name, part in iterate_parts(self):
                part.name = part.name or f"{self.name}/{name}"
                self.parts.append(part)
            self.parts = list(dict.fromkeys(self.parts))
            self.built = True
            if not self._trainable:  # not otherwise, as a sublayer may be frozen
                self.trainable = False

    def build(self, x: Any) -> None:
        """Create the parameters for inputs of the shape and dtype of ``x``.

        Parameters
        ----------
        x : Expr, or list of Expr
            The first input.
        """

    def call(self, x: Any) -> Any:
        """Return the layer's formula on an expression.

        Parameters
        ----------
        x : Expr, or list of Expr
            The input.
        """
        if hasattr(type(self), "forward"):
            raise UseError(f"{type(self).__name__} does not implement call(x); rename its method forward to call")
        raise NotImplementedError(f"{type(self).__name__} does not implement call(x)")

    @property
    def parameters(self) -> list[Shared]:
        """Parameters of the layer and its sublayers, in order of creation."""
        parameters = [p for part in self.parts for p in (part.parameters if isinstance(part, Layer) else [part])]
        return list(dict.fromkeys(parameters))

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not isinstance(value, (bool, np.bool_)):
            raise OptionError(f"{self.name}: expected trainable to be True or False. Received: trainable={value!r}")
        self._trainable = bool(value)
        for part in self.parts:
            if isinstance(part, Layer):
                part.trainable = value
            elif part.trainable_by_default:
                part.trainable = bool(value)

    def get_weights(self) -> list[Array]:
        """Return copies of the values of all parameters."""
        return [p.get_value() for p in self.parameters]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set the values of all parameters.

        Parameters
        ----------
        weights : sequence of array
            A value for each parameter, in the order of `parameters`.

        Raises
        ------
        ShapeError, DtypeError
            If the number, a shape or a dtype does not match. A wrong number or shape changes nothing.
        """
        parameters = self.parameters
        if isinstance(weights, np.ndarray):
            raise ShapeError(
                f"{self.name}: expected a list with one array for each of its {len(parameters)} parameters. Received: "
                f"an array of shape {format_shape(weights.shape)}"
            )
        if len(weights) != len(parameters):
            raise ShapeError(
                f"{self.name} has {len(parameters)} parameters. Received: values for {len(weights)}"
                + ("" if self.built else "; it has none before it is called")
            )
        for p, value in zip(parameters, weights, strict=True):
            if np.shape(value) != p.shape:
                raise ShapeError(
                    f"{p} has shape {format_shape(p.shape)}. Received: a value of shape {format_shape(np.shape(value))}"
                )
        for p, value in zip(parameters, weights, strict=True):
            p.set_value(value)

    def clone(self, **changes: Any) -> Self:
        """Return a new layer with the same constructor arguments, except for ``changes``. It shares no parameters.

        Layers among the arguments are cloned, too.

        Parameters
        ----------
        **changes : keyword arguments
            Constructor arguments of the new layer that differ.
        """
        signature = type(self).__signature__
        fresh = {"name": None} if accepts_keyword(signature, "name") else {}
        args, named = to_call_arguments(signature, {**clone_layers_in(self.config, {}), **fresh, **changes})
        return type(self)(*args, **named)

    def check_input(self, x: Any) -> None:
        """Raise an error if the input does not match the layer."""
        if isinstance(x, list):
            return
        if self.ndim is not None and x.ndim != self.ndim:
            raise ShapeError(
                f"{self.name}: expected an input of {self.ndim} axes. Received: {brief(x)}, of shape "
                f"{format_shape(x.shape)}{suggest_rank(x, self.ndim)}"
            ).with_operands([x])
        if self.features is not None and (not x.ndim or unify(x.shape[-1], self.features) is None):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs whose last axis is {self.features}. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}; calls of one layer share its parameters, so "
                "create a new layer"
            ).with_operands([x])

    def add_sublayer(self, layer: Part) -> Part:
        """Register a layer as a part of this one and return it.

        Parameters
        ----------
        layer : Layer
            A layer that this one calls.
        """
        self.parts.append(layer)
        return layer

    def expect_features(self, x: Expr) -> int:
        """Return the length of the last axis and require it of all later inputs."""
        size = x.shape[-1] if x.ndim >= 2 else None
        if not isinstance(size, int):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ..., features) whose last axis has a known length. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        self.features = size
        return size

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: InitializerLike,
        like: Expr,
        regularizer: Penalty | None = None,
        regularizable: bool = True,
        *,
        constraint: Callable[[Expr], Expr] | None = None,
        trainable: bool = True,
    ) -> Shared:
        """Create a parameter of the layer, with the dtype of ``like`` if it is a float, otherwise `config.floatx`.

        Optimizers do not change parameters that are not ``trainable``, such as running means, and apply the
        ``constraint`` after each update. An expression as ``initializer``, such as the parameter of another layer, is
        used as the parameter itself.

        Parameters
        ----------
        name : str
            Name within the layer.
        shape : tuple of int
            Shape of the parameter.
        initializer : str, function, number, array or Expr
            Initial values; see `pellucid.nn.initializers.get`.
        like : Expr
            Expression whose dtype the parameter gets if it is a float.
        regularizer : function, optional
            Penalty, included in `regularization`.
        regularizable : bool
            Whether weight penalties over a list of parameters include it.
        constraint : function, optional
            Constraint, applied after each optimizer update.
        trainable : bool
            Whether optimizers change it.
        """
        if any(isinstance(n, Expr) for n in shape) or not isinstance(like, Expr):
            raise UseError(
                f"{self.name}: expected the shape of its {name} in integers, and an expression that gives its dtype. "
                f"Received: shape={shape} and {like!r}. build(self, x) receives an expression, whose shape is x.shape"
            )
        dtype = as_float(like.dtype)
        initializer = initializers.get(initializer)
        if isinstance(initializer, Expr):
            value: Expr | Array = initializer
        else:
            spend_parameter(math.prod(shape) * dtype.itemsize, f"{self.name}/{name}")
            value = np.asarray(initializer(shape, dtype=dtype))
        if value.shape != shape:
            raise ShapeError(
                f"{self.name}: its {name} has shape {format_shape(shape)}. Received: a value of shape "
                f"{format_shape(value.shape)} from the initializer {initializer!r}"
            )
        if isinstance(value, Expr):
            parameter: Any = value
            self.parts += [p for p in topological([parameter]) if isinstance(p, Shared)]
        else:
            regularizable = regularizable and trainable
            parameter = Shared(value, f"{self.name}/{name}", trainable=trainable, regularizable=regularizable)
            parameter.constraint = constraint
            self.parts.append(parameter)
        if regularizer is not None:
            self._penalties.append((parameter, regularizer))
        return parameter  # type: ignore[no-any-return]

    def configure_parameter(
        self, name: str, initializer: InitializerLike, regularizer: RegularizerLike, constraint: ConstraintLike
    ) -> None:
        """Set the attributes ``<name>_initializer``, ``<name>_regularizer`` and ``<name>_constraint``."""
        setattr(self, f"{name}_initializer", initializers.get(initializer))
        setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", constraints.get(constraint))

    def configured_parameter(
        self, options: str, shape: tuple[int, ...], like: Expr, regularizable: bool = True, name: str = ""
    ) -> Shared:
        """Create a parameter with the options that `configure_parameter` has set under the name ``options``."""
        initializer, regularizer = getattr(self, f"{options}_initializer"), getattr(self, f"{options}_regularizer")
        constraint = getattr(self, f"{options}_constraint")
        return self.parameter(
            name or options, shape, initializer, like, regularizer, regularizable, constraint=constraint
        )

    def regularization(self) -> Expr | float:
        """Return the sum of the penalties of the layer and its sublayers, to add to a loss: a scalar, or 0.0."""
        sublayers = [part.regularization() for part in self.parts if isinstance(part, Layer)]
        return sum([*(penalty(parameter) for parameter, penalty in self._penalties), *sublayers], 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def iterate_parts(layer: Layer) -> Iterator[tuple[str, Layer | Shared]]:
    """Yield the layers and shared variables in the attributes of a layer, also inside lists, tuples and dicts."""
    for name, attribute in vars(layer).items():
        stack = [] if name in ("config", "parts") else [attribute]
        while stack:
            value = stack.pop()
            if isinstance(value, Layer) or (isinstance(value, Shared) and value.default_update is None):
                yield name, value
            elif type(value) in (list, tuple):
                stack += value[::-1]
            elif type(value) is dict:
                stack += list(value.values())[::-1]


def clone_layers_in(value: Any, clones: dict[Layer, Layer]) -> Any:
    """Return an argument with its layers replaced by clones, one per layer."""
    if isinstance(value, Layer):
        if value not in clones:
            clones[value] = value.clone()
        return clones[value]
    if isinstance(value, dict):
        return {key: clone_layers_in(element, clones) for key, element in value.items()}
    return type(value)(clone_layers_in(v, clones) for v in value) if type(value) in (list, tuple) else value
