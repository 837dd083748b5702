"""Python 2 source: how to tell it, its conversion to Python 3 by fissix, and Python 2's built-in functions.

fissix, a maintained copy of lib2to3, converts syntax. Other text stays: a converted module gets Python
2's built-in functions (`BUILTINS`), in which `map` returns a list and `/` of two integers floors. So every line of the
conversion belongs to a line of the original.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import io
import itertools
import re
import sys
import warnings
from pathlib import Path
from types import CodeType
from typing import Any

from pellucid.errors import PellucidError
from pellucid.optional_packages import require_packages

SYNTAX = """dict except exec funcattrs has_key metaclass methodattrs ne next nonzero numliterals print raise repr
sys_exc throw tuple_params types unicode"""
"""Fixers of fissix for what Python 3 cannot read, and for methods of dictionaries and iterators."""

NAMES = """asserts basestring execfile filter future getcwdu import imports intern isinstance itertools
itertools_imports long map operator raw_input reduce reload standarderror unicode urllib xrange xreadlines zip"""
"""Fixers for names, with which a translated script needs no built-in functions of Python 2."""

OLD_BUILTINS = "xrange unicode unichr basestring raw_input long reduce execfile cmp file apply reload intern"
OLD_ATTRIBUTES = "iteritems iterkeys itervalues has_key maxint getcwdu izip imap"
OLD_IMPORTS = """cPickle cStringIO StringIO urllib2 ConfigParser Queue Tkinter __builtin__ urlparse httplib
itertools.izip itertools.imap string.maketrans"""


class ScriptSyntaxError(PellucidError):
    """A script is neither Python 3 nor Python 2."""


def decode_source(data: bytes) -> str:
    """Return source text by its coding line, by default UTF-8; without a coding line, invalid UTF-8 is Latin-1."""
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a\0\n") + "\n"


def parse_python3(source: str, filename: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences
        tree = ast.parse(source, filename)
        compile(tree, filename, "exec", dont_inherit=True)  # some errors of syntax are found here
    return tree


def is_python2(tree: ast.Module) -> bool:
    """Tell whether a module that Python 3 can read uses what only Python 2 has, without handling its absence."""
    handled = {id(node) for t in ast.walk(tree) if isinstance(t, ast.Try) for node in ast.walk(t)}
    bound: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) and id(node) not in handled else bound).add(node.id)
        elif isinstance(node, ast.arg | ast.FunctionDef | ast.ClassDef):
            bound.add(node.arg if isinstance(node, ast.arg) else node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update(alias.asname or alias.name for alias in node.names)
            module = getattr(node, "module", None)
            names = {module, *(f"{module}.{a.name}" for a in node.names)} if module else {a.name for a in node.names}
            if id(node) not in handled and names & set(OLD_IMPORTS.split()):
                return True
        elif (isinstance(node, ast.Attribute) and node.attr in OLD_ATTRIBUTES.split()) or is_old_statement(node):
            return True
    return bool((used - bound) & set(OLD_BUILTINS.split()))


def is_old_statement(node: ast.AST) -> bool:
    """Tell whether Python 3 reads a statement, but it fails or does nothing: a print statement, ``range(n / 2)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return any(isinstance(a, ast.BinOp) and isinstance(a.op, ast.Div) for a in node.args)
    if not isinstance(node, ast.Expr):
        return False
    first: Any = node.value  # print, print >> file, print ("%d") % n, print (1), 2
    is_call = isinstance(first, ast.Call)
    while isinstance(first, ast.Tuple | ast.BinOp) and (isinstance(first, ast.BinOp) or first.elts):
        first = first.left if isinstance(first, ast.BinOp) else first.elts[0]
    first = first.func if isinstance(first, ast.Call) and not is_call else first
    return isinstance(first, ast.Name) and first.id == "print"


def convert(source: str, filename: str, *, names: bool = False, is_local: bool = False) -> tuple[str, list[int]]:
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

    fixers = SYNTAX.split() + (NAMES.split() if names else ["import"] if is_local else [])
    if names and not is_local:
        fixers.remove("import")
    tool = RefactoringTool([f"fissix.fixes.fix_{name}" for name in fixers])
    try:
        tree = tool.refactor_string(expand_tabs(source.rstrip("\n") + "\n"), filename)
    except (ParseError, TokenError, IndentationError) as error:
        place = error.context[1] if isinstance(error, ParseError) else error.args[1]
        raise explain_syntax(source, filename, place[1] if len(place) > 2 else place[0]) from None
    found, line = {1: 1}, 1
    for leaf in tree.leaves():
        line += leaf.prefix.count("\n")
        count = leaf.value.count("\n")
        if leaf.lineno:
            for more in range(count + 1):
                found.setdefault(line + more, leaf.lineno + more)
        line += count
    lines = [1]
    for number in range(1, line + 1):
        lines.append(found.get(number, lines[-1]))
    return str(tree), lines


def expand_tabs(source: str) -> str:
    """Replace tabs in indentation by spaces up to the next multiple of 8, as Python 2 read them."""
    from fissix.pgen2 import token, tokenize

    if "\t" not in source:
        return source
    strings: set[int] = set()
    for kind, _, (first, _), (last, _), _ in tokenize.generate_tokens(io.StringIO(source).readline):
        if kind == token.STRING:
            strings.update(range(first + 1, last + 1))
    lines = source.split("\n")
    for number, line in enumerate(lines, 1):
        if number not in strings:
            lines[number - 1] = re.sub(r"^[ \t]+", lambda found: found[0].expandtabs(8), line)
    return "\n".join(lines)


