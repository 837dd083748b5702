"""An experiment as a TOML file: data, layers, optimizer, loss and training, read and written.

The layers stand in it as ``model.peel("toml")`` writes them, so that one file can be read by either.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import near_miss
from pellucid.experiments.runner.errors import UsageError
from pellucid.experiments.train.settings import Settings

FILE = "experiment.toml"
FORMAT = 1

DATA = {
    "source": "data",
    "target": "target",
    "task": "task",
    "size": "size",
    "validation_split": "validation_split",
    "test_split": "test_split",
    "strict": "strict",
    "checksum": "checksum",
}
TRAINING = {name: name for name in ("epochs", "batch_size", "seed", "patience", "devices", "augment", "metrics")}
"""What the keys of ``[data]`` and ``[training]`` are among the settings."""

KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(("data", "target", "task", "checksum"), ("a text", (str,))),
    **dict.fromkeys(("strict", "augment"), ("true or false", (bool,))),
    **dict.fromkeys(("epochs", "batch_size", "seed", "patience"), ("a whole number", (int,))),
    **dict.fromkeys(("validation_split", "test_split"), ("a number", (int, float))),
    **dict.fromkeys(("optimizer", "loss"), ("a name or a table", (str, dict))),
    "devices": ("'all' or a whole number", (int, str)),
    "metrics": ("a list", (list,)),
}


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings that a TOML file gives, by name.

    Raises
    ------
    UsageError, ModelError
        For a file that cannot be read, a key that there is not, a value of the wrong type; with the place in the file.
    """
    from pellucid.inspect.source_export.toml_reader import read

    name, table = read(path)
    only(table, ("pellucid", "model", "input", "layers", "optimizer", "loss", "data", "training"), name)
    if table.get("pellucid") != FORMAT:
        raise UsageError(f"{name}: expected pellucid = {FORMAT}, the version of the format, in its first line")
    data, training = of_table(table, "data", name), of_table(table, "training", name)
    only(data, DATA, f"{name}, [data]")
    only(training, TRAINING, f"{name}, [training]")
    found = {DATA[key]: value for key, value in data.items()} | {TRAINING[key]: v for key, v in training.items()}
    found |= {key: table[key] for key in ("optimizer", "loss") if key in table}
    check_types(found, name)
    if "size" in found:
        found["size"] = size_of(found["size"], name)
    if "data" in found:
        found["data"] = beside(found["data"], path)
    if isinstance(found.get("loss"), Mapping) and set(found["loss"]) == {"kind"}:
        found["loss"] = found["loss"]["kind"]
    return found | {"layers_from": name} | network(table, name)


def check_types(found: Mapping[str, Any], name: str) -> None:
    """Refuse values of another type than settings have."""
    for key, (expected, types) in KINDS.items():
        value = found.get(key)
        if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            key = "source" if key == "data" else key
            raise UsageError(f"{name}: expected {key} to be {expected}; received {value!r}")
    if found.get("data") == "":
        raise UsageError(f"{name}: expected source to be a file, a folder or a built-in name; received ''")


def network(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the network that a file gives: a name, or layers."""
    about = table.get("model", {})
    layers = table.get("layers")
    if isinstance(about, str):
        if layers is not None:
            raise UsageError(f"{name}: expected model = {about!r} or [[layers]]; received both. Take one out")
        return {"model": about}
    about = of_table(table, "model", name)
    if about.get("kind", "Sequential") != "Sequential":
        raise UsageError(
            f"{name}, [model]: an experiment's network is a row of layers, one after the other; received kind = "
            f"{about['kind']!r}. Train a graph of layers from Python, by pel.from_toml and fit"
        )
    only(about, ("kind", "name"), f"{name}, [model]")
    if layers is None:
        return {}
    if not isinstance(layers, list) or not layers or not all(isinstance(each, dict) for each in layers):
        raise UsageError(f"{name}: expected [[layers]] tables, one for each layer; received {layers!r}")
    found: dict[str, Any] = {"layers": layers}
    if isinstance(about.get("name"), str):
        found["model"] = about["name"]
    if "input" in table:
        shape = of_table(table, "input", name).get("shape")
        found["input_shape"] = tuple(shape) if isinstance(shape, list) else shape
    return found


def of_table(table: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    """Return a table of a file, or say that one was expected."""
    found = table.get(key, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"{name}: expected a table [{key}]; received {found!r}")
    return found


def only(table: Iterable[str], known: Iterable[str], place: str) -> None:
    """Refuse keys that nothing reads."""
    known = list(known)
    for key in table:
        if key not in known:
            hint = near_miss(key, known) or f" There are {', '.join(known)}"
            raise UsageError(f"{place}: there is no key {key!r}.{hint}")


def size_of(given: Any, name: str) -> tuple[int, int]:
    """Return the size of images: a number for squares, or height and width."""
    sides = given if isinstance(given, list) else [given, given]
    if len(sides) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        raise UsageError(f"{name}: expected size = 32, or size = [32, 48] for height and width; received {given!r}")
    return sides[0], sides[1]


def beside(source: str, file: Path) -> str:
    """Return where data lie that a file names: in its own folder, unless the name is built in or begins at the root."""
    from pellucid.experiments.train.loaders import BUILT_IN

    return source if source in BUILT_IN else str(file.parent / Path(source).expanduser())


def as_toml(settings: Settings, name: str, layers: Sequence[Mapping[str, Any]], shape: Sequence[int], task: str) -> str:
    """Write an experiment with everything in it that its bits follow from.

    Parameters
    ----------
    settings : Settings
        The experiment, whose defaults are written out.
    name, layers
        The network.
    shape : sequence of int
        Of a sample.
    task : str
        What was told from the target.
    """
    from pellucid.experiments.train.loaders import BUILT_IN
    from pellucid.experiments.train.networks import goal_of, optimizer_of
    from pellucid.inspect.source_export.toml_writer import section

    loss, metrics = goal_of(settings, task)
    source = settings.data if settings.data in BUILT_IN else str(Path(settings.data).resolve())
    data = {key: getattr(settings, field) for key, field in DATA.items()} | {"source": source, "task": task}
    training = {key: getattr(settings, field) for key, field in TRAINING.items()} | {"metrics": metrics}
    training.pop("augment")  # its layers are written out
    lines = [f"pellucid = {FORMAT}  # the version of this format; run it again: pellucid train {FILE}"]
    lines += section("[data]", data)
    lines += section("[model]", {"kind": "Sequential", "name": name})
    lines += section("[input]", {"shape": list(shape)})
    for layer in layers:
        lines += section("[[layers]]", layer)
    lines += section("[optimizer]", optimizer_of(settings))
    lines += section("[loss]", loss if isinstance(loss, Mapping) else {"kind": loss})
    lines += section("[training]", training)
    return "\n".join(lines) + "\n"
