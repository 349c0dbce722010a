"""Process pools, of multiprocessing and of concurrent.futures, and of threads"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import torch
from plain_training import train


def work(seed):
    generator = torch.Generator().manual_seed(seed)
    return float(torch.randn(4, generator=generator).sum())


if __name__ == "__main__":
    torch.manual_seed(0)
    train(torch.nn.Linear(4, 2))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(work, range(4)))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        print(list(executor.map(work, range(4))))
    with ThreadPoolExecutor(4) as threads:
        print(list(threads.map(work, range(8))))
