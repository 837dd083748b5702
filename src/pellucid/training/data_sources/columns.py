"""Choice of the columns of a table, or of the keys of a dict, that are inputs, targets and weights of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pellucid.graph.errors import near_miss
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.data_sources.conversion import Features, read_samples
from pellucid.training.data_sources.converters import format_names
from pellucid.training.data_sources.kinds import Form, find_kind

Parts: TypeAlias = tuple[Any, Any, Any]
"""Inputs, targets and sample weights; the last two may be None."""


@dataclass(frozen=True)
class TargetNames:
    """Columns that the arguments ``y`` and ``sample_weight`` name, and whether targets are needed at all."""

    y: Any = None
    sample_weight: str | None = None
    needed: bool = True
    prefix: str = ""


@dataclass(frozen=True)
class ColumnPlan:
    """Columns of each part; a tuple of names is stacked as features."""

    inputs: Mapping[str | None, str | tuple[str, ...]]  # by the name of the input; None for the only one
    targets: Mapping[str | None, str | tuple[str, ...]]
    sample_weight: str | None

    @property
    def names(self) -> list[str]:
        """All columns that are used."""
        used = [*self.inputs.values(), *self.targets.values(), self.sample_weight or ()]
        return list(dict.fromkeys(name for each in used for name in ([each] if isinstance(each, str) else each)))

    def select(self, record: Mapping[str, Any]) -> Parts:
        """Return the parts of a table or batch."""

        def get(names: str | tuple[str, ...]) -> Any:
            return record[names] if isinstance(names, str) else Features({name: record[name] for name in names})

        def get_part(chosen: Mapping[str | None, str | tuple[str, ...]]) -> Any:
            if not chosen:
                return None
            return get(chosen[None]) if None in chosen else {name: get(names) for name, names in chosen.items()}

        weight = None if self.sample_weight is None else record[self.sample_weight]
        return get_part(self.inputs), get_part(self.targets), weight


def get_record(value: Any) -> Mapping[str, Any] | None:
    """Return the columns of a table or dict, or None for anything else."""
    if isinstance(value, Mapping):
        return value if all(isinstance(key, str) for key in value) else {str(key): each for key, each in value.items()}
    kind = find_kind(value)
    return dict(kind.convert(value)) if kind is not None and kind.form is Form.TABLE else None


def is_column_choice(value: Any) -> bool:
    """Tell whether an argument holds names of columns instead of data."""
    return isinstance(value, str) or (
        isinstance(value, (list, tuple)) and bool(value) and all(isinstance(name, str) for name in value)
    )


def get_rank(value: Any) -> int:
    """Return the number of axes of a value; lists of unequal lengths count as one axis."""
    try:
        return len(value.shape) if hasattr(value, "shape") else read_samples(value, "").ndim
    except ModelError:
        return 1


def plan_columns(model: ModelLike, record: Mapping[str, Any], wanted: TargetNames, row_rank: int = 1) -> ColumnPlan:
    """Choose columns by the names of inputs and outputs, and by the arguments ``y`` and ``sample_weight``.

    ``row_rank`` is the number of axes of a column with one number per row: 1, or 0 in the record of a single sample.
    """
    names = list(record)
    argument = f"{wanted.prefix}x"
    weight = check_column(wanted.sample_weight, names, argument, "sample_weight")
    taken = {weight} - {None}
    targets: dict[str | None, str | tuple[str, ...]] = {}
    if wanted.y is not None:
        targets = match_targets(model, wanted.y, names, argument)
    elif wanted.needed:
        targets = find_targets(model, [name for name in names if name not in taken], argument)
    for each in targets.values():
        taken |= {each} if isinstance(each, str) else set(each)
    rest = [name for name in names if name not in taken]

    def holds_numbers(name: str) -> bool:
        return get_rank(record[name]) == row_rank

    return ColumnPlan(match_inputs(model, rest, holds_numbers, argument), targets, weight)


def check_column(name: str | None, names: Sequence[str], argument: str, use: str) -> str | None:
    """Return a name that must be among those of the columns."""
    if name is not None and name not in names:
        raise ModelError(
            f"{use}={name!r}: expected a column of {argument}.{near_miss(name, names)} Columns: {format_names(names)}"
        )
    return name


def match_targets(
    model: ModelLike, y: str | Sequence[str], names: Sequence[str], argument: str
) -> dict[str | None, str | tuple[str, ...]]:
    """Return the columns that ``y`` names: one for each output, or all for the only one."""
    chosen = [y] if isinstance(y, str) else list(y)
    for name in chosen:
        check_column(name, names, argument, "y")
    outputs = model.output_names if model.built else [""]
    if len(outputs) > 1 and len(outputs) == len(chosen):
        return dict(zip(outputs, chosen, strict=True))
    return {None: y if isinstance(y, str) else tuple(chosen)}


def find_targets(model: ModelLike, names: Sequence[str], argument: str) -> dict[str | None, str | tuple[str, ...]]:
    """Return the columns with the names of the outputs, or the only one that is no input."""
    outputs: list[str] = []
    if model.built:
        configs = model.compile_config.for_outputs(model.output_names)
        outputs = [config.name for config in configs if config.needs_targets]
        if all(name in names for name in outputs):
            return {name: name for name in outputs}
    rest = [name for name in names if not model.built or name not in model.input_names]
    if len(outputs) == 1 and len(rest) == 1 and len(names) > 1:
        return {None: rest[0]}
    missing = ", ".join(name for name in outputs if name not in names)
    raise ModelError(
        f"Expected {argument} to have a column with the targets"
        f"{f', named like the output: {missing}' if missing else ''}. Received: the columns {format_names(names)}. "
        f"Name the column that holds them, such as y={names[-1] if names else 'label'!r}"
    )


def match_inputs(
    model: ModelLike, names: Sequence[str], holds_numbers: Callable[[str], bool], argument: str
) -> dict[str | None, str | tuple[str, ...]]:
    """Return the columns of each input: those with its name, or all features for the only input."""
    if model.built and len(model.input_names) > 1:
        for name in model.input_names:
            if name not in names:
                raise ModelError(
                    f"{argument}: there is no column for the input {name!r}.{near_miss(name, names)} "
                    f"Columns: {format_names(names)}"
                )
        return {
            name: (name,) if e.ndim == 2 and holds_numbers(name) else name
            for name, e in zip(model.input_names, model.inputs, strict=True)
        }
    if not names:
        raise ModelError(
            f"Expected {argument} to have a column with the inputs. Received: no column besides the targets"
        )
    named = model.input_names[0] if model.built else ""
    takes_row = not model.built or model.inputs[0].ndim == 2
    features = [name for name in names if holds_numbers(name)]
    count = model.inputs[0].shape[1] if model.built and takes_row else None
    if named in names and not (len(features) == len(names) == count):
        return {None: (named,) if takes_row and named in features else named}
    if len(names) == 1:
        return {None: (names[0],) if takes_row and features else names[0]}
    if not takes_row or len(features) < len(names):
        raise ModelError(
            f"Expected {argument} to have one column for the input{f' {named}' if named else ''}. Received: the "
            f"columns {format_names(names)}. Name the input after its column, such as "
            f"nn.Input(shape, name={names[0]!r}), or pass the column itself, x[{names[0]!r}]"
        )
    return {None: tuple(names)}
