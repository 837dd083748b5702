"""Sums of products of two arrays, computed as matrix products of operands where they are in memory."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi, matmul_dispatch, source_assembly
from pellucid.run.kernels.contractions import find_contraction
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Use kernels for all sizes, and collect the names of those that are called."""
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", 0)
    for limit in ("MIN_MULTIPLICATIONS", "MIN_SIDE", "MIN_GRADIENT_SIDE"):
        monkeypatch.setattr(matmul_dispatch, limit, 0)
    collected: list[str] = []

    def watch(name: str) -> None:
        call = getattr(ffi, name)
        monkeypatch.setattr(ffi, name, lambda *operands: collected.append(name) or call(*operands))

    watch("matmul")
    watch("multiply_batches")
    return collected


def find(subscripts: str) -> Any:
    operands, result = subscripts.split("->")
    first, second = operands.split(",")
    sizes = {a: 2 + k for k, a in enumerate(sorted({*first, *second}))}
    return find_contraction((first, second, result), sizes)


def test_axes_are_counted_as_one_where_they_follow_each_other() -> None:
    dense = find("abk,kcd->abcd")
    assert (dense.rows, dense.columns, dense.summed) == (2 * 3, 4 * 5, 6)
    assert dense.is_single_product
    assert dense.transposed == (False, False)
    assert find("abcd,kcd->abk").transposed == (False, True)
    gradient = find("abcd,abk->kcd")
    assert gradient.swapped
    assert gradient.transposed == (True, False)


def test_heads_of_attention_are_read_where_they_are() -> None:
    scores = find("abcd,aecd->acbe")  # a batch of 2, 3 queries, 4 heads of size 5, 6 keys
    assert not scores.is_single_product
    assert (scores.rows, scores.columns, scores.summed) == (3, 6, 5)
    assert scores.leading == (4 * 5, 4 * 5, 6)
    assert scores.batch == (2, 4)
    assert scores.batch_strides == ((60, 5), (120, 5), (72, 18))


@pytest.mark.parametrize(
    "subscripts",
    [
        "abk,kbc->ac",  # the summed axes are in another order in the second array
        "akb,kc->acb",  # rows of the result are apart
        "ab,ac->ab",  # an axis that only one array has
        "ak,k->a",  # a vector
        "ka,kb->abk",  # an outer product for each k, whose columns would be apart
        "aa,ab->ab",
        "abcdek,acefgk->adbfceg",  # more than two axes of products
    ],
)
def test_products_that_would_need_copies_are_left_to_xla(subscripts: str) -> None:
    assert find(subscripts) is None


SUBSCRIPTS = [
    *("abcd,aecd->acbe", "acbe,aecd->abcd", "abcd,acbe->aecd", "acbe,abcd->aecd"),  # attention and its gradients
    *("ijk,kmn->ijmn", "ijmn,kmn->ijk", "ijmn,ijk->kmn", "ijkl,klo->ijo"),  # projections
    *("abc,acd->abd", "abc,adc->abd", "acb,acd->abd", "acb,adc->abd", "bac,bdc->dba", "ab,ac->abc"),
]


LEFT_TO_XLA = ("bac,bdc->dba", "ab,ac->abc")

NAMES = "abcdeijklmno"
"""Names of axes."""