def explain_syntax(source: str, filename: str, line: int) -> ScriptSyntaxError:
    """Return the error for a line that no version of Python reads."""
    lines = source.split("\n")
    text = lines[line - 1].strip() if line <= len(lines) else ""
    before = next((n for n in range(min(line, len(lines)) - 1, 0, -1) if lines[n - 1].split("#")[0].strip()), 0)
    previous = lines[before - 1] if before else ""
    opens = previous.split("#")[0].rstrip().endswith(":")
    deeper = indent_of(lines[line - 1]) - indent_of(previous) if text and before else 0
    if opens and text and deeper <= 0:
        reason = f"line {before} ends in a colon, so this line must be indented"
    elif deeper and not opens:
        reason = f"invalid syntax, or an indentation that does not fit line {before}: {text}"
    else:
        reason = f"invalid syntax: {text}"
    return ScriptSyntaxError(f"{filename}:{line}: {reason}. The script is neither Python 3 nor Python 2 here")


def indent_of(line: str) -> int:
    return len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())


class _Divisions(ast.NodeTransformer):
    """Replaces ``/`` by calls of `divide`, so that two integers give an integer."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        return ast.copy_location(ast.Call(ast.Name("__divide__", ast.Load()), [node.left, node.right], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        call = ast.Call(ast.Name("__divide_in_place__", ast.Load()), [read, node.value], [])
        return ast.copy_location(ast.Assign([node.target], call), node)


def parse_python2(source: str, filename: str, *, is_local: bool = False) -> ast.Module:
    """Return Python 2 source as a tree of Python 3 with the original line numbers."""
    text, lines = convert(source, filename, is_local=is_local)
    try:
        tree = parse_python3(text, filename)
    except SyntaxError as error:
        line = lines[min(error.lineno or 1, len(lines) - 1)]
        raise explain_syntax(source, filename, line) from None
    has_true_division = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(a.name == "division" for a in node.names)
        for node in tree.body
    )
    if not has_true_division:
        tree = ast.fix_missing_locations(_Divisions().visit(tree))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = lines[min(node.lineno, len(lines) - 1)]
            node.end_lineno = max(lines[min(node.end_lineno or 1, len(lines) - 1)], node.lineno)  # type: ignore[attr-defined]
    return tree


def compile_tree(tree: ast.Module, filename: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(tree, filename, "exec", dont_inherit=True)


def is_integer(value: Any) -> bool:
    if isinstance(value, int):
        return True
    dtype = getattr(value, "dtype", None)
    return bool(re.match(r"u?int|bool", str(getattr(dtype, "name", dtype))))


def divide(a: Any, b: Any) -> Any:
    """Python 2's ``a / b``: the floor of the quotient if both are integers."""
    return a // b if is_integer(a) and is_integer(b) else a / b


def divide_in_place(a: Any, b: Any) -> Any:
    if is_integer(a) and is_integer(b):
        a //= b
    else:
        a /= b
    return a


def list_map(function: Any, *sequences: Any) -> list[Any]:
    rows = itertools.zip_longest(*sequences)
    if function is None:
        return list(rows) if len(sequences) > 1 else list(sequences[0])
    return [function(*row) for row in rows]


def list_filter(function: Any, sequence: Any) -> Any:
    kept = list(filter(function, sequence))
    return "".join(kept) if isinstance(sequence, str) else tuple(kept) if isinstance(sequence, tuple) else kept


def round_half_away(number: Any, digits: int = 0) -> Any:
    """Python 2's ``round``: a float, with halves rounded away from zero."""
    scale = 10.0**digits
    scaled = abs(number) * scale
    whole = scaled // 1
    return (whole + (scaled - whole >= 0.5)) / scale * (1 if number >= 0 else -1)


def execute_file(path: str, namespace: dict[str, Any] | None = None, local: dict[str, Any] | None = None) -> None:
    caller = sys._getframe(1)
    source = decode_source(Path(path).read_bytes())
    code = compile_tree(parse_python2(source, path), path)
    exec(code, caller.f_globals if namespace is None else namespace, local)


def run_source(run: Any, source: Any, names: tuple[Any, ...]) -> Any:
    """Run ``exec`` or ``eval`` on Python 2 source, in the names of the caller of the caller unless some are given."""
    frame = sys._getframe(2)
    if isinstance(source, str):
        tree: Any = parse_python2(source.strip() if run is eval else source, "<string>")
        if run is eval:
            tree = ast.Expression(tree.body[0].value)
        source = compile(tree, "<string>", run.__name__, dont_inherit=True)
    return run(source, *(names or (frame.f_globals, frame.f_locals)))


def sort_values(values: Any, cmp: Any = None, key: Any = None, reverse: bool = False) -> list[Any]:
    if cmp is None:
        return sorted(values, key=key, reverse=reverse)
    compare = functools.cmp_to_key(cmp)
    return sorted(values, key=lambda value: compare(key(value) if key else value), reverse=reverse)


BUILTINS: dict[str, Any] = {
    **vars(builtins),
    "__divide__": divide,
    "__divide_in_place__": divide_in_place,
    "StandardError": Exception,
    "apply": lambda function, args=(), keywords=None: function(*args, **(keywords or {})),
    "basestring": str,
    "buffer": memoryview,
    "cmp": lambda a, b: (a > b) - (a < b),
    "eval": lambda source, *names: run_source(eval, source, names),
    "exec": lambda source, *names: run_source(exec, source, names),
    "execfile": execute_file,
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
