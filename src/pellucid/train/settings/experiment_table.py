"""Experiment files as one table: included files, environment variables, and values of ``--set``.

A later value wins, tables are merged key by key, and lists are replaced. A table with another ``kind`` replaces an
earlier one, because other classes have other arguments. Every value keeps its origin, for messages.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError, near_miss
from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.train.read.loaders import get_built_in_names
from pellucid.untrusted_files.reading import MAX_QUOTE, abbreviate, report_damage

Table = dict[str, Any]
Keys = tuple[str, ...]

MAXIMUM_INCLUDES = 50
"""Files in all: more can only be a mistake, or an attack."""

VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<damaged>\{))")


class ExperimentTable:
    """The merged table of an experiment, and where its values come from.

    Parameters
    ----------
    name : str
        Name of the file or the command, for messages about the whole.
    table : dict
        The values.
    origins : dict from keys to str
        The file or the option of every value that is not a table.
    """

    def __init__(self, name: str, table: Table, origins: Mapping[Keys, str] | None = None) -> None:
        self.name, self.table = name, table
        self.origins: Mapping[Keys, str] = dict.fromkeys(list_leaves(table), name) if origins is None else origins

    def merge(self, later: "ExperimentTable") -> "ExperimentTable":
        """Return both tables as one, in which the values of ``later`` win.

        Examples
        --------
        >>> base = ExperimentTable("base.toml", {"training": {"epochs": 5, "seed": 1}, "optimizer": {"kind": "SGD"}})
        >>> own = ExperimentTable("own.toml", {"training": {"epochs": 9}, "optimizer": {"kind": "Adam"}})
        >>> merged = base.merge(own)
        >>> merged.table
        {'training': {'epochs': 9, 'seed': 1}, 'optimizer': {'kind': 'Adam'}}
        >>> merged.locate("training", "seed"), merged.locate("training")
        ('base.toml', 'own.toml and base.toml')
        """
        table = merge_tables(remove_replaced(self.table, later.table), later.table)
        origins = {keys: later.origins.get(keys) or self.locate(*keys) for keys in list_leaves(table)}
        return ExperimentTable(self.name, table, origins)

    def without(self, section: str, names: Sequence[str]) -> "ExperimentTable":
        """Return the table without some values of a section."""
        found = self.table.get(section)
        if not isinstance(found, dict):
            return self
        table = {**self.table, section: {key: value for key, value in found.items() if key not in names}}
        origins = {keys: self.origins.get(keys, self.name) for keys in list_leaves(table)}
        return ExperimentTable(self.name, table, origins)

    def assign(self, assignments: Sequence[str]) -> "ExperimentTable":
        """Return the table with values of ``--set``, such as ``layers.0.units=64``.

        Kinds are set first, because another kind replaces a table.
        """
        parsed = [(*parse_assignment(text), f"--set {text}") for text in assignments]
        result, seen = self, dict[Keys, str]()
        for keys, value, text in sorted(parsed, key=lambda each: each[0][-1] != "kind"):
            if keys[0] == "include":
                raise UsageError(f"{text}: only a file includes others. Write include = {value!r:.100} in a file")
            if keys in seen:
                raise UsageError(f"{seen[keys]} and {text} set the same value. Remove one of them")
            seen[keys] = text
            result = result.assign_value(keys, value, text)
        return result

    def assign_value(self, keys: Keys, value: Any, text: str) -> "ExperimentTable":
        old = remove_replaced(self.table, make_nested(keys, value))
        table = replace_value(old, keys, value, (), text)
        origins = {}
        for leaf in list_leaves(table):
            is_assigned = leaf[: len(keys)] == keys or keys[: len(leaf)] == leaf
            earlier = self.origins.get(leaf)
            if is_assigned and earlier and len(leaf) < len(keys):  # an entry of a list
                origins[leaf] = f"{earlier} with {text}"
            else:
                origins[leaf] = text if is_assigned or earlier is None else earlier
        return ExperimentTable(self.name, table, origins)

    def locate(self, *keys: str) -> str:
        """Return the names of the files and options that give the value, or the values of a table."""
        for length in range(len(keys), 0, -1):
            found = [name for leaf, name in self.origins.items() if leaf[:length] == keys[:length]]
            if found:
                return " and ".join(dict.fromkeys(found))
        return self.name


def list_leaves(table: Mapping[str, Any], keys: Keys = ()) -> Iterator[Keys]:
    """Yield the keys of all values that are not tables, and of empty tables."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from list_leaves(value, (*keys, key))
        else:
            yield (*keys, key)


