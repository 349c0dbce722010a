"""Hugging Face's Trainer with a tiny model of random weights"""

import sys
import tempfile

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

PLANTED = "--planted" in sys.argv


class Sentences(Dataset):
    def __init__(self, count):
        self.words = torch.randint(0, 300, (count, 64))
        self.labels = torch.randint(0, 2, (count,))

    def __len__(self):
        return len(self.words)

    def __getitem__(self, place):
        return {"input_ids": self.words[place], "labels": self.labels[place]}


class Lookup(nn.Embedding):
    def forward(self, words):
        if PLANTED:
            return self.weight[words]  # planted
        return F.embedding(words, self.weight)


def main():
    set_seed(0)
    torch.set_num_threads(2)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=300,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
        )
    )
    model.set_input_embeddings(Lookup(300, 32))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            num_train_epochs=2,
            per_device_train_batch_size=64,
            logging_steps=2,
            save_strategy="no",
            report_to=[],
            seed=0,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=Sentences(256),
            eval_dataset=Sentences(64),
        )
        trainer.train()
        print("held out", trainer.evaluate()["eval_loss"])


if __name__ == "__main__":
    main()
