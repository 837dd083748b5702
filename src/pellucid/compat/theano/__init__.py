"""Theano 1.0 on expressions of pellucid."""

from __future__ import annotations

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano import compile, gof, gpuarray, gradient, ifelse, printing, sandbox, scan_module, tensor  # noqa: F401
from pellucid.compat.theano.configuration import config  # noqa: F401
from pellucid.compat.theano.functions import In, Mode, Out, Param, function, shared  # noqa: F401
from pellucid.compat.theano.gradient import Lop, Rop, grad  # noqa: F401
from pellucid.compat.theano.printing import debugprint, pp, pprint  # noqa: F401
from pellucid.compat.theano.scan_module import clone, foldl, foldr, map, reduce, scan  # noqa: F401
from pellucid.compat.theano.tensor.basic import dot  # noqa: F401
from pellucid.compat.theano.variables import SharedVariable, TensorType, Variable  # noqa: F401
from pellucid.compat.theano.variables import TensorConstant as Constant  # noqa: F401

dprint = debugprint
__version__ = "1.0.5"
version = __version__
add_missing_name_errors(globals(), "theano")
