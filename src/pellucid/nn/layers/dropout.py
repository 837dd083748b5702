"""Values left out at random while training."""

from __future__ import annotations

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.random import Generator
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.base import Layer
from pellucid.nn.randomness import as_seed, next_seed


class Dropout(Layer):
    r"""Values set to zero at random while training, :math:`x \, m / (1 - r)` with :math:`P(m = 0) = r`.

    `pellucid.inference` takes it out of a graph. Each layer has a stream of random numbers of its own,
    which moves on at every step, so that training one network leaves another's as it is.

    Parameters
    ----------
    rate : float
        :math:`r`, from 0 up to but without 1.
    seed : int, optional
        Of the stream; without it one that follows from `pellucid.nn.set_random_seed`.
    name : str, optional
        Without it ``dropout``, ``dropout_1`` and so on.

    Attributes
    ----------
    generator : pellucid.random.Generator
        The stream.

    Raises
    ------
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> x = pel.matrix("x")
    >>> pel.inference(Dropout(0.5)(x))
    x

    References
    ----------
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting, JMLR 15 (2014).
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(name)
        if not 0 <= rate < 1:
            raise OptionError(f"{self.name}: expected a rate from 0 up to but without 1. Received: rate={rate!r}")
        self.rate = float(rate)
        self.generator = Generator(next_seed() if seed is None else as_seed(seed))
        self.generator.state.name = f"{self.name}/state"

    def call(self, x: Expr) -> Expr:
        """Return the input with values left out, or as it is at rate 0."""
        if not self.rate:
            return x
        dropped: Expr = self.generator.dropout(as_real(x), self.rate)
        return dropped
