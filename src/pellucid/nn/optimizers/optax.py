"""Optimizers from gradient transformations of optax.

optax is not imported here: a transformation is any object with functions ``init`` and ``update``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.ops.closure_conversion import as_list
from pellucid.graph.ops.reshape import broadcast_like
from pellucid.graph.types import as_float, covers
from pellucid.graph.unique_names import UniqueNames
from pellucid.nn.casts import to_dtype
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.nn.optimizers.base import Optimizer, Updates
from pellucid.nn.optimizers.options import LearningRate
from pellucid.typing import Array

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Optax"]


class StateLeaf(NamedTuple):
    """An array in the state of a transformation: its slot and its initial value."""

    parameter: Shared | None
    name: str
    value: Array


class Optax(StrictArguments, Optimizer):
    r"""Optimizer that applies a gradient transformation of optax, :math:`w \leftarrow w + u(g, s, w)`.

    ``model.compile(optimizer=optax.adam(1e-3))`` makes one. The transformation receives gradients and parameters as
    dicts by name, such as ``"dense/kernel"``. Its state is kept in slots, which are saved with the model, and the step
    is part of the compiled program. Constraints of parameters hold after each step.

    Parameters
    ----------
    transformation : optax.GradientTransformation
        Any object with functions ``init(params)`` and ``update(gradients, state, params)``.

    Raises
    ------
    UseError
        If it has no such functions, or if saved slots belong to another transformation.

    Notes
    -----
    A model file holds the slots and not the transformation, which is code. Pass it again:
    ``pel.load_model(path, custom_objects={"optimizer": optax.adam(1e-3)})``. Callbacks set the learning rate of
    ``optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)``. Transformations that also need the value of the loss,
    such as ``optax.contrib.reduce_on_plateau``, are not supported.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> halve = SimpleNamespace(init=lambda params: (), update=lambda g, state, params: ({"w": -g["w"] / 2}, state))
    >>> w = pel.shared(8.0, "w")
    >>> step = pel.function([], updates=Optax(halve).updates(w**2 / 2))
    >>> step.repeat(2)
    >>> w.get_value()
    array(2., dtype=float32)
    """

    custom_parts: ClassVar[Mapping[str, str]] = {"transformation": "optimizer"}
    """Attributes that files leave out, and their names in ``custom_objects``."""

    rate_advice = "Use optax.inject_hyperparams(optax.adam)(learning_rate=0.001)"

    def __init__(self, transformation: Any) -> None:
        if not is_gradient_transformation(transformation):
            raise UseError(
                "Optax: expected a gradient transformation with functions init and update, such as optax.adam(0.001). "
                f"Received: {transformation!r}"
            )
        super().__init__(learning_rate_inside)
        self.transformation = transformation

    def __repr__(self) -> str:
        return f"Optax({type(self.transformation).__name__})"

    @property
    def learning_rate(self) -> LearningRate:
        """The learning rate of ``optax.inject_hyperparams``; otherwise it is inside of the transformation."""
        slot = self.find_rate_slot()
        return self._rate if slot is None else float(slot.get_value())

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        slot = self.find_rate_slot()
        if slot is None or not isinstance(value, (int, float)):
            raise UseError(f"The learning rate of {self!r} is inside of the transformation. {self.rate_advice}")
        slot.set_value(value)

    def find_rate_slot(self) -> Shared | None:
        """Return the slot that holds the learning rate, if there is one."""
        found = [slot for (p, name), slot in self.slots.items() if p is None and name.endswith("learning_rate")]
        return found[0] if found else None

    def apply(self, gradients: Sequence[Expr], parameters: Sequence[Shared]) -> Updates:
        """Return the updates for given gradients; see `Optimizer.apply`."""
        from pellucid.run.from_jax import from_jax

        names = UniqueNames()
        by_name = {names.add(p.name or "parameter"): p for p in parameters}
        transformed = Transformation(self.transformation, by_name)
        slots = self.get_state_slots(transformed.leaves)
        step = from_jax(transformed.step, name="optax_step")
        full = [expand_gradient(g, p) for g, p in zip(gradients, parameters, strict=True)]
        results = step(dict(zip(by_name, full, strict=True)), dict(enumerate(slots)), by_name)
        new = dict(zip([*parameters, *slots], as_list(results), strict=True))
        constrained = {p: new[p] if p.constraint is None else p.constraint(new[p]) for p in parameters}
        return {**new, **constrained}

    def get_state_slots(self, leaves: Sequence[StateLeaf]) -> list[Shared]:
        """Return the slots of the arrays of a state, after checking that those that exist belong to it."""
        for parameter in dict.fromkeys(leaf.parameter for leaf in leaves):
            expected = {leaf.name for leaf in leaves if leaf.parameter is parameter}
            existing = {name for p, name in self.slots if p is parameter}
            if existing and existing != expected:
                raise UseError(
                    f"{self!r}: its saved state {'' if parameter is None else f'of {parameter} '}has "
                    f"{', '.join(sorted(existing))}, and this transformation has {', '.join(sorted(expected))}. Pass "
                    "the transformation that the model was trained with, or compile the model again"
                )
        return [
            self.get_slot_of_shape(leaf.name, leaf.parameter, leaf.value.shape, leaf.value.dtype, leaf.value)
            for leaf in leaves
        ]


class Transformation:
    """A gradient transformation for parameters by name, with its state as a list of arrays."""

    structure: Any

    def __init__(self, transformation: Any, parameters: Mapping[str, Shared]) -> None:
        from pellucid.run.jax_runtime import jax

        self.jax: ModuleType = jax()
        self.update: Callable[..., Any] = transformation.update
        self.names: list[str] = list(parameters)  # JAX sorts the keys of dicts
        self.has_64_bits: bool = any(p.dtype.itemsize == 8 for p in parameters.values())
        with self.jax.enable_x64(self.has_64_bits):
            state = transformation.init({name: self.jax.numpy.asarray(p.get_value()) for name, p in parameters.items()})
            leaves, self.structure = self.jax.tree_util.tree_flatten_with_path(state)
            self.keys: list[Any] = [self.get_key_kind(leaf) for _, leaf in leaves]
            values = [self.to_numbers(leaf) for _, leaf in leaves]
        paths = [split_path(path, parameters) for path, _ in leaves]
        unique: dict[Shared | None, UniqueNames] = {}
        self.leaves: list[StateLeaf] = [
            StateLeaf(parameter, unique.setdefault(parameter, UniqueNames()).add(name), np.asarray(value))
            for (parameter, name), value in zip(paths, values, strict=True)
        ]

    def get_key_kind(self, leaf: Any) -> Any:
        """Return the kind of a random key of JAX; None for any other array."""
        is_key = hasattr(leaf, "dtype") and self.jax.dtypes.issubdtype(leaf.dtype, self.jax.dtypes.prng_key)
        return self.jax.random.key_impl(leaf) if is_key else None

    def to_numbers(self, leaf: Any) -> Any:
        """Return a leaf of the state as an array of numbers."""
        return self.jax.numpy.asarray(leaf) if self.get_key_kind(leaf) is None else self.jax.random.key_data(leaf)

    def step(self, gradients: Mapping[str, Any], state: Mapping[int, Any], params: Mapping[str, Any]) -> list[Any]:
        """Return the new parameters and the new arrays of the state."""
        # Without 64-bit types, as in the user's own JAX, so that constants in the transformation are float32.
        with self.jax.enable_x64(self.has_64_bits):
            old = [state[i] for i in range(len(state))]
            keys = [self.jax.random.wrap_key_data(v, impl=k) if k else v for v, k in zip(old, self.keys, strict=True)]
            tree = self.jax.tree_util.tree_unflatten(self.structure, keys)
            changes, new_tree = self.update(dict(gradients), tree, dict(params))
            new_state = [self.to_numbers(leaf) for leaf in self.jax.tree_util.tree_leaves(new_tree)]
            moved = [(params[name] + changes[name]).astype(params[name].dtype) for name in self.names]
            return [*moved, *(new.astype(value.dtype) for new, value in zip(new_state, old, strict=True))]


def is_gradient_transformation(value: Any) -> bool:
    """Whether a value is a gradient transformation, as those of optax."""
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in ("init", "update"))


def learning_rate_inside(step: Any) -> Any:
    """Placeholder of a learning rate that is inside of a transformation."""
    raise UseError("The learning rate is inside of the transformation")


def expand_gradient(gradient: Expr, parameter: Shared) -> Expr:
    """Return a gradient with the shape and dtype of its parameter."""
    full = gradient if covers(gradient.shape, parameter.shape) else broadcast_like(gradient, parameter)
    return to_dtype(full, as_float(parameter.dtype))


def split_path(path: Sequence[Any], parameters: Mapping[str, Shared]) -> tuple[Shared | None, str]:
    """Return the parameter that an array of a state belongs to, and the name of the array."""
    keys = [getattr(key, "name", getattr(key, "key", None)) for key in path]  # None for a position in a tuple
    owner = next((key for key in reversed(keys) if isinstance(key, str) and key in parameters), None)
    names = [str(key) for key in keys if key is not None and key != owner]
    return None if owner is None else parameters[owner], "/".join(names) or "state"
