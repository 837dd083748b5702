"""``theano.tensor.var``: the classes of variables."""

from pellucid.compat.theano.variables import TensorConstant, TensorSharedVariable, TensorVariable  # noqa: F401
