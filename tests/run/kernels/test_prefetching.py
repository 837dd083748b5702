"""Kernels that are compiled before a program is traced, and the number of kernels and programs of a first epoch."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import convolution_programs, ffi, loading, pooling_programs, prefetching
from pellucid.run.kernels.loading import find_headers
from pellucid.run.kernels.transposed_shapes import transpose_spec
from pellucid.run.native import program
from pellucid.run.native.compiler import find_compiler

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def add_block(x, filters, strides=1):
    """Add a residual block to a network."""
    y = nn.ReLU()(nn.BatchNormalization()(nn.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)))
    y = nn.BatchNormalization()(nn.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    if strides > 1:
        x = nn.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
    return nn.ReLU()(x + y)


def make_resnet(blocks):
    x = inputs = nn.Input((16, 16, 8))
    for stage in range(2):
        for block in range(blocks):
            x = add_block(x, 8 * 2**stage, 2 if stage and not block else 1)
    return inputs, nn.Dense(3)(nn.GlobalAveragePooling2D()(x))


def make_unet():
    inputs = nn.Input((16, 16, 8))
    x = nn.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    y = nn.Conv2D(16, 3, padding="same", activation="relu")(nn.MaxPooling2D(2)(x))
    y = nn.Conv2DTranspose(8, 2, strides=2)(y)
    return inputs, nn.Conv2D(3, 3, padding="same")(nn.Concatenate()([x, y]))


def make_separable():
    x = inputs = nn.Input((16, 16, 8))
    for strides in (1, 2):
        x = nn.ReLU()(nn.BatchNormalization()(nn.DepthwiseConv2D(3, strides=strides, padding="same")(x)))
        x = nn.ReLU()(nn.BatchNormalization()(nn.Conv2D(16, 1)(x)))
    return inputs, nn.Dense(3)(nn.GlobalAveragePooling2D()(x))


def fit(make, samples=64):
    nn.set_random_seed(0)  # before initial weights are drawn
    inputs, outputs = make()
    model = pel.Model(inputs, outputs)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    sizes = [tuple(d for d in e.shape[1:]) for e in (model.inputs[0], model.outputs[0])]
    x, y = (rng.normal(size=(samples, *size)).astype("float32") for size in sizes)
    return model.fit(x, y, batch_size=32, verbose=0, seed=0)


def collect_kernels(patch):
    """Start without kernels, and collect those that are prefetched and those that are requested."""
    patch.setattr(loading, "requests", {})
    prefetched, requested = set(), set()
    prefetch, request = loading.prefetch_kernel, loading.request_kernel
    patch.setattr(prefetching, "prefetch_kernel", lambda code: prefetched.add(code) or prefetch(code))
    patch.setattr(ffi, "request_kernel", lambda code: requested.add(code) or request(code))
    return prefetched, requested


@pytest.fixture
def kernels(monkeypatch):
    return collect_kernels(monkeypatch)


@contextmanager
def collect_programs():
    """Collect the seconds of XLA's compilations."""
    monitoring, seconds = jax().monitoring, []

    def listen(event, duration, **attributes):
        if event == "/jax/core/compile/backend_compile_duration":
            seconds.append(duration)

    monitoring.register_event_duration_secs_listener(listen)
    yield seconds
    monitoring.unregister_event_duration_listener(listen)


def is_from_trace(code):
    """Whether a kernel can only be written when the program is traced."""
    return "compute_terms" in code or "compute_elements" in code


def make_mixed():
    """Return a network with convolutions of all kinds and pooling."""
    x = inputs = nn.Input((16, 16, 8))
    y = nn.Conv2D(8, 3, padding="same", activation="relu")(nn.MaxPooling2D(2)(nn.Conv2D(8, 3, padding="same")(x)))
    y = nn.ReLU()(nn.DepthwiseConv2D(3, padding="same")(y))
    return inputs, nn.Concatenate()([x, nn.Conv2DTranspose(8, 2, strides=2)(y)])


@pytest.fixture(scope="module")
def training():
    """The losses of a network, its kernels that were prefetched and requested, and the number of XLA's programs."""
    with pytest.MonkeyPatch.context() as patch, collect_programs() as programs:
        prefetched, requested = collect_kernels(patch)
        losses = fit(make_mixed).history["loss"]
    return losses, prefetched, requested, len(programs)


