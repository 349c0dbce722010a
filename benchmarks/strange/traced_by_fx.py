"""torch.fx.symbolic_trace, torch.export and make_fx"""

import torch
from plain_training import train
from torch.fx.experimental.proxy_tensor import make_fx

torch.manual_seed(0)
layer = torch.nn.Linear(4, 2)
traced = torch.fx.symbolic_trace(layer)
print([node.name for node in traced.graph.nodes])
train(layer, traced)
print([str(n.target) for n in make_fx(lambda x: layer(x).sum())(torch.ones(3, 4)).graph.nodes])
exported = torch.export.export(layer, (torch.randn(3, 4),))
print([node.name for node in exported.graph.nodes])
