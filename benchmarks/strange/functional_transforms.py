"""vmap, grad and functional_call of torch.func"""

import torch
from torch.func import functional_call, grad, vmap

torch.manual_seed(0)
layer = torch.nn.Linear(4, 1)
parameters = {name: value.detach() for name, value in layer.named_parameters()}


def lose(values, x):
    return functional_call(layer, values, (x,)).square().sum()


for _ in range(3):
    gradients = vmap(grad(lose), in_dims=(None, 0))(parameters, torch.randn(5, 4))
    parameters = {k: v - 0.1 * gradients[k].mean(0) for k, v in parameters.items()}
print(float(parameters["weight"].sum()))
