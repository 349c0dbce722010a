"""Lightning on a small model: checkpoints within or at the end of an epoch, and `fit` from one."""

import argparse

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader


class Module(lightning.LightningModule):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 1)
        )

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        return (self.layers(batch) - batch.sum(1, keepdim=True)).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.01)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--resume", default=None)
    options = parser.parse_args()
    lightning.seed_everything(1, verbose=False)
    samples = torch.randn(24, 6, generator=torch.Generator().manual_seed(5))
    loader = DataLoader(samples, batch_size=4, shuffle=options.shuffle)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[ModelCheckpoint("out", every_n_train_steps=options.every, save_top_k=-1)],
    )
    trainer.fit(Module(options.dropout), loader, ckpt_path=options.resume)


if __name__ == "__main__":
    main()
