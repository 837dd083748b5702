"""Functions that formulas may call, and their parameters."""

from __future__ import annotations

PARAMETERS: dict[str, list[str]] = {
    name: parameters.split()
    for names, parameters in {
        "exp expm1 log log1p sqrt tanh sin cos abs sign square sigmoid relu": "x",
        "maximum minimum dot outer kron matmul": "x y",
        "sum mean max min logsumexp argmax": "x axis=None keepdims=False",
        "softmax log_softmax": "x axis=-1",
        "zeros ones": "shape",
        "zeros_like ones_like len": "x",
        "where": "condition x y",
        "transpose": "x axes=None",
        "reshape": "x shape",
        "flip": "x axis=None",
        "pad": "x pad_width",
        "arange": "start stop=None step=1",
        "eye": "n",
        "one_hot": "x num_classes",
        "correlate": "x kernel",
    }.items()
    for name in names.split()
}
"""Names of parameters by function, with the default after ``=``. Names tell the kind of argument: ``axis`` and ``axes``
are whole numbers in the text, ``keepdims`` is True or False, ``shape`` and ``pad_width`` are whole numbers or tuples of
them, ``start``, ``stop``, ``step``, ``n`` and ``num_classes`` are whole numbers, and all others are arrays."""

ALIASES = {"absolute": "abs", "amax": "max", "amin": "min"}
MODULES = ("np", "numpy", "pel")

USUAL_NAMES = {
    "ln": "log",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "onehot": "one_hot",
    "correlate2d": "correlate",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
}
"""What other notations call functions and operators of formulas."""
