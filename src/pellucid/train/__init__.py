"""Training on user data, as ``pellucid train`` runs it: settings, data loaders, networks, evaluation.

From Python::

    from pellucid.train import Settings, train

    record = train(Settings("photos/", model="cnn"), folder)
"""

from typing import TYPE_CHECKING, Any

from pellucid.train.settings.settings import Settings as Settings

if TYPE_CHECKING:
    from pellucid.train.training_run import train as train


def __getattr__(name: str) -> Any:
    """Import `train` on first use: it needs NumPy and the graph, and help pages do not."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pellucid.train.training_run import train

    return train
