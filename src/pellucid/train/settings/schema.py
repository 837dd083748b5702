"""JSON Schema of experiment files, with which editors complete, explain and check them.

Keys, types, ranges, defaults and descriptions are those of `Settings` and of the classes in `pellucid.nn`. The package
has the schema as a file, which ``make stubs`` writes.
"""

import inspect
import json
import math
import re
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pellucid.atomic_write import atomic_write
from pellucid.inspect.source_export.model_from_toml import BY_NAME
from pellucid.model.object_config import MODULES, UNKNOWN, get_classes, get_module, get_parameters, get_required
from pellucid.nn import layers, losses, optimizers, schedules
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers.base import Optimizer
from pellucid.nn.optimizers.options import DEFAULTS, Options
from pellucid.reference.docstrings import parse_docstring, split_markup
from pellucid.reference.terminal import latex_to_text
from pellucid.tracking.parameters import Parameter
from pellucid.train.fit.networks import DEFAULT_OPTIMIZER
from pellucid.train.read.loaders import get_options
from pellucid.train.settings.settings import MODELS, PARAMETERS
from pellucid.train.settings.toml_reader import DATA_KEYS, FINE_TUNING_KEYS, FORMAT, SWEEP_KEYS, TRAINING_KEYS

Schema = dict[str, Any]

FILE = Path(__file__).with_name("experiment.schema.json")

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The version that the TOML plug-ins of editors read."""

BASE_CLASSES = (
    *("Constraint", "Initializer", "Loss", "Metric", "MeanMetricWrapper", "Optax", "Optimizer", "Schedule"),
    *("StreamingMetric", "ThresholdMetric"),
)
"""Classes that a file cannot name: abstract ones, and those that take a function."""

COMPLETED = ("initial_learning_rate", "max_learning_rate", "schedule", "decay_steps", "total_steps")
"""Required arguments of schedules that `pellucid train` fills in."""

LINE_LENGTH = 120
INTERVAL = re.compile(r"in ([\[(])(-?[\d.]+), (-?[\d.]+)([\])])")
"""A range in a description, such as "in [0, 1)"."""

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}

NAME: Schema = {"type": "string", "minLength": 1}
NAMES: Schema = {"anyOf": [NAME, {"type": "array", "items": {}}], "description": "Names of inputs or earlier layers."}
CALL: Mapping[str, Schema] = {
    "as": {**NAME, "description": "Name of the result, by default that of the layer."},
    "inputs": {**NAMES, "description": "Names of inputs or layers that it takes, by default the layer before."},
    "with": {"type": "object", "description": "Further arguments of the call, by name."},
}
AGAIN: Schema = {
    "description": "Another call of an earlier layer, with the same weights.",
    "required": ["again"],
    "properties": {"again": {**NAME, "description": "Name of the layer."}, **CALL},
    "additionalProperties": False,
}


def render_schema() -> str:
    """Return the text of the schema."""
    return format_json(build_schema()) + "\n"


def format_json(value: Any, indent: str = "") -> str:
    """Return JSON in which every object and array that fits is one line.

    Examples
    --------
    >>> print(format_json({"a": [1, 2], "b": {"text": "x" * 60, "more": "y" * 60}}))
    {
     "a": [1, 2],
     "b": {
      "text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
      "more": "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
     }
    }
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= LINE_LENGTH or not isinstance(value, dict | list):
        return line
    deeper = f"{indent} "
    if isinstance(value, list):
        parts = [f"{deeper}{format_json(each, deeper)}" for each in value]
    else:
        parts = [f"{deeper}{json.dumps(key)}: {format_json(each, deeper)}" for key, each in value.items()]
    brackets = "[]" if isinstance(value, list) else "{}"
    return "\n".join([brackets[0], ",\n".join(parts), f"{indent}{brackets[1]}"])


def build_schema() -> Schema:
    """Return the schema.

    Examples
    --------
    >>> schema = build_schema()
    >>> schema["properties"]["training"]["properties"]["seed"]["minimum"]
    0
    >>> list(schema["definitions"]["layers.Dropout"]["properties"])
    ['kind', 'rate', 'noise_shape', 'seed', 'name', 'as', 'inputs', 'with']
    """
    modules = [layers, *dict.fromkeys(MODULES.values())]
    definitions: Schema = {f"call.{key}": schema for key, schema in CALL.items()}
    for module in modules:
        shared = collect_descriptions(get_classes(module).values())
        found = {name: cls for name, cls in get_classes(module).items() if name not in BASE_CLASSES}
        for name, cls in found.items():
            definitions[f"{get_short_name(module)}.{name}"] = describe_class(cls, module, shared)
        definitions[get_short_name(module)] = {"anyOf": list_choices(module, found)}
    return {
        "$schema": DIALECT,
        "title": "Experiment file of pellucid train, and model file of pel.from_toml",
        "type": "object",
        "properties": describe_sections(),
        "additionalProperties": False,
        "definitions": definitions,
    }


