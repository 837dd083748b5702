"""Everything there is to say of an op or a function, gathered from the registry: what a reference is made of."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph import linalg
from pellucid.graph.errors import near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import is_built_in
from pellucid.graph.op_def import OPS, Op
from pellucid.graph.operators import FUNCTIONS
from pellucid.graph.types import KINDS
from pellucid.show.reference_docstring import Described, Docstring, read
from pellucid.show.reference_symbols import Letters, on_letters

Function = Callable[..., Any]

CHAPTERS = {
    "Every element": "elementwise exponentials trigonometry hyperbolic rounding signs choosing logic bits",
    "Named functions of neural networks": "neural stable gradients removable masking stages",
    "Normalization and attention": "normalization batch_normalization attention",
    "Special functions": "gaussian special",
    "Along axes": "reductions statistics cumulative sorting quantiles",
    "Linear algebra": "linear products contractions einsum systems determinants norms triangles",
    "Shapes and orders": "shapes axes arranging joining splitting repeating repetition padding",
    "Creation": "creation ranges positions",
    "Parts and places": "indexing at places selecting",
    "Windows": "convolution convolution_gradients transposed pooling average_pooling patches resizing",
    "Random numbers": "random draws",
    "Loops and branches": "loops recurrence folds while_loops branches",
}
"""The families, each a file of `graph/ops`, in the order of a textbook; a family that is not named here comes last."""


@dataclass
class Entry:
    """What the reference says of one function.

    Attributes
    ----------
    name, signature : str
        How it is called; ``pel.`` stands before the name.
    module : str
        The module that it is written in.
    doc : Docstring
        What its docstring says.
    aliases : list of str
        Under which other names, as which method, and as which function of NumPy it is reached.
    behind : str
        The function that a person calls in its place.
    helpers : list of str
        The ops that stand behind it.
    letters : Letters
        For an op: its formula, gradient and cost on letters.
    gradient : str
        In words, where there are no letters for it.
    accepts, gives : str
        Dtypes.
    members : list of (str, str)
        The methods of a class, and what each does.
    """

    name: str
    signature: str
    module: str
    doc: Docstring
    aliases: list[str] = field(default_factory=list)
    behind: str = ""
    helpers: list[str] = field(default_factory=list)
    letters: Letters = field(default_factory=Letters)
    gradient: str = ""
    accepts: str = ""
    gives: str = ""
    cost: str = ""
    members: list[Described] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """What a link to it ends in."""
        return f"pel.{self.name}"

    @property
    def family(self) -> str:
        """The file that it is written in."""
        return self.module.rpartition(".")[2]


@dataclass
class Family:
    """The functions of one file, and the sentence that introduces them."""

    name: str
    introduction: str
    entries: list[Entry]

    @property
    def title(self) -> str:
        """Its name as a heading."""
        return self.name.replace("_", " ").capitalize()


def entry_of(name: str, names: list[str]) -> Entry:
    """Gather what is known of a function on expressions."""
    function, op = FUNCTIONS[name], OPS.get(name)
    doc = read(function.__doc__)
    entry = Entry(name, signature_of(function), function.__module__, doc, other_names(name, names))
    if op is None:
        entry.gradient = "through the ops it is written in."
        return entry
    entry.behind, entry.letters = op.behind, on_letters(op)
    entry.gradient, entry.cost = entry.letters.why, entry.letters.cost
    entry.accepts = accepted(op)
    entry.gives = "" if entry.letters.gives in ("", "f") else KINDS[entry.letters.gives]
    return entry


def signature_of(function: Function) -> str:
    """Write the arguments of a function, without their types."""
    signature = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def other_names(name: str, names: list[str]) -> list[str]:
    """Return under which other names a function is reached: pellucid's, those of methods, NumPy's."""
    found = [f"pel.{other}" for other in names if other != name]
    found += [f"pel.linalg.{name}"] if name in linalg.__all__ and getattr(linalg, name) is FUNCTIONS[name] else []
    found += [f"x.{name}"] if callable(getattr(Expr, name, None)) else []
    return found + ([f"np.{name}"] if asks_its_operands(getattr(np, name, None)) else [])


def asks_its_operands(function: Any) -> bool:
    """Tell whether a function of NumPy leaves the work to operands that know better, as expressions do."""
    return isinstance(function, np.ufunc | type(np.concatenate))


def accepted(op: Op) -> str:
    """Say what dtypes an op takes."""
    if op.floats:
        return "real numbers; integers and booleans are made real numbers of `config.floatx`"
    if op.accepts == "biuf":
        return "all"
    return " and ".join(dict.fromkeys(KINDS[k] for k in op.accepts))


def entries() -> dict[str, Entry]:
    r"""Return an entry for every op and public function of pellucid, by name.

    Examples
    --------
    >>> print(*entries()["tanh"].letters.gradients)
    \bar{x} = \bar{y} \odot \left(1 - y^2\right)
    """
    names: dict[Function, list[str]] = {}
    for name, function in FUNCTIONS.items():
        if is_built_in(function):
            names.setdefault(function, []).append(name)
    # The name in the code is the function's own; the others are further names.
    own = {f: next((n for n in told if n == f.__name__.rstrip("_")), told[0]) for f, told in names.items()}
    found = {name: entry_of(name, names[function]) for function, name in own.items()}
    for name, entry in found.items():
        if entry.behind in found:
            found[entry.behind].helpers.append(name)
    return found


def families(found: Mapping[str, Entry]) -> dict[str, list[Family]]:
    """Return the families of every chapter, with the entries that a person may call by name."""
    by_family: dict[str, list[Entry]] = {}
    for entry in found.values():
        if not entry.behind:
            by_family.setdefault(entry.family, []).append(entry)
    chapters = {title: [n for n in names.split() if n in by_family] for title, names in CHAPTERS.items()}
    named = {n for names in chapters.values() for n in names}
    chapters["Further functions"] = [n for n in by_family if n not in named]
    return {
        title: [Family(n, introduction(by_family[n][0].module), by_family[n]) for n in names]
        for title, names in chapters.items()
        if names
    }


def behind(found: Mapping[str, Entry]) -> list[Entry]:
    """Return the ops that are not called by name but stand behind the functions."""
    return [entry for entry in found.values() if entry.behind]


def introduction(module: str) -> str:
    """Return the first paragraph of a module's docstring."""
    return read(sys.modules[module].__doc__).sentence


