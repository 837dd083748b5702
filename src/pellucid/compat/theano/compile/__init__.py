"""``theano.compile``: functions and their inputs."""

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.compile import debugmode, io, mode, nanguardmode  # noqa: F401
from pellucid.compat.theano.compile.debugmode import DebugMode  # noqa: F401
from pellucid.compat.theano.compile.nanguardmode import NanGuardMode  # noqa: F401
from pellucid.compat.theano.functions import (  # noqa: F401
    In,
    MissingInputError,
    Mode,
    MonitorMode,
    Out,
    Param,
    UnusedInputError,
    function,
    shared,
)
from pellucid.compat.theano.variables import SharedVariable  # noqa: F401

add_missing_name_errors(globals(), "theano.compile")
