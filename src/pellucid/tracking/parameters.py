"""Typed parameters: declared by annotations, parsed from text, and checked before a run.

A parameter is a keyword-only argument of an experiment or a field of the training settings::

    passes: Annotated[int, Range(1), "passes over the data"] = 20_000

The kinds are ``int``, ``float``, ``bool``, ``str``, ``Path``, ``Literal[...]`` of strings, ``tuple[int, ...]`` and
``tuple[float, ...]``; ``dict`` and ``list`` for values of TOML files; and unions of these and ``None``.
"""

import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError, suggest_name


@dataclass(frozen=True)
class Range:
    """The valid values low <= value <= high of a number; with ``open=True``, low < value < high.

    Examples
    --------
    >>> 0.0 in Range(0, 1), 0.0 in Range(0, 1, open=True)
    (True, False)
    >>> print(Range(1)), print(Range(0, open=True)), print(Range(0, 1))
    1 or more
    more than 0
    from 0 to 1
    (None, None, None)
    """

    low: float | None = None
    high: float | None = None
    open: bool = False

    def __contains__(self, value: float) -> bool:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low < value < high if self.open else low <= value <= high

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "any"
        if self.high is None:
            return f"more than {self.low}" if self.open else f"{self.low} or more"
        if self.low is None:
            return f"less than {self.high}" if self.open else f"{self.high} or less"
        return f"between {self.low} and {self.high}, exclusive" if self.open else f"from {self.low} to {self.high}"


@dataclass(frozen=True)
class Parameter:
    """A parameter: name, kind, default, one line of description, and the valid range of numbers."""

    name: str
    kind: Any
    default: Any
    description: str
    range: Range | None = None

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The members of a union, without ``None``."""
        is_union = get_origin(self.kind) in (Union, types.UnionType)
        return tuple(kind for kind in (get_args(self.kind) if is_union else (self.kind,)) if kind is not types.NoneType)

    @property
    def is_optional(self) -> bool:
        """Whether ``None`` is a valid value."""
        return types.NoneType in get_args(self.kind)

    @property
    def expected(self) -> str:
        """The valid values, for help and error messages."""
        text = " or ".join(map(_describe_kind, self.kinds))
        return f"{text}, {self.range}" if self.range else text

    @property
    def default_text(self) -> str:
        """The default as text for ``--set name=``."""
        return format_value(self.default)

    def parse(self, text: str) -> Any:
        """Parse and check the text of a value; raise `UsageError` if it is invalid."""
        if self.is_optional and text.strip().lower() == "none":
            return None
        for kind in self.kinds:
            with suppress(ValueError):
                return self.check(_parse_kind(kind, text.strip()))
        raise self._make_error(text)

    def check(self, value: Any) -> Any:
        """Return ``value`` if it is valid, with integers as floats where floats are expected, or raise `UsageError`."""
        if value is None and self.is_optional:
            return None
        for kind in self.kinds:
            converted = _convert(kind, value)
            items = converted if isinstance(converted, tuple) else (converted,)
            if _is_of_kind(kind, converted) and all(map(self._is_in_range, items)):
                return converted
        raise self._make_error(value)

    def _is_in_range(self, item: Any) -> bool:
        if not _is_number(item):
            return True
        return math.isfinite(item) and (self.range is None or item in self.range)

    def _make_error(self, received: Any) -> UsageError:
        choices = [choice for kind in self.kinds if get_origin(kind) is Literal for choice in get_args(kind)]
        hint = f".{near_miss(received.lower(), choices)}" if isinstance(received, str) and choices else ""
        return UsageError(f"{self.name}: expected {self.expected}; received {received!r}{hint}".removesuffix("."))


def get_parameters(declaration: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters of a function (its keyword-only arguments) or a dataclass (its annotated fields)."""
    hints = get_type_hints(declaration, include_extras=True)
    return {
        argument.name: _make_parameter(argument, hints[argument.name])
        for argument in inspect.signature(declaration).parameters.values()
        if argument.kind is inspect.Parameter.KEYWORD_ONLY or get_origin(hints.get(argument.name)) is Annotated
    }


