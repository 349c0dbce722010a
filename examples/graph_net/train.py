"""Train a message-passing graph network to tell communities apart in a random graph."""

import argparse
import hashlib
import random

import torch
from torch import nn
from torch.nn import functional as F


def make_graph(nodes, edges, classes, features):
    """Draw a graph in which most edges join nodes of the same class, with noisy class features."""
    labels = torch.randint(0, classes, (nodes,))
    members = [torch.nonzero(labels == label).flatten() for label in range(classes)]
    src = torch.randint(0, nodes, (edges,))
    dst = torch.randint(0, nodes, (edges,))
    homophilous = torch.rand(edges) < 0.7
    for label, nodes_of_class in enumerate(members):
        chosen = homophilous & (labels[src] == label)
        dst[chosen] = nodes_of_class[torch.randint(0, len(nodes_of_class), (int(chosen.sum()),))]
    centres = torch.randn(classes, features)
    x = 0.4 * centres[labels] + torch.randn(nodes, features)
    return x, labels, src, dst


class MessagePassing(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.message = nn.Linear(2 * width, width)
        self.update = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x, src, dst, degree):
        messages = F.relu(self.message(torch.cat([x[src], x[dst]], dim=1)))
        received = torch.zeros_like(x).index_add(0, dst, messages) / degree
        return self.norm(x + F.relu(self.update(torch.cat([x, received], dim=1))))


class GraphNet(nn.Module):
    def __init__(self, features, width, classes, depth):
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.layers = nn.ModuleList(MessagePassing(width) for _ in range(depth))
        self.head = nn.Linear(width, classes)

    def forward(self, x, src, dst):
        degree = torch.zeros(len(x), 1).index_add(0, dst, torch.ones(len(dst), 1)).clamp(min=1)
        x = F.relu(self.embed(x))
        for layer in self.layers:
            x = layer(x, src, dst, degree)
        return self.head(x)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1500)
    parser.add_argument("--edges", type=int, default=12000)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    random.seed(args.seed)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)

    classes, features = 7, 16
    x, labels, src, dst = make_graph(args.nodes, args.edges, classes, features)
    train = torch.rand(args.nodes) < 0.6
    model = GraphNet(features, args.width, classes, args.depth)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=5e-4)

    for epoch in range(args.epochs):
        model.train()
        logits = model(x, src, dst)
        loss = F.cross_entropy(logits[train], labels[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 5 == 4:
            accuracy = (logits[~train].argmax(1) == labels[~train]).float().mean()
            print(f"epoch {epoch + 1:3d}  loss {loss.item():.6f}  held-out accuracy {accuracy:.3f}")

    digest = hashlib.sha256(
        b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    ).hexdigest()
    print(f"parameters {digest[:16]}")


if __name__ == "__main__":
    main()