def test_products_of_all_layouts(calls: list[str], rng: np.random.Generator) -> None:
    """Products of less than a tile, and of several tiles and panels with a rest: half of the layouts in one program."""
    inputs, results, axes = [], [], []
    for number, subscripts in enumerate(SUBSCRIPTS[::2]):
        names = subscripts.split("->")[0].split(",")
        axes += names
        x, y = (pel.tensor(f"{name}{number}", shape=(None,) * len(a)) for name, a in zip("xy", names, strict=True))
        inputs += [x, y]
        results.append(pel.sum_of_products(x, y, subscripts=subscripts))
    f = pel.function(inputs, results, mode="xla")
    for sizes in ([2, 7, 3, 17, 19, 2, 3, 19, 2, 5, 4, 17], [1, 2, 3, 5, 2, 3, 2, 1, 5, 3, 2, 4]):
        known = dict(zip(NAMES, sizes, strict=True))
        arguments = [rng.normal(size=[known[a] for a in names]).astype("float32") for names in axes]
        calls.clear()
        for number, (subscripts, found) in enumerate(zip(SUBSCRIPTS[::2], f(*arguments), strict=True)):
            expected = np.einsum(subscripts, *arguments[2 * number : 2 * number + 2])
            assert found.dtype == "float32"
            tolerance = 2e-5 * max(1, np.abs(expected).max())
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=subscripts)
        assert len(calls) >= len(SUBSCRIPTS[::2]) - len(LEFT_TO_XLA)  # axes of size 1 make one more a matrix product


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_products_of_any_sizes(calls: list[str], rng: np.random.Generator, subscripts: str, dtype: str) -> None:
    names = subscripts.split("->")[0].split(",")
    kinds = {2: pel.matrix, 3: pel.tensor3, 4: pel.tensor4}
    x, y = (kinds[len(axes)](name, dtype=dtype) for name, axes in zip("xy", names, strict=True))
    f = pel.function([x, y], pel.sum_of_products(x, y, subscripts=subscripts), mode="xla")
    for _ in range(4):
        sizes = {a: int(rng.choice([1, 2, 3, 7, 16, 17, 40])) for a in string.ascii_letters}
        arguments = [rng.normal(size=[sizes[a] for a in axes]).astype(dtype) for axes in names]
        found, expected = f(*arguments), np.einsum(subscripts, *arguments)
        assert found.dtype == dtype
        assert np.abs(found - expected).max() <= (2e-5 if dtype == "float32" else 1e-13) * max(
            1, np.abs(expected).max()
        )
    assert calls or subscripts in LEFT_TO_XLA


def test_tasks_divide_few_large_products(calls: list[str], rng: np.random.Generator) -> None:
    """Rows of a product are divided if there are fewer products than threads."""
    x, y = (rng.normal(size=s).astype("float32") for s in ((1, 301, 2, 30), (1, 19, 2, 30)))
    found = ffi.multiply_batches(*map(jax().numpy.asarray, (x, y)), ("abcd", "aecd", "acbe"))
    np.testing.assert_allclose(found, np.einsum("abcd,aecd->acbe", x, y), rtol=1e-4, atol=1e-4)


def test_stacks_transposes_and_dense_layers_of_sequences(calls: list[str], rng: np.random.Generator) -> None:
    x, y, w = pel.tensor3("x"), pel.tensor3("y"), pel.matrix("w")
    outputs = [x @ y.mT, x @ w, (x @ w) @ (y @ w).mT, pel.transpose(x, (1, 0, 2)) @ w, x.mT @ y[:, :5]]
    gradients = pel.grad(sum((o**2).sum() for o in outputs), [x, y, w])
    arguments = [rng.normal(size=s).astype("float32") for s in ((3, 5, 19), (3, 20, 19), (19, 18))]
    found, expected = (pel.function([x, y, w], [*outputs, *gradients], mode=m)(*arguments) for m in ("xla", "numpy"))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(b).max())
    assert calls.count("multiply_batches") >= 5
    assert calls.count("matmul") >= 3


def test_special_values_stay_in_their_product(calls: list[str], rng: np.random.Generator) -> None:
    x, y = (rng.normal(size=s).astype("float32") for s in ((2, 9, 3, 16), (2, 20, 3, 16)))
    x[0, 2, 1, 3], y[1, 5, 2, 7] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        expected = np.einsum("abcd,aecd->acbe", x, y)
    found = ffi.multiply_batches(*map(jax().numpy.asarray, (x, y)), ("abcd", "aecd", "acbe"))
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
