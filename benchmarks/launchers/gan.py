"""Two networks in turn: two steps of the critic for one of the generator"""

import sys

import torch
from torch import nn

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    real = torch.randn(256, 4) * 0.5 + 1
    maker = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4))
    critic = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    improve_maker = torch.optim.Adam(maker.parameters(), lr=0.01)
    improve_critic = torch.optim.Adam(critic.parameters(), lr=0.01)
    stream = torch.Generator()
    stream.manual_seed(0)
    if PLANTED:
        stream.seed()  # planted
    for turn in range(4):
        for _ in range(2):
            chosen = real[torch.randint(0, 256, (32,))]
            false = maker(torch.randn(32, 2, generator=stream)).detach()
            loss = critic(false).mean() - critic(chosen).mean()
            improve_critic.zero_grad()
            loss.backward()
            improve_critic.step()
        score = -critic(maker(torch.randn(32, 2, generator=stream))).mean()
        improve_maker.zero_grad()
        score.backward()
        improve_maker.step()
        print(f"turn {turn} critic {loss.item():.6f} maker {score.item():.6f}")


if __name__ == "__main__":
    main()
