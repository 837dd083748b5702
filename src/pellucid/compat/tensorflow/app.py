"""`tf.app`, `tf.flags`, `tf.gfile` and `tf.logging` on Python's standard library."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import argparse
import glob
import logging as _logging
import shutil
import sys
from pathlib import Path
from typing import Any

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.types import make_module
from pellucid.graph.errors import NoSuchNameError

_PARSER = argparse.ArgumentParser(allow_abbrev=False, argument_default=argparse.SUPPRESS)


class FlagValues:
    """Values of the command line options that `DEFINE_string` and others declare; they are read at first use."""

    def __init__(self):
        self.__dict__.update({"_defaults": {}, "_values": None, "_rest": []})

    def _parse(self, arguments=None):
        if self._values is None:
            parsed, rest = _PARSER.parse_known_args(sys.argv[1:] if arguments is None else arguments)
            self.__dict__.update(_values={**self._defaults, **vars(parsed)}, _rest=rest)
        values: dict[str, Any] = self._values
        return values

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._parse():
            raise NoSuchNameError(
                f"No flag {name!r} is defined. Write tf.app.flags.DEFINE_string({name!r}, default, help)"
            )
        return self._parse()[name]

    def __setattr__(self, name, value):
        self._parse()[name] = value


FLAGS = FlagValues()


def _read_boolean(text):
    if text.lower() not in ("true", "t", "1", "yes", "y", "false", "f", "0", "no", "n"):
        raise argparse.ArgumentTypeError(f"expected true or false. Received: {text}")
    return text.lower() in ("true", "t", "1", "yes", "y")


def _make_definer(kind):
    def define(flag_name, default_value, docstring=""):
        options: dict[str, Any] = {"nargs": "?", "const": True} if kind is _read_boolean else {}
        _PARSER.add_argument(f"--{flag_name}", type=kind, help=docstring.replace("%", "%%"), **options)
        if kind is _read_boolean:
            _PARSER.add_argument(f"--no{flag_name}", action="store_false", dest=flag_name)
        FLAGS._defaults[flag_name] = default_value
        FLAGS.__dict__["_values"] = None

    return define


_KINDS = {"string": str, "integer": int, "float": float, "boolean": _read_boolean, "bool": _read_boolean}
_DEFINERS = {f"DEFINE_{name}": _make_definer(kind) for name, kind in _KINDS.items()}
flags = make_module("tensorflow.flags", {"FLAGS": FLAGS, **_DEFINERS})


def run(main=None, argv=None):
    """Call the function `main` of the script with the arguments that are no flags, and exit."""
    FLAGS._parse(None if argv is None else argv[1:])
    function = main or sys.modules["__main__"].main
    sys.exit(function([sys.argv[0], *FLAGS._rest]))


def _open(name, mode="r"):
    return Path(name).open(mode, encoding=None if "b" in mode else "utf-8")


gfile = make_module(
    "tensorflow.gfile",
    {
        "Exists": lambda path: Path(path).exists(),
        "IsDirectory": lambda path: Path(path).is_dir(),
        "MakeDirs": lambda path: Path(path).mkdir(parents=True, exist_ok=True),
        "MkDir": lambda path: Path(path).mkdir(),
        "ListDirectory": lambda path: sorted(p.name for p in Path(path).iterdir()),
        "Glob": lambda pattern: sorted(glob.glob(str(pattern))),  # noqa: PTH207 - the pattern may be absolute
        "Remove": lambda path: Path(path).unlink(),
        "Rename": lambda old, new, overwrite=False: Path(old).rename(new),
        "Copy": lambda old, new, overwrite=False: shutil.copy(old, new),
        "DeleteRecursively": lambda path: shutil.rmtree(path),
        **dict.fromkeys(["GFile", "FastGFile", "Open"], _open),
    },
)

_LOGGER = _logging.getLogger("tensorflow")
_METHODS = "debug info error fatal log warning warn=warning set_verbosity=setLevel get_verbosity=getEffectiveLevel"
_PAIRS = [text.partition("=") for text in _METHODS.split()]
logging = make_module(
    "tensorflow.logging",
    {
        **{level: getattr(_logging, level) for level in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")},
        **{name: getattr(_LOGGER, method or name) for name, _, method in _PAIRS},
    },
)
add_missing_name_errors(globals(), "tensorflow.app")
