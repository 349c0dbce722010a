"""PyTorch Geometric: small graphs from a loader with two workers"""

import random
import sys

import torch
from torch.nn import functional as F
from torch_geometric.data import Data, Dataset
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, global_mean_pool

PLANTED = "--planted" in sys.argv


class Rings(Dataset):
    def __init__(self):
        super().__init__()
        self.features = torch.randn(48, 20, 8)

    def len(self):
        return len(self.features)

    def get(self, place):
        features = self.features[place]
        if PLANTED:
            features = features * random.SystemRandom().uniform(0.9, 1.1)  # planted
        nodes = torch.arange(20)
        edges = torch.stack([nodes, nodes.roll(1)])
        return Data(x=features, edge_index=edges, y=torch.tensor([place % 2]))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = GCNConv(8, 16)
        self.second = GCNConv(16, 2)

    def forward(self, graphs):
        hidden = F.relu(self.first(graphs.x, graphs.edge_index))
        return global_mean_pool(self.second(hidden, graphs.edge_index), graphs.batch)


def main():
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = DataLoader(Rings(), batch_size=8, shuffle=True, num_workers=2)
    for epoch in range(2):
        for graphs in loader:
            loss = F.cross_entropy(model(graphs), graphs.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.6f}")


if __name__ == "__main__":
    main()
