"""The Trainer of transformers on a small model; it resumes from its own checkpoint."""

import argparse

import torch
from torch import nn
from transformers import Trainer, TrainingArguments, set_seed


class Samples(torch.utils.data.Dataset):
    def __init__(self) -> None:
        self.samples = torch.randn(16, 6, generator=torch.Generator().manual_seed(5))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": self.samples[index], "labels": self.samples[index].sum()}


class Model(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 1)
        )

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        predicted = self.layers(x).squeeze(1)
        return {"loss": (predicted - labels).square().mean(), "logits": predicted}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--save-steps", type=int, default=3)
    parser.add_argument("--resume", default=None)
    options = parser.parse_args()
    set_seed(1)
    arguments = TrainingArguments(
        output_dir="out",
        per_device_train_batch_size=4,
        num_train_epochs=3,
        save_steps=options.save_steps,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(Model(options.dropout), arguments, train_dataset=Samples())
    trainer.train(resume_from_checkpoint=options.resume)


if __name__ == "__main__":
    main()
