"""Kernels for the matrix units (AMX) of x86 processors."""
