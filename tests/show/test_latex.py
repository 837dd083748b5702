"""LaTeX of expressions: readable, valid and equivalent."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.graph.op import OPS
from pellucid.graph.pattern import make_hole
from pellucid.show import latex, latex_definitions
from pellucid.show.formulas.latex_names import name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from tests.named_case import name_case

x, y, n = pel.vector("x", shape=("n",)), pel.vector("y", shape=("n",)), pel.scalar("alpha")
X, W = pel.matrix("X", shape=("n", 2)), pel.matrix("W1", shape=(2, 2))


def test_expressions_are_written_as_in_print():
    cases = [
        (x - (y - 1), r"x - \left(y - 1\right)"),
        (-(x + y), r"-\left(x + y\right)"),
        (x + -y, "x - y"),
        (x + -(y * y), r"x - y \odot y"),
        (x + -(y + 1), r"x - \left(y + 1\right)"),
        (x + -(y - n), r"x - \left(y - \alpha\right)"),
        (x + -pel.negative(y), r"x - \left(-y\right)"),
        (x * (y + -(n + 1)), r"x \odot \left(y - \left(\alpha + 1\right)\right)"),
        (pel.log1p(-x), r"\log(1 - x)"),
        (n * x, r"\alpha \, x"),
        (x * y, r"x \odot y"),
        (x * 2, r"x \cdot 2"),
        (x * -2, r"x \cdot \left(-2\right)"),
        (x * (-y), r"x \odot \left(-y\right)"),
        (1e-8 * x, r"10^{-8} \, x"),
        (x**3e-8, r"x^{3 \cdot 10^{-8}}"),
        (x + np.inf, r"x + \infty"),
        (X @ W, "X W_{1}"),
        (X @ (W @ W), r"X \left(W_{1} W_{1}\right)"),
        (X * (X @ W), r"X \odot X W_{1}"),
        ((X * X) @ W, r"\left(X \odot X\right) W_{1}"),
        ((X @ W).T, r"\left(X W_{1}\right)^\top"),
        (X.T.T @ W, r"\left(X^\top\right)^\top W_{1}"),
        ((X + 1) / (n - 1), r"\frac{X + 1}{\alpha - 1}"),
        ((x / y) ** 2, r"\left(\frac{x}{y}\right)^{2}"),
        (pel.exp(x) ** 2, r"\left(e^{x}\right)^{2}"),
        ((x**2) ** 3, r"\left(x^{2}\right)^{3}"),
        (pel.tanh(X @ W) ** 2, r"\tanh(X W_{1})^{2}"),
        ((x * y).sum(), r"\sum x \odot y"),
        (x.sum() * y, r"\left(\sum x\right) \, y"),
        (x.sum() ** 2, r"\left(\sum x\right)^{2}"),
        (x.sum() + n, r"\sum x + \alpha"),
        (-x.sum(), r"-\sum x"),
        ((x + y).sum(), r"\sum \left(x + y\right)"),
        (X.sum(axis=0), r"\sum_{n} X"),
        (X.sum(axis=1).mean(), r"\operatorname{mean}(\sum_{\text{axis 1}} X)"),
        (pel.cast(x + y, "float64") * 2, r"\left(x + y\right) \cdot 2"),
        (X + x[:, None], r"X + x_{:, \ast}"),
        (W[0] ** 2, r"{W_{1}}_{0}^{2}"),
        (
            pel.where(x > 0, x, 0) * n,
            r"\left(\begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}\right) \, \alpha",
        ),
        (X @ pel.constant([1.0, 2.5]), r"X \begin{bmatrix} 1 & 2.5 \end{bmatrix}"),
        (W @ pel.constant([[1.0, 2.0], [-3.0, 0.0]]), r"W_{1} \begin{bmatrix} 1 & 2 \\ -3 & 0 \end{bmatrix}"),
        (W + pel.constant(np.zeros((2, 2), "float32")), r"W_{1} + \mathbf{0}"),
        (pel.constant(np.arange(100.0)), r"\mathrm{const}_{(100,)}"),
        (pel.constant([True, False]), r"\begin{bmatrix} \mathrm{true} & \mathrm{false} \end{bmatrix}"),
        (pel.one_hot(pel.ivector("y"), 3), r"\operatorname{onehot}(y)"),
        (make_hole("a") * make_hole("b"), r"a \, b"),
    ]
    for expr, written in cases:
        with name_case(written):
            assert latex(expr) == written


def test_names_of_many_kinds():
    assert [
        name_to_latex(name)
        for name in ("dense_1/kernel", "50%", "x_bar", "alpha1", "Xi", "x_1_t", "rate", r"\hat\theta")
    ] == [
        r"\mathrm{dense\_1/kernel}",
        r"\mathrm{50\%}",
        r"\bar{x}",
        r"\alpha_{1}",
        r"\Xi",
        "x_{1, t}",
        r"\mathit{rate}",
        r"\hat\theta",
    ]
    assert latex(pel.vector() + 1) == r"\mathit{input} + 1"


def test_subexpressions_take_given_names():
    h = pel.tanh(X @ W)
    assert latex(h.sum() + h[0], {h: "h1"}) == r"\sum h_{1} + {h_{1}}_{0}"
    assert latex(h**2, {h: "h^{(1)}"}) == "{h^{(1)}}^{2}"


def test_definitions_are_written_line_by_line():
    h = pel.tanh(X @ W)
    p = pel.softmax(h)
    assert latex_definitions({"h": h, r"\hat p": p, "L": -pel.log(p).sum()}).splitlines() == [
        r"\begin{split}",
        r"h &= \tanh(X W_{1}) \\",
        r"\hat p &= \operatorname{softmax}(h) \\",
        r"L &= -\sum \log(\hat p)",
        r"\end{split}",
    ]


def test_a_scan_is_written_as_its_recurrence():
    U = pel.shared(np.ones((2, 2), "float32"), "Wh")
    h = pel.scan(lambda x_t, h: pel.tanh(x_t @ W + h @ U), X, np.zeros(2, "float32"))
    assert latex_definitions({"E": (h * 2).sum()}).splitlines()[1:-1] == [
        r"h_{0} &= 0 \\",
        r"h_{t} &= \tanh(x_{t} W_{1} + h_{t-1} W_{h}) \\".replace("x_{t}", "X_{t}"),
        r"E &= \sum h \cdot 2",
    ]
    named = latex_definitions({"s": h, "h": pel.tanh(h)})
    assert r"s_{t} &= \tanh(X_{t} W_{1} + s_{t-1} W_{h})" in named
    assert r"h &= \tanh(s)" in named


def test_backpropagation_through_time_is_a_recurrence_from_the_end():
    w = pel.shared(np.float32(0.5), "w")
    h = pel.scan(lambda x_t, h: x_t + w * h, x, 0.0)
    assert latex_definitions({"h": h, r"\partial w": pel.grad(h.sum(), w)}).splitlines()[1:-1] == [
        r"h_{0} &= 0 \\",
        r"h_{t} &= x_{t} + w \, h_{t-1} \\",
        r"\delta_{t} &= 1 + g_{t+1} \\",
        r"g_{T+1} &= 0 \\",
        r"g_{t} &= \delta_{t} \, w \\",
        r"\partial w &= \sum_{t} \delta_{t} \, h_{t-1}",
    ]


def test_long_formulas_are_truncated_and_closed():
    chain = x
    for _ in range(5000):
        chain = pel.tanh(chain)
    assert latex(chain, limit=2) == r"\tanh(\tanh(\cdots))"
    deep = latex(chain, limit=10_000)
    assert deep.count("(") == deep.count(")") == 5000


def test_notebooks_show_formulas():
    assert (x + 1)._repr_latex_() == r"$\displaystyle x + 1$"


LEAVES = [x, y, n, X, W, pel.constant(-2.5), pel.constant(1e-7), pel.constant([1.0, -2.0])]
UNARY = [pel.tanh, pel.exp, pel.sigmoid, pel.square, pel.sqrt, pel.abs, pel.log1p, pel.softplus, pel.floor]
UNARY += [lambda a: -a, lambda a: a.sum(), lambda a: a.mean(), lambda a: a.T, lambda a: pel.where(a > 0, a, -a)]
BINARY = [pel.add, pel.subtract, pel.multiply, pel.true_divide, pel.power, pel.maximum, pel.remainder, pel.floor_divide]
BINARY += [pel.matmul, lambda a, b: pel.cast((a > b) & ~(b > 1), "float32")]


def grow(children):
    """Combine expressions if their shapes allow it."""

    def both(drawn):
        op, a, b = drawn
        try:
            return op(a, b)
        except pel.ShapeError:
            return a

    return st.one_of(
        st.tuples(st.sampled_from(UNARY), children).map(lambda drawn: drawn[0](drawn[1])),
        st.tuples(st.sampled_from(BINARY), children, children).map(both),
    )


expressions = st.recursive(st.sampled_from(LEAVES), grow, max_leaves=12)


def check_formula(expr):
    """Check that braces balance, that MathML is valid, and that Matplotlib can parse all but matrices and cases."""
    from latex2mathml.converter import convert
    from matplotlib.mathtext import MathTextParser

    written = latex(expr)
    check_balance(written)
    assert convert(written).startswith("<math")
    check_balance(latex_definitions({"e": expr, "f": expr + 1}))
    if r"\begin" not in written:
        MathTextParser("path").parse(f"${written}$")


@settings(max_examples=30)
@given(expressions)
def test_formulas_are_valid(expr):
    check_formula(expr)


@pytest.mark.slow
@settings(max_examples=300)
@given(expressions)
def test_more_formulas_are_valid(expr):
    check_formula(expr)


def test_every_op_has_valid_latex():
    for name, op in OPS.items():
        with name_case(name):
            check_latex(op)


def check_latex(op):
    from latex2mathml.converter import convert

    operands = [make_hole(letter) for letter in "abcdefg"[: 3 if op.variadic else len(op.operands)]]
    numbers = {key: value for key, value in op.defaults.items() if type(value) is int}
    written = latex(op(*operands, **numbers))
    check_balance(written)
    assert convert(written).startswith("<math")


def check_balance(written):
    """Check that braces, parentheses and environments are closed."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", written):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert written.count(r"\left") == written.count(r"\right")
    assert written.count(r"\begin") == written.count(r"\end")
    assert not re.search(r"_\{[^{}]*\}_|\^\{[^{}]*\}\^|\^\\top\^", written)


