"""Lowerings that let XLA share what two expressions have in common."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def compute_crossentropy(logits):
    """Return binary cross-entropies from logits by XLA, and how many logarithms its program has."""
    z, y = pel.vector("z"), np.tile(np.array([0, 1, 0.25], "float32"), len(logits) // 3)
    f = pel.function([z], y * pel.softplus(-z) + (1 - y) * pel.softplus(z), mode="xla")
    found = np.asarray(f(logits))
    [program] = f.backend.compiled.values()
    return found, program.as_text().count(" log-plus-one(")


def test_both_terms_of_a_binary_crossentropy_share_an_exponential(monkeypatch):
    logits = np.array([0, -0.0, 3, -3, 60, -60, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-30], "float32")
    with np.errstate(invalid="ignore"):
        shared, count = compute_crossentropy(logits)
        monkeypatch.setenv("PELLUCID_KERNELS", "0")
        separate, separate_count = compute_crossentropy(logits)
    assert (count, separate_count) == (1, 2)
    np.testing.assert_array_equal(shared, separate)
