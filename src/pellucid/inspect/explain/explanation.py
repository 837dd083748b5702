"""Explanation of a network: formulas of its layers, the loss, the update, and the changes in inference mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.nn.optimizers.printing import UpdateRule
from pellucid.show.pages.formula_page import Displayable, Page
from pellucid.typing import FilePath


@dataclass(frozen=True)
class LayerExplanation:
    """Formulas of a layer or an expression.

    Attributes
    ----------
    title : str
        Name and class, such as ``"dense (Dense)"``.
    results : list of (Input, Expr)
        Symbol and formula of each result in training mode.
    inference_results : list of (Input, Expr)
        Symbol and formula of the results that differ in inference mode.
    parameters : list of (Input, Shared)
        Symbols of the shared variables that it is the first to use.
    operations : int or None
        Arithmetic operations per sample in inference mode; None if sizes are unknown.
    """

    title: str
    results: list[tuple[Input, Expr]]
    inference_results: list[tuple[Input, Expr]] = field(default_factory=list)
    parameters: list[tuple[Input, Shared]] = field(default_factory=list)
    operations: int | None = None

    @property
    def parameter_count(self) -> int:
        """Number of parameter elements, without the states of random generators."""
        return sum(int(shared.get_value().size) for _, shared in self.parameters if shared.dtype.kind != "u")


@dataclass(frozen=True, repr=False)
class Explanation(Displayable):
    """A network as formulas. Prints as text, displays as mathematics in a notebook, and can be saved.

    Attributes
    ----------
    title : str
        Class and name of the network.
    inputs : list of Input
        Symbols of the inputs.
    parts : list of LayerExplanation
        The layers.
    losses : list of (str, Expr)
        Symbol and formula of the loss; empty if the model is not compiled.
    loss_name, optimizer : str
        Name of the loss function, and the optimizer as code.
    updates : list of UpdateRule
        The update of a parameter w with the gradient g.
    """

    title: str
    inputs: list[Input]
    parts: list[LayerExplanation]
    losses: list[tuple[str, Expr]] = field(default_factory=list)
    loss_name: str = ""
    optimizer: str = ""
    updates: list[UpdateRule] = field(default_factory=list)

    @property
    def parameter_count(self) -> int:
        """Number of elements of all parameters."""
        return sum(part.parameter_count for part in self.parts)

    @property
    def operations(self) -> int | None:
        """Arithmetic operations per sample; None if sizes are unknown."""
        each = [part.operations for part in self.parts]
        return None if None in each else sum(o for o in each if o is not None)

    @property
    def page_title(self) -> str:  # type: ignore[override]
        return self.title

    def write(self, page: Page) -> None:
        from pellucid.inspect.explain.renderers import write_explanation

        write_explanation(self, page)

    def save(self, path: FilePath) -> None:
        """Save the explanation as a self-contained page (``.html``), text (``.txt``) or LaTeX (``.tex``).

        Raises
        ------
        ValueError
            For any other file extension.
        """
        target = Path(path)
        forms = {".html": self.html, ".htm": self.html, ".txt": lambda: f"{self}\n", ".tex": self.latex}
        if target.suffix.lower() not in forms:
            raise OptionError(f"Expected a path that ends in {', '.join(forms)}. Received: {path}")
        atomic_write(target, forms[target.suffix.lower()]())
