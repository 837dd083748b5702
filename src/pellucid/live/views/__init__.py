"""Views of a figure: pictures and tables that a page draws from the present state of the training."""

from pellucid.live.views.base import View as View
from pellucid.live.views.choice_map import choice_map as choice_map
from pellucid.live.views.convolution import convolution as convolution
from pellucid.live.views.decision_boundary import decision_boundary as decision_boundary
from pellucid.live.views.feature_inputs import feature_inputs as feature_inputs
from pellucid.live.views.heat_map import heat_map as heat_map
from pellucid.live.views.image import image as image
from pellucid.live.views.loss_curve import loss_curve as loss_curve
from pellucid.live.views.loss_surface import loss_surface as loss_surface
from pellucid.live.views.network import network as network
from pellucid.live.views.neuron import neuron as neuron
from pellucid.live.views.numbers import numbers as numbers
from pellucid.live.views.rewriting import rewriting as rewriting
from pellucid.live.views.sequence import sequence as sequence
from pellucid.live.views.value_curves import value_curves as value_curves
from pellucid.live.views.walkthrough import Step as Step
from pellucid.live.views.walkthrough import Units as Units
from pellucid.live.views.walkthrough import walkthrough as walkthrough
