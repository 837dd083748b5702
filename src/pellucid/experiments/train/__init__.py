"""Experiments on data of one's own, as ``pellucid train`` runs them: settings, data, a network, a folder of results.

From Python the same is::

    from pellucid.experiments.train import Settings, train

    result = train(Settings("photos/", model="cnn"), folder)
"""

from pellucid.experiments.train.fit import train as train
from pellucid.experiments.train.settings import Settings as Settings
