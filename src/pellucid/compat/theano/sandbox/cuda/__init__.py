"""``theano.sandbox.cuda``: says that there is no CUDA, so that programs take their other branch."""

cuda_available = cuda_enabled = False
