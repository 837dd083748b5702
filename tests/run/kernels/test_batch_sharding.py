"""Kernels on several CPU devices compared with those on one device.

The fast comparisons are in `tests/run/test_several_devices.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run import data_parallel
from pellucid.run.kernels import (
    convolution_lowerings,
    ffi,
    lowerings,
    matmul_dispatch,
    recurrent_lowerings,
    reduction_lowerings,
    row_fusion,
    source_assembly,
    update_fusion,
)
from pellucid.run.kernels.batch_sharding import Sharding, use_sharding
from pellucid.run.kernels.recurrent_programs import RecurrentLoop, emit_recurrent_loop
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import CompilerFailure, NotNative
from pellucid.run.native.jaxpr_reader import trace_step

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

FAMILIES = {
    "convolution": "void copy_filter_block(",
    "kernel gradient": "real *get_padded_image(",
    "grouped convolution": "void compute_rows(",
    "grouped kernel gradient": "real add_shares(",
    "pooling": "void pool_window(",
    "pooling gradient": "void scatter_window(",
    "product": "void multiply_chunk(",
    "batch of products": "void multiply_pairs(",
    "row fusion": "void evaluate_rows(",
    "recurrent loop": "void run_rows(",
    "reduction": "void add_terms(",
    "update": "void compute_block(",
}
"""A function of the programs of each family of kernels."""

LIMITS = {
    convolution_lowerings: ["MIN_CONV_MULTIPLICATIONS"],
    lowerings: ["MIN_POOLED_ELEMENTS"],
    matmul_dispatch: ["MIN_MULTIPLICATIONS", "MIN_SIDE", "MIN_GRADIENT_SIDE"],
    source_assembly: ["MAX_XLA_VECTOR_BYTES"],
    recurrent_lowerings: ["MIN_LOOP_MULTIPLICATIONS"],
    reduction_lowerings: ["MIN_REDUCED_ELEMENTS"],
    row_fusion: ["MIN_ELEMENTS", "MIN_COLUMNS"],
    update_fusion: ["MIN_ELEMENTS"],
}

EVEN, UNEVEN = 8, 6
"""Batch sizes of four devices."""


def collect_kernels(patch: pytest.MonkeyPatch) -> list[str]:
    """Use kernels for all sizes, and return the list to which requested programs are added."""
    for module, names in LIMITS.items():
        for name in names:
            patch.setattr(module, name, 0)
    requested, request = list[str](), ffi.request_kernel
    patch.setattr(ffi, "request_kernel", lambda code: requested.append(code) or request(code))
    return requested


def find_families(requested: list[str]) -> list[str]:
    return [name for name, part in FAMILIES.items() if any(part in code for code in requested)]


def make_network(images: pel.Expr, sequences: pel.Expr) -> pel.Expr:
    h = nn.DepthwiseConv2D(3, padding="same")(nn.Conv2D(16, 3, activation="relu")(images))
    h = nn.Dropout(0.4)(nn.MaxPooling2D(2)(nn.ReLU()(nn.BatchNormalization()(h))))
    h = nn.Dense(72, activation="tanh")(nn.Flatten()(h))
    s = nn.LSTM(16, return_sequences=True)(sequences)
    s = nn.LayerNormalization()(nn.MultiHeadAttention(2, 8)(s, s) + s)
    return nn.Dense(3)(h) + nn.Dense(3)(nn.GlobalAveragePooling1D()(s))


def train(requested: list[str], batch: int, **placement: Any) -> dict[str, Any]:
    """Train all kinds of layers for some steps; return losses, parameters, and the kernels and collectives."""
    nn.set_random_seed(0)
    rng = np.random.default_rng(0)
    images = pel.tensor4("images", shape=("n", 8, 8, 3))
    sequences = pel.tensor3("sequences", shape=("n", 4, 8))
    loss = (make_network(images, sequences) ** 2).mean()
    parameters = pel.parameters(loss)
    updates = pel.optimizers.Adam(0.01, epsilon=1e-3).updates(loss)
    f = pel.function([images, sequences], loss, updates=updates, mode="xla", **placement)
    requested.clear()
    losses = f.repeat(3, *(rng.normal(size=(batch, *i.shape[1:])).astype("float32") for i in (images, sequences)))
    [compiled] = f.backend.compiled.values()
    text = compiled[0].as_text()
    return {
        "losses": losses.tolist(),
        "parameters": [np.ravel(p.get_value())[::29].tolist() for p in parameters],  # pipes between processes are small
        "kernels": find_families(requested),
        "reductions": sum(FAMILIES["reduction"] in code for code in set(requested)),
        "collectives": {name: text.count(f" {name}(") for name in ("all-reduce", "all-gather", "all-to-all")},
    }


def train_members(requested: list[str], **placement: Any) -> dict[str, Any]:
    """Train eight members of a sweep, and then seven."""
    x, w = pel.tensor4("x", shape=("n", 6, 6, 2)), pel.shared(np.zeros((3, 3, 2, 8), "float32"), "w")
    loss = ((pel.conv(x, w) - 1) ** 2).mean()
    f = pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)}, mode="xla", **placement)
    rng, found = np.random.default_rng(0), []
    requested.clear()
    for count in (8, 7):
        members = pel.shared(rng.normal(size=(count, *w.shape)).astype("float32"), "members")
        g = pel.vmap(f, {w: members})
        found.append(g.repeat(2, rng.normal(size=(3, 6, 6, 2)).astype("float32")).tolist())
        found.append(members.get_value().tolist())
        found.append(len(requested) > 0)
        requested.clear()
    return {"found": found}


def add_up_elements(requested: list[str], **placement: Any) -> dict[str, Any]:
    """Add up the elements of a loss."""
    z = pel.tensor4("z", shape=("n", 32, 32, 1))
    f = pel.function([z], pel.softplus(z).mean(), mode="xla", **placement)
    requested.clear()
    found = f(np.random.default_rng(0).normal(size=(8, 32, 32, 1)).astype("float32"))
    return {"loss": float(found), "kernels": find_families(requested)}


def train_on_four(_: int) -> dict[str, Any]:
    requested = collect_kernels(pytest.MonkeyPatch())
    found: dict[str, Any] = {"elements": [add_up_elements(requested), add_up_elements(requested, devices=4)]}
    for batch in (EVEN, UNEVEN):
        found[f"{batch} one"] = train(requested, batch)
        found[f"{batch} four"] = train(requested, batch, devices=4)
    found["sharded"] = train(requested, EVEN, devices=4, shard="parameters")
    return found | {"members": [train_members(requested), train_members(requested, devices=4)]}


def train_in_group(devices: int) -> dict[str, Any]:
    """Train in the processes of a group, with kernels and without them in one of the processes."""
    requested = collect_kernels(pytest.MonkeyPatch())
    placement = {"devices": devices} if pel.distribution.num_processes() > 1 else {}
    found = {"same": train(requested, EVEN, **placement)}
    if placement:
        data_parallel.get_common_lowerings.cache_clear()
        if pel.distribution.process_id() == 1:
            data_parallel.get_lowerings = lambda: lowerings.NO_LOWERINGS
        found["different"] = train(requested, EVEN, **placement)
    return found


@pytest.fixture(scope="module")
def on_four(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of a process with four devices."""
    from tests.training.test_distributed import collect_results, start_processes

    folder = tmp_path_factory.mktemp("four")
    (found,) = collect_results(start_processes(folder, 1, "train_on_four", 1, devices=4, module=__file__))
    return dict(found)


