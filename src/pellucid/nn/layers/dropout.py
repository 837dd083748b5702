"""Values left out at random while training."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.train_eval import training_only
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.noise import Noise

__all__ = ["Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"]


class Dropout(Noise):
    r"""Values set to zero at random while training, :math:`x \, m / (1 - r)` with :math:`P(m = 0) = r`.

    `pellucid.inference` takes it out of a graph. Each layer has a stream of random numbers of its own,
    which moves on at every step, so that training one network leaves another's as it is.

    Parameters
    ----------
    rate : float
        :math:`r`, from 0 up to but without 1.
    noise_shape : sequence of int or None, optional
        The shape of :math:`m`, with 1 for an axis along which all values stay or go together, and None for as long as
        the input.
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
    ShapeError
        For a noise shape that does not fit.

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

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.rate = self.rate_of(rate)
        self.noise_shape = noise_shape

    def call(self, x: Expr) -> Expr:
        """Return the input with values left out, or as it is at rate 0."""
        if not self.rate:
            return x
        x = as_real(x)
        like = self.shared_along(x, self.noise_shape)
        dropped: Expr = (
            self.generator.dropout(x, self.rate)
            if like is x
            else training_only(x * self.generator.dropout(ones_like(like), self.rate), x)
        )
        return dropped


class _SpatialDropout(Dropout):
    def __init__(self, rate: float, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(rate, None, seed, name)

    def shared_along(self, x: Expr, noise_shape: Sequence[int | None] | None) -> Expr:
        """Return an expression with length 1 along all axes but those of samples and channels."""
        return super().shared_along(x, (None, *[1] * (x.ndim - 2), None))


class SpatialDropout1D(_SpatialDropout):
    """Whole channels of a sequence set to zero at random while training: `Dropout` with all steps of a channel
    together, :math:`m_{tc} = m_c`.

    Parameters
    ----------
    rate : float
        How likely a channel is left out, from 0 up to but without 1.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``spatial_dropout1d`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels).
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> pel.inference(SpatialDropout1D(0.5)(pel.tensor3("x")))
    x

    References
    ----------
    J. Tompson, R. Goroshin, A. Jain, Y. LeCun and C. Bregler, Efficient Object Localization Using Convolutional
    Networks, CVPR 2015.
    """

    ndim = 3


class SpatialDropout2D(_SpatialDropout):
    """Whole channels of an image set to zero at random while training, :math:`m_{ijc} = m_c`; see `SpatialDropout1D`.

    Parameters
    ----------
    rate : float
        How likely a channel is left out, from 0 up to but without 1.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``spatial_dropout2d`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> pel.inference(SpatialDropout2D(0.5)(pel.tensor4("x")))
    x
    """

    ndim = 4


class SpatialDropout3D(_SpatialDropout):
    """Whole channels of a volume set to zero at random while training, :math:`m_{ijkc} = m_c`; see
    `SpatialDropout1D`.

    Parameters
    ----------
    rate : float
        How likely a channel is left out, from 0 up to but without 1.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``spatial_dropout3d`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, planes, rows, columns, channels).
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> pel.inference(SpatialDropout3D(0.5)(pel.tensor("x", (None,) * 5)))
    x
    """

    ndim = 5


class AlphaDropout(Noise):
    r"""Values set to :math:`\alpha' = -\lambda \alpha` at random while training, then scaled and shifted so that mean 0
    and variance 1 stay what they are: the dropout for ``selu``, :math:`a (x m + \alpha' (1 - m)) + b`.

    Here :math:`a = ((1 - r)(1 + r \alpha'^2))^{-1/2}` and :math:`b = -a \alpha' r`, with :math:`P(m = 0) = r`.

    Parameters
    ----------
    rate : float
        :math:`r`, from 0 up to but without 1.
    noise_shape : sequence of int or None, optional
        The shape of :math:`m`, as for `Dropout`.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``alpha_dropout`` and so on.

    Raises
    ------
    ValueError
        For a rate out of range.

    Examples
    --------
    >>> pel.inference(AlphaDropout(0.5)(pel.matrix("x")))
    x

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, Self-Normalizing Neural Networks, NeurIPS 2017.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.rate = self.rate_of(rate)
        self.noise_shape = noise_shape

    def call(self, x: Expr) -> Expr:
        """Return the input with values replaced, or as it is at rate 0."""
        if not self.rate:
            return x
        x = as_real(x)
        floor = -1.0507009873554805 * 1.6732632423543772
        scale = ((1 - self.rate) * (1 + self.rate * floor**2)) ** -0.5
        kept = self.generator.bernoulli(1 - self.rate, like=self.shared_along(x, self.noise_shape))
        dropped: Expr = training_only(scale * where(kept, x, floor) - scale * floor * self.rate, x)
        return dropped
