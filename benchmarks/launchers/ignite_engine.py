"""ignite: an engine with handlers and a progress bar"""

import sys

import torch
from ignite.contrib.handlers import ProgressBar
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, RunningAverage
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PLANTED = "--planted" in sys.argv


def main():
    torch.manual_seed(0)
    if PLANTED:
        torch.seed()  # planted
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 3))
    points, labels = torch.randn(128, 8), torch.randint(0, 3, (128,))
    loader = DataLoader(TensorDataset(points, labels), batch_size=32, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()
    trainer = create_supervised_trainer(model, optimizer, criterion)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy()})
    RunningAverage(output_transform=lambda loss: loss).attach(trainer, "loss")
    ProgressBar().attach(trainer, ["loss"])

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate(engine):
        evaluator.run(loader)
        print(f"epoch {engine.state.epoch} accuracy {evaluator.state.metrics['accuracy']:.3f}")

    trainer.run(loader, max_epochs=2)


if __name__ == "__main__":
    main()
