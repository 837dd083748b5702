"""Layers, models, optimizers and what they are made of, as data: their classes by name, and their attributes.

An object is written once, wherever it stands, so that what is shared stays shared. Expressions in attributes are places
in the graph that is written beside. A class may say in ``unsaved`` which attributes are left out, such as what was
compiled, and by what function each is made anew.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr
from pellucid.graph.serialization import Reader, Writer
from pellucid.graph.serialization.attributes import SPECIAL, decode_dtype
from pellucid.graph.types import Unknown
from pellucid.saving.class_registry import found, name_of
from pellucid.saving.missing_objects import Absent, absent_class


class ObjectWriter:
    """A table of objects, beside a table of the expressions in them.

    Attributes
    ----------
    objects : list of dict
        One for each object: its class and its attributes.
    custom : dict from str to class or function
        What is the user's own, by the names under which it is written.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.objects: list[dict[str, Any]] = []
        self.custom: dict[str, Any] = {}
        self.places: dict[int, int] = {}
        self.kept: list[Any] = []

    def add(self, root: Any) -> Any:
        """Enter a value, and all objects that it is made of."""
        data = self.value(root)
        while len(self.objects) < len(self.kept):
            self.objects.append(self.entry(self.kept[len(self.objects)]))
        return data

    def entry(self, thing: Any) -> dict[str, Any]:
        """Return one object as data."""
        unsaved = getattr(type(thing), "unsaved", {})
        state = {}
        for key, value in attributes_of(thing).items():
            if key not in unsaved:
                try:
                    state[key] = self.value(value)
                except StorageError as error:
                    kind, own = type(thing).__name__, getattr(thing, "name", "")
                    raise StorageError(f"{kind} {own}: its attribute {key} cannot be saved. {error}") from error
        return {"class": self.class_of(type(thing)), "state": state}

    def class_of(self, kind: type) -> Any:
        """Return the name of a class; of a user's own with that of pellucid's class that it is derived from."""
        name = name_of(kind)
        if name is not None:
            return name
        base = next((b for b in kind.__mro__[1:] if b is not object and name_of(b) is not None), None)
        return {"custom": self.own_name(kind), "base": None if base is None else name_of(base)}

    def own_name(self, thing: Any) -> str:
        """Return the name of a class or function of the user's own, with a number if two have the same."""
        name, number = str(thing.__name__), 1
        while self.custom.setdefault(name, thing) is not thing:
            number += 1
            name = f"{thing.__name__}#{number}"
        return name

    def value(self, value: Any) -> Any:
        """Return a value as data, in which objects stand by their places in the table."""
        if value is None or type(value) in (bool, int):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, str):
            return self.writer.dims.encode(value) if isinstance(value, Unknown) else str(value)
        if type(value) in (list, tuple, set, frozenset):
            parts = [self.value(part) for part in value]
            return parts if type(value) is list else {type(value).__name__: parts}
        if isinstance(value, Mapping):
            return {"dict": [[self.value(key), self.value(part)] for key, part in value.items()]}
        if isinstance(value, Expr):
            return {"node": self.writer.add(value)}
        return self.array(value) if isinstance(value, (np.ndarray, np.generic, np.dtype)) else self.named(value)

    def array(self, value: Any) -> Any:
        """Return something of NumPy's as data."""
        if isinstance(value, np.dtype):
            return {"dtype": value.name}
        if isinstance(value, np.generic):
            return {"number": [value.dtype.name, self.value(value.item())]}
        return {"array": self.writer.keep(value, "array")}

    def named(self, value: Any) -> Any:
        """Return a function or a class by its name, and any other object by its place."""
        if inspect.isclass(value):
            return {"class": self.class_of(value)}
        if isinstance(value, functools.partial):
            return {"partial": [self.value(part) for part in (value.func, value.args, value.keywords)]}
        if type(value) is Absent:
            return {"custom": value.absent_name}
        if isinstance(value, types.FunctionType):
            name = name_of(value)
            if name is None and value.__module__.startswith("pellucid."):
                raise StorageError(f"It is {value.__qualname__}, a function inside pellucid that no name leads to")
            return {"custom": self.own_name(value)} if name is None else {"function": name}
        if isinstance(value, (types.MethodType, types.BuiltinFunctionType, types.ModuleType, types.GeneratorType)):
            raise StorageError(f"Expected a value, a function or an object. Received: {value!r:.100}")
        if id(value) not in self.places:
            attributes_of(value)
            self.places[id(value)] = len(self.kept)
            self.kept.append(value)
        return {"object": self.places[id(value)]}


