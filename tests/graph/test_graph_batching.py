"""Tests of batching graphs of different sizes with padding."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.graph_batching import GraphBatcher, structural_hash, unpad
from pellucid.graph.graph_batching_padding import PaddingError


def make_network(hidden, rate, activation=pel.sigmoid, reduce=None):
    rng = np.random.default_rng(hidden)
    x = pel.matrix("x", ("n", 2))
    W, V = (pel.shared(rng.normal(size=s).astype("f4"), k) for k, s in (("W", (2, hidden)), ("V", (hidden, 1))))
    h = activation(x @ W)
    return x, [W, V], [(h @ V).sum() + rate * (W**2).sum() + (0.0 if reduce is None else reduce(h))]


def hash_graphs(*graphs):
    numbers = {}
    return [structural_hash(g, numbers) for g in graphs]


def test_graphs_that_differ_in_sizes_and_values_have_equal_hashes():
    a, b, c, d = (make_network(*s)[2] for s in ((2, 0.1), (5, 0.3), (2, 0.1, pel.tanh), (2, 1e-9)))
    first, second, third, fourth = hash_graphs(a, b, c, d)
    assert first == second == fourth != third


def test_repeated_leaves_change_the_hash():
    x, y = pel.scalar("x"), pel.scalar("y")
    assert len(set(hash_graphs([x + x], [x + y], [y + y]))) == 2


def test_a_constant_of_one_member_may_correspond_to_two_of_another():
    x = pel.scalar("x")
    pairs = [(0.1, 0.1), (0.1, 0.2)]
    batcher = GraphBatcher(2)
    (one,) = batcher.merge([tuple(a * x + b * pel.tanh(x) for a, b in pairs)])
    constants = [leaf for leaf in batcher.leaves if isinstance(leaf, pel.Shared)]
    assert [batcher.stack_values(c).tolist() for c in constants] == [pytest.approx([0.1, 0.2])]
    assert str(one) == "0.1 * x + shared * tanh(x)"


def compute_value_and_gradients(x, parameters, outputs, data):
    f = pel.function([x], [outputs[0], *pel.grad(outputs[0], parameters)], mode="numpy")
    return f(data)


@pytest.mark.parametrize("reduce", [None, lambda h: pel.tanh(h).sum(), lambda h: (h.T @ h).sum()])
def test_members_have_the_values_and_gradients_of_separate_graphs(reduce):
    data = np.random.default_rng(0).normal(size=(4, 2)).astype("f4")
    members = [make_network(h, r, reduce=reduce) for h, r in ((2, 0.1), (5, 0.3), (1, 0.2))]
    batcher = GraphBatcher(3)
    (x,) = batcher.merge([tuple(m[0] for m in members)])
    one = batcher.merge(list(zip(*(m[2] for m in members), strict=True)), differentiated=True)
    parameters = batcher.merge(list(zip(*(m[1] for m in members), strict=True)))
    assert set(batcher.sizes.values()) == {(2, 5, 1)}
    f = pel.function([x], [one[0], *pel.grad(one[0], parameters)])
    known = {*f.program.read}
    leaves = [leaf for leaf in (*batcher.leaves, *batcher.sizes) if leaf in known]
    many = pel.vmap(f, {leaf: pel.shared(batcher.stack_values(leaf), "many") for leaf in leaves})
    found = many(data)
    for i, member in enumerate(members):
        for j, expected in enumerate(compute_value_and_gradients(*member, data)):
            np.testing.assert_allclose(
                found[j][i] if j == 0 else unpad(found[j][i], member[1][j - 1]), expected, rtol=1e-4
            )
            assert j == 0 or np.count_nonzero(found[j][i]) <= expected.size  # the padding is zero


@pytest.mark.parametrize(
    ("reduce", "message"),
    [
        (lambda h: h.mean(), "mean over a padded axis is not supported"),
        (lambda h: pel.softmax(h).sum(), "softmax over a padded axis"),
        (lambda h: pel.sqrt(h).sum(), "sqrt of padding may not be finite"),
        (lambda h: (1 / h).sum(), "true_divide of padding"),
        (lambda h: (h**0.5).sum(), "power of padding"),
        (lambda h: pel.concatenate([h, h], axis=1).sum(), "over a padded axis"),
    ],
)
def test_ops_that_padding_would_affect_raise_errors(reduce, message):
    members = [make_network(h, 0.1, reduce=reduce)[2] for h in (2, 3)]
    with pytest.raises(PaddingError, match=message):
        GraphBatcher(2).merge(list(zip(*members, strict=True)), differentiated=True)


def test_reductions_over_other_axes_are_accepted():
    members = [make_network(h, 0.1, reduce=lambda h: pel.softmax(h, axis=0).sum())[2] for h in (2, 3)]
    (one,) = GraphBatcher(2).merge(list(zip(*members, strict=True)))
    assert "softmax(sigmoid(x @ W), axis=0)" in str(one)
