"""A DataLoader with persistent workers, over two epochs"""

import torch
from torch.utils.data import DataLoader, TensorDataset

if __name__ == "__main__":
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(32, 4))
    loader = DataLoader(data, batch_size=8, num_workers=2, persistent_workers=True, shuffle=True)
    layer = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(2):
        for (batch,) in loader:
            optimizer.zero_grad()
            layer(batch).square().sum().backward()
            optimizer.step()
    print(float(layer.weight.detach().sum()))
