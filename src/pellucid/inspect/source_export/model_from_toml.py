"""Reader of TOML files that describe a model. Every error names the file and the place in it."""

from __future__ import annotations

import inspect
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pellucid.graph.errors import PellucidError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.validation import check_integer
from pellucid.inspect.source_export.model_to_toml import FORMAT_VERSION
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.model.object_config import UNKNOWN, get_classes, get_module, get_parameters, get_required
from pellucid.model.sequential import Sequential
from pellucid.nn import schedules
from pellucid.nn.layers import Input
from pellucid.nn.random_seed import validate_seed
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES, TRUSTED, MemoryBudget, limit_parameters
from pellucid.untrusted_files.reading import open_regular_file, quote, report_damage, shorten

REMEDY = f"{TRUSTED} read it by pel.from_toml(file, max_bytes=...), with a larger number"

MAX_BYTES = 1_000_000
"""A larger file cannot be the description of a network."""

MAX_DEPTH = 10
"""Maximum nesting of lists and tables."""

MAX_NUMBER = 2**31

MAX_STRING_LENGTH = 200

CALL_KEYS = ("again", "as", "inputs", "with")
"""Keys of a layer table that describe its call; see `GraphConfig`."""

BY_NAME = ("multipliers",)
"""Arguments that are tables of numbers by name; other tables are objects with a kind."""

BuiltInputs = tuple[Expr, Mapping[str, Expr]]
"""Input of a model, and the expressions that layers of its file refer to by name."""


