"""Expressions in a file."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import StorageError
from pellucid.graph.serialization import from_data, to_data
from pellucid.saving.container import read, write

KIND = "expressions"


def save(path: Any, outputs: Any) -> None:
    """Save expressions in one file, with the values of their shared variables; the code that built them is not needed.

    Parameters
    ----------
    path : str or path
        Such as ``"loss.pel"``. The file is a safetensors file; an older one is replaced once the new one is whole.
    outputs : Expr, or a list, tuple or dict of them
        In any nesting. The keys of a dict are texts or, as those of updates, expressions.

    Raises
    ------
    StorageError
        For what cannot be written, such as an op that is not registered. No file is written then.

    Examples
    --------
    >>> x, w = pel.vector("x", shape=("n",)), pel.shared(2.0, "w")
    >>> loss = pel.tanh(w * x).sum()
    >>> pel.save("loss.pel", {"x": x, "loss": loss, "updates": pel.optimizers.SGD(0.5).updates(loss)})
    >>> found = pel.load("loss.pel")
    >>> found["loss"]
    tanh(w * x).sum()
    >>> step = pel.function([found["x"]], found["loss"], updates=found["updates"])
    """
    data, arrays = to_data(outputs)
    write(path, KIND, {"graph": data}, arrays)


def load(path: Any) -> Any:
    """Load what `save` saved: new inputs and shared variables, and the same expressions of them.

    Parameters
    ----------
    path : str or path
        A file that `save` wrote. It may come from anybody: no code of it is run.

    Returns
    -------
    Expr, or a list, tuple or dict of them
        In the form in which they were given to `save`.

    Raises
    ------
    StorageError
        For a file that is damaged, foreign, or of a later version, and for an op of one's own that is not there.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> pel.save("formula.pel", pel.tanh(pel.vector("x")) + 1)
    >>> pel.load("formula.pel")
    tanh(x) + 1
    """
    data, arrays = read(path, KIND)
    try:
        return from_data(data.get("graph"), arrays)
    except StorageError as error:
        raise StorageError(f"{path} is not read: {error}") from error
