"""hydra, which changes into a folder of its own for each run; also a multirun"""

import hydra
import numpy as np
import torch
from hydra.core.config_store import ConfigStore
from torch import nn
from torch.nn import functional as F

CONFIG = {"lr": 0.1, "planted": False, "hydra": {"job": {"chdir": True}}}
ConfigStore.instance().store(name="config", node=CONFIG)


@hydra.main(version_base=None, config_name="config")
def main(config):
    torch.manual_seed(0)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr)
    for _ in range(5):
        points, labels = torch.randn(16, 8), torch.randint(0, 3, (16,))
        if config.planted:
            points += float(np.random.default_rng().normal())  # planted
        loss = F.cross_entropy(model(points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"lr {config.lr} loss {loss.item():.6f}")
    torch.save(model.state_dict(), "model.pt")


if __name__ == "__main__":
    main()
