"""The TOML file of a training run: data, layers, optimizer, loss and training settings.

Its layers have the form that ``model.to_source("toml")`` writes, so that one file can be read by both.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.tracking.parameters import Parameter
from pellucid.tracking.run_folder import CONFIG
from pellucid.train.read.loaders import get_built_in_names, get_options
from pellucid.train.settings.experiment_table import (
    ExperimentTable,
    escape_variables,
    read_experiment_table,
    report_mistakes,
)
from pellucid.train.settings.settings import PARAMETERS, Settings

FORMAT = 1

SECTIONS = (
    "pellucid", "model", "input", "inputs", "layers", "optimizer", "loss", "data", "training", "fine_tuning",
    "sweep", "computed",
)  # fmt: skip
DATA_KEYS = ("task", "validation_split", "test_split", "memory", "strict", "checksum")
TRAINING_KEYS = (
    "epochs", "batch_size", "seed", "patience", "devices", "shard", "augment", "metrics", "class_weights", "threshold",
    "positive_class", "folds",
)  # fmt: skip
FINE_TUNING_KEYS = ("weights", "head", "freeze", "unfreeze_after", "layer_rates", "weights_checksum")
SWEEP_KEYS = {"settings": "sweep", "trials": "trials"}
"""Keys of [sweep], and the settings that they are."""
INPUT_KEYS = ("shape", "dtype", "name")
GROUP_KEYS = ("name", "columns")


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file, as keyword arguments of `Settings`; errors name the file and the key."""
    return parse_settings(read_experiment_table(path))


def parse_settings(experiment: ExperimentTable) -> dict[str, Any]:
    """Return the settings in a table, as keyword arguments of `Settings`."""
    with report_mistakes(experiment.name):
        return parse_sections(experiment) | parse_network(experiment)


def parse_sections(experiment: ExperimentTable) -> dict[str, Any]:
    """Return all settings but the network."""
    check_keys(experiment, (), ("include", *SECTIONS))
    if experiment.table.get("pellucid") != FORMAT:
        raise UsageError(f"{experiment.name}: expected pellucid = {FORMAT}, the format version, in the first line")
    options = get_options()
    data, training = get_table(experiment, "data"), get_table(experiment, "training")
    fine_tuning = get_table(experiment, "fine_tuning")
    check_keys(experiment, ("data",), ("source", *options, *DATA_KEYS))
    check_keys(experiment, ("training",), TRAINING_KEYS)
    check_keys(experiment, ("fine_tuning",), FINE_TUNING_KEYS)
    settings = parse_sweep(experiment)
    settings["options"] = {}
    for section, table in (("data", data), ("training", training), ("fine_tuning", fine_tuning)):
        for key, value in table.items():
            if key in options and section == "data":
                settings["options"][key] = check_value(experiment, options[key], value, section, key)
            elif key != "source":
                settings[key] = check_value(experiment, PARAMETERS[key], value, section, key)
    for key in ("optimizer", "loss"):
        if key in experiment.table:
            settings[key] = check_value(experiment, PARAMETERS[key], experiment.table[key], key)
    if isinstance(settings.get("loss"), dict) and set(settings["loss"]) == {"kind"}:
        settings["loss"] = settings["loss"]["kind"]
    if "source" in data:
        settings["data"] = parse_source(experiment, data["source"])
    sources = {section: experiment.locate(section) for section in SECTIONS if section in experiment.table}
    return settings | {
        "layers_from": experiment.locate("layers"),
        "sources": sources,
        "backends": parse_backends(experiment),
    }


def parse_sweep(experiment: ExperimentTable) -> dict[str, Any]:
    table = get_table(experiment, "sweep")
    check_keys(experiment, ("sweep",), tuple(SWEEP_KEYS))
    return {
        SWEEP_KEYS[key]: check_value(experiment, PARAMETERS[SWEEP_KEYS[key]], value, "sweep", key)
        for key, value in table.items()
    }