@pytest.mark.parametrize(
    ("tex", "written"),
    [
        (r"\log \operatorname{softmax}(z)", '<mi>log</mi><mspace width="0.167em"></mspace><mi>softmax</mi><mo'),
        (r"p - \operatorname{onehot}(y)", "<mo>&#x02212;</mo><mi>onehot</mi><mo"),
        (r"2 \operatorname{erf}^{-1} x", '<mn>2</mn><mspace width="0.167em"></mspace><msup><mi>erf</mi>'),
        (r"x = -y", '<mo form="prefix">&#x02212;</mo><mi>y</mi>'),
        (r"\left(-x\right)", '<mo form="prefix">&#x02212;</mo><mi>x</mi>'),
        (r"|x| - y", '<mo stretchy="false">&#x0007C;</mo><mo>&#x02212;</mo><mi>y</mi>'),
        (r"(x) - y", '<mo stretchy="false">&#x00029;</mo><mo>&#x02212;</mo><mi>y</mi>'),
        (r"\sum \log x", '<mo>&#x02211;</mo><mi>log</mi><mspace width="0.167em"></mspace><mi>x</mi>'),
    ],
)
def test_functions_and_signs_are_spaced_as_in_print(tex, written):
    assert written in latex_to_mathml(tex)


@pytest.mark.parametrize(
    ("write", "wrong", "message"),
    [
        (pel.latex, "x", r"latex: expected an expression\. Received: 'x', of type str"),
        (pel.text, "x", r"text: expected an expression\. Received: 'x', of type str"),
        (pel.text, [pel.vector("x")], r"text: expected an expression\. Received: \[x\], of type list"),
        (pel.latex, pel.formula(pel.vector("x") + 1), r"of type Formula; call its method latex\(\)"),
    ],
)
def test_other_objects_are_refused(write, wrong, message):
    with pytest.raises(pel.UseError, match=message):
        write(wrong)
