"""The TOML file of a training run: data, layers, optimizer, loss and training settings.

Its layers have the form that ``model.to_source("toml")`` writes, so that one file can be read by both.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.experiments.runner.errors import UsageError, suggest_name
from pellucid.experiments.user_data.loaders import get_built_in_names, get_options
from pellucid.experiments.user_data.settings import PARAMETERS, Settings
from pellucid.untrusted_files.reading import report_damage

FILE = "experiment.toml"
FORMAT = 1

SECTIONS = ("pellucid", "model", "input", "layers", "optimizer", "loss", "data", "training", "computed")
DATA_KEYS = ("task", "validation_split", "test_split", "strict", "checksum")
TRAINING_KEYS = (
    "epochs", "batch_size", "seed", "patience", "devices", "augment", "metrics", "class_weights", "threshold",
    "positive_class", "folds",
)  # fmt: skip


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file, as keyword arguments of `Settings`; errors name the file and the key."""
    from pellucid.inspect.source_export.model_from_toml import read_toml

    name, table = read_toml(path)
    with report_damage(UsageError, name):
        return parse_settings(path, name, table)


def parse_settings(path: Path, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    check_keys(table, SECTIONS, name)
    if table.get("pellucid") != FORMAT:
        raise UsageError(f"{name}: expected pellucid = {FORMAT}, the format version, in the first line")
    options = get_options()
    data, training = get_table(table, "data", name), get_table(table, "training", name)
    check_keys(data, ("source", *options, *DATA_KEYS), f"{name}, [data]")
    check_keys(training, TRAINING_KEYS, f"{name}, [training]")
    computed = get_table(table, "computed", name)
    check_keys(computed, ("backends",), f"{name}, [computed]")
    backends = computed.get("backends", [])
    if not isinstance(backends, list) or not all(isinstance(each, str) for each in backends):
        raise UsageError(f"{name}, [computed]: backends: expected a list of strings; received {backends!r:.100}")
    given = {key: value for key, value in (data | training).items() if key in (*DATA_KEYS, *TRAINING_KEYS)}
    given |= {key: table[key] for key in ("optimizer", "loss") if key in table}
    given_options = {key: value for key, value in data.items() if key in options}
    try:
        settings = {key: PARAMETERS[key].check(value) for key, value in given.items()}
        settings["options"] = {key: options[key].check(value) for key, value in given_options.items()}
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    if "source" in data:
        if not isinstance(data["source"], str) or not data["source"]:
            raise UsageError(
                f"{name}: source: expected a file, a folder or a built-in name; received {data['source']!r}"
            )
        # A path is relative to the folder of the file.
        is_built_in = data["source"] in get_built_in_names()
        settings["data"] = data["source"] if is_built_in else str(path.parent / Path(data["source"]).expanduser())
    settings["backends"] = tuple(backends)
    if isinstance(settings.get("loss"), dict) and set(settings["loss"]) == {"kind"}:
        settings["loss"] = settings["loss"]["kind"]
    return settings | {"layers_from": name} | read_network(table, name)


def read_network(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of the network: a name, or layers."""
    model, layers = table.get("model", {}), table.get("layers")
    if isinstance(model, str):
        if layers is not None:
            raise UsageError(f"{name}: expected model = {model!r} or [[layers]]; received both. Remove one")
        return {"model": model}
    model = get_table(table, "model", name)
    if model.get("kind", "Sequential") != "Sequential":
        raise UsageError(
            f"{name}, [model]: expected a Sequential model; received kind = {model['kind']!r}. Train other models from "
            "Python, with pel.from_toml and fit"
        )
    check_keys(model, ("kind", "name"), f"{name}, [model]")
    if layers is None:
        return {}
    if not isinstance(layers, list) or not layers or not all(isinstance(each, dict) for each in layers):
        raise UsageError(f"{name}: expected [[layers]] tables, one for each layer; received {layers!r}")
    settings: dict[str, Any] = {"layers": layers}
    if isinstance(model.get("name"), str):
        settings["model"] = model["name"]
    if "input" in table:
        shape = get_table(table, "input", name).get("shape")
        settings["input_shape"] = tuple(shape) if isinstance(shape, list) else shape
    return settings


def get_table(table: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{name}: expected a table [{key}]; received {value!r}")
    return value


def check_keys(table: Iterable[str], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}. {suggest_name(key, known, 'keys')}")


def format_settings(
    settings: Settings, name: str, layers: Sequence[Mapping[str, Any]], shape: Sequence[int], task: str
) -> str:
    """Return the TOML file of a run with all values that determine the result, defaults and layers included."""
    from pellucid.experiments.user_data.networks import get_loss_and_metrics, get_optimizer
    from pellucid.inspect.source_export.model_to_toml import format_section

    loss, metrics = get_loss_and_metrics(settings, task)
    built_in = settings.data in get_built_in_names()
    data = {"source": settings.data if built_in else str(Path(settings.data).resolve()), **settings.options}
    data |= {key: getattr(settings, key) for key in DATA_KEYS} | {"task": task}
    # The layers of the augmentation are written below.
    training = {key: getattr(settings, key) for key in TRAINING_KEYS if key != "augment"} | {"metrics": metrics}
    lines = [f"pellucid = {FORMAT}  # the version of this format; run it again: pellucid train {FILE}"]
    lines += format_section("[data]", data)
    lines += format_section("[model]", {"kind": "Sequential", "name": name})
    lines += format_section("[input]", {"shape": list(shape)})
    for layer in layers:
        lines += format_section("[[layers]]", layer)
    lines += format_section("[optimizer]", get_optimizer(settings))
    lines += format_section("[loss]", loss if isinstance(loss, Mapping) else {"kind": loss})
    lines += format_section("[training]", training)
    if settings.backends:
        lines += format_section("[computed]", {"backends": list(settings.backends)})
    return "\n".join(lines) + "\n"
