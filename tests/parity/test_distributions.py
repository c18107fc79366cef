"""Distributions against torch: the same samples for the same seed, probabilities, entropies."""

import numpy as np
import pytest
import torch

import pycnn
from both import compare, same

pytestmark = pytest.mark.parity

MAKE = {
    "normal": lambda d, t: d.Normal(t.tensor([0.0, 1.0, -2.0]), t.tensor([1.0, 2.0, 0.5])),
    "normal of numbers": lambda d, t: d.Normal(0.5, 2.0),
    "uniform": lambda d, t: d.Uniform(t.tensor([0.0, -1.0]), t.tensor([1.0, 3.0])),
    "beta": lambda d, t: d.Beta(0.4, 0.4),
    "betas": lambda d, t: d.Beta(t.tensor([0.4, 2.0]), t.tensor([0.4, 1.0])),
    "dirichlet": lambda d, t: d.Dirichlet(t.tensor([[0.5, 1.0, 2.0], [3.0, 0.1, 1.0]])),
    "bernoulli": lambda d, t: d.Bernoulli(t.tensor([0.1, 0.5, 0.9])),
    "bernoulli of scores": lambda d, t: d.Bernoulli(logits=t.tensor([0.1, -2.0])),
    "categorical": lambda d, t: d.Categorical(t.tensor([1.0, 2.0, 3.0])),
    "categorical of scores": lambda d, t: d.Categorical(logits=t.tensor([[0.1, 0.5, -1.0], [2.0, 0.0, 0.3]])),
}


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("shape", [(), (3,), (7, 4)])
def test_samples(name, shape):
    same(lambda t, v: [MAKE[name](t.distributions, t).sample(shape)])


@pytest.mark.parametrize("name", [n for n in MAKE if "beta" not in n and n != "dirichlet"])
def test_probabilities(name):
    values = {"uniform": np.array([[0.2, 0.5], [0.7, 2.0]], "f")}.get(
        name, np.array([1, 0, 1], "f")[:2 if name.endswith("of scores") else 3])

    def run(t, x):
        d = MAKE[name](t.distributions, t)
        return d.log_prob(x), d.entropy(), *([d.mean] if hasattr(d, "mean") and "categorical" not in name else [])
    compare(run, [values], grads=False)


def test_gradients_through_samples():
    def run(t, mean, deviation):
        t.manual_seed(1)
        d = t.distributions.Normal(mean, deviation.exp())
        other = t.distributions.Normal(0.0, 1.0)
        return d.rsample((5,)), t.distributions.kl_divergence(d, other), d.log_prob(t.ones(3)), d.cdf(t.zeros(3))
    rng = np.random.default_rng(0)
    compare(run, [rng.standard_normal(3).astype("f"), rng.standard_normal(3).astype("f")], limit=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified"):
        pycnn.distributions.Categorical()
    with pytest.raises(NotImplementedError):
        pycnn.distributions.kl_divergence(pycnn.distributions.Normal(0.0, 1.0), pycnn.distributions.Beta(1.0, 1.0))
    assert torch.distributions.Normal.has_rsample and pycnn.distributions.Normal.has_rsample