def merge_tables(base: Table, later: Table) -> Table:
    result = dict(base)
    for key, value in later.items():
        old = base.get(key)
        if isinstance(old, str) and key in ("optimizer", "loss"):  # a name is the same as a table with this kind
            old = {"kind": old}
        if isinstance(old, dict) and isinstance(value, dict) and value.get("kind") in (None, old.get("kind")):
            value = merge_tables(old, value)
        result[key] = value
    return result


def remove_replaced(base: Table, later: Table) -> Table:
    """Return the base without what ``later`` makes invalid: another network, and the checksum of other data."""
    removed: set[str] = set()
    if isinstance(later.get("model"), str):
        removed = {"model", "input", "inputs", "layers"}
    elif isinstance(later.get("layers"), list) and isinstance(base.get("model"), str):
        removed = {"model"}
    result = {key: value for key, value in base.items() if key not in removed}
    data, later_data = base.get("data"), later.get("data")
    if isinstance(data, dict) and isinstance(later_data, dict) and "source" in later_data:
        result["data"] = {key: value for key, value in data.items() if key != "checksum"}
    tuning, later_tuning = base.get("fine_tuning"), later.get("fine_tuning")
    if isinstance(tuning, dict) and isinstance(later_tuning, dict) and "weights" in later_tuning:
        result["fine_tuning"] = {key: value for key, value in tuning.items() if key != "weights_checksum"}
    return result


def read_experiment_table(path: Path) -> ExperimentTable:
    """Read a file and the files that it includes; raise `UsageError` or `ModelError` for what cannot be read."""
    with report_mistakes(path.name):
        return read_included(path, (), [0])


@contextmanager
def report_mistakes(name: str) -> Iterator[None]:
    """Turn every exception of code that reads a file into a `UsageError` that quotes little of it."""
    try:
        with report_damage(UsageError, name, passing=(PellucidError,)):
            yield
    except UsageError as error:
        raise UsageError(abbreviate(str(error))) from error


def read_included(path: Path, parents: tuple[Path, ...], count: list[int]) -> ExperimentTable:
    from pellucid.inspect.source_export.model_from_toml import read_toml

    resolved = path.resolve()
    if resolved in parents:
        chain = " includes ".join(each.name for each in (*parents[parents.index(resolved) :], resolved))
        raise UsageError(f"{parents[-1].name}, include: {chain}. Remove one of these lines")
    count[0] += 1
    if count[0] > MAXIMUM_INCLUDES:
        raise UsageError(f"{parents[0].name}: expected at most {MAXIMUM_INCLUDES} files with those that it includes")
    name, table = read_toml(path)
    table = expand_variables(table, (), name)
    includes = table.pop("include", [])
    resolve_source(table, path.parent)
    own, merged = ExperimentTable(name, table), ExperimentTable(name, {})
    for include in includes if isinstance(includes, list) else [includes]:
        file = find_included(include, path.parent, name)
        merged = merged.merge(read_included(file, (*parents, resolved), count))
    return merged.merge(own)


