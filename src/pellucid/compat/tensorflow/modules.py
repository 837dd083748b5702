"""Modules of TensorFlow 1 that are made of tables, and `tf.app`, whose flags are those of `argparse`."""

import argparse
import functools
import sys
from types import ModuleType

from pellucid.compat.missing_names import add_missing_name_errors, read_old_names


def select_public(old_name, *sources):
    """Return the values whose names a module of TensorFlow had."""
    known = read_old_names()[old_name]
    return {name: value for source in sources for name, value in source.items() if name in known}


def make_module(old_name, values, replacements=None):
    """Return a module that can be imported and explains missing names."""
    module = ModuleType(f"pellucid.compat.{old_name}", f"Names of `{old_name}`.")
    vars(module).update(values, __path__=[])
    add_missing_name_errors(vars(module), old_name, replacements)
    sys.modules[module.__name__] = module
    return module


PARSER = argparse.ArgumentParser(allow_abbrev=False, add_help=False, conflict_handler="resolve")


FLAGS = argparse.Namespace()


def define(flag_name, default_value, docstring="", kind=str):
    options = {"type": kind}
    if kind is bool:
        options = {"type": lambda text: text.lower() in ("true", "t", "1", "yes", "y"), "nargs": "?", "const": True}
        PARSER.add_argument(f"--no{flag_name}", action="store_false", dest=flag_name, default=default_value)
    PARSER.add_argument(f"--{flag_name}", default=default_value, help=docstring, **options)
    vars(FLAGS).pop(flag_name, None)
    PARSER.parse_known_args(namespace=FLAGS)


def run(main=None, argv=None):
    rest = PARSER.parse_known_args(argv and argv[1:], FLAGS)[1]
    sys.exit((main or sys.modules["__main__"].main)([sys.argv[0], *rest]))


KINDS = {"string": str, "integer": int, "float": float, "boolean": bool, "bool": bool}
flags = make_module(
    "tensorflow.flags",
    {"FLAGS": FLAGS, **{f"DEFINE_{n}": functools.partial(define, kind=kind) for n, kind in KINDS.items()}},
)
app = make_module("tensorflow.app", {"flags": flags, "run": run})
