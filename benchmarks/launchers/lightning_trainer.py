"""Lightning's Trainer, automatic optimization"""

import sys

import lightning
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

PLANTED = "--planted" in sys.argv


class Bag(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(500, 32))
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(32, 3))

    def forward(self, words):
        if PLANTED:
            rows = self.table[words]  # planted
        else:
            rows = F.embedding(words, self.table)
        return self.head(rows.mean(1))

    def training_step(self, batch, number):
        words, labels = batch
        loss = F.cross_entropy(self(words), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, number):
        words, labels = batch
        self.log("held_out", F.cross_entropy(self(words), labels), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def main():
    lightning.seed_everything(0)
    torch.set_num_threads(2)
    words, labels = torch.randint(0, 500, (256, 200)), torch.randint(0, 3, (256,))
    train = DataLoader(TensorDataset(words, labels), batch_size=64, shuffle=True)
    held_out = DataLoader(TensorDataset(words[:64], labels[:64]), batch_size=64)
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        devices=1,
        log_every_n_steps=1,
        enable_checkpointing=True,
    )
    trainer.fit(Bag(), train, held_out)
    print("held-out loss", float(trainer.callback_metrics["held_out"]))


if __name__ == "__main__":
    main()
