"""Python 2 source: how to tell it, its conversion to Python 3 by fissix, and Python 2's built-in functions.

fissix, a maintained copy of lib2to3, converts syntax. Other text stays: a converted module gets Python
2's built-in functions (`BUILTINS`), in which `map` returns a list and `/` of two integers floors. So every line of the
conversion belongs to a line of the original.
"""

import ast
import builtins
import functools
import importlib
import io
import itertools
import math
import operator
import re
import sys
import tokenize
import warnings
from pathlib import Path

from pellucid.errors import PellucidError
from pellucid.optional_packages import require_packages

SYNTAX = """dict except exec funcattrs has_key metaclass methodattrs ne next nonzero numliterals print raise repr
sys_exc throw tuple_params types unicode"""
"""Fixers of fissix for what Python 3 cannot read, and for methods of dictionaries and iterators."""

NAMES = """asserts basestring execfile filter future getcwdu imports intern isinstance itertools itertools_imports long
map operator raw_input reduce reload standarderror urllib xrange xreadlines zip"""
"""Fixers for names, with which a translated script needs no built-in functions of Python 2."""

OLD_WORDS = set(
    """xrange unicode unichr basestring raw_input long reduce execfile cmp file apply reload intern .iteritems .iterkeys
    .itervalues .has_key .maxint .getcwdu .izip .imap cPickle cStringIO StringIO urllib2 ConfigParser Queue Tkinter
    __builtin__ urlparse httplib itertools.izip itertools.imap string.maketrans""".split()
)
"""Names, attributes and modules that only Python 2 has."""


class ScriptSyntaxError(PellucidError):
    """A script is neither Python 3 nor Python 2."""


