"""Choice of the two features that span the plane: two columns, or two principal components of all columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.data.errors import DataError, format_names
from pellucid.errors import near_miss
from pellucid.graph.errors import OptionError
from pellucid.typing import Array

MAX_SPACING = 0.02
"""Largest distance of neighboring float32 numbers, in standard deviations of a feature."""

LOADINGS = 3
"""Number of columns named for each principal component."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Two coordinates of each row, shape (n, 2), float64, their names, and how they were chosen."""

    X: Array
    names: tuple[str, str]
    facts: tuple[str, ...]


def project_rows(x: Array, names: Sequence[str], features: Sequence[str | int] | None, where: str) -> Plane:
    """Return the coordinates of rows in the plane of two features."""
    if x.ndim != 2:
        shape = "x".join(map(str, x.shape[1:]))
        raise DataError(f"{where}: expected rows of numbers, received images or arrays of shape {shape}; use a table.")
    if x.shape[1] < 2:
        raise DataError(f"{where}: expected two or more features, received only {names[0]!a}. Add a column.")
    x = x.astype(np.float64)
    if features is None and x.shape[1] > 2:
        return find_principal_components(x, names, where)
    chosen = [0, 1] if features is None else find_columns(features, names, where)
    for k in chosen:
        check_variation(x[:, k], names[k], where)
    first, second = (names[k] for k in chosen)
    rest = x.shape[1] - 2
    ignored = f" The other {rest} columns are not used." if rest > 1 else " One other column is not used." * rest
    return Plane(x[:, chosen], (first, second), (f"The network sees {first} and {second}.{ignored}",))


def check_variation(values: Array, name: str, where: str) -> None:
    """Raise if the page cannot tell numbers apart: they are equal, or too close to each other for float32."""
    if np.ptp(values) == 0:
        raise DataError(f"{where}: the feature {name!a} is always {values[0]:g}. Choose another with features.")
    if np.spacing(np.float32(np.abs(values).max())) > MAX_SPACING * values.std():
        raise DataError(
            f"{where}: the feature {name!a} varies by {values.std():.3g} around {values.mean():.6g}, too little for "
            "float32. Subtract a constant from it."
        )


def find_columns(features: Sequence[str | int], names: Sequence[str], where: str) -> list[int]:
    """Return the numbers of two columns that are given by name or by number, from 0."""
    if isinstance(features, str) or len(features) != 2 or features[0] == features[1]:
        raise OptionError(
            f"pel.lab: expected features=(first, second), two different columns. Received: features={features!r}"
        )
    return [find_column(feature, names, where) for feature in features]


def find_column(feature: str | int, names: Sequence[str], where: str) -> int:
    if isinstance(feature, str) and feature in names:
        return list(names).index(feature)
    if isinstance(feature, int) and -len(names) <= feature < len(names):
        return feature % len(names)
    hint = near_miss(feature, names) if isinstance(feature, str) else ""
    hint = hint or f" The features are {format_names(names, 20)}."
    raise DataError(f"{where}: no feature {feature!a}.{hint}")


def find_principal_components(x: Array, names: Sequence[str], where: str) -> Plane:
    """Return the two directions of largest variance of the standardized columns as coordinates."""
    deviation = x.std(axis=0)
    kept = np.flatnonzero(deviation > 0)
    if len(kept) < 2:
        raise DataError(f"{where}: expected two or more features that vary, received {len(kept)}.")
    z = (x[:, kept] - x[:, kept].mean(axis=0)) / deviation[kept]
    variances, directions = np.linalg.eigh(z.T @ z / len(z))
    order = variances.argsort()[::-1][:2]
    directions = directions[:, order]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), [0, 1]])  # the largest loading is positive
    shares = variances[order] / variances.sum()
    columns = [names[k] for k in kept.tolist()]
    facts = [
        f"The plane shows the first two principal components of the {len(columns)} standardized columns. They explain "
        f"{shares[0]:.0%} and {shares[1]:.0%} of the variance, and the network sees only them.",
        *(describe_component(k + 1, directions[:, k], columns) for k in range(2)),
    ]
    return Plane(z @ directions, ("component 1", "component 2"), tuple(facts))


def describe_component(number: int, loadings: Array, names: Sequence[str]) -> str:
    """Return the largest loadings of a component as text.

    Examples
    --------
    >>> describe_component(1, np.array([0.8, -0.6]), ["length", "width"])
    'Component 1 = 0.80 length - 0.60 width.'
    """
    largest = np.abs(loadings).argsort()[::-1][:LOADINGS]
    terms = [f"{'-' if loadings[k] < 0 else '+'} {abs(loadings[k]):.2f} {names[k]}" for k in largest]
    more = " + smaller terms" if len(names) > LOADINGS else ""
    return f"Component {number} = {' '.join(terms).removeprefix('+ ')}{more}."
