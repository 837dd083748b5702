"""CPU kernels in C for convolutions, max pooling and matrix products, called from XLA's programs."""