def check_training(found: dict[str, Any], expected: dict[str, Any]) -> None:
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=2e-5)
    for a, b in zip(found["parameters"], expected["parameters"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def check_devices(one: dict[str, Any], found: dict[str, Any]) -> None:
    assert one["kernels"] == found["kernels"] == list(FAMILIES)
    check_training(found, one)
    assert found["collectives"]["all-reduce"] > 0


@pytest.mark.slow
def test_devices_divide_kernels(on_four: dict[str, Any]) -> None:
    check_devices(on_four[f"{EVEN} one"], on_four[f"{EVEN} four"])
    assert on_four[f"{EVEN} four"]["collectives"]["all-gather"] == 0


@pytest.mark.slow
def test_devices_add_up_the_elements_of_a_loss(on_four: dict[str, Any]) -> None:
    one, four = on_four["elements"]
    assert one["kernels"] == four["kernels"] == ["reduction"]
    assert four["loss"] == pytest.approx(one["loss"], rel=1e-6)


@pytest.mark.slow
def test_devices_divide_kernels_of_uneven_batches_and_divided_parameters(on_four: dict[str, Any]) -> None:
    check_devices(on_four[f"{UNEVEN} one"], on_four[f"{UNEVEN} four"])
    check_devices(on_four[f"{EVEN} one"], on_four["sharded"])


@pytest.mark.slow
def test_normalizations_of_an_uneven_batch_are_left_to_xla(on_four: dict[str, Any]) -> None:
    even, uneven = (on_four[f"{n} four"]["reductions"] for n in (EVEN, UNEVEN))
    assert 0 < uneven < even  # that of the recurrent layer divides the steps


@pytest.mark.slow
def test_each_device_runs_the_kernels_of_its_members(on_four: dict[str, Any]) -> None:
    one, four = (each["found"] for each in on_four["members"])
    assert (one[2], one[5], four[2], four[5]) == (True, True, True, False)  # devices cannot share out seven equally
    for k in (0, 1, 3, 4):
        np.testing.assert_allclose(four[k], one[k], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_processes_use_kernels_that_all_of_them_have(tmp_path: Path) -> None:
    from tests.training.test_distributed import collect_results, start_processes

    one, *group = (
        found
        for count in (1, 2)
        for found in collect_results(
            start_processes(tmp_path / str(count), count, "train_in_group", 2, devices=2, module=__file__)
        )
    )
    for found in group:
        for name in ("same", "different"):
            check_training(found[name], one["same"])
        assert found["same"]["kernels"] == list(FAMILIES)
        assert found["different"]["kernels"] == []


@contextmanager
def fake_sharding(spans_processes: bool = False) -> Iterator[None]:
    """Pretend to have two devices."""
    mesh = SimpleNamespace(size=2, is_multi_process=spans_processes)
    with use_sharding(Sharding(mesh, lambda shape: None)):
        yield


@pytest.mark.parametrize("error", [NotNative("no disk space"), CompilerFailure("no disk space")])
def test_a_process_of_a_group_cannot_do_without_a_kernel(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(node: Any, context: Any) -> None:
        raise error

    x = pel.matrix("x")
    lowering = lowerings.with_fallback(fail)
    message = r"all processes must run the same program, and this one .*: no disk space. Set PELLUCID_KERNELS=0 in all"
    with pytest.raises(pel.DistributionError, match=message), fake_sharding(spans_processes=True):
        lowering(x @ x, None)


def trace_loop(step: Any, element: tuple[int, ...], invariant: tuple[int, ...]) -> list[bool] | None:
    """Return which operands of a loop with states of 4 rows and 3 columns can be divided by rows."""
    import jax

    types = [jax.ShapeDtypeStruct(shape, "float32") for shape in (element, (4, 3), (3, 3), invariant)]
    return emit_recurrent_loop(RecurrentLoop(trace_step(step, *types), 1, 1, 4, False)).has_rows


def test_rows_of_a_loop_are_divided_if_each_reads_only_its_own() -> None:
    import jax.numpy as jnp

    rows = [True, True, False, True]

    def add(x: Any, h: Any, w: Any, c: Any) -> list[Any]:
        return [jnp.tanh(h @ w + x + c)]

    assert trace_loop(add, (4, 3), (4, 3)) == rows
    assert trace_loop(add, (4, 3), (3,)) == [True, True, False, False]
    assert trace_loop(add, (3,), (3,)) is None  # an element without rows
    assert trace_loop(add, (1, 3), (1, 3)) is None
    assert trace_loop(lambda x, h, w, c: [h @ w + x + c[:4]], (4, 3), (5, 3)) is None  # some of other rows
    assert trace_loop(lambda x, h, w, c: [h @ w + x[::-1]], (4, 3), (3,)) is None
    assert trace_loop(lambda x, h, w, c: [h @ w + x + c + c[::-1]], (4, 3), (4, 3)) is None
    assert trace_loop(lambda x, h, w, c: [h @ w + x + jnp.arange(4.0)[:, None]], (4, 3), (3,)) is None
    assert trace_loop(lambda x, h, w, c: [h @ w + x + jnp.array([[1.0], [2], [3], [5]])], (4, 3), (3,)) is None
    assert trace_loop(lambda x, h, w, c: [h @ w + x + jnp.arange(3.0)], (4, 3), (3,)) == [True, True, False, False]
