"""Layers, models and optimizers as JSON data: a table of objects with their class names and attributes.

Each object is written once, so that shared objects stay shared. Expressions in attributes are indices into the graph
that is written with the table. A class may list attributes in ``unsaved``, such as compiled programs, each with a
function that creates its initial value when a file is loaded. It may list attributes that are custom code in
``custom_parts``, each with the name under which the caller passes it to `load_model`. A placeholder replaces custom
code that is not passed; the graph is complete without it.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr
from pellucid.graph.serialization import GraphReader, GraphWriter
from pellucid.graph.serialization.attributes import SPECIAL, decode_dtype, decode_number
from pellucid.graph.types import Unknown
from pellucid.nn.layers.base import Layer
from pellucid.saving.class_registry import find_registered, get_registered_name


def make_data_error(expected: str, value: object, detail: str = "") -> StorageError:
    """Return the error for data of another kind than expected."""
    return StorageError(f"Expected {expected}. Received: {value!r:.100}{detail}")


class ObjectWriter:
    """Writes objects to a table, and the expressions in them to a graph.

    Attributes
    ----------
    objects : list of dict
        Class name and attributes of each object.
    custom : dict from str to class or function
        Custom classes and functions by their names in the table.
    """

    def __init__(self, writer: GraphWriter) -> None:
        self.writer = writer
        self.objects: list[dict[str, Any]] = []
        self.custom: dict[str, Any] = {}
        self.indices: dict[int, int] = {}
        self.pending: list[Any] = []

    def add(self, root: Any) -> Any:
        """Return a value as data, after adding all objects in it to the table."""
        data = self.encode(root)
        while len(self.objects) < len(self.pending):
            self.objects.append(self.encode_state(self.pending[len(self.objects)]))
        return data

    def encode_state(self, thing: Any) -> dict[str, Any]:
        unsaved, custom = getattr(type(thing), "unsaved", {}), getattr(type(thing), "custom_parts", {})
        state = {}
        for key, value in get_state(thing).items():
            if key in custom and type(value) is not MissingObject:
                state[key] = {"custom": self.name_custom(value, custom[key])}
            elif key not in unsaved:
                try:
                    state[key] = self.encode(value)
                except StorageError as error:
                    kind, name = type(thing).__name__, getattr(thing, "name", "")
                    raise StorageError(
                        f"{kind} {name}: its attribute {key} cannot be saved. {error}. To leave it out, list it in the "
                        f"class: unsaved = {{{key!r}: function that makes its initial value}}"
                    ) from error
        return {"class": self.get_class_name(type(thing)), "state": state}

    def get_class_name(self, cls: type) -> Any:
        """Return the name of a class; for a custom class also the name of its nearest registered base."""
        name = get_registered_name(cls)
        if name is not None:
            return name
        bases = [get_registered_name(base) for base in cls.__mro__[1:] if base is not object]
        return {"custom": self.name_custom(cls), "base": next((base for base in bases if base is not None), None)}

    def name_custom(self, thing: Any, name: str | None = None) -> str:
        """Return the name of custom code, by default its own, with a number if other code has the same name."""
        own = str(thing.__name__) if name is None else name
        unique, number = own, 1
        while self.custom.setdefault(unique, thing) is not thing:
            number += 1
            unique = f"{own}#{number}"
        return unique

    def encode(self, value: Any) -> Any:
        """Return a value as data, with objects replaced by their indices."""
        if value is None or type(value) in (bool, int):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, str):
            return self.writer.dims.encode(value) if isinstance(value, Unknown) else str(value)
        if type(value) in (list, tuple, set, frozenset):
            # Sets are sorted, so that the file does not depend on the hash seed of the process.
            ordered = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            parts = [self.encode(part) for part in ordered]
            return parts if type(value) is list else {type(value).__name__: parts}
        if isinstance(value, Mapping):
            return {"dict": [[self.encode(key), self.encode(part)] for key, part in value.items()]}
        if isinstance(value, Expr):
            return {"node": self.writer.add(value)}
        if isinstance(value, np.dtype):
            return {"dtype": value.name}
        if isinstance(value, np.generic):
            return {"number": [value.dtype.name, self.encode(value.item())]}
        if isinstance(value, np.ndarray):
            return {"array": self.writer.add_array(value, "array")}
        return self.encode_object(value)

    def encode_object(self, value: Any) -> Any:
        """Return a class or function as its name, and any other object as its index."""
        if inspect.isclass(value):
            return {"class": self.get_class_name(value)}
        if isinstance(value, functools.partial):
            return {"partial": [self.encode(part) for part in (value.func, value.args, value.keywords)]}
        if type(value) is MissingObject:
            return {"custom": value.missing_name}
        if isinstance(value, types.FunctionType):
            name = get_registered_name(value)
            if name is None and re.match(r"pellucid\.(?!compat\.)", value.__module__):
                raise StorageError(f"{value.__qualname__} is an internal function of pellucid without a name in files")
            return {"custom": self.name_custom(value)} if name is None else {"function": name}
        if isinstance(value, (types.MethodType, types.BuiltinFunctionType, types.ModuleType, types.GeneratorType)):
            raise make_data_error("a value, a function or an object", value)
        if id(value) not in self.indices:
            get_state(value)  # raises if it cannot be saved
            self.indices[id(value)] = len(self.pending)
            self.pending.append(value)
        return {"object": self.indices[id(value)]}


def get_state(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object; a class may define ``__getstate__``, as for pickling."""
    if getattr(type(thing), "__getstate__", None) is not object.__getstate__:
        state = thing.__getstate__()
        if isinstance(state, dict):
            return state
    slots = [s for cls in type(thing).__mro__ for s in getattr(cls, "__slots__", ()) if not s.startswith("__")]
    if not hasattr(thing, "__dict__") and not slots:
        raise make_data_error("a value, a function or an object", thing, f", a {type(thing).__name__}")
    return {**getattr(thing, "__dict__", {}), **{s: getattr(thing, s) for s in slots if hasattr(thing, s)}}


