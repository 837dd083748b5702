"""From a TOML file to a model: all of it is checked before it is believed, and what is wrong is said with its place."""

from __future__ import annotations

import inspect
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pellucid.graph.errors import PellucidError, near_miss
from pellucid.inspect.source_export.config import UNKNOWN, family, kinds, parameters_of
from pellucid.inspect.source_export.graph_config import DEEPEST, Calls
from pellucid.inspect.source_export.toml_writer import FORMAT
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.model.sequential import Sequential
from pellucid.nn import layers
from pellucid.nn.layers import Input
from pellucid.nn.random_seed import as_seed
from pellucid.training import data_validation

MOST_BYTES = 1_000_000
"""A larger file is no description of a network."""

LARGEST = 2**31


def from_toml(source: str | Path) -> Model:
    """Build the model that a TOML file describes, compiled: the other way of ``model.peel("toml")``.

    Weights are drawn anew (`pellucid.nn.set_random_seed` before it makes them the same ones). How it is trained is
    kept: ``model.fit(x, y, **model.training)``.

    Parameters
    ----------
    source : path or str
        The file; a text of several lines is taken for what would stand in it.

    Returns
    -------
    Model
        A `Sequential`, or a model of any graph where layers say what they are called on (``of``). Its ``training`` has
        ``epochs``, ``batch_size`` and ``seed``, as far as they were given.

    Raises
    ------
    ModelError
        If the file cannot be read, is no TOML, or says anything that a network cannot be built of: a key or a kind
        that there is not (the nearest is named), a value out of its range, layers that do not fit each other. The
        message begins with the file and the place in it.

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
    file, table = read(source)
    return Reader(file).model(table)


def read(source: str | Path) -> tuple[str, dict[str, Any]]:
    """Return what the file is called in messages, and its tables."""
    if isinstance(source, str) and "\n" in source:
        name, content = "the text", source.encode()
    else:
        path = Path(source)
        name = path.name
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ModelError(f"{name}: expected at most {MOST_BYTES:,} bytes. Received: {path.stat().st_size:,}")
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return name, tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ModelError(f"{name} is no text in UTF-8: byte {error.start} is {content[error.start]:#04x}") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{name} is no TOML: {error}") from error
    except RecursionError:
        raise ModelError(f"{name} is no TOML that describes a network: it is nested too deeply") from None


class Reader:
    """Builds a model from tables, and knows what the file is called."""

    def __init__(self, file: str) -> None:
        self.file = file

    def model(self, table: Mapping[str, Any], begun: Sequence[Any] = ()) -> Model:
        """Build and compile the model; a row of layers may be begun already, by an input and layers that are built."""
        about = self.table(table.get("model", {}), "model")
        kind = about.get("kind", "Sequential")
        if kind not in ("Sequential", "Model"):
            hint = near_miss(str(kind), ["Sequential", "Model"])
            raise self.error("[model]", f'expected kind = "Sequential", or "Model" of a graph.{hint}', kind)
        is_graph = kind == "Model"
        begin = "inputs" if is_graph else "input"
        self.only(table, ["pellucid", "model", begin, "layers", "optimizer", "loss", "training"], "")
        if table.get("pellucid") != FORMAT:
            raise self.error("", f"expected pellucid = {FORMAT}, the version of the format, in its first line", table)
        model = self.graph(table, about) if is_graph else self.row(table, about, begun)
        training = self.table(table.get("training", {}), "training")
        optimizer = self.built(table.get("optimizer", "sgd"), "optimizer", "[optimizer]")
        loss = self.loss(table.get("loss"))
        names = self.metrics(training.get("metrics", []))
        self.trying("[training]", lambda: model.compile(optimizer, *loss, metrics=names))
        model.training = self.training(training)
        return model

    def row(self, table: Mapping[str, Any], about: Mapping[str, Any], begun: Sequence[Any] = ()) -> Model:
        """Build a model of layers one after the other."""
        self.only(about, ["kind", "name"], "[model]")
        model = Sequential(begun, name=self.name(about, "[model]"))
        if "input" in table:
            self.trying("[input]", lambda: model.add(self.input(self.table(table["input"], "input"))))
        for number, each in enumerate(self.tables(table.get("layers"), "layers"), start=1):
            place = f"layer {number} ({each.get('kind', 'no kind')})"
            self.trying(place, lambda each=each, place=place: model.add(self.built(each, "layer", place)))
        return model

    def graph(self, table: Mapping[str, Any], about: Mapping[str, Any]) -> Model:
        """Build a model of layers that say what they are called on."""
        self.only(about, ["kind", "name", "outputs"], "[model]")
        calls = Calls(self)
        inputs = []
        for number, each in enumerate(self.tables(table.get("inputs"), "inputs"), start=1):
            place = f"input {number}"
            inputs.append(self.trying(place, lambda each=each, place=place: self.input(each, place)))
            calls.enter(self.named(each, place), inputs[-1], place)
        for number, each in enumerate(self.tables(table.get("layers"), "layers"), start=1):
            place = f"layer {number} ({each.get('kind', each.get('again', 'no kind'))})"
            self.trying(place, lambda each=each, place=place: calls.call(each, place))
        outputs = calls.on(about.get("outputs"), "[model] outputs")
        name = self.name(about, "[model]")
        given = inputs if len(inputs) > 1 else inputs[0]
        made: Model = self.trying("[model]", lambda: Model(given, outputs, name=name))
        return made

    def named(self, table: Mapping[str, Any], place: str) -> str:
        """Return the name of something that must have one."""
        name = self.name(table, place)
        if name is None:
            raise self.error(place, "expected a name, by which layers say that they are called on it", None)
        return name

    def input(self, table: Mapping[str, Any], place: str = "[input]") -> Input:
        """Build an input."""
        self.only(table, ["shape", "dtype", "name"], place)
        if not isinstance(table.get("shape"), list):
            raise self.error(place, "expected the shape of one sample, such as shape = [28, 28, 1]", table.get("shape"))
        shape = self.value(table["shape"], "shape", place, 0)
        return Input(shape, table.get("dtype"), self.name(table, place))

    def metrics(self, given: Any) -> Any:
        """Build metrics: a list, or lists by output."""
        if isinstance(given, dict) and set(given) == {"by_output"}:
            found = self.table(given["by_output"], "[training] metrics by_output")
            return {name: self.metrics(each) for name, each in found.items()}
        if not isinstance(given, list):
            raise self.error("[training]", "expected metrics to be a list", given)
        return [self.built(metric, "metrics", "[training] metrics") for metric in given]

    def loss(self, given: Any) -> tuple[Any, Any]:
        """Build the loss and its weights: those of several outputs by their names."""
        if not (isinstance(given, dict) and "by_output" in given):
            return self.one_loss(given), None
        self.only(given, ["by_output", "weights"], "[loss]")
        losses = self.table(given["by_output"], "[loss] by_output")
        weights = self.table(given.get("weights", {}), "[loss] weights")
        return {name: self.one_loss(each) for name, each in losses.items()}, {
            name: self.value(weight, "weight", "[loss] weights", 0) for name, weight in weights.items()
        } or None

    def one_loss(self, given: Any) -> Any:
        """Build a loss: a name, a kind with settings, or a kind that is a name."""
        if given is None:
            raise self.error("", 'expected a loss, such as loss = "mse"', None)
        table = given if isinstance(given, dict) else {"kind": given}
        if isinstance(table.get("kind"), str) and set(table) == {"kind"}:
            return table["kind"]
        return self.built(table, "loss", "[loss]")

    def training(self, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return how the model is to be trained."""
        self.only(table, ["epochs", "batch_size", "seed", "metrics"], "[training]")
        found: dict[str, Any] = {}
        for name in ("epochs", "batch_size"):
            if name in table:
                found[name] = self.trying("[training]", lambda name=name: data_validation.positive(name, table[name]))
        if "seed" in table:
            found["seed"] = self.trying("[training]", lambda: as_seed(table["seed"]))
        return found

    def built(self, given: Any, argument: str, place: str, depth: int = 0) -> Any:
        """Build an object from the table of its kind; a name is left for its taker to look up."""
        if isinstance(given, str):
            return given
        table = self.table(given, place)
        module = family(argument)
        cls = self.kind(table.get("kind"), module, argument, place)
        taken = parameters_of(cls)
        known = [n for n, p in taken.items() if p.kind is not p.VAR_KEYWORD]
        if module.__name__.endswith("optimizers"):
            known += [n for n in inspect.get_annotations(module.base.Options) if n not in known]
        self.only(table, ["kind", *known], place)
        given_arguments = {}
        for name, value in table.items():
            if name == "kind":
                continue
            default = taken[name].default if name in taken else None
            if isinstance(default, bool) and not isinstance(value, bool):
                raise self.error(place, f"expected {name} to be true or false", value)
            given_arguments[name] = self.value(value, name, place, depth)
        return self.trying(place, lambda: cls(**given_arguments))

    def kind(self, given: Any, module: ModuleType, argument: str, place: str) -> type:
        """Return the class of a kind."""
        found = kinds(module)
        what = "layer" if module is layers else argument.rsplit("_", maxsplit=1)[-1]
        if not isinstance(given, str):
            raise self.error(place, f"expected a kind of {what}, such as kind = {next(iter(found))!r}", given)
        if given not in found:
            hint = near_miss(given, found) or f" There are {', '.join(sorted(found))}"
            raise ModelError(f"{self.at(place)}: there is no kind of {what} named {given!r}.{hint}")
        return found[given]

    def value(self, value: Any, argument: str, place: str, depth: int) -> Any:
        """Return an argument: plain values as they are, tables as what they describe."""
        if depth > DEEPEST:
            raise self.error(place, f"expected nothing nested deeper than {DEEPEST} levels", "more")
        if isinstance(value, dict):
            return self.built(value, argument, place, depth + 1)
        if isinstance(value, list):
            return tuple(None if v == UNKNOWN else self.value(v, argument, place, depth + 1) for v in value)
        if isinstance(value, bool) or (isinstance(value, str) and len(value) < 200):
            return value
        if isinstance(value, int) and abs(value) < LARGEST:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise self.error(place, f"expected {argument} to be a finite number below {LARGEST:,}, a text or a list", value)

    def name(self, table: Mapping[str, Any], place: str) -> str | None:
        """Return the name of something, if it has one."""
        name = table.get("name")
        if name is not None and not (isinstance(name, str) and 0 < len(name) < 200):
            raise self.error(place, "expected name to be a text", name)
        return name

    def table(self, given: Any, place: str) -> Mapping[str, Any]:
        """Return a table, or say that one was expected."""
        if not isinstance(given, dict):
            raise self.error(place, "expected a table", given)
        return given

    def tables(self, given: Any, place: str) -> Iterable[Mapping[str, Any]]:
        """Return a list of tables, or say that one was expected."""
        if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
            raise self.error("", f"expected [[{place}]] tables, one for each layer", given)
        return given

    def only(self, table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
        """Refuse keys that nothing reads."""
        known = list(known)
        for key in table:
            if key not in known:
                hint = near_miss(key, known) or f" There are {', '.join(known)}"
                raise ModelError(f"{self.at(place)}: there is no key {key!r}.{hint}")

    def trying(self, place: str, make: Any) -> Any:
        """Return what a function makes; what it refuses is said with its place in the file."""
        try:
            return make()
        except ModelError as error:
            if str(error).startswith(self.file):
                raise
            raise ModelError(f"{self.at(place)}: {error}") from error
        except (PellucidError, ValueError, TypeError) as error:
            raise ModelError(f"{self.at(place)}: {error}") from error
        except MemoryError:
            raise ModelError(f"{self.at(place)}: it does not fit into memory") from None

    def at(self, place: str) -> str:
        """Name a place of the file."""
        return f"{self.file}, {place}" if place else self.file

    def error(self, place: str, expected: str, received: Any) -> ModelError:
        """Return what is to be raised."""
        shown = repr(received)
        end = "" if expected.endswith("?") else "."
        return ModelError(f"{self.at(place)}: {expected}{end} Received: {shown[:80]}{'…' * (len(shown) > 80)}")
