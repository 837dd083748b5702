"""Kernels as functions of JAX arrays: compiled, made known to XLA, and called."""

from __future__ import annotations

import functools
import hashlib
import threading
from typing import Any

from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import convolution_programs, pooling_programs
from pellucid.run.kernels.convolution_programs import Convolution
from pellucid.run.kernels.matmul_program import Product, product_text, rows_of
from pellucid.run.kernels.pooling_programs import Pooling
from pellucid.run.native.compiler import library

LOCK = threading.Lock()


def target(code: str) -> str:
    """Compile a kernel and make it known to XLA; return its name, which says what it is."""
    with LOCK:  # XLA refuses a second kernel of one name, which another thread might be making
        return known(code)


@functools.cache
def known(code: str) -> str:
    """Return the name of a kernel, which is compiled the first time."""
    ffi = jax().ffi
    handler = library(code, includes=(ffi.include_dir(),)).run
    name = f"pellucid_{hashlib.sha256(code.encode()).hexdigest()[:32]}"
    ffi.register_ffi_target(name, ffi.pycapsule(handler), platform="cpu")
    return name


@functools.cache
def forward_target(conv: Convolution) -> str:
    """Return the name of a convolution's kernel."""
    return target(convolution_programs.forward_text(conv))


@functools.cache
def gradient_target(conv: Convolution) -> str:
    """Return the name of the kernel that computes a gradient with respect to the filters."""
    return target(convolution_programs.gradient_text(conv))


def forward(conv: Convolution, x: Any, kernel: Any) -> Any:
    """Convolve images of shape (n, height, width, channels) with a kernel."""
    j = jax()
    made = j.ShapeDtypeStruct((x.shape[0], *conv.made, conv.filters), x.dtype)
    return j.ffi.ffi_call(forward_target(conv), made, vmap_method="sequential")(x, kernel)


def gradient(conv: Convolution, x: Any, g: Any) -> Any:
    """Return the gradient with respect to the kernel of what has the gradient ``g`` with respect to the result."""
    j = jax()
    made = j.ShapeDtypeStruct((*conv.window, conv.channels, conv.filters), x.dtype)
    return j.ffi.ffi_call(gradient_target(conv), made, vmap_method="sequential")(x, g)


@functools.cache
def pool_target(pool: Pooling) -> str:
    """Return the name of a max pooling's kernel."""
    return target(pooling_programs.forward_text(pool))


@functools.cache
def pool_gradient_target(pool: Pooling) -> str:
    """Return the name of the kernel of a max pooling's gradient."""
    return target(pooling_programs.gradient_text(pool))


def pool(shape: Pooling, x: Any) -> Any:
    """Take the greatest of every window of images."""
    j = jax()
    made = j.ShapeDtypeStruct((x.shape[0], *shape.made, shape.channels), x.dtype)
    return j.ffi.ffi_call(pool_target(shape), made, vmap_method="sequential")(x)


def pool_gradient(shape: Pooling, g: Any, y: Any, x: Any) -> Any:
    """Return the gradient with respect to images whose pooling is ``y`` and has the gradient ``g``."""
    j = jax()
    made = j.ShapeDtypeStruct(x.shape, x.dtype)
    return j.ffi.ffi_call(pool_gradient_target(shape), made, vmap_method="sequential")(g, y, x)


@functools.cache
def product_target(product: Product) -> str:
    """Return the name of a product's kernel."""
    return target(product_text(product))


def product(left: Any, right: Any, turned: tuple[bool, bool], by_units: bool, *taken_from: Any) -> Any:
    """Return the product of two matrices that lie in memory turned around or not.

    For a base and a scale as well, it is what is left of the base when so many times of the product are taken from it.
    """
    j = jax()
    made = j.ShapeDtypeStruct((left.shape[turned[0]], right.shape[not turned[1]]), left.dtype)
    rows = 0 if by_units else rows_of(made.shape[0])
    name = product_target(Product(str(left.dtype), turned, bool(taken_from), rows))
    over = {2: 0} if taken_from else {}
    return j.ffi.ffi_call(name, made, vmap_method="sequential", input_output_aliases=over)(left, right, *taken_from)