def test_convolutions_and_pooling_are_prefetched(training):
    _, prefetched, requested, programs = training
    assert any("pool_window" in code for code in prefetched)
    assert prefetched == {code for code in requested if not is_from_trace(code)}
    assert programs == 1  # the loop over the steps of an epoch, and no small helper program


def test_equal_sizes_share_a_kernel(training):
    """One program computes all convolutions. A convolution and its gradient with respect to the input share a tile."""
    _, _, requested, _ = training
    assert sum("arrange_kernel" in code for code in requested) == 1
    assert sum("int rectified) {" in code for code in requested) == 2


def test_prefetched_kernels_give_the_same_bits(training, monkeypatch):
    monkeypatch.setattr(loading, "requests", {})
    monkeypatch.setattr(program, "prefetch_kernels", lambda *args: None)
    assert fit(make_mixed).history["loss"] == training[0]


@slow
def test_xla_computes_an_op_whose_prefetched_kernel_cannot_be_compiled(training, kernels, monkeypatch):
    emit = pooling_programs.emit_max_pool
    monkeypatch.setattr(ffi, "emit_max_pool", lambda spec: emit(spec) + "\nthis is not C")
    with pytest.warns(RuntimeWarning, match="compiling the CPU kernel failed, so XLA computes it, more slowly"):
        found = fit(make_mixed)
    assert any("this is not C" in code for code in kernels[0])
    np.testing.assert_allclose(found.history["loss"], training[0], rtol=1e-5)


@slow
@pytest.mark.parametrize(
    "make", [lambda: make_resnet(1), make_unet, make_separable], ids=["resnet", "unet", "depthwise"]
)
def test_kernels_of_deep_networks_are_prefetched(kernels, make):
    prefetched, requested = kernels
    fit(make)
    assert prefetched
    assert prefetched == {code for code in requested if not is_from_trace(code)}


@slow
def test_equal_sizes_of_a_deep_network_share_a_kernel(kernels):
    """One program computes all convolutions. A convolution and its gradient with respect to the input share a tile if
    they have equal sizes."""
    fit(lambda: make_resnet(1))
    assert sum("arrange_kernel" in code for code in kernels[1]) == 1
    # One for each stage, one with strides from one to the other, and its gradient. XLA computes the small 1 x 1 kernel.
    assert sum("int rectified) {" in code for code in kernels[1]) == 4


@slow
def test_more_blocks_need_no_more_kernels_or_programs(kernels):
    with collect_programs() as programs:
        fit(lambda: make_resnet(2))
        count, requested = len(kernels[1]), len(programs)
        assert requested == 1  # the loop over the steps of an epoch, and no small helper program
        fit(lambda: make_resnet(4))
    assert len(kernels[1]) == count
    assert len(programs) == 2


def make_convolution():
    inputs = nn.Input((16, 16, 8))
    return inputs, nn.GlobalAveragePooling2D()(nn.Conv2D(8, 3, activation="relu")(inputs))


@slow
@pytest.mark.parametrize("make", [make_convolution, lambda: make_resnet(1)])
def test_the_smaller_last_batch_needs_one_more_program_and_no_kernel(kernels, monkeypatch, make):
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    with collect_programs() as programs:
        fit(make)
        count = len(kernels[1])
        fit(make, samples=64 + 9)
    assert len(programs) == 1 + 2
    assert len(kernels[1]) == count > 0


def test_small_networks_prefetch_nothing(kernels):
    inputs = nn.Input((6, 6, 1))
    fit(lambda: (inputs, nn.Dense(2)(nn.Flatten()(nn.Conv2D(2, 3)(inputs)))))
    assert not kernels[0]


@pytest.mark.parametrize("enabled", [False, True])
def test_nothing_is_prefetched_without_kernels(kernels, monkeypatch, enabled):
    monkeypatch.setenv("PELLUCID_KERNELS", str(int(enabled)))
    monkeypatch.setattr(prefetching, "get_executor", lambda: SimpleNamespace(submit=lambda work, *args: work(*args)))
    prefetching.prefetch_kernels([make_convolution()[1]], 64)
    assert bool(kernels[0]) == enabled


def test_headers_are_found_without_jax():
    assert find_headers() == jax().ffi.include_dir()


def test_a_transposed_convolution_without_strides_has_the_program_of_the_convolution():
    sizes = {"input_size": (6, 6), "window": (3, 3), "output_size": (6, 6), "strides": (1, 1), "padding": (1, 1)}
    conv = convolution_programs.ConvolutionSpec(channels=8, filters=8, dtype="float32", **sizes)
    assert transpose_spec(conv) == conv
