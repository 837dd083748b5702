"""Fingerprints tell arrays apart that summaries such as a mean would confuse."""

import math

import numpy as np

from pellucid.course.result_fingerprint import FREQUENCY, compute_fingerprint, have_equal_fingerprints, strip_shape


def test_a_fingerprint_is_its_formula() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4))
    expected = [sum(v * math.cos((k + 1) * (i + 1) * FREQUENCY) for i, v in enumerate(values.flat)) for k in range(3)]
    np.testing.assert_allclose(compute_fingerprint(values), expected, rtol=1e-12)


def test_exchanged_negated_and_transposed_arrays_differ() -> None:
    values = np.random.default_rng(1).normal(size=(3, 3))
    for other in (values[::-1], values.T, -values, values[:, ::-1], values * 1.001):
        assert not have_equal_fingerprints(values, other)
        assert not have_equal_fingerprints(other, values)


def test_rounding_and_outer_axes_do_not_matter() -> None:
    values = np.random.default_rng(2).normal(size=3)
    assert have_equal_fingerprints(values, values[None] * (1 + 1e-9))
    assert have_equal_fingerprints(values[:, None], values)
    assert not have_equal_fingerprints(np.zeros((2, 3)), np.zeros((3, 2)))
    assert strip_shape((1, 2, 1, 3, 1)) == (2, 1, 3)


def test_arrays_that_are_not_finite_equal_nothing() -> None:
    for value in (np.nan, np.inf, -np.inf):
        assert not have_equal_fingerprints([value, 1.0], [value, 1.0])
        assert not have_equal_fingerprints([value, 1.0], [1.0, 2.0])
