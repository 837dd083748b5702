"""pellucid: deep learning you can see through.

Public names are imported when they are first used, so that ``import pellucid`` and the command line start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid import extension_points
from pellucid.version import __version__ as __version__

_NAMES_BY_MODULE = {
    "pellucid.course.checker": ["check_answer"],
    "pellucid.graph.composite": ["composite"],
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
        "StorageWarning",
        "TrainingWarning",
        "UseError",
        "WrongGradientError",
        "WrongOpError",
    ],
    "pellucid.graph.derivatives": ["hessian", "hessian_vector_product", "jacobian", "jvp", "vjp"],
    "pellucid.graph.expr": ["Constant", "Expr", "Input", "Shared", "constant"],
    "pellucid.graph.gradient": ["grad"],
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
    "pellucid.graph.op_decorator": ["op"],
    "pellucid.graph.passes": ["collect_updates", "inference"],
    "pellucid.graph.decomposition": ["expand"],
    "pellucid.graph.rewriter": ["Journal", "simplify"],
    "pellucid.graph.rewrite_rule": ["phases", "rule"],
    "pellucid.graph.gradient_check": ["verify_grad"],
    "pellucid.graph.mixed_precision": ["mixed_precision"],
    "pellucid.graph.substitution": ["replace"],
    "pellucid.graph.traversal": ["ancestors", "parameters"],
    "pellucid.inspect.diagnostics": ["diagnose"],
    "pellucid.inspect.explain": ["explain"],
    "pellucid.interop.estimators.classifier": ["Classifier"],
    "pellucid.interop.estimators.regressor": ["Regressor"],
    "pellucid.interop.onnx.errors": ["OnnxError"],
    "pellucid.interop.pytorch.state_dict": ["load_state_dict"],
    "pellucid.interop.onnx.exporter": ["to_onnx"],
    "pellucid.interop.onnx.importer": ["from_onnx"],
    "pellucid.inspect.source_export": ["from_toml", "to_source"],
    "pellucid.inspect.equivalence": ["check_equivalence"],
    "pellucid.live.lab": ["lab"],
    "pellucid.model.model": ["Model", "clone_model", "load_model"],
    "pellucid.training.run_comparison": ["compare"],
    "pellucid.model.errors": ["ModelError"],
    "pellucid.inspect.cross_framework": ["compare_with"],
    "pellucid.model.sequential": ["Sequential"],
    "pellucid.training.sweeps.sweep": ["sweep"],
    "pellucid.optional_packages": ["MissingPackageError"],
    "pellucid.run.vmap": ["vmap"],
    "pellucid.run.wasm.errors": ["MissingCompilerError", "WasmCompilerError"],
    "pellucid.run.function_builder": ["function"],
    "pellucid.run.op_check": ["check_op"],
    "pellucid.nn.lint": ["lint"],
    "pellucid.graph.range_checks": ["check_ranges"],
    "pellucid.graph.value_ranges": ["infer_range"],
    "pellucid.run.function": ["Function"],
    "pellucid.run.interrupts": ["Interrupted"],
    "pellucid.saving.expressions": ["load", "save"],
    "pellucid.show.derivations.derive": ["derive"],
    "pellucid.show.formulas.formula": ["formula"],
    "pellucid.run.from_jax": ["from_jax"],
    "pellucid.show.formulas.tex": ["latex"],
    "pellucid.show.graphs.graph_drawing": ["mermaid"],
    "pellucid.show.why.element_arithmetic": ["why"],
    "pellucid.show.costs.costs": ["cost"],
    "pellucid.show.sources.numpy_script": ["source"],
    "pellucid.show.graphs.tree": ["tree"],
    "pellucid.graph.naming": ["named"],
    "pellucid.graph.printing": ["text"],
}
_SUBMODULES = {
    "byhand": "pellucid.byhand",
    "callbacks": "pellucid.training.callbacks",
    "course": "pellucid.course",
    "data": "pellucid.data",
    "distribution": "pellucid.run.distributed.distribution",
    "linalg": "pellucid.graph.linalg",
    "live": "pellucid.live",
    "losses": "pellucid.nn.losses",
    "nn": "pellucid.nn",
    "optimizers": "pellucid.nn.optimizers",
    "pictures": "pellucid.inspect.pictures",
    "random": "pellucid.graph.ops.random",
    "schedules": "pellucid.nn.schedules",
    "show": "pellucid.show",
    "tensorboard": "pellucid.interop.tensorboard",
    "typing": "pellucid.typing",
}
_SEARCHED = ("pellucid.nn", "pellucid.data", "pellucid.show", "pellucid.graph.linalg", "pellucid.graph.ops.random")
"""Modules whose functions `_suggest_module` finds."""
_MODULE_BY_NAME = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

_EXTENSIONS: dict[str, list[extension_points.Extension[Any, Any]]] = {
    "pellucid.graph.printing": [extension_points.expression_text, extension_points.op_text],
    "pellucid.graph.serialization.pickling": [extension_points.expression_copy, extension_points.expression_reduction],
    "pellucid.inspect.explain.model_expressions": [
        extension_points.model_expressions,
        extension_points.model_latex,
    ],
    "pellucid.inspect.explain.renderers": [extension_points.optimizer_html, extension_points.optimizer_latex],
    "pellucid.run.distributed.divided_state": [extension_points.gathered_value],
    "pellucid.run.expression_eval": [extension_points.expression_value],
    "pellucid.show.pages.html_style": [extension_points.result_html],
    "pellucid.show.pages.notebook": [
        extension_points.expression_html,
        extension_points.expression_latex,
        extension_points.function_html,
    ],
    "pellucid.show.rewriting.rewrite_log": [extension_points.journal_html, extension_points.journal_text],
    "pellucid.show.rewriting.rewrite_log_check": [extension_points.journal_check],
}
for _module, _provided in _EXTENSIONS.items():
    for _extension in _provided:
        _extension.declare_provider(_module)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    if name in _SUBMODULES:
        found: Any = import_module(_SUBMODULES[name])
    elif name in _MODULE_BY_NAME:
        found = getattr(import_module(_MODULE_BY_NAME[name]), name)
    else:
        found = _get_function(name)
        if not found.__module__.startswith("pellucid."):
            return found  # not cached, because a custom op can be replaced
    globals()[name] = found
    return found


def _get_function(name: str) -> Any:
    """Return the array function with this name, or raise NoSuchNameError."""
    functions = import_module("pellucid.graph").FUNCTIONS
    if name in functions:
        return functions[name]
    explain = import_module("pellucid.graph.unsupported_functions").explain_missing_function
    no_such_name = import_module("pellucid.graph.errors").NoSuchNameError
    hint = _suggest_module(name) or explain(name, [*functions, *_MODULE_BY_NAME, *_SUBMODULES])
    raise no_such_name(f"pellucid has no {name!r}.{hint}")


def _suggest_module(name: str) -> str:
    """Return a sentence, after a space, on the module in which a misplaced name exists; otherwise an empty string."""
    for part in (*_SUBMODULES, "nn.activations", "nn.metrics", "nn.initializers", "nn.regularizers"):
        found = getattr(import_module(f"pellucid.{part}" if part.startswith("nn.") else _SUBMODULES[part]), name, None)
        if callable(found) and name[0] != "_" and found.__module__.startswith(_SEARCHED):
            return f" It is pel.{part}.{name}."
    return ""


def __dir__() -> list[str]:
    is_internal = import_module("pellucid.graph.op_decorator").is_internal
    functions = [
        name for name, function in import_module("pellucid.graph").FUNCTIONS.items() if not is_internal(function)
    ]
    return sorted({"__version__", *_MODULE_BY_NAME, *_SUBMODULES, *functions})
