"""Arguments in the spelling of Keras 1, which may also have their names of Keras 2."""

import functools
import inspect

from pellucid.nn.layers.config_capture import bind_arguments

NEWER = {"epochs": "nb_epoch", "num_classes": "nb_classes", "learning_rate": "lr"}


def make_signature(text):
    """Return the signature of a constructor, without self, from a text such as ``"output_dim init='uniform'"``."""
    return inspect.signature(eval(f"lambda {', '.join(text.split())}: None"))


def bind(owner, signature, args, keywords, newer=NEWER):
    """Return arguments by name, with defaults."""
    old = {k if k in signature.parameters else newer.get(k, k): v for k, v in keywords.items()}
    return bind_arguments(owner, signature, args, old)


def keras_arguments(function):
    """Let a function take the names of Keras 2 for its arguments, and explain those that it does not have."""
    signature = inspect.signature(function)
    return functools.wraps(function)(lambda *args, **keywords: function(**bind(function, signature, args, keywords)))
