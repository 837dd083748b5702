"""A sweep told in words, for logs, and for people who do not see its picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def read(settings: Mapping[str, Array], last: Array, monitor: str, best: int, greater: bool, programs: str) -> str:
    """Say in a paragraph what a sweep tells: the best run, what each setting did, and how much seeds matter.

    Parameters
    ----------
    settings : dict from str to array
        The settings of the runs, a column each.
    last : array
        What the runs are judged by, as it was at their end.
    monitor : str
        What it is called.
    best : int
        The best run.
    greater : bool
        Whether more is better.
    programs : str
        How many programs there were, in words.

    Examples
    --------
    >>> read(
    ...     {"hidden": np.array([1, 3]), "seed": np.array([0, 0])},
    ...     np.array([0.5, 0.2]),
    ...     "loss",
    ...     1,
    ...     False,
    ...     "1 compiled program",
    ... )
    '2 runs, trained as 1 compiled program. The least loss at the end is 0.2, of run 1, with hidden=3. The mean loss is
    0.2 for hidden=3, the least, and 0.5 for hidden=1, the greatest.'
    """
    finite = np.isfinite(last)
    varied = {name: column for name, column in settings.items() if len(distinct(column)) > 1}
    told = ", ".join(f"{name}={column[best]}" for name, column in varied.items()) or "the settings of all"
    word, other = ("greatest", "least") if greater else ("least", "greatest")
    count = len(last)
    lines = [f"{count} run{'s' * (count != 1)}, trained as {programs}."]
    if not finite.any():
        return f"{lines[0]} None ended with a {monitor} that is a number."
    lines.append(f"The {word} {monitor} at the end is {last[best]:.4g}, of run {best}, with {told}.")
    for name, column in varied.items():
        if name in ("seed", "rows"):
            continue
        means = {value: last[equals(column, value) & finite] for value in distinct(column)}
        known = {value: part.mean() for value, part in means.items() if len(part)}
        if len(known) > 1:
            order = sorted(known, key=lambda value: -known[value] if greater else known[value])
            lines.append(
                f"The mean {monitor} is {known[order[0]]:.4g} for {name}={order[0]}, the {word}, and "
                f"{known[order[-1]]:.4g} for {name}={order[-1]}, the {other}."
            )
    lines += luck(varied, last)
    if not finite.all():
        lines.append(f"{np.sum(~finite)} of the runs ended with a {monitor} that is no number.")
    return " ".join(lines)


def luck(varied: Mapping[str, Array], last: Array) -> list[str]:
    """Say how far runs are apart that differ in nothing but seed and subsample."""
    chance = [name for name in ("seed", "rows") if name in varied]
    others = [column for name, column in varied.items() if name not in chance]
    if not chance:
        return []
    keys = [repr(values) for values in zip(*others, strict=True)] if others else [""] * len(last)
    parts = [last[[k == key for k in keys]] for key in dict.fromkeys(keys)]
    spreads = [part.std() for part in parts if np.isfinite(part).all()]
    if not spreads:
        return []
    words = {"seed": "the seed", "rows": "the subsample"}
    return [
        f"Runs that differ in {' and '.join(words[name] for name in chance)} alone have a standard deviation of "
        f"{np.median(spreads):.2g}{', in the median' * (len(spreads) > 1)}."
    ]


def distinct(column: Array) -> list[Any]:
    """Return the different values of a column, in the order in which they are met."""
    return list({repr(value): value for value in column.tolist()}.values())


def equals(column: Array, value: Any) -> Array:
    """Tell which rows of a column have a value."""
    return np.array([repr(each) == repr(value) for each in column.tolist()])
