"""Inventory of all public names: operations, functions, classes, methods, types, modules and commands."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

import numpy as np

from pellucid.errors import NoSuchNameError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import OPS, Op
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.optional_packages import MissingPackageError

Kind = Literal["operation", "function", "class", "error", "method", "property", "type", "object", "module", "command"]

OPERATIONS = {
    "Elementwise functions": "elementwise exponentials trigonometry hyperbolic rounding signs where logic",
    "Activations and gradient control": "activations softmax gradient_transforms masking train_eval",
    "Normalization and attention": "normalization batch_normalization attention",
    "Special functions": "gamma gamma_ratios stirling_remainders special",
    "Reductions, cumulative sums and sorting": "reductions statistics cumulative sorting",
    "Products, systems and decompositions": "matmul outer_products einsum linear_solve determinants cofactors norms "
    "triangular",
    "Shapes and axes": "reshape permute concatenate split repeat padding",
    "Array creation": "creation ranges",
    "Indexing": "indexing indexed_update nonzero",
    "Convolution, pooling and images": "convolution conv_transpose pooling patches resize affine_transform",
    "Control flow": "scan while_loops cond",
}
"""Sections of operations on expressions, each with its modules of `graph/ops` in order."""

INTERNAL = "Internal operations"

PACKAGES = {
    "optional_packages": "Errors and warnings",
    "graph": "Expressions and gradients",
    "run": "Compiled functions",
    "show": "Formulas and costs",
    "model": "Models",
    "training": "Models",
    "saving": "Models",
    "inspect": "Inspection of models",
    "nn": "Inspection of models",
    "interop": "Other libraries",
    "live": "Live figures",
    "course": "Course",
}
"""Section of the names that `pellucid` itself has, by the package that defines them."""

ERRORS = "Errors and warnings"

MODULES = {
    "nn": "Layers",
    "nn.layers": "Layers",
    "nn.activations": "Activations",
    "nn.initializers": "Initializers",
    "nn.regularizers": "Regularizers",
    "nn.constraints": "Constraints",
    "losses": "Losses",
    "nn.metrics": "Metrics",
    "optimizers": "Optimizers",
    "schedules": "Learning rate schedules",
    "callbacks": "Callbacks",
    "data": "Data",
    "random": "Random numbers",
    "linalg": "Linear algebra",
    "show": "Formulas and costs",
    "pictures": "Pictures of models",
    "live": "Live figures",
    "live.examples": "Live figures",
    "byhand": "Networks in NumPy",
    "byhand.adder": "Networks in NumPy",
    "byhand.convolution": "Networks in NumPy",
    "byhand.logistic": "Networks in NumPy",
    "byhand.moons": "Networks in NumPy",
    "course": "Course",
    "course.figures": "Course",
    "course.pictures": "Course",
    "tensorboard": "Other libraries",
    "distribution": "Several processes",
    "typing": "Types of arguments",
}
"""Modules with public names, by their public spelling, and the section of each."""

COMMANDS = "Commands"

SECTIONS = tuple(
    dict.fromkeys(["Models", *MODULES.values(), *PACKAGES.values(), *OPERATIONS, COMMANDS, ERRORS, INTERNAL])
)

METHODS = {
    "Model": "compile fit evaluate predict predict_proba predict_classes train_on_batch test_on_batch predict_on_batch "
    "save save_weights load_weights export to_page to_source summary explain compare_with get_layer layers inputs "
    "outputs parameters trainable_parameters optimizer symbolic_loss",
    "Sequential": "add pop",
    "Expr": "shape dtype ndim type origin settings unlabeled eval",
    "Shared": "get_value set_value",
    "Function": "repeat over values copy profile as_jax backend journal compile_seconds",
    "Journal": "check",
    "Layer": "build call parameter add_sublayer parameters trainable regularization get_weights set_weights clone",
    "Optimizer": "updates apply step get_slot learning_rate steps_made",
    "Schedule": "formula to_expression",
    "Loss": "call mask",
    "Metric": "updates compute update_state result reset_state to_streaming",
    "Initializer": "draw",
    "Normalization": "adapt",
    "History": "at branch table to_csv",
    "Callback": "batch_interval set_model set_params get_state set_state on_train_begin on_train_end on_epoch_begin "
    "on_epoch_end on_train_batch_begin on_train_batch_end on_test_begin on_test_end on_test_batch_begin "
    "on_test_batch_end on_predict_begin on_predict_end on_predict_batch_begin on_predict_batch_end",
    "Generator": "seed get_state set_state spawn random uniform standard_normal normal truncated_normal exponential "
    "gumbel laplace bernoulli integers categorical permutation shuffle choice dropout",
    "Classifier": "fit partial_fit predict predict_proba",
    "Regressor": "fit partial_fit predict",
    "Figure": "save to_html",
    "Picture": "png save",
    "Table": "strings numbers dates infer_kind is_numeric is_date column_index select_rows",
    "Cost": "operations bytes elements moved seconds predict table",
    "Machine": "seconds",
    "EventWriter": "scalar scalars histogram image figure text graph hyperparameters flush close",
    "Exercise": "check",
    "CodeExercise": "check",
}
"""Methods and properties of the main classes that users call or override."""


@dataclass(eq=False)
class PublicName:
    """A public name.

    Attributes
    ----------
    name : str
        Public spelling: ``pel.nn.Dense``, ``pel.Model.fit`` or ``pellucid train``.
    kind : str
        ``"operation"``, ``"function"``, ``"class"``, ``"error"``, ``"method"``, ``"property"``, ``"type"`` (an alias),
        ``"object"``, ``"module"`` or ``"command"``.
    object : object
        What the name refers to.
    section : str
        Title of its section in the reference.
    family : str
        Title of its part of the section.
    aliases : list of str
        Other spellings, also those of NumPy functions that accept expressions.
    owner : PublicName or None
        The class of a method.
    """

    name: str
    kind: Kind
    object: Any
    section: str
    family: str
    aliases: list[str] = field(default_factory=list)
    owner: PublicName | None = None

    @property
    def short_name(self) -> str:
        """The last part of the name, such as ``Dense``."""
        return self.name.replace(" ", ".").rpartition(".")[2]

    @property
    def op(self) -> Op | None:
        """The op of an operation; functions that combine several ops have none."""
        return OPS.get(self.short_name) if self.kind == "operation" else None

    @property
    def module(self) -> str:
        return get_module(self.object)


@functools.cache
def list_public_names() -> Mapping[str, PublicName]:
    """Return all public names, by their main spelling.

    Examples
    --------
    >>> names = list_public_names()
    >>> names["pel.nn.Dense"].section, names["pel.tanh"].aliases
    ('Layers', ['np.tanh', 'pel.nn.activations.tanh', '"tanh"'])
    """
    found: dict[str, PublicName] = {}
    known: dict[int, PublicName] = {}

    def add(entry: PublicName) -> None:
        main = entry if entry.kind == "type" else known.setdefault(id(entry.object), entry)
        if main is entry:
            found[entry.name] = entry
        else:
            main.aliases += [a for a in (entry.name, *entry.aliases) if a not in (main.name, *main.aliases)]

    for entry in (*list_operations(), *list_package_names(), *list_module_names(), *list_commands()):
        add(entry)
    for entry in list(found.values()):
        for method in list_methods(entry):
            found[method.name] = method
    return found


def list_operations() -> Iterator[PublicName]:
    names: dict[Callable[..., Any], list[str]] = {}
    for name, function in FUNCTIONS.items():
        if is_built_in(function):
            names.setdefault(function, []).append(name)
    sections = {module: title for title, modules in OPERATIONS.items() for module in modules.split()}
    for function, spelled in names.items():
        # The name in the code is the main name; the others are aliases.
        main = next((n for n in spelled if n == function.__name__.rstrip("_")), spelled[0])
        internal = main in OPS and OPS[main].behind
        module = function.__module__.rpartition(".")[2]
        yield PublicName(
            f"pel.{main}",
            "operation",
            function,
            INTERNAL if internal else sections[module],
            make_title(module),
            list_operation_aliases(main, spelled),
        )


def list_operation_aliases(main: str, spelled: list[str]) -> list[str]:
    """Return other names of a function: of pellucid, of methods, and of NumPy functions that accept expressions."""
    dispatches = isinstance(getattr(np, main, None), np.ufunc | type(np.concatenate))
    return [
        *(f"pel.{other}" for other in spelled if other != main),
        *([f"x.{main}"] if callable(getattr(Expr, main, None)) else []),
        *([f"np.{main}"] if dispatches else []),
    ]


def list_package_names() -> Iterator[PublicName]:
    """Yield the names that `pellucid` has besides operations and modules, except those whose packages are missing."""
    for home, names in sys.modules["pellucid"]._NAMES_BY_MODULE.items():
        section = PACKAGES[home.split(".")[1]]
        with suppress(MissingPackageError):
            module = import_module(home)
            for name in names:
                yield make_public_name(f"pel.{name}", getattr(module, name), section, home)


def list_module_names() -> Iterator[PublicName]:
    """Yield the modules with public names, and their names."""
    public = {spelled: get_public_module(spelled) for spelled in MODULES}
    for spelled, module in public.items():
        yield PublicName(f"pel.{spelled}", "module", module, MODULES[spelled], make_title(spelled))
    for spelled, module in public.items():
        strings: dict[int, list[str]] = {}  # that `compile` and layers accept
        for string, value in getattr(module, "NAMED", {}).items():
            strings.setdefault(id(value), []).append(f'"{string}"')
        for name in module.__all__:
            entry = make_public_name(f"pel.{spelled}.{name}", getattr(module, name), MODULES[spelled], f"pel.{spelled}")
            entry.aliases += strings.get(id(entry.object), [])
            if entry.kind != "module" or entry.object in public.values():
                yield entry


def get_public_module(spelled: str) -> ModuleType:
    """Return a module by its public spelling, such as ``nn.losses``."""
    found: Any = sys.modules["pellucid"]
    for part in spelled.split("."):
        found = getattr(found, part)
    assert isinstance(found, ModuleType)
    return found


def list_commands() -> Iterator[PublicName]:
    app = import_module("pellucid.cli.app").app
    for name in app:
        if not name.startswith("-"):
            yield PublicName(f"pellucid {name}", "command", app[name].default_command, COMMANDS, "")


def list_methods(entry: PublicName) -> Iterator[PublicName]:
    """Yield the documented methods and properties of a class."""
    if not inspect.isclass(entry.object):
        return
    for name in METHODS.get(entry.short_name, "").split():
        value = inspect.getattr_static(entry.object, name)
        kind: Kind = "method" if callable(getattr(value, "__func__", value)) else "property"
        yield PublicName(f"{entry.name}.{name}", kind, value, entry.section, entry.family, owner=entry)


def make_public_name(name: str, value: Any, section: str, home: str) -> PublicName:
    kind = get_kind(value)
    if kind == "error":
        return PublicName(name, kind, value, ERRORS, "")
    module = get_module(value) if kind in ("class", "function") else home
    return PublicName(name, kind, value, section, make_title(module))


def get_kind(value: Any) -> Kind:
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value) and issubclass(value, BaseException):
        return "error"
    if inspect.isclass(value) and not hasattr(value, "__origin__"):
        return "class"
    if inspect.isfunction(inspect.unwrap(value)):
        return "function"
    return "object" if type(value).__module__.startswith("pellucid.") else "type"


def get_module(value: Any) -> str:
    """Return the module that defines a value; that of a property is the module of its getter."""
    value = getattr(value, "fget", None) or value
    return str(getattr(value, "__module__", None) or getattr(value, "__name__", "") or type(value).__module__)


def make_title(module: str) -> str:
    return module.rpartition(".")[2].replace("_", " ").capitalize()


def find_public_names(name: str) -> list[PublicName]:
    """Return the public names that a spelling refers to.

    Parameters
    ----------
    name : str
        A name or alias, with or without its first parts: ``pel.nn.Dense``, ``nn.Dense``, ``Dense``, ``np.tanh``,
        ``Model.fit``, ``pellucid train`` or ``train``. Methods may be those of a class that inherits them.

    Returns
    -------
    list of PublicName
        Several, if several names end like this and none is complete.

    Raises
    ------
    NoSuchNameError
        If there is none. The message suggests a similar name.
    MissingPackageError
        If the name needs a package that is not installed.

    Examples
    --------
    >>> [entry.name for spelled in ("Sequential.fit", "train", "Hinge") for entry in find_public_names(spelled)]
    ['pel.Model.fit', 'pellucid train', 'pel.losses.Hinge', 'pel.nn.metrics.Hinge']
    """
    found = find_candidates(name)
    if not found:
        getattr(sys.modules["pellucid"], name.removeprefix("pel."), None)  # raises MissingPackageError
        known = [*index_endings(), *(alias.strip('"') for alias in index_spellings())]
        hint = near_miss(name.removeprefix("pel."), known) or " Run `pellucid reference` for a list."
        raise NoSuchNameError(f"The reference has no {name!r}.{hint}")
    return found


def find_candidates(name: str) -> list[PublicName]:
    """Return the names that a spelling may refer to: the complete names, or else those that end with it."""
    complete, endings = index_spellings(), index_endings()
    name = name.removeprefix("pellucid.")
    if name.startswith("pel.") and name not in complete:
        name = name.removeprefix("pel.")
    for spelled in (name, f"pel.{name}", f"pel.nn.{name}", f"np.{name}", f"pellucid {name}", f'"{name}"'):
        if spelled in complete:
            return [complete[spelled]]
    return endings.get(name) or find_inherited(name) or find_in_renamed_module(name)


@functools.cache
def index_spellings() -> Mapping[str, PublicName]:
    names = list_public_names()
    return {alias: entry for entry in names.values() for alias in entry.aliases} | dict(names)


@functools.cache
def index_endings() -> Mapping[str, list[PublicName]]:
    """Return the public names by each ending of their main spelling, such as ``nn.Dense`` and ``Dense``."""
    found: dict[str, list[PublicName]] = {}
    for name, entry in list_public_names().items():
        parts = name.replace(" ", ".").split(".")
        for start in range(1, len(parts)):
            found.setdefault(".".join(parts[start:]), []).append(entry)
    return found


def find_inherited(name: str) -> list[PublicName]:
    """Return the method of a base class that a name such as ``Sequential.fit`` refers to."""
    owner, _, method = name.rpartition(".")
    classes = [entry.object for entry in find_candidates(owner)] if owner else []
    names = list_public_names().values()
    bases = [base for c in classes if inspect.isclass(c) for base in c.__mro__]
    return [e for base in bases for e in names if e.owner and e.owner.object is base and e.short_name == method][:1]


def find_in_renamed_module(name: str) -> list[PublicName]:
    """Return the name in a module that has several spellings: ``nn.optimizers.Adam`` is ``pel.optimizers.Adam``."""
    module, _, last = name.rpartition(".")
    entry = index_spellings().get(f"pel.{module}")
    return find_candidates(f"{entry.name}.{last}") if entry and entry.name != f"pel.{module}" else []
