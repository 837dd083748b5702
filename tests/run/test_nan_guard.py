"""The guard: the first nan or infinity that matters, and how it came about."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.types import Type

ONES = np.ones((4, 3), "float32")


def with_(value, base=ONES, at=(3, 1)):
    changed = base.copy()
    changed[at] = value
    return changed


@pytest.fixture
def x():
    return pel.matrix("x", shape=("n", 3))


def story(f, *args, run="__call__"):
    with pytest.raises(pel.NonFiniteError) as caught:
        getattr(f, run)(*args)
    return str(caught.value).splitlines(), caught.value.finding


def test_it_names_the_node_the_values_the_sample_and_who_passed_it_on(x):
    p = pel.log(x)
    lines, found = story(pel.function([x], -p.sum(), mode="guard"), with_(0))
    assert lines[:3] == [
        "log(x) became -inf",
        "  first at [3, 1], which is sample 3; 1 of 12 elements are nan or infinite",
        "  from x = 0.0",
    ]
    assert "test_guard.py:" in lines[3]
    assert "p = pel.log(x)" in lines[3]
    assert lines[4:] == [
        "  only passed on by log(x).sum(), -log(x).sum()",
        "  and so reached -log(x).sum()",
    ]
    assert found.expr is p
    assert found.place == (3, 1)


def test_values_that_are_fine_come_through_and_state_is_updated(x):
    w = pel.shared(np.zeros(3, "float32"), "w")
    f = pel.function([x], (x + w).sum(), updates={w: w + 1}, mode="guard")
    assert f(ONES) == 12
    assert f.repeat(2, ONES).tolist() == [24, 36]
    assert w.get_value().tolist() == [3, 3, 3]
    assert f.repeat(0, ONES).shape == (0,)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_data_is_the_datas_fault(x, value):
    w = pel.shared(np.ones(3, "float32"), "w")
    f = pel.function([x], updates={w: w + x.sum(0)}, mode="guard")
    lines, found = story(f, with_(value))
    assert lines[0] == f"x itself is {value} at [3, 1]: the data, not the network"
    assert lines[-2:] == ["  and so reached the update of w", "  Shared variables are as they were before this step"]
    assert found.expr is x
    assert w.get_value().tolist() == [1, 1, 1]


def test_a_shared_variable_that_was_bad_before_is_named():
    w = pel.shared(np.array([1, np.nan], "float32"), "w")
    lines, _ = story(pel.function([], w.sum(), mode="guard"))
    assert lines[:2] == [
        "The shared variable w itself was nan before this call",
        "  first at [1]; 1 of 2 elements are nan or infinite",
    ]


def test_operands_of_an_op_that_mixes_elements_are_given_by_their_range(x):
    W = pel.constant(np.full((3, 2), 3e38, "float32"))
    lines, _ = story(pel.function([x], x @ W, mode="guard"), ONES)
    assert "  from x: float32 (4, 3), from 1 to 1" in lines
    assert "8 of 8 elements" in lines[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: pel.where(x > 0, pel.log(x), 0.0),  # passed over
        lambda x: pel.softmax(pel.where(x > 0, x, -np.inf)),  # a mask
        lambda x: pel.where(x > 0, x, -np.inf),  # meant
        lambda x: pel.exp(pel.log(x)),  # becomes 0 again
        lambda x: pel.maximum(pel.log(x), -100.0),
        lambda x: pel.where(pel.isnan(x / x), 0.0, x),
    ],
)
def test_infinities_that_do_no_harm_are_no_alarm(x, make):
    f = pel.function([x], make(x), mode="guard", rewrite=False)
    f(with_(0))


def test_a_mask_over_everything_is_an_alarm(x):
    f = pel.function([x], pel.softmax(pel.where(x > 0, x, -np.inf)), mode="guard")
    lines, _ = story(f, with_(0, at=2))
    assert lines[0] == "softmax(where(x > 0, x, -inf)) became nan"
    assert "sample 2; 3 of 12" in lines[1]


def test_a_nan_that_a_comparison_hides_is_an_alarm(x):
    f = pel.function([x], (x / pel.sqrt(x)).argmax(-1), mode="guard", rewrite=False)
    lines, found = story(f, with_(0))
    assert lines[0] == "x / sqrt(x) became nan"
    assert lines[-1].endswith("argmax(axis=1)")
    assert found.place == (3, 1)


def test_the_gradient_is_watched_too(x):
    y = pel.sqrt(x).sum()
    lines, _ = story(pel.function([x], [y, pel.grad(y, x)], mode="guard"), with_(0))
    assert lines[0] == "1 / (2 * sqrt(x)) became inf"
    assert lines[2] == "  from 2 * sqrt(x) = 0.0"


def test_a_loop_says_its_step_and_keeps_the_steps_before_it(x):
    v = pel.shared(1.0, "v")
    lines, _ = story(pel.function([], v, updates={v: v * v * 4}, mode="guard"), 20, run="repeat")
    assert lines[0].endswith("became inf in step 6 of the loop (the first is 0)")
    assert 1e37 < v.get_value() < np.inf
    lines, _ = story(pel.function([x], pel.log(x), mode="guard"), np.stack([ONES, ONES, with_(0)]), run="over")
    assert lines[0] == "log(x) became -inf in step 2 of the loop (the first is 0)"


def test_a_sample_that_is_not_along_the_first_axis_is_named_by_its_size():
    x = pel.tensor3("x", shape=(5, "n", 3))
    lines, _ = story(
        pel.function([x], pel.log(x).sum(), mode="guard"), with_(0, np.ones((5, 4, 3), "float32"), (1, 2, 0))
    )
    assert lines[1].startswith("  first at [1, 2, 0], which is n = 2; 1 of 60 elements")


def test_an_op_with_several_results_is_named(x):
    def two_for_this_test(xp, x):
        """Return the sums along each axis of 1 / x."""
        return (1 / x).sum(0), (1 / x).sum(1)

    def types(x):
        return Type((3,), x.dtype), Type(x.shape[:1], x.dtype)

    first, second = pel.op(name="two_for_this_test", infer=types, differentiable=False)(two_for_this_test)(x)
    lines, found = story(pel.function([x], [first, second], mode="guard"), with_(0))
    assert lines[:2] == [
        "two_for_this_test(x) became inf",
        "  first at [1]; 1 of 3 elements are nan or infinite",
    ]
    assert len(found.passed_on) == 2


def test_the_step_of_a_scan_is_found(x):
    s = pel.vector("s")
    h = pel.scan(lambda s_t, h: pel.exp(h) * s_t, s, 1.0)
    lines, found = story(pel.function([s], h[-1], mode="guard"), np.ones(8, "float32"))
    assert lines[0].startswith("exp(")
    assert lines[0].endswith("became inf, in step 3 of scan")
    assert found.steps == (("scan_loop", 3),)
    assert lines[-1].startswith("  and so reached scan(")


def test_the_step_of_a_scan_inside_a_scan_is_found():
    s = pel.vector("s")

    def outer(s_t, h):
        inner = pel.scan(lambda k: pel.cast(1.0, "float32") / k + 0 * k, (), pel.cast(s_t, "float32"), length=2)
        return h + inner[-1]

    f = pel.function([s], pel.scan(outer, s, 0.0)[-1], mode="guard")
    assert f(np.ones(3, "float32")) == 3
    lines, found = story(f, np.array([1, 1, 0, 1], "float32"))
    assert "in step 2 of scan, in step 0 of scan" in lines[0]
    assert found.steps == (("scan_loop", 2), ("scan_loop", 0))


def test_loops_of_unknown_length_and_branches_are_looked_into():
    s = pel.scalar("s")
    grow = pel.while_loop(lambda s: s < 1e30, lambda s: pel.exp(s), s)
    lines, _ = story(pel.function([s], grow, mode="guard"), 1.0)
    assert lines[0].endswith("became inf, in step 3 of while_loop")
    choose = pel.function([s], pel.cond(s > 0, lambda: pel.log(s), lambda: pel.log(s - s)), mode="guard", rewrite=False)
    assert choose(1.0) == 0
    lines, _ = story(choose, -1.0)
    assert lines[0] == "log(s - s) became -inf, in a branch of cond"


def test_a_mask_inside_a_scan_is_no_alarm():
    s = pel.vector("s")
    masked = pel.scan(lambda s_t, h: pel.where(s_t > 0, h, -np.inf), s, 1.0)
    assert pel.function([s], pel.exp(masked[-1]), mode="guard")(np.zeros(3, "float32")) == 0


def test_the_program_that_runs_is_the_one_that_is_watched(x):
    naive = pel.log(pel.exp(x).sum())
    assert pel.function([x], naive, mode="guard")(ONES * 1000) > 1000  # simplified to logsumexp
    lines, _ = story(pel.function([x], naive, mode="guard", rewrite=False), ONES * 1000)
    assert lines[0] == "exp(x) became inf"


def test_a_deep_expression_is_told_in_brief(x):
    deep = x
    for _ in range(20):
        deep = pel.tanh(deep + 1) * x
    lines, _ = story(pel.function([x], pel.log(deep - deep.max()).sum(), mode="guard"), ONES)
    assert lines[0].startswith("log(")
    assert "…" in lines[0]
    assert max(map(len, lines[:3])) < 100


def test_what_simplification_made_is_traced_to_the_line_that_wrote_it(x):
    naive = pel.log(1 + (x + x) / 2)  # becomes log1p(x)
    f = pel.function([x], naive.sum(), mode="guard")
    lines, _ = story(f, with_(-1))
    assert lines[0] == "log1p(x) became -inf"
    assert "naive = pel.log(1 + (x + x) / 2)" in lines[3]
