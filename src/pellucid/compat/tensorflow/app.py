"""`tf.app` and `tf.flags` on `argparse`."""

import argparse
import functools
import sys

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.types import make_module

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
add_missing_name_errors(globals(), "tensorflow.app")