class ObjectReader:
    """Creates objects from a table.

    Parameters
    ----------
    objects : list of dict
        A table of an `ObjectWriter`.
    reader : GraphReader
        The graph.
    custom_objects : dict from str to class or function, optional
        Custom classes and functions by name.
    """

    def __init__(
        self, objects: Any, reader: GraphReader, custom_objects: Mapping[str, Callable[..., object]] | None = None
    ) -> None:
        self.reader = reader
        self.custom: dict[str, Callable[..., object]] = dict(custom_objects or {})
        if not isinstance(objects, list) or not all(
            isinstance(o, dict) and isinstance(o.get("state"), dict) for o in objects
        ):
            raise make_data_error("a list of objects, with class and state", objects)
        # All objects exist before any gets its attributes, because they may refer to one another.
        self.objects: list[Any] = [self.make_empty(entry.get("class")) for entry in objects]
        for index, (thing, entry) in enumerate(zip(self.objects, objects, strict=True)):
            try:
                self.set_state(thing, entry["state"])
            except StorageError as error:
                raise StorageError(f"Object {index}, a {type(thing).__name__}: {error}") from error

    def make_empty(self, data: Any) -> Any:
        cls = self.read_class(data)
        try:
            return object.__new__(cls)
        except TypeError as error:
            raise StorageError(f"A {cls.__name__} cannot be created: {error}") from error

    def set_state(self, thing: Any, state: dict[str, Any]) -> None:
        for key, value in state.items():
            if not key.isidentifier() or key.startswith("__"):
                raise make_data_error("the name of an attribute", key)
            decoded = self.decode(value)
            try:
                object.__setattr__(thing, key, decoded)
            except AttributeError as error:  # a property
                raise StorageError(f"Its attribute {key!r:.100} cannot be set: {error}") from error
        for key, make in getattr(type(thing), "unsaved", {}).items():
            object.__setattr__(thing, key, make())

    def decode(self, data: Any) -> Any:
        if data is None or isinstance(data, (bool, int, float, str)):
            return data
        if isinstance(data, list):
            return [self.decode(part) for part in data]
        if not isinstance(data, dict) or len(data) != 1 or not KINDS.issuperset(data):
            raise make_data_error("a value", data)
        [(kind, content)] = data.items()
        return getattr(self, f"read_{kind}")(content)

    def decode_list(self, content: Any, length: int | None = None) -> list[Any]:
        if not isinstance(content, list) or (length is not None and len(content) != length):
            raise make_data_error("a list" if length is None else f"a list of {length}", content)
        return [self.decode(part) for part in content]

    def read_float(self, content: Any) -> float:
        if not isinstance(content, str) or content not in SPECIAL:
            raise make_data_error("nan, inf or -inf", content)
        return SPECIAL[content]

    def read_unknown(self, content: Any) -> Any:
        return self.reader.dims.decode({"unknown": content})

    def read_tuple(self, content: Any) -> tuple[Any, ...]:
        return tuple(self.decode_list(content))

    def read_set(self, content: Any) -> set[Any]:
        parts = self.decode_list(content)
        try:
            return set(parts)
        except TypeError as error:
            raise make_data_error("the elements of a set", content, f" ({error})") from error

    def read_frozenset(self, content: Any) -> frozenset[Any]:
        return frozenset(self.read_set(content))

    def read_dict(self, content: Any) -> dict[Any, Any]:
        pairs = self.decode_list(content)
        try:
            return dict(pairs)
        except (TypeError, ValueError) as error:
            raise make_data_error("pairs of keys and values", content, f" ({error})") from error

    def read_node(self, content: Any) -> Expr:
        return self.reader.get_expr(content)

    def read_dtype(self, content: Any) -> Any:
        return decode_dtype(content)

    def read_number(self, content: Any) -> Any:
        name, number = self.decode_list(content, 2)
        return decode_number(decode_dtype(name), number)

    def read_array(self, content: Any) -> Any:
        if not isinstance(content, str) or content not in self.reader.arrays:
            raise make_data_error("the name of an array", content)
        return np.array(self.reader.arrays[content])

    def read_class(self, content: Any) -> type:
        if isinstance(content, dict) and isinstance(content.get("custom"), str):
            name, base = content["custom"], find_registered(content.get("base"))
            own = self.custom.get(name)
            if inspect.isclass(own):
                return own
            if not name.isprintable():
                raise make_data_error("the name of a class", name)
            return make_missing_class(name, base if inspect.isclass(base) else object)
        cls = find_registered(content)
        if not inspect.isclass(cls):
            raise StorageError(f"pellucid has no class {content!r:.100}")
        return cls

    def read_function(self, content: Any) -> Any:
        """Return a function of pellucid, or a custom op if it is registered."""
        function = find_registered(content)
        if function is None:
            return self.read_custom(content)
        if inspect.isclass(function):
            raise make_data_error("a function", content)
        return function

    def read_custom(self, content: Any) -> Any:
        if not isinstance(content, str):
            raise make_data_error("a name", content)
        return self.custom.get(content) or MissingObject(content)

    def read_partial(self, content: Any) -> Any:
        function, args, keywords = self.decode_list(content, 3)
        try:
            return functools.partial(function, *args, **keywords)
        except TypeError as error:
            raise make_data_error("a function and its arguments", content, f" ({error})") from error

    def read_object(self, content: Any) -> Any:
        if type(content) is not int or not 0 <= content < len(self.objects):
            raise make_data_error(f"the number of an object, below {len(self.objects)}", content)
        return self.objects[content]


