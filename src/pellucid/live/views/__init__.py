"""Views of a figure: pictures and tables that a page draws from the present state of the training."""

from pellucid.live.views.base import View as View
from pellucid.live.views.convolution import convolution as convolution
from pellucid.live.views.decision_boundary import decision_boundary as decision_boundary
from pellucid.live.views.feature_inputs import feature_inputs as feature_inputs
from pellucid.live.views.heat_map import heat_map as heat_map
from pellucid.live.views.image import image as image
from pellucid.live.views.loss_curve import loss_curve as loss_curve
from pellucid.live.views.network import network as network
from pellucid.live.views.neuron import neuron as neuron
from pellucid.live.views.numbers import numbers as numbers
from pellucid.live.views.sequence import sequence as sequence
