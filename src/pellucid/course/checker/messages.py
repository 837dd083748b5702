"""What the checker says about each kind of mistake: what is wrong, and why it matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import Node
from pellucid.course.checker.slopes import Slope
from pellucid.course.checker.variations import Surroundings, Variation

Text = tuple[str, str]
"""What is wrong, and why it matters. The second may be empty."""

CHAIN_RULE = "By the chain rule, the error is multiplied by it on its way back."
TURNED = (
    "Each input is multiplied by the kernel's entries in the opposite order on the way back. A correlation with the padded gradient "
    "needs the kernel turned by 180 degrees; a loop that adds windows at their places needs it as it is."
)


class Writer:
    """Writes about variations of one formula.

    Parameters
    ----------
    around : Surroundings
        The formula.
    """

    def __init__(self, around: Surroundings) -> None:
        self.around, self.graph = around, around.graph

    def write(self, variation: Variation) -> Text:
        """Return what is wrong and why it matters."""
        return MESSAGES[variation.kind](self, variation)

    def quote(self, node: Node) -> str:
        return f"`{self.graph.describe(node)}`"

    def where(self, node: Node) -> str:
        """Return " in `...`" for a part of the formula, and nothing for the whole of it."""
        return "" if node is self.graph.root else f" in {self.quote(node)}"

    def find_slope(self, node: Node) -> Slope | None:
        """Return the derivative that a node is, if it is one."""
        from pellucid.course.checker.slopes import find_slopes

        value = self.graph.base[node]
        for slope in find_slopes(self.around):
            if value.ndim and slope.value.shape == value.shape and np.allclose(slope.value, value):
                return slope
        return None

    def is_size(self, node: Node) -> bool:
        """Whether a node is the length of an axis, such as the batch size."""
        value = self.graph.base[node]
        return value.ndim == 0 and node.kind != "constant" and float(value) in self.around.sizes.values()

    def is_scalar(self, node: Node) -> bool:
        return self.graph.base[node].ndim == 0

    def is_penalty(self, node: Node) -> bool:
        """Whether a term is a number times a weight, or a number times the sum of its squares."""
        if node.kind != "product" or len(node.operands) < 2:
            return node.kind == "reduction" and node.operands[0].kind == "power"
        rest = [o for o in node.operands if not self.is_scalar(o)]
        if not rest:
            return any(
                o.kind == "reduction" and o.operands[0].kind == "power" or o.kind == "sum" for o in node.operands
            )
        return len(rest) == 1 and rest[0].kind == "letter" and self.graph.base[rest[0]].ndim >= 1

    def is_bias(self, node: Node) -> bool:
        return node.kind == "letter" and node.name in self.around.biases

    def explain_factor(self, node: Node) -> str:
        """Return why a factor belongs into the formula."""
        if slope := self.find_slope(node):
            of = f" of {slope.activation}" + (f" at `{slope.input}`" if slope.input else "")
            return f"It is the derivative{of}. {CHAIN_RULE}"
        if self.is_size(node):
            return "The loss is a mean over the samples, not a sum, so its gradient is divided by their number."
        if node.kind == "letter" and node.name in ("rate", "eta", "lr", "alpha", "learning_rate"):
            return "The learning rate scales each step."
        if node.kind == "constant" and float(np.abs(self.graph.base[node]).max(initial=0)) == 2:
            return "It comes from the square: the derivative of `x**2` is `2 * x`."
        if node.kind == "letter" and node.name.startswith(("lam", "strength", "l2")):
            return "The regularization strength scales the penalty and its gradient."
        return ""


def missing_term(w: Writer, v: Variation) -> Text:
    term = v.node.operands[v.details["term"]]
    sign = v.node.signs[v.details["term"]]
    text = w.graph.describe(term)
    if w.is_bias(term):
        return (
            f"The bias {w.quote(term)} is missing{w.where(v.node)}.",
            "Without the bias, the weighted sum is 0 whenever all inputs are 0.",
        )
    if w.is_penalty(term):
        of = (
            "gradient of the penalty on the squared weights" if w.graph.value.ndim else "penalty on the squared weights"
        )
        return f"The regularization term `{text}` is missing.", f"It is the {of}, and the loss contains it."
    if sign < 0 and len(v.node.operands) == 2:
        other = v.node.operands[1 - v.details["term"]]
        return (
            f"{w.quote(other)} stands where {w.quote(v.node)} belongs: `{text}` is not subtracted.",
            "The error is the prediction minus the target." if is_target(w, term) else "",
        )
    kept = " It is subtracted there." if sign < 0 else ""
    return f"The term `{text}` is missing{w.where(v.node)}.{kept}", explain_term(w, term)


def is_target(w: Writer, node: Node) -> bool:
    """Whether a node looks like targets: one-hot labels, or the letters of the course for them."""
    name = node.name
    return name == "one_hot" or (
        node.kind == "letter" and name.lower().rstrip("_t0123456789") in ("y", "t", "target", "")
    )


def explain_term(w: Writer, term: Node) -> str:
    letters = [n.name.lower() for n in collect_nodes(term) if n.kind == "letter"]
    if any("next" in name for name in letters):
        return "The hidden state also acts on the next time step, so the error of that step comes back as well."
    if any("prev" in name for name in letters):
        return "The hidden state of the time step before is an input too."
    return ""


def collect_nodes(node: Node) -> list[Node]:
    found, stack = [], [node]
    while stack:
        current = stack.pop()
        found.append(current)
        stack.extend(current.operands)
    return found


def sign_of_term(w: Writer, v: Variation) -> Text:
    term, sign = v.node.operands[v.details["term"]], v.node.signs[v.details["term"]]
    if len(v.node.signs) == 1:
        return f"The sign of {w.quote(term)} is wrong: {w.quote(v.node)} is right.", ""
    wrong, right = ("added", "subtracted") if sign < 0 else ("subtracted", "added")
    why = ""
    if any(
        n.kind == "letter" and n.name in ("rate", "eta", "lr", "alpha", "learning_rate") for n in collect_nodes(term)
    ):
        why = "The gradient points uphill. Gradient descent subtracts it."
    return (
        f"The sign of `{w.graph.describe(term)}` is wrong{w.where(v.node)}: it is {wrong} and should be {right}.",
        why,
    )


def factor_of_term(w: Writer, v: Variation) -> Text:
    term = v.node.operands[v.details["term"]]
    return describe_factor(w, v.details["factor"], f"the term {w.quote(term)}", term)


def describe_factor(w: Writer, factor: str, what: str, node: Node) -> Text:
    """Describe a result that is ``factor`` times the right one."""
    sizes = w.around.sizes
    has_size = any(w.is_size(n) for n in collect_nodes(node))
    if factor == "-1":
        return f"The sign of {what} is wrong.", explain_sign(w, node)
    if factor.startswith("1/") and factor[2:] in sizes:
        return (
            f"{up(what)} is divided by {factor[2:]} once too often: the factor 1/{factor[2:]} is too much.",
            f"The mean over the samples divides by {factor[2:]} once, and the given letters already contain it."
            if not has_size and not contains_mean(node)
            else f"The formula divides by {factor[2:]} once.",
        )
    if factor in sizes:
        return (
            f"The factor 1/{factor} is missing in {what}.",
            "The loss is a mean over the samples, so its gradient is divided by their number.",
        )
    if factor in ("2", "1/2", "4", "1/4", "-2", "-1/2"):
        sign = " and has the wrong sign" if factor[0] == "-" else ""
        number = factor.lstrip("-")
        if number in ("2", "4"):
            why = "The derivative of `x**2 / 2` is `x`: the 2 and the 1/2 cancel." if w.is_penalty(node) else ""
            return f"{up(what)} has an extra factor {number}{sign}.", why
        whole = {"1/2": "2", "1/4": "4"}[number]
        return (
            f"{up(what)} is {whole} times too small{sign}: the factor {whole} is missing, or 1/{whole} is too much.",
            "The derivative of `x**2` is `2 * x`.",
        )
    if factor.startswith("1/"):
        return f"The factor `{factor[2:]}` is missing in {what}.", ""
    return f"{up(what)} has an extra factor `{factor}`.", ""


def contains_mean(node: Node) -> bool:
    return any(n.kind == "reduction" and n.name == "mean" for n in collect_nodes(node))


def explain_sign(w: Writer, node: Node) -> str:
    if node.kind == "sum" and len(node.operands) == 2 and -1 in node.signs:
        return f"Which way round is the difference? {w.quote(node)} is positive where the first part is larger."
    if any(n.kind == "function" and "log" in n.name for n in collect_nodes(node)):
        return "The logarithm of a probability is negative, and a loss is positive."
    return ""


def up(text: str) -> str:
    return text[:1].upper() + text[1:]


def whole_factor(w: Writer, v: Variation) -> Text:
    node = v.node
    if node is w.graph.root:
        differences = [n for n in collect_nodes(node) if n.kind == "sum" and sorted(n.signs) == [-1, 1]]
        if v.details["factor"] == "-1" and differences and not any(w.is_penalty(o) for o in node.operands):
            inner = differences[0]
            plus, minus = inner.operands[inner.signs.index(1)], inner.operands[inner.signs.index(-1)]
            swapped = f"{w.graph.describe(minus)} - {w.graph.describe(plus)}"
            return (
                f"The sign is wrong: the result is the negative of the right one, as if `{swapped}` stood for {w.quote(inner)}.",
                "The error is the prediction minus the target." if is_target(w, minus) else "",
            )
        return describe_factor(w, v.details["factor"], "the result", node)
    return describe_factor(w, v.details["factor"], w.quote(node), node)


def missing_factor(w: Writer, v: Variation) -> Text:
    factor, exponent = v.node.operands[v.details["factor"]], v.node.signs[v.details["factor"]]
    text = w.graph.describe(factor)
    if exponent < 0:
        return (
            f"The factor `1/{parenthesize(text)}` is missing{w.where(v.node)}: the division by `{text}`.",
            w.explain_factor(factor),
        )
    return f"The factor `{text}` is missing{w.where(v.node)}.", w.explain_factor(factor)


def parenthesize(text: str) -> str:
    return text if text.replace("_", "").replace(".", "").isalnum() else f"({text})"


def inverted_factor(w: Writer, v: Variation) -> Text:
    factor, exponent = v.node.operands[v.details["factor"]], v.node.signs[v.details["factor"]]
    wrong, right = ("divided", "multiplied") if exponent > 0 else ("multiplied", "divided")
    return (
        f"{w.quote(factor)} is on the wrong side of the fraction: it is {wrong}, and {right} is right{w.where(v.node)}.",
        "",
    )


def factor_twice(w: Writer, v: Variation) -> Text:
    factor = v.node.operands[v.details["factor"]]
    by = "divides" if v.node.signs[v.details["factor"]] < 0 else "occurs"
    return f"{w.quote(factor)} {by} twice{w.where(v.node)}. Once is right.", ""


def only_part(w: Writer, v: Variation) -> Text:
    index = v.details.get("term", v.details.get("factor"))
    part = v.node.operands[index]
    rest = [w.quote(o) for i, o in enumerate(v.node.operands) if i != index]
    verb = "is" if len(rest) == 1 else "are"
    return f"{w.quote(part)} stands where {w.quote(v.node)} belongs: {' and '.join(rest)} {verb} missing.", ""


def wrong_slope(w: Writer, v: Variation) -> Text:
    slope, form = v.details["slope"], v.details["form"]
    detail = explain_slope_form(slope, form.text)
    return (
        f"`{form.text}` stands where `{slope.text}` belongs, the derivative of {slope.activation}{at(slope)}. {detail}".strip(),
        CHAIN_RULE,
    )


def at(slope: Slope) -> str:
    return f" at `{slope.input}`" if slope.input else ""


def explain_slope_form(slope: Slope, form: str) -> str:
    a, z, name = slope.output, slope.input, slope.activation
    if form == f"1 - {a}":
        return "The square is missing." if name == "tanh" else f"The factor `{a}` is missing."
    if form in (f"{a} * (1 - {a})",) and name != "sigmoid":
        return "That is the derivative of the logistic function."
    if form == f"1 - {a}**2" and name != "tanh":
        return "That is the derivative of tanh."
    if form in (f"1 - {z}**2", f"{z} * (1 - {z})", f"1 - {z}") and z:
        return f"The variable is wrong: it is a function of the output `{a}`, not of `{z}`."
    if form.startswith(("1 - tanh(", "sigmoid(")) and f"({a})" in form:
        return f"`{a}` already is the output of {name}, which is applied twice here."
    if form == f"{a} > 0":
        return "That is the derivative of relu."
    if form in (f"1 + {a}**2", f"{a} * (1 + {a})"):
        return "The sign is wrong."
    if form in (f"{a}**2 - 1", f"{a} * ({a} - 1)"):
        return "The sign is wrong: the difference is the other way round."
    return ""


def extra_slope(w: Writer, v: Variation) -> Text:
    slope = v.details["slope"]
    already = "already" if slope.activation in ("softmax", "sigmoid") else "not"
    why = (
        f"The derivative of {slope.activation} and that of the cross-entropy are {already} combined in the difference: it occurs twice."
        if already == "already"
        else f"The derivative of {slope.activation} does not belong there: this quantity lies on the other side of the activation."
    )
    return f"The factor `{slope.text}`, the derivative of {slope.activation}, is too much{w.where(v.node)}.", why


def transposition(w: Writer, v: Variation) -> Text:
    left, right = v.node.operands
    wrong = {"transpose of left": [left], "transpose of right": [right], "transpose of both": [left, right]}[v.kind]
    parts = []
    for operand in wrong:
        if operand.kind == "transpose":
            parts.append(f"the transposition of {w.quote(operand.operands[0])} is missing")
        else:
            parts.append(f"{w.quote(operand)} is transposed and should not be")
    backward = any(o.kind == "transpose" for o in wrong)
    why = "The error goes back through the same weights: rows and columns change places." if backward else ""
    return f"{up(' and '.join(parts))}{w.where(v.node)}.", why


def swapped_operands(w: Writer, v: Variation) -> Text:
    left, right = v.node.operands
    also = " One of them is transposed." if v.kind == "swapped and transposed" else ""
    return (
        f"The operands of the matrix product are swapped: {w.quote(left)} comes first, {w.quote(right)} second.{also}",
        "A matrix product depends on the order of its operands.",
    )


def missing_transpose(w: Writer, v: Variation) -> Text:
    return (
        f"The transposition of {w.quote(v.node.operands[0])} is missing.",
        "Rows and columns change places on the way back.",
    )


def transposed(w: Writer, v: Variation) -> Text:
    what = "The result" if v.node is w.graph.root else up(w.quote(v.node))
    return f"{what} is transposed: rows and columns have changed places.", ""


def turned(w: Writer, v: Variation) -> Text:
    if has_windows(w.graph.root):
        what = "The result is" if v.node is w.graph.root else f"{w.quote(v.node)} is"
        extra = " and transposed" if "transposed" in v.kind else ""
        return f"{what} turned the wrong way round{extra}.", explain_turn(w)
    what = "The result" if v.node is w.graph.root else w.quote(v.node)
    return f"{what} is in reverse order{' and transposed' if 'transposed' in v.kind else ''}.", ""


def has_windows(root: Node) -> bool:
    return any(n.name.startswith(("conv", "max_pool", "sum_pool", "correlate")) for n in collect_nodes(root))


def explain_turn(w: Writer) -> str:
    names = {n.name for n in collect_nodes(w.graph.root)}
    if "conv_kernel_gradient" in names:
        return (
            "The gradient of the kernel slides the gradient over the input, as the kernel did: the input comes first."
        )
    if "conv_input_gradient" in names:
        return TURNED
    return "Networks use the cross-correlation: the kernel lies on the input as it is."


def kernel_direction(w: Writer, v: Variation) -> Text:
    how = {
        "kernel turned": "The kernel is turned the wrong way round",
        "kernel turned on one axis": "The kernel is turned along one axis only",
        "kernel transposed": "The kernel is transposed, which is not the same as turned by 180 degrees",
        "kernel turned and transposed": "The kernel is transposed where it should be turned by 180 degrees",
    }[v.kind.split(" ", 1)[1]]
    if v.kind.startswith("forward"):
        if v.kind.endswith("kernel transposed"):
            how = "The kernel is transposed"
        return f"{how}.", "Networks use the cross-correlation: the kernel lies on the input as it is, without a flip."
    return f"{how} in the gradient of the input.", TURNED


def images_turned(w: Writer, v: Variation) -> Text:
    return f"{w.quote(v.node.operands[0])} is turned the wrong way round.", ""


def windows_overwritten(w: Writer, v: Variation) -> Text:
    return (
        "Windows overwrite each other: `=` stands where `+=` belongs.",
        "An input lies in several windows, and its gradient is the sum over all of them.",
    )


def kernel_gradient_turned(w: Writer, v: Variation) -> Text:
    return "The gradient of the kernel is turned the wrong way round.", explain_turn(w)


def kernel_gradient_transposed(w: Writer, v: Variation) -> Text:
    return "The gradient of the kernel is transposed: rows and columns have changed places.", ""


def mean_over_positions(w: Writer, v: Variation) -> Text:
    return (
        "The gradient of the kernel is a mean over the positions, and a sum is right.",
        "The kernel is used at every position, and each use adds to its gradient.",
    )


def only_position(w: Writer, v: Variation) -> Text:
    which = "last" if "last" in v.kind else "first"
    return (
        f"Only the {which} position of the kernel counts. The gradient is the sum over all of them: `+=`, not `=`.",
        "The kernel is used at every position, and each use adds to its gradient.",
    )


def stride_missing(w: Writer, v: Variation) -> Text:
    return "The stride is missing: the window moves by one.", ""


def other_padding(w: Writer, v: Variation) -> Text:
    return f"The padding is {v.details['padding']!r}, and the formula has another one.", ""


def spread_over_window(w: Writer, v: Variation) -> Text:
    return (
        "The gradient goes to every element of the window. It belongs to the maximum only.",
        "The other elements did not change the output, so their gradient is 0.",
    )


def average_over_window(w: Writer, v: Variation) -> Text:
    return (
        "The gradient is divided among all elements of the window, as for average pooling. With max pooling it belongs to the maximum only.",
        "The other elements did not change the output, so their gradient is 0.",
    )


def times_maximum(w: Writer, v: Variation) -> Text:
    return (
        "The gradient at the maximum is multiplied by the maximum. It passes unchanged.",
        "The derivative of the maximum by itself is 1.",
    )


def maximum_itself(w: Writer, v: Variation) -> Text:
    return (
        "The maximum stands where its gradient belongs.",
        "The gradient of the output passes to the place of the maximum.",
    )


def mask_only(w: Writer, v: Variation) -> Text:
    return "The gradient of the output is missing as a factor: the result only marks the maxima.", CHAIN_RULE


def pooled_otherwise(w: Writer, v: Variation) -> Text:
    which = v.kind.split()[0]
    return (
        f"The window's {which} stands where its maximum belongs.",
        "Max pooling keeps the largest element of each window.",
    )


def elementwise_for_matmul(w: Writer, v: Variation) -> Text:
    left, right = v.node.operands
    return (
        f"`*` stands where `@` belongs, between {w.quote(left)} and {w.quote(right)}.",
        "`*` multiplies entry by entry; `@` sums over the inner axis.",
    )


def matmul_for_product(w: Writer, v: Variation) -> Text:
    return f"`@` stands where `*` belongs{w.where(v.node)}.", "This product is taken entry by entry."


def one_step_of_sum(w: Writer, v: Variation) -> Text:
    which = "last" if "last" in v.kind else "first"
    kind = "without" if v.kind.startswith("without") else "only"
    if kind == "without":
        return f"The {which} element is missing in the sum {w.quote(v.node)}.", ""
    return (
        f"Only the {which} step counts in {w.quote(v.node)}: the result is overwritten instead of summed.",
        "The same weights act at every step, and each use adds to the gradient: `+=`.",
    )


def shifted_in_time(w: Writer, v: Variation) -> Text:
    what = w.quote(v.node)
    return (
        f"{what} is off by one in time: the index is one step too early or too late.",
        "Check which step each factor belongs to.",
    )


def summed_product(w: Writer, v: Variation) -> Text:
    return f"{w.quote(v.node)} is summed once too often.", ""


def missing_operand(w: Writer, v: Variation) -> Text:
    i = 0 if v.kind == "missing left operand" else 1
    return f"The product with {w.quote(v.node.operands[i])} is missing{w.where(v.node)}.", ""


def sum_for_product(w: Writer, v: Variation) -> Text:
    left, right = v.node.operands
    sign = "-" if v.kind.startswith("difference") else "+"
    return f"`{sign}` stands between {w.quote(left)} and {w.quote(right)}, where they are multiplied or divided.", ""


def product_for_sum(w: Writer, v: Variation) -> Text:
    left, right = v.node.operands
    sign = "+" if v.node.signs == (1, 1) else "-"
    return f"`*` stands where `{sign}` belongs, between {w.quote(left)} and {w.quote(right)}.", ""


def quotient_for_difference(w: Writer, v: Variation) -> Text:
    plus, minus = v.node.operands[v.node.signs.index(1)], v.node.operands[v.node.signs.index(-1)]
    return (
        f"`-{w.graph.describe(minus)} / {w.graph.describe(plus)}` stands where {w.quote(v.node)} belongs. It is the derivative by {w.quote(plus)}.",
        "The derivative by the scores is asked for: it also passes through the softmax, and the two together are short.",
    )


def absolute_difference(w: Writer, v: Variation) -> Text:
    return f"{w.quote(v.node)} keeps its sign. Its absolute value does not belong here.", ""


def constant_missing(w: Writer, v: Variation) -> Text:
    term = v.node.operands[v.details["term"]]
    return f"{w.quote(v.node)} is right: the constant {w.quote(term)} is missing.", ""


def missing_power(w: Writer, v: Variation) -> Text:
    base, exponent = v.node.operands
    what = "The square" if float(w.graph.base[exponent].ravel()[0]) == 2 else "The power"
    return f"{what} of {w.quote(base)} is missing.", ""


def derivative_of_power(w: Writer, v: Variation) -> Text:
    base = v.node.operands[0]
    return (
        f"The derivative of {w.quote(v.node)} stands where {w.quote(v.node)} belongs: `2 * {w.graph.describe(base)}`.",
        "",
    )


def product_for_power(w: Writer, v: Variation) -> Text:
    base = v.node.operands[0]
    return f"{w.quote(base)} is multiplied by the exponent, where it is raised to it: {w.quote(v.node)}.", ""


def absolute_for_power(w: Writer, v: Variation) -> Text:
    return f"The absolute value stands where the square belongs: {w.quote(v.node)}.", ""


def wrong_exponent(w: Writer, v: Variation) -> Text:
    base, exponent = v.node.operands
    received = float(w.graph.base[exponent].ravel()[0]) + v.details["by"]
    return f"The exponent of {w.quote(base)} is {received:g} and should be {w.graph.describe(exponent)}.", ""


ACTIVATION_WHY = "Without an activation function between them, two layers are one linear layer."


def missing_function(w: Writer, v: Variation) -> Text:
    name, operand = v.node.name, v.node.operands[0]
    letter = w.graph.names.get(v.node.expr) if v.node.expr is not None else None
    right = f"`{letter} = {name}({w.graph.describe(operand)})`" if letter else f"`{name}({w.graph.describe(operand)})`"
    why = ""
    if name in ("tanh", "sigmoid", "relu"):
        why = ACTIVATION_WHY
        return f"The activation function {name} is missing: {w.quote(operand)} stands where {right} belongs.", why
    if name == "log":
        why = "The loss is the negative logarithm of the probability of the true class."
    if name == "softmax":
        why = "The scores become probabilities: positive, with the sum 1."
    return f"The function {name} is missing: {w.quote(operand)} stands where {right} belongs.", why


def function_twice(w: Writer, v: Variation) -> Text:
    return f"The function {v.node.name} is applied twice{w.where(v.node)}.", ""


def other_function(w: Writer, v: Variation) -> Text:
    return f"{v.details['function']} stands where {v.node.name} belongs, at {w.quote(v.node.operands[0])}.", ""


def slope_for_function(w: Writer, v: Variation) -> Text:
    return (
        f"The derivative of {v.node.name} stands where {v.node.name} itself belongs, at {w.quote(v.node.operands[0])}.",
        "",
    )


def sign_of_operand(w: Writer, v: Variation) -> Text:
    return f"The sign of {w.quote(v.node.operands[0])} is wrong inside {v.node.name}.", ""


def factor_of_operand(w: Writer, v: Variation) -> Text:
    return f"{w.quote(v.node.operands[0])} has an extra factor {v.details['factor']} inside {v.node.name}.", ""


def softmax_axis(w: Writer, v: Variation) -> Text:
    return (
        "The softmax is taken over the wrong axis: the sum runs over the samples, where it should run over the classes (axis=1).",
        "The probabilities of each sample, one row, add up to 1.",
    )


def softmax_over_all(w: Writer, v: Variation) -> Text:
    return (
        "The softmax is normalized over the whole batch: the sum has no axis, and should run over the classes (axis=1).",
        "The probabilities of each sample, one row, add up to 1.",
    )


def unnormalized_softmax(w: Writer, v: Variation) -> Text:
    return (
        "The normalization of the softmax is missing: divide by the sum over the classes.",
        "Probabilities add up to 1.",
    )


def logistic_for_softmax(w: Writer, v: Variation) -> Text:
    return (
        "The logistic function stands where the softmax belongs.",
        "Each class would get a probability of its own, and their sum would not be 1.",
    )


def softmax_without_exp(w: Writer, v: Variation) -> Text:
    return "The exponential of the softmax is missing.", "Scores can be negative, and probabilities cannot."


def normalized_otherwise(w: Writer, v: Variation) -> Text:
    by = "maximum" if "maximum" in v.kind else "Euclidean norm"
    return (
        f"The exponentials are divided by their {by}. The softmax divides by their sum.",
        "Probabilities add up to 1.",
    )


def missing_log(w: Writer, v: Variation) -> Text:
    return "The logarithm is missing: softmax stands where log_softmax belongs.", ""


def log_of_softmax(w: Writer, v: Variation) -> Text:
    return "The logarithm is too much: the probabilities themselves are asked for.", ""


def other_reduction(w: Writer, v: Variation) -> Text:
    wrong, right = v.details["reduction"], v.node.name
    why = ""
    if {wrong, right} == {"sum", "mean"}:
        if wrong == "mean":
            why = (
                "The mean divides by the number of samples once more."
                if w.graph.value.ndim
                else "The loss is a sum here."
            )
        else:
            why = "The loss is a mean over the samples, so that it does not grow with their number."
    return f"`{wrong}` stands where `{right}` belongs{w.where(v.node)}.", why


def other_axis(w: Writer, v: Variation) -> Text:
    axis, right = v.details["axis"], v.node.settings.get("axis")
    right = right[0] if isinstance(right, tuple) and len(right) == 1 else right
    has = "has no axis" if axis is None else f"runs over axis {axis}"
    should = "over all axes" if right is None or isinstance(right, tuple) else f"over axis {right}"
    why = (
        "Axis 0 runs over the samples, the rows."
        if right == 0
        else "Axis 1 runs over the columns."
        if right == 1
        else ""
    )
    return f"The {v.node.name} {has}. It should run {should}.", why


def other_reduction_and_axis(w: Writer, v: Variation) -> Text:
    first = other_axis(w, v)
    return f"`{v.details['reduction']}` stands where `{v.node.name}` belongs. {first[0]}", first[1]


def missing_reduction(w: Writer, v: Variation) -> Text:
    axis = v.node.settings.get("axis")
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else None
    over = f" over axis {axis}" if axis is not None else ""
    return (
        f"The {v.node.name}{over} of {w.quote(v.node.operands[0])} is missing.",
        "Each sample adds its part." if axis == 0 else "",
    )


def other_letter(w: Writer, v: Variation) -> Text:
    used = v.details["letter"]
    right = w.graph.describe(v.node)
    if used == f"d{right}":
        return (
            f"The gradient `{used}` stands where `{right}` itself belongs.",
            "The error goes back through the weights, not through their gradient.",
        )
    return f"`{used}` stands where `{right}` belongs.", explain_letters(w, used, right)


def explain_letters(w: Writer, used: str, right: str) -> str:
    from pellucid.course.checker.slopes import find_slopes

    for slope in find_slopes(w.around):
        if {used, right} == {slope.output, slope.input}:
            return f"`{slope.output}` is the output of {slope.activation}, and `{slope.input}` its input."
    if {used.replace("prev", ""), right.replace("prev", "")} == {right.replace("prev", "")}:
        return "It is off by one in time."
    return ""


def letter_for_expression(w: Writer, v: Variation) -> Text:
    return f"`{v.details['letter']}` stands where {w.quote(v.node)} belongs.", explain_letters(
        w, v.details["letter"], w.graph.describe(v.node)
    )


def transposed_letter(w: Writer, v: Variation) -> Text:
    return f"`{v.details['letter']}.T` stands where {w.quote(v.node)} belongs.", ""


def extra_factor(w: Writer, v: Variation) -> Text:
    return f"The factor `{v.details['factor']}` is too much{w.where(v.node)}.", ""


def extra_term(w: Writer, v: Variation) -> Text:
    return f"The term `{v.details['term']}` is too much{w.where(v.node)}.", ""


def function_of_letter(w: Writer, v: Variation) -> Text:
    letter = w.graph.describe(v.node)
    return (
        f"`{v.details['function']}({letter})` stands where `{letter}` belongs: {v.details['function']} is applied once too often.",
        "",
    )


def updated_weight(w: Writer, v: Variation) -> Text:
    letter = w.graph.describe(v.node)
    return (
        f"`{letter}` was updated too early: the gradient needs the weights of the forward pass, not `{letter} - {v.details['rate']} * d{letter}`.",
        "Compute all gradients first, then update all weights.",
    )


def reversed_comparison(w: Writer, v: Variation) -> Text:
    return f"The comparison {w.quote(v.node)} is the wrong way round.", ""


def missing_comparison(w: Writer, v: Variation) -> Text:
    operand = w.graph.describe(v.node.operands[0])
    return (
        f"`{operand}` itself stands where {w.quote(v.node)} belongs.",
        "The derivative of relu is 1 for positive inputs and 0 for others.",
    )


def missing_condition(w: Writer, v: Variation) -> Text:
    return f"The condition {w.quote(v.node.operands[0])} is missing.", w.explain_factor(v.node)


def missing_index(w: Writer, v: Variation) -> Text:
    return f"The index is missing: {w.quote(v.node.operands[0])} stands where {w.quote(v.node)} belongs.", ""


def slice_for_pairs(w: Writer, v: Variation) -> Text:
    return (
        "`[:, y]` takes the columns of all rows. One element of each row is right: `[arange(n), y]`.",
        "Two index arrays make pairs: row 0 with y[0], row 1 with y[1] and so on.",
    )


def swapped_index(w: Writer, v: Variation) -> Text:
    return "Row and column of the index are swapped: the sample comes first, the class second.", ""


def maximum_for_index(w: Writer, v: Variation) -> Text:
    return (
        "The largest probability stands where that of the true class belongs.",
        "The loss asks how probable the true class is, not the predicted one.",
    )


def missing_op(w: Writer, v: Variation) -> Text:
    operand = v.node.operands[v.details["operand"]]
    return f"{w.quote(operand)} stands where {w.quote(v.node)} belongs.", ""


def extra_penalty(w: Writer, v: Variation) -> Text:
    letter, strength = v.details["letter"], v.details["strength"]
    if letter in w.around.biases:
        return (
            f"`{strength} * {letter}` is too much: the bias is not regularized.",
            "The penalty contains the weights only. A bias moves a boundary and does not bend it.",
        )
    return f"The term `{strength} * {letter}` is too much: the loss has no such penalty.", ""


def penalized_biases(w: Writer, v: Variation) -> Text:
    letters = " and ".join(f"`{name}`" for name in v.details["letters"])
    many = len(v.details["letters"]) > 1
    return (
        f"The penalty contains the bias{'es' * many} {letters}. Only weights are regularized.",
        "A bias moves a boundary and does not bend it.",
    )


def extra_penalty_of_loss(w: Writer, v: Variation) -> Text:
    return f"The penalty on {' and '.join(f'`{n}`' for n in v.details['letters'])} is too much, or counted twice.", ""


def in_step(w: Writer, v: Variation) -> Text:
    return v.details["statement"], v.details["why"]


def term_outside_function(w: Writer, v: Variation) -> Text:
    term = v.node.operands[0].operands[v.details["term"]]
    return f"{w.quote(term)} is added outside of {v.node.name}. It belongs inside: {w.quote(v.node)}.", ""


def term_inside_product(w: Writer, v: Variation) -> Text:
    term = v.node.operands[v.details["term"]]
    operand = v.node.operands[v.details["product"]].operands[v.details["side"]]
    return f"{w.quote(term)} is added to {w.quote(operand)}, inside the product. It belongs after the product.", ""


def missing_slope(w: Writer, v: Variation) -> Text:
    slope = v.details["slope"]
    return (
        f"The factor `{slope.text}` is missing.",
        f"It is the derivative of {slope.activation}{at(slope)}. {CHAIN_RULE}",
    )


def only_one_channel(w: Writer, v: Variation) -> Text:
    return (
        f"Only channel {v.details['channel']} of the input counts. The output sums over all channels.",
        "A kernel has weights for every input channel.",
    )


MESSAGES: dict[str, Callable[[Writer, Variation], Text]] = {
    "missing term": missing_term,
    "sign of term": sign_of_term,
    "factor of term": factor_of_term,
    "only term": only_part,
    "only factor": only_part,
    "product for sum": product_for_sum,
    "quotient for difference": quotient_for_difference,
    "absolute difference": absolute_difference,
    "constant missing": constant_missing,
    "missing factor": missing_factor,
    "inverted factor": inverted_factor,
    "factor twice": factor_twice,
    "sum for product": sum_for_product,
    "difference for product": sum_for_product,
    "matmul for product": matmul_for_product,
    "missing power": missing_power,
    "derivative of power": derivative_of_power,
    "product for power": product_for_power,
    "absolute value for power": absolute_for_power,
    "wrong exponent": wrong_exponent,
    "missing function": missing_function,
    "function twice": function_twice,
    "other function": other_function,
    "slope for function": slope_for_function,
    "sign of operand": sign_of_operand,
    "factor of operand": factor_of_operand,
    "softmax axis": softmax_axis,
    "softmax over all": softmax_over_all,
    "unnormalized softmax": unnormalized_softmax,
    "logistic for softmax": logistic_for_softmax,
    "softmax without exp": softmax_without_exp,
    "normalized by maximum": normalized_otherwise,
    "normalized by norm": normalized_otherwise,
    "missing log": missing_log,
    "log of softmax": log_of_softmax,
    "transpose of left": transposition,
    "transpose of right": transposition,
    "transpose of both": transposition,
    "swapped operands": swapped_operands,
    "swapped and transposed": swapped_operands,
    "transposed product": transposed,
    "elementwise for matmul": elementwise_for_matmul,
    "only last of sum": one_step_of_sum,
    "only first of sum": one_step_of_sum,
    "without last of sum": one_step_of_sum,
    "without first of sum": one_step_of_sum,
    "shifted in time": shifted_in_time,
    "summed product": summed_product,
    "missing left operand": missing_operand,
    "missing right operand": missing_operand,
    "missing transpose": missing_transpose,
    "other reduction": other_reduction,
    "other axis": other_axis,
    "other reduction and axis": other_reduction_and_axis,
    "missing reduction": missing_reduction,
    "other letter": other_letter,
    "letter for expression": letter_for_expression,
    "transposed letter": transposed_letter,
    "extra factor": extra_factor,
    "extra term": extra_term,
    "function of letter": function_of_letter,
    "updated weight": updated_weight,
    "reversed comparison": reversed_comparison,
    "missing comparison": missing_comparison,
    "missing condition": missing_condition,
    "missing index": missing_index,
    "slice for pairs": slice_for_pairs,
    "swapped index": swapped_index,
    "maximum for index": maximum_for_index,
    "missing op": missing_op,
    "factor": whole_factor,
    "wrong slope": wrong_slope,
    "missing slope": missing_slope,
    "in step": in_step,
    "term outside function": term_outside_function,
    "term inside product": term_inside_product,
    "only one channel": only_one_channel,
    "extra slope": extra_slope,
    "turned": turned,
    "transposed": transposed,
    "turned and transposed": turned,
    "extra penalty": extra_penalty,
    "penalized biases": penalized_biases,
    "extra penalty of loss": extra_penalty_of_loss,
    "images turned": images_turned,
    "windows overwritten": windows_overwritten,
    "stride missing": stride_missing,
    "other padding": other_padding,
    "kernel gradient turned": kernel_gradient_turned,
    "kernel gradient transposed": kernel_gradient_transposed,
    "mean over positions": mean_over_positions,
    "only last position": only_position,
    "only first position": only_position,
    "spread over window": spread_over_window,
    "average over window": average_over_window,
    "times maximum": times_maximum,
    "maximum itself": maximum_itself,
    "mask only": mask_only,
    "minimum for maximum": pooled_otherwise,
    "mean for maximum": pooled_otherwise,
    "sum for maximum": pooled_otherwise,
    **{
        f"{way} kernel {change}": kernel_direction
        for way in ("forward", "backward")
        for change in ("turned", "turned on one axis", "transposed", "turned and transposed")
    },
}
"""The writer of each kind of variation."""


def compare_results(quantity: str, answer: Any, truth: Any) -> Text:
    """Return what can be said about a wrong result without a known mistake."""
    answer, truth = np.asarray(answer), np.asarray(truth)
    if np.squeeze(answer).shape != np.squeeze(truth).shape:
        return f"Your result has shape {answer.shape}; {quantity} has shape {truth.shape}.", ""
    a, t = np.squeeze(answer).astype(float), np.squeeze(truth).astype(float)
    if not np.all(np.isfinite(a)):
        return (
            f"{int((~np.isfinite(a)).sum())} of {a.size} entries are NaN or infinite.",
            "Look for a division by 0, or a logarithm of a negative number.",
        )
    with np.errstate(all="ignore"):
        ratio = a / t
    if np.all(np.isfinite(ratio)) and np.allclose(ratio, ratio.flat[0], rtol=1e-6):
        return f"Your result is {ratio.flat[0]:.4g} times the right one.", "A constant factor is wrong."
    with np.errstate(all="ignore"):
        if np.allclose(np.abs(a), np.abs(t), rtol=1e-6):
            return "The absolute values are right, and some signs are wrong.", ""
    if a.ndim and np.allclose(a - t, (a - t).flat[0], rtol=1e-6):
        return "All entries differ from the right ones by the same number: a constant term is wrong.", ""
    agree = np.isclose(a, t, rtol=1e-6, atol=1e-9)
    if agree.any():
        return f"{int(agree.sum())} of {a.size} entries are right.", f"The wrong entries are at {list_places(~agree)}."
    return (
        "The numbers are wrong, and no single mistake that is known here explains them.",
        "Check each factor and its shape, from the inside out.",
    )


def list_places(wrong: Any) -> str:
    places = [tuple(map(int, p)) for p in np.argwhere(wrong)]
    shown = ", ".join(str(p if len(p) > 1 else p[0]) for p in places[:4])
    return shown + (" and others" if len(places) > 4 else "")