def describe_sections() -> Schema:
    options = get_options()
    data = {"source": {**NAME, "description": "File, folder or built-in data set; relative to this file."}}
    data |= {name: describe_parameter(parameter) for name, parameter in options.items()}
    data |= {name: describe_parameter(PARAMETERS[name]) for name in DATA_KEYS}
    training = {name: describe_parameter(PARAMETERS[name]) for name in TRAINING_KEYS}
    training["metrics"] = {
        "description": PARAMETERS["metrics"].description,
        "anyOf": [make_list({"$ref": "#/definitions/metrics"}), describe_by_output("metrics", is_list=True)],
    }
    model = {
        "kind": {"enum": ["Sequential", "Model"], "description": "A chain of layers, or layers with named inputs."},
        "name": NAME,
        "outputs": {**NAMES, "description": "Name of the output, or several, by default the last layer."},
    }
    source = {
        "name": {**NAME, "description": "Name that layers have in their inputs."},
        "columns": {"type": "array", "items": NAME, "minItems": 1, "description": "Columns of the table."},
        "shape": {"type": "array", "items": {}, "description": "Shape of one sample."},
        "dtype": {"type": "string"},
    }
    return {
        "pellucid": {"enum": [FORMAT], "description": "Version of the format."},
        "include": {
            "anyOf": [NAME, make_list(NAME)],
            "description": "Files to read first, relative to this file; later values win.",
        },
        "model": {"anyOf": [{"enum": list(MODELS)}, make_table(model)], "description": PARAMETERS["model"].description},
        "input": make_table({name: source[name] for name in ("shape", "dtype", "name")}),
        "inputs": make_list(make_table(source)),
        "layers": {**make_list({"$ref": "#/definitions/layers"}), "description": "The network, layer by layer."},
        "optimizer": {"$ref": "#/definitions/optimizers"},
        "loss": {
            "anyOf": [{"$ref": "#/definitions/losses"}, describe_by_output("losses", {"weights": {"type": "object"}})]
        },
        "data": make_table(data),
        "training": make_table(training),
        "fine_tuning": make_table({name: describe_parameter(PARAMETERS[name]) for name in FINE_TUNING_KEYS}),
        "sweep": make_table({key: describe_parameter(PARAMETERS[name]) for key, name in SWEEP_KEYS.items()}),
        "computed": make_table({"backends": make_list({"type": "string"})}),
    }


def describe_by_output(
    definition: str, more: Mapping[str, Schema] = types.MappingProxyType({}), *, is_list: bool = False
) -> Schema:
    """Return the schema of losses or metrics of several outputs."""
    each: Schema = {"$ref": f"#/definitions/{definition}"}
    outputs = {"type": "object", "additionalProperties": make_list(each) if is_list else each}
    return {**make_table({"by_output": outputs, **more}), "required": ["by_output"]}


