"""Arguments of Keras 1 as text: names, and defaults in their order, such as ``"output_dim init='uniform'"``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.nn.layers.config_capture import bind_arguments

NEWER = {"epochs": "nb_epoch", "num_classes": "nb_classes", "num_words": "nb_words", "learning_rate": "lr"}
"""Arguments of Keras 2, and those of Keras 1."""


def make_signature(text: str) -> inspect.Signature:
    """Return the signature of a constructor or method, without self. Defaults have no spaces."""
    kind, parameters = inspect.Parameter.POSITIONAL_OR_KEYWORD, []
    for part in text.split():
        name, equals, default = part.partition("=")
        value = ast.literal_eval(default) if equals else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kind, default=value))
    return inspect.Signature(parameters)


def bind(
    owner: Any, signature: inspect.Signature, args: Sequence[Any], keywords: Mapping[str, Any], newer: Any = NEWER
) -> dict[str, Any]:
    """Return arguments by name, with defaults; keywords may have their names of Keras 2."""
    known = signature.parameters
    return bind_arguments(
        owner, signature, args, {k if k in known else newer.get(k, k): v for k, v in keywords.items()}
    )
