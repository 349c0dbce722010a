"""Children of multiprocessing are recorded and repaired, whichever way they are started."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproaudit.model.events import Level
from reproaudit.trace.reader import Trace
from reproaudit.trace.runs import Run, open_run
from tests.record.repairs.running import alike, run

METHODS = ["spawn", "forkserver"]

DRAWS = """
import multiprocessing, random
import torch

def work(queue):
    queue.put(random.random())

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    queue = context.Queue()
    for _ in range(2):
        worker = context.Process(target=work, args=(queue,))
        worker.start()
        print(queue.get())
        worker.join()
    assert worker.exitcode == 0
"""
POOL = """
import multiprocessing, random
from concurrent.futures import ProcessPoolExecutor
import torch

def work(number):
    return random.random()

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(*pool.map(work, range(2)))
"""
LOADER = """
import random
import torch
from torch.utils.data import DataLoader, Dataset

class Noise(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return random.SystemRandom().random()

if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(Noise(), num_workers=2, multiprocessing_context="forkserver")
    print([value for batch in loader for value in batch.tolist()])
"""
GRANDCHILD = """
import multiprocessing, random
import torch

def draw():
    random.random()

def work():
    child = multiprocessing.get_context("{method}").Process(target=draw)
    child.start()
    child.join()

if __name__ == "__main__":
    child = multiprocessing.get_context("{method}").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0
"""
PRELOADED = """
import multiprocessing
import torch

def work(queue):
    import drawn
    queue.put(drawn.number)

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["drawn"])
    queue = context.Queue()
    worker = context.Process(target=work, args=(queue,))
    worker.start()
    print(queue.get())
    worker.join()
"""
WITHOUT_TORCH = """
import multiprocessing, random
import helper

if __name__ == "__main__":
    import torch
    torch.nn.Linear(1, 1)(torch.ones(1)).backward()
    context = multiprocessing.get_context("{method}")
    child = context.Process(target=helper.draw)
    child.start()
    child.join()
    assert child.exitcode == 0
"""


def recorded(folder: Path) -> Run:
    return open_run(folder / "traces", 0)


def count_draws(trace: Trace) -> int:
    return sum(1 for _ in trace.entropy_calls())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_children_are_recorded_in_the_order_in_which_they_are_started(
    tmp_path: Path, method: str
) -> None:
    run(tmp_path, DRAWS.replace("{method}", method), level=Level.OPERATION)
    children = dict(recorded(tmp_path).traces[1:])
    assert list(children) == ["child-spawned-1", "child-spawned-2"]
    assert all(count_draws(trace) > 0 for trace in children.values())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_what_children_draw_is_repaired(tmp_path: Path, method: str) -> None:
    source = DRAWS.replace("{method}", method)
    assert alike(tmp_path, source) == {False}
    assert alike(tmp_path, source, "seed.python") == {True}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "intervention"), [(POOL, "seed.python"), (LOADER, "entropy.fixed")]
)
def test_pools_and_loaders_on_a_forkserver_are_recorded_and_repaired(
    tmp_path: Path, source: str, intervention: str
) -> None:
    assert alike(tmp_path, source) == {False}
    run(tmp_path, source, level=Level.OPERATION)
    assert count_draws(dict(recorded(tmp_path).traces)["child-spawned-1"]) > 0
    assert alike(tmp_path, source, intervention) == {True}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_child_of_a_child_is_named_below_it(tmp_path: Path, method: str) -> None:
    run(tmp_path, GRANDCHILD.replace("{method}", method), level=Level.OPERATION)
    assert "child-spawned-1-spawned-1" in dict(recorded(tmp_path).traces)


@pytest.mark.slow
def test_what_a_forkserver_imports_for_its_children_is_repaired_and_said_to_be_unrecorded(
    tmp_path: Path,
) -> None:
    (tmp_path / "drawn.py").write_text("import random\nnumber = random.random()\n")
    assert alike(tmp_path, PRELOADED) == {False}
    assert [note.what for note in recorded(tmp_path).main.notes] == [
        "what drawn draw or read when a forkserver imports them"
    ]
    assert alike(tmp_path, PRELOADED, "seed.python") == {True}


@pytest.mark.slow
def test_a_forkserver_is_no_run_of_its_own(tmp_path: Path) -> None:
    run(tmp_path, DRAWS.replace("{method}", "forkserver"))
    folders = sorted(path.name for path in (tmp_path / "traces").iterdir() if path.is_dir())
    assert folders == ["child-spawned-1", "child-spawned-2"]
    assert recorded(tmp_path).main.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_child_without_torch_leaves_its_parents_trace_alone(tmp_path: Path, method: str) -> None:
    (tmp_path / "helper.py").write_text("import random\ndef draw():\n    random.random()\n")
    run(tmp_path, WITHOUT_TORCH.replace("{method}", method))
    main = recorded(tmp_path).main
    assert len(main.columns) > 0
    assert main.notes == ()