def from_toml(source: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Model:
    """Build and compile the model that a TOML file describes, the inverse of ``model.to_source("toml")``.

    The file holds no weights; they are initialized from `pellucid.nn.set_random_seed`. To train with the settings of
    the file: ``model.fit(x, y, **model.training)``.

    Parameters
    ----------
    source : path or str
        A file, or a string of several lines with its content.
    max_bytes : int
        Memory for the parameters: a few lines can describe gigabytes of them.

    Returns
    -------
    Model
        A `Sequential`, or a functional model if layers name their ``inputs``. Its ``training`` holds ``epochs``,
        ``batch_size`` and ``seed``, as far as the file gives them.

    Raises
    ------
    ModelError
        If the file cannot be read, is not TOML, or does not describe a network: an unknown key or class (with the
        nearest known name), a value out of range, layers that do not fit, parameters that take more than
        ``max_bytes``. The message names the place in the file.

    Examples
    --------
    >>> model = pel.from_toml('''
    ... pellucid = 1
    ... loss = "mse"
    ... [input]
    ... shape = [2]
    ... [[layers]]
    ... kind = "Dense"
    ... units = 1
    ... [training]
    ... epochs = 5
    ... ''')
    >>> model.outputs[0].shape, model.training
    (('n', 1), {'epochs': 5})
    """
    file, table = read_toml(source)
    with report_damage(ModelError, file):
        return TomlModelReader(file, max_bytes).build_model(table)


def read_toml(source: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the name of the file for messages, and its tables."""
    if isinstance(source, str) and "\n" in source:
        name, content = "the text", source.encode()
    else:
        path = Path(source)
        name = path.name
        try:
            with open_regular_file(path, ModelError) as (file, size):
                if size > MAX_BYTES:
                    raise ModelError(f"{name}: expected at most {MAX_BYTES:,} bytes. Received: {size:,}")
                content = file.read()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    with report_damage(ModelError, name):
        return name, parse_toml(content, name)


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        byte = content[error.start]
        raise ModelError(f"{name} is not UTF-8 text: byte {error.start} is {byte:#04x}") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{name} is not valid TOML: {shorten(str(error))}") from error
    except RecursionError:
        raise ModelError(f"{name} does not describe a network: its values are nested too deeply") from None


def is_functional(table: Mapping[str, Any]) -> bool:
    """Whether tables describe a functional model: they say so, or name inputs of the model or of a layer."""
    about, tables = table.get("model"), table.get("layers")
    if isinstance(about, dict) and "kind" in about:
        return bool(about["kind"] == "Model")
    layer_tables = [each for each in tables if isinstance(each, dict)] if isinstance(tables, list) else []
    return "inputs" in table or any(key in each for each in layer_tables for key in CALL_KEYS)


class TomlModelReader:
    """Builds models, losses and optimizers from TOML tables.

    ``file`` is the name of the file in messages; ``sources`` has other names, by section. ``prepare_layer`` is called
    with each new layer and its input before the layer is called; it may adapt the layer to data. ``join_outputs`` takes
    several outputs of a functional model and returns those of the model.
    """

    def __init__(
        self,
        file: str,
        max_bytes: int = DEFAULT_MAX_BYTES,
        sources: Mapping[str, str] | None = None,
        prepare_layer: Callable[[Any, Any], None] = lambda layer, x: None,
        join_outputs: Callable[[list[Any]], Any] = lambda outputs: outputs,
    ) -> None:
        self.file, self.sources, self.prepare_layer = file, sources or {}, prepare_layer
        self.join_outputs = join_outputs
        self.budget: MemoryBudget = MemoryBudget(max_bytes, ModelError, file, REMEDY)

    def build_model(
        self,
        table: Mapping[str, Any],
        first_layers: Sequence[Any] = (),
        built_inputs: BuiltInputs | None = None,
    ) -> Model:
        """Build and compile the model.

        A Sequential starts with ``first_layers``, such as an input and built layers; a functional model with
        ``built_inputs`` in place of those of the file.
        """
        about = self.check_table(table.get("model", {}), "model")
        kind = about.get("kind", "Sequential")
        if kind not in ("Sequential", "Model"):
            hint = near_miss(str(kind), ["Sequential", "Model"])
            raise self.error("[model]", f'expected kind = "Sequential" or kind = "Model".{hint}', kind)
        is_graph = is_functional(table)
        inputs = ["inputs", "input"] if is_graph else ["input"]
        self.check_keys(table, ["pellucid", "model", *inputs, "layers", "optimizer", "loss", "training"], "")
        if table.get("pellucid") != FORMAT_VERSION:
            version = table.get("pellucid")
            raise self.error("", f"expected pellucid = {FORMAT_VERSION}, the version of the format", version)
        if is_graph:
            model = self.build_graph(table, about, built_inputs)
        else:
            model = self.build_sequential(table, about, first_layers)
        training = self.check_table(table.get("training", {}), "training")
        optimizer = self.build_object(table.get("optimizer", "sgd"), "optimizer", "[optimizer]")
        loss, loss_weights = self.build_losses(table.get("loss"))
        metrics = self.build_metrics(training.get("metrics", []))
        self.run("[training]", lambda: model.compile(optimizer, loss, loss_weights, metrics=metrics))
        model.training = self.parse_training(training)
        return model

    def build_sequential(
        self, table: Mapping[str, Any], about: Mapping[str, Any], first_layers: Sequence[Any] = ()
    ) -> Model:
        self.check_keys(about, ["kind", "name"], "[model]")
        model = Sequential(first_layers, name=self.get_name(about, "[model]"))
        if "input" in table:
            input_table = self.check_table(table["input"], "input")
            self.run("[input]", lambda: model.add(self.build_input(input_table)))
        for number, each in enumerate(self.check_tables(table.get("layers"), "layers"), start=1):
            place = f"layer {number} ({each.get('kind', 'no kind')})"
            self.run(place, lambda each=each, place=place: self.add_layer(model, each, place))
        return model

    def add_layer(self, model: Sequential, table: Mapping[str, Any], place: str) -> None:
        layer = self.build_object(table, "layer", place)
        if model.built:
            self.prepare_layer(layer, model.outputs[0])
        model.add(layer)

    def build_graph(
        self, table: Mapping[str, Any], about: Mapping[str, Any], built_inputs: BuiltInputs | None = None
    ) -> Model:
        self.check_keys(about, ["kind", "name", "outputs"], "[model]")
        calls = LayerCalls(self)
        if built_inputs is None:
            inputs = self.build_inputs(table, calls)
        else:
            inputs = built_inputs[0]
            for name, result in built_inputs[1].items():
                calls.add_result(name, result, f"input {name!r}")
        if len(calls.results) > 1:
            calls.last = None
        for number, each in enumerate(self.check_tables(table.get("layers"), "layers"), start=1):
            place = f"layer {number} ({each.get('kind', each.get('again', 'no kind'))})"
            self.run(place, lambda each=each, place=place: calls.call_layer(each, place))
        outputs = calls.resolve(about.get("outputs"), "[model] outputs")
        calls.check_all_used()
        if isinstance(outputs, list):
            outputs = self.run("[model] outputs", lambda: self.join_outputs(outputs))
        model_name = self.get_name(about, "[model]")
        model: Model = self.run("[model]", lambda: Model(inputs, outputs, name=model_name))
        return model

    def build_inputs(self, table: Mapping[str, Any], calls: LayerCalls) -> Any:
        """Build the inputs of a functional model: one, or a list."""
        if "input" in table:
            tables: Iterable[Mapping[str, Any]] = [{"name": "input", **self.check_table(table["input"], "input")}]
        else:
            tables = self.check_tables(table.get("inputs"), "inputs")
        inputs = []
        for number, each in enumerate(tables, start=1):
            place = f"input {number}"
            inputs.append(self.run(place, lambda each=each, place=place: self.build_input(each, place)))
            calls.add_result(self.get_required_name(each, place), inputs[-1], place)
        return inputs if len(inputs) > 1 else inputs[0]

    def build_input(self, table: Mapping[str, Any], place: str = "[input]") -> Input:
        self.check_keys(table, ["shape", "dtype", "name"], place)
        if not isinstance(table.get("shape"), list):
            raise self.error(place, "expected the shape of one sample, such as shape = [28, 28, 1]", table.get("shape"))
        shape = self.parse_value(table["shape"], "shape", place)
        return Input(shape, table.get("dtype"), self.get_name(table, place))

    def build_metrics(self, value: Any) -> Any:
        """Build a list of metrics, or a dict of lists by output."""
        if isinstance(value, dict) and set(value) == {"by_output"}:
            by_output = self.check_table(value["by_output"], "[training] metrics by_output")
            return {name: self.build_metrics(each) for name, each in by_output.items()}
        if not isinstance(value, list):
            raise self.error("[training]", "expected metrics to be a list", value)
        return [self.build_object(metric, "metrics", "[training] metrics") for metric in value]

    def build_losses(self, value: Any) -> tuple[Any, Any]:
        """Build the loss, or a dict of losses by output and their weights."""
        if not (isinstance(value, dict) and "by_output" in value):
            return self.build_loss(value), None
        self.check_keys(value, ["by_output", "weights"], "[loss]")
        losses = self.check_table(value["by_output"], "[loss] by_output")
        weights = self.check_table(value.get("weights", {}), "[loss] weights")
        numbers = {name: self.parse_value(weight, "weight", "[loss] weights") for name, weight in weights.items()}
        return {name: self.build_loss(each) for name, each in losses.items()}, numbers or None

    def build_loss(self, value: Any) -> Any:
        """Build a loss from a name or a table; without arguments, return its name."""
        if value is None:
            raise self.error("", 'expected a loss, such as loss = "mse"', None)
        table = value if isinstance(value, dict) else {"kind": value}
        if isinstance(table.get("kind"), str) and set(table) == {"kind"}:
            return table["kind"]
        return self.build_object(table, "loss", "[loss]")

    def parse_training(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return epochs, batch size and seed, as far as they are given."""
        self.check_keys(table, ["epochs", "batch_size", "seed", "metrics"], "[training]")
        settings: dict[str, Any] = {}
        for name in ("epochs", "batch_size"):
            if name in table:
                settings[name] = self.run("[training]", lambda name=name: check_integer(name, table[name]))
        if "seed" in table:
            settings["seed"] = self.run("[training]", lambda: validate_seed(table["seed"]))
        return settings

    def build_object(self, value: Any, argument: str, place: str, depth: int = 0) -> Any:
        """Build the object that a table describes. A name is returned as it is."""
        if isinstance(value, str):
            return value
        table = self.check_table(value, place)
        module = get_module(argument)
        cls = self.get_class(table.get("kind"), module, argument, place)
        parameters = get_parameters(cls)
        known = [n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
        if module.__name__.endswith("optimizers"):
            known += [n for n in inspect.get_annotations(module.base.Options) if n not in known]
        self.check_keys(table, ["kind", *known], place)
        arguments = {}
        for name, each in table.items():
            if name == "kind":
                continue
            default = parameters[name].default if name in parameters else None
            if isinstance(default, bool) and not isinstance(each, bool):
                raise self.error(place, f"expected {name} to be true or false", each)
            arguments[name] = self.parse_value(each, name, place, depth)
        missing = [name for name in get_required(cls) if name not in arguments]
        if missing:
            raise ModelError(f"{self.format_place(place)}: expected {' and '.join(missing)} of {table['kind']}")
        return self.run(place, lambda: cls(**arguments))

    def get_class(self, kind: object, module: ModuleType, argument: str, place: str) -> type:
        classes = get_classes(module)
        what = module.__name__.rpartition(".")[2].removesuffix("s")
        if not isinstance(kind, str):
            example = "CosineDecay" if module is schedules else next(iter(classes))
            raise self.error(place, f"expected a kind of {what}, such as kind = {example!r}", kind)
        if kind not in classes:
            hint = near_miss(kind, classes) or f" Known: {', '.join(sorted(classes))}"
            raise ModelError(f"{self.format_place(place)}: unknown kind of {what} {quote(kind)}.{hint}")
        return classes[kind]

    def parse_value(self, value: Any, argument: str, place: str, depth: int = 0) -> Any:
        """Return the value of an argument: tables become objects, and lists tuples."""
        if depth > MAX_DEPTH:
            raise self.error(place, f"expected at most {MAX_DEPTH} levels of nesting", "more")
        if isinstance(value, dict) and argument in BY_NAME:
            return {name: self.parse_value(v, name, join_places(place, argument)) for name, v in value.items()}
        if isinstance(value, dict):
            return self.build_object(value, argument, join_places(place, argument), depth + 1)
        if isinstance(value, list):
            return tuple(None if v == UNKNOWN else self.parse_value(v, argument, place, depth + 1) for v in value)
        if isinstance(value, bool) or (isinstance(value, str) and len(value) < MAX_STRING_LENGTH):
            return value
        if isinstance(value, int) and abs(value) < MAX_NUMBER:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        expected = f"expected {argument} to be a finite number below {MAX_NUMBER:,}, a string or a list"
        raise self.error(place, expected, value)

    def get_name(self, table: Mapping[str, Any], place: str) -> str | None:
        name = table.get("name")
        if name is not None and not (isinstance(name, str) and 0 < len(name) < MAX_STRING_LENGTH):
            raise self.error(place, f"expected name to be a string of 1 to {MAX_STRING_LENGTH - 1} characters", name)
        return name

    def get_required_name(self, table: Mapping[str, Any], place: str) -> str:
        name = self.get_name(table, place)
        if name is None:
            raise self.error(place, "expected a name, which layers have in their inputs", None)
        return name

    def check_table(self, value: Any, place: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.error(place, "expected a table", value)
        return value

    def check_tables(self, value: Any, place: str) -> Iterable[Mapping[str, Any]]:
        if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
            raise self.error("", f"expected at least one table [[{place}]]", value)
        return value

    def check_keys(self, table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
        known = list(known)
        for key in table:
            if key not in known:
                hint = near_miss(key, known) or f" Known: {', '.join(known)}"
                raise ModelError(f"{self.format_place(place)}: unknown key {quote(key)}.{hint}")

    def run(self, place: str, make: Callable[..., Any]) -> Any:
        """Return ``make()``; its errors become errors that name the place in the file."""
        try:
            with limit_parameters(self.budget):
                return make()
        except ModelError as error:
            if str(error).startswith((self.file, *self.sources.values())):
                raise
            raise ModelError(f"{self.format_place(place)}: {error}") from error
        except (PellucidError, ValueError, TypeError) as error:  # arguments of a layer can be of any wrong type
            raise ModelError(f"{self.format_place(place)}: {error}") from error
        except MemoryError:
            raise ModelError(f"{self.format_place(place)}: not enough memory") from None

    def format_place(self, place: str) -> str:
        section = "inputs" if place.startswith("input ") else re.split(r"[^a-z]", place.removeprefix("["))[0]
        file = self.sources.get("layers" if section == "layer" else section, self.file)
        return f"{file}, {place}" if place else file

    def error(self, place: str, expected: str, received: object) -> ModelError:
        text = repr(received)
        end = "" if expected.endswith("?") else "."
        return ModelError(f"{self.format_place(place)}: {expected}{end} Received: {text[:80]}{'…' * (len(text) > 80)}")


def join_places(place: str, argument: str) -> str:
    """Return the place of an argument: ``[optimizer.learning_rate]``, ``layer 1 (Dense), kernel_regularizer``."""
    return f"{place[:-1]}.{argument}]" if place.endswith("]") else f"{place}, {argument}"


class LayerCalls:
    """Layers and results of a functional model by name, as its file is read."""

    def __init__(self, reader: TomlModelReader) -> None:
        self.reader = reader
        self.results: dict[str, Any] = {}
        self.layers: dict[str, Any] = {}
        self.last: Any = None
        """The result of the last layer, the default input of the next; or the only input."""
        self.by_place: dict[str, list[Expr]] = {}
        self.used: set[Expr] = set()

    def add_result(self, name: str | None, result: Any, place: str) -> None:
        """Register a result; several results of one call are ``name:0``, ``name:1`` and so on."""
        several = isinstance(result, (list, tuple))
        self.last = None if several else result
        self.by_place[place] = [*result] if several else [result]
        if name is None:
            return
        if name in self.results or f"{name}:0" in self.results:
            raise self.reader.error(place, 'expected a unique name; as = "..." sets another one', name)
        self.results.update({f"{name}:{i}": each for i, each in enumerate(result)} if several else {name: result})

    def call_layer(self, table: Mapping[str, Any], place: str) -> None:
        """Build a layer, or look up an earlier one, and call it."""
        config = {key: value for key, value in table.items() if key not in CALL_KEYS}
        again = table.get("again")
        if again is None:
            layer = self.reader.build_object(config, "layer", place)
        else:
            if config:
                raise self.reader.error(place, "expected no settings for an earlier layer", [*config])
            if again not in self.layers:
                hint = near_miss(str(again), self.layers)
                raise self.reader.error(place, f"expected again to name an earlier layer.{hint}", again)
            layer = self.layers[again]
        name = self.reader.get_name({"name": table.get("as", table.get("name"))}, place)
        x = self.resolve(table.get("inputs"), place)
        if again is None:
            self.reader.prepare_layer(layer, x)
        keywords = self.reader.check_table(table.get("with", {}), f"{place} with")
        arguments = {key: self.resolve(value, f"{place} with {key}") for key, value in keywords.items()}
        self.add_result(name, layer(x, **arguments), place)
        if name is not None:
            self.layers.setdefault(name, layer)

    def resolve(self, value: Any, place: str, depth: int = 0) -> Any:
        """Replace names by the results they refer to; without a name, return the result of the layer before."""
        if isinstance(value, list) and value and depth < MAX_DEPTH:
            return [self.resolve(part, place, depth + 1) for part in value]
        if isinstance(value, bool) or (isinstance(value, (int, float)) and " with " in place):
            return value
        if value is None and self.last is not None:
            result = self.last
        elif isinstance(value, str) and value in self.results:
            result = self.results[value]
        else:
            hint = near_miss(str(value), self.results) or f" Known: {', '.join(self.results) or 'none'}"
            raise self.reader.error(place, f"expected the name of an input or an earlier layer.{hint}", value)
        self.used.add(result)
        return result

    def check_all_used(self) -> None:
        """Refuse layers and inputs that no output depends on, which a model would leave out without a word."""
        for place, results in self.by_place.items():
            if not self.used.isdisjoint(results):
                continue
            raise ModelError(
                f"{self.reader.format_place(place)}: expected another layer or [model] outputs to use its result. Name "
                "it in their inputs, or remove it"
            )
