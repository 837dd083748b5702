"""Callbacks: what is called while a model trains, with Keras's names, arguments and hooks."""

from pellucid.graph.errors import tell_near_misses
from pellucid.model.callbacks.backup import BackupAndRestore
from pellucid.model.callbacks.base import Callback
from pellucid.model.callbacks.checkpoint import ModelCheckpoint
from pellucid.model.callbacks.events import TensorBoard
from pellucid.model.callbacks.history import History
from pellucid.model.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from pellucid.model.callbacks.recording import CSVLogger, LambdaCallback
from pellucid.model.callbacks.stopping import EarlyStopping, TerminateOnNaN

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

tell_near_misses(globals(), "pel.callbacks")