@runtime_checkable
class Settled(Protocol):
    """An object that puts off some of its work, and does it when asked."""

    def settle(self) -> None:
        """Have all attributes as they should be."""


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that is made of attributes alone."""
    slots = [s for kind in type(thing).__mro__ for s in getattr(kind, "__slots__", ()) if not s.startswith("__")]
    if not hasattr(thing, "__dict__") and not slots:
        raise StorageError(f"Expected a value, a function or an object. Received: {thing!r:.100}, a {type(thing)}")
    if isinstance(thing, Settled):
        thing.settle()
    return {**getattr(thing, "__dict__", {}), **{s: getattr(thing, s) for s in slots if hasattr(thing, s)}}


class ObjectReader:
    """The objects of some data, with the expressions that they hold.

    Parameters
    ----------
    objects : list of dict
        As an `ObjectWriter` wrote them.
    reader : Reader
        The graph.
    custom_objects : dict from str to class or function, optional
        What a name that is not pellucid's stands for.
    """

    def __init__(self, objects: Any, reader: Reader, custom_objects: Mapping[str, Any] | None = None) -> None:
        self.reader = reader
        self.custom = dict(custom_objects or {})
        if not isinstance(objects, list) or not all(
            isinstance(o, dict) and isinstance(o.get("state"), dict) for o in objects
        ):
            raise StorageError(f"Expected a list of objects, with class and state. Received: {objects!r:.100}")
        self.made = [self.shell(entry.get("class")) for entry in objects]
        for place, (thing, entry) in enumerate(zip(self.made, objects, strict=True)):
            try:
                self.complete(thing, entry["state"])
            except StorageError as error:
                raise StorageError(f"Object {place}, a {type(thing).__name__}: {error}") from error

    def shell(self, data: Any) -> Any:
        """Return an object of a class that has no attributes yet."""
        kind = self.class_(data)
        try:
            return object.__new__(kind)
        except TypeError as error:
            raise StorageError(f"There can be no {kind.__name__}: {error}") from error

    def class_(self, data: Any) -> type:
        """Return the class of a name."""
        if isinstance(data, dict) and isinstance(data.get("custom"), str):
            own = self.custom.get(data["custom"])
            base = found(data.get("base"))
            return (
                own if inspect.isclass(own) else absent_class(data["custom"], base if inspect.isclass(base) else object)
            )
        kind = found(data)
        if not inspect.isclass(kind):
            raise StorageError(f"pellucid has no class {data!r:.100}")
        return kind

    def complete(self, thing: Any, state: dict[str, Any]) -> None:
        """Give an object its attributes."""
        for key, value in state.items():
            if not key.isidentifier() or key.startswith("__"):
                raise StorageError(f"Expected the name of an attribute. Received: {key!r:.100}")
            object.__setattr__(thing, key, self.value(value))
        for key, make in getattr(type(thing), "unsaved", {}).items():
            object.__setattr__(thing, key, make())

    def value(self, data: Any) -> Any:
        """Return the value that some data stand for."""
        if data is None or isinstance(data, (bool, int, float, str)):
            return data
        if isinstance(data, list):
            return [self.value(part) for part in data]
        if not isinstance(data, dict) or not data:
            raise StorageError(f"Expected a value. Received: {data!r:.100}")
        mark = next(iter(data))
        read = getattr(self, f"read_{mark}", None) if mark in MARKS and len(data) == 1 else None
        if read is None:
            raise StorageError(f"Expected a value. Received: {data!r:.100}")
        try:
            return read(data[mark])
        except StorageError:
            raise
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise StorageError(f"Expected a value. Received: {data!r:.100} ({error})") from error

    def read_float(self, content: Any) -> float:
        """Return a number that JSON has no word for."""
        return SPECIAL[content]

    def read_unknown(self, content: Any) -> Any:
        """Return a dimension without a name."""
        return self.reader.dims.decode({"unknown": content})

    def read_tuple(self, content: Any) -> tuple[Any, ...]:
        """Return a tuple."""
        return tuple(self.value(part) for part in content)

    def read_set(self, content: Any) -> set[Any]:
        """Return a set."""
        return set(self.read_tuple(content))

    def read_frozenset(self, content: Any) -> frozenset[Any]:
        """Return a set that does not change."""
        return frozenset(self.read_tuple(content))

    def read_dict(self, content: Any) -> dict[Any, Any]:
        """Return a dictionary."""
        return {self.value(key): self.value(value) for key, value in content}

    def read_node(self, content: Any) -> Expr:
        """Return an expression."""
        return self.reader.expr(content)

    def read_dtype(self, content: Any) -> Any:
        """Return a dtype."""
        return decode_dtype(content)

    def read_number(self, content: Any) -> Any:
        """Return a number of NumPy's."""
        name, data = content
        number = self.value(data)
        if not isinstance(number, (bool, int, float)):
            raise StorageError(f"Expected a number. Received: {data!r:.100}")
        return decode_dtype(name).type(number)

    def read_array(self, content: Any) -> Any:
        """Return an array."""
        return np.array(self.reader.arrays[content])

    def read_class(self, content: Any) -> type:
        """Return a class."""
        return self.class_(content)

    def read_function(self, content: Any) -> Any:
        """Return a function of pellucid's, or an op of the user's own if it is there."""
        function = found(content)
        if function is None:
            return self.read_custom(content)
        if inspect.isclass(function):
            raise StorageError(f"Expected a function. Received: {content!r:.100}")
        return function

    def read_custom(self, content: Any) -> Any:
        """Return a function of the user's own, or what stands for it."""
        if not isinstance(content, str):
            raise StorageError(f"Expected a name. Received: {content!r:.100}")
        return self.custom.get(content) or Absent(content)

    def read_partial(self, content: Any) -> Any:
        """Return a function with some arguments given."""
        function, args, keywords = (self.value(part) for part in content)
        return functools.partial(function, *args, **keywords)

    def read_object(self, content: Any) -> Any:
        """Return an object."""
        if type(content) is not int or not 0 <= content < len(self.made):
            raise StorageError(f"Expected the number of an object, below {len(self.made)}. Received: {content!r:.100}")
        return self.made[content]


MARKS = frozenset(name.removeprefix("read_") for name in vars(ObjectReader) if name.startswith("read_"))
