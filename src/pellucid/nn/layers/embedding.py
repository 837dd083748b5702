"""Integers as vectors that are learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import DtypeError
from pellucid.graph.expr import Expr
from pellucid.nn import constraints, initializers, regularizers
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import positive
from pellucid.nn.masks import masked

__all__ = ["Embedding"]


class Embedding(Layer):
    r"""A vector for each of so many words, :math:`E_{x}`: the rows of :math:`E` that the integers :math:`x` name.

    The gradient by :math:`E` adds up in each row what arrives where its word stood.

    Parameters
    ----------
    input_dim : int
        How many words there are; an integer beyond them is refused.
    output_dim : int
        How long the vectors are.
    embeddings_initializer : str or function
        The first values of :math:`E`, of shape (input_dim, output_dim); see `pellucid.nn.initializers`.
    embeddings_regularizer : str or function, optional
        A penalty that `regularization` adds up.
    embeddings_constraint : str or function, optional
        What an optimizer's new values are put under; see `pellucid.nn.constraints`.
    mask_zero : bool
        Whether 0 is no word but fills up short sequences (batch, time): the result then has a mask.
    name : str, optional
        Without it ``embedding``, ``embedding_1`` and so on.

    Raises
    ------
    DtypeError
        If the input is no array of integers.

    Examples
    --------
    >>> words = pel.tensor("words", ("n", 5), "int32")
    >>> Embedding(100, 8, name="words")(words), Embedding(100, 8)(words).shape
    (words/embeddings[words], ('n', 5, 8))
    >>> pel.nn.mask_of(Embedding(100, 8, mask_zero=True)(words))
    words != 0

    References
    ----------
    Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, A Neural Probabilistic Language Model, JMLR 3 (2003).
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: str | Callable[..., Any] = "random_uniform",
        embeddings_regularizer: str | regularizers.Penalty | None = None,
        embeddings_constraint: str | constraints.ConstraintFunction | None = None,
        mask_zero: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.input_dim = positive(self.name, "input_dim", input_dim)
        self.output_dim = positive(self.name, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.keeps_mask = not mask_zero  # else it has one of its own

    def check(self, x: Any) -> None:
        """Refuse what names no row."""
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"{self.name}: expected integers from 0 to {self.input_dim - 1}. Received: {x}, which is {x.dtype}"
            )

    def build(self, x: Expr) -> None:
        """Make the vectors."""
        self.embeddings = self.parameter(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            x,
            self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def call(self, x: Expr) -> Expr:
        """Return :math:`E_x`."""
        vectors: Expr = self.embeddings[x]
        return masked(vectors, x != 0) if self.mask_zero else vectors
