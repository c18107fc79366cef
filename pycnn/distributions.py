"""Distributions that image classification draws from, under torch.distributions' names.

Samples are torch's for the same seed.
"""

import math

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import Tensor, tensor
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn import functional as F

__all__ = ["Bernoulli", "Beta", "Categorical", "Dirichlet", "Distribution", "Normal", "Uniform", "kl_divergence"]

_fn = _C.fn
_EPS, _LARGEST = 2.0 ** -23, 3.4028234663852886e38  # of float32


def _together(*values):
    """Numbers and tensors as tensors of one shape."""
    values = [v if isinstance(v, Tensor) else tensor(float(v)) for v in values]
    return _fn._broadcast_tensors(values)


class Distribution:
    """What they share.

    Parameters
    ----------
    batch_shape : sequence of int
        Of the parameters: how many distributions there are.
    event_shape : sequence of int, default ()
        Of a sample of one.
    """

    has_rsample = False

    def __init__(self, batch_shape, event_shape=()):
        self.batch_shape, self.event_shape = tuple(batch_shape), tuple(event_shape)

    def _extended(self, sample_shape):
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()
            How many.

        Returns
        -------
        Tensor
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draw samples that parameters have gradients through.

        Parameters
        ----------
        sample_shape : sequence of int, default ()
            How many.

        Returns
        -------
        Tensor

        Raises
        ------
        NotImplementedError
            If the distribution has none.
        """
        raise NotImplementedError


class Normal(Distribution):
    """The normal distribution.

    Parameters
    ----------
    loc, scale : Tensor or float
        Mean and deviation.
    validate_args : bool, optional
        Accepted.
    """

    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = _together(loc, scale)
        super().__init__(self.loc.shape)

    @property
    def mean(self):
        """The mean."""
        return self.loc

    @property
    def stddev(self):
        """The deviation."""
        return self.scale

    @property
    def variance(self):
        """The square of the deviation."""
        return self.scale.square()

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        shape = self._extended(sample_shape)
        with no_grad():
            return _fn.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape=()):
        """Draw samples that parameters have gradients through.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        noise = _fn.empty(self._extended(sample_shape), dtype=self.loc.dtype).normal_()
        return self.loc + noise * self.scale

    def log_prob(self, value):
        """Return the logarithm of the density.

        Parameters
        ----------
        value : Tensor

        Returns
        -------
        Tensor
        """
        return (-((value - self.loc) ** 2) / (2 * self.scale.square()) - self.scale.log()
                - math.log(math.sqrt(2 * math.pi)))

    def cdf(self, value):
        """Return the chance of less.

        Parameters
        ----------
        value : Tensor

        Returns
        -------
        Tensor
        """
        return 0.5 * (1 + ((value - self.loc) / self.scale / math.sqrt(2)).erf())

    def entropy(self):
        """Return the entropy."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """The uniform distribution.

    Parameters
    ----------
    low, high : Tensor or float
    validate_args : bool, optional
        Accepted.
    """

    has_rsample = True

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = _together(low, high)
        super().__init__(self.low.shape)

    @property
    def mean(self):
        """The mean."""
        return (self.high + self.low) / 2

    def rsample(self, sample_shape=()):
        """Draw samples that parameters have gradients through.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        return self.low + _fn.rand(self._extended(sample_shape), dtype=self.low.dtype) * (self.high - self.low)

    def log_prob(self, value):
        """Return the logarithm of the density.

        Parameters
        ----------
        value : Tensor

        Returns
        -------
        Tensor
        """
        inside = (self.low <= value).logical_and(self.high > value).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def entropy(self):
        """Return the entropy."""
        return (self.high - self.low).log()


class Dirichlet(Distribution):
    """The Dirichlet distribution: shares that add up to 1.

    Parameters
    ----------
    concentration : Tensor [..., n]
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, concentration, validate_args=None):
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:])

    @property
    def mean(self):
        """The mean."""
        return self.concentration / self.concentration.sum(-1, True)

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        return _fn._sample_dirichlet(self.concentration.detach().expand(self._extended(sample_shape)))


class Beta(Distribution):
    """The beta distribution.

    Parameters
    ----------
    concentration1, concentration0 : Tensor or float
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, concentration1, concentration0, validate_args=None):
        both = _together(concentration1, concentration0)
        self._dirichlet = Dirichlet(_fn.stack(list(both), -1))
        self.concentration1, self.concentration0 = both
        super().__init__(both[0].shape)

    @property
    def mean(self):
        """The mean."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        return self._dirichlet.sample(sample_shape).select(-1, 0)


class _OfChances(Distribution):
    """Given by chances or by scores."""

    def _check(self, probs, logits):
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class Bernoulli(_OfChances):
    """0 or 1.

    Parameters
    ----------
    probs : Tensor or float, optional
        Chances of 1.
    logits : Tensor or float, optional
        Or their scores before the sigmoid.
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._check(probs, logits)
        if logits is None:
            self.probs, = _together(probs)
            clamped = self.probs.clamp(_EPS, 1 - _EPS)
            self.logits = clamped.log() - (-clamped).log1p()
        else:
            self.logits, = _together(logits)
            self.probs = self.logits.sigmoid()
        super().__init__(self.probs.shape)

    @property
    def mean(self):
        """The mean."""
        return self.probs

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor
        """
        return _fn.bernoulli(self.probs.detach().expand(self._extended(sample_shape)))

    def log_prob(self, value):
        """Return the logarithm of the chance.

        Parameters
        ----------
        value : Tensor

        Returns
        -------
        Tensor
        """
        logits, value = _together(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        """Return the entropy."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


class Categorical(_OfChances):
    """One of several classes.

    Parameters
    ----------
    probs : Tensor [..., n], optional
        Weights.
    logits : Tensor [..., n], optional
        Or their scores before softmax.
    validate_args : bool, optional
        Accepted.
    """

    def __init__(self, probs=None, logits=None, validate_args=None):
        self._check(probs, logits)
        if logits is None:
            self.probs = probs / probs.sum(-1, keepdim=True)
            self.logits = self.probs.clamp(_EPS, 1 - _EPS).log()
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = self.logits.softmax(-1)
        super().__init__(self.probs.shape[:-1])

    def sample(self, sample_shape=()):
        """Draw samples.

        Parameters
        ----------
        sample_shape : sequence of int, default ()

        Returns
        -------
        Tensor of int64
        """
        rows = self.probs.detach().reshape(-1, self.probs.shape[-1])
        drawn = _fn.multinomial(rows, math.prod(sample_shape), True).t()
        return drawn.reshape(self._extended(sample_shape))

    def log_prob(self, value):
        """Return the logarithm of the chance.

        Parameters
        ----------
        value : Tensor of int64

        Returns
        -------
        Tensor
        """
        value = value.long().unsqueeze(-1)
        shape = _C.fn._broadcast_tensors([value, self.logits[..., :1]])[0].shape
        return self.logits.expand(*shape[:-1], -1).gather(-1, value.expand(shape)).squeeze(-1)

    def entropy(self):
        """Return the entropy."""
        return -(self.logits.clamp(min=-_LARGEST) * self.probs).sum(-1)


def kl_divergence(p, q):
    """Return the Kullback-Leibler divergence of two distributions.

    Parameters
    ----------
    p, q : Normal or Categorical
        Of one kind.

    Returns
    -------
    Tensor

    Raises
    ------
    NotImplementedError
        If they are of others.
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale).square()
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        return (p.probs * (p.logits - q.logits)).sum(-1)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
                              f"{type(q).__name__}")


__getattr__ = _getattr_of(__name__, __all__)
