"""The NaN guard: the origin of the first harmful NaN or infinity, and the error that explains it."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.types import Type

ONES = np.ones((4, 3), "float32")


def replace_one(value, base=ONES, at=(3, 1)):
    changed = base.copy()
    changed[at] = value
    return changed


@pytest.fixture
def x():
    return pel.matrix("x", shape=("n", 3))


def run_guarded(f, *args, run="__call__"):
    with pytest.raises(pel.NonFiniteError) as caught:
        getattr(f, run)(*args)
    return str(caught.value).splitlines(), caught.value.finding


def test_the_error_names_origin_operands_sample_and_affected_results(x):
    p = pel.log(x)
    lines, found = run_guarded(pel.function([x], -p.sum(), mode="guard"), replace_one(0))
    assert lines[:3] == [
        "log(x) became -inf",
        "  first at [3, 1], which is sample 3; 1 of 12 elements are nan or infinite",
        "  from x = 0.0",
    ]
    assert lines[3].startswith("  created at tests/run/test_nan_guard.py:")
    assert "p = pel.log(x)" in lines[3]
    assert lines[4:6] == ["  propagated by log(x).sum(), -log(x).sum()", "  to -log(x).sum()"]
    assert lines[6].startswith("  fix: Keep the operand above 0")
    assert found.expr is p
    assert found.position == (3, 1)


def test_finite_values_pass_and_update_the_state(x):
    w = pel.shared(np.zeros(3, "float32"), "w")
    f = pel.function([x], (x + w).sum(), updates={w: w + 1}, mode="guard")
    assert f(ONES) == 12
    assert f.repeat(2, ONES).tolist() == [24, 36]
    assert w.get_value().tolist() == [3, 3, 3]
    assert f.repeat(0, ONES).shape == (0,)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonfinite_data_are_named(x, value):
    w = pel.shared(np.ones(3, "float32"), "w")
    f = pel.function([x], updates={w: w + x.sum(0)}, mode="guard")
    lines, found = run_guarded(f, replace_one(value))
    assert lines[0] == f"The data contain {value}: x is {value} at [3, 1]"
    assert lines[-3:-1] == ["  to the update of w", "  Shared variables have the values from before this step"]
    assert found.expr is x
    assert w.get_value().tolist() == [1, 1, 1]


def test_a_nonfinite_shared_variable_is_named():
    w = pel.shared(np.array([1, np.nan], "float32"), "w")
    lines, _ = run_guarded(pel.function([], w.sum(), mode="guard"))
    assert lines[:2] == [
        "The shared variable w was nan before this call",
        "  first at [1]; 1 of 2 elements are nan or infinite",
    ]


def test_a_nan_made_of_an_infinite_constant_or_infinite_data_is_named(x):
    infinite = pel.constant(np.array([1, np.inf, 1], "float32"))
    product = x * infinite
    lines, found = run_guarded(pel.function([x], product.sum(), mode="guard"), replace_one(0))
    assert lines[0].endswith("became nan")
    assert (found.expr, found.position) == (product, (3, 1))
    difference = x - x.max(axis=0)
    lines, found = run_guarded(pel.function([x], difference.sum(), mode="guard"), replace_one(np.inf))
    assert (found.expr, found.position) == (difference, (3, 1))


def test_operands_of_other_than_elementwise_ops_are_given_by_range(x):
    W = pel.constant(np.full((3, 2), 3e38, "float32"))
    lines, _ = run_guarded(pel.function([x], x @ W, mode="guard"), ONES)
    assert "  from x: float32 (4, 3), from 1 to 1" in lines
    assert "8 of 8 elements" in lines[1]


@pytest.mark.parametrize(
    "build",
    [
        lambda x: pel.where(x > 0, pel.log(x), 0.0),  # not selected
        lambda x: pel.softmax(pel.where(x > 0, x, -np.inf)),  # a mask
        lambda x: pel.where(x > 0, x, -np.inf),  # intended
        lambda x: pel.exp(pel.log(x)),  # becomes 0 again
        lambda x: pel.maximum(pel.log(x), -100.0),
        lambda x: pel.where(pel.isnan(x / x), 0.0, x),
    ],
)
def test_harmless_infinities_pass(x, build):
    f = pel.function([x], build(x), mode="guard", rewrite=False)
    f(replace_one(0))


def test_a_mask_of_all_elements_is_reported(x):
    f = pel.function([x], pel.softmax(pel.where(x > 0, x, -np.inf)), mode="guard")
    lines, _ = run_guarded(f, replace_one(0, at=2))
    assert lines[0] == "softmax(where(x > 0, x, -inf)) became nan"
    assert "sample 2; 3 of 12" in lines[1]


def test_a_nan_that_a_comparison_hides_is_reported(x):
    f = pel.function([x], (x / pel.sqrt(x)).argmax(-1), mode="guard", rewrite=False)
    lines, found = run_guarded(f, replace_one(0))
    assert lines[0] == "x / sqrt(x) became nan"
    assert lines[-2].endswith("argmax(axis=1)")
    assert found.position == (3, 1)


def test_gradients_are_checked(x):
    y = pel.sqrt(x).sum()
    lines, _ = run_guarded(pel.function([x], [y, pel.grad(y, x)], mode="guard"), replace_one(0))
    assert lines[0] == "1 / (2 * sqrt(x)) became inf"
    assert lines[2] == "  from 2 * sqrt(x) = 0.0"


def test_a_loop_names_the_step_and_keeps_earlier_ones(x):
    v = pel.shared(1.0, "v")
    lines, _ = run_guarded(pel.function([], v, updates={v: v * v * 4}, mode="guard"), 20, run="repeat")
    assert lines[0].endswith("became inf in step 6 of the loop (the first is 0)")
    assert 1e37 < v.get_value() < np.inf
    lines, _ = run_guarded(
        pel.function([x], pel.log(x), mode="guard"), np.stack([ONES, ONES, replace_one(0)]), run="over"
    )
    assert lines[0] == "log(x) became -inf in step 2 of the loop (the first is 0)"


def test_positions_on_named_dimensions():
    x = pel.tensor3("x", shape=(5, "n", 3))
    lines, _ = run_guarded(
        pel.function([x], pel.log(x).sum(), mode="guard"), replace_one(0, np.ones((5, 4, 3), "float32"), (1, 2, 0))
    )
    assert lines[1].startswith("  first at [1, 2, 0], which is n = 2; 1 of 60 elements")


def test_an_op_with_several_results(x):
    def two_for_this_test(xp, x):
        """Return the sums along each axis of 1 / x."""
        return (1 / x).sum(0), (1 / x).sum(1)

    def types(x):
        return Type((3,), x.dtype), Type(x.shape[:1], x.dtype)

    first, second = pel.op(name="two_for_this_test", infer=types, differentiable=False)(two_for_this_test)(x)
    lines, found = run_guarded(pel.function([x], [first, second], mode="guard"), replace_one(0))
    assert lines[:2] == [
        "two_for_this_test(x) became inf",
        "  first at [1]; 1 of 3 elements are nan or infinite",
    ]
    assert len(found.propagated_to) == 2


def test_the_step_of_a_scan_is_found(x):
    s = pel.vector("s")
    h = pel.scan(lambda s_t, h: pel.exp(h) * s_t, s, 1.0)
    lines, found = run_guarded(pel.function([s], h[-1], mode="guard"), np.ones(8, "float32"))
    assert lines[0].startswith("exp(")
    assert lines[0].endswith("became inf, in step 3 of scan")
    assert found.loop_steps == (("scan_loop", 3),)
    assert lines[-2].startswith("  to scan(")


def test_the_step_of_a_scan_inside_a_scan_is_found():
    s = pel.vector("s")

    def outer(s_t, h):
        inner = pel.scan(lambda k: pel.cast(1.0, "float32") / k + 0 * k, (), pel.cast(s_t, "float32"), length=2)
        return h + inner[-1]

    f = pel.function([s], pel.scan(outer, s, 0.0)[-1], mode="guard")
    assert f(np.ones(3, "float32")) == 3
    lines, found = run_guarded(f, np.array([1, 1, 0, 1], "float32"))
    assert "in step 2 of scan, in step 0 of scan" in lines[0]
    assert found.loop_steps == (("scan_loop", 2), ("scan_loop", 0))


def test_steps_of_while_loops_and_branches_are_found():
    s = pel.scalar("s")
    grow = pel.while_loop(lambda s: s < 1e30, lambda s: pel.exp(s), s)
    lines, _ = run_guarded(pel.function([s], grow, mode="guard"), 1.0)
    assert lines[0].endswith("became inf, in step 3 of while_loop")
    choose = pel.function([s], pel.cond(s > 0, lambda: pel.log(s), lambda: pel.log(s - s)), mode="guard", rewrite=False)
    assert choose(1.0) == 0
    lines, _ = run_guarded(choose, -1.0)
    assert lines[0] == "log(s - s) became -inf, in a branch of cond"


def test_a_mask_inside_a_scan_passes():
    s = pel.vector("s")
    masked = pel.scan(lambda s_t, h: pel.where(s_t > 0, h, -np.inf), s, 1.0)
    assert pel.function([s], pel.exp(masked[-1]), mode="guard")(np.zeros(3, "float32")) == 0


def test_the_simplified_program_is_checked(x):
    naive = pel.log(pel.exp(x).sum())
    assert pel.function([x], naive, mode="guard")(ONES * 1000) > 1000  # simplified to logsumexp
    lines, _ = run_guarded(pel.function([x], naive, mode="guard", rewrite=False), ONES * 1000)
    assert lines[0] == "exp(x) became inf"


def test_deep_expressions_are_abbreviated(x):
    deep = x
    for _ in range(20):
        deep = pel.tanh(deep + 1) * x
    lines, _ = run_guarded(pel.function([x], pel.log(deep - deep.max()).sum(), mode="guard"), ONES)
    assert lines[0].startswith("log(")
    assert "…" in lines[0]
    assert max(map(len, lines[:3])) < 100


def test_rewritten_expressions_name_the_line_that_created_them(x):
    naive = pel.log(1 + (x + x) / 2)  # becomes log1p(x)
    f = pel.function([x], naive.sum(), mode="guard")
    lines, _ = run_guarded(f, replace_one(-1))
    assert lines[0] == "log1p(x) became -inf"
    assert "naive = pel.log(1 + (x + x) / 2)" in lines[3]
