"""``theano.gpuarray``: says that there is no GPU, so that programs take their other branch."""

from types import SimpleNamespace

pygpu_activated = False
dnn = SimpleNamespace(dnn_present=lambda: False, dnn_available=lambda: False)