def make_table(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def make_list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def get_short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def list_choices(module: ModuleType, found: Iterable[str]) -> list[Schema]:
    """Return the forms of an object in a file: a name, a table with a kind, or a number for a schedule."""
    short = get_short_name(module)
    names: list[Schema] = []
    if module is losses:
        names = [{"enum": sorted(module.NAMED)}, make_table({"kind": {"enum": sorted(module.NAMED)}})]
    elif module is optimizers:
        names = [{"enum": [*module.NAMED, *found]}]
    elif module is schedules:
        names = [{"type": "number", "minimum": 0}, {"enum": list(found)}]
    elif module is not layers:
        names = [{"enum": sorted(module.NAMED)}]
    tables: list[Schema] = [{"$ref": f"#/definitions/{short}.{name}"} for name in found]
    return [*names, *tables, *([AGAIN] if module is layers else [])]


def collect_descriptions(classes: Iterable[type]) -> dict[str, str]:
    """Return the descriptions of arguments by name; a later class does not replace that of an earlier one."""
    found: dict[str, str] = {}
    for cls in classes:
        for entry in parse_docstring(inspect.getdoc(cls) or "").parameters:
            for name in entry.name.split(","):
                found.setdefault(name.strip(" *"), entry.description)
    return found


def describe_class(cls: type, module: ModuleType, shared: Mapping[str, str]) -> Schema:
    """Return the schema of a table that describes an object."""
    doc = parse_docstring(inspect.getdoc(cls) or "")
    descriptions = {**shared, **collect_descriptions([cls])}
    hints = get_argument_hints(cls)
    parameters = {
        n: p.default for n, p in get_parameters(cls).items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    if module is optimizers:
        descriptions = collect_descriptions([cls, Optimizer])
        hints |= {name: hint for name, hint in get_type_hints(Options).items() if name not in hints}
        parameters |= {name: value for name, value in DEFAULTS.items() if name not in parameters}
    properties: Schema = {"kind": {"enum": [cls.__name__], "description": to_plain_text(doc.sentence)}}
    for name, default in parameters.items():
        text = to_first_sentence(descriptions.get(name, ""))
        properties[name] = {
            "description": text,
            **describe_argument(name, hints.get(name, Any)),
            **describe_interval(text, hints.get(name, Any)),
            **describe_default(default),
        }
    if module is layers:
        calls = {key: {"$ref": f"#/definitions/call.{key}"} for key in CALL}
        properties |= {"name": {**properties["name"], **NAME}, **calls}
    left = COMPLETED if module is schedules else ()
    required = [] if cls.__name__ == DEFAULT_OPTIMIZER else ["kind"]
    return {**make_table(properties), "required": [*required, *(n for n in get_required(cls) if n not in left)]}


def get_argument_hints(cls: type) -> dict[str, Any]:
    """Return the types of the arguments that are no objects of a module: their names say which those are."""
    function = cls.__init__  # type: ignore[misc]
    own = {name: hint for name, hint in inspect.get_annotations(function).items() if get_module(name) is layers}
    holder = type("Arguments", (), {"__annotations__": own})
    return get_type_hints(holder, globalns=vars(sys.modules[getattr(function, "__module__", cls.__module__)]))


def to_first_sentence(text: str) -> str:
    return re.split(r"(?<=[^.]{3}\.) ", to_plain_text(text), maxsplit=1)[0]


def describe_interval(text: str, hint: Any) -> Schema:
    """Return the range of a number that its description states.

    Examples
    --------
    >>> describe_interval("Momentum, in [0, 1).", float)
    {'minimum': 0.0, 'exclusiveMaximum': 1.0}
    """
    found = INTERVAL.search(text)
    if found is None or (hint not in (int, float) and float not in get_args(hint)):
        return {}
    low, high = (
        "minimum" if found[1] == "[" else "exclusiveMinimum",
        "maximum" if found[4] == "]" else "exclusiveMaximum",
    )
    return {low: float(found[2]), high: float(found[3])}


def to_plain_text(text: str) -> str:
    return "".join(latex_to_text(part) if kind == "math" else part for kind, part in split_markup(text))


def describe_default(default: object) -> Schema:
    is_plain_value = isinstance(default, bool | int | str) or (isinstance(default, float) and math.isfinite(default))
    return {"default": default} if is_plain_value else {}


def describe_argument(name: str, hint: Any) -> Schema:
    """Return the schema of an argument: of the objects that it takes, or of its type."""
    if name in BY_NAME:
        return {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}}
    module = get_module(name)
    if module is not layers:
        # A reference excludes other keys next to it.
        return {"allOf": [{"$ref": f"#/definitions/{get_short_name(module)}"}]}
    return describe_type(hint)


def describe_type(hint: Any) -> Schema:
    """Return the schema of a type; an empty one, which allows everything, for a type that has no plain values."""
    if hint in TYPES:
        return {"type": TYPES[hint]}
    if isinstance(hint, type) and issubclass(hint, Layer):
        return {"$ref": "#/definitions/layers"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType) and any(map(is_numpy_type, arguments)):
        return {"type": ["number", "array"]}
    if origin in (Union, types.UnionType):
        choices = [describe_type(each) for each in arguments if each is not types.NoneType and is_plain(each)]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        items = [each for each in arguments if each is not Ellipsis]
        choices = [describe_type(each) for each in items]
        unknown = [{"enum": [UNKNOWN]}] if any(types.NoneType in get_args(each) for each in items) else []
        return make_list({"anyOf": [*choices, *unknown]} if unknown else choices[0])
    return {}


def is_numpy_type(hint: Any) -> bool:
    """Whether a type is a member of NumPy's `ArrayLike`."""
    return str(getattr(get_origin(hint) or hint, "__module__", "")).startswith("numpy")


def is_plain(hint: Any) -> bool:
    """Whether a file can have values of a type."""
    return describe_type(hint) != {}


def describe_parameter(parameter: Parameter) -> Schema:
    """Return the schema of a setting."""
    limits: Schema = {}
    if parameter.range is not None:
        ends = ("exclusiveMinimum", "exclusiveMaximum") if parameter.range.open else ("minimum", "maximum")
        values = (parameter.range.low, parameter.range.high)
        limits = {end: value for end, value in zip(ends, values, strict=True) if value is not None}
    choices = [describe_kind(kind, limits) for kind in parameter.kinds]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {"description": parameter.description, **schema, **describe_default(parameter.default)}


def describe_kind(kind: Any, limits: Schema) -> Schema:
    if get_origin(kind) is tuple:
        return {**make_list(describe_kind(get_args(kind)[0], limits)), "minItems": 1}
    if kind is dict or kind is list:
        return {"type": "object" if kind is dict else "array"}
    return {**describe_type(kind), **(limits if kind in (int, float) else {})}


if __name__ == "__main__":
    atomic_write(FILE, render_schema())
