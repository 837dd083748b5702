"""`pellucid.nn.optimizers`, so that ``from pellucid.optimizers import ...`` finds it too."""

import sys

from pellucid.nn import optimizers
from pellucid.nn.optimizers import *  # noqa: F403

sys.modules[__name__] = optimizers
