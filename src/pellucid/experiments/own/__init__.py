"""Experiments on data of one's own, as ``pellucid train`` runs them: settings, data, a network, a folder of results.

From Python the same is::

    from pellucid.experiments.own import Settings, train

    result = train(Settings("photos/", model="cnn"), folder)
"""

from pellucid.experiments.own.settings import Settings as Settings
from pellucid.experiments.own.training import train as train
