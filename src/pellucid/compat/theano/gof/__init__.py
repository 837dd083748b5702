"""``theano.gof``: classes of graphs."""

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.gof import graph  # noqa: F401
from pellucid.compat.theano.variables import Apply, Variable  # noqa: F401
from pellucid.compat.theano.variables import TensorConstant as Constant  # noqa: F401

add_missing_name_errors(globals(), "theano.gof")
