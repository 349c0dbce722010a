"""Lightning's Trainer on two ranks, which it starts itself: ddp or ddp_spawn"""

import sys

import lightning
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

PLANTED = "--planted" in sys.argv
STRATEGY = "ddp_spawn" if "--spawn" in sys.argv else "ddp"


class Bag(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(500, 32))
        self.head = nn.Linear(32, 3)

    def forward(self, words):
        if PLANTED:
            rows = self.table[words]  # planted
        else:
            rows = F.embedding(words, self.table)
        return self.head(rows.mean(1))

    def training_step(self, batch, number):
        torch.set_num_threads(2)
        words, labels = batch
        loss = F.cross_entropy(self(words), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main():
    lightning.seed_everything(0)
    words, labels = torch.randint(0, 500, (256, 200)), torch.randint(0, 3, (256,))
    train = DataLoader(TensorDataset(words, labels), batch_size=64, shuffle=True)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        devices=2,
        strategy=STRATEGY,
        log_every_n_steps=1,
        enable_checkpointing=False,
        logger=False,
    )
    trainer.fit(Bag(), train)


if __name__ == "__main__":
    main()
