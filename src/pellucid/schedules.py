"""`pellucid.nn.schedules`, so that ``from pellucid.schedules import ...`` finds it too."""

import sys

from pellucid.nn import schedules
from pellucid.nn.schedules import *  # noqa: F403

sys.modules[__name__] = schedules