def find_included(include: object, folder: Path, name: str) -> Path:
    """Return the path of an included file, which is relative to the folder of the file that includes it."""
    if not isinstance(include, str) or not include.endswith(".toml") or len(include) > MAX_QUOTE:
        raise UsageError(f'{name}: include: expected a .toml file, such as "base.toml"; received {include!r:.100}')
    path = folder / Path(include).expanduser()
    if not path.is_file():
        siblings = [each.name for each in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise UsageError(
            f"{name}: include: {path} does not exist. {suggest_name(path.name, siblings, '.toml files there')}"
        )
    return path


def resolve_source(table: Table, folder: Path) -> None:
    """Make the paths of the data and of weights relative to the folder of the file."""
    data = table.get("data")
    source = data.get("source") if isinstance(data, dict) else None
    if isinstance(data, dict) and isinstance(source, str) and source and source not in get_built_in_names():
        data["source"] = str(folder / Path(source).expanduser())
    tuning = table.get("fine_tuning")
    if isinstance(tuning, dict) and isinstance(tuning.get("weights"), str) and tuning["weights"]:
        tuning["weights"] = str(folder / Path(tuning["weights"]).expanduser())


def expand_variables(value: Any, keys: Keys, name: str) -> Any:
    """Replace ``${NAME}`` in strings by environment variables, and ``$$`` by a dollar sign."""
    if isinstance(value, dict):
        return {key: expand_variables(each, (*keys, key), name) for key, each in value.items()}
    if isinstance(value, list):
        return [expand_variables(each, (*keys, str(index)), name) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def expand(match: re.Match[str]) -> str:
        variable = match["name"]
        if match["dollar"]:
            return "$"
        if match["damaged"]:
            raise UsageError(
                f"{name}: {'.'.join(keys)}: expected ${{NAME}}, an environment variable, or $$ for a dollar sign; "
                f"received {value!r:.100}"
            )
        if variable not in os.environ:
            hint = near_miss(variable, os.environ) or f" Set it, or write $${{{variable}}} if it is text"
            raise UsageError(f"{name}: {'.'.join(keys)}: the environment variable {variable} is not set.{hint}")
        return os.environ[variable]

    return VARIABLE.sub(expand, value)


def escape_variables(value: Any) -> Any:
    """Return values that `expand_variables` turns into the given ones."""
    if isinstance(value, Mapping):
        return {key: escape_variables(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [escape_variables(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def parse_assignment(text: str) -> tuple[Keys, Any]:
    """Return the keys and the value of ``--set``. The value is TOML; a string needs no quotes.

    Examples
    --------
    >>> parse_assignment("layers.0.units=64"), parse_assignment("optimizer.kind=SGD")
    ((('layers', '0', 'units'), 64), (('optimizer', 'kind'), 'SGD'))
    >>> parse_assignment('optimizer.multipliers."dense/bias"=2.0')
    (('optimizer', 'multipliers', 'dense/bias'), 2.0)
    """
    name, _, value = text.partition("=")
    keys: list[str] = []
    try:
        nested: Any = tomllib.loads(f"{name} = 0")
        while isinstance(nested, dict):
            [(key, nested)] = nested.items()
            keys.append(key)
        found = tomllib.loads(f"value = {value}") if value.strip() else {}
    except ValueError:
        # Not TOML: a string without quotes, or a mistake.
        found = {"value": value.strip()} if keys and not value.strip().startswith(("[", "{", '"', "'")) else {}
    if set(found) != {"value"}:
        raise UsageError(
            f"--set: expected KEY=VALUE with a TOML value, such as training.epochs=5; received {text!r:.100}"
        )
    return tuple(keys), found["value"]


def make_nested(keys: Keys, value: Any) -> Table:
    """Return the table with one value.

    Examples
    --------
    >>> make_nested(("training", "epochs"), 5)
    {'training': {'epochs': 5}}
    """
    for key in reversed(keys):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def replace_value(old: Any, keys: Keys, value: Any, parents: Keys, text: str) -> Any:
    """Return a copy of a table or a list with another value; ``parents`` are the keys of ``old``, for messages."""
    if not keys:
        return value
    key, *rest = keys
    here = ".".join(parents)
    if isinstance(old, list):
        index = int(key) if re.fullmatch(r"-?\d{1,9}", key) else len(old)
        if not -len(old) <= index < len(old):
            raise UsageError(f"{text}: expected an index from 0 to {len(old) - 1} in {here}; received {key!r}")
        index %= len(old)
        new = replace_value(old[index], tuple(rest), value, (*parents, key), text)
        return [*old[:index], new, *old[index + 1 :]]
    if here == "layers":
        raise UsageError(f"{text}: there are no [[layers]] to change. The experiment.toml of a run lists its layers")
    if isinstance(old, str):
        old = {"kind": old}
    if not isinstance(old, dict | None):
        raise UsageError(f"{text}: {here} is {old!r:.60}, not a table. Replace it as a whole: --set '{here}={{ ... }}'")
    if keys == ("kind",) and old and value != old.get("kind"):
        return {key: value}
    old = old or {}
    return {**old, key: replace_value(old.get(key), tuple(rest), value, (*parents, key), text)}
