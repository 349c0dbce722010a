"""TRL's SFTTrainer with a tiny model, a tokenizer and sentences made here"""

import sys
import tempfile

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import SFTConfig, SFTTrainer

PLANTED = "--planted" in sys.argv
WORDS = [f"word{number}" for number in range(60)]


def make_sentences():
    places = np.random.RandomState(0)
    if PLANTED:
        places = np.random.RandomState()  # planted
    return [" ".join(WORDS[place] for place in places.randint(0, 60, 20)) for _ in range(64)]


def main():
    set_seed(0)
    torch.set_num_threads(2)
    numbers = {word: number for number, word in enumerate(["<pad>", "<end>", "<unknown>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<unknown>",
    )
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(numbers),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            max_steps=4,
            per_device_train_batch_size=8,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            max_length=32,
        )
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict({"text": make_sentences()}),
            processing_class=wrapped,
        )
        trainer.train()


if __name__ == "__main__":
    main()
