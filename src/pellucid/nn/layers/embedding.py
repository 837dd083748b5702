"""Embedding layer."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import DtypeError, brief
from pellucid.graph.expr import Expr, Shared
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.base import ConstraintLike, Layer, RegularizerLike
from pellucid.nn.layers.validation import check_size
from pellucid.nn.masks import attach_mask

__all__ = ["Embedding"]


class RowTable:
    """Attribute for the matrix of an embedding; the range of indices into it is checked before programs run."""

    def __get__(self, layer: Any, kind: type) -> Any:
        if layer is None or "embeddings" not in vars(layer):
            raise AttributeError("embeddings")
        return vars(layer)["embeddings"]

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)["embeddings"] = value
        if isinstance(value, Shared):
            value.indexed_by = vars(layer).get("name", "embedding")


class Embedding(Layer):
    r"""Embedding layer: the rows of a matrix :math:`E` at integer indices, :math:`E_{x}`.

    The gradient with respect to :math:`E` is a scatter-add.

    Parameters
    ----------
    input_dim : int
        Number of words. Indices below 0 and from this number on are errors.
    output_dim : int
        Size of the vectors.
    embeddings_initializer : str or function
        Initializer of :math:`E`, of shape (input_dim, output_dim); see `pellucid.nn.initializers`.
    embeddings_regularizer : str or function, optional
        Penalty, included in `regularization`.
    embeddings_constraint : str or function, optional
        Constraint, applied after each optimizer update; see `pellucid.nn.constraints`.
    mask_zero : bool
        Whether index 0 is padding of sequences (batch, time). The result then has a mask.
    name : str, optional
        Name of the layer. By default ``embedding``, ``embedding_1`` and so on.

    Raises
    ------
    DtypeError
        If the input is not an array of integers.

    Examples
    --------
    >>> words = pel.tensor("words", ("n", 5), "int32")
    >>> Embedding(100, 8, name="words")(words), Embedding(100, 8)(words).shape
    (words/embeddings[words], ('n', 5, 8))
    >>> pel.nn.find_mask(Embedding(100, 8, mask_zero=True)(words))
    words != 0

    References
    ----------
    Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, A Neural Probabilistic Language Model, JMLR 3 (2003).
    """

    embeddings: RowTable = RowTable()

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "random_uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.input_dim: int = check_size(self.name, "input_dim", input_dim)
        self.output_dim: int = check_size(self.name, "output_dim", output_dim)
        self.configure_parameter("embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        self.mask_zero = mask_zero
        self.keeps_mask: bool = not mask_zero  # otherwise `call` attaches one

    def check_input(self, x: Expr) -> None:
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"{self.name}: expected integers from 0 to {self.input_dim - 1}. Received: {brief(x)}, "
                f"which is {x.dtype}. Declare nn.Input(shape, 'int32'), or cast it by x.astype('int32')"
            ).with_operands([x])

    def build(self, x: Expr) -> None:
        self.embeddings = self.configured_parameter("embeddings", (self.input_dim, self.output_dim), x)

    def call(self, x: Expr) -> Expr:
        vectors: Expr = self.embeddings[x]
        return attach_mask(vectors, x != 0) if self.mask_zero else vectors
