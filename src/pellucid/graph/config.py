"""Settings that hold for the whole process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Config:
    """Process-wide settings; assign to the attributes of `pellucid.config`.

    Attributes
    ----------
    floatx : str
        The dtype of Python numbers and lists, of inputs that name no dtype, and of layers: ``"float32"``
        unless told otherwise, as Keras has it.
    """

    floatx: str = "float32"


config = Config()
