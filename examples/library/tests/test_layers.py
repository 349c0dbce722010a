"""The layers do what they say, and do the same each time."""

import pytest
import torch
from timelayers import AttentionPool, CausalConv, GatedMixer, GaussianNoise
from torch import nn
from torch.nn import functional as F


@pytest.fixture
def model():
    return nn.Sequential(GaussianNoise(), CausalConv(8), GatedMixer(8), AttentionPool(8))


def test_a_causal_convolution_does_not_look_ahead():
    layer, x = CausalConv(8), torch.ones(1, 10, 8)
    changed = x.clone()
    changed[:, 5:] = 0
    torch.testing.assert_close(layer(x)[:, :5], layer(changed)[:, :5])


def test_noise_is_added_in_training_only():
    layer, x = GaussianNoise(), torch.ones(2, 10, 8)
    assert not torch.equal(layer(x), x)
    assert torch.equal(layer.eval()(x), x)


def test_a_training_step_is_reproducible(reproaudit):
    def step():
        model = nn.Sequential(GaussianNoise(), CausalConv(8), GatedMixer(8), AttentionPool(8))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = F.mse_loss(model(torch.randn(4, 10, 8)), torch.zeros(4, 8))
        loss.backward()
        optimizer.step()
        return loss

    reproaudit.assert_reproducible(step)


@pytest.mark.reproducible(runs=3)
def test_gradients_are_reproducible(model):
    x = torch.randn(4, 10, 8, requires_grad=True)
    model(x).square().sum().backward()
    return x.grad