KINDS = frozenset(name.removeprefix("read_") for name in vars(ObjectReader) if name.startswith("read_"))


def make_missing_error(name: str) -> StorageError:
    return StorageError(
        f"{name} is custom code, which a file does not contain. Pass it when loading: "
        f"pel.load_model(path, custom_objects={{{name!r}: {name if name.isidentifier() else '...'}}})"
    )


class MissingObject:
    """Placeholder for a custom function or object that was not passed to `load_model`; calling it raises an error.

    Examples
    --------
    >>> MissingObject("my_loss")
    <missing my_loss>
    """

    def __init__(self, name: str) -> None:
        self.missing_name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise make_missing_error(self.missing_name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("missing_name", "unsaved"):
            raise AttributeError(name)
        raise make_missing_error(self.missing_name)

    def __repr__(self) -> str:
        return f"<missing {self.missing_name}>"


class MissingLayer:
    """Mixin for a layer or model of an unknown class: it predicts by its graph, prints and saves, without its code."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise make_missing_error(type(self).__name__)


def is_missing(value: Any) -> bool:
    """Whether a custom class or function is a placeholder."""
    return isinstance(value, MissingObject) or (
        inspect.isclass(value) and issubclass(value, (MissingLayer, MissingObject))
    )


def make_missing_class(name: str, base: type) -> type:
    """Return a class that replaces an unknown subclass of ``base``."""
    if issubclass(base, Layer):
        return type(name, (MissingLayer, base), {})
    return type(name, (MissingObject,), {"missing_name": name})