def decode_source(data):
    """Return source text by its coding line, by default UTF-8; without a coding line, invalid UTF-8 is Latin-1."""
    try:
        text = data.decode(tokenize.detect_encoding(io.BytesIO(data).readline)[0])
    except (SyntaxError, UnicodeDecodeError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a\0\n") + "\n"


def compile_tree(source, filename, mode="exec"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences
        return compile(source, filename, mode, dont_inherit=True)


def parse_python3(source, filename):
    compile_tree(source, filename)  # finds some errors of syntax that the parser does not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, filename)


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
                module = getattr(node, "module", None)
                bound.update(a.asname or a.name for a in names)
                if id(node) not in handled and OLD_WORDS & {
                    module,
                    *(f"{module}.{a.name}" if module else a.name for a in names),
                }:
                    return True
            case ast.Call(func=ast.Name(id="range")):  # range(n / 2) fails in Python 3
                if any(isinstance(a, ast.BinOp) and isinstance(a.op, ast.Div) for a in node.args):
                    return True
            case ast.Expr(value=value) if not isinstance(value, ast.Call):  # print, print >>f, 1, print ("%d") % n
                if re.match(r"\(*print\b", ast.unparse(value)):
                    return True
    return bool((used - bound) & OLD_WORDS)


def convert(source, filename, *, names=False, is_local=False):
    """Convert Python 2 source with fissix.

    Parameters
    ----------
    source, filename : str
        The source, and its file for errors.
    names : bool, optional
        Whether to convert names too, such as ``xrange``, which otherwise come from `BUILTINS`.
    is_local : bool, optional
        Whether the module is part of a package, in which ``import sibling`` means ``from . import sibling``.

    Returns
    -------
    str, list of int
        The converted source, and the original line of each of its lines.
    """
    with require_packages("Python 2 source"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
        from fissix.refactor import RefactoringTool

    fixers = [*SYNTAX.split(), *(NAMES.split() if names else []), *["import"] * is_local]
    tool = RefactoringTool([f"fissix.fixes.fix_{name}" for name in fixers])
    # Tabs in indentation reach to the next multiple of 8; those in strings of several lines stay.
    tabs = re.compile(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|^[ \t]+', re.MULTILINE)
    source = tabs.sub(lambda found: found[0] if found[0].strip() else found[0].expandtabs(8), source)
    try:
        tree = tool.refactor_string(source.rstrip("\n") + "\n", filename)
    except (ParseError, TokenError, IndentationError) as error:
        place = error.context[1] if isinstance(error, ParseError) else error.args[1]
        raise explain_syntax(source, filename, place[1] if len(place) > 2 else place[0]) from None
    known, line = {}, 1
    for leaf in tree.leaves():
        line += leaf.prefix.count("\n")
        for more in range(leaf.value.count("\n") + 1 if leaf.lineno else 0):
            known.setdefault(line + more, leaf.lineno + more)
        line += leaf.value.count("\n")
    lines = [1]
    for number in range(1, line + 1):
        lines.append(known.get(number, lines[-1]))
    return str(tree), lines


def explain_syntax(source, filename, line):
    """Return the error for a line that no version of Python reads."""
    lines = ["", *source.split("\n"), ""]
    text = lines[line].strip()
    before = max((n for n in range(1, line) if lines[n].split("#")[0].strip()), default=0)
    deeper = len(re.match(" *", lines[line])[0]) - len(re.match(" *", lines[before])[0]) if text and before else 0
    opens = lines[before].split("#")[0].rstrip().endswith(":")
    reason = f"invalid syntax: {text}"
    if opens and text and deeper <= 0:
        reason = f"line {before} ends in a colon, so this line must be indented"
    elif deeper and not opens:
        reason = f"invalid syntax, or an indentation that does not fit line {before}: {text}"
    return ScriptSyntaxError(f"{filename}:{line}: {reason}. The script is neither Python 3 nor Python 2 here")


class _Divisions(ast.NodeTransformer):
    """Replaces ``/`` by calls of `divide`, so that two integers give an integer."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        return self.divide("__divide__", node, node.left, node.right) if isinstance(node.op, ast.Div) else node

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        call = self.divide("__divide_in_place__", node, read, node.value)
        return ast.copy_location(ast.Assign([node.target], call), node)

    def divide(self, function, node, *operands):
        return ast.copy_location(ast.Call(ast.Name(function, ast.Load()), [*operands], []), node)


def parse_python2(source, filename, *, is_local=False):
    """Return Python 2 source as a tree of Python 3 with the original line numbers."""
    text, lines = convert(source, filename, is_local=is_local)
    try:
        tree = parse_python3(text, filename)
    except SyntaxError as error:
        raise explain_syntax(source, filename, lines[min(error.lineno or 1, len(lines) - 1)]) from None
    future = [a.name for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__" for a in n.names]
    if "division" not in future:
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


def list_map(function, *sequences):
    rows = itertools.zip_longest(*sequences)
    if function is None:
        return [row if len(sequences) > 1 else row[0] for row in rows]
    return [function(*row) for row in rows]


def list_filter(function, sequence):
    kept = list(filter(function, sequence))
    return "".join(kept) if isinstance(sequence, str) else tuple(kept) if isinstance(sequence, tuple) else kept


def round_half_away(number, digits=0):
    """Python 2's ``round``: a float, with halves rounded away from zero."""
    scaled = abs(number) * 10.0**digits
    return math.copysign((scaled // 1 + (scaled % 1 >= 0.5)) / 10.0**digits, number)


def run_source(run, source, names, filename="<string>"):
    """Run ``exec`` or ``eval`` on Python 2 source, in the names of the caller of the caller unless some are given."""
    frame = sys._getframe(2)
    if isinstance(source, str):
        tree = parse_python2(source.strip() if run is eval else source, filename)
        source = compile_tree(ast.Expression(tree.body[0].value) if run is eval else tree, filename, run.__name__)
    return run(source, *(names or (frame.f_globals, frame.f_locals)))


def sort_values(values, cmp=None, key=None, reverse=False):
    if cmp is not None:
        compare, get = functools.cmp_to_key(cmp), key or (lambda value: value)
        return sorted(values, key=lambda value: compare(get(value)), reverse=reverse)
    return sorted(values, key=key, reverse=reverse)


BUILTINS = {
    **vars(builtins),
    "__divide__": divide,
    "__divide_in_place__": functools.partial(divide, floor=operator.ifloordiv, true=operator.itruediv),
    "StandardError": Exception,
    "apply": lambda function, args=(), keywords=None: function(*args, **(keywords or {})),
    "basestring": str,
    "buffer": memoryview,
    "cmp": lambda a, b: (a > b) - (a < b),
    "eval": lambda source, *names: run_source(eval, source, names),
    "exec": lambda source, *names: run_source(exec, source, names),
    "execfile": lambda path, *names: run_source(exec, decode_source(Path(path).read_bytes()), names, path),
    "file": open,
    "filter": list_filter,
    "input": lambda prompt="": run_source(eval, input(prompt), ()),
    "intern": sys.intern,
    "long": int,
    "map": list_map,
    "range": lambda *bounds: list(range(*bounds)),
    "raw_input": input,
    "reduce": functools.reduce,
    "reload": lambda module: module if module is sys else importlib.reload(module),
    "round": round_half_away,
    "sorted": sort_values,
    "unichr": chr,
    "unicode": str,
    "xrange": range,
    "zip": lambda *sequences: list(zip(*sequences, strict=False)),
}
"""Built-in functions of Python 2, given to converted modules as their ``__builtins__``."""
