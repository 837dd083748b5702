"""Callbacks, with the names, arguments and hooks of Keras."""

from pellucid.graph.errors import suggest_near_misses
from pellucid.training.callbacks.base import Callback, LambdaCallback
from pellucid.training.callbacks.checkpoint import BackupAndRestore, ModelCheckpoint
from pellucid.training.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from pellucid.training.callbacks.history import History
from pellucid.training.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from pellucid.training.callbacks.logging import CSVLogger, TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]

suggest_near_misses(globals(), "pel.callbacks")
