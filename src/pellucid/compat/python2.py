"""Python 2 source: how to tell it, its conversion to Python 3 by fissix, and division as in Python 2.

fissix, a maintained copy of lib2to3, converts syntax and built-in functions. A converted module gets its own `round`
and `execfile`, and a division that floors the quotient of two integers. Its lines belong to lines of the original.
"""

import ast
import copy
import functools
import importlib.util
import io
import math
import operator
import re
import sys
import warnings
from pathlib import Path

import numpy as np

from pellucid.compat import old_numpy
from pellucid.errors import PellucidError
from pellucid.optional_packages import require_packages

FIXERS = """apply basestring buffer dict except exec filter funcattrs future getcwdu has_key input intern isinstance
itertools long map metaclass methodattrs ne next nonzero numliterals operator print raise raw_input reduce reload repr
sorted standarderror sys_exc throw tuple_params types unicode xrange xreadlines zip"""
"""Fixers of fissix for all scripts."""

IMPORT_FIXERS = "asserts execfile imports itertools_imports urllib"
"""Fixers for a translated script. One that runs has stand-ins of the modules, and its own `execfile`."""

OLD_NAMES = """xrange unicode unichr basestring raw_input long reduce execfile cmp file apply reload intern
.iteritems .iterkeys .itervalues .has_key .maxint .getcwdu .izip .imap"""
OLD_MODULES = """cPickle cStringIO StringIO urllib2 ConfigParser Queue Tkinter __builtin__ urlparse httplib
itertools.izip itertools.imap string.maketrans"""
OLD_WORDS = {*OLD_NAMES.split(), *(f"import {name}" for name in OLD_MODULES.split())}
"""Names, attributes and imports that only Python 2 has."""


class ScriptSyntaxError(PellucidError):
    """A script is neither Python 3 nor Python 2."""


def decode_source(data):
    """Return source text by its coding line, by default UTF-8; without a coding line, invalid UTF-8 is Latin-1."""
    try:
        text = importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a\0\n") + "\n"


