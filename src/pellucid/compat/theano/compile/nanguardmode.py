"""``theano.compile.nanguardmode``: a mode that stops at NaN and infinity."""


class NanGuardMode:
    """Mode ``"guard"`` of `pellucid.function`, which checks for NaN and infinity."""

    def __init__(self, nan_is_error: bool = True, inf_is_error: bool = True, big_is_error: bool = True) -> None:
        self.nan_is_error = nan_is_error