def get_keys(setting: str) -> tuple[str, ...]:
    """Return the keys of a setting in a file.

    Examples
    --------
    >>> get_keys("epochs"), get_keys("target"), get_keys("learning_rate")
    (('training', 'epochs'), ('data', 'target'), ('optimizer', 'learning_rate'))
    """
    if setting == "learning_rate":
        return ("optimizer", setting)
    if setting in TRAINING_KEYS:
        return ("training", setting)
    if setting in SWEEP_KEYS.values():
        return ("sweep", next(key for key, name in SWEEP_KEYS.items() if name == setting))
    if setting in FINE_TUNING_KEYS:
        return ("fine_tuning", setting)
    return ("data", setting) if setting in (*get_options(), *DATA_KEYS) else (setting,)


def check_value(experiment: ExperimentTable, parameter: Parameter, value: Any, *keys: str) -> Any:
    """Return a valid value, or raise an error with the file and the table."""
    try:
        return parameter.check(value)
    except UsageError as error:
        section = f", [{keys[0]}]" if len(keys) > 1 else ""
        raise UsageError(f"{experiment.locate(*keys)}{section}: {error}") from error


def parse_source(experiment: ExperimentTable, source: object) -> str:
    if not isinstance(source, str) or not source:
        raise UsageError(
            f"{experiment.locate('data', 'source')}, [data]: source: expected a file, a folder or a built-in name; "
            f"received {source!r:.100}"
        )
    return source


def parse_backends(experiment: ExperimentTable) -> tuple[str, ...]:
    computed = get_table(experiment, "computed")
    check_keys(experiment, ("computed",), ("backends",))
    backends = computed.get("backends", [])
    if not isinstance(backends, list) or not all(isinstance(each, str) for each in backends):
        raise UsageError(
            f"{experiment.locate('computed')}, [computed]: backends: expected a list of strings; received "
            f"{backends!r:.100}"
        )
    return tuple(backends)


def parse_network(experiment: ExperimentTable) -> dict[str, Any]:
    """Return the settings of the network: a name, layers in a chain, or layers with named inputs."""
    from pellucid.inspect.source_export.model_from_toml import is_functional

    table = experiment.table
    layers = table.get("layers")
    if isinstance(table.get("model"), str):
        if layers is not None:
            raise UsageError(
                f"{experiment.locate('model')}: expected model = {table['model']!r} or [[layers]]; received both. "
                "Remove one"
            )
        return {"model": table["model"]}
    model = get_table(experiment, "model")
    is_graph = is_functional(table)
    if model.get("kind", "Sequential") not in ("Sequential", "Model"):
        hint = near_miss(str(model["kind"]), ("Sequential", "Model"))
        raise UsageError(
            f"{experiment.locate('model', 'kind')}, [model]: expected kind = 'Sequential' or kind = 'Model'; received "
            f"{model['kind']!r:.100}.{hint}"
        )
    check_keys(experiment, ("model",), ("kind", "name", "outputs") if is_graph else ("kind", "name"))
    if layers is None and is_graph:
        raise UsageError(f"{experiment.name}: expected [[layers]] with the inputs and outputs of the network")
    if layers is None:
        return {}
    settings: dict[str, Any] = {"layers": get_tables(experiment, "layers")}
    if isinstance(model.get("name"), str):
        settings["model"] = model["name"]
    if "input" in table:
        check_keys(experiment, ("input",), INPUT_KEYS)
        shape = get_table(experiment, "input").get("shape")
        settings["input_shape"] = tuple(shape) if isinstance(shape, list) else shape
    if is_graph:
        settings["inputs"] = get_tables(experiment, "inputs") if "inputs" in table else []
        settings["outputs"] = parse_outputs(experiment, model.get("outputs"))
        for number, each in enumerate(settings["inputs"], start=1):
            check_names(each, GROUP_KEYS, f"{experiment.locate('inputs')}, input {number}")
    return settings


def parse_outputs(experiment: ExperimentTable, outputs: object) -> str | list[str] | None:
    """Return the name of the output, or the names of several; None for the result of the last layer."""
    if isinstance(outputs, list) and len(outputs) == 1:
        [outputs] = outputs
    where = f"{experiment.locate('model', 'outputs')}, [model]: outputs"
    if isinstance(outputs, list) and outputs and all(isinstance(name, str) for name in outputs):
        for name in outputs:
            if outputs.count(name) > 1:
                raise UsageError(f"{where}: {name!r} is given twice. Remove one of them")
        return outputs
    if not isinstance(outputs, str | None):
        raise UsageError(f"{where}: expected the name of a layer, or a list of names; received {outputs!r:.100}")
    return outputs


