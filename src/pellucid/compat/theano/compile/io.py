"""``theano.compile.io``: inputs and outputs of functions."""

from pellucid.compat.theano.functions import In, Out  # noqa: F401
