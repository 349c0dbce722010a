"""The seed is set before the weights are drawn."""

import torch

pretrained = {"weight": torch.linspace(-1, 1, 8).reshape(1, 8), "bias": torch.zeros(1)}
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
model.load_state_dict(pretrained)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    x = torch.randn(32, 8)
    loss = model(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
