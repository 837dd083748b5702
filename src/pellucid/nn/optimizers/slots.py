"""Optimizer slots: variables kept from step to step, such as momentum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.graph.errors import NoSuchNameError, ShapeError, near_miss
from pellucid.graph.expr import Shared
from pellucid.typing import Array, ArrayLike, DTypeLike


class SlotMixin:
    """Slot variables of an optimizer, by parameter (None for slots of the optimizer itself) and name."""

    def __init__(self) -> None:
        self.slots: dict[tuple[Shared | None, str], Shared] = {}

    @property
    def state(self) -> list[Shared]:
        """All slots, in the order of creation; empty before the first call of `updates`."""
        return list(self.slots.values())

    @property
    def counts_steps(self) -> bool:
        """Whether the optimizer counts its steps. It does once `iterations` was read."""
        return (None, "iterations") in self.slots

    @property
    def iterations(self) -> Shared:
        """Number of steps made, an int64 shared variable."""
        return self.get_slot("iterations", dtype=np.int64)

    def get_slot(
        self, name: str, parameter: Shared | None = None, dtype: DTypeLike | None = None, fill: float = 0.0
    ) -> Shared:
        """Return a slot, creating it on the first call.

        Parameters
        ----------
        name : str
            Name of the slot. The variable is named after parameter and slot, as in ``w/momentum``.
        parameter : Shared, optional
            The parameter whose shape and dtype the slot has. Without it the slot is a scalar.
        dtype : dtype, optional
            Dtype of a scalar slot.
        fill : float
            Initial value.
        """
        shape = () if parameter is None else parameter.get_value().shape
        return self.get_slot_of_shape(name, parameter, shape, dtype if parameter is None else parameter.dtype, fill)

    def get_slot_of_shape(
        self,
        name: str,
        parameter: Shared | None,
        shape: Sequence[int],
        dtype: DTypeLike | None,
        fill: float | Array = 0.0,
    ) -> Shared:
        """Return a slot whose shape may differ from that of its parameter. ``fill`` may be an array of the shape."""
        key = (parameter, name)
        if key not in self.slots:
            label = name if parameter is None or parameter.name is None else f"{parameter.name}/{name}"
            used = {s.name for s in self.slots.values()}
            if label in used:  # several parameters may have the same name, or none
                label = next(f"{label}_{i}" for i in range(1, len(used) + 2) if f"{label}_{i}" not in used)
            value = np.full(tuple(shape), fill, dtype)
            self.slots[key] = Shared(value, label, trainable=False, regularizable=False)
        return self.slots[key]

    @property
    def averages(self) -> dict[Shared, Shared]:
        """Moving average of each parameter, with ``use_ema=True``."""
        return {p: slot for (p, name), slot in self.slots.items() if name == "average" and p is not None}

    def finalize_variable_values(self, parameters: Sequence[Shared] | None = None) -> None:
        """Set parameters (all by default) to their moving averages, usually after training.

        Examples
        --------
        >>> w = pel.shared(4.0, "w")
        >>> optimizer = pel.optimizers.SGD(0.25, use_ema=True, ema_momentum=0.5)
        >>> step = pel.function([], updates=optimizer.updates(w**2))
        >>> for _ in range(3):
        ...     step()
        >>> float(w.get_value())
        0.5
        >>> optimizer.finalize_variable_values()
        >>> float(w.get_value())
        1.0
        """
        for parameter, average in self.averages.items():
            if parameters is None or parameter in set(parameters):
                parameter.set_value(average.get_value())

    def get_state(self) -> dict[str, Array]:
        """Return copies of all slot values by name.

        Examples
        --------
        >>> w, optimizer = pel.shared(1.0, "w"), pel.optimizers.SGD(0.5, momentum=0.5)
        >>> updates = optimizer.updates(w**2)
        >>> optimizer.get_state()
        {'w/momentum': array(0., dtype=float32)}
        """
        return {str(s.name): s.get_value() for s in self.state}

    def set_state(self, values: Mapping[str, ArrayLike] | Sequence[ArrayLike]) -> None:
        """Restore slot values from a dict by name or a list in the order of `state`.

        Parameters
        ----------
        values : dict or list
            A value for every slot. Call `updates` first: it creates the slots.

        Raises
        ------
        NoSuchNameError
            If a name is unknown or missing.
        ShapeError, DtypeError
            If a value does not fit. No slot is changed then.
        """
        known = {str(s.name): s for s in self.state}
        hint = "" if known else ". It has no slots before updates() is called"
        if not isinstance(values, Mapping):
            if len(values) != len(known):
                raise ShapeError(
                    f"{type(self).__name__} has {len(known)} slots. Received: a list of {len(values)} values{hint}"
                )
            values = dict(zip(known, values, strict=True))
        for name in values:
            if name not in known:
                raise NoSuchNameError(f"{type(self).__name__} has no slot {name!r}.{near_miss(name, known)}{hint}")
        if missing := [name for name in known if name not in values]:
            raise NoSuchNameError(f"{type(self).__name__}: values of these slots are missing: {', '.join(missing)}")
        before = {name: s.get_value() for name, s in known.items()}
        try:
            for name, value in values.items():
                known[name].set_value(value)
        except Exception:
            for name, value in before.items():
                known[name].set_value(value)
            raise
