"""Training steps as tasks of asyncio"""

import asyncio

import torch
from plain_training import train


async def work(layer):
    await asyncio.sleep(0)
    train(layer)


async def main():
    torch.manual_seed(0)
    await asyncio.gather(*(work(torch.nn.Linear(4, 2)) for _ in range(3)))


asyncio.run(main())
