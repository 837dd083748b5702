"""`pellucid.nn.losses`, so that ``from pellucid.losses import ...`` finds it too."""

import sys

from pellucid.nn import losses
from pellucid.nn.losses import *  # noqa: F403

sys.modules[__name__] = losses
