"""``theano.tensor.sort``."""

from pellucid.compat.theano.tensor.basic import argsort, sort  # noqa: F401
