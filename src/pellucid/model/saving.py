"""A model in one file: its graph and values, its layers, what it was compiled for, and how far it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import StorageError
from pellucid.graph.serialization import Reader, Writer
from pellucid.model.functional_graph import Place
from pellucid.nn.layers.call_tracking import is_same
from pellucid.saving.container import read, write
from pellucid.saving.keras_weights import read_keras, write_keras
from pellucid.saving.objects import ObjectReader, ObjectWriter
from pellucid.saving.weights import SUFFIXES, check_suffix, put, read_arrays, write_arrays

if TYPE_CHECKING:
    from pellucid.model.model import Model

KIND = "a model"


def save_model(model: Model, path: Any) -> None:
    """Write a model into one file; see `Model.save`."""
    writer = Writer()
    objects = ObjectWriter(writer)
    root = objects.add(model)
    write(path, KIND, {"graph": writer.data(), "objects": objects.objects, "model": root}, writer.arrays)


def copied(model: Model) -> Model:
    """Return a model that is as this one and shares nothing with it, the user's own code excepted."""
    writer = Writer()
    objects = ObjectWriter(writer)
    root = objects.add(model)
    reader = Reader(writer.data(), writer.arrays)
    found = ObjectReader(objects.objects, reader, objects.custom)
    note_calls(found.made)
    made: Model = found.value(root)
    return made


def note_calls(objects: Sequence[Any]) -> None:
    """Note on expressions which layers wrote them, so that parts of a model that was read make models again."""
    for place in objects:
        if isinstance(place, Place):
            for number, output in place.made.items():
                if not any(is_same(place.call, call) for call, _ in output.calls):
                    output.calls = (*output.calls, (place.call, number))


def save_weights(model: Model, path: Any) -> None:
    """Write the values of a model's parameters; see `Model.save_weights`."""
    file = check_suffix(path)
    if file.suffix in (".keras", ".h5"):
        write_keras(file, model)
    else:
        write_arrays(file, model.paths())


def load_weights(model: Model, path: Any) -> None:
    """Read the values of a model's parameters; see `Model.load_weights`."""
    file = check_suffix(path, (*SUFFIXES, ".pel"))
    if file.suffix in (".keras", ".h5"):
        read_keras(file, model)
    elif file.suffix == ".pel":
        other = load_model(file)
        put(model.paths(), {key: p.get_value() for key, p in other.paths().items()}, file)
    else:
        put(model.paths(), read_arrays(file), file)


def load_model(path: Any, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """Load a model that `Model.save` saved: it predicts the same bits, and goes on training with the same bits.

    Parameters
    ----------
    path : str or path
        The file. It may come from anybody: no code of it is run.
    custom_objects : dict from str to class or function, optional
        Layers, losses and the like of one's own, by their names. Without them the model still predicts, for its graph
        is in the file; it cannot be called on another input or, without its own loss, be trained.

    Returns
    -------
    Model
        Of the class that was saved, compiled as it was.

    Raises
    ------
    StorageError
        For a file that is damaged, foreign, or of a later version, and for an op of one's own that is not there.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="relu"), nn.Dense(1)])
    >>> model.compile("adam", "mse")
    >>> x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    >>> history = model.fit(x, y, epochs=2, verbose=0)
    >>> model.save("line.pel")
    >>> again = pel.load_model("line.pel")
    >>> bool((again.predict(x) == model.predict(x)).all())
    True
    """
    from pellucid.model.model import Model

    data, arrays = read(path, KIND)
    try:
        reader = Reader(data.get("graph"), arrays)
        objects = ObjectReader(data.get("objects"), reader, custom_objects)
        model = objects.value(data.get("model"))
        if not isinstance(model, Model):
            raise StorageError(f"Expected a model. Received: {type(model).__name__}")
        note_calls(objects.made)
    except StorageError as error:
        raise StorageError(f"{path} is not read: {error}") from error
    except RecursionError as error:
        raise StorageError(f"{path} is not read: it holds lists in lists without end") from error
    return model
