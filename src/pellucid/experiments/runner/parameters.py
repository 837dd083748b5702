"""Parameters of an experiment: read from its signature, parsed from text, checked before it runs.

A parameter is a keyword-only argument whose annotation says everything about it::

    passes: Annotated[int, Range(1), "passes over the data"] = 20_000

The kinds are ``int``, ``float``, ``bool``, ``str``, ``Path`` (or ``Path | None``), ``Literal[...]`` of strings, and
``tuple[int, ...]`` and ``tuple[float, ...]``.
"""

import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pellucid.experiments.runner.errors import UsageError, nearest

Value = int | float | bool | str | Path | None | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Range:
    """The legal values low <= value <= high of a number; with ``open=True``, low < value < high.

    Parameters
    ----------
    low, high
        The ends; ``None`` leaves an end free.
    open
        Whether the ends themselves are illegal.

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
        return f"from {self.low} to {self.high}" + (", ends excluded" if self.open else "")


@dataclass(frozen=True)
class Parameter:
    """One parameter of an experiment: its name, kind, default, legal range and one line about it."""

    name: str
    kind: Any
    default: Value
    range: Range | None
    about: str

    @property
    def expected(self) -> str:
        """The legal values in words, for help and for messages."""
        words = _in_words(self.kind)
        return f"{words}, {self.range}" if self.range else words

    @property
    def default_text(self) -> str:
        """The default as one would write it after ``--set name=``."""
        return as_text(self.default)

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` spells, or raise ``UsageError``."""
        try:
            return self.check(_from_text(self.kind, text.strip()), received=text)
        except ValueError as error:
            raise self._refusal(text) from error

    def check(self, value: Any, received: str | None = None) -> Value:
        """Return ``value`` as this parameter's kind if it is legal, or raise ``UsageError``."""
        if self.kind in _FLOATS and not isinstance(value, float):
            value = _as_floats(value)
        items = value if isinstance(value, tuple) else (value,)
        in_range = self.range is None or all(item in self.range for item in items if _is_number(item))
        if not (_is_of_kind(self.kind, value) and all(map(_is_finite, items)) and in_range):
            raise self._refusal(as_text(value) if received is None else received)
        legal: Value = value
        return legal

    def _refusal(self, received: str) -> UsageError:
        return UsageError(
            f"{self.name}: expected {self.expected}; received {received!r}. "
            f"The default is {self.default_text}: write --set {self.name}={self.default_text}"
        )


def parameters_of(function: Callable[..., object]) -> dict[str, Parameter]:
    """Return the parameters that ``function`` declares as annotated keyword-only arguments, in order."""
    hints = get_type_hints(function, include_extras=True)
    declared = inspect.signature(function).parameters.values()
    return {
        argument.name: _parameter(argument, hints[argument.name])
        for argument in declared
        if argument.kind is inspect.Parameter.KEYWORD_ONLY
    }


def settings_from(parameters: Mapping[str, Parameter], assignments: Iterable[str]) -> dict[str, Value]:
    """Return the values that ``KEY=VALUE`` texts give to ``parameters``, or raise ``UsageError``."""
    values: dict[str, Value] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip().replace("-", "_")
        if not equals:
            raise UsageError(f"--set: expected KEY=VALUE; received {assignment!r}")
        if key in values:
            raise UsageError(f"{key}: set twice ({as_text(values[key])} and {text}); keep one of them")
        values[key] = known(parameters, key).parse(text)
    return values


def known(parameters: Mapping[str, Parameter], key: str) -> Parameter:
    """Return the parameter called ``key``, or raise ``UsageError`` that names the nearest one."""
    if key not in parameters:
        raise UsageError(f"no parameter {key!r}. {nearest(key, parameters, 'parameters')}")
    return parameters[key]


def as_text(value: Value) -> str:
    """Return ``value`` as one writes it on the command line.

    >>> as_text((1, 2, 50)), as_text(True), as_text(None), as_text(0.01)
    ('1,2,50', 'true', 'none', '0.01')
    """
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _parameter(argument: inspect.Parameter, hint: Any) -> Parameter:
    if get_origin(hint) is not Annotated or argument.default is inspect.Parameter.empty:
        raise TypeError(f'{argument.name}: expected Annotated[kind, "what it is"] = default; received {argument}')
    kind, *notes = get_args(hint)
    about = next((note for note in notes if isinstance(note, str)), None)
    if about is None or (kind not in _WORDS and get_origin(kind) is not Literal):
        raise TypeError(f"{argument.name}: expected a line about it and a kind among {list(_WORDS)}; received {hint}")
    limits = next((note for note in notes if isinstance(note, Range)), None)
    parameter = Parameter(argument.name, kind, argument.default, limits, about)
    parameter.check(argument.default)
    return parameter


_OPTIONAL_PATH = Path | None
_FLOATS = (float, tuple[float, ...])
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    _OPTIONAL_PATH: "a path or none",
    tuple[int, ...]: "whole numbers with commas between them",
    tuple[float, ...]: "numbers with commas between them",
}
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    return _WORDS[kind]


def _from_text(kind: Any, text: str) -> Any:
    """Return the value of ``kind`` that ``text`` spells; a ``ValueError`` where it spells none."""
    if get_origin(kind) is tuple:
        return tuple(_from_text(get_args(kind)[0], item) for item in text.split(","))
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(text)
        return _TRUTH[text.lower()]
    if get_origin(kind) in (Union, types.UnionType):
        return None if text.lower() == "none" else Path(text).expanduser()
    if kind is Path:
        return Path(text).expanduser()
    if kind is int and "e" in text.lower() and float(text).is_integer():
        return int(float(text))
    return text if get_origin(kind) is Literal else kind(text)


def _is_of_kind(kind: Any, value: Any) -> bool:
    if get_origin(kind) is tuple:
        item_kind = get_args(kind)[0]
        return isinstance(value, tuple) and len(value) > 0 and all(_is_of_kind(item_kind, item) for item in value)
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    # bool is a kind of int to Python, but true is no number of passes.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _as_floats(value: Any) -> Any:
    """Return whole numbers as floats, since 1 is a fine way to write 1.0."""
    if isinstance(value, tuple):
        return tuple(map(_as_floats, value))
    return float(value) if _is_number(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
