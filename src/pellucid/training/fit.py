"""Training and evaluation of a model: `fit`, `evaluate` and single batches."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import TrainingWarning
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.traversal import topological
from pellucid.graph.validation import check_integer, check_optional_integer
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.random_seed import draw_seed, validate_seed
from pellucid.run.device_selection import Placement, check_placement
from pellucid.run.distributed.divided_state import gather_values
from pellucid.run.distributed.process_group import num_processes, process_id
from pellucid.training.callbacks.base import CallbackList
from pellucid.training.callbacks.history import History
from pellucid.training.callbacks.keras_hooks import as_callback_list
from pellucid.training.data_adapter import make_dataset, make_sources
from pellucid.training.data_sources.columns import Parts, is_column_choice
from pellucid.training.data_sources.kinds import describe, is_array
from pellucid.training.data_sources.opening import is_sample_list
from pellucid.training.epoch_program import BatchSource
from pellucid.training.fit_loop import FitConfig, FitLoop, evaluate_source
from pellucid.training.iterator_source import DEFAULT_BATCH_SIZE
from pellucid.training.loop_progress import MetricAccumulator, MetricValue
from pellucid.training.train_step import get_train_step
from pellucid.training.training_lock import lock_for_training, with_model_reserved
from pellucid.typing import Batches, ClassWeights, Devices, Shard, Values, Verbosity

if TYPE_CHECKING:
    from pellucid.training.callbacks.base import Callback


@with_model_reserved
def fit(
    model: ModelLike,
    x: Values | Batches | None,
    y: Values | None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Verbosity = "auto",
    callbacks: Callback | Iterable[Callback] | None = None,
    validation_split: float = 0.0,
    validation_data: tuple[Values, ...] | Batches | None = None,
    shuffle: bool = True,
    class_weight: ClassWeights | None = None,
    sample_weight: Values | None = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Collection[int] = 1,
    seed: int | None = None,
    devices: Devices = None,
    shard: Shard = None,
) -> History:
    """Train a model; see `Model.fit`."""
    _ = model.compile_config  # raises if the model is not compiled
    batch_size = check_optional_integer("batch_size", batch_size, None)
    validation_batch_size = check_optional_integer("validation_batch_size", validation_batch_size, None)
    config = FitConfig(
        check_integer("epochs", epochs),
        check_integer("initial_epoch", initial_epoch, minimum=0),
        draw_seed() if seed is None else validate_seed(seed),
        verbose,
        check_validation_freq(validation_freq),
    )
    validation_steps = check_optional_integer("validation_steps", validation_steps, None)
    placement = resolve_placement(devices, shard)
    source, validation = make_sources(
        model,
        x,
        y,
        sample_weight,
        training=True,
        batch_size=batch_size,
        steps=check_optional_integer("steps_per_epoch", steps_per_epoch, None),
        shuffle=bool(shuffle),
        placement=placement,
        class_weight=class_weight,
        validation_split=validation_split,
        validation_batch_size=validation_batch_size,
        validation_steps=validation_steps,
    )
    if validation_data is not None:
        if validation is not None:
            raise ModelError("Give either validation_split or validation_data. Received: both")
        validation, _ = make_sources(
            model,
            *unpack_validation_data(model, validation_data, y),
            training=False,
            batch_size=validation_batch_size,
            default_batch_size=batch_size or DEFAULT_BATCH_SIZE,
            steps=validation_steps,
            placement=placement,
            prefix="validation ",
        )
    warn_about_single_samples(model, source)
    callback_list = as_callback_list(callbacks)
    history = next((c for c in callback_list if isinstance(c, History)), None)
    if history is None:
        history = History()
        callback_list.append(history)
    FitLoop(model, config, source, validation, callback_list, history).run()
    if placement.shard is not None:
        gather_values(model.state().values())
    return history


def warn_about_single_samples(model: ModelLike, source: BatchSource) -> None:
    """Warn of batch normalization over batches of one sample, which returns the same for every sample."""
    if source.batch_size != 1:
        return
    for e in topological(model.outputs):
        if e.op is not None and e.op.name == "batch_normalization" and e.inputs[0].ndim == 2:
            warnings.warn(
                "Batch normalization subtracts the mean of the batch, and with batches of one sample that leaves 0 for "
                "every sample. Use a larger batch_size, or nn.LayerNormalization()",
                TrainingWarning,
                stacklevel=get_user_stacklevel(),
            )
            return


def check_validation_freq(value: int | Collection[int]) -> int | frozenset[int]:
    """Return the interval of validations in epochs, or the epochs, counted from 1."""
    if isinstance(value, Collection) and not isinstance(value, str):
        return frozenset(check_integer("validation_freq", each) for each in value)
    return check_integer("validation_freq", value)


def resolve_placement(devices: Devices, shard: Shard = None) -> Placement:
    """Return the devices to train on, which must exist; by default all, where processes train together."""
    if devices is None and num_processes() > 1:
        devices = "all"
    return check_placement(devices, shard)


def unpack_validation_data(model: ModelLike, data: Any, y: Any) -> Parts:
    """Return inputs, targets and weights of ``validation_data``; columns are those that ``y`` of `fit` names."""
    if isinstance(data, (list, tuple)) and not is_sample_list(model, data):
        if len(data) not in (2, 3):
            raise ModelError(
                "Expected validation_data to be a pair (x, y), or (x, y, sample_weight), or data that bring their "
                f"targets. Received: {describe(data)}"
            )
        return (*data, None)[:3]
    if is_array(data):
        raise ModelError(
            "Expected validation_data to be a pair (x, y), or (x, y, sample_weight), or data that bring their targets. "
            f"Received: {describe(data)}"
        )
    return data, y if is_column_choice(y) else None, None


def evaluate(
    model: ModelLike,
    x: Values | Batches | None,
    y: Values | None,
    batch_size: int | None = None,
    verbose: Verbosity = 0,
    sample_weight: Values | None = None,
    steps: int | None = None,
    callbacks: Callback | Iterable[Callback] | None = None,
    return_dict: bool = False,
    devices: Devices = None,
    shard: Shard = None,
) -> Any:
    """Compute the loss and the metrics on data; see `Model.evaluate`."""
    batch_size = check_optional_integer("batch_size", batch_size, None)
    steps = check_optional_integer("steps", steps, None)
    placement = check_placement(devices, shard)
    source, _ = make_sources(
        model, x, y, sample_weight, training=False, batch_size=batch_size, steps=steps, placement=placement
    )
    params = {"epochs": 1, "steps": source.steps, "verbose": verbose, "metrics": list(source.metrics)}
    with source.on_device():
        metrics = evaluate_source(source, CallbackList(as_callback_list(callbacks), model, params))
    if placement.shard is not None:
        gather_values(model.state().values())
    if verbose and not process_id():
        from pellucid.training.progress_display import format_metrics

        print(format_metrics(metrics))
    return format_result(metrics, return_dict)


def run_on_batch(
    model: ModelLike, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool, *, training: bool
) -> Any:
    """Train or evaluate on one batch; see `Model.train_on_batch` and `Model.test_on_batch`."""
    batch = make_dataset(model, x, y, sample_weight, class_weight=class_weight)
    step = get_train_step(model, batch)
    program = step.get_batch_program([a.dtype for a in batch.arrays], training)
    accumulator = MetricAccumulator(step.get_metrics(training))
    with lock_for_training(model) if training else nullcontext():
        for outputs in program.run_steps([a[None] for a in batch.arrays], 1):
            accumulator.add(outputs, np.array([len(batch)]))
    model.run.step += int(training)
    return format_result(accumulator.compute(), return_dict)


def format_result(metrics: dict[str, MetricValue], return_dict: bool) -> Any:
    """Return metrics by name, in a list, or the loss alone where it is the only one."""
    if return_dict:
        return metrics
    return list(metrics.values()) if len(metrics) > 1 else metrics["loss"]
