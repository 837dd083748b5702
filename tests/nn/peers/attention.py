"""Attention layers, with and without heads and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.nn.peers import several
from tests.nn.peers.several import Case
from tests.nn.peers.store import Values

QUERY, VALUE, KEY = (2, 3, 4), (2, 5, 4), (2, 5, 6)
VALUE_MASK = np.array([[True, True, False, True, False], [False, True, True, True, True]])
QUERY_MASK = np.array([[True, False, True], [True, True, True]])
PAIRS = np.random.default_rng(3).random((2, 3, 5)) > 0.4
PAIRS[..., 1] = True
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}


def make_case(*shapes: tuple[int, ...], settings: Any = HEADS, **more: Any) -> Case:
    """Return a case of multi-head attention."""
    name = "GroupQueryAttention" if "head_dim" in settings else "MultiHeadAttention"
    return Case(name, shapes, settings, separate=True, **more)


CASES: dict[str, Case] = {
    "heads": make_case(QUERY, VALUE),
    "heads, key": make_case(QUERY, VALUE, KEY, settings={**HEADS, "use_bias": False}),
    # Without scores, Keras on JAX requires values and keys of equal length.
    "heads, short values": make_case(
        QUERY, VALUE, settings={**HEADS, "value_dim": 2}, keywords={"return_attention_scores": True}
    ),
    "heads, output": make_case(QUERY, VALUE, settings={**HEADS, "output_shape": 5}),
    "heads, scores": make_case(QUERY, VALUE, keywords={"return_attention_scores": True}),
    "heads, causal": make_case(VALUE, VALUE, keywords={"use_causal_mask": True}),
    "heads, causal, oblong": make_case(
        QUERY, VALUE, keywords={"use_causal_mask": True, "return_attention_scores": True}
    ),
    "heads, mask": make_case(QUERY, VALUE, keywords={"attention_mask": PAIRS}),
    "heads, mask without batch": make_case(
        QUERY, VALUE, keywords={"attention_mask": PAIRS[0], "return_attention_scores": True}
    ),
    "heads, padding": make_case(
        QUERY, VALUE, masks={1: VALUE_MASK}, keras_masks=lambda masks: {"value_mask": masks[1]}
    ),
    "heads, padding of keys": make_case(
        QUERY,
        VALUE,
        KEY,
        masks={2: VALUE_MASK},
        keywords={"use_causal_mask": False, "attention_mask": PAIRS},
        keras_masks=lambda masks: {"key_mask": masks[2]},
    ),
    "heads, two axes": make_case((2, 3, 2, 4), (2, 2, 3, 4)),
    "heads, second axis": make_case((2, 3, 2, 4), (2, 3, 5, 4), settings={**HEADS, "attention_axes": 2}),
    "groups": make_case(QUERY, VALUE, settings=GROUPS),
    "groups, causal, scores": make_case(
        VALUE, VALUE, settings=GROUPS, keywords={"use_causal_mask": True, "return_attention_scores": True}
    ),
    "dot": Case("Attention", (QUERY, VALUE)),
    "dot, key, scale": Case(
        "Attention", ((2, 3, 6), VALUE, KEY), {"use_scale": True}, {"return_attention_scores": True}
    ),
    "dot, masks": Case(
        "Attention",
        (QUERY, VALUE),
        masks={0: QUERY_MASK, 1: VALUE_MASK},
        keras_masks=lambda masks: {"mask": [masks[0], masks[1]]},
    ),
    "dot, causal": Case("Attention", (QUERY, VALUE), keywords={"use_causal_mask": True}),
    "concat": Case("Attention", (QUERY, VALUE), {"score_mode": "concat"}),
    "concat, scale": Case("Attention", (QUERY, VALUE), {"score_mode": "concat", "use_scale": True}),
    "additive": Case("AdditiveAttention", (QUERY, VALUE), keywords={"return_attention_scores": True}),
    "additive, masks": Case(
        "AdditiveAttention",
        (QUERY, VALUE),
        {"use_scale": False},
        {"use_causal_mask": False},
        masks={0: QUERY_MASK, 1: VALUE_MASK},
        keras_masks=lambda masks: {"mask": [masks[0], masks[1]]},
    ),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras."""
    return several.by_keras(key, CASES[key])


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return several.by_pellucid(key, CASES[key])
