"""``theano.compile.mode``: modes of compilation."""

from pellucid.compat.theano.functions import Mode

FAST_RUN, FAST_COMPILE = Mode(), Mode()


def get_default_mode() -> Mode:
    """The mode of functions that get none."""
    return FAST_RUN


def get_mode(mode: object) -> object:
    """A mode, or the default one for a name."""
    return mode if isinstance(mode, Mode) else FAST_RUN
