"""Summary of a sweep in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def summarize_sweep(
    settings: Mapping[str, Array], last: Array, monitor: str, best: int, higher_is_better: bool, programs: str
) -> str:
    """Describe the best trial, the effect of each setting on the last values, and the spread between seeds.

    Examples
    --------
    >>> summarize_sweep(
    ...     {"hidden": np.array([1, 3]), "seed": np.array([0, 0])},
    ...     np.array([0.5, 0.2]),
    ...     "loss",
    ...     1,
    ...     False,
    ...     "1 compiled program",
    ... )
    '2 trials, trained by 1 compiled program. Trial 1 has the lowest final loss, 0.2, with hidden=3. The mean loss is
    lowest for hidden=3 (0.2) and highest for hidden=1 (0.5).'
    """
    is_finite = np.isfinite(last)
    varied = {name: column for name, column in settings.items() if len(get_distinct_values(column)) > 1}
    chosen = ", ".join(f"{name}={column[best]}" for name, column in varied.items()) or "the only settings"
    first_word, last_word = ("highest", "lowest") if higher_is_better else ("lowest", "highest")
    count = len(last)
    sentences = [f"{count} trial{'s' * (count != 1)}, trained by {programs}."]
    if not is_finite.any():
        return f"{sentences[0]} All trials ended with a {monitor} of NaN or infinity."
    sentences.append(f"Trial {best} has the {first_word} final {monitor}, {last[best]:.4g}, with {chosen}.")
    for name, column in varied.items():
        if name in ("seed", "rows"):
            continue
        by_value = {value: last[is_equal_to(column, value) & is_finite] for value in get_distinct_values(column)}
        means = {value: part.mean() for value, part in by_value.items() if len(part)}
        if len(means) > 1:
            order = sorted(means, key=lambda value: -means[value] if higher_is_better else means[value])
            sentences.append(
                f"The mean {monitor} is {first_word} for {name}={order[0]} ({means[order[0]]:.4g}) and {last_word} for "
                f"{name}={order[-1]} ({means[order[-1]]:.4g})."
            )
    sentences += summarize_seed_spread(varied, last)
    if not is_finite.all():
        sentences.append(f"{np.sum(~is_finite)} of the trials ended with a {monitor} of NaN or infinity.")
    return " ".join(sentences)


def summarize_seed_spread(varied: Mapping[str, Array], last: Array) -> list[str]:
    """Describe the spread between trials that differ only in seed and subsample."""
    random = [name for name in ("seed", "rows") if name in varied]
    others = [column for name, column in varied.items() if name not in random]
    if not random:
        return []
    keys = [repr(values) for values in zip(*others, strict=True)] if others else [""] * len(last)
    groups = [last[[k == key for k in keys]] for key in dict.fromkeys(keys)]
    deviations = [group.std() for group in groups if np.isfinite(group).all()]
    if not deviations:
        return []
    words = {"seed": "the seed", "rows": "the subsample"}
    median = "a median standard deviation" if len(deviations) > 1 else "a standard deviation"
    return [
        f"Trials that differ only in {' and '.join(words[name] for name in random)} have {median} of "
        f"{np.median(deviations):.2g}."
    ]


def get_distinct_values(column: Array) -> list[Any]:
    """Return the distinct values of a column, in order of appearance. Compares by repr, since values can be objects."""
    return list({repr(value): value for value in column.tolist()}.values())


def is_equal_to(column: Array, value: Any) -> Array:
    return np.array([repr(each) == repr(value) for each in column.tolist()])
