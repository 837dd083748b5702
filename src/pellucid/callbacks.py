"""`pellucid.training.callbacks`, so that ``from pellucid.callbacks import ...`` finds it too."""

import sys

from pellucid.training import callbacks
from pellucid.training.callbacks import *  # noqa: F403

sys.modules[__name__] = callbacks
