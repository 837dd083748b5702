"""What an optimizer remembers from step to step, and how it is saved and restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import NoSuchNameError, ShapeError, near_miss
from pellucid.graph.expr import Shared

Array = np.ndarray[Any, Any]


class Memory:
    """Shared variables by what they belong to and what they are called.

    Attributes
    ----------
    state : list of Shared
        All of them, in the order in which they were made.
    slots : dict from (parameter or None, str) to Shared
        The same by what they belong to.
    """

    def __init__(self) -> None:
        self.slots: dict[tuple[Shared | None, str], Shared] = {}

    @property
    def state(self) -> list[Shared]:
        """What is remembered, in the order in which it was made; nothing before updates are asked for."""
        return list(self.slots.values())

    @property
    def counts(self) -> bool:
        """Whether steps are counted, which they are once somebody asks how many there were."""
        return (None, "iterations") in self.slots

    @property
    def iterations(self) -> Shared:
        """How often the updates were applied, a shared variable of int64."""
        return self.slot("iterations", dtype=np.int64)

    def slot(self, name: str, parameter: Shared | None = None, dtype: Any = None, fill: float = 0.0) -> Shared:
        """Return what is remembered under this name, for a parameter or for all of them.

        Parameters
        ----------
        name : str
            What it is called; on the page the parameter's name stands before it, as in ``w/momentum``.
        parameter : Shared, optional
            Whose shape and dtype it has; without it, it is one number.
        dtype : dtype, optional
            Of the one number.
        fill : float
            Its first value.
        """
        shape = () if parameter is None else parameter.get_value().shape
        return self.slot_of_shape(name, parameter, shape, dtype if parameter is None else parameter.dtype, fill)

    def slot_of_shape(
        self, name: str, parameter: Shared | None, shape: Sequence[int], dtype: Any, fill: float = 0.0
    ) -> Shared:
        """Return what is remembered of a parameter in another shape than its own."""
        key = (parameter, name)
        if key not in self.slots:
            label = name if parameter is None or parameter.name is None else f"{parameter.name}/{name}"
            taken = {s.name for s in self.slots.values()}
            if label in taken:  # parameters may have the same name, or none
                label = next(f"{label}_{i}" for i in range(1, len(taken) + 2) if f"{label}_{i}" not in taken)
            value = np.full(tuple(shape), fill, dtype)
            self.slots[key] = Shared(value, label, trainable=False, regularizable=False)
        return self.slots[key]

    @property
    def averages(self) -> dict[Shared, Shared]:
        """The moving averages of the parameters whose updates were made, if there are any."""
        return {p: slot for (p, name), slot in self.slots.items() if name == "average" and p is not None}

    def finalize_variable_values(self, parameters: Sequence[Shared] | None = None) -> None:
        """Give parameters, or all of them, the values of their moving averages, as one does after training.

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
        """Return copies of all that is remembered, by name.

        Examples
        --------
        >>> w, optimizer = pel.shared(1.0, "w"), pel.optimizers.SGD(0.5, momentum=0.5)
        >>> updates = optimizer.updates(w**2)
        >>> optimizer.get_state()
        {'w/momentum': array(0., dtype=float32)}
        """
        return {str(s.name): s.get_value() for s in self.state}

    def set_state(self, values: Mapping[str, Any] | Sequence[Any]) -> None:
        """Restore what is remembered, from a dict by name or from a list in the order of `state`.

        Parameters
        ----------
        values : dict or list
            All that is remembered. The updates must have been asked for before, for nothing is remembered until then.

        Raises
        ------
        NoSuchNameError
            For a name that nothing remembered has, or that is missing.
        ShapeError, DtypeError
            If the values do not fit; then nothing is changed.
        """
        known = {str(s.name): s for s in self.state}
        hint = "" if known else "; it remembers nothing before its updates are asked for"
        if not isinstance(values, Mapping):
            if len(values) != len(known):
                raise ShapeError(
                    f"{type(self).__name__} remembers {len(known)} values. Received: a list of {len(values)}{hint}"
                )
            values = dict(zip(known, values, strict=True))
        for name in values:
            if name not in known:
                raise NoSuchNameError(
                    f"{type(self).__name__} remembers nothing named {name!r}.{near_miss(name, known)}{hint}"
                )
        if missing := [name for name in known if name not in values]:
            raise NoSuchNameError(f"{type(self).__name__} also remembers {', '.join(missing)}, which is missing here")
        before = {name: s.get_value() for name, s in known.items()}
        try:
            for name, value in values.items():
                known[name].set_value(value)
        except Exception:
            for name, value in before.items():
                known[name].set_value(value)
            raise
