"""Named groups of columns: the inputs of a network with several branches.

The network keeps one input with all features, so that it predicts like any other. A group is a selection of them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.train.read.loaders import get_loaders

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

DEFAULT_NAME = "input"
"""Name of the only input, if a file does not name it."""


def select_groups(
    features: "Expr", groups: Sequence[Mapping[str, Any]], description: Mapping[str, Any], where: str
) -> "dict[str, Expr]":
    """Return the features of every group by name; all features without ``columns``.

    Raises `UsageError` for a column that the data do not have, or that two groups have.
    """
    from pellucid.nn.layers import SelectFeatures

    if not groups:
        return {DEFAULT_NAME: features}
    columns = get_feature_columns(description, features.shape[1:])
    selected: dict[str, Expr] = {}
    for number, group in enumerate(groups, start=1):
        place = f"{where}, input {number}"
        name = group.get("name", DEFAULT_NAME)
        if not isinstance(name, str) or not name or name in selected:
            raise UsageError(f"{place}: expected a unique name; received {name!r:.100}")
        if "columns" in group:
            indices = find_features(group["columns"], columns, f"{place} ({name})")
            selected[name] = SelectFeatures(indices, name=f"{name}_columns")(features)
        else:
            selected[name] = features
    return selected


def find_features(names: object, columns: Sequence[str], place: str) -> list[int]:
    """Return the indices of the features that are made of columns; a text column has several."""
    if not isinstance(names, list) or not names or not all(isinstance(each, str) for each in names):
        raise UsageError(f'{place}: expected names of columns, such as columns = ["rooms"]; received {names!r:.100}')
    if not columns:
        raise UsageError(f"{place}: columns: only for tables, whose columns have names. Omit it")
    for name in names:
        if name not in columns:
            hint = suggest_name(name, [*dict.fromkeys(columns)], "columns")
            raise UsageError(f"{place}: no feature of column {name!r:.100}. {hint}")
    return [index for index, column in enumerate(columns) if column in names]


def get_feature_columns(description: Mapping[str, Any], shape: Sequence[Any]) -> list[str]:
    """Return the name of the column of every feature; an empty list for data without columns."""
    for loader in get_loaders():
        if loader.kind == description["kind"] and loader.get_feature_columns is not None:
            names = loader.get_feature_columns(description)
            assert (len(names),) == tuple(shape)
            return names
    return []