def class_or_function(name: str, what: Any) -> Entry:
    """Gather what is known of a public name that is no function on expressions."""
    entry = Entry(name, signature_of(what), what.__module__, read(what.__doc__))
    if inspect.isclass(what):
        for key, member in vars(what).items():
            said = inspect.getdoc(member) if callable(member) or isinstance(member, property) else None
            if said and not key.startswith("_"):
                arguments = "" if isinstance(member, property) else signature_of(member).replace("(self, ", "(")
                entry.members.append(Described(key, arguments.replace("(self)", "()"), read(said).sentence))
    return entry


def further(homes: Mapping[str, list[str]]) -> dict[str, Entry]:
    """Return an entry for every name of these modules that can be called and is no error."""
    found: dict[str, Entry] = {}
    for home, names in homes.items():
        module = importlib.import_module(home)
        for name in names:
            what = getattr(module, name.rpartition(".")[2])
            error = inspect.isclass(what) and issubclass(what, (Exception, Warning))
            if callable(what) and not error:
                found[name] = class_or_function(name, what)
    return found


def entry_named(name: str, found: Mapping[str, Entry]) -> Entry:
    """Find an entry by its name or another one of it.

    Raises
    ------
    KeyError
        If there is none; the nearest is named.
    """
    wanted = name.removeprefix("pel.").removeprefix("np.")
    by_alias = {a.removeprefix("pel."): e for e in found.values() for a in e.aliases}
    entry = found.get(wanted) or by_alias.get(wanted)
    if entry is None:
        hint = near_miss(wanted, [*found, *by_alias])
        raise KeyError(f"the reference has no {name!r}.{hint or ' It lists all it has without a name'}")
    return entry
