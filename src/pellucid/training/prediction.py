"""What a model says of data once it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Input
from pellucid.graph.inference import inference
from pellucid.model.errors import ModelError
from pellucid.run.function_builder import function
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callbacks
from pellucid.training.data_adapter import inputs_of
from pellucid.training.memmap_source import Rows, is_mapped
from pellucid.training.prefetch import is_stream
from pellucid.training.progress_display import passing

if TYPE_CHECKING:
    from pellucid.run.function import Function

Array = np.ndarray[Any, Any]


class Predicting:
    """The side of a `Model` that makes predictions."""

    _predictors: dict[Any, Function]

    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Compute what the model puts out for data, as it is after training.

        Parameters
        ----------
        x : array, or a list or dict of arrays, or an iterable
            As for `fit`; an iterable yields batches ``x``, or tuples that begin with it.
        batch_size : int, optional
            Samples a step, 32 without it; it changes nothing but speed and memory.
        verbose : {"auto", 0, 1, 2}
            Whether a bar is shown, which it is on a terminal or in a notebook for 1 and ``"auto"``.
        steps : int, optional
            How many batches are taken, where not all are.
        callbacks : list of Callback, optional
            Who is told.

        Returns
        -------
        array, or list or dict of arrays, shape (samples, ...)
            One row for every sample; several outputs as the model was given them.

        Raises
        ------
        ModelError, ShapeError
            If the data do not fit the model.
        """
        size = data_validation.positive("batch_size", 32 if batch_size is None else batch_size)
        most = None if steps is None else data_validation.positive("steps", steps)
        told = Callbacks(callbacks, self, {"epochs": 1, "steps": most, "verbose": verbose, "metrics": []})
        told("on_predict_begin", {})
        parts: list[list[Array]] = []
        with passing(verbose, most) as screen:
            for number, arrays in enumerate(self.batches_of(x, size)):
                if number == most:
                    break
                told("on_predict_batch_begin", number, {})
                parts.append(self.predictor([a.dtype for a in arrays])(*arrays))
                told("on_predict_batch_end", number, {"outputs": self.as_given(parts[-1])})
                screen.step(0, number + 1, {})
        if not parts:
            raise ModelError("There is nothing to predict from: the iterator is at its end")
        result = self.as_given([np.concatenate(each) for each in zip(*parts, strict=True)])
        told("on_predict_end", {})
        return result

    def batches_of(self: Any, x: Any, size: int) -> Iterator[list[Array]]:
        """Go through the inputs batch by batch."""
        if is_stream(x):
            for batch in x if hasattr(x, "__iter__") else (x[i] for i in range(len(x))):
                yield inputs_of(self, batch[0] if isinstance(batch, tuple) else batch)
            return
        if is_mapped(x):
            rows = Rows(x)
            for start in range(0, len(rows), size):
                yield inputs_of(self, rows.read([(start, start + size)]).x)
            return
        arrays = inputs_of(self, x)
        for start in range(0, len(arrays[0]), size):
            yield [a[start : start + size] for a in arrays]

    def predict_on_batch(self: Any, x: Any) -> Any:
        """Return what the model puts out for one batch, computed in one step."""
        arrays = inputs_of(self, x)
        return self.as_given(self.predictor([a.dtype for a in arrays])(*arrays))

    def predict_proba(self: Any, x: Any, batch_size: int | None = None) -> Array:
        """Return the probability of every class, of a model whose output is one: a softmax, or a sigmoid.

        Parameters
        ----------
        x, batch_size
            As for `predict`.

        Returns
        -------
        array, shape (samples, classes)
            Two columns where the model has one, that of the second class.

        Raises
        ------
        ModelError
            If what the model puts out are no probabilities.
        """
        p = self.single(self.predict(x, batch_size), "predict_proba")
        if p.size and not (p.min() >= 0 and p.max() <= 1 + 1e-6):
            raise ModelError(
                f"{self.name}: expected probabilities from the last layer. Received: values from {p.min():.4g} to "
                f"{p.max():.4g}; put nn.Activation('softmax') or 'sigmoid' after it"
            )
        return np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p

    def predict_classes(self: Any, x: Any, batch_size: int | None = None) -> Array:
        r"""Return the class of every sample: that of the greatest column, or of one column whether it is above 1/2.

        Parameters
        ----------
        x, batch_size
            As for `predict`.

        Returns
        -------
        array of int, shape (samples,)
            Classes from 0.
        """
        p = self.single(self.predict(x, batch_size), "predict_classes")
        classes: Array = (p[..., 0] > 0.5).astype(np.int64) if p.shape[-1] == 1 else p.argmax(-1)
        return classes

    def single(self: Any, predicted: Any, who: str) -> Array:
        """Return the one output, or say that there are several."""
        if not isinstance(predicted, np.ndarray) or predicted.ndim < 2:
            raise ModelError(
                f"{self.name}: {who} is of one output with columns. Outputs: {', '.join(self.output_names)}"
            )
        return predicted

    def predictor(self: Any, dtypes: Any) -> Function:
        """Return the compiled function from samples of these dtypes to all outputs."""
        key = (tuple(dtypes), tuple(map(id, self.outputs)))
        if key not in self._predictors:
            raw = [Input(e.name, e.shape, dtype) for e, dtype in zip(self.inputs, dtypes, strict=True)]
            cast = {e: r.astype(e.dtype) for e, r in zip(self.inputs, raw, strict=True)}
            self._predictors[key] = function(raw, inference(self.outputs), givens=cast, on_unused_input="ignore")
        made: Function = self._predictors[key]
        return made
