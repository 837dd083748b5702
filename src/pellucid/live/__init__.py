"""Live figures: training loops that run inside web pages and notebooks."""

from pellucid.live import examples as examples
from pellucid.live.controls import choice as choice
from pellucid.live.controls import seed as seed
from pellucid.live.controls import slider as slider
from pellucid.live.figure import Figure as Figure
from pellucid.live.figure import vary as vary
from pellucid.live.views import Step as Step
from pellucid.live.views import Units as Units
from pellucid.live.views import choice_map as choice_map
from pellucid.live.views import convolution as convolution
from pellucid.live.views import decision_boundary as decision_boundary
from pellucid.live.views import feature_inputs as feature_inputs
from pellucid.live.views import heat_map as heat_map
from pellucid.live.views import image as image
from pellucid.live.views import loss_curve as loss_curve
from pellucid.live.views import loss_surface as loss_surface
from pellucid.live.views import network as network
from pellucid.live.views import neuron as neuron
from pellucid.live.views import numbers as numbers
from pellucid.live.views import rewriting as rewriting
from pellucid.live.views import sequence as sequence
from pellucid.live.views import value_curves as value_curves
from pellucid.live.views import walkthrough as walkthrough
