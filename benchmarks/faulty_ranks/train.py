"""Trains on the ranks of a launcher, or on two that it spawns.

At a moment a rank does what it was told: MOMENT:RANK:WHAT …
"""

import os
import signal
import subprocess
import sys
import time

_told = [word.split(":") for word in sys.argv[1:] if word.count(":") == 2]
_marks = os.environ.get("MARKS", ".")
_STEPS = 4


def raise_exit(code):
    raise SystemExit(code)


_ENDS = {"exit": os._exit, "leave": sys.exit, "quit": raise_exit}


def reach(moment):
    for when, rank, what in _told:
        if when == moment and rank in (os.environ.get("RANK", "0"), "all"):
            obey(what)


def obey(what):
    what, _, value = what.partition("=")
    if what == "raise":
        raise RuntimeError("no more of this")
    if what == "raise_at_first":
        if os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0":
            raise RuntimeError("no luck in the first start")
    elif what in _ENDS:
        _ENDS[what](int(value))
    elif what == "kill":
        os.kill(os.getpid(), getattr(signal, value))
    elif what == "hang":
        tell("waits")
        time.sleep(600)
    elif what == "daemon":
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    elif what == "close":
        os.closerange(0, 256)
    elif what == "forget":
        del os.environ["RANK"]
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        os.environ.clear()
        subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    elif what == "ignore":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def tell(word):
    """Say that a moment has come, and who is who."""
    path = os.path.join(_marks, f"{word}-{os.environ.get('RANK', '0')}")
    with open(f"{path}.new", "w") as file:
        file.write(f"{os.getpid()} {os.getppid()}")
    os.rename(f"{path}.new", path)


def load(dataset):
    import torch

    workers = 2 if "--workers" in sys.argv else 0
    return torch.utils.data.DataLoader(dataset, batch_size=3, num_workers=workers)


def place_of_meeting():
    """Return where ranks meet: in a file of their start, for ranks that torchrun starts anew may
    find the addresses of the first ones in its store, with us and without."""
    if "--file" not in sys.argv:
        return {}
    name = f"{os.environ['TORCHELASTIC_RUN_ID']}-{os.environ['TORCHELASTIC_RESTART_COUNT']}"
    return {
        "init_method": f"file://{os.path.abspath(_marks)}/{name}",
        "rank": int(os.environ["RANK"]),
        "world_size": int(os.environ["WORLD_SIZE"]),
    }


def train():
    reach("importing")
    import torch
    import torch.distributed as dist

    if "--nothing" in sys.argv:
        return
    reach("joining")
    dist.init_process_group("gloo", **place_of_meeting())
    rank = dist.get_rank()
    reach("reducing")
    dist.all_reduce(torch.ones(1))
    torch.manual_seed(rank)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 2))
    if "--differs" in sys.argv and rank == 1:
        torch.seed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = _STEPS + (rank if "--uneven" in sys.argv else 0)
    for step, batch in enumerate(load(torch.randn(3 * steps, 4))):
        loss = model(batch).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 1:
            reach("training")
    dist.destroy_process_group()
    reach("ending")


def train_spawned(rank):
    os.environ["RANK"] = str(rank)
    train()


if __name__ == "__main__":
    if "--spawn" in sys.argv:
        import torch.multiprocessing

        os.environ["WORLD_SIZE"] = "2"
        torch.multiprocessing.spawn(train_spawned, nprocs=2)
    else:
        train()
