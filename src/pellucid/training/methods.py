"""What a model does with data: it is fitted and evaluated, on arrays, on batches that are streamed, or on one batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError
from pellucid.nn.random_seed import as_seed, next_seed
from pellucid.run.device_selection import chosen_devices
from pellucid.run.distributed.process_group import num_processes, process_id
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callbacks
from pellucid.training.callbacks.history import History
from pellucid.training.compilation import Compiled
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.data_source import Source, data_of, over, split
from pellucid.training.fit_loop import Plan, Training, measured
from pellucid.training.iterator_source import Streamed
from pellucid.training.metric_accumulator import Tally
from pellucid.training.prediction import Predicting
from pellucid.training.prefetch import is_stream
from pellucid.training.progress_display import written
from pellucid.training.train_step import Objective

BATCH = 32
"""Samples a step, where nothing is said."""


class Trainable(Compiled, Predicting):
    """The side of a `Model` that meets data."""

    def fit(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, Any] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
        *,
        seed: int | None = None,
        devices: Any = None,
    ) -> History:
        """Train on data. Those in memory are walked by compiled loops of many steps, every epoch in a new order.

        They stay on the device as they are, bytes as bytes, and each batch is cast where it is used. Batches from an
        iterable are fetched in the background while the device computes, and run several at once.

        What lies in a file that is mapped into memory (``np.load(path, mmap_mode="r")``, `numpy.memmap`) and is large
        is read piece by piece, so that memory does not grow with it. An epoch then takes blocks of rows that lie
        together in a new order, and mixes the rows of many blocks; that is another order than that of data in memory.

        Parameters
        ----------
        x : array, or a list or dict of arrays, or an iterable
            Finite numbers, samples along the first axis; float64 is rounded to the model's float32. A list or dict is
            for several inputs. An iterable yields batches ``(x, y)`` or ``(x, y, sample_weight)``.
        y : array, or a list or dict of arrays
            What is wanted: labels (integers), or columns of real numbers; None where ``x`` is an iterable.
        batch_size : int, optional
            Samples a step, 32 without it. What is left over makes a last, smaller step.
        epochs : int
            The number of the last epoch, counted from 1.
        verbose : {"auto", 0, 1, 2}
            0 shows nothing, 1 a bar with a line an epoch, 2 one line an epoch; ``"auto"`` is 1 on a terminal or in a
            notebook and 0 elsewhere.
        callbacks : list of Callback, optional
            Who is told of what happens; see `pellucid.callbacks`.
        validation_split : float
            The share of the samples, from their end, that is only measured after each epoch.
        validation_data : (x, y), (x, y, sample_weight) or iterable, optional
            Other samples that are only measured.
        shuffle : bool
            Whether each epoch has an order of its own.
        class_weight : dict from int to float, optional
            What samples weigh by their class; 1 for a class that is left out. For several outputs, dicts by name.
        sample_weight : array, or a list or dict of arrays, optional
            What each sample weighs in the loss and in the weighted metrics.
        initial_epoch : int
            How many epochs were done before, by a run of the same seed; it goes on as if it had never stopped.
        steps_per_epoch : int, optional
            How many batches make an epoch, where not all are to be met or an iterator has no end.
        validation_steps : int, optional
            The same of the validation data.
        validation_batch_size : int, optional
            Samples a step of validation, ``batch_size`` without it; it changes nothing but speed.
        validation_freq : int or collection of int
            After every how many epochs it is validated, or after which ones, counted from 1.
        seed : int, optional
            Of the orders; without it one that follows from `pellucid.nn.set_random_seed`.
        devices : "all", int or list, optional
            Those that divide every batch among them: all of this machine, so many, or those of these numbers or names
            (`pellucid.distribution.list_devices`). The numbers are those of one device, up to rounding. Without it
            one, and all where `pellucid.distribution` brought processes together; each of them chooses alike.

        Returns
        -------
        History
            The loss and metrics of every epoch, means over the samples as they were met while training; those of the
            validation data, after it, begin with ``"val_"``.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it; nothing was trained then.
        DistributionError
            If a device or another process is lost; it names the snapshot from which the same script goes on.
        Interrupted
            On Ctrl-C, a `KeyboardInterrupt`: weights stay as they are by then, and `history` has the finished epochs.

        Warns
        -----
        TrainingWarning
            Once, if the loss is no longer a number; and if an iterator ends before the last epoch.
        """
        self.goal  # noqa: B018  (says that the model is not compiled)
        size = data_validation.positive("batch_size", BATCH if batch_size is None else batch_size)
        plan = Plan(
            data_validation.positive("epochs", epochs),
            data_validation.whole("initial_epoch", initial_epoch),
            next_seed() if seed is None else as_seed(seed),
            verbose,
            data_validation.frequency(validation_freq),
        )
        steps = None if steps_per_epoch is None else data_validation.positive("steps_per_epoch", steps_per_epoch)
        devices, held_out = devices_to_fit(devices), None
        if is_stream(x):
            refuse_beside_stream(y=y, sample_weight=sample_weight, validation_split=validation_split or None)
            source: Source = Streamed(self, x, True, steps, class_weight, devices=devices)
        else:
            data, held_out = split(data_of(self, x, y, sample_weight, class_weight), validation_split)
            source = over(self, data, size, True, steps, bool(shuffle), devices)
        if held_out is not None and validation_data is not None:
            raise ModelError("Give either validation_split or validation_data. Received: both")
        validation = None
        measured_size = data_validation.positive("validation_batch_size", validation_batch_size or size)
        if held_out is not None:
            validation = over(self, held_out, measured_size, False, validation_steps, devices=devices)
        elif validation_data is not None:
            validation = self.validation_source(validation_data, measured_size, validation_steps, devices)
        return Training(self, plan, source, validation, callbacks).train()

    def validation_source(self: Any, data: Any, size: int, steps: int | None, devices: Any) -> Source:
        """Return what to validate on."""
        if is_stream(data):
            return Streamed(self, data, False, steps, prefix="validation ", devices=devices)
        if not isinstance(data, (list, tuple)) or len(data) not in (2, 3):
            raise ModelError(
                "Expected validation_data to be a pair (x, y), or (x, y, sample_weight), or an iterable of batches. "
                f"Received: {type(data).__name__}"
            )
        x, y, w = (*data, None)[:3]
        return over(self, data_of(self, x, y, w, prefix="validation "), size, False, steps, devices=devices)

    def evaluate(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        *,
        devices: Any = None,
    ) -> Any:
        """Measure the loss and the metrics on data, as the model is after training.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        batch_size : int, optional
            Samples a step, 32 without it; it changes nothing but speed.
        verbose : {0, 1, 2}
            Whether the measures are printed.
        steps : int, optional
            How many batches are measured, where not all are.
        callbacks : list of Callback, optional
            Who is told.
        return_dict : bool
            Whether the measures are returned by name.
        devices : "all", int or list, optional
            Those that divide every batch among them, as for `fit`; without it one, in every process.

        Returns
        -------
        list of float, float or dict
            The loss and the metrics, means over the samples; the loss alone where there are no metrics.

        Raises
        ------
        ModelError, ShapeError
            If the model is not compiled, or the data do not fit it.
        """
        size = data_validation.positive("batch_size", BATCH if batch_size is None else batch_size)
        if is_stream(x):
            refuse_beside_stream(y=y, sample_weight=sample_weight)
            source: Source = Streamed(self, x, False, steps, devices=devices)
        else:
            source = over(self, data_of(self, x, y, sample_weight), size, False, steps, devices=devices)
        params = {"epochs": 1, "steps": source.steps, "verbose": verbose, "metrics": list(source.measures)}
        with source.held():
            measures = measured(source, Callbacks(callbacks, self, params))
        if verbose and not process_id():
            print(written(measures))
        return as_asked(measures, return_dict)

    def train_on_batch(
        self: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Make one step of training on one batch, and return its loss and metrics, as they were before the step.

        Parameters are those of `fit`; nothing is shuffled, and no callback is called.
        """
        samples = samples_of(self, x, y, sample_weight, class_weight)
        measures = one_batch(self.objective(samples), samples, training=True)
        self.run.step += 1
        return as_asked(measures, return_dict)

    def test_on_batch(self: Any, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Return the loss and the metrics of one batch, as the model is after training; see `evaluate`."""
        samples = samples_of(self, x, y, sample_weight)
        return as_asked(one_batch(self.objective(samples), samples, training=False), return_dict)


def devices_to_fit(devices: Any) -> Any:
    """Return which devices train, once it is sure that there are such: all, where several processes are together."""
    asked = "all" if devices is None and num_processes() > 1 else devices
    chosen_devices(asked)
    return asked


def one_batch(objective: Objective, samples: Samples, training: bool) -> dict[str, Any]:
    """Run one step over a batch that is handed in."""
    flow = objective.flow([a.dtype for a in samples.arrays], training)
    tally = Tally(objective.measured(training))
    for outputs in flow.steps([a[None] for a in samples.arrays], 1):
        tally.add(outputs, np.array([len(samples)]))
    return tally.results()


def as_asked(measures: dict[str, Any], by_name: bool) -> Any:
    """Return measures by name, or in a list, or the loss alone where there is nothing else."""
    if by_name:
        return measures
    return list(measures.values()) if len(measures) > 1 else measures["loss"]


def refuse_beside_stream(**given: Any) -> None:
    """Refuse what an iterable of batches brings by itself."""
    for name, value in given.items():
        if value is not None:
            raise OptionError(
                f"x yields batches (x, y) or (x, y, sample_weight), so {name} cannot be given beside it. "
                f"Received: {name} of type {type(value).__name__}"
            )
