"""What every layer is: an object that is called on an expression and makes its parameters at the first call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from pellucid.graph.errors import PellucidError, ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Shared, as_expr
from pellucid.graph.traversal import topological
from pellucid.graph.types import as_float, shape_text, unify
from pellucid.nn.layers.automatic_names import automatic_name
from pellucid.nn.layers.call_tracking import Call, inside_a_layer, note
from pellucid.nn.layers.config_capture import Arguments, bound, check_call, check_class, given_again, takes
from pellucid.nn.layers.tracking import attributes, cloned
from pellucid.nn.masks import mask_of, masked
from pellucid.nn.regularizers import Penalty

__all__ = ["Layer"]


class Layer:
    """A function on expressions that brings its own parameters.

    A new layer says what it is in `call`, and makes its parameters in `build`, which runs at the first call only: a
    layer that is called again uses them again. Layers and shared variables that are attributes of it, or in lists that
    are, are parts of it: they are trained, saved and frozen with it.

    Parameters
    ----------
    name : str, optional
        Without it, that of the class with a number, counted in this process.

    Attributes
    ----------
    parameters : list of Shared
        Its own and those of the layers inside it, in the order in which they were made; empty before the first call.
    trainable : bool
        Whether an optimizer may change the parameters; set it to False to freeze them.
    config : dict
        The arguments it was made with.
    built : bool
        Whether it was called.

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
    """How many axes the input has, the batch's among them, where only one number will do."""

    merges = False
    """Whether the layer is called on a list of expressions."""

    takes_mask = False
    """Whether `call` has a keyword ``mask``, which is given the mask of the input."""

    differs_when_frozen = False
    """Whether its formula is another one while it is not trainable."""

    keeps_mask = True
    """Whether the steps of the result are those of the input, so that they have the same mask."""

    config: dict[str, Any]
    __signature__ = Arguments()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments, once they are those that the class takes."""
        made = super().__new__(cls)
        made.config = bound(cls, cls.__signature__, args, kwargs)
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what `__new__` is given where a copy is made."""
        return given_again(type(self).__signature__, self.config)

    def __init__(self, name: str | None = None) -> None:
        self.name = automatic_name(type(self).__name__) if name is None else name
        self.parts: list[Shared | Layer] = []
        self.built = False
        self.features: int | None = None
        self._trainable = True
        self._penalties: list[tuple[Shared, Penalty]] = []

    def __call__(self, inputs: Any, *more: Any, mask: Any = None, **named: Any) -> Any:
        """Write the layer into the graph, on an expression, or on a list of them if it merges.

        ``mask`` says which steps of a sequence count, where the expression does not say so itself; other keywords are
        those of the layer's `call`.
        """
        check_class(self)
        try:
            check_call(self.name, self.call, named)
            x = self.taken([inputs, *more] if more else inputs)
            call = Call(self, x, {**named} if mask is None else {**named, "mask": mask})
            with inside_a_layer() as is_part:
                result = self.written(x, None if mask is None else as_expr(mask), named)
        except PellucidError as error:
            error.add_note(f"  in the layer {self.name} ({type(self).__name__})")
            raise
        if not is_part:
            note(call, result)
        return result

    def taken(self, inputs: Any) -> Any:
        """Return what the layer is called on as an expression, or as a list of them if it merges."""
        several = isinstance(inputs, (list, tuple))
        for e in inputs if several else [inputs]:
            if isinstance(e, Layer) or e is None:
                way_out = "" if e is None else f", a layer; call it, as in {type(e).__name__}(...)(x)"
                raise UseError(f"{self.name}: expected an expression. Received: {e!r}{way_out}")
        if several and self.merges:
            return [as_expr(i) for i in inputs]
        if several and any(isinstance(i, Expr) for i in inputs):
            raise UseError(
                f"{self.name}: expected one expression. Received: {', '.join(map(brief, inputs))}; "
                "a layer that merges, such as nn.Concatenate()([a, b]), makes one of several"
            )
        return as_expr(inputs)

    def written(self, x: Any, mask: Expr | None, named: dict[str, Any]) -> Any:
        """Write the formula, after the parameters are made at the first call."""
        self.check(x)
        found = mask_of(x[0] if isinstance(x, list) else x) if mask is None else mask
        self.ready(x)
        if self.takes_mask:
            named["mask"] = found
        result = self.call(x, **named)
        if result is None:
            raise UseError(f"{self.name}: expected its call to return an expression. Received: None")
        if found is not None and self.keeps_mask and isinstance(result, Expr) and result.ndim >= 2:
            result = masked(result, found)
        return result

    def ready(self, x: Any) -> None:
        """Make the parameters at the first call; layers and shared variables that are attributes are parts."""
        if not self.built:
            self.build(x)
            known = set(self.parts)
            for name, part in attributes(self):
                part.name = part.name or f"{self.name}/{name}"
                self.parts += [] if part in known else [part]
                known.add(part)
            self.built = True
            self.trainable = self._trainable

    def build(self, x: Any) -> None:
        """Make the parameters for inputs like this one."""

    def call(self, x: Any) -> Any:
        """Return the layer's formula on an expression."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    @property
    def parameters(self) -> list[Shared]:
        """Its own parameters and those of the layers inside it, in the order in which they were made."""
        found = [p for part in self.parts for p in (part.parameters if isinstance(part, Layer) else [part])]
        return list(dict.fromkeys(found))

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for part in self.parts:
            if isinstance(part, Layer):
                part.trainable = value
            elif part.learns:
                part.trainable = bool(value)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return copies of the values of all parameters."""
        return [p.get_value() for p in self.parameters]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the values of all parameters, which must be as many and of the same shapes.

        Raises
        ------
        ShapeError, DtypeError
            If they are not; then nothing is changed.
        """
        parameters = self.parameters
        if len(weights) != len(parameters):
            raise ShapeError(
                f"{self.name} has {len(parameters)} parameters. Received: values for {len(weights)}"
                + ("" if self.built else "; it has none before it is called")
            )
        for p, value in zip(parameters, weights, strict=True):
            if np.shape(value) != p.shape:
                raise ShapeError(
                    f"{p} has shape {shape_text(p.shape)}. Received: a value of shape {shape_text(np.shape(value))}"
                )
        for p, value in zip(parameters, weights, strict=True):
            p.set_value(value)

    def clone(self, **changes: Any) -> Any:
        """Return a new layer of the same kind, made with the same arguments except for some; it shares nothing.

        Layers among the arguments are cloned too, one that is there twice once.
        """
        signature = type(self).__signature__
        fresh = {"name": None} if takes(signature, "name") else {}
        args, named = given_again(signature, {**cloned(self.config, {}), **fresh, **changes})
        return type(self)(*args, **named)

    def check(self, x: Any) -> None:
        """Refuse an input that does not fit, in the layer's name."""
        if isinstance(x, list):
            return
        if self.ndim is not None and x.ndim != self.ndim:
            raise ShapeError(
                f"{self.name}: expected an input of {self.ndim} axes. Received: {brief(x)}, of shape "
                f"{shape_text(x.shape)}; reshape it, such as with nn.Reshape or x.reshape(shape)"
            ).about([x])
        if self.features is not None and (not x.ndim or unify(x.shape[-1], self.features) is None):
            raise ShapeError(
                f"{self.name}: its parameters were made for inputs whose last axis is {self.features}. "
                f"Received: {x}, of shape {shape_text(x.shape)}; a layer that is called again shares its parameters, "
                "so make another layer"
            )

    def inner(self, layer: Any) -> Any:
        """Take a layer for a part of this one, whose parameters are then this one's too."""
        self.parts.append(layer)
        return layer

    def expect_features(self, x: Expr) -> int:
        """Return the length of the last axis, which every later input must share."""
        size = x.shape[-1] if x.ndim >= 2 else None
        if not isinstance(size, int):
            raise ShapeError(
                f"{self.name}: expected an input (batch, ..., features) whose last axis has a known length. "
                f"Received: {x}, of shape {shape_text(x.shape)}"
            )
        self.features = size
        return size

    def parameter(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Any,
        like: Expr,
        regularizer: Penalty | None = None,
        regularizable: bool = True,
        *,
        constraint: Callable[[Any], Any] | None = None,
        trainable: bool = True,
    ) -> Shared:
        """Make a parameter of the layer, of the input's dtype if that is of real numbers and else `config.floatx`.

        What is not ``trainable`` no optimizer ever changes, such as a running mean. A ``constraint`` is put on what an
        optimizer makes of it. An expression in the place of the initializer, such as the parameter of another layer, is
        taken as it is.
        """
        dtype = as_float(like.dtype)
        value = initializer if isinstance(initializer, Expr) else np.asarray(initializer(shape, dtype=dtype))
        if value.shape != shape:
            raise ShapeError(
                f"{self.name}: its {name} has shape {shape_text(shape)}. Received: a value of shape "
                f"{shape_text(value.shape)} from the initializer {initializer!r}"
            )
        if isinstance(value, Expr):
            made: Any = value
            self.parts += [p for p in topological([made]) if isinstance(p, Shared)]
        else:
            made = Shared(value, f"{self.name}/{name}", trainable=trainable, regularizable=regularizable and trainable)
            made.constraint = constraint
            self.parts.append(made)
        if regularizer is not None:
            self._penalties.append((made, regularizer))
        return made  # type: ignore[no-any-return]

    def regularization(self) -> Any:
        """Return what its regularizers make of this layer's parameters, to be added to a loss: a scalar, or 0.0."""
        inside = [part.regularization() for part in self.parts if isinstance(part, Layer)]
        return sum([*(penalty(parameter) for parameter, penalty in self._penalties), *inside], 0.0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