def parse_assignments(parameters: Mapping[str, Parameter], assignments: Iterable[str]) -> dict[str, Any]:
    """Parse ``KEY=VALUE`` texts, the arguments of ``--set``; raise `UsageError` for an invalid one."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set: expected KEY=VALUE; received {assignment!r}")
        if key in values:
            raise UsageError(f"{key}: set twice ({format_value(values[key])} and {text}). Remove one of them")
        parameter = get_parameter(parameters, key)
        try:
            values[key] = parameter.parse(text)
        except UsageError as error:
            message = str(error) if str(error).endswith("?") else f"{error}."
            default = parameter.default_text
            raise UsageError(f"{message} The default is {default}: write --set {key}={default}") from error
    return values


def get_parameter(parameters: Mapping[str, Parameter], name: str) -> Parameter:
    """Return the parameter called ``name``, or raise `UsageError` with a suggestion."""
    if name not in parameters:
        raise UsageError(f"no parameter {name!r}. {suggest_name(name, parameters, 'parameters')}")
    return parameters[name]


def format_value(value: Any) -> str:
    """Return ``value`` as text that `Parameter.parse` reads.

    >>> format_value((1, 2, 50)), format_value(True), format_value(None), format_value(0.01)
    ('1,2,50', 'true', 'none', '0.01')
    """
    if isinstance(value, tuple):
        return ",".join(map(format_value, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _make_parameter(argument: inspect.Parameter, hint: Any) -> Parameter:
    if get_origin(hint) is not Annotated or argument.default is inspect.Parameter.empty:
        raise TypeError(f'{argument.name}: expected Annotated[kind, "description"] = default; received {argument}')
    kind, *notes = get_args(hint)
    description = next((note for note in notes if isinstance(note, str)), None)
    limits = next((note for note in notes if isinstance(note, Range)), None)
    parameter = Parameter(argument.name, kind, argument.default, description or "", limits)
    supported = all(each in _DESCRIPTIONS or get_origin(each) is Literal for each in parameter.kinds)
    if description is None or not supported:
        raise TypeError(f"{argument.name}: expected a description and a kind of {list(_DESCRIPTIONS)}; received {hint}")
    parameter.check(argument.default)
    return parameter


_DESCRIPTIONS: dict[Any, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "a string",
    Path: "a path",
    tuple[int, ...]: "integers separated by commas",
    tuple[float, ...]: "numbers separated by commas",
    dict: "pairs NAME=VALUE separated by commas",
    list: "a list",
}
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _describe_kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return repr(choices[0]) if len(choices) == 1 else f"one of {', '.join(choices)}"
    return _DESCRIPTIONS[kind]


def _parse_kind(kind: Any, text: str) -> Any:
    """Parse a value of one kind; raise `ValueError` if the text is none."""
    if get_origin(kind) is tuple:
        return tuple(_parse_kind(get_args(kind)[0], item) for item in text.split(","))
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]
    if kind is Path:
        return Path(text).expanduser()
    if kind is dict:
        pairs = [item.partition("=") for item in text.split(",")]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError(text)
        return {name.strip(): _parse_number(value.strip()) for name, _, value in pairs}
    if kind is int and "e" in text.lower() and float(text).is_integer():
        return int(float(text))
    return text if get_origin(kind) is Literal else kind(text)


def _parse_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _convert(kind: Any, value: Any) -> Any:
    """Convert lists to tuples and integers to floats where these are expected."""
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_convert(get_args(kind)[0], item) for item in value)
    return float(value) if kind is float and _is_number(value) else value


def _is_of_kind(kind: Any, value: Any) -> bool:
    if get_origin(kind) is tuple:
        item_kind = get_args(kind)[0]
        return isinstance(value, tuple) and len(value) > 0 and all(_is_of_kind(item_kind, item) for item in value)
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    # In Python bool is a subclass of int, but true is not a number of passes.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
