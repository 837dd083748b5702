"""Forms of answers, what the checker says about unusable ones, and properties of its search."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.course.checker.answers import AnswerValue
from pellucid.course.checker.check import explain_answer
from pellucid.course.checker.question import Question
from pellucid.course.checker.search import compute_candidates, is_equal

X = pel.matrix("X", ("n", 3), dtype="float64")
W, b = pel.matrix("W", (3, 4), "float64"), pel.vector("b", (4,), "float64")
y = pel.ivector("y", ("n",))
z = pel.named("z", X @ W + b)
a = pel.named("a", pel.tanh(z))
T = pel.matrix("T", ("n", 4), dtype="float64")
loss = ((a - T) ** 2).sum() / 2
d = pel.named("d", (a - T) * (1 - a**2))


def test_functions_of_arrays() -> None:
    assert pel.check_answer(a, lambda X, W, b: np.tanh(X @ W + b))
    result = pel.check_answer(a, lambda X, W, b: np.tanh(X @ W), quantity="a")
    assert result.message.startswith("a: The bias `b` is missing")


def test_several_lines_with_intermediate_results() -> None:
    lines = """
        e = a - T  # the error
        slope = 1 - a
        d = e * slope
        return X.T @ (
            d)
    """
    result = pel.check_answer(loss, lines, wrt=W)
    assert result.message.startswith("dW: `1 - a` stands where `1 - a**2` belongs")
    assert pel.check_answer(loss, lines.replace("1 - a", "1 - a**2"), wrt=W)
    wrong = pel.check_answer(loss, "e = a - Q\ne", wrt=W)
    assert wrong.message.startswith("dW: Unknown letter 'Q'")
    assert wrong.message.endswith("In `a - Q`.")


def test_code_with_loops_should_be_a_function() -> None:
    assert pel.check_answer(a, "for i in z: pass").message.endswith("For code with loops, pass a function.")


def test_a_function_with_a_default() -> None:
    assert pel.check_answer(a, lambda z, scale=1.0: scale * np.tanh(z))


def test_a_function_may_change_its_arguments() -> None:
    def overwrite(z):
        np.tanh(z, out=z)
        return z

    assert pel.check_answer(a, overwrite)
    assert pel.check_answer(a, overwrite)


def test_expressions() -> None:
    assert pel.check_answer(pel.grad(loss, b), ((a - T) * (1 - a**2)).sum(axis=0))
    result = pel.check_answer(pel.grad(loss, b), (a - T).sum(axis=0), quantity="db")
    assert "factor `1 - a**2` is missing" in result.message


def test_an_expression_with_another_input() -> None:
    other = pel.matrix("Q", ("n", 4), dtype="float64")
    result = pel.check_answer(a, pel.tanh(other), quantity="a")
    assert result.message == "a: the answer contains Q, which the formula does not contain. Letters: X, W, b, z, n."


def test_values_need_data() -> None:
    result = pel.check_answer(pel.tanh(X), np.ones((5, 3)), quantity="a")
    assert "pass given={...} with arrays for X" in result.message
    data = np.linspace(-1, 1, 6).reshape(2, 3)
    assert pel.check_answer(pel.tanh(X), np.tanh(data), {"X": data})
    assert not pel.check_answer(pel.tanh(X), data, {"X": data})


def test_a_loss_and_what_to_differentiate_by() -> None:
    assert pel.check_answer(loss, "X.T @ d", {"d": d}, wrt=W)
    result = pel.check_answer(loss, "X @ d", {"d": d}, wrt=W)
    assert result.message.startswith("dW: `X @ d`: X has shape (5, 3) and d (5, 4)")


def test_letters_are_found_by_value() -> None:
    """The gradient is simplified, so the expression of a letter need not occur in it."""
    result = pel.check_answer(loss, "X.T @ d + W", {"d": (a - T) * (1 - a) * (1 + a)}, wrt=W)
    assert result.message.startswith("dW: The term `W` is too much")


UNUSABLE = [
    ("tanh(q)", "q"),
    ("", "empty"),
    (None, "there is no answer yet."),
    (..., "there is no answer yet."),
    (lambda X: None, "your function returns nothing yet. Does it end with `return`?"),
    (lambda X: X[9], "your function raised IndexError: index 9 is out of bounds for axis 0 with size 5 (line"),
    (lambda Z: Z, "the parameter 'Z' is not one of the letters X, W, b, z, n. Did you mean 'z'?"),
    ("a", "a"),
    (lambda X: "no", "expected an array of numbers. Received: 'no'."),
    ("# only\n# comments", "Unexpected `#`"),
    (max, "has no named parameters. Write a function of letters, or a formula as text."),
    (["a", "b"], "expected a formula as text, a function or an expression. Received: ['a', 'b']."),
]


def test_answers_that_cannot_be_compared() -> None:
    for answer, message in UNUSABLE:
        result = pel.check_answer(a, answer, quantity="a")
        assert not result, answer
        assert message in str(result)


def test_wrong_references() -> None:
    with pytest.raises(pel.UseError, match=r"expected the true formula, an expression\. Received: 3"):
        pel.check_answer(3, "x")
    with pytest.raises(pel.UseError, match=r"expected an expression or numbers for given\['q'\]\. Received: 'text'"):
        pel.check_answer(a, "z", {"q": "text"})
    with pytest.raises(pel.UseError, match=r"given\['q'\] is an array, but the formula has no input 'q'"):
        pel.check_answer(a, "z", {"q": [1.0]})


UNKNOWN_MISTAKES = [
    (lambda z: z[:2], "a: Your result has shape (2, 4); a has shape (5, 4)."),
    (lambda z: 7 * np.tanh(z), "a: Your result is 7 times the right one."),
    (lambda z: np.tanh(z) + 7, "a: All entries differ from the right ones by the same number: a constant term"),
    (lambda z: np.tanh(z) * np.sign(z[0]), "a: The absolute values are right, and some signs are wrong."),
    (lambda z: np.sqrt(z) + 1, " entries are NaN or infinite."),
    (lambda z: np.where(z > 0, np.tanh(z), 3), " of 20 entries are right."),
    (lambda z: z**5 - 3 * np.exp(z), "a: The numbers are wrong, and no single mistake that is known here explains"),
]


def test_unknown_mistakes_are_described() -> None:
    for answer, message in UNKNOWN_MISTAKES:
        assert message in pel.check_answer(pel.tanh(z), answer, {"z": z}, quantity="a").message


ALIGNED = [
    ("X.T @ ((a - T) * (1 - a**2)) + 0.3 * exp(W)", ["The term `0.3 * exp(W)` is too much"]),
    ("X.T @ ((a - T[::-1]) * (1 - a**2))", ["`T` is in reverse order"]),
    (
        "X.T @ ((a - T[::-1]) * (1 - exp(a)))",
        ["two things", "First: `T` is in reverse order", "Second: `exp(a)` stands where `a**2`"],
    ),
    ("X.T @ ((a - T[::-1]) / (1 - a**2))", ["two things", "wrong side of the fraction", "`T` is in reverse order"]),
    ("exp(X).T @ ((a - T) * (1 - a**2))", ["`exp(X)` stands where `X` belongs"]),
]


def test_formulas_are_aligned_part_by_part() -> None:
    for answer, words in ALIGNED:
        message = pel.check_answer(loss, answer, wrt=W).message
        assert all(word in message for word in words), (answer, message)


def test_wrong_entries_are_listed() -> None:
    result = pel.check_answer(pel.tanh(z), lambda z: np.where(z > 0, np.tanh(z), 3), {"z": z})
    assert result.hints[0].startswith("The wrong entries are at (0, ")


def test_hints_lead_to_the_part() -> None:
    result = pel.check_answer(loss, "X.T @ (a - T)", wrt=W)
    assert result.hints == ("Look at the part `(a - T) * (1 - a**2)`.",)


def test_results_show_themselves() -> None:
    right, wrong = pel.check_answer(a, "tanh(z)"), pel.check_answer(loss, "X.T @ (a - T)", wrt=W)
    assert "✓ Right." in right._repr_html_()
    assert "✗ Not yet." in wrong._repr_html_()
    assert "<summary>Hint 1</summary>" in wrong._repr_html_()
    assert repr(right) == "right: a is right."


def test_probe_data_are_generic() -> None:
    question = Question(pel.relu(z), {"X": X})
    sizes = [size for value in question.letters.values() for size in value.shape]
    assert len(set(sizes)) == len({"n", 3, 4})
    assert np.any(question.letters["z"] > 0)
    assert np.any(question.letters["z"] < 0)
    assert np.all(question.letters["b"] != 0)


def test_labels_are_valid_and_all_occur() -> None:
    question = Question(pel.log(pel.softmax(z))[pel.arange_like(y), y].mean(), {})
    assert set(question.letters["y"]) == {0, 1, 2, 3}


def test_logarithms_get_positive_inputs() -> None:
    p = pel.vector("p", ("n",), "float64")
    assert np.all(Question(pel.log(p) + pel.log(1 - p), {}).letters["p"] > 0)


def test_float32_formulas_are_compared_in_float64() -> None:
    x, w = pel.vector("x", ("n",)), pel.scalar("w")
    assert pel.check_answer(pel.tanh(w * x), lambda x, w: np.tanh(x * w))
    result = pel.check_answer(pel.tanh(w * x), lambda x, w: np.tanh(x * w) * 1.00001)
    assert not result


@pytest.mark.parametrize("part", range(2))
def test_every_mistake_explains_its_own_numbers(part: int) -> None:
    """Each result that the search can produce has an explanation, and each message is a sentence."""
    penalized = loss + 0.1 * (W**2).sum()
    question = Question(pel.grad(penalized, W), {"d": d, "X": X, "W": W})
    context = question.read(frozenset(question.definitions))
    candidates = [c for c in compute_candidates(context) if not is_equal(c.value, question.truth)]
    assert len(candidates) > 100
    for candidate in candidates:
        statement, why = candidate.mistake.tell()
        assert statement.endswith(".")
        assert statement[0].isupper() or statement[0] == "`"
        assert not why or why.endswith((".", "`+=`.", "?"))
    for candidate in candidates[7 * part :: 14]:
        assert explain_answer(question, AnswerValue(candidate.value, frozenset({"d", "X", "W"}))) is not None
