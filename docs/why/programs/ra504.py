"""A side stream fills a buffer, and the main stream reads it without having waited."""

import torch

torch.manual_seed(0)
model = torch.nn.Linear(1, 1, device="cuda")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
side = torch.cuda.Stream()
total = torch.zeros(1 << 22, 1, device="cuda")
for _ in range(5):
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(100):
            total += 0.001
    loss = model(total).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.cuda.synchronize()
