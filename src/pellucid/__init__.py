"""pellucid: deep learning you can see through.

The public names, each imported when it is first used, so that ``import pellucid`` and the command line start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid import extensions

__version__ = "0.1.0"

_HOMES = {
    "pellucid.graph.composite": ["compound"],
    "pellucid.graph.config": ["config"],
    "pellucid.graph.errors": [
        "DisconnectedError",
        "DistributionError",
        "DtypeError",
        "GradientError",
        "InputError",
        "LinAlgError",
        "NoSuchNameError",
        "NonFiniteError",
        "OptionError",
        "PellucidError",
        "PrecisionWarning",
        "RewriteError",
        "ShapeError",
        "StateError",
        "StorageError",
        "UseError",
        "WrongGradientError",
        "WrongOpError",
    ],
    "pellucid.graph.derivatives": ["hessian_vector_product", "jvp", "vjp"],
    "pellucid.graph.expr": ["Constant", "Expr", "Input", "Shared", "constant"],
    "pellucid.graph.gradient": ["grad"],
    "pellucid.graph.inference": ["inference"],
    "pellucid.graph.inputs": [
        "imatrix",
        "iscalar",
        "ivector",
        "matrix",
        "scalar",
        "shared",
        "tensor",
        "tensor3",
        "tensor4",
        "vector",
    ],
    "pellucid.graph.jacobians": ["hessian", "jacobian"],
    "pellucid.graph.op": ["op"],
    "pellucid.graph.decomposition": ["expand"],
    "pellucid.graph.pass_pipeline": ["phases"],
    "pellucid.graph.rewriter": ["Journal", "simplify"],
    "pellucid.graph.rewrite_rule": ["rule"],
    "pellucid.graph.gradient_check": ["verify_grad"],
    "pellucid.graph.mixed_precision": ["mixed_precision"],
    "pellucid.graph.state_updates": ["updates_of"],
    "pellucid.graph.substitution": ["replace"],
    "pellucid.graph.traversal": ["ancestors", "parameters"],
    "pellucid.inspect.diagnostics": ["diagnose"],
    "pellucid.inspect.explain": ["explain"],
    "pellucid.interop.estimators.classifier": ["Classifier"],
    "pellucid.interop.estimators.regressor": ["Regressor"],
    "pellucid.interop.onnx.errors": ["OnnxError"],
    "pellucid.interop.onnx.exporter": ["to_onnx"],
    "pellucid.interop.onnx.importer": ["from_onnx"],
    "pellucid.inspect.source_export": ["from_toml", "to_source"],
    "pellucid.inspect.equivalence": ["check_equivalence"],
    "pellucid.model.model": ["Model", "clone_model", "load_model"],
    "pellucid.training.run_diff": ["compare"],
    "pellucid.model.errors": ["ModelError", "TrainingWarning"],
    "pellucid.inspect.cross_framework": ["compare_with"],
    "pellucid.model.sequential": ["Sequential"],
    "pellucid.training.sweeps.sweep": ["sweep"],
    "pellucid.run.batched": ["batched"],
    "pellucid.run.function_builder": ["function"],
    "pellucid.run.op_check": ["check_op"],
    "pellucid.nn.lint": ["lint"],
    "pellucid.run.function": ["Function"],
    "pellucid.run.interrupts": ["Interrupted"],
    "pellucid.saving.expressions": ["load", "save"],
    "pellucid.show.derive": ["derive"],
    "pellucid.show.formula": ["formula"],
    "pellucid.run.from_jax": ["from_jax"],
    "pellucid.show.tex": ["latex"],
    "pellucid.show.mermaid": ["mermaid"],
    "pellucid.show.why": ["why"],
    "pellucid.show.costs": ["cost"],
    "pellucid.show.numpy_script": ["source"],
    "pellucid.show.tree": ["tree"],
    "pellucid.graph.labels": ["named"],
    "pellucid.graph.printing": ["text"],
}
_MODULES = {
    "byhand": "pellucid.byhand",
    "callbacks": "pellucid.training.callbacks",
    "data": "pellucid.data",
    "distribution": "pellucid.run.distributed.distribution",
    "linalg": "pellucid.graph.linalg",
    "losses": "pellucid.nn.losses",
    "nn": "pellucid.nn",
    "optimizers": "pellucid.nn.optimizers",
    "pictures": "pellucid.inspect.pictures",
    "random": "pellucid.graph.ops.random",
    "schedules": "pellucid.nn.schedules",
    "show": "pellucid.show",
    "tensorboard": "pellucid.interop.tensorboard",
}
_PARTS = ("pellucid.nn", "pellucid.data", "pellucid.show", "pellucid.graph.linalg", "pellucid.graph.ops.random")
"""Where what is found by a name of its own lies."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

_PROVIDERS: dict[str, list[extensions.Extension[Any, Any]]] = {
    "pellucid.graph.printing": [extensions.expression_text, extensions.op_text],
    "pellucid.inspect.explain.renderers": [extensions.optimizer_html, extensions.optimizer_latex],
    "pellucid.run.expression_eval": [extensions.expression_value],
    "pellucid.show.notebook": [
        extensions.expression_html,
        extensions.expression_latex,
        extensions.function_html,
    ],
    "pellucid.show.rewrite_log": [extensions.journal_html, extensions.journal_text],
    "pellucid.show.rewrite_log_check": [extensions.journal_check],
}
for _module, _provided in _PROVIDERS.items():
    for _extension in _provided:
        _extension.declare_provider(_module)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    if name in _MODULES:
        found: Any = import_module(_MODULES[name])
    elif name in _HOME_OF:
        found = getattr(import_module(_HOME_OF[name]), name)
    else:
        found = _function(name)
        if not found.__module__.startswith("pellucid."):
            return found  # a user's op, in whose place another may be put
    globals()[name] = found
    return found


def _function(name: str) -> Any:
    """Return the function on expressions of this name."""
    functions = import_module("pellucid.graph").FUNCTIONS
    if name in functions:
        return functions[name]
    explain = import_module("pellucid.graph.unsupported").explain_missing_function
    no_such_name = import_module("pellucid.graph.errors").NoSuchNameError
    hint = _elsewhere(name) or explain(name, [*functions, *_HOME_OF, *_MODULES])
    raise no_such_name(f"pellucid has no {name!r}.{hint}")


def _elsewhere(name: str) -> str:
    """Return a sentence that begins with a space: in which part of pellucid there is something of this name."""
    for part in (*_MODULES, "nn.activations", "nn.metrics", "nn.initializers", "nn.regularizers"):
        found = getattr(import_module(f"pellucid.{part}" if part.startswith("nn.") else _MODULES[part]), name, None)
        if callable(found) and name[0] != "_" and found.__module__.startswith(_PARTS):
            return f" It is pel.{part}.{name}."
    return ""


def __dir__() -> list[str]:
    return sorted({"__version__", *_HOME_OF, *_MODULES, *import_module("pellucid.graph").FUNCTIONS})
