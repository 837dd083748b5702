"""`save` and `load` for expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.graph.errors import StorageError
from pellucid.graph.expr import Expr
from pellucid.graph.serialization import from_data, to_data
from pellucid.saving.container import read_container, write_container
from pellucid.typing import FilePath
from pellucid.untrusted_files.reading import report_damage

KIND = "expressions"


def save(path: FilePath, outputs: Expr | Sequence[Expr] | Mapping[str, Expr]) -> None:
    """Save expressions and the values of their shared variables in one file.

    Loading the file does not need the code that built the expressions.

    Parameters
    ----------
    path : str or path
        Such as ``"loss.pel"``. The file is a safetensors file. An existing file is replaced atomically.
    outputs : Expr, or a list, tuple or dict of them
        Nested in any way. The keys of a dict are strings or, as those of updates, expressions.

    Raises
    ------
    StorageError
        If something cannot be saved, such as an op that is not registered. No file is written then.

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
    write_container(path, KIND, {"graph": data}, arrays)


def load(path: FilePath) -> Any:
    """Load expressions that `save` wrote; inputs and shared variables are new ones.

    Parameters
    ----------
    path : str or path
        A file that `save` wrote. The file may be untrusted: loading runs no code from it.

    Returns
    -------
    Expr, or a list, tuple or dict of them
        In the structure that was given to `save`.

    Raises
    ------
    StorageError
        If the file is damaged, of another program or of a later format, or if a custom op is not registered.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> pel.save("formula.pel", pel.tanh(pel.vector("x")) + 1)
    >>> pel.load("formula.pel")
    tanh(x) + 1
    """
    data, arrays = read_container(path, KIND)
    with report_damage(StorageError, f"Cannot read {path}"):
        return from_data(data.get("graph"), arrays)