def get_table(experiment: ExperimentTable, key: str) -> dict[str, Any]:
    value = experiment.table.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{experiment.locate(key)}: expected a table [{key}]; received {value!r:.100}")
    return value


def get_tables(experiment: ExperimentTable, key: str) -> list[dict[str, Any]]:
    value = experiment.table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise UsageError(
            f"{experiment.locate(key)}: expected [[{key}]] tables, one for each {key[:-1]}; received {value!r:.100}"
        )
    return value


def check_keys(experiment: ExperimentTable, keys: Sequence[str], known: Sequence[str]) -> None:
    """Refuse unknown keys of the table at ``keys``, with the file that has them."""
    table: Any = experiment.table
    for key in keys:
        table = table.get(key, {})
    for key in table:
        place = f", [{'.'.join(keys)}]" if keys else ""
        check_names([key], known, f"{experiment.locate(*keys, key)}{place}")


def check_names(names: Iterable[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{where}: unknown key {name!r:.100}. {suggest_name(name, known, 'keys')}")


def format_settings(
    settings: Settings, name: str, layers: Sequence[Mapping[str, Any]] | None, shape: Sequence[int], task: str
) -> str:
    """Return the TOML file of a run with all values that determine the result, defaults and layers included.

    Without ``layers``, as for a sweep, the network and its recipe stay those of the settings.
    """
    from pellucid.inspect.source_export.model_to_toml import format_section, format_value
    from pellucid.train.fit.networks import get_loss_and_metrics, get_optimizer

    loss, metrics = get_loss_and_metrics(settings, task)
    built_in = settings.data in get_built_in_names()
    data = {"source": settings.data if built_in else str(Path(settings.data).resolve()), **settings.options}
    data |= {key: getattr(settings, key) for key in DATA_KEYS} | {"task": task}
    training = {key: getattr(settings, key) for key in TRAINING_KEYS} | {"metrics": metrics}
    if layers is not None:
        del training["augment"]  # it is layers
    fine_tuning = {key: getattr(settings, key) for key in FINE_TUNING_KEYS}
    has_optimizer = settings.optimizer is not None or layers is not None
    optimizer = get_optimizer(settings) if has_optimizer else {"learning_rate": settings.learning_rate}
    sections: list[tuple[str, Mapping[str, Any]]] = [
        ("[data]", data),
        *([] if layers is None else list_network_sections(settings, name, layers, shape)),
        ("[optimizer]", optimizer),
        ("[loss]", loss if isinstance(loss, Mapping) else {"kind": loss}),
        ("[training]", training),
        *([("[fine_tuning]", fine_tuning)] if settings.weights else []),
        *([("[sweep]", {"settings": settings.sweep, "trials": settings.trials})] if settings.sweep else []),
        *([("[computed]", {"backends": list(settings.backends)})] if settings.backends else []),
    ]
    lines = [f"pellucid = {FORMAT}  # the version of this format; run it again: pellucid train {CONFIG}"]
    if layers is None and settings.model is not None:
        lines.append(f"model = {format_value(settings.model)}")
    for title, table in sections:
        lines += format_section(title, escape_variables(table))
    return "\n".join(lines) + "\n"


def list_network_sections(
    settings: Settings, name: str, layers: Sequence[Mapping[str, Any]], shape: Sequence[int]
) -> list[tuple[str, Mapping[str, Any]]]:
    if settings.inputs is None:
        model: dict[str, Any] = {"kind": "Sequential", "name": name}
        inputs = [("[input]", {"shape": list(shape)})]
    else:
        model = {"kind": "Model", "name": name, "outputs": settings.outputs}
        inputs = [("[[inputs]]", dict(group)) for group in settings.inputs]
    return [("[model]", model), *inputs, *(("[[layers]]", layer) for layer in layers)]
