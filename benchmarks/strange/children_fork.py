"""multiprocessing with fork"""

import multiprocessing

import torch
from plain_training import train


def work(seed):
    torch.manual_seed(seed)
    train(torch.nn.Linear(4, 2))


if __name__ == "__main__":
    work(7)
    context = multiprocessing.get_context("fork")
    for seed in range(2):
        process = context.Process(target=work, args=(seed,))
        process.start()
        process.join()
