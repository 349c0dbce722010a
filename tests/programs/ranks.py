"""Several ranks train one model, by gloo on this machine. What each does is the first argument.

The second is the number of ranks. The ranks meet in a file of a temporary
folder; they are forked, for each that is spawned would import torch again.
"""

import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, Subset
from torch.utils.data.distributed import DistributedSampler

how = sys.argv[1]
world = int(sys.argv[2])


class Numbers(Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, index):
        sample = torch.full((4,), float(index) / 24)
        if how.startswith("augment"):
            sample += torch.randn(4)  # draw
        return sample


def make_model():
    layers = [torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)]
    if how in ("dropout", "dropout-alike"):
        layers.insert(2, torch.nn.Dropout(0.5))
    if how in ("norm", "own-norm"):
        layers.insert(1, torch.nn.BatchNorm1d(8))
    return torch.nn.Sequential(*layers)


def average(model):
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= world


def spoil(rank, step, model):
    """Change a gradient on the last rank, after it was reduced."""
    if how in ("spoilt", "hand-spoilt") and rank == world - 1 and step == 1:
        model[-1].weight.grad.add_(1e-3)


def make_loader(rank):
    data = Numbers()
    if how == "uneven":
        return DataLoader(Subset(data, range(rank, 8 - 2 * rank)), batch_size=2)
    shares = {"one-share": (1, 0), "more-shares": (2 * world, rank)}
    count, share = shares.get(how, (world, rank))
    sampler = DistributedSampler(data, count, share, shuffle=how.startswith("epochs"))
    if how == "no-sampler":
        sampler = None
    return DataLoader(data, batch_size=4 if how.startswith("epochs") else 2, sampler=sampler)


def iterate(loader):
    for epoch in range(3):
        if how == "epochs-set":
            loader.sampler.set_epoch(epoch)
        yield from loader  # loop
        with torch.no_grad():
            for _ in DataLoader(Numbers(), batch_size=12):
                pass


def train(rank, folder):
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    torch.manual_seed(rank if how == "own-start" else 0)  # seed
    model = make_model()
    is_by_hand = how in ("hand", "hand-spoilt", "own-start", "local", "every-other")
    if how == "shards":
        wrapped = fully_shard(model, mesh=init_device_mesh("cpu", (world,)))
    elif is_by_hand:
        wrapped = model
        for parameter in model.parameters():
            if how != "own-start":
                dist.broadcast(parameter.data, 0)
    else:
        wrapped = DistributedDataParallel(model, broadcast_buffers=how != "own-norm")  # wrapped
    momentum = 0.9 if how == "adamless" else 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    if how == "own-rate":
        optimizer.param_groups[0]["lr"] = 0.1 + 0.01 * rank
    loader = make_loader(rank)
    if how in ("dropout", "augment"):
        torch.manual_seed(rank)
    for step, batch in zip(range(5), iterate(loader), strict=False):
        optimizer.zero_grad()
        wrapped(batch).square().sum().backward()
        if is_by_hand and how not in ("local", "every-other"):
            average(model)
        spoil(rank, step, model)
        optimizer.step()  # step
        if how == "every-other" and step % 2:
            for parameter in model.parameters():
                dist.all_reduce(parameter.data)
                parameter.data /= world
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(train, (folder,), nprocs=world, start_method="fork")
    assert not Path(folder).exists()
