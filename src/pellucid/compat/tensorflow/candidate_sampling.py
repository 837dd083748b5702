"""Candidate sampling of TensorFlow 1: losses over the true classes and a sample of the others."""

from collections import namedtuple

import numpy as np

import pellucid as pel
from pellucid.compat.tensorflow.graph import convert, make_op
from pellucid.compat.tensorflow.ops import FUNCTIONS, concat, draw
from pellucid.graph.errors import OptionError

Candidates = namedtuple("Candidates", ["sampled_candidates", "true_expected_count", "sampled_expected_count"])


def log_uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None):
    """Draw classes k with probability log((k + 2) / (k + 1)) / log(n + 1); return them, and how often each is expected.

    Without repetitions, TensorFlow counts the draws that it needed; here it is the number that is expected.
    """
    p = np.diff(np.log(np.arange(1, range_max + 2))) / np.log(range_max + 1)
    if unique and num_sampled > range_max:
        raise OptionError(f"Expected at most {range_max} different classes. Received: num_sampled={num_sampled}")
    count = lambda draws: -np.expm1(draws * np.log1p(-p)) if unique else p * num_sampled
    draws = 1e12 if num_sampled == range_max else num_sampled
    while unique and count(draws).sum() < num_sampled - 1e-6:  # Newton's method, from below
        draws += (num_sampled - count(draws).sum()) / -((1 - p) ** draws * np.log1p(-p)).sum()
    counts = convert(count(draws).astype("float32"))

    def fn():
        if unique:
            noise = draw("gumbel", (range_max,), "float32", seed)
            return pel.cast(pel.top_k(noise + np.log(p).astype("float32"), num_sampled)[1], "int64")
        u = draw("random", (num_sampled,), "float32", seed)
        return pel.cast(pel.exp(u * np.float32(np.log(range_max + 1))) - 1, "int64")

    sampled = make_op("LogUniformCandidateSampler", fn, [], name, outputs=[([num_sampled], "int64")])
    return Candidates(sampled, *(FUNCTIONS["gather"](counts, classes) for classes in (true_classes, sampled)))


def compute_sampled_scores(weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, remove):
    """Return the scores of the true and of the sampled classes, less the logarithm of how often they are expected."""
    gather, log = FUNCTIONS["gather"], FUNCTIONS["log"]
    labels, inputs = convert(labels), convert(inputs)
    if labels.dtype.kind == "f":  # 0.x gives the inputs first
        labels, inputs = inputs, labels
    sampled, expected, others = sampled_values or log_uniform_candidate_sampler(
        labels, num_true, num_sampled, True, num_classes
    )
    rows = FUNCTIONS["expand_dims"](inputs, 1)
    true = FUNCTIONS["reduce_sum"](rows * gather(weights, labels), 2) + gather(biases, labels) - log(expected)
    noise = FUNCTIONS["matmul"](inputs, gather(weights, sampled), transpose_b=True) + gather(biases, sampled)
    noise = noise - log(others)
    if remove:  # a sampled class that is the true one
        labels = FUNCTIONS["cast"](labels, "int64")
        hits = FUNCTIONS["equal"](FUNCTIONS["expand_dims"](labels, 2), sampled)
        noise = noise - 1e30 * FUNCTIONS["to_float"](FUNCTIONS["reduce_any"](hits, 1))
    return true, noise


def make_sampled_loss(compute, remove):
    """Return a loss of each row whose goals are 1 for the true classes and 0 for sampled ones."""

    def loss(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true=1, sampled_values=None,
        remove_accidental_hits=remove, partition_strategy="mod", name=None,
    ):  # fmt: skip
        true, noise = compute_sampled_scores(
            weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values, remove_accidental_hits
        )
        goals = concat([FUNCTIONS["ones_like"](true) / num_true, FUNCTIONS["zeros_like"](noise)], 1)
        return compute(concat([true, noise], 1), goals)

    return loss


nce_loss = make_sampled_loss(
    lambda z, t: FUNCTIONS["reduce_sum"](FUNCTIONS["sigmoid_cross_entropy_with_logits"](z, t), 1), False
)
sampled_softmax_loss = make_sampled_loss(lambda z, t: FUNCTIONS["softmax_cross_entropy_with_logits"](z, t), True)
