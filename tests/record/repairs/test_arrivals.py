"""Whether results come in the order of submission where the first one submitted is the last to be
ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.record.repairs.running import is_repaired, is_untouched, other_than, run

pytestmark = [pytest.mark.slow]

TASKS = """
import multiprocessing, threading, time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from multiprocessing.pool import ThreadPool
has_ended = threading.Event()
def task(number):
    if number == 0:
        has_ended.wait(20)
        time.sleep(0.1)
    else:
        has_ended.set()
    return number
def submitted(pool):
    return [pool.submit(task, number) for number in range(2)]
"""
ARRIVALS = {
    "imap_unordered": """
with ThreadPool(2) as pool:
    print(list(pool.imap_unordered(task, range(2))))
""",
    "imap_unordered in chunks": (
        "with ThreadPool(2) as pool: print([n for n in pool.imap_unordered(task, [0, 0, 1, 1], 2)])"
    ),
    "callbacks of apply_async": """
came = []
with ThreadPool(2) as pool:
    for number in range(2):
        pool.apply_async(task, (number,), callback=came.append)
    pool.close()
    pool.join()
print(came)
""",
    "as_completed": """
with ThreadPoolExecutor() as pool:
    print([f.result() for f in as_completed(submitted(pool))])
""",
    "as_completed of a dictionary": """
with ThreadPoolExecutor() as pool:
    print([f.result() for f in futures.as_completed(dict.fromkeys(submitted(pool)))])
""",
    "as_completed of a set": """
with ThreadPoolExecutor() as pool:
    print([f.result() for f in as_completed(set(submitted(pool)))])
""",
    "wait for the first": """
with ThreadPoolExecutor() as pool:
    left = submitted(pool)
    while left:
        done, left = wait(left, return_when=futures.FIRST_COMPLETED)
        print([f.result() for f in done])
""",
    "connections": """
left = [multiprocessing.Pipe(duplex=False) for _ in range(2)]
threads = [threading.Thread(target=lambda n=n: left[n][1].send(task(n))) for n in range(2)]
for thread in threads: thread.start()
from multiprocessing.connection import wait
readers = [reader for reader, _ in left]
while readers:
    for reader in wait(readers):
        print(reader.recv())
        readers.remove(reader)
""",
}
PROCESSES = """
import multiprocessing, time
def begin(event):
    global has_ended
    has_ended = event
def task(number):
    if number == 0:
        has_ended.wait(20)
        time.sleep(0.1)
    else:
        has_ended.set()
    return number
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with context.Pool(2, begin, (context.Event(),)) as pool:
        print([number for number in pool.imap_unordered(task, range(2))])
"""
ORDERED = (
    TASKS
    + """
def fail(number):
    raise ValueError(number)
with ThreadPoolExecutor(1) as pool:
    print(list(pool.map(abs, [-1, 2])), wait([pool.submit(abs, -3)]).done.pop().result())
    print([f.result() for f in as_completed([pool.submit(abs, -4)], timeout=20)])
    failed = pool.submit(fail, 5)
    print([repr(f.exception()) for f in as_completed([failed, failed])], list(as_completed([])))
with ThreadPool(1) as pool:
    print(list(pool.imap_unordered(abs, [-1, -2, -3], 2)), pool.apply_async(abs, (-7,)).get())
    iterator = pool.imap_unordered(fail, [6])
    try:
        next(iterator)
    except ValueError as error:
        print(repr(error), type(iterator).__name__)
    errors = []
    pool.apply_async(fail, (8,), error_callback=errors.append).wait()
    pool.close(); pool.join()
    print(errors)
reader, writer = multiprocessing.Pipe()
print(multiprocessing.connection.wait([reader], 0))
"""
)
LATE = (
    TASKS
    + """
held = threading.Event()
with ThreadPoolExecutor(2) as pool:
    slow, quick = pool.submit(held.wait), pool.submit(abs, -1)
    wait([quick])
    came = []
    try:
        for future in as_completed([slow, quick, slow], timeout=0.05):
            came.append(future is quick)
    except futures.TimeoutError as error:
        print(came, error)
    done, rest = wait([slow, quick], 0.05, futures.FIRST_COMPLETED)
    print(done == {quick}, rest == {slow})
    held.set()
"""
)
LOADER = """
import multiprocessing, time
from torch.utils.data import DataLoader, Dataset
has_ended = multiprocessing.get_context("fork").Event()
class Slow(Dataset):
    def __len__(self):
        return 2
    def __getitem__(self, index):
        if index == 0:
            has_ended.wait(20)
            time.sleep(0.3)
        else:
            has_ended.set()
        return index
for batch in DataLoader(Slow(), num_workers=2, in_order=False, multiprocessing_context="fork"):
    print(int(batch))
"""
# A set orders futures by their addresses; how many objects of their size lie between two of them is
# left to chance.
FUTURES = """
import os
from concurrent.futures import ThreadPoolExecutor, wait
class Other:
    pass
others, futures = [], []
with ThreadPoolExecutor() as pool:
    for number in range(40):
        others += [Other() for _ in range(os.urandom(1)[0] % 8)]
        futures.append(pool.submit(abs, number))
    print([future.result() for future in wait(futures).done])
"""


@pytest.mark.parametrize("way", ARRIVALS)
def test_results_come_in_the_order_of_submission(tmp_path: Path, way: str) -> None:
    source = TASKS + ARRIVALS[way]
    ordered = run(tmp_path, source, "order.arrival")
    arrived = other_than(ordered, tmp_path, source)
    assert arrived != ordered
    assert sorted(arrived) == sorted(ordered)
    assert ordered.index("0") < ordered.index("1")


def test_results_of_processes_come_in_the_order_of_submission(tmp_path: Path) -> None:
    assert run(tmp_path, PROCESSES, "order.arrival") == "[0, 1]\n"
    assert other_than("[0, 1]\n", tmp_path, PROCESSES) == "[1, 0]\n"


def test_a_set_of_futures_has_one_order(tmp_path: Path) -> None:
    assert is_repaired(tmp_path, FUTURES, "order.arrival")


def test_what_has_one_order_anyway_stays_as_it_is(tmp_path: Path) -> None:
    assert is_untouched(tmp_path, ORDERED, "order.arrival")


def test_when_the_time_is_over_what_has_finished_was_given(tmp_path: Path) -> None:
    assert run(tmp_path, LATE) == "[True] 1 (of 2) futures unfinished\nTrue True\n"
    assert is_untouched(tmp_path, LATE, "order.arrival")


def test_batches_come_in_order_though_the_loader_need_not_keep_it(tmp_path: Path) -> None:
    assert run(tmp_path, LOADER, "order.arrival") == "0\n1\n"
    assert other_than("0\n1\n", tmp_path, LOADER) == "1\n0\n"
