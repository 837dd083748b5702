"""Process-wide settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import NoSuchNameError, OptionError, near_miss

FLOATS = ("float32", "float64", "float16", "bfloat16")
"""Allowed values of `floatx`."""


@dataclass
class Config:
    """Process-wide settings; assign to the attributes of `pellucid.config`.

    Attributes
    ----------
    floatx : str
        Default dtype of Python numbers and lists, inputs and layers, initially ``"float32"`` as in Keras.

    Examples
    --------
    >>> pel.config.floatx
    'float32'
    >>> pel.zeros(3).dtype
    dtype('float32')
    """

    floatx: str = "float32"

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dataclass_fields__:
            raise NoSuchNameError(f"pel.config has no {name!r}.{near_miss(name, self.__dataclass_fields__)}")
        if value not in FLOATS:
            raise OptionError(f"Expected {name} to be one of {', '.join(FLOATS)}. Received: {value!r}")
        super().__setattr__(name, value)


config: Config = Config()