def compile_tree(source, filename, flags=0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences
        return compile(source, filename, "exec", flags, dont_inherit=True)


def parse_python3(source, filename):
    compile_tree(source, filename)  # finds some errors of syntax that the parser does not
    return compile_tree(source, filename, ast.PyCF_ONLY_AST)


def is_python2(tree):
    """Tell whether a module that Python 3 can read uses what only Python 2 has, without handling its absence."""
    handled = {id(node) for t in ast.walk(tree) if isinstance(t, ast.Try) for node in ast.walk(t)}
    used, bound = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if id(node) not in handled:
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Attribute(attr=name):
                used.add(f".{name}")
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                bound.update(a.asname or a.name for a in names)
                module = getattr(node, "module", None)
                imported = [module, *(f"{module}.{a.name}" if module else a.name for a in names)]
                used.update(f"import {name}" for name in imported if id(node) not in handled)
            case ast.Call(func=ast.Name(id="range"), args=[*_, ast.BinOp(op=ast.Div())]):  # fails in Python 3
                return True
            # print, print >>f, 1, print ("%d") % n, print (x).sum()
            case ast.Expr(value=value) if not isinstance(getattr(value, "func", None), ast.Name):
                if re.match(r"\(*print\b", ast.unparse(value)):
                    return True
    return not OLD_WORDS.isdisjoint(used - bound)


@functools.cache
def make_converter(fixers):
    """Return a converter with fixers, whose patterns take longer to compile than most scripts to convert."""
    from fissix.refactor import RefactoringTool

    return RefactoringTool([f"fissix.fixes.fix_{name}" for name in fixers.split()])


def convert(source, filename, *, is_translated=False, is_local=False):
    """Return Python 2 source converted by fissix, and the original line of each of its lines.

    In a module that is local to a package, ``import sibling`` means ``from . import sibling``.
    """
    with require_packages("Python 2 source"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError

        tool = make_converter(f"{FIXERS} {IMPORT_FIXERS * is_translated} {'import' * is_local}")
    # Tabs in indentation reach to the next multiple of 8; those in strings of several lines stay.
    tabs = re.compile(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|^[ \t]+', re.MULTILINE)
    source = tabs.sub(lambda found: found[0] if found[0].strip() else found[0].expandtabs(8), source)
    try:
        tree = tool.refactor_string(source.rstrip("\n") + "\n", filename)
    except (ParseError, TokenError, IndentationError) as error:
        place = error.context[1] if isinstance(error, ParseError) else error.args[1]
        raise explain_syntax(source, filename, place[1] if len(place) > 2 else place[0]) from None
    lines, line = [1], 1
    for leaf in tree.leaves():  # the first leaf of a line that was in the original says which line it was
        line += leaf.prefix.count("\n")
        lines += [lines[-1]] * (line - len(lines))
        if leaf.lineno:
            lines += range(leaf.lineno + len(lines) - line, leaf.lineno + leaf.value.count("\n") + 1)
        line += leaf.value.count("\n")
    return str(tree), lines


def explain_syntax(source, filename, line):
    """Return the error for a line that no version of Python reads."""
    lines = [re.sub(r"#.*", "", text).rstrip() for text in ["", *source.split("\n"), ""]]
    before = max((n for n in range(1, line) if lines[n]), default=0)
    first, second = (len(lines[n]) - len(lines[n].lstrip()) for n in (before, line))
    reason = f"invalid syntax: {lines[line].lstrip()}"
    if lines[before].endswith(":") and second <= first:
        reason = f"line {before} ends in a colon, so this line must be indented"
    elif second != first and before and not lines[before].endswith(":"):
        reason = f"invalid syntax, or an indentation that does not fit line {before}: {lines[line].lstrip()}"
    return ScriptSyntaxError(f"{filename}:{line}: {reason}. The script is neither Python 3 nor Python 2 here")


class _Divisions(ast.NodeTransformer):
    """Replaces ``/`` by calls of `divide`, so that two integers give an integer."""

    def visit(self, node):
        new = self.generic_visit(node)
        match node:
            case ast.BinOp(left, ast.Div(), right):
                new = ast.Call(ast.Name("__divide__", ast.Load()), [left, right], [])
            case ast.AugAssign(target, ast.Div(), value):
                read = copy.deepcopy(target)
                read.ctx = ast.Load()
                new = ast.Assign([target], ast.Call(ast.Name("__divide_in_place__", ast.Load()), [read, value], []))
        return ast.copy_location(new, node)


def parse_python2(source, filename, *, is_local=False):
    """Return Python 2 source as a tree of Python 3 with the original line numbers."""
    text, lines = convert(source, filename, is_local=is_local)
    try:
        tree = parse_python3(text, filename)
    except SyntaxError as error:
        raise explain_syntax(source, filename, lines[min(error.lineno or 1, len(lines) - 1)]) from None
    if not re.search(r"^from __future__ import .*\bdivision\b", source, re.MULTILINE):
        tree = ast.fix_missing_locations(_Divisions().visit(tree))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            first, last = (lines[min(n, len(lines) - 1)] for n in (node.lineno, node.end_lineno))
            node.lineno, node.end_lineno = first, max(first, last)
    return tree


def is_integer(value):
    dtype = getattr(value, "dtype", None)
    return isinstance(value, int) or bool(re.match(r"u?int|bool", str(getattr(dtype, "name", dtype))))


def divide(a, b, floor=operator.floordiv, true=operator.truediv):
    """Python 2's ``a / b``: the floor of the quotient if both are integers."""
    return (floor if is_integer(a) and is_integer(b) else true)(a, b)


def round_half_away(number, digits=0):
    """Python 2's ``round``: a float, with halves rounded away from zero."""
    scaled = abs(number) * 10.0**digits
    return math.copysign((scaled // 1 + (scaled % 1 >= 0.5)) / 10.0**digits, number)


class BinaryWriter(io.BufferedWriter):
    """File of bytes that also takes text, whose characters are bytes."""

    def write(self, data):
        return super().write(data.encode("latin1") if isinstance(data, str) else data)


def open_file(file, mode="r", *args, **options):
    """Open a file as Python 2 does: with the mode ``U``, and for text that is written as bytes."""
    opened = open(file, mode.replace("U", "") or "r", *args, **options)  # noqa: PTH123, SIM115
    return BinaryWriter(opened.detach()) if isinstance(opened, io.BufferedWriter) else opened


def execute_file(path, *names):
    frame = sys._getframe(1)
    tree = parse_python2(decode_source(Path(path).read_bytes()), path)
    exec(compile_tree(tree, path), *(names or (frame.f_globals, frame.f_locals)))


def print_values(*values, **options):
    """Python 2's ``print``: floats have 12 digits, as NumPy's numbers have while a script runs."""
    old_numpy.print_values(*(np.float64(v) if type(v) is float else v for v in values), **options)


BUILTINS = {
    "__divide__": divide,
    "__divide_in_place__": lambda a, b: divide(a, b, operator.ifloordiv, operator.itruediv),
    "cmp": lambda a, b: (a > b) - (a < b),
    "execfile": execute_file,
    "file": open_file,
    "print": print_values,
    "reload": lambda module: module if module is sys else importlib.reload(module),
    "round": round_half_away,
}
"""Built-in functions of a converted module, its ``__builtins__``."""
