"""Errors of models."""

from __future__ import annotations

from pellucid.graph.errors import PellucidError


class ModelError(PellucidError, ValueError):
    """A model is not ready for the requested operation, or the data do not fit it.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)], name="line")
    >>> try:
    ...     model.fit(np.ones((4, 2)), np.ones(4))
    ... except pel.ModelError as error:
    ...     print(str(error).split(". ")[0])
    line is not compiled
    """


ModelError.__module__ = "pellucid"  # the public home, which tracebacks show
