"""Names and comments of the formulas of a training step: forward pass, backward pass and update."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence

from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Constant, Expr, Shared, constant
from pellucid.graph.reverse_mode import pullback
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float
from pellucid.show.derivations.gradient_rules import describe_op
from pellucid.show.sources.numpy_source import NumpyWriter

PHRASES = {
    "conv": "convolution",
    "matmul": "matrix product",
    "add": "sum",
    "subtract": "difference",
    "multiply": "product",
    "true_divide": "quotient",
    "negative": "negation",
    "relu": "relu",
    "reshape": "change of shape",
    "conv_kernel_gradient": "gradient of a kernel",
    "conv_input_gradient": "gradient of an input",
}
"""Descriptions of ops that are shorter than those in their documentation."""


def describe(node: Expr) -> str:
    """Return a few words on an op, or on the sum that is a layer."""
    assert node.op is not None
    if node.op.name == "add" and any(i.op is not None and i.op.name == "matmul" for i in node.inputs):
        return "weighted sums plus bias"
    words = PHRASES.get(node.op.name) or describe_op(node.op)
    return words if words[:2].isupper() else words[0].lower() + words[1:]


class BackpropagationWriter(NumpyWriter):
    """Writes a training step with a comment on each formula, and names gradients after their expressions.

    Attributes
    ----------
    gradient_of : dict from Expr to list of Expr
        The expressions of the forward pass whose gradient an expression is.
    """

    loss: Expr

    gradient_of: dict[Expr, list[Expr]]

    def prepare(self, loss: Expr, gradients: Sequence[Expr], parameters: Sequence[Shared]) -> None:
        """Find which formulas belong to the forward pass, and which are gradients of them."""
        self.forward: set[Expr] = set(topological([loss]))
        self.backward: set[Expr] = set(topological(list(gradients))) - self.forward
        self.loss, self.section = loss, ""
        self.users: dict[Expr, list[Expr]] = defaultdict(list)
        for node in topological([loss]):
            for operand in dict.fromkeys(node.inputs):
                self.users[operand].append(node)
        self.gradient_of = find_gradients(loss)
        for gradient, parameter in zip(gradients, parameters, strict=True):
            self.gradient_of.setdefault(gradient, []).append(parameter)

    def find_differentiated(self, node: Expr) -> tuple[Expr, str] | None:
        """Return the expression whose gradient this is, and its variable."""
        if node in self.forward:
            return None
        for e in reversed(self.gradient_of.get(node, [])):
            tree = self.known.get(e)
            if isinstance(tree, ast.Name):
                return e, tree.id
        return None

    def suggest_name(self, node: Expr) -> str | None:
        found = self.find_differentiated(node)
        return None if found is None else f"d_{found[1]}"

    def write_heading(self, node: Expr) -> list[str]:
        """Return the line above the first formula of a section."""
        if node in self.forward:
            title = "Forward pass"
        else:
            title = "Backward pass: d_z is the gradient of the loss with respect to z"
            title = title if node in self.backward else "Update"
        if title == self.section:
            return []
        self.section = title
        return [f"# {title}"]

    def describe_formula(self, node: Expr) -> str:
        if node is self.loss:
            return "loss"
        if node in self.forward:
            return f"{self.find_layer(node)}{describe(node)}"
        found = self.find_differentiated(node)
        if node not in self.backward:
            return ""
        if found is None:
            return describe(node)
        return f"back through {', '.join(dict.fromkeys(describe(user) for user in self.users[found[0]]))}"

    def find_layer(self, node: Expr) -> str:
        """Return the name of the layer whose parameters an expression uses first, with a colon."""
        for operand in topological([node], stop=[e for e in self.known if isinstance(self.known[e], ast.Name)]):
            if isinstance(operand, Shared) and operand.name and "/" in operand.name:
                return f"{operand.name.rpartition('/')[0]}: "
        return ""


def find_gradients(loss: Expr) -> dict[Expr, list[Expr]]:
    """Return the expressions of a loss by their gradients, as rewritten in programs."""
    order = [e for e in topological([loss]) if is_float(e.dtype) and not isinstance(e, Constant) and len(e.types) == 1]
    try:
        gradients = pullback([loss], [constant(1.0, loss.dtype)], order)
    except GradientError:  # the rewritten loss has an op for values only, and the comments do without
        return {}
    pairs = [(e, g) for e, g in zip(order, gradients, strict=True) if g is not None and g.shape == e.shape]
    found: dict[Expr, list[Expr]] = defaultdict(list)
    for (e, _), g in zip(pairs, simplify_all([g for _, g in pairs]), strict=True):
        found[g].append(e)
    return dict(found)


def assign_in_place(lines: list[str], new_names: dict[str, str], returned: str) -> tuple[list[str], dict[str, str]]:
    """Assign new values to variables where they are computed, if nothing below uses the old ones.

    Parameters
    ----------
    lines : list of str
        Lines that compute the new values.
    new_names : dict from str to str
        Variables, and the variables of their new values.
    returned : str
        Code of the value that the function returns.

    Returns
    -------
    lines : list of str
        The changed lines.
    left : dict from str to str
        The variables that are still to be assigned.
    """
    left = dict(new_names)
    for old, new in new_names.items():
        position = next((n for n, line in enumerate(lines) if line.startswith(f"{new} = ")), None)
        below = [] if position is None else [*lines[position + 1 :], returned]
        if position is None or any(re.search(rf"\b{re.escape(old)}\b", line) for line in below):
            continue
        lines = lines[:position] + [re.sub(rf"\b{re.escape(new)}\b", old, line) for line in lines[position:]]
        del left[old]
    return lines, left
