"""What a model opens into: formulas, programs of other levels, twins in other frameworks, and files."""

from __future__ import annotations

from typing import Any

from pellucid.model.errors import ModelError
from pellucid.model.saving import load_weights, save_model, save_weights


class Opened:
    """The side of a `Model` that others look at."""

    def explain(self: Any) -> Any:
        """Return the model as the formulas it is, with its loss, its update and what inference changes; see `explain`.

        Returns
        -------
        Explanation
            Printed as text, shown as mathematics in a notebook, saved by ``save("model.html")``.
        """
        from pellucid.inspect.explain import explain

        return explain(self)

    def peel(self: Any, level: str | int, x: Any = None, y: Any = None, **options: Any) -> str:
        """Return the same network as a program of another level; see `pellucid.peel`, which takes the same."""
        from pellucid.inspect.source_export import peel

        return peel(self, level, x, y, **options)

    def verify(self: Any, against: str = "keras", x: Any = None, y: Any = None, **options: Any) -> Any:
        """Compare with the same network in another framework; see `pellucid.verify`, which takes the same."""
        from pellucid.inspect.cross_framework import verify

        return verify(self, against, x, y, **options)

    def save(self: Any, path: Any) -> None:
        """Save the model in one file, from which `pellucid.load_model` makes it again.

        The file holds the graph, all values, the layers with their settings and names, what the model was compiled for,
        what the optimizer remembers, the states of random streams, and the history. It holds no code.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.pel"``. The file is a safetensors file; an older one is replaced once the new one is whole.

        Raises
        ------
        StorageError
            For what cannot be written, such as an op that is not registered. No file is written then.
        """
        save_model(self, path)

    def export(self: Any, path: Any, format: str = "onnx", *, description: str = "") -> None:
        """Write what the model predicts with as a file for other programs; see `pellucid.to_onnx`.

        Parameters
        ----------
        path : str or path
            Such as ``"cats.onnx"`` or ``"cats.keras"``. An older file is replaced once the new one is whole.
        format : {"onnx", "keras"}
            Which kind of file. Keras opens its own by ``keras.saving.load_model``; it is written of a `Sequential` of
            layers that Keras has, too, and needs h5py.
        description : str
            What an ONNX file says of itself.

        Raises
        ------
        ModelError
            For another format, a model that is not built, or one that Keras has no layers for.
        OnnxError
            For a part that ONNX cannot express.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3)])
        >>> model.export("line.onnx")
        >>> pel.from_onnx("line.onnx").parameters
        {'dense/kernel': dense/kernel, 'dense/bias': dense/bias}
        """
        from pellucid.interop.onnx.exporter import to_onnx

        if format == "keras":
            if description:
                raise ModelError("description is for ONNX files. A file of Keras's holds none")
            from pellucid.model.keras_file import export_keras

            export_keras(self, path)
            return
        if format != "onnx":
            raise ModelError(f"{self.name}: expected format='onnx' or 'keras'. Received: {format!r}")
        to_onnx(self, path, description=description)

    def save_weights(self: Any, path: Any) -> None:
        """Save the values of all parameters, without the model.

        Parameters
        ----------
        path : str or path
            How it ends says what file it is: ``.npz`` and ``.safetensors`` hold arrays by the paths of the parameters,
            such as ``"dense_1/kernel"``; ``.weights.h5`` and ``.keras`` are for ``load_weights`` of the same model in
            Keras 3, and need h5py. An older file is replaced once the new one is whole.

        Raises
        ------
        ValueError
            For another ending.
        ModelError
            If the model is not built.
        """
        self.connections  # noqa: B018
        save_weights(self, path)

    def load_weights(self: Any, path: Any) -> None:
        """Load the values of all parameters, which a model of the same layers saved, in pellucid or in Keras 3.

        Parameters
        ----------
        path : str or path
            A file as `save_weights` writes them, a ``.keras`` file, or the ``.pel`` file of a model.

        Raises
        ------
        StorageError
            For a file that is damaged or foreign, and for values that do not fit: the layer, the shape it has and the
            shape in the file are named. All parameters are as before then.
        ModelError
            If the model is not built.

        Examples
        --------
        >>> from pellucid import nn
        >>> one, other = (pel.Sequential([nn.Input((2,)), nn.Dense(3)]) for _ in range(2))
        >>> one.save_weights("line.npz")
        >>> other.load_weights("line.npz")
        >>> bool((other.get_weights()[0] == one.get_weights()[0]).all())
        True
        """
        self.connections  # noqa: B018
        load_weights(self, path)
