"""``theano.tensor.sharedvar``: the class of shared variables."""

from pellucid.compat.theano.variables import TensorSharedVariable  # noqa: F401
